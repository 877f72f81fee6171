"""A raw run in memory: what every reader returns and every stage after it takes."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Run:
    """The MS1 scans of one acquisition, all peaks one after another.

    Attributes
    ----------
    rt_s: (n_scans,) float64, scan times in s, ascending.
    offsets: (n_scans + 1,) int64; the peaks of scan i are `offsets[i]:offsets[i + 1]`.
    mz: (n_peaks,) float64, Th, ascending within a scan.
    intensity: (n_peaks,) float64, counts, not negative.
    format: what the content was found to be, e.g. "ANDI/netCDF".
    instrument, acquired_at: as the file says; acquired_at in ISO 8601.
    """

    rt_s: NDArray[np.float64]
    offsets: NDArray[np.int64]
    mz: NDArray[np.float64]
    intensity: NDArray[np.float64]
    format: str
    instrument: str | None = None
    acquired_at: str | None = None

    @property
    def n_scans(self) -> int:
        return len(self.rt_s)

    @property
    def scan(self) -> NDArray[np.int64]:
        """(n_peaks,) int64: the scan each peak belongs to."""
        return np.repeat(np.arange(self.n_scans), np.diff(self.offsets))

    @property
    def tic(self) -> NDArray[np.float64]:
        """(n_scans,) float64: total ion current, counts."""
        return np.bincount(self.scan, weights=self.intensity, minlength=self.n_scans).astype(np.float64)

    def with_peaks(self, keep: NDArray[np.bool_]) -> "Run":
        """The run with only the peaks where `keep` (n_peaks,) is true."""
        kept = np.concatenate([[0], np.cumsum(keep)])[self.offsets]
        return replace(self, offsets=kept.astype(np.int64), mz=self.mz[keep], intensity=self.intensity[keep])
