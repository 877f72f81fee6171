"""The column `split` of a library: which compounds serve to train and which to validate."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spectus.errors import InputError
from spectus.library.records import read_spectra
from spectus.structures import flat_smiles, hashed, inchikey14, quiet_rdkit


def read_split(library: Path, split: str | None) -> list[dict[str, Any]]:
    """Usable records of a library as rows of the SPECTRA schema, of one value of its column `split` if named."""
    rows: list[dict[str, Any]] = read_split_table(library, split).to_pylist()
    return rows


def read_split_table(library: Path, split: str | None) -> pa.Table:
    """The same as a table of the SPECTRA schema."""
    spectra = read_spectra(library)
    wanted = pc.is_null(spectra["reason"])
    if split is not None:
        if library.suffix != ".parquet" or "split" not in pq.read_schema(library).names:
            raise InputError(library, "has no column `split`", "give a Parquet library that names train and valid")
        of_split = pc.equal(pq.read_table(library, columns=["split"])["split"].cast(pa.string()), split)
        wanted = pc.and_(wanted, pc.fill_null(of_split, False))
    return spectra.filter(wanted)


def assign_split(smiles: pa.ChunkedArray, valid_share: float) -> pa.Array:
    """`train` or `valid` for each structure, by a hash of its compound (first block of the InChIKey); null for none."""
    with quiet_rdkit():
        flat = {text: flat_smiles(text) for text in smiles.unique().to_pylist()}
        draw = {text: hashed(inchikey14(canonical)) for text, canonical in flat.items() if canonical is not None}
    named = {text: "valid" if number < valid_share else "train" for text, number in draw.items()}
    return pa.array([named.get(text) for text in smiles.to_pylist()], pa.string())
