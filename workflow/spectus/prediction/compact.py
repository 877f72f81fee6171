"""Predicted spectra as a library keeps them: the highest peaks, intensities in 255 steps of their square root."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectus.prediction.settings import PredictSettings

PEAKS = PredictSettings.peaks
"""Peaks of a spectrum that are kept."""

_LEVELS = 255
"""Steps of the square root of an intensity: it then takes a byte in a dictionary page of Parquet."""


def compacted(spectra: NDArray[np.float32], peaks: int = PEAKS) -> NDArray[np.float32]:
    """Return dense spectra (n, bins) with what a library would keep of them."""
    kept: NDArray[np.float32] = np.square(_levels(spectra, peaks) / np.float32(_LEVELS))
    return kept


def peak_lists(spectra: NDArray[np.float32], peaks: int = PEAKS) -> tuple[pa.ListArray, pa.ListArray]:
    """Return dense spectra as list columns.

    Parameters
    ----------
    spectra
        (n, bins) intensities by nominal mass, base peak 1.
    peaks
        Most peaks of a spectrum.

    Returns
    -------
    mz, intensity : pa.ListArray
        One list for each spectrum, m/z ascending.
    """
    levels = _levels(spectra, peaks)
    row, mz = np.nonzero(levels)
    offsets = pa.array(np.concatenate([[0], np.cumsum((levels > 0).sum(axis=1))]), pa.int32())
    intensity = np.square(levels[row, mz] / np.float32(_LEVELS))
    return (
        pa.ListArray.from_arrays(offsets, pa.array(mz.astype(np.float32))),
        pa.ListArray.from_arrays(offsets, pa.array(intensity)),
    )


def _levels(spectra: NDArray[np.float32], peaks: int) -> NDArray[np.float32]:
    """Return whole numbers 0 to 255, 0 for what is not kept."""
    levels: NDArray[np.float32] = np.rint(np.sqrt(spectra) * _LEVELS)
    if levels.shape[1] > peaks:
        lower = np.argpartition(-levels, peaks, axis=1)[:, peaks:]
        np.put_along_axis(levels, lower, 0, axis=1)
    return levels.astype(np.float32)
