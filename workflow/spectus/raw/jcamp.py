"""JCAMP-DX mass spectra with a page a scan (Lampen et al., Appl. Spectrosc. 1994, 48, 1545).

Each scan has its time (`##RETENTION_TIME=`, or `##PAGE= T=...`) and a table of pairs under `##XYDATA=`, `##XYPOINTS=`,
`##PEAK TABLE=` or `##DATA TABLE=`, all `(XY..XY)`, with commas, semicolons or blanks between the numbers.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.raw.content import damaged, shown
from spectus.raw.run import Run
from spectus.raw.timestamps import iso_from_jcamp

_TABLES = {"XYDATA", "XYPOINTS", "PEAKTABLE", "DATATABLE"}
_TIMES = {"RETENTIONTIME", "PAGE"}
_TIME = re.compile(r"(?:\bT\s*=\s*)?([-+]?(?:\d+\.?\d*|\.\d+)(?:E[-+]?\d+)?)\s*(MIN)?", re.I)
_SEPARATORS = str.maketrans(",;", "  ")


@dataclass
class _Pages:
    """The scans met so far, and the labels met before the next table."""

    labels: dict[str, str] = field(default_factory=dict)
    rt_s: list[float] = field(default_factory=list)
    pairs: list[NDArray[np.float64]] = field(default_factory=list)
    current: dict[str, str] = field(default_factory=dict)


def read_jcamp(content: bytes, path: Path) -> tuple[Run, None]:
    """The scans of a JCAMP-DX file, and None: it does not say whether they are profile data.

    Parameters
    ----------
    content: the bytes of the file.
    path: what the user gave, for errors.

    Raises
    ------
    InputError: no tables, tables in a compressed form, a scan without a time, a table with fewer or more points than it
    states or with something that is no number, an end within a line or a page. (A file cut between two pages cannot be
    told from a shorter run: `##END=` is often left out.)
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
    pairs = np.concatenate(pages.pairs)
    labels = pages.labels
    run = Run(
        rt_s=np.array(pages.rt_s), offsets=np.concatenate([[0], np.cumsum([len(page) for page in pages.pairs])]),
        mz=pairs[:, 0], intensity=pairs[:, 1], format="JCAMP-DX",
        instrument=labels.get("SPECTROMETERDATASYSTEM") or labels.get("SPECTROMETERSYSTEM") or None,
        acquired_at=iso_from_jcamp(labels.get("LONGDATE") or labels.get("DATE", ""), labels.get("TIME", "")),
    )  # fmt: skip
    return run, None


def _records(content: bytes) -> list[tuple[str, str]]:
    """Labelled data records: label in capitals without blanks, hyphens, slashes and underscores; value as it stands."""
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
    pairs = _pairs(table, number, path)
    stated = pages.current.get("NPOINTS", "")
    if re.fullmatch(r"[0-9]{1,15}", stated) and int(stated) != len(pairs):
        raise damaged(path, f"scan {number} states {shown(stated)} points and has {len(pairs)}")
    # Factors belong to the two labels of plotted data (JCAMP-DX 4.24, 5.5); a peak table stands as it is.
    if label in {"XYDATA", "XYPOINTS"}:
        pairs *= [_factor(pages.labels.get("XFACTOR")), _factor(pages.labels.get("YFACTOR"))]
    pages.rt_s.append(_seconds(pages, number, path))
    pages.pairs.append(pairs)
    pages.current.clear()


def _pairs(table: str, number: int, path: Path) -> NDArray[np.float64]:
    try:
        numbers = np.array(table.translate(_SEPARATORS).split(), dtype=np.float64)
    except ValueError as error:
        raise damaged(path, f"scan {number} has an entry that is no number") from error
    if len(numbers) % 2:
        raise damaged(path, f"scan {number} ends within a pair")
    return numbers.reshape(-1, 2)


def _seconds(pages: _Pages, number: int, path: Path) -> float:
    text = pages.current.get("RETENTIONTIME") or pages.current.get("PAGE")
    found = _TIME.search(text or "")
    if not found:
        raise InputError(
            path, f"scan {number} has no retention time",
            "export the run with its scan times; give a library of spectra to `spectus library`",
        )  # fmt: skip
    # An NTUPLES file states the units of its variables, the page's last, e.g. "M/Z, RELATIVE ABUNDANCE, SECONDS".
    units = pages.labels.get("UNITS", "").upper().split(",")[-1]
    in_minutes = bool(found[2]) or units.strip().startswith("MIN")
    return float(found[1]) * (60.0 if in_minutes else 1.0)


def _factor(text: str | None) -> float:
    try:
        return float(text or 1.0)
    except ValueError:
        return 1.0
