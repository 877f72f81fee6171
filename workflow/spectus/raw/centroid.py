"""Profile spectra to centroids, by OpenMS's PeakPickerHiRes."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spectus.raw.fine_centroid import is_fine, refined
from spectus.raw.run import Run

# Points of a profile stand closer than this, evenly; centroids of a quadrupole keep about 1 Th, at the least 0.2,
# and those of an accurate-mass instrument are not evenly spaced.
_PROFILE_GAP_TH = 0.3
_EVEN = 1.5
_PROFILE_SHARE = 0.5


def centroided(run: Run, declared_profile: bool | None) -> Run:
    """The run as centroids: itself, or picked where it is profile data.

    Parameters
    ----------
    run: as checked, peaks ascending in m/z.
    declared_profile: what the file says; None where it says nothing, and the spacing of the points decides.
    """
    profile = looks_like_profile(run) if declared_profile is None else declared_profile
    return _picked(run) if profile else run


def looks_like_profile(run: Run) -> bool:
    """Whether most points stand evenly spaced between near neighbours, as only points of a profile do."""
    gaps = np.diff(run.mz)
    scan = run.scan
    inner = scan[2:] == scan[:-2]
    left, right = gaps[:-1][inner], gaps[1:][inner]
    if not len(left):
        return False
    near = (left < _PROFILE_GAP_TH) & (right < _PROFILE_GAP_TH)
    even = np.maximum(left, right) < _EVEN * np.minimum(left, right)
    return bool(np.mean(near & even) > _PROFILE_SHARE)


def _picked(run: Run) -> Run:
    import pyopenms as oms

    from spectus.raw.mzml import peaks_of, silence, to_experiment

    sharpened = replace(run, intensity=_without_flat_tops(run.intensity))
    experiment = to_experiment(sharpened, oms.SpectrumSettings.SpectrumType.PROFILE)
    with silence():
        picked = oms.PeakPickerHiRes().pickExperiment(experiment, True)
    centroids = replace(run, **peaks_of(picked))
    return refined(centroids, run) if is_fine(run) else centroids


def _without_flat_tops(intensity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intensities with a single highest point in every stretch of equal ones, near its middle.

    The picker takes only points higher than both neighbours: it would lose each peak whose two top points are equal and
    each peak cut off at the detector's ceiling. The change is below 1e-6 of the value for stretches up to 16 points.
    """
    starts = np.flatnonzero(np.diff(intensity, prepend=np.nan) != 0)
    lengths = np.diff(np.append(starts, len(intensity)))
    place = np.arange(len(intensity)) - np.repeat(starts, lengths)
    to_end = np.repeat(lengths, lengths) - 1 - place
    # Twice the distance to the nearer end; the odd one out makes the left of two middle points the highest.
    height = 2 * np.minimum(place, to_end) + (place < to_end)
    return intensity * (1.0 + height * 2.0**-22)
