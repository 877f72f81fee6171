"""Dates as instruments write them, to ISO 8601. A date that cannot be understood is left out, never guessed."""

import re
from datetime import datetime

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CHEMSTATION = re.compile(
    r"(\d{1,2})[ -]([A-Za-z]{3})[a-z]*[ -](\d{2,4})\s+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([ap]m)?", re.I
)
_ANDI = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})\s*([+-]\d{2}):?(\d{2})?")
_JCAMP_DATE = re.compile(r"(\d{4}|\d{2})[-/.](\d{1,2})[-/.](\d{1,2})")
_JCAMP_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


def iso_from_chemstation(text: str) -> str | None:
    """Return ISO 8601 for a ChemStation date such as '27 Jan 11  10:25 pm'.

    Years have two digits (70-99 mean 1970-1999) or, in files written after 1999 by old versions, count from 1900
    ('17 SEP 104  10:28' is 2004).
    """
    found = _CHEMSTATION.search(text)
    if not found or found[2].lower() not in _MONTHS:
        return None
    year, hour, half = int(found[3]), int(found[4]), (found[7] or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return _iso(_full_year(year), _MONTHS.index(found[2].lower()) + 1, found[1], hour, found[5], found[6])


def iso_from_andi(text: str) -> str | None:
    """Return ISO 8601 for an ANDI date 'YYYYMMDDhhmmss+zzzz' (ASTM E2077), with the zone where the file gives one."""
    found = _ANDI.match(text.strip())
    if not found:
        plain = re.match(r"(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})\s*$", text.strip())
        return _iso(*plain.groups()) if plain else None
    moment = _iso(*found.groups()[:6])
    # A zone that is none, such as "-7000" in a file of 1990, is left out.
    return moment and (iso_or_none(f"{moment}{found[7]}:{found[8] or '00'}") or moment)


def iso_from_jcamp(date: str, time: str = "") -> str | None:
    """Return ISO 8601 for JCAMP-DX `##DATE=` or `##LONGDATE=` (year first) and `##TIME=`."""
    day = _JCAMP_DATE.search(date)
    clock = _JCAMP_TIME.search(time) or _JCAMP_TIME.search(date)
    if not day:
        return None
    hours = clock.groups() if clock else (0, 0, 0)
    return _iso(_full_year(int(day[1])), day[2], day[3], *hours)


def iso_or_none(text: str | None) -> str | None:
    """Return the same moment to the second if the text is ISO 8601, as mzML's startTimeStamp should be."""
    try:
        return datetime.fromisoformat(text).isoformat(timespec="seconds") if text else None
    except ValueError:
        return None


def _full_year(year: int) -> int:
    """Return the year with its century. Chosen: no run was acquired by a data system before 1970."""
    if year >= 1900:
        return year
    return year + (1900 if year >= 70 else 2000)


def _iso(*parts: str | int | None) -> str | None:
    try:
        return datetime(*(int(part or 0) for part in parts)).isoformat()  # type: ignore[arg-type]
    except ValueError:
        return None
