"""Runs of selected ions (SIM): a few fixed m/z in every scan, from which no spectrum can be had.

A mass spectrometer that scans gives other m/z in every scan, by noise and by the spread of its centroids. One that
steps between selected ions gives the same few numbers again and again, until the method moves to its next group.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np

from spectus.errors import InputError
from spectus.raw.run import Run
from spectus.raw.scans import reordered
from spectus.types import Floats

_STRETCH = 10
"""Scans that are compared with each other. Chosen: a group of ions seldom lasts for fewer."""

_MOST_IONS = 50
"""Most ions of a stretch. Chosen: SIM methods have at most about 30 ions in a group."""

_FIXED = 1.3
"""Ions of a stretch over ions of its fullest scan: 1 where all scans hold the same, more where zeros are not stored.
Chosen: a tenth of the ions missing gives 1.1."""

_SHARE = 0.6
"""Share of the stretches that must be fixed. Chosen: the others are those in which a group ends."""

_FEWEST_STRETCHES = 5
_DENSE, _DENSE_IONS = 0.8, 8
"""Ions per Th from which at least so many ions are a narrow scan. Chosen: a selection leaves gaps."""

_MZ_DECIMALS = 2
"""Files keep m/z as float32 or float64: what differs by less than 0.01 Th is one number."""

REMEDY_FOR_SIM = "acquire or export the run in full scan; a SIM run holds no spectra to identify"


def require_full_scans(run: Run, path: Path) -> None:
    """Refuse a run that does not say so, but looks like one of selected ions.

    Parameters
    ----------
    run
        Run of centroids, without points of zero intensity. The first stretch of a long run is enough.
    path
        Path that the user gave, for errors.

    Raises
    ------
    InputError
        The run is of selected ions; the line gives their number.
    """
    if ions := selected_ions(run):
        raise InputError(
            path, f"is a run of selected ions (SIM): the same {ions} m/z or fewer in every scan", REMEDY_FOR_SIM
        )


def sim_phase(run: Run) -> int | None:
    """Return which of every two scans is one of selected ions, 0 or 1, where these come in turn with full scans.

    Parameters
    ----------
    run
        Run as its file has it.

    Returns
    -------
    int or None
        None for a run of one kind.
    """
    present = run.with_peaks(run.intensity > 0)
    counts = np.diff(present.offsets)
    scans = np.arange(run.n_scans)
    for phase in (0, 1):
        part, rest = scans[phase::2], scans[1 - phase :: 2]
        if counts[part].max(initial=0) > _MOST_IONS or not selected_ions(reordered(present, part)):
            continue
        return None if selected_ions(reordered(present, rest)) else phase
    return None


def selected_ions(run: Run) -> int:
    """Return the most m/z of a stretch of scans, if they are the same few in each; 0 for a run of full scans."""
    n_stretches = run.n_scans // _STRETCH
    counts = np.diff(run.offsets)[: n_stretches * _STRETCH].reshape(n_stretches, _STRETCH)
    if n_stretches < _FEWEST_STRETCHES or counts.max(initial=0) > _MOST_IONS:
        return 0
    fullest = counts.max(axis=1)
    bounds = run.offsets[: n_stretches * _STRETCH + 1 : _STRETCH]
    sets = [np.unique(np.round(run.mz[start:end], _MZ_DECIMALS)) for start, end in pairwise(bounds)]
    ions = np.array([len(mz) for mz in sets])
    # Where a compound elutes, a full scan has many more ions than those of air and bleed, which are in all scans.
    if ions.max() > _MOST_IONS:
        return 0
    filled = ions > 0
    fixed = (ions <= _FIXED * fullest) & ~np.array([_dense(mz) for mz in sets])
    if filled.sum() < _FEWEST_STRETCHES or fixed[filled].mean() < _SHARE:
        return 0
    return int(ions[filled & fixed].max())


def _dense(mz: Floats) -> bool:
    return len(mz) >= _DENSE_IONS and len(mz) > _DENSE * (mz[-1] - mz[0] + 1)
