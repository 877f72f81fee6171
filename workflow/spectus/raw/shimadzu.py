"""Shimadzu GCMSsolution `.qgd`: full scans of a GCMS-QP.

The format is not published. This layout is that which chromConverter (R, Ethan Bass) describes. A .qgd is a compound
document ([MS-CFB]). Numbers are little-endian. The storage `GCMS Raw Data` has the streams

`Retention Time`: i32 time of each scan, ms.
`TIC Data`: i64 total ion current of each scan.
`Spectrum Index`: u32 place of each scan in the next stream.
`MS Raw Data`: for each scan a header of 32 bytes (u32 number, u32 time in ms, 12 bytes, u16 width of an intensity, u16
               number of peaks, 8 bytes), then for each peak u16 m/z x 20 and the intensity. The top bit of an intensity
               of four bytes is a flag.

`File Property` has the time of the acquisition at byte 508, in 100 ns since 1601.

No run was at hand. So everything that the file says twice is compared: times, sizes, ion currents. The grid of the m/z
is tested, too, because other readers take the stored m/z for tenths.
"""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.raw.content import damaged, first_line, require_each
from spectus.raw.run import Run
from spectus.raw.scans import FileFacts, Scans, scans_of
from spectus.types import Floats, Ints

FORMAT = "Shimadzu .qgd"

UNPROVEN = "no .qgd of a known run was at hand to test the reader: compare one run with an ANDI export of GCMSsolution"

EXPORT = "export the run from GCMSsolution as ANDI/netCDF"

_STORAGE = "GCMS Raw Data"
_TIMES, _CURRENT, _INDEX, _SCANS = "Retention Time", "TIC Data", "Spectrum Index", "MS Raw Data"
_PROPERTY, _ACQUIRED = "File Property", 508

_HEADER_BYTES, _MZ_BYTES = 32, 2
_TIME_AT, _WIDTH_AT, _NUMBER_AT = 4, 20, 22
"""Places in the header of a scan, bytes."""

_MZ_STEPS = 20.0
"""Stored m/z per Th."""

_WIDTHS = range(1, 5)
"""Bytes of an intensity that chromConverter compared with exports of the vendor's program."""

_FLAG = 1 << 31

_LEAST_RATIO, _GREATEST_RATIO = 0.5, 1.5
"""Sum of the peaks over the stored ion current. Chosen: as for ChemStation, where it is .997 to 1."""

_BETWEEN, _MOST_BETWEEN = (0.38, 0.62), 0.35
"""Fractions of m/z around a half, and share of the ion current there from which on the m/z has another scale. Chosen:
m/z taken for half of itself puts all odd masses there, more than half of the current, and evenly spread m/z a quarter;
ions of a quadrupole are nearly all near nominal masses."""

_YEARS = range(1990, 2100)
"""Years of a time of acquisition that can be. Chosen: those of data systems under Windows."""


class _Blocks(NamedTuple):
    """The scans in the stream of the mass spectra, all (n_scans,)."""

    starts: Ints
    counts: Ints
    widths: Ints


def read_shimadzu(content: bytes, path: Path) -> Scans:
    """Read the scans of a .qgd.

    Parameters
    ----------
    content
        The bytes of the file.
    path
        Path that the user gave, for errors.

    Raises
    ------
    InputError
        The file is damaged, says the same thing in two ways, or is a variant whose numbers mean something else.
    """
    streams = _streams(content, path)
    times_ms = _numbers(streams[_TIMES], "<i4")
    data = np.frombuffer(streams[_SCANS], np.uint8)
    blocks = _blocks(data, _numbers(streams[_INDEX], "<u4"), times_ms, path)
    offsets = np.concatenate([[0], np.cumsum(blocks.counts)])
    mz, intensity = _peaks(data, blocks, offsets)
    run = _in_mass_order(
        Run(
            rt_s=times_ms / 1000.0, offsets=offsets, mz=mz, intensity=intensity, format=FORMAT,
            acquired_at=_acquired_at(streams[_PROPERTY]),
        )
    )  # fmt: skip
    _require_stored_current(run, _numbers(streams[_CURRENT], "<i8"), path)
    _require_scale(run, path)
    return scans_of(run, FileFacts(reader_note=UNPROVEN))


def _streams(content: bytes, path: Path) -> dict[str, bytes]:
    """Return the streams by their names; those that only repeat or add something may be missing."""
    import olefile  # the start of every other command does not wait for it

    found = dict[str, bytes]()
    try:
        with olefile.OleFileIO(BytesIO(content)) as document:
            for name in (_TIMES, _CURRENT, _INDEX, _SCANS, _PROPERTY):
                place = name if name == _PROPERTY else f"{_STORAGE}/{name}"
                found[name] = document.openstream(place).read() if document.exists(place) else b""
    except Exception as error:  # damaged documents make olefile raise errors of many kinds
        raise damaged(path, f"compound document: {first_line(error)}") from error
    lacking = [name for name in (_TIMES, _INDEX, _SCANS) if not found[name]]
    if lacking:
        raise InputError(path, f"is a {FORMAT} without the stream {lacking[0]!r} of full scans", EXPORT)
    return found


