"""Searching as if some compounds had no measured spectrum: a blind test of what names them then."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from spectus.errors import InputError
from spectus.molecules.reading import read_molecules
from spectus.structures import flat_smiles, inchikey14, quiet_rdkit


def leave_out(libraries: Sequence[pa.Table], measured: Sequence[bool], molecules: Path) -> list[pa.Table]:
    """The libraries (schema SPECTRA) without the measured records of some molecules; prints how many these are.

    A record is of a molecule if the first blocks of their InChIKeys are the same; where a record has no InChIKey,
    its structure gives one.

    Parameters
    ----------
    measured: (n_libraries,) which libraries are of measured spectra; the others stay whole.
    molecules: a list as `spectus forward` reads it.

    Raises
    ------
    InputError: a list that cannot be read, or with a line that is no molecule.
    """
    with quiet_rdkit():
        blocks = _blocks(molecules)
        kept = [
            library.filter(pa.array([block not in blocks for block in _blocks_of(library)], pa.bool_()))
            if of_measured else library
            for library, of_measured in zip(libraries, measured, strict=True)
        ]  # fmt: skip
    n_records = sum(map(len, libraries)) - sum(map(len, kept))
    print(f"{n_records:,} measured records of the {len(blocks):,} molecules of {molecules} are left out")
    return kept


def _blocks(molecules: Path) -> frozenset[str]:
    found = set[str]()
    for listed in read_molecules(molecules):
        flat = flat_smiles(listed.smiles)
        if flat is None:
            raise InputError(molecules, f"{listed.smiles or listed.name!r} is no molecule", "correct the SMILES")
        found.add(inchikey14(flat))
    return frozenset(found)


def _blocks_of(library: pa.Table) -> list[str]:
    """First blocks of the records' InChIKeys, "" where nothing gives one."""
    return [
        claimed[:14] if claimed else (inchikey14(flat) if (flat := flat_smiles(smiles)) else "")
        for claimed, smiles in zip(library["inchikey"].to_pylist(), library["smiles"].to_pylist(), strict=True)
    ]
