"""Learns the tables of edits from a molecule list."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from scipy.optimize import minimize
from scipy.special import expit

from spectus.denovo.editing.edits import edit_pairs, edited, single_edits
from spectus.denovo.editing.fragments import HYDROGEN, cuts, fragment_of, joined, open_places
from spectus.denovo.editing.molecule import CLASSES, EditableMolecule, editable
from spectus.denovo.editing.statistics import EditStatistics, class_number, environments
from spectus.structures import quiet_rdkit

_LEAST = 4
"""Molecules that have a fragment of the table, at least. Chosen: rarer ones are of single compounds."""

_LEAST_ENVIRONMENT = 2
"""Molecules that have an environment of the table, at least."""

_PRIOR = 20.0
"""Edits with the average frequency that are added to each kind, so that rare kinds have a frequency. Chosen."""

_TRIED = 40
"""Pairs and exchanges that are tried with each structure. Chosen."""

GROUPS = ("single", "pair", "exchange")
"""Groups of edits, which have log-odds of their own."""

_DELTAS = (0, 14, -14, 16, -16, 2, -2, 1)
"""Changes of the mass for which pairs and exchanges are tried, u. Chosen: the most frequent ones of single edits."""

_SMOOTHED = 0.5
"""Added to counts of fragments before the logarithm."""


@dataclass(frozen=True)
class LearningSizes:
    """How many molecules are looked at.

    Attributes
    ----------
    cut
        Molecules that are cut into fragments.
    edited
        Molecules that are edited in all ways.
    """

    cut: int = 6_000
    edited: int = 250


def learn_statistics(listed: Sequence[str], sizes: LearningSizes | None = None, seed: int = 1) -> EditStatistics:
    """Learn which edits lead from one structure of a list to another.

    Parameters
    ----------
    listed
        Canonical SMILES without stereochemistry, without excluded compounds.
    sizes
        How many of them are cut and edited.
    seed
        Of their draw.
    """
    sizes = sizes or LearningSizes()
    order = np.random.default_rng(seed).permutation(len(listed))
    shuffled = [listed[place] for place in order.tolist()]
    with quiet_rdkit():
        frequencies = _environments(listed)
        fragments = _fragments(_parents(shuffled, sizes.cut))
        parents = list(_parents(shuffled, sizes.edited))
        known = set(listed)
        kinds, other = _kinds(parents, known)
        draft = EditStatistics(kinds, other, {group: [0.0, 1.0] for group in GROUPS}, 0.0, fragments, frequencies)
        return _calibrated(draft, parents, known, np.random.default_rng(seed))


def _parents(smiles: Iterable[str], most: int) -> Iterable[EditableMolecule]:
    return (parent for text in islice(smiles, most) if (parent := editable(text)) is not None)


def _environments(listed: Iterable[str]) -> dict[int, float]:
    counts = Counter[int]()
    n_molecules = 0
    for smiles in listed:
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is not None:
            counts.update(environments(molecule))
            n_molecules += 1
    return {key: round(math.log(n / n_molecules), 2) for key, n in counts.items() if n >= _LEAST_ENVIRONMENT}


def _fragments(parents: Iterable[EditableMolecule]) -> dict[str, list[float]]:
    counts = defaultdict[str, Counter[str]](Counter)
    totals = Counter[str]()
    for parent in parents:
        for core in (*cuts(parent), *open_places(parent)):
            if core.removed != HYDROGEN or core.order == 1:
                counts[core.removed][core.label] += 1
                totals[core.label] += 1
    found = {}
    for smiles, by_class in counts.items():
        fragment = fragment_of(smiles)
        if sum(by_class.values()) >= _LEAST and fragment is not None:
            logs = [math.log((by_class[label] + _SMOOTHED) / (totals[label] + _SMOOTHED)) for label in CLASSES]
            found[smiles] = [round(value, 2) for value in logs]
    return dict(sorted(found.items()))


def _kinds(parents: Sequence[EditableMolecule], known: set[str]) -> tuple[dict[str, float], float]:
    made, listed = Counter[str](), Counter[str]()
    for parent in parents:
        for edit in single_edits(parent):
            found = edited(parent, edit)
            if found is not None and found[1] != parent.smiles:
                made[edit.kind] += 1
                listed[edit.kind] += found[1] in known
    mean = sum(listed.values()) / max(1, sum(made.values()))
    shares = {kind: (listed[kind] + _PRIOR * mean) / (n + _PRIOR) for kind, n in sorted(made.items())}
    return {kind: round(math.log(share), 2) for kind, share in shares.items()}, round(math.log(mean), 2)


def _calibrated(
    draft: EditStatistics, parents: Sequence[EditableMolecule], known: set[str], random: np.random.Generator
) -> EditStatistics:
    """Fit the log-odds that an edited structure is listed: a logistic regression (L-BFGS)."""
    rows, right = list[list[float]](), list[bool]()
    for parent in parents:
        for group, frequency, molecule, smiles in _tried(parent, draft, random):
            if smiles != parent.smiles:
                place = GROUPS.index(group)
                row = [0.0] * (2 * len(GROUPS)) + [draft.rarest(molecule)]
                row[2 * place : 2 * place + 2] = [1.0, frequency]
                rows.append(row)
                right.append(smiles in known)
    found = _logistic(np.array(rows), np.array(right)).round(3).tolist()
    scales = {group: found[2 * place : 2 * place + 2] for place, group in enumerate(GROUPS)}
    return replace(draft, scales=scales, rarity=found[-1])


def _tried(
    parent: EditableMolecule, draft: EditStatistics, random: np.random.Generator
) -> Iterator[tuple[str, float, Chem.Mol, str]]:
    """Make some edits of each group; yield group, logarithm of the frequency, molecule and SMILES."""
    singles = single_edits(parent)
    weights = [draft.frequency(edit.kind) for edit in singles]
    pairs = [pair for pair, _ in edit_pairs(singles, _DELTAS, weights, _TRIED // len(_DELTAS))]
    chosen = random.permutation(len(singles))[:_TRIED].tolist()
    for group, edits in (("single", [singles[place] for place in chosen]), ("pair", pairs)):
        for edit in edits:
            made = edited(parent, edit)
            if made is not None:
                yield group, draft.frequency(edit.kind), *made
    exchanges = [
        (core, fragment, float(values[class_number(core.label)]))
        for core in (*cuts(parent), *open_places(parent))
        for delta in _DELTAS
        for fragment, values in zip(*draft.table_of(core.order, parent.mass + delta - core.mass), strict=True)
        if fragment.smiles != core.removed
    ]
    for place in random.permutation(len(exchanges))[:_TRIED].tolist():
        core, fragment, frequency = exchanges[place]
        made = joined(core, fragment)
        if made is not None:
            yield "exchange", frequency, *made


def _logistic(rows: NDArray[np.float64], right: NDArray[np.bool_], ridge: float = 1e-4) -> NDArray[np.float64]:
    """Fit a logistic regression and return its weights."""

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = rows @ weights
        residual = expit(odds) - right
        value = float(np.mean(np.logaddexp(0.0, odds) - right * odds)) + ridge * float(weights @ weights)
        return value, rows.T @ residual / len(right) + 2 * ridge * weights

    found: NDArray[np.float64] = minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B").x
    return found
