"""Unmixing: the solver against an independent one, and that leaving components out does not depend on the way."""

import numpy as np
import pytest
from scipy.optimize import nnls

from spectus.deconvolution.deconvolve import components, stretches
from spectus.deconvolution.ion_traces import fold_to_nominal_mass
from spectus.deconvolution.model_peaks import Model
from spectus.deconvolution.noise import estimate_noise
from spectus.deconvolution.peak_width import strongest_widths, width_profile
from spectus.deconvolution.settings import DeconvolutionSettings
from spectus.deconvolution.unmixing import equations, hat_functions, normal_matrices, solve_nonnegative, solve_windows
from spectus.deconvolution.windows import Unmixer
from tests.deconvolution.made_runs import FWHM_S, Eluting, made_run, spectrum


def peaks(n_peaks: int, distance: float, n_scans: int = 60) -> np.ndarray:
    """Gaussian profiles of width 10 scans, `distance` widths apart."""
    apexes = n_scans / 2 + 10 * distance * (np.arange(n_peaks) - (n_peaks - 1) / 2)
    return np.exp(-4 * np.log(2) * ((np.arange(n_scans) - apexes[:, None]) / 10) ** 2)


@pytest.mark.parametrize(("n_peaks", "distance"), [(1, 1.0), (3, 0.5), (12, 0.35)])
def test_the_solution_is_that_of_lawson_and_hanson(n_peaks: int, distance: float) -> None:
    random = np.random.default_rng(1)
    columns = peaks(n_peaks, distance)
    heights = random.uniform(0, 1e4, (80, n_peaks)) * (random.random((80, n_peaks)) < 0.5)
    traces = heights @ columns + 30 * random.standard_normal((80, 60))
    gram = normal_matrices(np.ones((80, 60)), columns)
    scale = np.sqrt(gram[0].diagonal())
    solved, _ = solve_nonnegative(gram / np.outer(scale, scale), traces @ columns.T / scale)
    for trace, found in zip(traces, solved / scale, strict=True):
        expected, residual = nnls(columns.T, trace)
        assert (found >= 0).all()
        assert np.linalg.norm(columns.T @ found - trace) == pytest.approx(residual, rel=1e-3)
        assert np.allclose(columns.T @ found, columns.T @ expected, atol=0.01 * trace.max())


def test_standard_errors_are_those_of_the_noise() -> None:
    random = np.random.default_rng(2)
    columns, noise = peaks(2, 0.4), 30.0
    traces = np.array([5e3, 2e3]) @ columns + noise * random.standard_normal((2000, 60))
    (solution,) = solve_windows([equations(traces, np.full(traces.shape, noise**-2), columns, hat_functions(60, 60))])
    scatter = solution.spectra.std(axis=1)
    assert np.allclose(scatter, solution.sd.mean(axis=1), rtol=0.1)


def test_points_of_no_weight_do_not_count() -> None:
    columns = peaks(1, 1.0)
    traces = 1e4 * columns
    weights = np.ones_like(traces)
    weights[traces > 6e3], traces[traces > 6e3] = 0, 6e3
    (solution,) = solve_windows([equations(traces, weights, columns, hat_functions(60, 60))])
    assert solution.spectra[0, 0] == pytest.approx(1e4, rel=1e-3)


def test_leaving_components_out_gives_what_solving_without_them_gives() -> None:
    """The known masses are not solved again, and that makes no difference."""
    crowd = [Eluting(spectrum(k), 60.0 + 0.6 * FWHM_S * k, 5e4) for k in range(10)]
    folded = fold_to_nominal_mass(made_run(crowd))
    noise = estimate_noise(folded.traces, folded.threshold)
    fwhm = width_profile(strongest_widths(folded.traces, folded.saturated, noise), folded.n_scans)
    (stretch,) = stretches(folded, noise, fwhm, DeconvolutionSettings())
    models, _ = components(stretch, DeconvolutionSettings())
    twin = models[4]
    ghost = Model(twin.position + 1, twin.start + 1, twin.profile, twin.ions, 1)
    unmixer = Unmixer(stretch, DeconvolutionSettings().model_error)
    haunted = unmixer.solve([*models[:5], ghost, *models[5:]])
    assert haunted.spectra[5].any()
    step, fresh = unmixer.solve(models), Unmixer(stretch, DeconvolutionSettings().model_error).solve(models)
    assert len(models) >= 8
    for a, b in zip(step.spectra, fresh.spectra, strict=True):
        assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.999
