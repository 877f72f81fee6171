"""Numbers as text in several locales: decimal commas, thousands separators, and both together.

A separator is ambiguous only where a single one stands before exactly three digits (`1,080`). Such a number needs
other numbers from the same file, or a plausible range, to be read.
"""

import re
from collections.abc import Iterable
from enum import Enum

_SPACES = " \u00a0\u2007\u2009\u202f"
"""Blank, no-break space, figure space, thin space, narrow no-break space: thousands separators of ISO 31-0 and CLDR."""

_APOSTROPHES = "'\u2019"
"""Thousands separators of the Swiss locales."""

_EXPONENT = r"(?:[eE][-+]?\d+)?"
_PLAIN = re.compile(rf"[-+]?(?:\d+\.?\d*|\.\d+){_EXPONENT}")
_GROUPED = re.compile(rf"[-+]?\d{{1,3}}(?:[{_SPACES}{_APOSTROPHES}]\d{{3}})+(?:[.,]\d*)?{_EXPONENT}")
_COMMA_THOUSANDS = re.compile(rf"[-+]?[1-9]\d{{0,2}}(?:,\d{{3}})+(?:\.\d*)?{_EXPONENT}")
_POINT_THOUSANDS = re.compile(
    rf"[-+]?[1-9]\d{{0,2}}(?:\.\d{{3}})+,\d*{_EXPONENT}|[-+]?[1-9]\d{{0,2}}(?:\.\d{{3}}){{2,}}"
)
_DECIMAL_COMMA = re.compile(rf"[-+]?\d*,\d+{_EXPONENT}")
_NOT_DIGITS = re.compile(f"[{_SPACES}{_APOSTROPHES}]")


class Comma(Enum):
    """What a comma inside a number means."""

    DECIMAL = "decimal"
    THOUSANDS = "thousands"


def parse_number(text: str, comma: Comma | None = None) -> float | None:
    """Read a number to the end of its text.

    Parameters
    ----------
    text
        The number alone; blanks around it do not matter.
    comma
        The meaning of a comma that could be either, as in `1,080`. None: such a number is not read.

    Returns
    -------
    float or None
        None if the text is not one number, or is ambiguous.
    """
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return float(text)
    if _GROUPED.fullmatch(text):
        return float(_NOT_DIGITS.sub("", text).replace(",", "."))
    if _POINT_THOUSANDS.fullmatch(text):
        return float(text.replace(".", "").replace(",", "."))
    thousands, decimal = _COMMA_THOUSANDS.fullmatch(text), _DECIMAL_COMMA.fullmatch(text)
    if thousands and (not decimal or comma is Comma.THOUSANDS):
        return float(text.replace(",", ""))
    if decimal and (not thousands or comma is Comma.DECIMAL):
        return float(text.replace(",", "."))
    return None


def comma_meaning(numbers: Iterable[str]) -> Comma | None:
    """Tell what a comma means in numbers that one program wrote.

    A comma that does not stand before groups of three digits, or that follows a leading zero, is a decimal comma. So is
    a comma beside numbers of four or more digits without one. Otherwise the numbers up to 999 have no comma and those
    above have one, as thousands separators make it.

    Parameters
    ----------
    numbers
        Texts of numbers, with and without commas.

    Returns
    -------
    Comma or None
        None if no number has a comma, or if the numbers contradict each other.
    """
    decimal = thousands = point = ungrouped = False
    for text in numbers:
        point |= "." in text or text.count(",") > 1
        if "," not in text:
            ungrouped |= len(text.partition(".")[0].lstrip("+-")) > 3
        elif _COMMA_THOUSANDS.fullmatch(text):
            thousands = True
        elif _DECIMAL_COMMA.fullmatch(text):
            decimal = True
        else:
            return None
    if point:
        return Comma.THOUSANDS if thousands and not decimal else None
    if decimal or (thousands and ungrouped):
        return Comma.DECIMAL
    return Comma.THOUSANDS if thousands else None
