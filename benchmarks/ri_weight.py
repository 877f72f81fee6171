"""How much a retention index should count beside the spectrum: top-1 over weights of the penalty.

Replicate spectra are real; their indices are simulated, since no open library has both for many compounds. A compound's
index is a linear function of its size, polarity and rings, fitted to measured indices, plus its own deviation (sd 25).
A library record is off by sd 8, one in twenty by sd 150; a query by 4 x Student's t with 3 degrees of freedom.

    python benchmarks/ri_weight.py LIBRARY INDICES_CSV [--split train]
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rdkit import Chem, RDLogger
from rdkit.Chem import Crippen, Descriptors, rdMolDescriptors
from scipy.sparse import csr_array

from spectus.identify import ri_comparison
from spectus.library.records import read_spectra
from spectus.library.similarity import cosine_top, weighted_matrix

TOLERANCES = (10.0, 20.0, 40.0)
EXPONENTS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path, help="spectra with InChIKeys and SMILES, several of some compounds")
    parser.add_argument("indices", type=Path, help="CSV with columns smiles and ri")
    parser.add_argument("--split", help="only records with this value in the column `split`")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")
    spectra = read_spectra(options.library)
    if options.split:
        spectra = spectra.filter(pc.equal(pq.read_table(options.library, columns=["split"])["split"], options.split))
    random = np.random.default_rng(options.seed)
    compound = np.array([key[:14] for key in spectra["inchikey"].to_pylist()])
    true_ri = _compound_indices(spectra, compound, pd.read_csv(options.indices), random)
    library_ri = true_ri + random.normal(0, np.where(random.random(len(compound)) < 0.05, 150.0, 8.0))
    query_ri = true_ri + 4 * random.standard_t(3, len(compound))
    _, number, count = np.unique(compound, return_inverse=True, return_counts=True)
    queries = random.permutation(np.flatnonzero(count[number] > 1))[:1000]
    matrix = weighted_matrix(spectra["mz"], spectra["intensity"])
    for share in (1.0, 0.5, 0.1):
        known = np.where(random.random(len(compound)) < share, library_ri, np.nan)
        print(f"{share:.0%} of the library has an index; top-1 over the weight {EXPONENTS}")
        for tolerance in TOLERANCES:
            found = [_top_1(matrix, queries, compound, query_ri, known, tolerance, weight) for weight in EXPONENTS]
            print(f"  tolerance {tolerance:4.0f}: " + "  ".join(f"{share:.3f}" for share in found))


def _top_1(
    matrix: csr_array, queries: NDArray[np.int64], compound: NDArray[np.str_], query_ri: NDArray[np.float64],
    library_ri: NDArray[np.float64], tolerance: float, weight: float,
) -> float:  # fmt: skip
    def factor(query: NDArray[np.int64], entry: NDArray[np.int64]) -> NDArray[np.float64]:
        delta = query_ri[queries[query]] - library_ri[entry]
        penalty = ri_comparison.ri_factor(delta, tolerance) ** (weight / ri_comparison.RI_WEIGHT)
        return np.where(entry == queries[query], 0.0, penalty)

    hits = cosine_top(csr_array(matrix[queries]), matrix, 1, factor=factor)
    return float((compound[hits.entry] == compound[queries[hits.query]]).sum() / len(queries))


def _compound_indices(
    spectra: pa.Table, compound: NDArray[np.str_], measured: pd.DataFrame, random: np.random.Generator
) -> NDArray[np.float64]:
    """(n_spectra,) an index for each record, the same for all records of a compound."""
    known = [(_features(smiles), ri) for smiles, ri in zip(measured["smiles"], measured["ri"], strict=True)]
    features = np.array([row for row, _ in known if row is not None])
    coefficients = np.linalg.lstsq(features, np.array([ri for row, ri in known if row is not None]))[0]
    _, first, number = np.unique(compound, return_index=True, return_inverse=True)
    smiles = spectra["smiles"].take(pa.array(first)).to_pylist()
    of_compound = np.array([_features(text) or [0.0] * features.shape[1] for text in smiles]) @ coefficients
    return (of_compound + random.normal(0, 25, len(first)))[number]


def _features(smiles: str | None) -> list[float] | None:
    molecule = Chem.MolFromSmiles(smiles) if smiles else None
    if molecule is None:
        return None
    return [
        1.0, molecule.GetNumHeavyAtoms(), Descriptors.MolWt(molecule), Crippen.MolLogP(molecule),
        rdMolDescriptors.CalcTPSA(molecule), rdMolDescriptors.CalcNumHBD(molecule),
        rdMolDescriptors.CalcNumRings(molecule), rdMolDescriptors.CalcNumAromaticRings(molecule),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
