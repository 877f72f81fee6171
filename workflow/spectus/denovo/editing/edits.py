"""Single edits of a structure, and pairs of them.

An edit is a short list of steps on the atoms of the parent. Its change of the nominal mass is known before it is made,
so only edits that lead to a wanted mass are made at all: checking and writing a structure takes most of the time.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from rdkit import Chem

from spectus.denovo.editing.molecule import NOMINAL, VALENCES, EditableMolecule, bond_type, finished, nominal_mass

Step = tuple[str, int, int, int]
"""What to do: ("add", element, atom, order), ("element", atom, element, 0), ("bond", atom, atom, order), where the
order 0 removes the bond, ("insert", element, atom, atom) or ("remove", atom, 0, 0)."""

_ADDED = (6, 7, 8, 9, 16, 17, 35)
"""Elements that are added with a single bond: C N O F S Cl Br."""

_EXCHANGES = {
    6: (7, 8, 16, 14), 7: (6, 8, 16), 8: (6, 7, 16), 16: (6, 7, 8), 9: (6, 8, 17, 35), 17: (6, 8, 9, 35),
    35: (6, 8, 17, 53), 53: (35, 17), 14: (6,),
}  # fmt: skip
"""What an element is exchanged for."""

_INSERTED = (6, 7, 8, 16)
"""Elements that are inserted into a single bond: C N O S."""

_RINGS = {2: 3, 3: 4, 4: 5, 5: 6, 6: 7}
"""Rings that are closed: bonds between the two atoms, and atoms of the ring."""

_MOST_MOVED = 8
"""Heavy atoms of a branch that is moved, at most. Chosen: larger ones are rarely moved as a whole."""

_REACH = 3
"""Bonds between two atoms whose elements are swapped, at most. Chosen: across a ring of six."""

_EACH = 12
"""Best edits of each mass change from which pairs are made. Chosen: 144 pairs of each two mass changes."""


class Edit(NamedTuple):
    """An edit of one structure.

    Attributes
    ----------
    delta : int
        Change of the nominal mass, u.
    kind : str
        What it does, as the table of frequencies names it.
    steps : tuple of Step
    used : tuple of (int, int)
        Atoms, and hydrogens that each gives up; negative: gets.
    """

    delta: int
    kind: str
    steps: tuple[Step, ...]
    used: tuple[tuple[int, int], ...]


def single_edits(parent: EditableMolecule) -> list[Edit]:
    """Return all single edits of a structure, those that its symmetry makes equal once.

    Parameters
    ----------
    parent
        The structure.

    Returns
    -------
    list of Edit
        In an order that depends on the structure only.
    """
    found = dict[tuple[str, tuple[int, ...]], Edit]()
    for source in (_additions, _removals, _exchanges, _swaps, _orders, _insertions, _rings, _moves):
        for edit in source(parent):
            key = (edit.kind, tuple(parent.rank[atom] for atom, _ in edit.used))
            found.setdefault(key if edit.kind != "swap" else (edit.kind, tuple(sorted(key[1]))), edit)
    return list(found.values())


def edit_pairs(
    edits: Sequence[Edit], deltas: Sequence[int], weights: Sequence[float], most: int
) -> Iterator[tuple[Edit, float]]:
    """Return pairs of edits of one structure that touch different atoms, the most frequent kinds first.

    Parameters
    ----------
    edits
        Single edits, (n,).
    deltas
        Wanted changes of the mass, u.
    weights
        Logarithms of the frequencies of the edits, (n,).
    most
        Pairs of each mass change, at most.

    Yields
    ------
    edit : Edit
        Of the kind "KIND & KIND".
    weight : float
        Sum of both weights.
    """
    by_delta = defaultdict[int, list[tuple[float, int]]](list)
    for place, edit in enumerate(edits):
        by_delta[edit.delta].append((-weights[place], place))
    best = [place for _, some in sorted(by_delta.items()) for _, place in sorted(some)[:_EACH]]
    if not best:
        return
    touched = np.zeros((len(best), 1 + max(atom for place in best for atom, _ in edits[place].used)), np.float32)
    for row, place in enumerate(best):
        touched[row, [atom for atom, _ in edits[place].used]] = 1.0
    delta, weight = np.array([edits[place].delta for place in best]), np.array([weights[place] for place in best])
    first, second = np.nonzero(np.triu(touched @ touched.T == 0, 1))
    change, both = delta[first] + delta[second], weight[first] + weight[second]
    for wanted in deltas:
        some = np.flatnonzero(change == wanted)
        for pair in some[np.argsort(-both[some], kind="stable")[:most]].tolist():
            one, two = edits[best[first[pair]]], edits[best[second[pair]]]
            kind = " & ".join(sorted([one.kind, two.kind]))
            yield Edit(wanted, kind, one.steps + two.steps, one.used + two.used), float(both[pair])


def edited(parent: EditableMolecule, edit: Edit) -> tuple[Chem.Mol, str] | None:
    """Make an edit.

    Parameters
    ----------
    parent
        The structure.
    edit
        An edit of it.

    Returns
    -------
    tuple of Chem.Mol and str, or None
        The structure and its canonical SMILES; None if it is no molecule of one part.
    """
    made, removed = Chem.RWMol(parent.kekule), list[int]()
    for what, first, second, third in edit.steps:
        if what == "bond":
            if parent.order.get((first, second)):
                made.RemoveBond(first, second)
            if third:
                made.AddBond(first, second, bond_type(third))
        elif what == "add":
            made.AddBond(second, made.AddAtom(Chem.Atom(first)), bond_type(third))
        elif what == "element":
            made.GetAtomWithIdx(first).SetAtomicNum(second)
        elif what == "insert":
            made.RemoveBond(second, third)
            inserted = made.AddAtom(Chem.Atom(first))
            made.AddBond(second, inserted, Chem.BondType.SINGLE)
            made.AddBond(inserted, third, Chem.BondType.SINGLE)
        else:
            removed.append(first)
    for atom in sorted(removed, reverse=True):
        made.RemoveAtom(atom)
    result = finished(made)
    if result is not None and nominal_mass(result[0]) != parent.mass + edit.delta:
        return None  # sulfur or phosphorus took another valence than the usual one
    return result


def _additions(parent: EditableMolecule) -> Iterator[Edit]:
    """Put an atom in place of one or two hydrogens."""
    for atom, (free, label) in enumerate(zip(parent.hydrogens, parent.label, strict=True)):
        if free >= 1 and not parent.charge[atom]:
            for element in _ADDED:
                delta = NOMINAL[element] + VALENCES[element] - 2
                yield Edit(delta, f"add {element} {label}", (("add", element, atom, 1),), ((atom, 1),))
        if free >= 2 and not parent.charge[atom]:
            for element in (6, 8):
                delta = NOMINAL[element] + VALENCES[element] - 4
                yield Edit(delta, f"add ={element} {label}", (("add", element, atom, 2),), ((atom, 2),))
        if _takes_oxygen(parent, atom):
            yield Edit(NOMINAL[8], f"oxidize {parent.number[atom]}", (("add", 8, atom, 2),), ((atom, 0),))


def _removals(parent: EditableMolecule) -> Iterator[Edit]:
    """Put a hydrogen in place of an atom at an end, or a bond in place of an atom in a chain or ring."""
    for atom, others in enumerate(parent.neighbors):
        if parent.charge[atom] or parent.size < 3:
            continue
        mass = NOMINAL[parent.number[atom]] + parent.hydrogens[atom]
        if len(others) == 1 and not parent.charge[others[0]]:
            order = parent.order[atom, others[0]]
            gained = 0 if _is_hypervalent(parent, others[0]) and order == 2 else order
            kind = f"remove {'=' if order > 1 else ''}{parent.number[atom]} {parent.label[others[0]]}"
            yield Edit(gained - mass, kind, (("remove", atom, 0, 0),), ((atom, 0), (others[0], -gained)))
        elif len(others) == 2 and others[1] not in parent.neighbors[others[0]] and not parent.charge[others[0]]:
            first, second = others
            if parent.order[atom, first] == parent.order[atom, second] == 1 and not parent.charge[second]:
                steps: tuple[Step, ...] = (("bond", first, second, 1), ("remove", atom, 0, 0))
                yield Edit(-mass, f"excise {parent.number[atom]}", steps, ((atom, 0), (first, 0), (second, 0)))


def _exchanges(parent: EditableMolecule) -> Iterator[Edit]:
    """Put another element in place of an atom's."""
    for atom, number in enumerate(parent.number):
        for element in () if parent.charge[atom] else _EXCHANGES.get(number, ()):
            gained = VALENCES[element] - VALENCES[number]
            if parent.hydrogens[atom] + gained < 0 or (number == 16 and _bonds_of(parent, atom) > 2):
                continue
            delta = NOMINAL[element] - NOMINAL[number] + gained
            kind = f"exchange {number} {element} {len(parent.neighbors[atom])} {parent.label[atom]}"
            yield Edit(delta, kind, (("element", atom, element, 0),), ((atom, -gained),))


