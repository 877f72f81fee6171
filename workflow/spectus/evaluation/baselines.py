"""Library searches to compare a de novo model with: the same queries, the candidates of each search in the same form.

The first two and the last are those of arXiv 2502.05114. m/z are rounded to integers, as there, and peaks that round to
the same integer are summed, so that a tolerance of 0.1 means equality.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcExactMolWt
from scipy.sparse import csr_array
from tqdm import tqdm

from spectus.errors import InputError
from spectus.evaluation.metrics import Scorer
from spectus.library.hybrid import MassSpectra, hybrid_top
from spectus.library.similarity import Hits, cosine_top, weighted_matrix
from spectus.library.splits import read_split_table
from spectus.molecules.exclusions import Exclusions
from spectus.structures import flat_smiles, inchikey14, quiet_rdkit

ABOUT = {
    "cosine": "plain cosine (SSS: matchms CosineGreedy, tolerance 0.1, intensity power 1, m/z power 0)",
    "hybrid": "modified cosine (HSS: matchms ModifiedCosine) given the true molecular mass of each query: an oracle",
    "weighted": "the weighted cosine of `spectus search`, without retention indices",
    "nearest": "the reference's structure most similar to the ground truth (BDC): an oracle that bounds every search",
}
"""What each search does, by its name."""


@dataclass(frozen=True)
class KnownSpectra:
    """Spectra of known structure.

    Attributes
    ----------
    table
        Schema SPECTRA, (n,) rows.
    smiles
        Canonical SMILES without stereochemistry of each row.
    compounds
        First block of the InChIKey of each row, made from the SMILES.
    n_no_structure, n_excluded
        Records that were left out, since they have no structure or are of an excluded compound.
    """

    table: pa.Table
    smiles: list[str]
    compounds: list[str]
    n_no_structure: int
    n_excluded: int

    @classmethod
    def read(cls, path: Path, split: str | None, excluded: Exclusions) -> "KnownSpectra":
        """Read the usable records of a library that have a structure and are not excluded.

        Parameters
        ----------
        path
            The library.
        split
            Only records with this value in the column `split`; None: all.
        excluded
            Compounds to leave out.

        Returns
        -------
        KnownSpectra
            At least one spectrum.

        Raises
        ------
        InputError
            The file cannot be read or has no `split`, or nothing is left.
        """
        table = read_split_table(path, split)
        of_split = "" if split is None else f" of split '{split}'"
        if not len(table):
            raise InputError(path, f"holds no usable spectrum{of_split}", "check the file and the split's name")
        identities = _identities(table["smiles"].to_pylist(), path.name)
        known = [identity is not None for identity in identities]
        keep = [identity is not None and excluded.reason(identity[0]) is None for identity in identities]
        if not any(known):
            raise InputError(path, f"holds no usable spectrum{of_split} with a structure", "give a library with SMILES")
        if not any(keep):
            raise InputError(path, f"holds only excluded compounds{of_split}", "exclude fewer compounds")
        kept = [identity for identity, wanted in zip(identities, keep, strict=True) if identity and wanted]
        smiles, compounds = ([identity[i] for identity in kept] for i in (0, 1))
        return cls(table.filter(pa.array(keep)), smiles, compounds, len(table) - sum(known), sum(known) - sum(keep))

    def take(self, rows: Sequence[int]) -> "KnownSpectra":
        """Return some of the spectra.

        Parameters
        ----------
        rows
            Numbers of the rows, from 0.
        """
        smiles, compounds = ([values[row] for row in rows] for values in (self.smiles, self.compounds))
        return replace(self, table=self.table.take(pa.array(rows, pa.int64())), smiles=smiles, compounds=compounds)

    def masses(self) -> NDArray[np.int64]:
        """Return the monoisotopic molecular masses, rounded to integers, (n,), u."""
        mass = {smiles: round(CalcExactMolWt(Chem.MolFromSmiles(smiles))) for smiles in dict.fromkeys(self.smiles)}
        return np.array([mass[smiles] for smiles in self.smiles], dtype=np.int64)


def search_all(queries: KnownSpectra, reference: KnownSpectra, k: int, scorer: Scorer) -> dict[str, list[list[str]]]:
    """Search a library by every method of `ABOUT`.

    Parameters
    ----------
    queries, reference
        What is searched for, and where.
    k
        Largest number of records of a query.
    scorer
        Compares structures.

    Returns
    -------
    dict of str to list of list of str
        By method and query: the structures of the best records, each once, best first.
    """
    asked, searched = _plain(queries), _plain(reference)
    weighted = [weighted_matrix(part.table["mz"], part.table["intensity"]) for part in (queries, reference)]
    hits = {
        "cosine": cosine_top(asked, searched, k),
        "hybrid": hybrid_top(MassSpectra(asked, queries.masses()), MassSpectra(searched, reference.masses()), k),
        "weighted": cosine_top(weighted[0], weighted[1], k),
    }
    found = {name: _structures(each, len(queries.smiles), reference.smiles) for name, each in hits.items()}
    return found | {"nearest": nearest(queries.smiles, reference.smiles, k, scorer)}


def nearest(ground_truths: Sequence[str], structures: Sequence[str], k: int, scorer: Scorer) -> list[list[str]]:
    """Find the structures most similar to each ground truth.

    Parameters
    ----------
    ground_truths
        Canonical SMILES of each query.
    structures
        Canonical SMILES to choose from.
    k
        Largest number of structures of a query.
    scorer
        Compares structures.

    Returns
    -------
    list of list of str
        For each query the structures by falling similarity, none of similarity 0. The ground truth itself, if it is
        there, is the first of its equals.
    """
    different = list(dict.fromkeys(structures))
    held, prints, best = set(different), scorer.fingerprints(different), dict[str, list[str]]()
    wanted = list(dict.fromkeys(ground_truths))
    for ground_truth in tqdm(wanted, desc="nearest structures", unit=" compounds", disable=None, leave=False, delay=1):
        similarity = np.array(scorer.similarities(ground_truth, prints))
        order = np.argsort(-similarity, kind="stable")[:k]
        candidates = [different[i] for i in order if similarity[i] > 0]
        best[ground_truth] = (
            list(dict.fromkeys([ground_truth, *candidates]))[:k] if ground_truth in held else candidates
        )
    return [best[ground_truth] for ground_truth in ground_truths]


def _identities(smiles: Sequence[str | None], name: str) -> list[tuple[str, str] | None]:
    """Canonical SMILES and first InChIKey block of each record; None for what is no molecule."""
    known: dict[str | None, tuple[str, str] | None] = {None: None}
    with quiet_rdkit():
        for text in tqdm(smiles, desc=f"structures of {name}", unit=" records", disable=None, leave=False, delay=1):
            if text not in known:
                flat = flat_smiles(text)
                usable = flat is not None and Chem.MolFromSmiles(flat) is not None
                known[text] = (str(flat), inchikey14(str(flat)) or str(flat)) if usable else None
    return [known[text] for text in smiles]


def _plain(spectra: KnownSpectra) -> csr_array:
    """(n, n_masses) intensities as they are, over m/z rounded to integers; rows of length 1."""
    mz = spectra.table["mz"].combine_chunks()
    lengths = pc.list_value_length(mz).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    whole = pa.ListArray.from_arrays(offsets, pa.array(np.rint(pc.list_flatten(mz).to_numpy())))
    return weighted_matrix(whole, spectra.table["intensity"], intensity_power=1, mass_power=0)


def _structures(hits: Hits, n_queries: int, smiles: Sequence[str]) -> list[list[str]]:
    """Return the structures of each query's hits, each once; several records of a compound are one candidate."""
    ends = np.searchsorted(hits.query, np.arange(n_queries + 1))
    return [list(dict.fromkeys(smiles[entry] for entry in hits.entry[a:b])) for a, b in pairwise(ends.tolist())]
