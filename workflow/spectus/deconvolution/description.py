"""What a table says of a component: times, area, height, signal to noise, purity, saturation, spectrum, profile."""

import numpy as np
from numpy.typing import NDArray

from spectus.deconvolution.model_peaks import Model
from spectus.deconvolution.stretch import Stretch

Array = NDArray[np.float64]

_EDGE = 0.01
"""Share of the apex at which a component begins and ends."""

_TOP = 0.5
"""Purity is read where the profile is above this share of its apex."""


def describe(
    model: Model, spectrum: Array, error: Array, stretch: Stretch, mass: NDArray[np.int64]
) -> dict[str, object]:
    """Columns of COMPONENTS for one component, without run, number and retention index.

    Parameters
    ----------
    spectrum, error: (n_masses,), counts at the apex and their standard errors.
    mass: (n_masses,), nominal masses; rows of one mass are added up.
    """
    ions = np.flatnonzero(spectrum)
    ion_mass, counts, ion_error = _unit_mass(mass[ions], spectrum[ions], error[ions])
    largest = max(float(counts.max(initial=0)), 1e-30)
    scans = np.arange(model.start, model.stop)
    times = stretch.rt_s[scans]
    start, apex, end = _times(model, stretch)
    inside = model.profile >= _EDGE
    return {
        "rt_s": apex,
        "rt_start_s": start,
        "rt_end_s": end,
        "area": float(spectrum.sum()) * _integral(model, stretch),
        "height": float(spectrum.sum()),
        "snr": signal_to_noise(model, spectrum, stretch),
        "purity": _purity(model, spectrum, stretch),
        "n_peaks": len(ion_mass),
        "saturated": _saturated(model, spectrum, stretch),
        "mz": ion_mass.astype(np.float32),
        "intensity": (counts / largest).astype(np.float32),
        "relative_intensity_error": relative_intensity_error(ion_error / counts).astype(np.float32),
        "profile_rt_s": times[inside].astype(np.float32),
        "profile": model.profile[inside].astype(np.float32),
    }


def _unit_mass(mass: NDArray[np.int64], counts: Array, error: Array) -> tuple[NDArray[np.int64], Array, Array]:
    """Distinct masses, ascending, their counts and the errors of these."""
    if (np.diff(mass) > 0).all():
        return mass, counts, error
    mass, row = np.unique(mass, return_inverse=True)
    counts, variance = (np.asarray(np.bincount(row, part), dtype=np.float64) for part in (counts, error**2))
    return mass, counts, np.sqrt(variance)


def relative_intensity_error(relative_error: Array) -> Array:
    """Standard error of the intensities that a spectrum keeps, as a share of each, at most 1.

    Below 0.2 it is that of the fit. Of the weaker ones the fit keeps those that noise has raised, up to half of which
    are not there; their error is widened by a factor measured on simulated runs, so that two thirds lie within it.
    """
    return np.minimum(relative_error * (1 + 3 * relative_error**2), 1.0)


def _times(model: Model, stretch: Stretch) -> tuple[float, float, float]:
    """Start, apex and end, s: where the profile passes 1 % of its apex, at most one scan outside its points."""
    profile = np.concatenate([[0.0], model.profile, [0.0]])
    above = np.flatnonzero(profile >= _EDGE)
    first, last = int(above[0]), int(above[-1])
    start = first - 1 + (_EDGE - profile[first - 1]) / (profile[first] - profile[first - 1])
    end = last + (profile[last] - _EDGE) / (profile[last] - profile[last + 1])
    begin, stop = max(0, model.start - 1), min(stretch.n_scans, model.stop + 1)
    scans = np.array([start - 1 + model.start, model.position, end - 1 + model.start])
    left, apex, right = np.interp(scans, np.arange(begin, stop), stretch.rt_s[begin:stop])
    margin = 1e-3 * (right - left)
    return float(left), float(np.clip(apex, left + margin, right - margin)), float(right)


def _integral(model: Model, stretch: Stretch) -> float:
    """Area under the profile, s, each point counted for half the way to its neighbours (trapezoids)."""
    begin, stop = max(0, model.start - 1), min(stretch.n_scans, model.stop + 1)
    steps = np.gradient(stretch.rt_s[begin:stop])[model.start - begin : model.stop - begin]
    return float(model.profile @ steps)


def signal_to_noise(model: Model, spectrum: Array, stretch: Stretch) -> float:
    """Sum of the model's ions at the apex over the noise of that sum."""
    apex = min(max(round(model.position), 0), stretch.n_scans - 1)
    return float(spectrum[model.ions].sum() / np.linalg.norm(stretch.sd[model.ions, apex]))


def _purity(model: Model, spectrum: Array, stretch: Stretch) -> float:
    """Ion current of the component over that of everything, background included, under the upper half of the peak."""
    upper = model.profile >= _TOP
    scans = np.arange(model.start, model.stop)[upper]
    everything = float(stretch.level[:, scans].sum())
    return float(np.clip(spectrum.sum() * model.profile[upper].sum() / max(everything, 1e-30), 0, 1))


def _saturated(model: Model, spectrum: Array, stretch: Stretch) -> bool:
    """Whether one of its ions is at the ceiling where the component makes up most of it."""
    clipped = stretch.clipped[:, model.start : model.stop]
    rows = np.flatnonzero(clipped.any(axis=1) & (spectrum > 0))
    share = np.outer(spectrum[rows], model.profile) / np.maximum(stretch.level[rows, model.start : model.stop], 1e-9)
    return bool(np.any(clipped[rows] & (share > 0.5)))
