"""Accurate-mass runs made scan by scan, with what is in them known exactly."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from spectus.raw.run import Run

SCAN_S, FWHM_S, N_SCANS = 0.3, 3.0, 400
BACKGROUND = {43.9893: 300.0, 73.0468: 400.0, 147.0656: 250.0, 207.0324: 600.0, 281.0511: 300.0, 355.0699: 200.0}


class Eluting(NamedTuple):
    """A compound: intensities by exact m/z, base peak 1; apex in s; height of the base peak in counts."""

    spectrum: Mapping[float, float]
    rt_s: float
    height: float


def made_accurate_run(
    compounds: Sequence[Eluting],
    *,
    seed: int = 0,
    n_scans: int = N_SCANS,
    jitter_ppm: float = 3.0,
    drift_ppm: float = 0.0,
    missing: float = 0.0,
    n_noise: float = 0.0,
    decimals: int | None = None,
) -> Run:
    """Gaussian peaks on constant background ions, with shot noise, a threshold and scattered m/z.

    Parameters
    ----------
    drift_ppm: change of the calibration from the first scan to the last, about its true value. missing: share of the
    centroids that are lost. n_noise: centroids of noise in a scan, at any m/z. decimals: of m/z in the file.
    """
    random = np.random.default_rng(seed)
    rt_s = SCAN_S * np.arange(n_scans)
    ions = np.array(sorted({*BACKGROUND, *(mz for compound in compounds for mz in compound.spectrum)}))
    signal = np.tile([BACKGROUND.get(mz, 0.0) for mz in ions.tolist()], (n_scans, 1))
    for compound in compounds:
        profile = np.exp(-4 * np.log(2) * ((rt_s - compound.rt_s) / FWHM_S) ** 2)
        signal += compound.height * np.outer(profile, [compound.spectrum.get(mz, 0.0) for mz in ions.tolist()])
    signal += np.sqrt(3 * signal) * random.standard_normal(signal.shape)
    scan, ion = np.nonzero((signal > 40) & (random.random(signal.shape) >= missing))
    mz = ions[ion] * (1 + 1e-6 * jitter_ppm * random.standard_normal(len(ion)))
    intensity = signal[scan, ion]
    noise = np.repeat(np.arange(n_scans), random.poisson(n_noise, n_scans))
    scan = np.concatenate([scan, noise])
    mz = np.concatenate([mz, random.uniform(40, 400, len(noise))])
    intensity = np.concatenate([intensity, 40 + random.exponential(10, len(noise))])
    mz = mz * (1 + 1e-6 * drift_ppm * (scan / n_scans - 0.5))
    mz = mz if decimals is None else np.round(mz, decimals)
    order = np.lexsort((mz, scan))
    offsets = np.searchsorted(scan[order], np.arange(n_scans + 1))
    return Run(rt_s, offsets.astype(np.int64), mz[order], intensity[order], "made")
