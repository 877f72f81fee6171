import numpy as np
import pytest
from scipy.stats import exponnorm

from spectus.quantitation.integration import find_peak, integrate_between

RT = np.arange(570.0, 660.0, 0.3)
SD = 1.5
NO_CEILING = np.inf


def gaussian(center: float, height: float) -> np.ndarray:
    return height * np.exp(-0.5 * ((RT - center) / SD) ** 2)


def area(height: float) -> float:
    return height * SD * np.sqrt(2 * np.pi)


@pytest.mark.parametrize("height", [2e3, 1e5, 5e6])
def test_the_area_does_not_depend_on_a_sloping_baseline(height: float) -> None:
    baseline = 500 + 3 * (RT - RT[0])
    noise = np.random.default_rng(1).normal(0, 20, len(RT))
    peak = find_peak(RT, gaussian(615.2, height) + baseline + noise, (614.0, 6.0), 20.0, NO_CEILING)
    assert peak.detected
    assert peak.rt_s == pytest.approx(615.2, abs=0.31)
    assert peak.area == pytest.approx(area(height), rel=0.06 if height < 1e4 else 0.015)


@pytest.mark.parametrize("tail_s", [2.0, 5.0, 8.0])
def test_the_tail_belongs_to_the_peak(tail_s: float) -> None:
    rt_s = np.arange(490.0, 730.0, 0.3)
    trace = 1e7 * exponnorm.pdf(rt_s, tail_s / SD, loc=610.0, scale=SD)
    peak = find_peak(rt_s, trace, (611.0, 6.0), 50.0, NO_CEILING)
    assert peak.area == pytest.approx(1e7, rel=0.012)


def test_a_valley_separates_neighbors() -> None:
    trace = gaussian(615.0, 1e5) + gaussian(624.0, 8e5)
    peak = find_peak(RT, trace, (615.0, 6.0), 20.0, NO_CEILING)
    assert peak.area == pytest.approx(area(1e5), rel=0.03)
    assert peak.end_s < 621.0


def test_the_nearer_of_two_peaks_is_taken_unless_it_is_much_smaller() -> None:
    trace = gaussian(612.0, 1e5) + gaussian(618.0, 2e5)
    assert find_peak(RT, trace, (612.5, 6.0), 20.0, NO_CEILING).rt_s == pytest.approx(612.0, abs=0.31)
    assert find_peak(RT, trace, (617.5, 6.0), 20.0, NO_CEILING).rt_s == pytest.approx(618.0, abs=0.31)
    ghost = gaussian(612.0, 2e2) + gaussian(618.0, 2e5)
    assert find_peak(RT, ghost, (614.0, 6.0), 20.0, NO_CEILING).rt_s == pytest.approx(618.0, abs=0.31)


def test_noise_and_spikes_are_no_peak() -> None:
    rng = np.random.default_rng(2)
    found = [find_peak(RT, rng.normal(300, 30, len(RT)), (615.0, 6.0), 20.0, NO_CEILING).detected for _ in range(200)]
    assert sum(found) <= 2
    spike = np.zeros(len(RT))
    spike[150:152] = 5e3
    assert not find_peak(RT, spike, (RT[150], 6.0), 100.0, NO_CEILING).detected


def test_a_clipped_peak_is_marked() -> None:
    trace = np.minimum(gaussian(615.0, 1e5), 5e4)
    assert find_peak(RT, trace, (615.0, 6.0), 20.0, 5e4).saturated
    assert not find_peak(RT, trace, (615.0, 6.0), 20.0, 6e4).saturated


def test_no_scans_and_no_signal_give_an_area_of_zero() -> None:
    empty = np.empty(0)
    for rt_s, trace in ((empty, empty), (RT, np.zeros(len(RT))), (RT[:2], np.ones(2))):
        peak = find_peak(rt_s, trace, (615.0, 6.0), 20.0, NO_CEILING)
        assert (peak.area, peak.detected) == (0.0, False)
        assert np.isfinite(peak.snr)


def test_qualifiers_are_integrated_between_the_ends_of_the_quantifier() -> None:
    peak = find_peak(RT, gaussian(615.0, 1e5), (615.0, 6.0), 20.0, NO_CEILING)
    other = 0.3 * gaussian(615.0, 1e5) + gaussian(628.0, 1e6) + 200
    qualifier = integrate_between(RT, other, peak, 20.0, NO_CEILING)
    assert qualifier.area == pytest.approx(0.3 * peak.area, rel=0.03)
