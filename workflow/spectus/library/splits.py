"""Columns of a library that a training reads: `split`, `laboratory` and `fold`.

`split` says which compounds are for training and which for validation. `laboratory` says who measured a spectrum. A
spectrum of the laboratory from which a model learned flatters it, so laboratories are dealt to folds, and a model of a
fold learns from none of its laboratories.
"""

import logging
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spectus.errors import InputError
from spectus.library.records import not_electron_ionization, read_spectra
from spectus.structures import flat_smiles, hashed, inchikey14, quiet_rdkit
from spectus.types import Ints

_ACCESSION = re.compile(r"MSBNK-([^-\s]+)-\S+$")
"""Accession of MassBank since 2022; the second part is the contributor."""

_COLUMNS = ("laboratory", "contributor")
"""Columns of a foreign table that name who measured, in the order in which they are looked for."""

_LEAST_SHARED = 5
"""Records of a file that share a source which counts as a laboratory. Chosen: an identifier is of one record, or of a
few spectra of one compound."""

_MOST_OF_ALL = 0.5
"""A laboratory with more than this share of the records is in no fold. Chosen: a model that leaves it out would learn
from too little."""

_LOG = logging.getLogger("spectus")


def read_split(library: Path, split: str | None) -> list[dict[str, Any]]:
    """Read the usable records of a library as rows; parameters and errors as `read_split_table`."""
    rows: list[dict[str, Any]] = read_split_table(library, split).to_pylist()
    return rows


def read_split_table(library: Path, split: str | None) -> pa.Table:
    """Read the usable records of a library that are from electron ionization, or do not say what they are from.

    Parameters
    ----------
    library
        A file that `read_spectra` reads.
    split
        Only records with this value in the column `split`; None: all.

    Returns
    -------
    pa.Table
        Schema SPECTRA.

    Raises
    ------
    InputError
        The file cannot be read, or has no column `split` where one is asked for.
    """
    spectra = read_spectra(library)
    foreign, line = not_electron_ionization(spectra)
    if line:
        _LOG.warning("%s: %s; they are left out", library, line)
    wanted = pc.and_(pc.is_null(spectra["reason"]), pc.invert(foreign))
    if split is not None:
        if library.suffix != ".parquet" or "split" not in pq.read_schema(library).names:
            raise InputError(library, "has no column `split`", "give a Parquet library that names train and valid")
        of_split = pc.equal(pq.read_table(library, columns=["split"])["split"].cast(pa.string()), split)
        wanted = pc.and_(wanted, pc.fill_null(of_split, False))
    return spectra.filter(wanted)


def assign_split(smiles: pa.ChunkedArray, valid_share: float) -> pa.Array:
    """Assign each structure to a split by a hash of its compound, so that a compound is in one split everywhere.

    Parameters
    ----------
    smiles
        Structures, (n,); the compound is the first block of the InChIKey.
    valid_share
        Share of the compounds that are for validation, 0-1.

    Returns
    -------
    pa.Array of string, (n,)
        `train` or `valid`; null where there is no structure.
    """
    with quiet_rdkit():
        flat = {text: flat_smiles(text) for text in smiles.unique().to_pylist()}
        draw = {text: hashed(inchikey14(canonical)) for text, canonical in flat.items() if canonical is not None}
    named = {text: "valid" if number < valid_share else "train" for text, number in draw.items()}
    return pa.array([named.get(text) for text in smiles.to_pylist()], pa.string())


def laboratories(path: Path, spectra: pa.Table) -> pa.Array:
    """Tell who measured each record of a file.

    A column `laboratory` or `contributor` of a Parquet table tells it, then the contributor in an accession of
    MassBank, then a source that several records share, then the name of the file.

    Parameters
    ----------
    path
        The file.
    spectra
        Its records, schema SPECTRA.

    Returns
    -------
    pa.Array of string, (n_records,)
    """
    named = [column.to_pylist() for column in _named_laboratories(path)]
    sources = spectra["source"].to_pylist()
    shared = {source for source, n in Counter(sources).items() if source and n >= _LEAST_SHARED}
    found = []
    for row, source in enumerate(sources):
        accession = _ACCESSION.match(source or "")
        given = next((column[row] for column in named if column[row]), None)
        found.append(given or (accession[1] if accession else source if source in shared else path.name.split(".")[0]))
    return pa.array(found, pa.string())


def _named_laboratories(path: Path) -> list[pa.ChunkedArray]:
    """Return the columns of a Parquet table that name who measured."""
    if path.suffix != ".parquet":
        return []
    held = {name.lower(): name for name in reversed(pq.read_schema(path).names)}
    chosen = [held[name] for name in _COLUMNS if name in held]
    table = pq.read_table(path, columns=chosen)
    return [table[name].cast(pa.string()) for name in chosen]


def assign_folds(laboratory: Sequence[str], folds: int) -> Ints:
    """Deal laboratories to folds of about the same number of records.

    The largest laboratories are dealt first, each to the fold that has the fewest records. The same numbers of records
    give the same folds, whatever the order of the records.

    Parameters
    ----------
    laboratory
        (n_records,) who measured each record.
    folds
        Number of folds, 1 or more.

    Returns
    -------
    ndarray of int64, (n_records,)
        The fold, from 1; 0 for a laboratory with more than half of the records.

    Raises
    ------
    InputError
        There are too few laboratories.
    """
    numbers = Counter(laboratory)
    dealt = sorted(numbers, key=lambda name: (-numbers[name], name))
    if dealt and numbers[dealt[0]] > _MOST_OF_ALL * len(laboratory):
        del dealt[0]
    if folds < 1 or len(dealt) < folds:
        raise InputError(
            f"--folds {folds}",
            f"cannot be made of {len(dealt)} laboratories besides one with more than half of the records",
            "give fewer folds, or libraries of more laboratories",
        )
    of_name, total = dict.fromkeys(numbers, 0), np.zeros(folds, np.int64)
    for name in dealt:
        of_name[name] = int(total.argmin()) + 1
        total[of_name[name] - 1] += numbers[name]
    return np.array([of_name[name] for name in laboratory], np.int64)
