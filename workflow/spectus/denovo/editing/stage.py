"""Structure editing in the stage `spectus denovo`: hits of a search and SpecTUS's answers to ranked candidates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from spectus import tables
from spectus.denovo.constraints import Target
from spectus.denovo.editing.mass_distribution import load_mass_model
from spectus.denovo.editing.plausibility import log_probabilities
from spectus.denovo.editing.scoring import Scorers
from spectus.denovo.editing.search import EDIT, HIT, MODEL, EditSearch, Found, Tools, Wanted
from spectus.denovo.editing.settings import EditingSettings
from spectus.denovo.editing.statistics import load_statistics
from spectus.denovo.translator import Answer, Translator
from spectus.errors import InputError
from spectus.learning.measured_spectra import dense
from spectus.molecules.exclusions import NO_EXCLUSIONS, Exclusions
from spectus.structures import flat_smiles, quiet_rdkit

BINS = 1000
"""Nominal masses of a spectrum that editing sees, u. Chosen: prediction models end before."""


@dataclass(frozen=True)
class Seeds:
    """What a search found for one query.

    Attributes
    ----------
    hits : tuple of str
        Canonical SMILES of hits without stereochemistry, best first.
    known : bool
        A measured library holds the compound, so that nothing is to be edited.
    """

    hits: tuple[str, ...] = ()
    known: bool = False


class Editor:
    """Edits structures for queries.

    Parameters
    ----------
    settings
        How far.
    seeds
        Seeds by query.
    scorers
        Say how well structures explain a spectrum.
    """

    def __init__(self, settings: EditingSettings, seeds: dict[str, Seeds], scorers: Scorers) -> None:
        self.settings, self.seeds = settings, seeds
        self.tools = Tools(scorers, load_statistics(), load_mass_model())

    def wants(self, row: dict[str, Any]) -> bool:
        """Say whether a query is edited: it has peaks, seeds, and no good hit in a measured library."""
        seeds = self.seeds.get(row["name"], Seeds())
        return not row["reason"] and not seeds.known and (bool(seeds.hits) or self.settings.own_seeds)

    def candidates(
        self, row: dict[str, Any], answer: Answer, target: Target | None, translator: Translator
    ) -> list[dict[str, Any]]:
        """Edit the structures of one query.

        Parameters
        ----------
        row
            The query, of the SPECTRA schema.
        answer
            SpecTUS's structures.
        target
            The query's formula or mass; None: any.
        translator
            The model that reads the best structures.

        Returns
        -------
        list of dict
            Columns smiles, log_prob, method, parent and score of DENOVO_CANDIDATES, best first. Hits of the search that
            no edit leads to are left out, since the table of hits has them.
        """
        intensity = dense([row["mz"]], [row["intensity"]], BINS)[0]
        mass = None if target is None else target.nominal_mass()
        search = EditSearch(intensity, self.tools, self.settings, self._wanted(target), mass)

        def read(smiles: Sequence[str]) -> NDArray[np.float64]:
            return log_probabilities(translator.exact or translator.model, translator.tokenizer, row, smiles)

        with quiet_rdkit():
            ranked = search.run(self.seeds.get(row["name"], Seeds()).hits, answer.structures, read)
        new = [found for found in ranked if found.sources != {HIT}]
        return [_record(found) for found in new[: self.settings.candidates]]

    def _wanted(self, target: Target | None) -> Wanted | None:
        pattern = substructure_of(self.settings.substructure) if self.settings.substructure else None
        if target is None and pattern is None:
            return None

        def wanted(smiles: str) -> bool:
            if target is not None and not target.accepts(smiles):
                return False
            return pattern is None or bool(Chem.MolFromSmiles(smiles).HasSubstructMatch(pattern))

        return wanted


def substructure_of(text: str) -> Chem.Mol:
    """Read a substructure.

    Parameters
    ----------
    text
        SMARTS.

    Raises
    ------
    InputError
        It is none.
    """
    with quiet_rdkit():
        pattern = Chem.MolFromSmarts(text)
    if pattern is None or not pattern.GetNumAtoms():
        raise InputError(f"--substructure {text}", "is no SMARTS", "write for example c1ccccc1Cl")
    return pattern


def read_seeds(
    hits: Iterable[Path], queries: Iterable[str], settings: EditingSettings, exclusions: Exclusions = NO_EXCLUSIONS
) -> dict[str, Seeds]:
    """Read the seeds of queries from tables of library hits.

    Hits of several libraries are merged by their place within their table and kind (measured or predicted), since
    scores of different kinds cannot be compared.

    Parameters
    ----------
    hits
        Tables LIBRARY_HITS.
    queries
        Names of the queries; rows of others are left out.
    settings
        The score from which on a measured hit is the answer.
    exclusions
        Compounds whose hits are left out, for a blind test.

    Raises
    ------
    InputError
        A table cannot be read.
    """
    wanted, found = set(queries), dict[str, list[tuple[int, str]]]()
    known = set[str]()
    columns = ["query", "rank", "smiles", "score", "predicted", "reason"]
    for path in hits:
        places = dict[tuple[str, bool, str], int]()
        for row in tables.read(path, tables.LIBRARY_HITS, columns).to_pylist():
            query = row["query"]
            if query not in wanted or row["reason"] is not None or exclusions.reason(row["smiles"]):
                continue
            if not row["predicted"] and row["score"] >= settings.library_score:
                known.add(query)
            kind = (query, bool(row["predicted"]), str(path))
            places[kind] = places.get(kind, 0) + 1
            if row["smiles"]:
                found.setdefault(query, []).append((places[kind], row["smiles"]))
    seeds = dict[str, Seeds]()
    with quiet_rdkit():
        for query in wanted:
            ordered = dict.fromkeys(flat_smiles(smiles) for _, smiles in sorted(found.get(query, [])))
            seeds[query] = Seeds(tuple(smiles for smiles in ordered if smiles), query in known)
    return seeds


def _record(found: Found) -> dict[str, Any]:
    named = [source for source in (MODEL, EDIT) if source in found.sources]
    return {
        "smiles": found.smiles,
        "log_prob": None if np.isnan(found.log_prob) else found.log_prob,
        "method": "+".join(named),
        "parent": found.parent,
        "score": found.total,
    }
