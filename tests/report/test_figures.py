from pathlib import Path

import numpy as np
import pytest

from spectus import tables
from spectus.report import figures
from spectus.report.figures import (
    PeakAreaMatrix,
    apexes,
    decimals,
    decimate,
    rounded_spectrum,
    significant,
)

from .conftest import Made
from .synthetic import MEASURED, RUNS


@pytest.mark.parametrize("n", [1, 1499, 1500, 1501, 9865, 100_003])
def test_thinning_keeps_every_tall_peak_and_the_order(n: int) -> None:
    rng = np.random.default_rng(n)
    x = np.cumsum(rng.uniform(0.1, 0.3, n))
    y = rng.normal(0, 1, n)
    peaks = rng.choice(n, size=min(n, 20), replace=False)
    y[peaks] = 100 + np.arange(len(peaks))
    thin_x, thin_y = decimate(x, y, 1500)
    assert len(thin_x) == len(thin_y) <= 1500
    assert np.all(np.diff(thin_x) > 0)
    assert y.max() in thin_y and y.min() in thin_y
    assert np.isin(thin_x, x).all()
    if n <= 1500:
        assert np.array_equal(thin_y, y)


def test_apexes_know_their_feature(made: Made) -> None:
    rows = made.rows
    components = tables.table(tables.COMPONENTS, rows.components)
    amounts = PeakAreaMatrix.of(
        tables.table(tables.PEAK_AREAS, rows.peak_areas), [row["feature"] for row in rows.features], RUNS
    )
    assert amounts.runs == MEASURED
    found = apexes(components, amounts, RUNS, {}, RUNS)
    assert list(found) == RUNS
    assert found["ladder"]["f"] == [None] * 9 and found["broken"] == {"t": [], "f": []}
    assert found["river_up"]["f"] == [0, *[1] * (len(rows.features) - 1)]
    in_blank = [(0 if i == 0 else 2) if i % 2 == 0 else None for i in range(len(rows.features))]
    assert found["blank"]["f"] == in_blank
    own = [row["rt_s"] for row in rows.components if row["run"] == "river_down"]
    assert np.cumsum(found["river_down"]["t"]) / 100 == pytest.approx(own, abs=0.006)


def test_a_run_without_a_chromatogram_keeps_components_for_its_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "DRIFT_POINTS", 4)
    names = [f"F{number}" for number in range(10)]
    found = [{"run": "a", "component": number, "rt_s": 100.0 + number, "height": 1.0} for number in range(12)]
    areas = [{"feature": name, "run": "a", "component": number + 2, "area": 1.0} for number, name in enumerate(names)]
    matrix = PeakAreaMatrix.of(tables.table(tables.PEAK_AREAS, areas), names, ["a"])
    components = tables.table(tables.COMPONENTS, found)
    thinned = apexes(components, matrix, ["a"], {}, [])["a"]
    assert np.cumsum(thinned["f"]).tolist() == [0, 3, 6, 9]
    assert (np.cumsum(thinned["t"]) / 100).tolist() == [102.0, 105.0, 108.0, 111.0]
    assert len(apexes(components, matrix, ["a"], {}, ["a"])["a"]["t"]) == 12


def test_model_peaks_are_those_of_their_components(tmp_path: Path) -> None:
    rt_s = np.linspace(100.0, 112.0, 49)
    shape = np.exp(-(((rt_s - 105) / 2) ** 2))
    rows = [
        {"run": run, "component": number, "rt_s": 105.0, "height": 1234.5, "profile_rt_s": rt_s, "profile": shape}
        for run, number in (("a", 1), ("a", 2), ("b", 1))
    ]
    rows[1] |= {"profile_rt_s": None, "profile": None}
    components = tables.table(tables.COMPONENTS, rows)
    tables.write(components, tmp_path / "components.parquet", tables.COMPONENTS)
    models = figures.model_peaks([tmp_path / "components.parquet"], ["a"])
    assert list(models) == ["a"] and list(models["a"]) == [1]
    start, step, *hundredths = models["a"][1]
    at = (start + step * np.arange(len(hundredths))) / 100
    assert len(hundredths) == figures.MODEL_POINTS
    assert at[0] == 100.0 and at[-1] == pytest.approx(112, abs=0.3)
    assert np.array(hundredths) / 100 == pytest.approx(np.exp(-(((at - 105) / 2) ** 2)), abs=0.02)
    nothing = PeakAreaMatrix.of(tables.table(tables.PEAK_AREAS, []), [], ["a", "b"])
    found = apexes(components, nothing, ["a", "b"], models, ["a", "b"])
    assert found["a"]["m"] == [models["a"][1], None] and found["a"]["h"] == [1230, 1230]
    assert "m" not in found["b"]


def test_accurate_masses_are_those_of_their_components(tmp_path: Path) -> None:
    ions = {"accurate_mz": [57.03349, 57.06988, 249.76229, 300.1], "accurate_intensity": [0.5, 1.0, 0.1, 1e-4]}
    rows = [{"run": "a", "component": number, "rt_s": 1.0} for number in (1, 2, 3)]
    rows[0] |= ions
    rows[2] |= ions
    tables.write(tables.table(tables.COMPONENTS, rows), tmp_path / "components.parquet", tables.COMPONENTS)
    found = figures.accurate_masses([tmp_path / "components.parquet"], [("a", 1), ("a", 2)])
    assert found == {("a", 1): [[57, 57, 250], [57.0335, 57.0699, 249.7623]]}
    assert figures.accurate_masses([tmp_path / "components.parquet"], []) == {}


def test_amounts_hold_what_was_filled_and_what_is_missing() -> None:
    rows = [
        {"feature": "a", "run": "two", "component": 7, "area": 5.0, "gap_filled": False},
        {"feature": "b", "run": "one", "component": None, "area": 0.5, "gap_filled": True},
        {"feature": "b", "run": "two", "component": None, "area": None, "gap_filled": True},
    ]
    amounts = PeakAreaMatrix.of(tables.table(tables.PEAK_AREAS, rows), ["a", "b"], ["one", "none", "two"])
    assert amounts.runs == ["one", "two"]
    np.testing.assert_equal(amounts.area, [[np.nan, 5.0], [0.5, np.nan]])
    assert amounts.filled.tolist() == [[False, False], [True, True]]
    assert amounts.component.tolist() == [[0, 7], [0, 0]]


@pytest.mark.parametrize(
    ("mz", "intensity", "expected"),
    [
        ([41.0, 43.0], [0.5, 1.0], [[41, 43], [500, 1000]]),
        ([41.0203, 43.5], [1.0, 0.25], [[41.02, 43.5], [1000, 250]]),
        ([41.0, 42.0], [1.0, 0.0001], [[41], [1000]]),
        ([], [], [[], []]),
        (None, None, [[], []]),
        ([50.0], [0.0], [[], []]),
    ],
)
def test_spectra_are_short(mz: list[float] | None, intensity: list[float] | None, expected: list[list[float]]) -> None:
    assert rounded_spectrum(mz, intensity) == expected


def test_numbers_lose_only_what_they_may() -> None:
    assert significant(1234567.0, 3) == 1230000 and isinstance(significant(1234567.0, 3), int)
    assert significant(0.00123456, 3) == 0.00123
    assert significant(None, 3) is None and significant(float("nan"), 3) is None
    assert decimals(2.0004, 2) == 2 and decimals(-2.126, 2) == -2.13 and decimals(float("inf"), 2) is None
