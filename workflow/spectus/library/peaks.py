"""Peak lists: from the text of a record to checked, sorted, scaled arrays, many records at once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

HIGHEST_MZ = 10_000.0
"""Th. No EI spectrum reaches it: a number beyond is no m/z, and would widen every matrix made of the library."""

NO_PEAKS = "no peaks"
_COUNT_DIFFERS = "peak count differs"

_BATCH = 20_000
_SEPARATORS = bytes.maketrans(b";,:(){}[]", b" " * 9)
_NUMERIC = b"0123456789.+-eE \t\n"
_BETWEEN_ENTRIES = re.compile(rb"[;)\]}\n]")
_QUOTED = re.compile(rb'"[^"\n]*"?')
_NUMBER = rb"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|nan|inf(?:inity)?)(?=[\s,:]|$)"
_PAIR = re.compile(rb"[\s,({\[]*(" + _NUMBER + rb")[\s,:]+(" + _NUMBER + rb")", re.IGNORECASE)
_TWO_PAIRS = re.compile(_PAIR.pattern + rb"[\s,:]+" + _NUMBER + rb"[\s,:]+" + _NUMBER, re.IGNORECASE)
_DECIMAL_COMMA = re.compile(rb"[\s({\[]*\d+,\d+\s+\d")


@dataclass(frozen=True)
class Peaks:
    """The peak lists of n records, one after another.

    Attributes
    ----------
    mz: (n_peaks,) float32, Th.
    intensity: (n_peaks,) float32.
    offsets: (n + 1,) int64; the peaks of record i are `offsets[i]:offsets[i + 1]`.
    reasons: n strings, why the record cannot be used, None where it can; "kind" or "kind: detail".
    """

    mz: NDArray[np.float32]
    intensity: NDArray[np.float32]
    offsets: NDArray[np.int64]
    reasons: list[str | None]

    def columns(self) -> tuple[pa.ListArray, pa.ListArray]:
        """`mz` and `intensity` as list columns, null where there is a reason."""
        unusable = pa.array([reason is not None for reason in self.reasons], pa.bool_())
        offsets = pa.array(self.offsets, pa.int32())
        return (
            pa.ListArray.from_arrays(offsets, pa.array(self.mz), mask=unusable),
            pa.ListArray.from_arrays(offsets, pa.array(self.intensity), mask=unusable),
        )


def parse_peaks(blocks: Sequence[bytes], announced: Sequence[int | None]) -> Peaks:
    """The numbers of each block of text, as they stand there (not sorted, not scaled).

    Pairs of m/z and intensity may be one a line or several a line, parted by blanks, commas, colons, semicolons or
    brackets; what follows a pair on its line or up to the next semicolon is a comment.

    Parameters
    ----------
    blocks: the text after the header of each record.
    announced: how many peaks the header says; None: one a line.
    """
    parts = [
        _parse_batch(blocks[start : start + _BATCH], announced[start : start + _BATCH])
        for start in range(0, len(blocks), _BATCH)
    ]
    lengths = np.concatenate([np.zeros(1, np.int64), *(np.diff(part.offsets) for part in parts)])
    return Peaks(
        np.concatenate([np.zeros(0, np.float32), *(part.mz for part in parts)]),
        np.concatenate([np.zeros(0, np.float32), *(part.intensity for part in parts)]),
        np.cumsum(lengths),
        [reason for part in parts for reason in part.reasons],
    )


def _parse_batch(blocks: Sequence[bytes], announced: Sequence[int | None]) -> Peaks:
    """All plain blocks in a few Arrow calls; the others (comments, faults) one by one."""
    texts: list[bytes | None] = []
    for block in blocks:
        text = (_QUOTED.sub(b" ", block) if b'"' in block else block).translate(_SEPARATORS).strip()
        texts.append(None if not text or text.translate(None, _NUMERIC) else text)
    try:
        tokens = pc.ascii_split_whitespace(pa.array(texts, pa.binary()).cast(pa.string()))
        numbers = tokens.flatten().cast(pa.float32()).to_numpy()
    except pa.ArrowInvalid:  # something like "1-2" or "e" among them: look at each
        texts = [None] * len(texts)
        tokens, numbers = pa.nulls(len(texts), pa.list_(pa.string())), np.zeros(0, np.float32)
    counts = pc.fill_null(pc.list_value_length(tokens), 0).to_numpy()
    expected = np.array(
        [
            -1 if text is None else 2 * (text.count(b"\n") + 1 if number is None else number)
            for text, number in zip(texts, announced, strict=True)
        ]
    )
    plain = counts == expected
    lengths = np.where(plain, counts, 0)
    reasons: list[str | None] = [None] * len(blocks)
    others: dict[int, NDArray[np.float32]] = {}
    for index in np.flatnonzero(~plain).tolist():
        others[index], reasons[index] = _parse_one(blocks[index], announced[index])
        lengths[index] = len(others[index])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    merged = np.empty(offsets[-1], np.float32)
    merged[np.repeat(plain, lengths)] = numbers[np.repeat(plain, counts)]
    for index, values in others.items():
        merged[offsets[index] : offsets[index + 1]] = values
    return Peaks(merged[0::2], merged[1::2], offsets // 2, reasons)


def _parse_one(block: bytes, announced: int | None) -> tuple[NDArray[np.float32], str | None]:
    """The first two numbers of every line, semicolon or bracket: (2 n,) float32, or nothing and the reason."""
    none = np.zeros(0, np.float32)
    values: list[bytes] = []
    with_commas: bytes | None = None
    for entry in _BETWEEN_ENTRIES.split(_QUOTED.sub(b" ", block)):
        if not entry.strip(b" \t,({["):
            continue
        pair = _PAIR.match(entry)
        if pair is None:
            return none, f"peaks that are not numbers: '{_shown(entry)}'"
        if announced is None and _TWO_PAIRS.match(entry):
            return none, f"{_COUNT_DIFFERS}: several peaks a line and no number of peaks announced"
        if with_commas is None and _DECIMAL_COMMA.match(entry):
            with_commas = entry
        values += pair.groups()
    found = len(values) // 2
    if announced is not None and found != announced:
        return none, f"{_COUNT_DIFFERS}: {announced} announced, {_number_of_pairs(block) or found} found"
    if with_commas is not None:
        return none, f"decimal commas: '{_shown(with_commas)}'"
    return np.array(values, dtype=np.float64).astype(np.float32), None


def _number_of_pairs(block: bytes) -> int:
    """Half the numbers of a block of nothing but numbers, if they pair up; 0 otherwise."""
    text = block.translate(_SEPARATORS)
    n_numbers = 0 if text.translate(None, _NUMERIC) else len(text.split())
    return 0 if n_numbers % 2 else n_numbers // 2


def _shown(entry: bytes) -> str:
    return entry.strip()[:40].decode("latin-1")


def clean_peaks(peaks: Peaks) -> Peaks:
    """Peak lists fit for use: ascending m/z, each m/z once (intensities summed), base peak 1.0.

    Peaks of intensity 0 are left out: they are no peaks. A record with a peak that cannot be right, or with nothing
    left, gets a reason; a reason it has already stays. Records with a reason come out without peaks.
    """
    n = len(peaks.reasons)
    record = np.repeat(np.arange(n, dtype=np.int32), np.diff(peaks.offsets))
    reasons = _reasons(peaks, record, n)
    usable = np.array([reason is None for reason in reasons], dtype=bool)
    keep = usable[record] & (peaks.intensity > 0)
    mz, intensity, record = peaks.mz[keep], peaks.intensity[keep], record[keep]
    mz, intensity, record = _merged(*_sorted(mz, intensity, record))
    offsets = np.searchsorted(record, np.arange(n + 1))
    if len(mz):
        filled = np.flatnonzero(np.diff(offsets))
        base = np.zeros(n, intensity.dtype)
        base[filled] = np.maximum.reduceat(intensity, offsets[filled])
        intensity = intensity / base[record]
    return Peaks(mz, intensity.astype(np.float32), offsets.astype(np.int64), reasons)


def _reasons(peaks: Peaks, record: NDArray[np.int32], n: int) -> list[str | None]:
    mz, intensity = peaks.mz, peaks.intensity
    positive = np.zeros(n, dtype=bool)
    positive[record[intensity > 0]] = True
    faults = [  # the first that holds is told
        ("an m/z that is not a number above 0", ~(np.isfinite(mz) & (mz > 0))),
        (f"an m/z above {HIGHEST_MZ:,.0f}", mz > HIGHEST_MZ),
        ("an intensity that is not a finite number", ~np.isfinite(intensity)),
        ("a negative intensity", intensity < 0),
    ]
    reasons: list[str | None] = [
        NO_PEAKS if length == 0 else None if some else "all intensities are zero"
        for length, some in zip(np.diff(peaks.offsets), positive, strict=True)
    ]
    for reason, fault in reversed(faults):
        for index in np.unique(record[fault]):
            reasons[index] = reason
    return [given or found for given, found in zip(peaks.reasons, reasons, strict=True)]


def _sorted(
    mz: NDArray[np.float32], intensity: NDArray[np.float32], record: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
    """The peaks by record and m/z. Only the records that need it are sorted: most libraries are in order."""
    falls = (np.diff(mz) < 0) & (np.diff(record) == 0)
    if not falls.any():
        return mz, intensity, record
    at = np.flatnonzero(np.isin(record, record[1:][falls]))
    order = at[np.lexsort((mz[at], record[at]))]
    mz[at], intensity[at] = mz[order], intensity[order]
    return mz, intensity, record


def _merged(
    mz: NDArray[np.float32], intensity: NDArray[np.float32], record: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.floating], NDArray[np.int32]]:
    """Peaks of one record at the very same m/z made one."""
    if not len(mz):
        return mz, intensity, record
    first = np.ones(len(mz), dtype=bool)
    first[1:] = (np.diff(mz) != 0) | (np.diff(record) != 0)
    if first.all():
        return mz, intensity, record
    return mz[first], np.add.reduceat(intensity, np.flatnonzero(first), dtype=np.float64), record[first]
