"""Predicted spectra as a library keeps them: the highest peaks, intensities in 255 steps of their square root."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

PEAKS = 50
_LEVELS = 255


def compacted(spectra: NDArray[np.float32], peaks: int = PEAKS) -> NDArray[np.float32]:
    """Dense spectra (n, bins) with what a library would keep of them."""
    return np.square(_levels(spectra, peaks) / np.float32(_LEVELS))


def peak_lists(spectra: NDArray[np.float32], peaks: int = PEAKS) -> tuple[pa.ListArray, pa.ListArray]:
    """The columns mz and intensity of dense spectra (n, bins): ascending m/z, one list a row."""
    levels = _levels(spectra, peaks)
    row, mz = np.nonzero(levels)
    offsets = pa.array(np.concatenate([[0], np.cumsum((levels > 0).sum(axis=1))]), pa.int32())
    intensity = np.square(levels[row, mz] / np.float32(_LEVELS))
    return (
        pa.ListArray.from_arrays(offsets, pa.array(mz.astype(np.float32))),
        pa.ListArray.from_arrays(offsets, pa.array(intensity)),
    )


def _levels(spectra: NDArray[np.float32], peaks: int) -> NDArray[np.float32]:
    """Whole numbers 0 to 255, 0 for what is not kept."""
    levels = np.rint(np.sqrt(spectra) * _LEVELS)
    if levels.shape[1] > peaks:
        lower = np.argpartition(-levels, peaks, axis=1)[:, peaks:]
        np.put_along_axis(levels, lower, 0, axis=1)
    return levels.astype(np.float32)
