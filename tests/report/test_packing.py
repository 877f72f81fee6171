import zlib
from base64 import b64decode

import numpy as np
import pytest

from spectus.report import packing
from spectus.report.packing import packed_areas, packed_json, unpacked_json


def test_json_comes_back() -> None:
    value = {"names": ["α", "</script>"], "numbers": [1, 2.5, None]}
    text = packed_json(value)
    assert unpacked_json(text) == value and "<" not in text


@pytest.mark.parametrize("decades", [0, 3, 10])
def test_areas_come_back_within_a_thousandth(decades: int) -> None:
    rng = np.random.default_rng(decades)
    area = 10.0 ** rng.uniform(0, decades, (40, 7))
    area[0, 0], area[1, 1], area[2, 2] = np.nan, 0.0, -1.0
    filled = rng.random(area.shape) < 0.3
    packed = packed_areas(area, filled)
    codes = np.frombuffer(zlib.decompress(b64decode(packed["codes"])), "<u2").reshape(area.shape)
    number = codes >> 1
    back = np.exp(packed["low"] + (number.astype(float) - 1) * packed["step"])
    assert number[0, 0] == 0 and number[1, 1] == number[2, 2] == 32_767
    plain = (number > 0) & (number < 32_767)
    assert plain.sum() == area.size - 3
    assert back[plain] == pytest.approx(area[plain], rel=1e-3)
    assert np.array_equal((codes & 1).astype(bool), filled & ~np.isnan(area))


def test_no_area_at_all() -> None:
    assert packed_areas(np.full((2, 2), np.nan), np.zeros((2, 2), bool))["step"] > 0
    assert packed_areas(np.zeros((0, 3)), np.zeros((0, 3), bool))["low"] == 0.0


def test_a_large_matrix_is_packed_more_coarsely(monkeypatch: pytest.MonkeyPatch) -> None:
    area = 10.0 ** np.random.default_rng(1).uniform(2, 9, (100, 60))
    fine = packed_areas(area, np.zeros(area.shape, bool))
    monkeypatch.setattr(packing, "_LARGE", 1000)
    coarse = packed_areas(area, np.zeros(area.shape, bool))
    codes = np.frombuffer(zlib.decompress(b64decode(coarse["codes"])), "<u2").reshape(area.shape) >> 1
    back = np.exp(coarse["low"] + (codes.astype(float) - 1) * coarse["step"])
    assert back == pytest.approx(area, rel=0.005)
    assert len(coarse["codes"]) < 0.9 * len(fine["codes"])
