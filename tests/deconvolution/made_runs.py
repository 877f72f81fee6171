"""Runs made scan by scan, with what is in them known exactly."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectus.raw.run import Run

MASSES = np.arange(40, 241)
N_SCANS, SCAN_S, FWHM_S = 600, 0.3, 3.0


class Eluting(NamedTuple):
    """A compound: spectrum by nominal mass, apex in s, height of its base peak in counts."""

    spectrum: Mapping[int, float]
    rt_s: float
    height: float


def spectrum(seed: int, n_ions: int = 25) -> dict[int, float]:
    """Random ions, base peak 1."""
    random = np.random.default_rng(seed)
    masses = random.choice(MASSES, n_ions, replace=False)
    heights = random.uniform(0.05, 1.0, n_ions)
    return dict(zip(masses.tolist(), (heights / heights.max()).tolist(), strict=True))


def made_run(
    compounds: Sequence[Eluting],
    *,
    seed: int = 0,
    hump: float = 0.0,
    ceiling: float = np.inf,
    skew_scans: float = 0.0,
    n_scans: int = N_SCANS,
    times: NDArray[np.float64] | None = None,
    widths: Sequence[float] | None = None,
) -> Run:
    """Gaussian peaks on a background of 200 counts, with shot noise and a threshold.

    Parameters
    ----------
    hump: height in counts of a broad rise of every mass in the middle of the run. ceiling: of the detector, counts.
    skew_scans: time between the first and the last mass of a scan, in scans. times: (n_scans,) s; default even.
    widths: of the compounds' peaks at half height, s; default `FWHM_S`.
    """
    random = np.random.default_rng(seed)
    rt_s = SCAN_S * np.arange(n_scans) if times is None else times
    moment = rt_s[:, None] + skew_scans * SCAN_S * (MASSES - MASSES[0]) / np.ptp(MASSES)
    signal = np.full((len(rt_s), len(MASSES)), 200.0)
    signal += hump * np.exp(-0.5 * ((rt_s - rt_s.mean()) / 25.0) ** 2)[:, None]
    for compound, width in zip(compounds, widths or [FWHM_S] * len(compounds), strict=True):
        heights = np.zeros(len(MASSES))
        heights[[mass - MASSES[0] for mass in compound.spectrum]] = list(compound.spectrum.values())
        signal += compound.height * heights * np.exp(-4 * np.log(2) * ((moment - compound.rt_s) / width) ** 2)
    signal += np.sqrt(3 * signal) * random.standard_normal(signal.shape)
    signal = np.minimum(np.maximum(signal, 0), ceiling)
    scan, mass = np.nonzero(signal > 40)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(scan, minlength=len(rt_s)))])
    return Run(rt_s, offsets, MASSES[mass].astype(float), signal[scan, mass], "made")
