"""Measured spectra as arrays; `read_measured` is tested with the trainings that use it."""

import numpy as np

from spectus.learning.measured_spectra import MeasuredSpectra, below, dense


def spectra() -> MeasuredSpectra:
    peaks = [([30.9, 31.1, 45.0], [0.5, 0.5, 0.5]), ([], []), ([77.75, 100.0], [1.0, 0.25])]
    return MeasuredSpectra.of_peaks(["CCO", "C", "CCO"], ["A", "B", "A"], [70.0, 20.0, 70.0], peaks)


def test_nominal_masses_hold_the_mass_defect_and_rounded_ones_do_not() -> None:
    found = spectra().dense(80)
    assert found[0, [31, 45]].tolist() == [1.0, 0.5]  # two peaks of one mass are summed
    assert not found[1].any()
    assert found[2].nonzero()[0].tolist() == [78]  # 77.75 + 0.3; m/z 100 lies beyond the bins
    assert spectra().rounded(np.array([2]), 101)[0, [78, 100]].tolist() == [1.0, 0.25]
    np.testing.assert_array_equal(dense([[30.9, 31.1, 45.0]], [[0.5, 0.5, 0.5]], 80), found[:1])


def test_rows_may_be_taken_in_any_order() -> None:
    part = spectra().at(np.array([2, 0]))
    assert part.smiles.tolist() == ["CCO", "CCO"]
    assert part.n_peaks.tolist() == [2, 3]
    np.testing.assert_array_equal(part.dense(80), spectra().dense(80)[[2, 0]])
    assert spectra().at(np.array([False, True, False])).energy.tolist() == [20.0]


def test_replicates_weigh_less() -> None:
    np.testing.assert_allclose(spectra().weights(), [2**-0.5, 1, 2**-0.5], rtol=1e-6)


def test_a_model_accepts_spectra_within_its_bins() -> None:
    assert below(100)("CCO", [31.0, 99.4])
    assert not below(100)("CCO", [31.0, 99.6])
