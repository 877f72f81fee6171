"""The command `spectus forward`: a library of predicted spectra that `spectus search` reads like any other.

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
from spectus.library.parquet import PREDICTED_BY
from spectus.molecules.reading import Listed, read_molecules
from spectus.prediction.compact import PEAKS, peak_lists
from spectus.prediction.registry import load_prediction_model
from spectus.structures import quiet_rdkit
from spectus.tables import SPECTRA

_ROWS_AT_ONCE = 16_384


def write_predicted_library(
    molecules: Path, model: str, out: Path, *, part: tuple[int, int] = (1, 1), peaks: int = PEAKS, threads: int = 0
) -> None:
    """Predict the 70 eV spectra of a list of molecules and write them as a library; print what is in it.

    A molecule that cannot be predicted keeps its row with the reason and without peaks, as in every library. The work
    goes in blocks, so the list may be longer than memory.

    Parameters
    ----------
    molecules: a file that `molecules.read_molecules` reads.
    model: folder of a forward model, or a name: see `predictors.load_predictor`.
    part: (i, n), every n-th molecule from the i-th.
    peaks: the most peaks a spectrum keeps, the highest ones.
    threads: CPU threads; 0: all.

    Raises
    ------
    InputError: an unreadable list or model, or no molecule that can be predicted; nothing is written then.
    """
    if peaks < 1:
        raise InputError(f"--peaks {peaks}", "is not a number of peaks", "give 1 or more")
    forward = load_prediction_model(model, threads)
    unusable: Counter[str] = Counter()
    seen: dict[str, int] = {}
    n_molecules, predicting = 0, 0.0
    extra = {PREDICTED_BY: forward.name, "model_sha256": forward.sha256, "part": f"{part[0]}/{part[1]}"}
    listed = islice(read_molecules(molecules), part[0] - 1, None, part[1])
    with (
        tables.writing(out, SPECTRA, extra) as writer,
        tqdm(desc="forward", unit=" molecules", disable=None) as bar,
    ):
        for block in _blocks(listed, _ROWS_AT_ONCE):
            started = time.process_time()
            spectra, reasons = forward.predict([molecule.smiles for molecule in block])
            predicting += time.process_time() - started
            rows = _rows(block, reasons, spectra, n_molecules, peaks, seen)
            writer.append(rows)
            unusable.update(reason for reason in rows["reason"].to_pylist() if reason)
            n_molecules += len(block)
            bar.update(len(block))
        n_usable = n_molecules - sum(unusable.values())
        if not n_usable:
            why = ", ".join(f"{reason}: {n:,}" for reason, n in unusable.most_common()) or "the part is empty"
            raise InputError(molecules, f"holds no molecule that can be predicted ({why})", "give other molecules")
    print(f"{out}: {n_usable:,} of {n_molecules:,} molecules predicted, {predicting:.0f} CPU s")
    for reason, n in unusable.most_common():
        print(f"  {n:,} not: {reason}")


def _rows(
    block: Sequence[Listed], refused: Sequence[str | None], spectra: NDArray[np.float32], first: int, peaks: int,
    seen: dict[str, int],
) -> pa.Table:  # fmt: skip
    """Rows of schema SPECTRA, numbered from `first`; `seen` counts the names given so far."""
    mz, intensity = peak_lists(spectra, peaks)
    empty = spectra.max(axis=1) <= 0
    reasons = [
        reason or ("nothing predicted" if nothing else None)
        for reason, nothing in zip(refused, empty.tolist(), strict=True)
    ]
    with quiet_rdkit():
        identities = [
            _identity(molecule) if reason is None else (None, None)
            for molecule, reason in zip(block, reasons, strict=True)
        ]
    return tables.table(
        SPECTRA,
        {
            "entry": range(first, first + len(block)),
            "name": [_name(molecule, first + at, seen) for at, molecule in enumerate(block)],
            "smiles": [molecule.smiles for molecule in block],
            "inchikey": [key for key, _ in identities],
            "formula": [formula for _, formula in identities],
            "mz": mz,
            "intensity": intensity,
            "reason": reasons,
        },
    )


def _identity(molecule: Listed) -> tuple[str, str]:
    drawn = Chem.MolFromSmiles(molecule.smiles)
    return Chem.MolToInchiKey(drawn), CalcMolFormula(drawn)


def _name(molecule: Listed, entry: int, seen: dict[str, int]) -> str:
    """What the list calls it, with its CAS number; its place in the library where the list gives no name."""
    given = " ".join(filter(None, [molecule.name, f"CAS {molecule.cas}" if molecule.cas else None]))
    if not given:
        return f"entry {entry}"
    seen[given] = seen.get(given, 0) + 1
    return given if seen[given] == 1 else f"{given}#{seen[given]}"


def _blocks(molecules: Iterator[Listed], size: int) -> Iterator[list[Listed]]:
    while block := list(islice(molecules, size)):
        yield block
