"""Ionization of a record, from what its fields say: electron ionization (EI) at positive polarity, or something else.

Libraries of LC-MS/MS or chemical ionization have the same file formats as EI libraries. Their spectra cannot be
compared with EI spectra.
"""

import re
from collections.abc import Mapping

from spectus.raw.ionization import EI

# Values such as "LC-ESI-QTOF", "GC-EI-TOF", "EI-B", "CI-B", "Electron ionization", "GC-APCI-QTOF", "EI+". The first
# that matches is the method.
_METHODS = tuple(
    (method, re.compile(pattern, re.IGNORECASE))
    for method, pattern in (
        ("APCI", r"(?<![a-z])apci(?![a-z])|atmospheric pressure chemical"),
        ("APPI", r"(?<![a-z])appi(?![a-z])|atmospheric pressure photo"),
        ("ESI", r"(?<![a-z])(?:nano-?|h-?|d)?esi(?![a-z])|electro-?spray"),
        ("MALDI", r"maldi|matrix.assisted"),
        ("FAB", r"(?<![a-z])fab(?![a-z])|fast atom"),
        ("FD", r"(?<![a-z])fd(?![a-z])|field desorption"),
        ("FI", r"(?<![a-z])fi(?![a-z])|field ioni[sz]ation"),
        ("CI", r"(?<![a-z])[np]?ci(?![a-z])|chemical ioni[sz]ation|electron capture|(?<![a-z])ecni(?![a-z])"),
        (EI, r"(?<![a-z])ei(?![a-z])|electron (?:impact|ioni[sz]ation)|electronionization"),
    )
)
_LC = re.compile(r"(?<![a-z])(?:u?h?plc|lc)(?![a-z])", re.IGNORECASE)
_NEGATIVE_CI = re.compile(r"(?<![a-z])nci(?![a-z])|negative|electron capture|(?<![a-z])ecni(?![a-z])", re.IGNORECASE)
_NEGATIVE = re.compile(r"\s*(?:n(?:eg(?:ative)?)?\b|-|.*\bnegative)", re.IGNORECASE)
_TANDEM = re.compile(r"\bms[-/ ]?ms\b|\bms-?([2-9]|n)\b|\btandem\b|^\s*[2-9]\s*$", re.IGNORECASE)
_SURVEY = re.compile(r"^\s*(?:ms-?1?|1|full ?scan|ms1)\s*$", re.IGNORECASE)
# "[M+H]+", "[M-H]-", "M+NH4": ions that electron ionization does not make. "[M]+.", "[M]+" and "[M-CH3]+" it does.
_ADDUCT = re.compile(r"\s*\[?\s*\d?M\s*(?:\+\s*[A-Z0-9]|-\s*[A-Z0-9].*-\s*$)", re.IGNORECASE)
_NEGATIVE_ADDUCT = re.compile(r"[\])]\s*\d?-\s*$")

METHOD_FIELDS = ("ionization", "instrument type", "comment ionization", "comment instrument type", "ion mode")
"""Meanings of the fields that may name the method, the most explicit first. The instrument's own name comes after them:
names such as "FI-200" look like a method, so that only the methods of `_IN_INSTRUMENT_NAMES` are taken from it."""

_IN_INSTRUMENT_NAMES = ("APCI", "ESI", "MALDI", EI)


def describe_ionization(fields: Mapping[str, str]) -> str | None:
    """Name the ionization of a record.

    Parameters
    ----------
    fields
        Values by meaning: `ionization`, `instrument type`, `instrument`, `ms level`, `ion mode`, `adduct`; each also as
        `comment ...`.

    Returns
    -------
    str or None
        `EI`, or the method, "MS2" for a product ion spectrum, and "negative", such as "ESI MS2 negative". None where
        the record says nothing about it.
    """
    method = _method(fields)
    level = fields.get("ms level") or fields.get("comment ms level") or ""
    mode = fields.get("ion mode") or fields.get("comment ion mode") or ""
    adduct = fields.get("adduct") or fields.get("comment adduct") or ""
    said = " ".join(fields.get(name, "") for name in METHOD_FIELDS)
    tandem = bool(_TANDEM.search(level) and not _SURVEY.match(level))
    negative = bool(_NEGATIVE.match(mode)) or (method == "CI" and bool(_NEGATIVE_CI.search(said)))
    if method != EI and _ADDUCT.match(adduct):
        method = method or "soft ionization"
        negative = negative or bool(_NEGATIVE_ADDUCT.search(adduct))
    parts = [method or "", "MS2" if tandem else "", "negative" if negative else ""]
    return " ".join(part for part in parts if part) or None


def is_electron_ionization(ionization: str | None) -> bool:
    """Tell whether a value of the column `ionization` is EI or says nothing, as most EI libraries do."""
    return ionization is None or ionization == EI


def _method(fields: Mapping[str, str]) -> str | None:
    """Return the method that the most explicit field names; "LC" where only the separation is known."""
    for name in METHOD_FIELDS:
        text = fields.get(name, "")
        for method, pattern in _METHODS:
            if pattern.search(text):
                return method
    for method, pattern in _METHODS:
        if method in _IN_INSTRUMENT_NAMES and pattern.search(fields.get("instrument", "")):
            return method
    of_liquid = any(_LC.search(fields.get(name, "")) for name in ("instrument type", "comment instrument type"))
    return "LC" if of_liquid else None
