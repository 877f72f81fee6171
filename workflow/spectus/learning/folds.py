"""Folds of laboratories: libraries with a column `fold`, and libraries that leave a fold out."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from spectus import __version__
from spectus.errors import InputError
from spectus.files import replacing, require_file
from spectus.library.splits import assign_folds
from spectus.molecules.exclusions import NO_EXCLUSIONS

LABORATORY, FOLD = "laboratory", "fold"
_LABORATORY_COLUMNS = (LABORATORY, "contributor", "source")
_UNKNOWN = "unknown"


def add_folds(library: Path, folds: int) -> None:
    """Add the columns `laboratory` and `fold` to a training library.

    Parameters
    ----------
    library
        Parquet table, which is written anew. The first of its columns `laboratory`, `contributor` and `source` that has
        a value tells the laboratory of a record.
    folds
        Number of folds.

    Raises
    ------
    InputError
        The file cannot be read, or there are too few laboratories.
    """
    table = _read(library)
    columns = [table[name].to_pylist() for name in _LABORATORY_COLUMNS if name in table.column_names]
    names = [next((text for text in row if text), _UNKNOWN) for row in zip(*columns, strict=True)]
    fold = assign_folds(names or [_UNKNOWN] * len(table), folds)
    for name, column in ((LABORATORY, pa.array(names, pa.string())), (FOLD, pa.array(fold, pa.int32()))):
        if name in table.column_names:
            table = table.drop_columns([name])
        table = table.append_column(name, column)
    _write(table, library)


def leave_out_fold(library: Path, fold: int, out: Path) -> None:
    """Write a library without the records of a fold, and without other records of their compounds.

    A prediction model that is trained on it knows neither the laboratories of the fold nor their compounds, also not
    as a salt, a tautomer, a derivative or the parent of one.

    Parameters
    ----------
    library
        Parquet library with the column `fold`.
    fold
        Number of the fold, from 1.
    out
        Parquet library to write, with the same columns.

    Raises
    ------
    InputError
        The file cannot be read, has no column `fold` or not this fold, or nothing would be left.
    """
    table = _read(library)
    if FOLD not in table.column_names:
        raise InputError(library, "has no column `fold`", "make it with `spectus library --folds 2`")
    folds, smiles = table[FOLD].to_pylist(), table["smiles"].to_pylist()
    numbers = Counter(folds)
    if fold < 1 or fold not in numbers:
        held = ", ".join(str(number) for number in sorted(number for number in numbers if number))
        raise InputError(f"--without-fold {fold}", f"is no fold of {library}", f"take of {held}")
    own = NO_EXCLUSIONS.adding(
        (text for text, of in zip(smiles, folds, strict=True) if of == fold and text), f"fold {fold}"
    )
    kept = [of != fold and own.reason(text) is None for text, of in zip(smiles, folds, strict=True)]
    if not any(kept):
        raise InputError(library, f"has nothing besides fold {fold}", "give libraries of more laboratories")
    _write(table.filter(pa.array(kept)), out)
    n_compounds = len(kept) - sum(kept) - numbers[fold]
    print(
        f"{out}: {sum(kept):,} records; left out {numbers[fold]:,} of fold {fold}, {n_compounds:,} others of their "
        "compounds"
    )


def _read(library: Path) -> pa.Table:
    try:
        return pq.read_table(require_file(library))
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(library, "is no Parquet library", "make it with `spectus library --folds 2`") from error


def _write(table: pa.Table, out: Path) -> None:
    """Write a library with its metadata."""
    metadata = (table.schema.metadata or {}) | {b"spectus_version": __version__.encode()}
    with replacing(out) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary)
