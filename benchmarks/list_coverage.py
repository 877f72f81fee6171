"""How many compounds of a library with structures are on the lists that ship, by their nominal mass.

    python benchmarks/list_coverage.py training.parquet [--split train] [--lists named derivatized]

Compounds with and without silicon are counted apart, because the derivatives are a list of their own.
"""

import argparse
from pathlib import Path

import pandas as pd
from rdkit import Chem

from spectus.molecules.suitability import nominal_mass
from spectus.prediction.library import named_library
from spectus.structures import inchikey14, quiet_rdkit

BOUNDS = [0, 80, 100, 120, 140, 160, 180, 200, 250, 300, 350, 400, 500]
"""Of the intervals of masses, u."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path)
    parser.add_argument("--split", help="value of the column `split`")
    parser.add_argument("--lists", nargs="+", default=["named"], help="libraries (default: named)")
    options = parser.parse_args()
    records = pd.read_parquet(options.library)
    if options.split:
        records = records[records["split"] == options.split]
    found = records[["smiles"]].dropna().drop_duplicates()
    listed = set[str]()
    for library in options.lists:
        listed |= set(pd.read_parquet(named_library(library), columns=["inchikey"])["inchikey"].dropna().str[:14])
    with quiet_rdkit():
        found = found.assign(key=[inchikey14(smiles) for smiles in found["smiles"]]).drop_duplicates("key")
        masses = [nominal_mass(Chem.MolFromSmiles(smiles)) for smiles in found["smiles"]]
    found = found.assign(
        listed=found["key"].isin(listed), mass=pd.cut(masses, BOUNDS),
        silicon=found["smiles"].str.contains("[Si]", regex=False),
    )  # fmt: skip
    for silicon, some in found.groupby("silicon"):
        print(f"{'with' if silicon else 'without'} silicon: {len(some):,}, {100 * some['listed'].mean():.1f} % listed")
        by_mass = some.groupby("mass", observed=True)["listed"].agg(["size", "mean"])
        print((by_mass.assign(mean=(100 * by_mass["mean"]).round(1))).to_string())


if __name__ == "__main__":
    main()
