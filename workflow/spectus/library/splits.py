"""The column `split` of a library: which compounds are for training and which for validation."""

import logging
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spectus.errors import InputError
from spectus.library.records import not_electron_ionization, read_spectra
from spectus.structures import flat_smiles, hashed, inchikey14, quiet_rdkit

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
