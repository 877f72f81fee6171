from pathlib import Path

import numpy as np
import pytest

from spectus.quantitation.campaign import AreaMatrix, CampaignRun, CampaignRuns
from spectus.quantitation.drift import drift_of
from spectus.quantitation.ions import IonChoice
from spectus.quantitation.measure import Measured
from spectus.quantitation.qc import feature_rows, outside_limits, qc_samples, run_rows, standard_ratios
from spectus.quantitation.settings import QuantifySettings
from spectus.samples import Sample

SETTINGS = QuantifySettings()


def campaign(types: list[str], batches: str | None = None, amounts: list[float | None] | None = None) -> CampaignRuns:
    runs = [
        CampaignRun(
            Sample(f"r{n}", Path("r"), kind, amounts[n] if amounts else None, batches[n] if batches else None),
            None, "2022-02-23T14:30:00", n + 1,
        )
        for n, kind in enumerate(types)
    ]  # fmt: skip
    return CampaignRuns(runs, "acquired_at", Path("samples.tsv"))


def standard(area: list[float], rt_s: list[float] | None = None) -> Measured:
    values = np.array(area)
    n, there = len(area), values > 0
    return Measured(
        IonChoice(140.0, ()), values, values / 5, np.ones(n), np.array(rt_s or [390.0] * n), there,
        np.zeros(n, dtype=bool), np.empty((0, n)), np.empty((0, n)),
    )  # fmt: skip


def matrix(area: np.ndarray, rt_s: np.ndarray | None = None) -> AreaMatrix:
    times = np.tile(np.linspace(100, 900, len(area))[:, None], area.shape[1]) if rt_s is None else rt_s
    return AreaMatrix([f"F{n}" for n in range(len(area))], area, times, area > 0)


def test_the_standard_is_compared_within_its_batch() -> None:
    found = standard([100, 110, 250, 1000, 1100, 0])
    runs = campaign(["sample"] * 6, "AAABBB")
    ratios = standard_ratios(found, runs)
    assert ratios == pytest.approx([0.909, 1, 2.273, 0.952, 1.048, np.nan], abs=0.001, nan_ok=True)
    assert outside_limits(ratios, SETTINGS).tolist() == [False, False, True, False, False, False]


def test_runs_outside_their_limits_are_flagged() -> None:
    area = np.full((12, 5), 1e5)
    area[:, 4] = 3e4
    times = np.tile(np.linspace(100, 900, 12)[:, None], 5)
    times[:, 3] += 8.0
    types = ["sample", "sample", "sample", "sample", "pooled_qc"]
    found = standard([100, 0, 300, 100, 100], [390, 390, 390, 398, 390])
    rows = list(run_rows(campaign(types), matrix(area, times), found, SETTINGS))
    assert [row["flag"] for row in rows] == [
        None, "standard missing", "standard area", "standard time; retention shift", "signal of the QC sample",
    ]  # fmt: skip
    assert rows[3]["shift_s"] == pytest.approx(8.0)
    assert rows[4]["median_ratio"] == pytest.approx(0.3)
    assert (rows[0]["injection_source"], rows[0]["acquired_at"]) == ("acquired_at", "2022-02-23T14:30:00")


def test_without_a_standard_nothing_is_said_of_it() -> None:
    (row, _) = run_rows(campaign(["sample", "sample"]), matrix(np.full((2, 2), 1e5)), None, SETTINGS)
    assert (row["standard_area"], row["standard_ratio"], row["shift_s"], row["flag"]) == (None, None, None, None)


def test_pooled_qc_samples_show_the_drift_else_qc_samples_of_one_amount() -> None:
    assert qc_samples(campaign(["pooled_qc", "qc", "sample"])).tolist() == [True, False, False]
    assert qc_samples(campaign(["qc", "qc", "sample"], None, [5.0, 5.0, None])).tolist() == [True, True, False]
    assert not qc_samples(campaign(["qc", "qc", "sample"], None, [5.0, 9.0, None])).any()


def test_the_coefficient_of_variation_is_that_of_the_qc_samples() -> None:
    rng = np.random.default_rng(6)
    runs = campaign(["pooled_qc", "sample", "sample"] * 10)
    area = 1e5 * np.exp(rng.normal(0, [[0.05], [0.6]], (2, 30)))
    areas = matrix(np.vstack([area, np.where(np.arange(30) < 3, area[0], 0.0)]))
    rows = list(feature_rows(areas, runs, drift_of(areas.area, runs.injections, qc_samples(runs)), SETTINGS))
    in_qc = area[0, ::3]
    assert rows[0]["cv"] == pytest.approx(in_qc.std(ddof=1) / in_qc.mean())
    assert [row["flag"] for row in rows] == [None, "coefficient of variation", None]
    assert (rows[2]["n_qc"], rows[2]["cv"]) == (1, None)
    assert rows[0]["d_ratio"] == pytest.approx(1.0, abs=0.5)


def test_the_corrected_coefficient_is_smaller_where_the_signal_drifts() -> None:
    rng = np.random.default_rng(7)
    runs = campaign(["pooled_qc", "sample", "sample"] * 10)
    fall = np.exp(-np.arange(30) / 15)
    areas = matrix(1e5 * fall * np.exp(rng.normal(0, 0.04, (5, 30))))
    drift = drift_of(areas.area, runs.injections, qc_samples(runs))
    rows = list(feature_rows(areas, runs, drift, SETTINGS))
    for row in rows:
        assert row["cv"] > 0.4 and row["flag"] is None
        assert 0.01 < row["cv_corrected"] < 0.12
        assert row["drift"] == pytest.approx(np.exp(27 / 15), rel=0.25)
