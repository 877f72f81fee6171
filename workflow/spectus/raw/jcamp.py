"""JCAMP-DX mass spectra with one page for each scan (Lampen et al., Appl. Spectrosc. 1994, 48, 1545).

Each scan has its time (`##RETENTION_TIME=`, or `##PAGE= T=...`) and a table of pairs under `##XYDATA=`, `##XYPOINTS=`,
`##PEAK TABLE=` or `##DATA TABLE=`, all `(XY..XY)`, with commas, semicolons or blanks between the numbers.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spectus.errors import InputError
from spectus.raw.content import damaged, shown
from spectus.raw.ionization import ionization_name, is_negative, polarity_name
from spectus.raw.run import Run
from spectus.raw.scan_times import clock_seconds, decimal, seconds_in_unit, unit_note
from spectus.raw.scans import FileFacts, Scans, scans_of
from spectus.raw.timestamps import iso_from_jcamp
from spectus.types import Floats

_TABLES = {"XYDATA", "XYPOINTS", "PEAKTABLE", "DATATABLE"}
_TIMES = {"RETENTIONTIME", "PAGE"}
_TIME = re.compile(
    r"(?:.*\bT\s*=\s*)?(?:PT)?(\d+(?::\d+){1,2}(?:[.,]\d*)?|[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:E[-+]?\d+)?)"
    r"(?![.,:]?\d)\s*([a-zµ]+)?",
    re.I,
)
"""A time, a number or h:mm:ss, at the start of a value or after `T=`. `##PAGE= N=5` gives no time."""

_IONIZATION = ("IONIZATIONMODE", "IONISATIONMODE", "IONIZATION", "IONISATION", "SOURCETYPE")
"""Labels that may name the ionization, without their leading dot or dollar sign."""
_SEPARATORS = str.maketrans(",;", "  ")
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_NOT_COMMA = re.compile(r"[\s;]+")


@dataclass
class _Pages:
    """The scans met so far, the labels met before the next table, and units of time that are not known ("": none)."""

    labels: dict[str, str] = field(default_factory=dict)
    rt_s: list[float] = field(default_factory=list)
    pairs: list[Floats] = field(default_factory=list)
    current: dict[str, str] = field(default_factory=dict)
    unknown_units: set[str] = field(default_factory=set)


def read_jcamp(content: bytes, path: Path) -> Scans:
    """Read the scans of a JCAMP-DX file.

    Parameters
    ----------
    content
        The bytes of the file.
    path
        Path that the user gave, for errors.

    Raises
    ------
    InputError
        There are no tables or tables in a compressed form; a table has fewer or more points than it states, or an
        entry that is no number; the file ends within a line or a page. (A file cut between two pages cannot be told
        from a shorter run: `##END=` is often left out.) No scan has a time.
    """
    records = _records(content)
    if not content.endswith((b"\n", b"\r")) and all(label != "END" for label, _ in records):
        raise damaged(path, "it ends within a line")
    pages = _Pages()
    for label, value in records:
        if label in _TABLES:
            _add_scan(pages, label, value, path)
        elif label in _TIMES or label == "NPOINTS":
            pages.current[label] = value.strip()
        else:
            pages.labels.setdefault(label, value.strip())
    if pages.current:
        raise damaged(path, f"it ends within a page, after {len(pages.rt_s)} scans")
    if not pages.rt_s:
        raise InputError(path, "holds no table of peaks", "export the run as JCAMP-DX with one (XY..XY) table a scan")
    if np.isnan(pages.rt_s).all():
        raise InputError(
            path, "scan 1 has no retention time, nor has any other",
            "export the run with its scan times; give a library of spectra to `spectus library`",
        )  # fmt: skip
    return scans_of(_jcamp_run(pages), FileFacts(time_note=_time_note(pages)))


def _jcamp_run(pages: _Pages) -> Run:
    pairs = np.concatenate(pages.pairs)
    labels = pages.labels
    plain = {label.lstrip(".$"): text for label, text in labels.items()}
    method = next((plain[label] for label in _IONIZATION if plain.get(label)), None)
    sign = method.strip()[-1:] if method else ""
    return Run(
        rt_s=np.array(pages.rt_s), offsets=np.concatenate([[0], np.cumsum([len(page) for page in pages.pairs])]),
        mz=pairs[:, 0], intensity=pairs[:, 1], format="JCAMP-DX",
        instrument=labels.get("SPECTROMETERDATASYSTEM") or labels.get("SPECTROMETERSYSTEM") or None,
        acquired_at=iso_from_jcamp(labels.get("LONGDATE") or labels.get("DATE", ""), labels.get("TIME", "")),
        ionization=ionization_name(method),
        polarity="negative" if is_negative(method) else polarity_name(plain.get("POLARITY") or sign),
    )  # fmt: skip


def _time_note(pages: _Pages) -> str | None:
    return unit_note(min(pages.unknown_units)) if pages.unknown_units else None


def _records(content: bytes) -> list[tuple[str, str]]:
    """Return labels, in capitals without blanks, hyphens, slashes and underscores, and their values."""
    text = content.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
    if "$$" in text:
        text = re.sub(r"\$\$.*", "", text)
    parts = (record.partition("=") for record in re.split(r"(?m)^[^\S\n]*##", text)[1:])
    return [(re.sub(r"[\s_/-]", "", label).upper(), value) for label, _, value in parts]


def _add_scan(pages: _Pages, label: str, value: str, path: Path) -> None:
    number = len(pages.rt_s) + 1
    form, _, table = value.partition("\n")
    if not re.match(r"\(XY\.\.XY\)", form.replace(" ", ""), re.I):
        raise InputError(
            path,
            f"scan {number} is a table {shown(form.strip())!r}, not (XY..XY)",
            "export it as JCAMP-DX with pairs (XY..XY)",
        )
    said = pages.current.get("NPOINTS", "")
    stated = int(said) if re.fullmatch(r"[0-9]{1,15}", said) else None
    pairs = _decimal_comma_pairs(table, stated)
    if pairs is None:
        pairs = _pairs(table, number, path)
    if stated is not None and stated != len(pairs):
        raise damaged(path, f"scan {number} states {stated} points and has {len(pairs)}")
    # Only the two labels of plotted data have factors (JCAMP-DX 4.24, 5.5).
    if label in {"XYDATA", "XYPOINTS"}:
        pairs *= [_factor(pages.labels.get("XFACTOR")), _factor(pages.labels.get("YFACTOR"))]
    pages.rt_s.append(_scan_time(pages))
    pages.pairs.append(pairs)
    pages.current.clear()


def _pairs(table: str, number: int, path: Path) -> Floats:
    try:
        numbers = np.array(table.translate(_SEPARATORS).split(), dtype=np.float64)
    except ValueError as error:
        raise damaged(path, f"scan {number} has an entry that is no number") from error
    if len(numbers) % 2:
        raise damaged(path, f"scan {number} ends within a pair")
    return numbers.reshape(-1, 2)


def _decimal_comma_pairs(table: str, stated: int | None) -> Floats | None:
    """Read pairs whose numbers have decimal commas, `41,05 120,5`; None where commas may separate numbers.

    Then no number has a point, and reading commas as decimal commas gives the number of points that the file states.
    Where it states none, each line holds one pair, and m/z rise only in this reading.
    """
    if "." in table or not _COMMA_IN_NUMBER.search(table):
        return None
    lines = [_NOT_COMMA.split(line.strip(" \t;")) for line in table.splitlines() if line.strip(" \t;")]
    try:
        numbers = np.array([text.replace(",", ".") for line in lines for text in line], dtype=np.float64)
        separate = np.array(table.translate(_SEPARATORS).split(), dtype=np.float64)
    except ValueError:
        return None
    if stated is not None:
        return numbers.reshape(-1, 2) if len(numbers) == 2 * stated != len(separate) else None
    one_a_line = all(len(line) == 2 for line in lines)
    rises = bool((np.diff(separate[::2]) >= 0).all()) and len(separate) % 2 == 0
    return numbers.reshape(-1, 2) if one_a_line and not rises and (np.diff(numbers[::2]) >= 0).all() else None


def _scan_time(pages: _Pages) -> float:
    """Return the time of the current page, s; NaN if it has none."""
    text = pages.current.get("RETENTIONTIME") or pages.current.get("PAGE")
    found = _TIME.match(text or "")
    if not found:
        return np.nan
    clock = clock_seconds(found[1])
    if clock is not None:
        return clock
    # An NTUPLES file states the units of its variables, the page's last, such as "M/Z, RELATIVE ABUNDANCE, SECONDS".
    unit = found[2] or pages.labels.get("UNITS", "").split(",")[-1].strip()
    seconds = seconds_in_unit(unit)
    if seconds is None:
        pages.unknown_units.add(shown(unit))
    return decimal(found[1]) * (seconds or 1.0)


def _factor(text: str | None) -> float:
    try:
        return float(text or 1.0)
    except ValueError:
        return 1.0
