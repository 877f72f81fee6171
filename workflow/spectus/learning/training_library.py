"""Building a training library: corrected structures, further spectra, and nothing of excluded compounds."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spectus import __version__
from spectus.errors import InputError
from spectus.files import replacing, require_file
from spectus.molecules.exclusions import NO_EXCLUSIONS, Exclusions

COLUMNS = (
    "accession", "contributor", "name", "smiles", "parent_smiles", "derivative", "instrument", "instrument_type",
    "ionization_energy", "retention_index", "column", "license", "source", "split",
)  # fmt: skip
"""Columns of text that the library keeps where a source has them; all of them, `mz` and `intensity` are written."""

_NEEDED = ("accession", "smiles", "split", "mz", "intensity")
_FIRST_SOURCE = "MassBank"
"""Source of records that name none."""

TRAIN, VALID = "train", "valid"
_OF_VALID = "in train, but of a compound of the split valid"


@dataclass(frozen=True)
class TrainingLibraryCounts:
    """What went into a training library.

    Attributes
    ----------
    kept : Counter of (str, str)
        Records by source and split.
    left_out : Counter of (str, str)
        Records by source and reason.
    corrected : int
        Records whose structure was corrected.
    """

    kept: Counter[tuple[str, str]]
    left_out: Counter[tuple[str, str]]
    corrected: int

    def __str__(self) -> str:
        """Return a table of the records by source and split, and the reasons of those left out."""
        sources = sorted({source for source, _ in self.kept})
        width = max(map(len, [*sources, "source"]))
        lines = [f"{'source':{width}} {TRAIN:>7} {VALID:>7}"]
        lines += [f"{name:{width}} {self.kept[name, TRAIN]:7,} {self.kept[name, VALID]:7,}" for name in sources]
        totals = (sum(n for (_, split), n in self.kept.items() if split == wanted) for wanted in (TRAIN, VALID))
        lines.append(f"{'all':{width}} " + " ".join(f"{total:7,}" for total in totals))
        lines.append(f"{self.corrected:,} structures corrected")
        lines += [f"{n:,} left out of {source}: {reason}" for (source, reason), n in sorted(self.left_out.items())]
        return "\n".join(lines)


def build_training_library(
    massbank: Path, labels: Path, extra: Sequence[Path], out: Path, exclude: Sequence[Path | str] = (),
    assumed: bool = False,
) -> TrainingLibraryCounts:  # fmt: skip
    """Build the library that the models are trained on, and print how many records come from each source.

    A record of `massbank` that `labels` lists gets the structure of its spectrum, such as that of a derivative; a
    listed record without one is left out. The given structure is then the parent. Records of excluded compounds are
    left out by their structure and by their parent, in both splits; so are train records of compounds of valid.

    Parameters
    ----------
    massbank
        Parquet table with the columns accession, smiles, split, mz, intensity.
    labels
        CSV with the columns accession and smiles_of_spectrum.
    extra
        Further Parquet tables with the same columns. They may have `source`, `parent_smiles` and `label_assumed`, which
        marks records whose derivative was assumed.
    out
        Parquet library to write, with the columns `COLUMNS`, mz and intensity.
    exclude
        Files that name compounds to leave out (`molecules.exclusions`).
    assumed
        Keep the records that `label_assumed` marks.

    Returns
    -------
    TrainingLibraryCounts

    Raises
    ------
    InputError
        A file cannot be read, lacks a column, or nothing is left.
    """
    exclusions = Exclusions.read(exclude)
    corrections = _corrections(labels)
    tables = [_rows(massbank), *map(_rows, extra)]
    tables[0], n_corrected = _corrected(tables[0], corrections)
    records = pa.concat_tables(tables)
    reasons = _reasons(records, exclusions, assumed)
    sources = records["source"].to_pylist()
    left_out = Counter((source, reason) for source, reason in zip(sources, reasons, strict=True) if reason)
    library = records.filter(pa.array([reason is None for reason in reasons])).drop_columns(["assumed", "unlabeled"])
    if not len(library):
        raise InputError(massbank, "leaves no record", "give other spectra, or exclude fewer compounds")
    kept = Counter(zip(library["source"].to_pylist(), library["split"].to_pylist(), strict=True))
    said = {"spectus_version": __version__, "labels": labels.name, "exclude": " ".join(map(str, exclude))}
    with replacing(out) as temporary:
        pq.write_table(library.replace_schema_metadata(said), temporary)
    counts = TrainingLibraryCounts(kept, left_out, n_corrected)
    print(counts)
    return counts


def _corrections(labels: Path) -> dict[str, str]:
    """Return the structure of the spectrum by accession; "" where it is not known."""
    with require_file(labels).open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        missing = {"accession", "smiles_of_spectrum"} - set(rows.fieldnames or ())
        if missing:
            raise InputError(labels, f"has no column {', '.join(sorted(missing))}", "give a table of corrected labels")
        return {row["accession"]: (row["smiles_of_spectrum"] or "").strip() for row in rows}


def _rows(path: Path) -> pa.Table:
    """Read a source with the columns of the library, all of text but mz and intensity, and `assumed`."""
    try:
        table = pq.read_table(require_file(path))
    except pa.ArrowInvalid as error:
        raise InputError(path, f"is no Parquet table ({str(error).splitlines()[0]})", "give a Parquet table") from error
    missing = [name for name in _NEEDED if name not in table.column_names]
    if missing:
        raise InputError(path, f"has no column {', '.join(missing)}", "give a table of spectra with splits")
    n, lists = len(table), pa.list_(pa.float64())
    columns = {
        name: table[name].cast(pa.string()) if name in table.column_names else pa.nulls(n, pa.string())
        for name in COLUMNS
    }
    columns["source"] = pc.fill_null(columns["source"], _FIRST_SOURCE)
    columns |= {name: table[name].cast(lists) for name in ("mz", "intensity")}
    no = pa.array([False] * n)
    columns["assumed"] = pc.fill_null(table["label_assumed"], False) if "label_assumed" in table.column_names else no
    columns["unlabeled"] = no
    return pa.table(columns)


def _corrected(table: pa.Table, corrections: dict[str, str]) -> tuple[pa.Table, int]:
    """Return the table with corrected structures, and their number; `unlabeled` marks listed records without one."""
    found = [corrections.get(accession) for accession in table["accession"].to_pylist()]
    given = table["smiles"].to_pylist()
    smiles = [correct or old for correct, old in zip(found, given, strict=True)]
    parents = [old if correct else parent for correct, old, parent in
               zip(found, given, table["parent_smiles"].to_pylist(), strict=True)]  # fmt: skip
    for name, values in (("smiles", smiles), ("parent_smiles", parents)):
        table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.string()))
    unlabeled = pa.array([correct == "" for correct in found])
    table = table.set_column(table.column_names.index("unlabeled"), "unlabeled", unlabeled)
    return table, sum(bool(correct) for correct in found)


def _reasons(records: pa.Table, exclusions: Exclusions, assumed: bool) -> list[str | None]:
    """Return why each record is left out, None if it stays."""
    rows = records.drop_columns(["mz", "intensity"]).to_pylist()
    reasons = [_reason(row, exclusions, assumed) for row in rows]
    known = zip(rows, reasons, strict=True)
    valid = NO_EXCLUSIONS.adding(
        (row["smiles"] for row, reason in known if reason is None and row["split"] == VALID), _OF_VALID
    )
    seen = set[str]()
    for at, row in enumerate(rows):
        if reasons[at] is None and row["split"] == TRAIN and _excluded(row, valid):
            reasons[at] = _OF_VALID
        if reasons[at] is None and row["accession"] is not None:
            reasons[at] = "an accession that was read before" if row["accession"] in seen else None
            seen.add(row["accession"])
    return reasons


def _reason(row: dict[str, str | None], exclusions: Exclusions, assumed: bool) -> str | None:
    """Return why a record is left out whatever the other records are."""
    if row["unlabeled"]:
        return "the structure of the spectrum is not known"
    if row["assumed"] and not assumed:
        return "the derivative was assumed"
    if not row["smiles"]:
        return "no structure"
    if row["split"] not in (TRAIN, VALID):
        return "in neither split"
    return _excluded(row, exclusions)


def _excluded(row: dict[str, str | None], exclusions: Exclusions) -> str | None:
    """Return why the structure of a record or its parent is excluded."""
    return exclusions.reason(row["smiles"]) or exclusions.reason(row["parent_smiles"])
