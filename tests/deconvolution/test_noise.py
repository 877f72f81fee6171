"""Noise of a run, and spikes that are no peaks."""

from dataclasses import replace

import numpy as np
import pytest

from spectus.deconvolution.deconvolve import deconvolve
from spectus.deconvolution.ion_traces import fold_to_nominal_mass
from spectus.deconvolution.noise import Noise, estimate_noise, remove_spikes
from tests.deconvolution.made_runs import FWHM_S, Eluting, made_run, spectrum


def test_the_noise_factor_is_that_of_the_run() -> None:
    """`made_run` scatters by the square root of three times the signal."""
    folded = fold_to_nominal_mass(made_run([Eluting(spectrum(1), 90.0, 1e4)]))
    assert estimate_noise(folded.traces, folded.threshold).factor == pytest.approx(np.sqrt(3.0), rel=0.1)


def test_spikes_are_replaced_and_the_narrowest_peaks_are_not() -> None:
    traces = np.full((3, 40), 100.0, dtype=np.float32)
    traces[0, 20] = 1e5
    traces[1] += 1e5 * np.exp(-4 * np.log(2) * ((np.arange(40) - 20) / 1.5) ** 2).astype(np.float32)
    traces[2, 20] = 250.0
    cleaned = remove_spikes(traces, Noise(2.0, 40.0))
    assert cleaned[0].tolist() == [100.0] * 40
    assert np.array_equal(cleaned[1:], traces[1:])
    assert traces[0, 20] == 1e5


def test_spikes_do_not_hide_compounds() -> None:
    """One spike per scan makes no width, no component, and no ion."""
    compounds = [Eluting(spectrum(seed), 20.0 + 12.0 * seed, 3e4) for seed in range(12)]
    run = made_run(compounds)
    random = np.random.default_rng(5)
    hit = run.offsets[:-1] + random.integers(0, np.diff(run.offsets))
    spiked = run.intensity.copy()
    spiked[hit] += 10.0 ** random.uniform(3, 5, len(hit))
    table, clean = deconvolve(replace(run, intensity=spiked), "r"), deconvolve(run, "r")
    assert abs(table.num_rows - clean.num_rows) <= 1
    widths = (np.asarray(t["rt_end_s"]) - np.asarray(t["rt_start_s"]) for t in (table, clean))
    spiked_width, clean_width = (float(np.median(width)) for width in widths)
    assert spiked_width == pytest.approx(clean_width, abs=0.2 * FWHM_S)
