"""Numbers in the text of peak lists, many records at once.

Pairs of m/z and intensity stand one a line or several a line, separated by blanks, commas, colons, semicolons or
brackets. A comma may also be a decimal comma or separate thousands. What follows a pair on its line, or up to the next
semicolon, is a comment.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spectus.library.fields import decode
from spectus.library.numbers import Comma, comma_meaning, parse_number
from spectus.library.peaks import HIGHEST_MZ, Peaks
from spectus.types import Ints, Singles

_COUNT_DIFFERS = "peak count differs"
_UNCLEAR = "commas that are not clearly decimal commas or thousands separators"

_FEWEST_LISTED = 3
"""Fewest peaks of a record whose layout is judged by their order; chosen: two are in order by chance."""

_RECORDS_AT_ONCE = 20_000
"""Records whose numbers are converted in one call; chosen: some 20 MB of text at 100 peaks a record."""

_SEPARATORS = bytes.maketrans(b";,:(){}[]", b" " * 9)
_NUMERIC = b"0123456789.+-eE \t\n"
_BETWEEN_ENTRIES = re.compile(rb"[;)\]}\n]")
_QUOTED = re.compile(rb'"[^"\n]*"?')
_NUMBER = rb"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|nan|inf(?:inity)?)(?=[\s,:]|$)"
_PAIR = re.compile(rb"[\s,({\[]*(" + _NUMBER + rb")[\s,:]+(" + _NUMBER + rb")", re.IGNORECASE)
_TWO_PAIRS = re.compile(_PAIR.pattern + rb"[\s,:]+" + _NUMBER + rb"[\s,:]+" + _NUMBER, re.IGNORECASE)
_GOES_ON = re.compile(rb",\d")
# A comma, apostrophe or no-break blank (Latin-1 and UTF-8) between two digits.
_IN_NUMBER = re.compile(rb"\d(?:[,'\xa0]|\xc2\xa0|\xe2\x80[\x87\x89\x99\xaf])\d")
_NO_BREAK = re.compile("[\u00a0\u2007\u2009\u202f]")
_BETWEEN_NUMBERS = re.compile(r"[ \t:(\[{]+")
_BEGINS_NUMBER = re.compile(r"[-+.,]?\d")
_LEADING_GROUP, _LATER_GROUP = re.compile(r"[1-9]\d{0,2}"), re.compile(r"\d{3}")


_POINT_BEFORE_THREE = re.compile(rb"(?<![\d.])[1-9]\d{0,2}\.\d\d0(?=\s|$)")
_POINT_THOUSANDS = re.compile(rb"[1-9]\d{0,2}(?:\.\d{3})+")
_BASE_PEAKS = {b"0", b"1", b"100", b"999"}


class _Numbers(NamedTuple):
    """Texts of the m/z and intensities of a record, one pair per entry."""

    mz: list[str]
    intensity: list[str]


class _CommaMeanings(NamedTuple):
    """What a comma means in the m/z and in the intensities; None where the numbers do not tell."""

    mz: Comma | None
    intensity: Comma | None


_PERCENT = re.compile(rb"(?<=\d)[ \t]*%")
_COLUMN_PAIR = re.compile(rb"[ \t]*([^;\s]+)[ \t]*;[ \t]*([^;\s]+)[ \t]*;?[ \t]*")


def parse_peaks(blocks: Sequence[bytes], announced: Sequence[int | None]) -> Peaks:
    """Read the numbers of each block of text as they stand there, neither sorted nor scaled.

    Parameters
    ----------
    blocks
        The text after the header of each record of one file.
    announced
        The number of peaks the header says; None: one a line.
    """

    @cache
    def in_file() -> _CommaMeanings:
        """Tell what commas mean in the file as a whole: one program wrote it."""
        split = (_one_pair_per_entry(block, n) for block, n in zip(blocks, announced, strict=True))
        return _comma_meanings([numbers for numbers in split if numbers])

    blocks = [_plainly_separated(block, number) for block, number in zip(blocks, announced, strict=True)]
    parts = [
        _parse_chunk(blocks[start : start + _RECORDS_AT_ONCE], announced[start : start + _RECORDS_AT_ONCE], in_file)
        for start in range(0, len(blocks), _RECORDS_AT_ONCE)
    ]
    lengths = np.concatenate([np.zeros(1, np.int64), *(np.diff(part.offsets) for part in parts)])
    return Peaks(
        np.concatenate([np.zeros(0, np.float32), *(part.mz for part in parts)]),
        np.concatenate([np.zeros(0, np.float32), *(part.intensity for part in parts)]),
        np.cumsum(lengths),
        [reason for part in parts for reason in part.reasons],
    )


def _parse_chunk(
    blocks: Sequence[bytes], announced: Sequence[int | None], in_file: Callable[[], _CommaMeanings]
) -> Peaks:
    """Parse all plain blocks in a few Arrow calls; the others (comments, commas, faults) one by one."""
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
    others: dict[int, Singles] = {}
    for index in np.flatnonzero(~plain).tolist():
        others[index], reasons[index] = _parse_one(blocks[index], announced[index], in_file)
        lengths[index] = len(others[index])
    offsets: Ints = np.concatenate([[0], np.cumsum(lengths)])
    merged = np.empty(offsets[-1], np.float32)
    merged[np.repeat(plain, lengths)] = numbers[np.repeat(plain, counts)]
    for index, values in others.items():
        merged[offsets[index] : offsets[index + 1]] = values
    for index in np.flatnonzero(plain).tolist():
        plain_text = texts[index]
        if plain_text and _POINT_BEFORE_THREE.search(plain_text) and _has_point_thousands(plain_text.split()[1::2]):
            intensity = merged[offsets[index] + 1 : offsets[index + 1] : 2]
            intensity[:] = [float(number.replace(b".", b"")) for number in plain_text.split()[1::2]]
    return Peaks(merged[0::2], merged[1::2], offsets // 2, reasons)


def _plainly_separated(block: bytes, announced: int | None) -> bytes:
    """Rewrite layouts of pairs that would be taken for others; other blocks stay as they are.

    These are intensities with a percent sign, lines of a decimal-comma table (`39,0;96,5`), two lines with all m/z and
    all intensities, and lines that begin with the number of the peak.
    """
    if b"%" in block:
        block = _PERCENT.sub(b"", block)
    if b";" in block and b"," in block:
        lines = [line for line in block.splitlines() if line.strip()]
        pairs = [_COLUMN_PAIR.fullmatch(line) for line in lines]
        if announced in (None, len(lines)) and all(pairs):
            return b"\n".join(pair[1] + b" " + pair[2] for pair in pairs if pair)
    if block.count(b"\n") <= 2 and (lists := _two_lists(block, announced)):
        return b"\n".join(b" ".join(pair) for pair in zip(*lists, strict=True))
    return _without_numbering(block) if _FIRST_NUMBERED.match(block) else block


_FIRST_NUMBERED = re.compile(rb"\s*[01][ \t]+\d[\d.]*[ \t]+\d[^\n]*\n\s*[12][ \t]")


def _two_lists(block: bytes, announced: int | None) -> tuple[list[bytes], list[bytes]] | None:
    """Return m/z and intensities of a block that has each on a line of its own; None for pairs.

    The first line rises throughout, and the numbers read as pairs would not be in order of m/z.
    """
    lines = [line.translate(_SEPARATORS).split() for line in block.strip().split(b"\n")]
    if len(lines) != 2 or len(lines[0]) != len(lines[1]) or not _FEWEST_LISTED <= len(lines[0]) == announced:
        return None
    try:
        first, second = (np.array(line, dtype=np.float64) for line in lines)
    except ValueError:
        return None
    as_pairs = np.concatenate([first, second])[::2]
    return (lines[0], lines[1]) if (np.diff(first) > 0).all() and (np.diff(as_pairs) < 0).any() else None


def _without_numbering(block: bytes) -> bytes:
    """Take off the first number of each line where it counts the lines, from 0 or 1, before at least two numbers."""
    lines = [line.split(None, 1) for line in block.splitlines() if line.strip()]
    start = int(lines[0][0])
    numbers = [b"%d" % number for number in range(start, start + len(lines))]
    if len(lines) < _FEWEST_LISTED or [line[0] for line in lines] != numbers:
        return block
    return b"\n".join(line[1] for line in lines) if all(_PAIR.match(line[-1]) for line in lines) else block


def _has_point_thousands(intensities: Sequence[bytes]) -> bool:
    """Tell whether points separate thousands in the intensities of a record: `960`, `1.080`, `9.999`, `6.520`.

    Then every number up to 999 has no point, and every other one has a point before three digits. A program that prints
    decimals would print none of them, or leave out the zero at the end of `6.520`. A base peak of 1, 100, 999 or 1000
    without a point among decimals is usual, and is no evidence.
    """
    whole = {number for number in intensities if b"." not in number}
    grouped = [number for number in intensities if b"." in number]
    return (
        len(whole - _BASE_PEAKS) >= 2
        and all(number.isdigit() and len(number) <= 3 for number in whole)
        and all(_POINT_THOUSANDS.fullmatch(number) for number in grouped)
    )


def _parse_one(
    block: bytes, announced: int | None, in_file: Callable[[], _CommaMeanings]
) -> tuple[Singles, str | None]:
    """Return the numbers (2 n,) of a block that is not plain, or nothing and the reason."""
    none = np.zeros(0, np.float32)
    if numbers := _one_pair_per_entry(block, announced):
        own = _comma_meanings([numbers])
        for meanings in (in_file(), own):
            values = _values(numbers, meanings)
            if values is not None:
                return values, None
        return none, f"{_UNCLEAR}: '{_first_with_comma(block)}'"
    return _first_pairs(block, announced)


def _first_pairs(block: bytes, announced: int | None) -> tuple[Singles, str | None]:
    """Return the first two numbers of every line, semicolon or bracket, (2 n,), or nothing and the reason."""
    none = np.zeros(0, np.float32)
    values: list[bytes] = []
    goes_on: bytes | None = None
    for entry in _entries(block):
        pair = _PAIR.match(entry)
        if pair is None:
            return none, f"peaks that are not numbers: '{_shown(entry)}'"
        if announced is None and _TWO_PAIRS.match(entry):
            return none, f"{_COUNT_DIFFERS}: several peaks a line and no number of peaks announced"
        if goes_on is None and _GOES_ON.match(entry, pair.end()) and b"." not in entry:
            goes_on = entry
        values += pair.groups()
    found = len(values) // 2
    if announced is not None and found != announced:
        return none, f"{_COUNT_DIFFERS}: {announced} announced, {_number_of_pairs(block) or found} found"
    if goes_on is not None:
        return none, f"{_UNCLEAR}: '{_shown(goes_on)}'"
    return np.array(values, dtype=np.float64).astype(np.float32), None


def _one_pair_per_entry(block: bytes, announced: int | None) -> _Numbers | None:
    """Split a block with one pair per line, semicolon or bracket, where separators stand inside the numbers.

    Returns
    -------
    _Numbers or None
        None where no number has a separator inside, or where commas may stand between m/z and intensity: an entry has
        fewer than two numbers, or there are not as many entries as peaks.
    """
    entries = _entries(block)
    if announced is not None and len(entries) != announced:
        return None
    rows = [
        [text.rstrip(",") for text in _BETWEEN_NUMBERS.split(_unpadded(entry)) if text.rstrip(",")] for entry in entries
    ]
    if not rows or min(map(len, rows)) < 2 or not all(_BEGINS_NUMBER.match(row[1]) for row in rows):
        return None
    if any(_IN_NUMBER.search(entry) for entry in entries):
        return _Numbers([row[0] for row in rows], [row[1] for row in rows])
    blanks = [len(row) == 3 for row in rows]
    if not any(blanks) or all(blanks) or not all(_is_grouped_by_blank(row) for row in rows):
        return None
    return _Numbers([row[0] for row in rows], ["".join(row[1:]) for row in rows])


def _is_grouped_by_blank(row: list[str]) -> bool:
    """Tell whether m/z and intensity can be written with blanks between thousands: `65 1 080` beside `39 960`."""
    if len(row) == 2:
        return not row[1].isdigit() or len(row[1]) <= 3
    return len(row) == 3 and bool(_LEADING_GROUP.fullmatch(row[1]) and _LATER_GROUP.fullmatch(row[2]))


def _unpadded(entry: bytes) -> str:
    """Decode an entry; no-break blanks separate its numbers where it has no other separator."""
    text = decode(entry).strip(" \t,([{")
    return text if _BETWEEN_NUMBERS.search(text) else _NO_BREAK.sub(" ", text)


def _comma_meanings(records: Sequence[_Numbers]) -> _CommaMeanings:
    """Tell what commas mean in the m/z and in the intensities of records from one program.

    Intensities that all have a comma before three digits are the same spectrum either way. An m/z above `HIGHEST_MZ`
    shows that its comma does not separate thousands. A decimal point in one column makes the other's comma separate
    thousands; a decimal comma in one column is one in both.
    """
    mz = [text for record in records for text in record.mz]
    intensity = [text for record in records for text in record.intensity]
    pointed_mz, pointed = ([text for text in column if "." in text] for column in (mz, intensity))
    of_mz, of_intensity = comma_meaning([*mz, *pointed]), comma_meaning([*intensity, *pointed_mz])
    if of_mz is Comma.THOUSANDS and any((parse_number(text, of_mz) or 0.0) > HIGHEST_MZ for text in mz):
        of_mz = Comma.DECIMAL
    if of_mz is Comma.DECIMAL and not pointed:
        of_intensity = Comma.DECIMAL
    return _CommaMeanings(of_mz, of_intensity)


def _values(numbers: _Numbers, meanings: _CommaMeanings) -> Singles | None:
    """Return the values (2 n,); None if one of them cannot be read."""
    mz = [parse_number(text, meanings.mz) for text in numbers.mz]
    intensity = [parse_number(text, meanings.intensity) for text in numbers.intensity]
    pairs = [value for pair in zip(mz, intensity, strict=True) for value in pair]
    if any(value is None for value in pairs):
        return None
    return np.array(pairs, dtype=np.float64).astype(np.float32)


def _entries(block: bytes) -> list[bytes]:
    """Return what stands on each line, or between semicolons or closing brackets, without quoted comments."""
    parts = _BETWEEN_ENTRIES.split(_QUOTED.sub(b" ", block))
    return [part for part in parts if part.strip(b" \t,({[")]


def _number_of_pairs(block: bytes) -> int:
    """Return half the count of a block's numbers if it has nothing else and they pair up; 0 otherwise."""
    text = block.translate(_SEPARATORS)
    n_numbers = 0 if text.translate(None, _NUMERIC) else len(text.split())
    return 0 if n_numbers % 2 else n_numbers // 2


def _first_with_comma(block: bytes) -> str:
    return next((_shown(entry) for entry in _entries(block) if _IN_NUMBER.search(entry)), _shown(block))


def _shown(entry: bytes) -> str:
    return decode(entry.strip()[:40])
