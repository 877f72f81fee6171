"""The row of the components table that describes a component: times, area, height, quality, spectrum, profile."""

import numpy as np

from spectus.deconvolution.model_peaks import Model
from spectus.deconvolution.stretch import Stretch
from spectus.types import Floats, Ints

_EDGE = 0.01
"""Fraction of the apex at which a component begins and ends. The columns `rt_start_s` and `rt_end_s` are defined by it.
"""

_TOP = 0.5
"""Fraction of the apex above which the profile counts for the purity: the upper half of the peak, by definition."""


def describe(
    model: Model, spectrum: Floats, error: Floats, stretch: Stretch, mass: Ints, missed: float
) -> dict[str, object]:
    """Describe one component.

    Parameters
    ----------
    model
        Model peak of the component.
    spectrum, error
        (n_rows,) intensity at the apex and its standard error, counts.
    stretch
        The stretch of the run that holds the component.
    mass
        (n_rows,) nominal masses; rows of the same mass are added up.
    missed
        Area that the model does not fit, counts x s (see `slices.missed_area`).

    Returns
    -------
    dict
        Columns of COMPONENTS without run, component number and retention index.
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
        "area": float(spectrum.sum()) * _integral(model, stretch) + missed,
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


def _unit_mass(mass: Ints, counts: Floats, error: Floats) -> tuple[Ints, Floats, Floats]:
    """Return the distinct masses, ascending, with their counts and the standard errors of these."""
    if (np.diff(mass) > 0).all():
        return mass, counts, error
    mass, row = np.unique(mass, return_inverse=True)
    counts, variance = (np.asarray(np.bincount(row, part), dtype=np.float64) for part in (counts, error**2))
    return mass, counts, np.sqrt(variance)


def relative_intensity_error(relative_error: Floats) -> Floats:
    """Widen the fit's relative errors to the standard errors of the reported intensities.

    Below 0.2 the error of the fit is right. Of weaker intensities the spectrum keeps those that noise has raised, and
    up to half of the kept ones are noise alone. Their error is therefore multiplied by 1 + 3 e^2. The factor 3 was
    measured with `benchmarks/deconvolution.py`: with it, two thirds of the errors lie within the reported error.

    Parameters
    ----------
    relative_error
        (n_ions,) standard error of the fit as a fraction of the intensity.

    Returns
    -------
    Floats
        (n_ions,) standard error as a fraction of the intensity, at most 1.
    """
    return np.minimum(relative_error * (1 + 3 * relative_error**2), 1.0)


def _times(model: Model, stretch: Stretch) -> tuple[float, float, float]:
    """Return start, apex and end, s: where the profile passes 1 % of its apex, at most one scan outside its points."""
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
    """Return the area under the profile, s. Each point counts for half the way to its neighbors (trapezoidal rule)."""
    return float(model.profile @ stretch.duration_s[model.start : model.stop])


def signal_to_noise(model: Model, spectrum: Floats, stretch: Stretch) -> float:
    """Return the ratio of a component to the noise: the sum of the model's ions at the apex over the noise of that sum.

    Parameters
    ----------
    model
        Model peak of the component.
    spectrum
        (n_rows,) intensity at the apex, counts.
    stretch
        The stretch of the run that holds the component.

    Returns
    -------
    float
        Ratio without unit.
    """
    apex = min(max(round(model.position), 0), stretch.n_scans - 1)
    noise = stretch.sd[model.ions, apex]
    return float(spectrum[model.ions].sum() / np.sqrt(noise @ noise))


def _purity(model: Model, spectrum: Floats, stretch: Stretch) -> float:
    """Return the component's fraction of all ion current, background included, under the upper half of the peak."""
    upper = model.profile >= _TOP
    everything = float(stretch.current[model.start : model.stop][upper].sum())
    return min(float(spectrum.sum() * model.profile[upper].sum()) / max(everything, 1e-30), 1.0)


def _saturated(model: Model, spectrum: Floats, stretch: Stretch) -> bool:
    """Return whether an ion reached the detector's ceiling where the component makes up most of that ion's current."""
    if not stretch.clipped_scans[model.start : model.stop].any():
        return False
    clipped = stretch.clipped[:, model.start : model.stop]
    rows = np.flatnonzero(clipped.any(axis=1) & (spectrum > 0))
    share = np.outer(spectrum[rows], model.profile) / np.maximum(stretch.level[rows, model.start : model.stop], 1e-9)
    return bool(np.any(clipped[rows] & (share > 0.5)))
