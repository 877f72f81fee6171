"""Runs of selected ions (SIM): a few fixed m/z in every scan, from which no spectrum can be had.

A mass spectrometer that scans gives other m/z in every scan, by noise and by the spread of its centroids. One that
steps between selected ions gives the same few numbers again and again, until the method moves to its next group.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.raw.run import Run
from spectus.raw.scans import Scans, taken

# Scans that are compared with each other; a group of ions seldom lasts for fewer.
_STRETCH = 10
# In any stretch.
_MOST_IONS = 50
# Ions of a stretch to ions of its fullest scan: 1 where all scans hold the same, more where zeros are not stored.
_FIXED = 1.3
# Stretches that must be fixed; the others are those in which a group ends.
_SHARE = 0.6
_FEWEST_STRETCHES = 5
# Ions that lie as densely as this are a narrow scan, not a selection.
_DENSE, _DENSE_IONS = 0.8, 8

_REMEDY = "acquire or export the run in full scan; a SIM run holds no spectra to identify"


def without_declared_sim(scans: Scans, order: NDArray[np.int64], path: Path) -> tuple[NDArray[np.int64], str | None]:
    """The numbers of the scans that the file does not call SIM, and what was left out, for the user.

    Raises
    ------
    InputError: the file calls all its scans SIM, or all but one.
    """
    if scans.sim is None or not scans.sim.any():
        return order, None
    full = order[~scans.sim[order]]
    if len(full) < 2:
        raise InputError(path, f"all its scans are of selected ions (SIM): {len(order):,} of {len(order):,}", _REMEDY)
    return full, f"{len(order) - len(full):,} SIM scans of {len(order):,} are left out; the full scans are used"


def require_full_scans(run: Run, path: Path) -> None:
    """Refuse a run that does not say so, but looks like one of selected ions, or of these and full scans in turn.

    Parameters
    ----------
    run: centroided, without points of zero intensity; a long run's first stretch will do.

    Raises
    ------
    InputError: SIM, with the number of ions; or SIM and full scans in turn.
    """
    if ions := selected_ions(run):
        raise InputError(path, f"is a run of selected ions (SIM): the same {ions} m/z or fewer in every scan", _REMEDY)
    scans = np.arange(run.n_scans)
    counts = np.diff(run.offsets)
    for part in (scans[::2], scans[1::2]):
        if counts[part].max(initial=0) <= _MOST_IONS and (ions := selected_ions(taken(run, part))):
            raise InputError(
                path, f"has full scans and scans of {ions} selected ions (SIM) in turn",
                "export its full scans alone: a SIM scan between two of them would look like a gap in every other ion",
            )  # fmt: skip


def selected_ions(run: Run) -> int:
    """The most m/z that a stretch of scans holds, if they are the same few in each; 0 for a run of full scans."""
    n_stretches = run.n_scans // _STRETCH
    counts = np.diff(run.offsets)[: n_stretches * _STRETCH].reshape(n_stretches, _STRETCH)
    if n_stretches < _FEWEST_STRETCHES or counts.max(initial=0) > _MOST_IONS:
        return 0
    fullest = counts.max(axis=1)
    bounds = run.offsets[: n_stretches * _STRETCH + 1 : _STRETCH]
    # Files keep m/z as float32 or float64; what differs by less than this is one number.
    sets = [np.unique(np.round(run.mz[start:end], 2)) for start, end in pairwise(bounds)]
    ions = np.array([len(mz) for mz in sets])
    # Where a compound elutes, a scan of all masses has many more ions than those of air and bleed, which are in all.
    if ions.max() > _MOST_IONS:
        return 0
    filled = ions > 0
    fixed = (ions <= _FIXED * fullest) & ~np.array([_dense(mz) for mz in sets])
    if filled.sum() < _FEWEST_STRETCHES or fixed[filled].mean() < _SHARE:
        return 0
    return int(ions[filled & fixed].max())


def _dense(mz: NDArray[np.float64]) -> bool:
    return len(mz) >= _DENSE_IONS and len(mz) > _DENSE * (mz[-1] - mz[0] + 1)
