"""Train the perceptron that finds the molecular mass in a spectrum (resources/models/editing-open/mass.npz).

    python scripts/train_mass_model.py LIBRARY --exclude FILE --out mass.npz
    python scripts/train_mass_model.py LIBRARY --exclude FILE --leave-out COLUMN

The first command learns from the split train. The second one prints how often the mass is right on each value of the
column (such as `fold` or `laboratory`), by a perceptron that learned from neither its spectra nor its compounds.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rdkit import Chem

from spectus.denovo.editing.mass_distribution import MassModel
from spectus.denovo.editing.mass_training import MassTraining, compound_weights, train_mass_model
from spectus.denovo.editing.molecule import nominal_mass
from spectus.learning.measured_spectra import dense
from spectus.molecules.exclusions import Exclusions
from spectus.structures import flat_smiles, inchikey14, quiet_rdkit

_BINS = 1000
"""Nominal masses of a spectrum, u."""


def main() -> None:
    """Read the spectra, then train and write, or train without each value of a column and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path, help="Parquet with structures and a column `split`")
    parser.add_argument("--exclude", nargs="+", default=[], type=Path, help="compounds to leave out")
    parser.add_argument("--out", type=Path, help="file to write")
    parser.add_argument("--leave-out", metavar="COLUMN", help="print scores instead")
    parser.add_argument("--seed", type=int, default=MassTraining.seed)
    options = parser.parse_args()
    spectra = _spectra(options.library, Exclusions.read(options.exclude))
    intensity = dense(spectra["mz"].tolist(), spectra["intensity"].tolist(), _BINS)
    plan = MassTraining(seed=options.seed)
    train = (spectra["split"] == "train").to_numpy()
    if options.out:
        _trained(spectra, intensity, train, plan).write(options.out)
    for value in sorted(spectra[options.leave_out].dropna().unique()) if options.leave_out else []:
        own = (spectra[options.leave_out] == value).to_numpy()
        others = train & ~spectra["key"].isin(set(spectra["key"][own])).to_numpy()
        model = _trained(spectra, intensity, others, plan)
        print(
            f"{value}: {own.sum()} spectra, {_shares(model, intensity[own], spectra['mass'].to_numpy()[own])}",
            flush=True,
        )


def _spectra(path: Path, exclusions: Exclusions) -> pd.DataFrame:
    table = pq.read_table(path).to_pandas()
    with quiet_rdkit():
        table["flat"] = [flat_smiles(smiles) if isinstance(smiles, str) else None for smiles in table["smiles"]]
        table = table[table["flat"].notna()]
        kept = [exclusions.reason(smiles) is None for smiles in table["flat"]]
        table = table[kept].reset_index(drop=True)
        table["mass"] = [nominal_mass(Chem.MolFromSmiles(smiles)) for smiles in table["flat"]]
        table["key"] = [inchikey14(smiles) for smiles in table["flat"]]
    return table


def _trained(
    spectra: pd.DataFrame, intensity: NDArray[np.float32], rows: NDArray[np.bool_], plan: MassTraining
) -> MassModel:
    masses = spectra["mass"].to_numpy()[rows]
    return train_mass_model(intensity[rows], masses, compound_weights(spectra["key"][rows].tolist()), plan)


def _shares(model: MassModel, intensity: NDArray[np.float32], masses: NDArray[np.int64]) -> str:
    places = []
    for spectrum, mass in zip(intensity, masses.tolist(), strict=True):
        possible, logarithms = model.log_probabilities(spectrum)
        found = logarithms[possible == mass]
        places.append((logarithms > found[0]).sum() if len(found) else len(possible))
    return ", ".join(f"{100 * np.mean(np.array(places) < n):.1f} % among {n}" for n in (1, 3, 8))


if __name__ == "__main__":
    main()
