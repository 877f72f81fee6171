"""The search: seeds, rounds of edits of the best structures, and the order in which they are given."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectus.denovo.editing.mass_distribution import MassModel, Votes, combined
from spectus.denovo.editing.molecule import EditableMolecule, editable
from spectus.denovo.editing.proposals import Branches, Proposal, proposals_of
from spectus.denovo.editing.scoring import CANNOT, Scorers
from spectus.denovo.editing.settings import EditingSettings
from spectus.denovo.editing.statistics import EditStatistics

MODEL, HIT, EDIT = "model", "hit", "edit"
"""Where a structure comes from."""

_TEMPERED = 0.5
"""Exponent of SpecTUS's probabilities in the vote for the mass. Chosen: they are too sure of themselves."""

_TYPICAL_MASS = 220
"""Mass of the molecule above which fewer structures are made and scored, u. Chosen: a structure of twice the mass takes
RASSP more than twice the time."""

_LEAST_MASSES = 3
"""Masses that are considered at least. Chosen: the perceptron is sometimes sure of a wrong one."""


@dataclass
class Found:
    """A structure of the pool.

    Attributes
    ----------
    smiles : str
    mass : int
        Nominal, u.
    sources : set of str
        Of `MODEL`, `HIT`, `EDIT`.
    parent : str or None
        The structure that it was edited from.
    log_odds : float
        Of its edit, and of those before it.
    score : float
        Of the scorer; `CANNOT` where the structure cannot be predicted.
    log_prob : float
        Of SpecTUS; NaN where it was not read.
    total : float
        What orders the structures.
    """

    smiles: str
    mass: int
    sources: set[str]
    parent: str | None = None
    log_odds: float = 0.0
    score: float = CANNOT
    log_prob: float = float("nan")
    total: float = CANNOT


Reader = Callable[[Sequence[str]], NDArray[np.float64]]
"""Gives the log-probabilities of structures, NaN where there is none."""


Wanted = Callable[[str], bool]
"""Says whether a structure meets the constraints of a query."""


@dataclass(frozen=True)
class Tools:
    """What a search needs beside its query.

    Attributes
    ----------
    scorers : Scorers
    statistics : EditStatistics
    masses : MassModel
    """

    scorers: Scorers
    statistics: EditStatistics
    masses: MassModel


