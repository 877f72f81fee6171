"""A raw run in memory: what every reader returns and every later stage takes."""

from dataclasses import dataclass, replace

import numpy as np

from spectus.types import Flags, Floats, Ints


@dataclass(frozen=True)
class Run:
    """The MS1 scans of one acquisition, with the peaks of all scans one after another.

    Attributes
    ----------
    rt_s
        (n_scans,) scan times, s, ascending.
    offsets
        (n_scans + 1,) The peaks of scan i are `offsets[i]:offsets[i + 1]`.
    mz
        (n_peaks,) m/z, Th, ascending within a scan.
    intensity
        (n_peaks,) intensities, counts, not negative.
    format
        The format that the content was found to have, such as "ANDI/netCDF".
    instrument
        Instrument, as the file says.
    acquired_at
        Start of the acquisition in ISO 8601, as the file says.
    ionization
        Ionization as the file says: "EI", "CI", "ESI" and so on (see `ionization`).
    polarity
        Polarity as the file says: "positive" or "negative".
    """

    rt_s: Floats
    offsets: Ints
    mz: Floats
    intensity: Floats
    format: str
    instrument: str | None = None
    acquired_at: str | None = None
    ionization: str | None = None
    polarity: str | None = None

    @property
    def n_scans(self) -> int:
        """Number of scans."""
        return len(self.rt_s)

    @property
    def scan(self) -> Ints:
        """Number of the scan that each peak belongs to, (n_peaks,), from 0."""
        return np.repeat(np.arange(self.n_scans), np.diff(self.offsets))

    @property
    def tic(self) -> Floats:
        """Total ion current of each scan, (n_scans,), counts."""
        return np.bincount(self.scan, weights=self.intensity, minlength=self.n_scans).astype(np.float64)

    @property
    def base_peaks(self) -> Floats:
        """Highest intensity of each scan, (n_scans,), counts; 0 for a scan without peaks."""
        highest = np.zeros(self.n_scans)
        filled = np.flatnonzero(np.diff(self.offsets))
        if len(filled):
            highest[filled] = np.maximum.reduceat(self.intensity, self.offsets[filled])
        return highest

    def with_peaks(self, keep: Flags) -> "Run":
        """Return the run with only the peaks where `keep` (n_peaks,) is true."""
        kept = np.concatenate([[0], np.cumsum(keep)])[self.offsets]
        return replace(self, offsets=kept.astype(np.int64), mz=self.mz[keep], intensity=self.intensity[keep])
