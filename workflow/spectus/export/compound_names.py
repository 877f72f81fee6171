"""Names and CAS Registry Numbers as columns of their own.

Some libraries write the CAS number into the name, and the reader of libraries adds "#2", "#3" ... to names that occur
again in a file. Neither belongs into the name that a reader sees.
"""

import re
from typing import NamedTuple

CAS_EXPLANATION = "CAS Registry Number, if the library states one"
"""Meaning of the column."""

_REPEATED = re.compile(r"(?<=\S)#\d+$")
_CAS = re.compile(r"(?<![\d-])(\d{2,7})-(\d{2})-(\d)(?![\d-])")
_CAS_IN_NAME = re.compile(
    r"[\s,;]*[(\[]?\s*(?:CAS(?:\s?RN|\s?No\.?|#)?[\s:#]*)?" + _CAS.pattern + r"\s*[)\]]?", re.IGNORECASE
)
_CAS_MODULUS = 10
"""The last digit of a CAS number is the weighted digit sum modulo 10 (CAS, "Check digit verification")."""


class NameAndCas(NamedTuple):
    """A compound's name without counters and numbers, and its CAS number; None where there is none."""

    name: str | None
    cas: str | None


def name_and_cas(record_name: str | None, cas: str | None = None) -> NameAndCas:
    """Separate the name of a library record and its CAS number.

    Parameters
    ----------
    record_name : str or None
        The name in the tables, for example "Toluene (108-88-3)#2".
    cas : str, optional
        The CAS number that the table states; it takes precedence over one in the name.
    """
    if not record_name:
        return NameAndCas(None, cas)
    name = _REPEATED.sub("", record_name)
    for found in _CAS_IN_NAME.finditer(name):
        if is_cas_number(number := "-".join(found.groups())):
            rest = f"{name[: found.start()]} {name[found.end() :]}".strip(" ,;")
            return NameAndCas(rest or name, cas or number)
    return NameAndCas(name, cas)


def is_cas_number(text: str) -> bool:
    """Tell whether a text is a CAS number with the right check digit."""
    if not _CAS.fullmatch(text):
        return False
    *digits, check = (int(digit) for digit in text if digit != "-")
    return sum(place * digit for place, digit in enumerate(reversed(digits), 1)) % _CAS_MODULUS == check