def _swaps(parent: EditableMolecule) -> Iterator[Edit]:
    """Swap the elements of two atoms near each other."""
    hetero = [atom for atom, number in enumerate(parent.number) if number in (7, 8, 16) and not parent.charge[atom]]
    if not hetero:
        return
    distance = parent.distances()
    for one in hetero:
        for two, number in enumerate(parent.number):
            if number not in (6, 7, 8) or parent.number[one] <= number or distance[one, two] > _REACH:
                continue
            change = VALENCES[number] - VALENCES[parent.number[one]]
            free = parent.hydrogens[one] + change >= 0 and parent.hydrogens[two] - change >= 0
            if not free or parent.charge[two] or _bonds_of(parent, one) > VALENCES[parent.number[one]]:
                continue
            steps: tuple[Step, ...] = (("element", one, number, 0), ("element", two, parent.number[one], 0))
            yield Edit(0, "swap", steps, ((one, 0), (two, 0)))


def _orders(parent: EditableMolecule) -> Iterator[Edit]:
    """Change the order of a bond that is not aromatic."""
    for first, second, order, _, aromatic in parent.bonds:
        if aromatic or parent.charge[first] or parent.charge[second]:
            continue
        kind = f"{order} {'-'.join(sorted([parent.label[first], parent.label[second]]))}"
        if order < 3 and parent.hydrogens[first] and parent.hydrogens[second]:
            steps: tuple[Step, ...] = (("bond", first, second, order + 1),)
            yield Edit(-2, f"raise {kind}", steps, ((first, 1), (second, 1)))
        if order > 1:
            yield Edit(2, f"lower {kind}", (("bond", first, second, order - 1),), ((first, -1), (second, -1)))


