import numpy as np
import pytest

from spectus.report import packing
from spectus.report.packing import packed_areas, packed_bytes, packed_json, unpacked_bytes, unpacked_json

from .pages import unpacked_areas


def test_json_comes_back() -> None:
    value = {"names": ["α", "</script>"], "numbers": [1, 2.5, None]}
    text = packed_json(value)
    assert unpacked_json(text) == value and "<" not in text


def test_bytes_of_every_length_come_back_as_safe_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_BLOCK_BYTES", 26)
    rng = np.random.default_rng(1)
    for length in range(80):
        content = rng.bytes(length)
        text = packed_bytes(content)
        assert unpacked_bytes(text) == content
        assert text.isascii() and text.isprintable() and not set(text) & set("<& \\")


@pytest.mark.parametrize("decades", [0, 3, 10])
def test_areas_come_back_within_a_thousandth(decades: int) -> None:
    rng = np.random.default_rng(decades)
    area = 10.0 ** rng.uniform(0, decades, (40, 7))
    area[0, 0], area[1, 1], area[2, 2] = np.nan, 0.0, -1.0
    filled = rng.random(area.shape) < 0.3
    packed = packed_areas(area, filled)
    back, gaps = unpacked_areas(packed, unpacked_bytes(packed["codes"]), area.shape)
    assert np.isnan(back[0, 0]) and back[1, 1] == back[2, 2] == 0
    plain = back > 0
    assert plain.sum() == area.size - 3
    assert back[plain] == pytest.approx(area[plain], rel=1e-3)
    assert np.array_equal(gaps, filled & ~np.isnan(area))


def test_no_area_at_all() -> None:
    assert packed_areas(np.full((2, 2), np.nan), np.zeros((2, 2), bool))["step"] > 0
    assert packed_areas(np.zeros((0, 3)), np.zeros((0, 3), bool))["low"] == 0.0


def test_a_large_matrix_is_packed_more_coarsely(monkeypatch: pytest.MonkeyPatch) -> None:
    area = 10.0 ** np.random.default_rng(1).uniform(2, 9, (100, 60))
    fine = packed_areas(area, np.zeros(area.shape, bool))
    monkeypatch.setattr(packing, "_LARGE", 1000)
    coarse = packed_areas(area, np.zeros(area.shape, bool))
    back, _ = unpacked_areas(coarse, unpacked_bytes(coarse["codes"]), area.shape)
    assert back == pytest.approx(area, rel=0.005)
    assert len(coarse["codes"]) < 0.95 * len(fine["codes"])


def test_areas_near_the_middle_of_their_feature_pack_well() -> None:
    rng = np.random.default_rng(1)
    area = rng.lognormal(10, 2, (300, 1)) * rng.lognormal(0, 0.5, (300, 200))
    shuffled = rng.permutation(area.ravel()).reshape(area.shape)
    near, far = (packed_areas(values, np.zeros(area.shape, bool))["codes"] for values in (area, shuffled))
    assert len(near) < 0.95 * len(far)