def _numbers(stream: bytes, kind: str) -> Ints:
    size = np.dtype(kind).itemsize
    return np.frombuffer(stream, kind, len(stream) // size).astype(np.int64)


def _blocks(data: NDArray[np.uint8], starts: Ints, times_ms: Ints, path: Path) -> _Blocks:
    """Return place, number of peaks and width of an intensity of each scan, once all of them fit the streams."""
    if len(starts) != len(times_ms):
        raise damaged(path, f"{len(times_ms):,} times for {len(starts):,} scans")
    lengths = np.diff(np.append(starts, len(data)))
    require_each(lengths >= _HEADER_BYTES, "is shorter than its header or lies outside the file", path)
    headers = data[starts[:, None] + np.arange(_HEADER_BYTES)]
    counts = _little_endian(headers[:, _NUMBER_AT : _NUMBER_AT + 2])
    stated = _little_endian(headers[:, _WIDTH_AT : _WIDTH_AT + 2])
    require_each(_little_endian(headers[:, _TIME_AT : _TIME_AT + 4]) == times_ms, "has two different times", path)
    # Some scans state a width that their length contradicts; the length is what can be read.
    per_peak = (lengths - _HEADER_BYTES) // np.maximum(counts, 1)
    widths = np.where(counts > 0, per_peak - _MZ_BYTES, stated)
    whole = np.where(counts > 0, counts * per_peak, 0) == lengths - _HEADER_BYTES
    require_each(whole, "has another length than its peaks need", path)
    known = (counts == 0) | ((widths >= _WIDTHS.start) & (widths < _WIDTHS.stop))
    if not known.all():
        raise InputError(path, f"has intensities of {widths[known.argmin()]} bytes: a variant not known here", EXPORT)
    return _Blocks(starts, counts, widths)


def _little_endian(parts: NDArray[np.uint8]) -> Ints:
    """Return the numbers whose bytes stand in rows, (n,)."""
    return parts.astype(np.int64) @ (1 << 8 * np.arange(parts.shape[1]))


def _peaks(data: NDArray[np.uint8], blocks: _Blocks, offsets: Ints) -> tuple[Floats, Floats]:
    """Return m/z and intensities of all peaks, (n_peaks,)."""
    mz, intensity = np.zeros(offsets[-1]), np.zeros(offsets[-1])
    for width in np.unique(blocks.widths[blocks.counts > 0]).tolist():
        scans = np.flatnonzero((blocks.widths == width) & (blocks.counts > 0))
        counts = blocks.counts[scans]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        size = _MZ_BYTES + width
        places = np.repeat(blocks.starts[scans] + _HEADER_BYTES, counts) + size * within
        records = data[places[:, None] + np.arange(size)]
        peaks = np.repeat(offsets[scans], counts) + within
        mz[peaks] = _little_endian(records[:, :_MZ_BYTES]) / _MZ_STEPS
        intensity[peaks] = _little_endian(records[:, _MZ_BYTES:]) & ~_FLAG
    return mz, intensity


def _in_mass_order(run: Run) -> Run:
    if (np.diff(run.mz) >= 0)[np.diff(run.scan) == 0].all():
        return run
    order = np.lexsort((run.mz, run.scan))
    return Run(**{**vars(run), "mz": run.mz[order], "intensity": run.intensity[order]})


def _require_stored_current(run: Run, stored: Ints, path: Path) -> None:
    """Refuse a file whose peaks do not add up to the ion current that it states."""
    known = stored > 0
    if len(stored) != run.n_scans or not known.any():
        return
    ratio = float(np.median(run.tic[known] / stored[known]))
    if not _LEAST_RATIO < ratio < _GREATEST_RATIO:
        raise InputError(
            path, f"the peaks sum to {ratio:.3g} times the ion current the file states: a variant not known here",
            EXPORT,
        )  # fmt: skip


def _require_scale(run: Run, path: Path) -> None:
    """Refuse a file whose m/z lie between nominal masses."""
    total = run.intensity.sum()
    between = (run.mz % 1.0 > _BETWEEN[0]) & (run.mz % 1.0 < _BETWEEN[1])
    share = run.intensity[between].sum() / total if total else 0.0
    if share > _MOST_BETWEEN:
        raise InputError(
            path, f"has {share:.0%} of its ion current between nominal masses: its m/z have a scale not known here",
            EXPORT,
        )  # fmt: skip


def _acquired_at(stream: bytes) -> str | None:
    """Return the time of the acquisition in ISO 8601, UTC; None where the stream has none that can be."""
    if len(stream) < _ACQUIRED + 8:
        return None
    ticks = int.from_bytes(stream[_ACQUIRED : _ACQUIRED + 8], "little")
    try:
        moment = datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)
    except OverflowError:
        return None
    return moment.isoformat(timespec="seconds") if moment.year in _YEARS else None