class EditSearch:
    """The search for one query.

    Parameters
    ----------
    intensity
        The spectrum by nominal mass, (bins,), base peak 1.
    tools
        Scorer and tables.
    settings
        How far it goes.
    wanted
        Says whether a structure meets the query's constraints; None: there are none.
    mass
        Nominal mass that the molecule has, u; None: it is found.
    """

    def __init__(
        self, intensity: NDArray[np.float32], tools: Tools, settings: EditingSettings,
        wanted: Wanted | None = None, mass: int | None = None,
    ) -> None:  # fmt: skip
        self.intensity, self.tools, self.settings, self.mass = intensity, tools, settings, mass
        self.wanted = wanted or _any
        self.pool = dict[str, Found]()
        self.mass_log_probs = dict[int, float]()
        self.considered = list[int]()
        self._parents = dict[str, EditableMolecule | None]()
        self._done = set[str]()
        self._kinship = dict[str, float]()
        self._branches = Branches(tools.statistics)
        self._scorer = tools.scorers.scorer.query(intensity)
        self._screen = tools.scorers.screen.query(intensity) if tools.scorers.screen else None

    def run(self, hits: Sequence[str], model: Sequence[tuple[str, float]], reader: Reader | None = None) -> list[Found]:
        """Search.

        Parameters
        ----------
        hits
            Canonical SMILES of library hits, best first.
        model
            Canonical SMILES of SpecTUS's structures, with their log-probabilities.
        reader
            Reads the best structures at the end; None: none are read.

        Returns
        -------
        list of Found
            All structures that meet the constraints, best first.
        """
        self._add_seeds(hits, model)
        self._find_masses()
        for number in range(self.settings.rounds):
            parents = self._best_parents(self.settings.parents if number else self.settings.first_parents)
            if not parents:
                break
            if not self._edited(parents):
                continue
            self._score()
        ordered = self._ordered()
        if reader is not None and ordered:
            best = ordered[: self.settings.read]
            for found, value in zip(best, reader([found.smiles for found in best]).tolist(), strict=True):
                found.log_prob = value
            ordered = self._ordered()
        return ordered

    def _add_seeds(self, hits: Sequence[str], model: Sequence[tuple[str, float]]) -> None:
        written = dict(model)
        if self.tools.scorers.kin is not None:
            known = list(dict.fromkeys([*hits, *written]))
            values = self.tools.scorers.kin.query(self.intensity).scores(known).tolist()
            self._kinship = {smiles: value for smiles, value in zip(known, values, strict=True) if value > CANNOT}
            hits = sorted(dict.fromkeys(hits), key=lambda smiles: (-self._kinship.get(smiles, CANNOT), smiles))
        for smiles in hits[: self.settings.seeds]:
            self._add_seed(smiles, HIT, float("nan"))
        for smiles, log_prob in written.items():
            self._add_seed(smiles, MODEL, log_prob)
        self._score()

    def _add_seed(self, smiles: str, source: str, log_prob: float) -> None:
        parent = self._parent(smiles)
        if parent is None:
            return
        held = self.pool.setdefault(smiles, Found(smiles, parent.mass, set()))
        held.sources.add(source)
        if source == MODEL:
            held.log_prob = log_prob

    def _find_masses(self) -> None:
        """Find the masses that are considered."""
        if self.mass is not None:
            self.mass_log_probs, self.considered = {self.mass: 0.0}, [self.mass]
            return
        self.mass_log_probs = combined(
            self.tools.masses.log_probabilities(self.intensity), self._votes(), self.settings.vote_floor
        )
        share = 0.0
        for mass, value in list(self.mass_log_probs.items())[: self.settings.masses]:
            self.considered.append(mass)
            share += float(np.exp(value))
            if share >= self.settings.mass_share and len(self.considered) >= _LEAST_MASSES:
                break

    def _votes(self) -> list[Votes]:
        """Return the masses of the hits, by their scores, and of SpecTUS's structures, by their log-probabilities."""
        seeds = [found for found in self.pool.values() if found.score > CANNOT]
        hits = [found for found in seeds if HIT in found.sources]
        written = [found for found in seeds if MODEL in found.sources]
        return [
            Votes([one.mass for one in hits], [one.score for one in hits], self.settings.hit_votes),
            Votes(
                [one.mass for one in written], [_TEMPERED * one.log_prob for one in written], self.settings.model_votes
            ),
        ]

    def _best_parents(self, most: int) -> list[Found]:
        """Return the structures that are edited next: the best that were not yet, of any mass; first the seeds."""
        open_ones = [found for found in self.pool.values() if found.smiles not in self._done and found.score > CANNOT]
        best = sorted(open_ones, key=lambda found: (-self._as_parent(found), found.smiles))[:most]
        self._done.update(found.smiles for found in best)
        return best

    def _as_parent(self, found: Found) -> float:
        """Return how promising the edits of a structure are; a seed's mass, which edits change, plays no part."""
        if found.smiles in self._kinship and EDIT not in found.sources:
            return self._kinship[found.smiles]
        return found.score + self.settings.edit_weight * found.log_odds

    def _edited(self, parents: Sequence[Found]) -> list[Found]:
        """Make the most promising edits of some structures and return those that are new."""
        for parent in parents:
            molecule = self._parent(parent.smiles)
            if molecule is not None:
                self._branches.collect(molecule)
        best = max(self._as_parent(parent) for parent in parents)
        ranked = list[tuple[float, int, Found, Proposal]]()
        for parent in parents:
            given = self.settings.parent_weight * (self._as_parent(parent) - best)
            for proposal in self._proposals(parent):
                value = given + proposal.log_odds + self.mass_log_probs[proposal.mass]
                ranked.append((-value, len(ranked), parent, proposal))
        made = dict[str, Found]()
        for value, _, parent, proposal in heapq.nsmallest(self._scaled(self.settings.made), ranked):
            found = self._made(parent, proposal, -value)
            if found is not None and (found.smiles not in made or made[found.smiles].total < found.total):
                made[found.smiles] = found
        chosen = self._chosen(list(made.values()))
        for found in chosen:
            self.pool[found.smiles] = found
        return chosen

    def _scaled(self, number: int) -> int:
        """Return how many structures are looked at: fewer heavy ones, which take longer each."""
        mass = self.considered[0] if self.considered else 0
        return max(1, round(number * min(1.0, _TYPICAL_MASS / max(mass, 1))))

    def _made(self, parent: Found, proposal: Proposal, value: float) -> Found | None:
        """Make a structure; None if it is none, not wanted, or in the pool already."""
        result = proposal.make()
        if result is None or result[1] in self.pool or not self.wanted(result[1]):
            return None
        statistics = self.tools.statistics
        log_odds = statistics.log_odds(proposal.group, proposal.frequency, statistics.rarest(result[0]))
        found = Found(result[1], proposal.mass, {EDIT}, parent.smiles, log_odds + min(0.0, parent.log_odds))
        found.total = value + log_odds - proposal.log_odds
        return found

    def _chosen(self, made: list[Found]) -> list[Found]:
        """Return the structures that are worth scoring."""
        ranked = sorted(made, key=lambda found: (-found.total, found.smiles))
        if self._screen is not None:
            ranked = ranked[: self._scaled(self.settings.screened)]
            for found, score in zip(ranked, self._screen.scores([one.smiles for one in ranked]).tolist(), strict=True):
                found.total += score
            ranked = sorted(ranked, key=lambda found: (-found.total, found.smiles))
        return [found for found in ranked if found.total > CANNOT][: self._scaled(self.settings.scored)]

    def _proposals(self, parent: Found) -> list[Proposal]:
        """Return the most frequent edits of a structure that lead to a considered mass."""
        molecule = self._parent(parent.smiles)
        if molecule is None:
            return []
        masses = {mass: self.mass_log_probs[mass] for mass in self.considered}
        return proposals_of(molecule, masses, self._branches, self.settings.proposals)

    def _score(self) -> None:
        """Score the pool; the scorer keeps what it knows of the structures."""
        some = list(self.pool.values())
        if some:
            for found, score in zip(some, self._scorer.scores([found.smiles for found in some]).tolist(), strict=True):
                found.score = score

    def _ordered(self) -> list[Found]:
        """Return the structures that meet the constraints, in the order of their totals."""
        settings = self.settings
        kept = [
            found for found in self.pool.values()
            if found.score > CANNOT and self.mass in (None, found.mass) and self.wanted(found.smiles)
        ]  # fmt: skip
        least = min((found.log_prob for found in kept if not np.isnan(found.log_prob)), default=0.0)
        lowest = min(self.mass_log_probs.values(), default=0.0)
        for found in kept:
            read = least if np.isnan(found.log_prob) else found.log_prob
            found.total = (
                found.score
                + settings.mass_weight * self.mass_log_probs.get(found.mass, lowest)
                + settings.edit_weight * (found.log_odds if EDIT in found.sources else 0.0)
                + settings.log_prob_weight * read
            )
        return sorted(kept, key=lambda found: (-found.total, found.smiles))

    def _parent(self, smiles: str) -> EditableMolecule | None:
        if smiles not in self._parents:
            self._parents[smiles] = editable(smiles)
        return self._parents[smiles]


def _any(smiles: str) -> bool:
    """Accept every structure."""
    return bool(smiles)
