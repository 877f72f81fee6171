import numpy as np
import pytest
from statsmodels.nonparametric.smoothers_lowess import lowess

from spectus.quantitation.drift import FEWEST_QC, drift_of, response_drift

N_RUNS = 60
INJECTION = np.arange(1, N_RUNS + 1)
QC = INJECTION % 6 == 1


def test_a_drift_is_taken_out() -> None:
    rng = np.random.default_rng(1)
    curve = np.exp(0.5 * np.sin(INJECTION / N_RUNS * 3))
    area = 1e5 * curve * np.exp(rng.normal(0, 0.03, (50, N_RUNS)))
    found = drift_of(area, INJECTION, QC)
    assert all(reason is None for reason in found.reason)
    corrected = area / found.factor
    assert np.median(corrected.std(axis=1) / corrected.mean(axis=1)) < 0.05
    assert np.median(area.std(axis=1) / area.mean(axis=1)) > 0.12


def test_noise_is_not_followed() -> None:
    rng = np.random.default_rng(2)
    area = 1e5 * np.exp(rng.normal(0, 0.2, (1000, N_RUNS)))
    found = drift_of(area, INJECTION, QC)
    corrected = sum(reason is None for reason in found.reason)
    assert corrected < 200
    assert (area / found.factor).std(axis=1).mean() < 1.03 * area.std(axis=1).mean()


def test_the_curve_is_the_lowess_of_statsmodels() -> None:
    area = 1e5 * np.exp(INJECTION / 40 + 0.05 * np.cos(INJECTION * 2.0))[None]
    found = drift_of(area, INJECTION, QC)
    expected = lowess(
        np.log(area[0, QC]), INJECTION[QC].astype(float), frac=float(found.span[0]), it=0,
        xvals=np.clip(INJECTION, 1, INJECTION[QC].max()).astype(float),
    )  # fmt: skip
    assert np.log(found.factor[0]) == pytest.approx(expected - np.median(expected), abs=1e-9)


def test_runs_outside_the_qc_samples_get_the_factor_of_the_nearest() -> None:
    area = 1e5 * np.exp(INJECTION / 40)[None]
    found = drift_of(area, INJECTION, QC & (INJECTION > 10) & (INJECTION < 50))
    assert found.factor[0, 0] == found.factor[0, 12]
    assert found.factor[0, -1] == found.factor[0, 48]


def test_too_few_qc_samples_and_missing_areas_are_said() -> None:
    area = np.full((3, N_RUNS), 1e5)
    area[1, np.flatnonzero(QC)[:4]] = np.nan
    area[2, np.flatnonzero(QC)[:1]] = 0.0
    found = drift_of(area, INJECTION, QC)
    assert found.reason[1] == "an area in 6 of 10 QC samples"
    assert found.reason[2] == "no drift beyond the scatter of the QC samples"
    assert (found.factor == 1).all()
    few = np.zeros(N_RUNS, dtype=bool)
    few[: FEWEST_QC - 1] = True
    assert drift_of(area, INJECTION, few).reason[0] == "4 pooled QC samples, 5 are needed"


def test_the_drift_of_the_responses_of_a_compound_is_said() -> None:
    response = 2.0 * np.exp(INJECTION / 60.0)
    found = response_drift(response, INJECTION, QC)
    assert (response / found.factor).std() < 0.1 * response.std()
    assert found.note.startswith("a drift of 1") and found.note.endswith("was corrected by 10 pooled QC samples")
    missing = np.where(QC, np.nan, response)
    assert response_drift(missing, INJECTION, QC).note == "not corrected: an area in 0 of 10 QC samples"
    assert (
        response_drift(response, INJECTION, QC & (INJECTION < 5)).note
        == "not corrected: 1 pooled QC samples, 5 are needed"
    )


def test_the_order_of_the_runs_in_the_sheet_does_not_matter() -> None:
    rng = np.random.default_rng(5)
    area = 1e5 * np.exp(INJECTION / 40 + rng.normal(0, 0.05, (3, N_RUNS)))
    shuffled = rng.permutation(N_RUNS)
    found, of_shuffled = drift_of(area, INJECTION, QC), drift_of(area[:, shuffled], INJECTION[shuffled], QC[shuffled])
    assert np.isfinite(found.span).all()
    assert of_shuffled.factor == pytest.approx(found.factor[:, shuffled], rel=1e-12)
