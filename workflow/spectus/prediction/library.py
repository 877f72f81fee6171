"""The command `spectus predict`: a library of predicted spectra that `spectus search` reads like any other.

The columns are those of every library (schema SPECTRA). Spectra are compact (`compact`): Parquet's dictionary pages
store an m/z and an intensity in about a byte each.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcMolFormula
from tqdm import tqdm

from spectus import tables
from spectus.errors import InputError
from spectus.files import resource
from spectus.library.fields import cas_number
from spectus.library.parquet import PREDICTED_BY
from spectus.molecules.reading import Listed, read_molecules
from spectus.prediction.base import PredictionModel
from spectus.prediction.compact import peak_lists
from spectus.prediction.registry import load_prediction_model
from spectus.prediction.settings import SHIPPED_LIBRARIES, PredictSettings
from spectus.structures import inchikey_of, quiet_rdkit
from spectus.tables import SPECTRA

_ROWS_AT_ONCE = 16_384
"""Molecules that are predicted and written together. Chosen: some 40 MB of dense spectra."""


def write_predicted_library(
    molecules: Path, model: str | Path, out: Path, settings: PredictSettings | None = None
) -> None:
    """Predict the 70 eV spectra of a molecule list, write them as a library, and print what is in it.

    A molecule that cannot be predicted keeps its row with the reason and without peaks, as in every library. The work
    goes in blocks, so the list may be longer than memory.

    Parameters
    ----------
    molecules
        A file that `molecules.reading.read_molecules` reads.
    model
        Name or folder of a prediction model, as of `registry.load_prediction_model`.
    out
        Parquet library to write.
    settings
        How it is written; None takes the defaults.

    Raises
    ------
    InputError
        The list or the model cannot be read, or no molecule can be predicted. Nothing is written then.
    """
    settings = settings or PredictSettings()
    if settings.peaks < 1:
        raise InputError(f"--peaks {settings.peaks}", "is not a number of peaks", "give 1 or more")
    predicting = load_prediction_model(model, settings.threads)
    index, total = settings.chunk
    said = {PREDICTED_BY: predicting.name, "model_sha256": predicting.sha256, "chunk": f"{index}/{total}"}
    listed = islice(read_molecules(molecules), index - 1, None, total)
    started, writing = time.process_time(), _Rows(predicting, settings.peaks)
    with (
        tables.writing(out, SPECTRA, said) as writer,
        tqdm(desc="predict", unit=" molecules", disable=None) as bar,
    ):
        for block in _blocks(listed, _ROWS_AT_ONCE):
            writer.append(writing.rows(block))
            bar.update(len(block))
        if not writing.n_predicted:
            why = ", ".join(f"{reason}: {n:,}" for reason, n in writing.reasons.most_common()) or "the chunk is empty"
            raise InputError(molecules, f"holds no molecule that can be predicted ({why})", "give other molecules")
    print(
        f"{out}: {writing.n_predicted:,} of {writing.n_molecules:,} molecules predicted, "
        f"{time.process_time() - started:.0f} CPU s"
    )
    for reason, n in writing.reasons.most_common():
        print(f"  {n:,} not: {reason}")


def named_library(library: str | Path) -> Path:
    """Return the path of a library: the names of those that ship stand for them, unless a file is called so."""
    text = str(library)
    if text not in SHIPPED_LIBRARIES or Path(text).exists():
        return Path(library)
    return resource(SHIPPED_LIBRARIES[text])


def shipped_library() -> Path:
    """Return the library `named` of predicted spectra of 53,800 compounds that ships.

    `scripts/named_library.py` makes it.

    Raises
    ------
    InputError
        The resources of the project are not found.
    """
    return resource(SHIPPED_LIBRARIES["named"])


class _Rows:
    """Rows of schema SPECTRA of a molecule list, block by block, and counts of what they hold."""

    def __init__(self, model: PredictionModel, peaks: int) -> None:
        self.model, self.peaks = model, peaks
        self.n_molecules = 0
        self.reasons = Counter[str]()
        self._names = Counter[str]()

    @property
    def n_predicted(self) -> int:
        """Molecules that were predicted so far."""
        return self.n_molecules - sum(self.reasons.values())

    def rows(self, block: Sequence[Listed]) -> pa.Table:
        """Return the rows of the next molecules."""
        spectra, refused = self.model.predict([molecule.smiles for molecule in block])
        return self.rows_of(block, spectra, refused)

    def rows_of(self, block: Sequence[Listed], spectra: NDArray[np.float32], refused: Sequence[str | None]) -> pa.Table:
        """Return the rows of molecules with their dense spectra (n, bins) and the reasons of those refused."""
        mz, intensity = peak_lists(spectra, self.peaks)
        empty = spectra.max(axis=1) <= 0
        reasons = [
            reason or ("nothing predicted" if nothing else None)
            for reason, nothing in zip(refused, empty.tolist(), strict=True)
        ]
        with quiet_rdkit():
            identities = [
                _identity(molecule.smiles) if reason is None else (None, None)
                for molecule, reason in zip(block, reasons, strict=True)
            ]
        first = self.n_molecules
        rows = tables.table(
            SPECTRA,
            {
                "entry": range(first, first + len(block)),
                "name": [self._name(molecule, first + at) for at, molecule in enumerate(block)],
                "smiles": [molecule.smiles for molecule in block],
                "inchikey": [inchikey for inchikey, _ in identities],
                "formula": [formula for _, formula in identities],
                "cas": [cas_number(molecule.cas) for molecule in block],
                "mz": mz,
                "intensity": intensity,
                "reason": reasons,
            },
        )
        self.n_molecules += len(block)
        self.reasons.update(reason for reason in reasons if reason)
        return rows

    def _name(self, molecule: Listed, entry: int) -> str:
        """Return the list's name of a molecule, else its CAS number, else its place in the library."""
        given = molecule.name or molecule.cas
        if not given:
            return f"entry {entry}"
        self._names[given] += 1
        return given if self._names[given] == 1 else f"{given}#{self._names[given]}"


def _identity(smiles: str | None) -> tuple[str, str]:
    """Return the InChIKey and the formula of a molecule that was predicted, stereochemistry included."""
    drawn = Chem.MolFromSmiles(smiles)
    return inchikey_of(drawn), CalcMolFormula(drawn)


def _blocks(molecules: Iterator[Listed], size: int) -> Iterator[list[Listed]]:
    while block := list(islice(molecules, size)):
        yield block
