"""Compounds that a list must not hold, because models trained with it are scored on them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from spectus.errors import InputError
from spectus.files import require_file
from spectus.library.records import read_spectra
from spectus.structures import flat_smiles, inchikey14, quiet_rdkit


@dataclass(frozen=True)
class Hidden:
    """Compounds to leave out, known by the first block of the InChIKey computed from their structure.

    `held_out`: SHA-1 sums of such blocks; `blocks`: such blocks.
    """

    held_out: frozenset[str] = frozenset()
    blocks: frozenset[str] = frozenset()

    @classmethod
    def read(cls, held_out: Path | None = None, library: Path | None = None, split: str | None = None) -> "Hidden":
        """What a file of SHA-1 sums and a library name.

        Parameters
        ----------
        held_out: SHA-1 sums of first blocks, one a line.
        library: its compounds are hidden, those of records without a usable spectrum too.
        split: of these only the records with this value in the column `split`.

        Raises
        ------
        InputError: a file that cannot be read, a library without structures or without the split, a split without a
            library.
        """
        if split is not None and library is None:
            raise InputError(f"--split {split}", "is of no library", "name one with --without")
        return cls(read_held_out(held_out), compounds_of(library, split) if library else frozenset())

    def reason(self, smiles: str) -> str | None:
        """Why a molecule (canonical SMILES) is left out; None if it may stay."""
        if not self.held_out and not self.blocks:
            return None
        block = inchikey14(smiles)
        if is_held_out(block, self.held_out):
            return "held out"
        return "in the library that --without names" if block in self.blocks else None


NOTHING_HIDDEN = Hidden()


def compounds_of(library: Path, split: str | None = None) -> frozenset[str]:
    """First blocks of the InChIKeys of a library's compounds, made from the SMILES; what the record claims where it has
    none.

    Raises
    ------
    InputError: no such split, or no record with a structure.
    """
    records = read_spectra(library).select(["smiles", "inchikey"])
    if split is not None:
        records = records.filter(_of_split(library, split))
    found = set[str]()
    with quiet_rdkit():
        for smiles, claimed in zip(records["smiles"].to_pylist(), records["inchikey"].to_pylist(), strict=True):
            flat = flat_smiles(smiles)
            block = inchikey14(flat) if flat else (claimed or "")[:14]
            if block:
                found.add(block)
    if not found:
        of_split = f" of the split {split}" if split is not None else ""
        raise InputError(library, f"has no record{of_split} with a structure", "give a library with SMILES")
    return frozenset(found)


def _of_split(library: Path, split: str) -> pa.Array:
    if library.suffix.lower() != ".parquet" or "split" not in pq.read_schema(library).names:
        raise InputError(library, "has no column `split`", "give a Parquet library that has one, or no --split")
    values = pq.read_table(library, columns=["split"])["split"].to_pylist()
    return pa.array([value is not None and str(value) == split for value in values], pa.bool_())


def read_held_out(path: Path | None) -> frozenset[str]:
    """SHA-1 sums of the first InChIKey blocks of compounds that no training may see."""
    if path is None:
        return frozenset()
    return frozenset(require_file(path).read_text(encoding="ascii").split())


def is_held_out(inchikey: str, held_out: frozenset[str]) -> bool:
    return hashlib.sha1(inchikey[:14].encode(), usedforsecurity=False).hexdigest() in held_out
