"""Profile spectra to centroids: of unit mass by OpenMS's PeakPickerHiRes, of accurate mass by `fine_centroid`."""

from dataclasses import replace

import numpy as np

from spectus.raw.fine_centroid import fine_centroids, is_fine
from spectus.raw.run import Run
from spectus.types import Floats

_PROFILE_GAP_TH = 0.3
"""Points of a profile are closer than this, Th. Chosen: profiles have steps of 0.2 Th at most; centroids of a
quadrupole are 1 Th apart, and at least 0.5."""

_EVEN = 1.5
"""Ratio of neighboring distances up to which points are evenly spaced. Chosen: the steps of a profile change by less
than a hundredth from one to the next, those between accurate-mass centroids are random."""

_PROFILE_SHARE, _STICK_SHARE = 0.5, 0.25
"""Share of near and evenly spaced points above which data are profiles, and below which they are centroids.
Measured: above 0.7 on made profiles with and without zeros; randomly spaced near points give 0.2."""

_FEWEST_POINTS = 30
"""Points with two neighbors in their scan from which the data decide. Chosen: fewer are a few small scans."""

_TIE_SHARE = 2.0**-22
"""Relative height by which one of several equal points is raised: below the 2^-23 rounding of float32 times its steps,
and a millionth of the intensity at most."""


def centroided(run: Run, profile: bool) -> Run:
    """Return the run as centroids: picked where it is profile data, as it is otherwise.

    Parameters
    ----------
    run
        Run as checked, peaks ascending in m/z.
    profile
        Whether the data are profiles, as `is_profile` says.
    """
    return _picked(run) if profile else run


def is_profile(run: Run, declared: bool | None) -> bool:
    """Return whether the data are profiles. The data decide where they can, and what the file declares otherwise.

    Parameters
    ----------
    run
        Run as checked, peaks ascending in m/z; a block of it is enough.
    declared
        Whether the file calls its spectra profiles; None where it says nothing.
    """
    share = _profile_share(run, 1 if declared is None else _FEWEST_POINTS, weighted=bool(declared))
    if share is None:
        return bool(declared)
    return share > (_STICK_SHARE if declared else _PROFILE_SHARE)


def contradiction_note(profile: bool, declared: bool | None) -> str | None:
    """Return the line about a file that declares the other mode than its data have; None if it does not."""
    if declared is None or profile == declared:
        return None
    modes = ("profile data", "centroids") if declared else ("centroids", "profile data")
    return f"the file calls its spectra {modes[0]}, but the spacing of the points is that of {modes[1]}: read as such"


def _profile_share(run: Run, fewest: int, weighted: bool) -> float | None:
    """Return the share of points that are near and evenly spaced; None if fewer than `fewest` have two neighbors.

    Weighted by intensity, the few points that a threshold leaves of weak peaks do not hide the strong ones.
    """
    gaps = np.diff(run.mz)
    scan = run.scan
    inner = scan[2:] == scan[:-2]
    left, right = gaps[:-1][inner], gaps[1:][inner]
    weights = run.intensity[1:-1][inner] if weighted else np.ones(len(left))
    if len(left) < fewest or not weights.sum() > 0:
        return None
    near = (left < _PROFILE_GAP_TH) & (right < _PROFILE_GAP_TH)
    even = np.maximum(left, right) < _EVEN * np.minimum(left, right)
    return float(np.average(near & even, weights=weights))


def _picked(run: Run) -> Run:
    if is_fine(run):
        return fine_centroids(run)
    import pyopenms as oms

    from spectus.raw.mzml import peaks_of, silence, to_experiment

    sharpened = replace(run, intensity=_without_flat_tops(run.intensity))
    experiment = to_experiment(sharpened, oms.SpectrumSettings.SpectrumType.PROFILE)
    with silence():
        picked = oms.PeakPickerHiRes().pickExperiment(experiment, True)
    return replace(run, **peaks_of(picked))


def _without_flat_tops(intensity: Floats) -> Floats:
    """Return intensities with a single highest point in every stretch of equal ones, near its middle.

    The picker takes only points higher than both neighbors: it would lose each peak whose two top points are equal and
    each peak cut off at the detector's ceiling. The change is below 1e-6 of the value for stretches up to 16 points.
    """
    starts = np.flatnonzero(np.diff(intensity, prepend=np.nan) != 0)
    lengths = np.diff(np.append(starts, len(intensity)))
    place = np.arange(len(intensity)) - np.repeat(starts, lengths)
    to_end = np.repeat(lengths, lengths) - 1 - place
    # Twice the distance to the nearer end; one more for the left of two middle points.
    height = 2 * np.minimum(place, to_end) + (place < to_end)
    return np.asarray(intensity * (1.0 + height * _TIE_SHARE))
