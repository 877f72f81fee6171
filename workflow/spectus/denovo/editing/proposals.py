"""Which edits of a structure may be made: those that lead to a wanted mass, the most frequent first.

A structure has thousands of them, most of which are never made. So their log-odds are arrays, and only the best become
proposals.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from spectus.denovo.editing.edits import Edit, edit_pairs, edited, single_edits
from spectus.denovo.editing.fragments import Core, Fragment, cuts, fragment_of, joined, open_places
from spectus.denovo.editing.molecule import EditableMolecule
from spectus.denovo.editing.statistics import EditStatistics, class_number

_FOREIGN = 5.0
"""Taken from the logarithm of the frequency of a fragment that is in no table, but in another seed. Chosen."""

_SHARED_BRANCH = 30
"""Heavy atoms of a branch that is taken from another seed, at most."""


class Proposal(NamedTuple):
    """An edit that may be made.

    Attributes
    ----------
    log_odds : float
        Of the edit alone, for a common environment.
    mass : int
        Of what it makes, u.
    group : str
        "single", "pair" or "exchange".
    frequency : float
        Logarithm.
    make : callable
        Makes the structure.
    """

    log_odds: float
    mass: int
    group: str
    frequency: float
    make: Callable[[], tuple[Chem.Mol, str] | None]


class Branches:
    """Branches of the structures of one query that the table of fragments does not have.

    Parameters
    ----------
    statistics
        Has the table.
    """

    def __init__(self, statistics: EditStatistics) -> None:
        self.statistics = statistics
        self._by_mass = dict[tuple[int, int], dict[str, Fragment]]()
        self._cuts = dict[str, list[Core]]()

    def cuts_of(self, parent: EditableMolecule) -> list[Core]:
        """Return the cuts of a structure, computed once."""
        if parent.smiles not in self._cuts:
            self._cuts[parent.smiles] = list(cuts(parent, _SHARED_BRANCH))
        return self._cuts[parent.smiles]

    def collect(self, parent: EditableMolecule) -> None:
        """Keep the branches of a structure."""
        for core in self.cuts_of(parent):
            if core.removed not in self.statistics.fragments:
                fragment = fragment_of(core.removed)
                if fragment is not None:
                    self._by_mass.setdefault((fragment.order, fragment.mass), {})[core.removed] = fragment

    def of(self, order: int, mass: int) -> list[Fragment]:
        """Return the branches of a bond order and a nominal mass, u."""
        return list(self._by_mass.get((order, mass), {}).values())


def proposals_of(parent: EditableMolecule, masses: dict[int, float], branches: Branches, most: int) -> list[Proposal]:
    """Return the most promising edits of a structure that lead to a wanted mass.

    Parameters
    ----------
    parent
        The structure.
    masses
        Wanted nominal masses, u, with the logarithms of their probabilities.
    branches
        Of this and of other structures; has the tables.
    most
        Proposals, at most.

    Returns
    -------
    list of Proposal
        By log-odds and probability of the mass, best first.
    """
    statistics = branches.statistics
    edits, values, groups = _edits(parent, list(masses), statistics, most)
    blocks = _exchanges(parent, list(masses), branches)
    constant, factor = statistics.scales["exchange"]
    odds = [
        np.array([statistics.log_odds(group, value, 0.0) for group, value in zip(groups, values, strict=True)]),
        *(constant + factor * block.values for block in blocks),
    ]
    of_mass = [np.array([masses[parent.mass + edit.delta] for edit in edits])]
    of_mass += [np.full(len(block.values), masses[block.mass]) for block in blocks]
    total = np.concatenate(odds) + np.concatenate(of_mass)
    starts = np.cumsum([0, *map(len, odds)])
    found = list[Proposal]()
    for place in np.argsort(-total, kind="stable").tolist():
        if place < len(edits):
            edit = edits[place]
            found.append(
                Proposal(
                    float(odds[0][place]), parent.mass + edit.delta, groups[place], values[place],
                    partial(edited, parent, edit),
                )
            )  # fmt: skip
        else:
            number = int(np.searchsorted(starts, place, side="right")) - 1
            block, at = blocks[number - 1], place - int(starts[number])
            fragment = block.fragments[at]
            if fragment.smiles == block.core.removed:
                continue
            make = partial(joined, block.core, fragment)
            found.append(Proposal(float(odds[number][at]), block.mass, "exchange", float(block.values[at]), make))
        if len(found) == most:
            break
    return found


def _edits(
    parent: EditableMolecule, masses: Sequence[int], statistics: EditStatistics, most: int
) -> tuple[list[Edit], list[float], list[str]]:
    """Return single edits and pairs, the logarithms of their frequencies, and their groups."""
    singles = single_edits(parent)
    frequencies = [statistics.frequency(edit.kind) for edit in singles]
    deltas = [mass - parent.mass for mass in masses]
    wanted = set(deltas)
    kept = [place for place, edit in enumerate(singles) if edit.delta in wanted]
    pairs = list(edit_pairs(singles, deltas, frequencies, most // max(1, len(deltas))))
    return (
        [singles[place] for place in kept] + [pair for pair, _ in pairs],
        [frequencies[place] for place in kept] + [value for _, value in pairs],
        ["single"] * len(kept) + ["pair"] * len(pairs),
    )


class _Block(NamedTuple):
    """Fragments that may take one place: n of them, with the logarithms of their frequencies there."""

    core: Core
    mass: int
    fragments: Sequence[Fragment]
    values: NDArray[np.float64]


def _exchanges(parent: EditableMolecule, masses: Sequence[int], branches: Branches) -> list[_Block]:
    blocks = list[_Block]()
    for core in chain(branches.cuts_of(parent), open_places(parent)):
        place = class_number(core.label)
        for mass in masses:
            key = core.order, mass - core.mass
            fragments, values = branches.statistics.table_of(*key)
            if fragments:
                blocks.append(_Block(core, mass, fragments, values[:, place]))
            foreign = branches.of(*key)
            if foreign:
                blocks.append(_Block(core, mass, foreign, np.full(len(foreign), -_FOREIGN)))
    return blocks