def _insertions(parent: EditableMolecule) -> Iterator[Edit]:
    """Insert an atom into a single bond."""
    for first, second, order, in_ring, aromatic in parent.bonds:
        if order == 1 and not aromatic:
            labels = "-".join(sorted([parent.label[first], parent.label[second]]))
            for element in _INSERTED:
                kind = f"insert {element} {labels}{' ring' if in_ring else ''}"
                delta = NOMINAL[element] + VALENCES[element] - 2
                yield Edit(delta, kind, (("insert", element, first, second),), ((first, 0), (second, 0)))


def _rings(parent: EditableMolecule) -> Iterator[Edit]:
    """Close or open a ring."""
    free = [atom for atom, n in enumerate(parent.hydrogens) if n and not parent.charge[atom]]
    distance = parent.distances()
    for first, second in combinations(free, 2):
        size = _RINGS.get(int(distance[first, second]))
        if size is not None:
            labels = "-".join(sorted([parent.label[first], parent.label[second]]))
            steps: tuple[Step, ...] = (("bond", first, second, 1),)
            yield Edit(-2, f"close {size} {labels}", steps, ((first, 1), (second, 1)))
    for first, second, order, in_ring, aromatic in parent.bonds:
        if in_ring and order == 1 and not aromatic:
            labels = "-".join(sorted([parent.label[first], parent.label[second]]))
            yield Edit(2, f"open {labels}", (("bond", first, second, 0),), ((first, -1), (second, -1)))


def _moves(parent: EditableMolecule) -> Iterator[Edit]:
    """Move a branch to another atom of the rest."""
    for first, second, order, in_ring, _ in parent.bonds:
        if in_ring or order > 2:
            continue
        for root, start in ((first, second), (second, first)):
            rest = parent.side(start, root)
            if min(parent.size - len(rest), len(rest)) > _MOST_MOVED or parent.charge[start]:
                continue
            for target in rest:
                if target != start and parent.hydrogens[target] >= order and not parent.charge[target]:
                    steps: tuple[Step, ...] = (("bond", root, start, 0), ("bond", root, target, order))
                    kind = f"move {parent.label[root]} {parent.label[start]} {parent.label[target]}"
                    yield Edit(0, kind, steps, ((root, 0), (start, -order), (target, order)))


def _bonds_of(parent: EditableMolecule, atom: int) -> int:
    return sum(parent.order[atom, other] for other in parent.neighbors[atom])


def _is_hypervalent(parent: EditableMolecule, atom: int) -> bool:
    """Say whether sulfur or phosphorus has more bonds than usual, as in a sulfoxide."""
    return parent.number[atom] in (15, 16) and _bonds_of(parent, atom) > VALENCES[parent.number[atom]]


def _takes_oxygen(parent: EditableMolecule, atom: int) -> bool:
    """Say whether sulfur or phosphorus without hydrogens can take a double bond more, as a sulfide to a sulfoxide."""
    if parent.hydrogens[atom] or parent.charge[atom]:
        return False
    n_bonds = _bonds_of(parent, atom)
    return (parent.number[atom] == 16 and n_bonds in (2, 4)) or (parent.number[atom] == 15 and n_bonds == 3)
