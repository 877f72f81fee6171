"""Agilent ChemStation `data.ms`: the mass spectra of a 59xx MSD, as kept in a `.D` folder.

The format is not published. This layout was found in files of 2004 to 2022. Numbers are big-endian, words have two
bytes, and addresses count words from 1:

Header: 0xB2 date, 0xD0 instrument (length byte, then text; a UTF-16 copy at 0x1C0 in newer files);
        0x104 u32 address of the directory, 0x116 u32 number of scans.
Directory, 12 bytes a scan: u32 address of its record, u32 time in ms, u32 total ion current.
Record: u16 length in words, u32 time in ms, three words, u16 number of peaks (the third of them), base peak (2 words);
        then for each peak m/z x 20 and the intensity; then five words more.

An intensity word is a number of 14 bits and an exponent of base 8 in the upper two. Its largest value, 8,388,096,
is the ceiling of a saturated ion. The total ion current of the directory is summed before that and before the cut to
14 bits, so it is a little above the sum of the peaks.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.raw.content import damaged, require_each
from spectus.raw.run import Run
from spectus.raw.scans import FileFacts, Scans, scans_of
from spectus.raw.timestamps import iso_from_chemstation
from spectus.types import Floats, Ints

_HEADER_BYTES = 0x12E
_DATE, _INSTRUMENT, _DIRECTORY, _N_SCANS, _WIDE_INSTRUMENT = 0xB2, 0xD0, 0x104, 0x116, 0x1C0
"""Places in the header, bytes. Measured on the files named above."""

_N_PEAKS, _FIRST_PEAK, _EMPTY_RECORD = 6, 9, 14
"""Words of a record: where the number of peaks and where the first peak is; length of a record without peaks."""

_MZ_STEPS = 20.0
"""Stored m/z per Th."""

_LEAST_RATIO, _GREATEST_RATIO = 0.5, 1.5
"""Sum of the peaks over the stored ion current. Measured on 19 runs: 0.997-1.0 where no ion is saturated."""


def read_chemstation(content: bytes, path: Path) -> Scans:
    """Read the scans of a data.ms, whose peaks are centroids.

    Parameters
    ----------
    content
        The bytes of the file.
    path
        Path that the user gave, for errors.

    Raises
    ------
    InputError
        The file is cut short, or its directory and its records contradict each other.
    """
    directory = _directory(content, path)
    words = np.frombuffer(content, ">u2", len(content) // 2)
    starts = directory[:, 0].astype(np.int64) - 1
    counts = _peak_counts(words, starts, directory[:, 1], path)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    # Peaks stand in descending order of m/z: the last of each scan is taken first.
    backwards = np.repeat(offsets[1:], counts) - 1 - np.arange(offsets[-1])
    places = np.repeat(starts + _FIRST_PEAK, counts) + 2 * backwards
    run = Run(
        rt_s=directory[:, 1] / 1000.0,
        offsets=offsets,
        mz=words[places] / _MZ_STEPS,
        intensity=_counts_of(words[places + 1]),
        format="Agilent ChemStation",
        instrument=_chemstation_instrument(content),
        acquired_at=iso_from_chemstation(_chemstation_text(content, _DATE)),
    )
    _require_stored_current(run, directory[:, 2], path)
    return scans_of(run, FileFacts(profile=False))


def _directory(content: bytes, path: Path) -> NDArray[np.uint32]:
    """Return address, time in ms and total ion current of each scan, (n_scans, 3)."""
    if len(content) < _HEADER_BYTES:
        raise damaged(path, f"{len(content)} bytes, less than the header of a data.ms")
    n_scans = _u32(content, _N_SCANS)
    start = 2 * (_u32(content, _DIRECTORY) - 1)
    if n_scans and (start < _HEADER_BYTES or start + 12 * n_scans > len(content)):
        raise damaged(
            path, f"the directory of {n_scans:,} scans ends at byte {start + 12 * n_scans:,} of {len(content):,}"
        )
    return np.frombuffer(content, ">u4", 3 * n_scans, start if n_scans else 0).reshape(n_scans, 3)


def _peak_counts(words: NDArray[np.uint16], starts: Ints, times_ms: NDArray[np.uint32], path: Path) -> Ints:
    """Return the number of peaks of each record, (n_scans,), once every record is what the directory says."""
    whole = (starts >= _HEADER_BYTES // 2) & (starts + _FIRST_PEAK <= len(words))
    require_each(whole, "lies outside the file", path)
    lengths, counts = words[starts].astype(np.int64), words[starts + _N_PEAKS].astype(np.int64)
    require_each(lengths == _EMPTY_RECORD + 2 * counts, "has another length than its peaks need", path)
    require_each(starts + lengths <= len(words), "ends outside the file", path)
    record_ms = (words[starts + 1].astype(np.int64) << 16) + words[starts + 2]
    require_each(record_ms == times_ms, "has another time than the directory says", path)
    return counts


def _counts_of(words: NDArray[np.uint16]) -> Floats:
    return np.asarray((words & 0x3FFF) * np.array([1.0, 8.0, 64.0, 512.0])[words >> 14])


def _require_stored_current(run: Run, stored: NDArray[np.uint32], path: Path) -> None:
    """Refuse a variant of the format whose numbers mean something else, rather than read it wrongly."""
    known = stored > 0
    if not known.any():
        return
    ratio = float(np.median(run.tic[known] / stored[known]))
    if not _LEAST_RATIO < ratio < _GREATEST_RATIO:
        raise InputError(
            path, f"the peaks sum to {ratio:.3g} times the ion current the file states: a variant not known here",
            "export the run from ChemStation as ANDI/netCDF (AIA)",
        )  # fmt: skip


def _chemstation_instrument(content: bytes) -> str | None:
    short = _chemstation_text(content, _INSTRUMENT)
    wide = (
        content[_WIDE_INSTRUMENT : _WIDE_INSTRUMENT + 64].decode("utf-16-le", errors="replace").split("\0")[0].strip()
    )
    return (wide if short and wide.startswith(short) else short) or None


def _chemstation_text(content: bytes, at: int) -> str:
    """Return the text behind a length byte, without the control characters that fill it up."""
    text = content[at + 1 : at + 1 + content[at]].decode("cp1252", errors="replace")
    return "".join(character for character in text if character.isprintable()).strip()


def _u32(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 4], "big")
