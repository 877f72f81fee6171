"""Prepared molecules side by side as padded tensors for the FormulaNet.

Letters in comments: B molecules, N atoms, K skeletons, F sub-formulae of all B together.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectus.prediction.rassp.formula import MolecularFormula
from spectus.prediction.rassp.preparation import ATOM_FEATURES, BOND_ORDERS, Prepared
from spectus.prediction.rassp.subformulae import HEAVY, unsaturation

SKELETON_NUMBERS, FORMULA_NUMBERS = 9, 6
"""Columns of numbers that describe a skeleton and a sub-formula."""

_MOLECULES_AT_ONCE, _CELLS_AT_ONCE = 32, 400_000
"""Most molecules of a group, and most numbers for pairs of a skeleton and an atom. Chosen: some 100 MB of memory."""


class Batch(NamedTuple):
    """Molecules together, padded to the most atoms and the most skeletons."""

    atoms: Tensor  # (B, N, ATOM_FEATURES)
    present: Tensor  # (B, N) bool
    adjacency: Tensor  # (B, len(BOND_ORDERS), N, N)
    energy: Tensor  # (B,) eV
    counts: Tensor  # (B, K, 2 len(HEAVY)) int64, of the skeleton and of what it lacks
    numbers: Tensor  # (B, K, SKELETON_NUMBERS)
    cuts: Tensor  # (B, K, 2) int64
    share: Tensor  # (B, K, 3, N)
    isotopes: Tensor  # (B K, width)
    first_mass: Tensor  # (B K,) int64
    molecule: Tensor  # (F,) int64
    skeleton: Tensor  # (F,) int64, row of B K
    hydrogens: Tensor  # (F,) int64
    hydrogens_in_all: Tensor  # (B,) int64
    matches: Tensor  # (F, MATCHES + FORMULA_NUMBERS)


def side_by_side(molecules: Sequence[Prepared], energy: NDArray[np.float32]) -> Batch:
    """Put molecules side by side.

    Parameters
    ----------
    molecules
        Molecules that can be predicted.
    energy
        Energies of the electrons, (B,), eV.
    """
    formulae = [molecule.formula for molecule in molecules]
    n_atoms = max(len(molecule.atoms) for molecule in molecules)
    n_skeletons = max(len(formula.cells) for formula in formulae)
    size = len(molecules)
    atoms = np.zeros((size, n_atoms, ATOM_FEATURES), np.float32)
    present = np.zeros((size, n_atoms), bool)
    adjacency = np.zeros((size, len(BOND_ORDERS), n_atoms, n_atoms), np.float32)
    counts = np.zeros((size, n_skeletons, 2 * len(HEAVY)), np.int64)
    numbers = np.zeros((size, n_skeletons, SKELETON_NUMBERS), np.float32)
    cuts = np.zeros((size, n_skeletons, 2), np.int64)
    share = np.zeros((size, n_skeletons, 3, n_atoms), np.uint8)
    isotopes = np.zeros((size, n_skeletons, formulae[0].isotopes), np.float32)
    first_mass = np.zeros((size, n_skeletons), np.int64)
    for at, (molecule, formula) in enumerate(zip(molecules, formulae, strict=True)):
        n, k = len(molecule.atoms), len(formula.cells)
        atoms[at, :n], present[at, :n] = molecule.atoms, True
        a, b, order = molecule.bonds.T
        adjacency[at, order, a, b] = adjacency[at, order, b, a] = 1
        counts[at, :k, : len(HEAVY)] = formula.skeletons
        counts[at, :k, len(HEAVY) :] = formula.heavy - formula.skeletons
        numbers[at, :k] = skeleton_numbers(formula)
        cuts[at, :k, 0], cuts[at, :k, 1] = molecule.cuts, molecule.loss_cuts
        share[at, :k, :, :n] = molecule.share
        isotopes[at, :k], first_mass[at, :k] = formula.patterns, formula.first_mass
    sizes = [formula.n_formulae for formula in formulae]
    row = np.repeat(np.arange(size), sizes)
    hydrogens = np.concatenate([formula.hydrogens_of_each for formula in formulae]).astype(np.int64)
    in_all = np.array([formula.hydrogens for formula in formulae])
    skeleton = np.concatenate([formula.skeleton for formula in formulae]) + row * n_skeletons
    matches = np.log1p(np.concatenate([molecule.matches for molecule in molecules]).astype(np.float32))
    facts = np.concatenate([formula_numbers(formula) for formula in formulae])
    arrays = (
        atoms, present, adjacency, energy.astype(np.float32), counts, numbers, cuts,
        share.astype(np.float32) / np.float32(255), isotopes.reshape(size * n_skeletons, -1), first_mass.ravel(),
        row, skeleton, hydrogens, in_all, np.concatenate([matches, facts], axis=1),
    )  # fmt: skip
    return Batch(*(torch.from_numpy(array) for array in arrays))


def skeleton_numbers(formula: MolecularFormula) -> NDArray[np.float32]:
    """Return mass and size of skeletons, their shares of the molecule's, and unsaturation, (K, SKELETON_NUMBERS)."""
    skeletons = formula.skeletons.astype(np.int64)
    mass = formula.first_mass.astype(np.float32)
    atoms = skeletons.sum(axis=1)
    without = unsaturation(skeletons, 0)
    own = without[-1]
    # The rings and double bonds of an odd number of hydrogens can be -1/2.
    saturated = 2 * own + 1 or 1.0
    carbons = skeletons[:, 0] / np.maximum(atoms, 1)
    columns = [
        mass / 200, mass / mass[-1], atoms / 20, atoms / atoms[-1], without / 10, (own - without) / 10,
        carbons, carbons - carbons[-1], np.full(len(mass), formula.hydrogens / saturated),
    ]  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float32)


def formula_numbers(formula: MolecularFormula) -> NDArray[np.float32]:
    """Return numbers that describe sub-formulae, (F, FORMULA_NUMBERS).

    They are the unsaturation, whether electrons are paired in the ion, the hydrogens against the molecule's share, and
    the mass.
    """
    skeletons = formula.skeletons[formula.skeleton].astype(np.int64)
    hydrogens = formula.hydrogens_of_each.astype(np.int64)
    unsaturated = unsaturation(skeletons, hydrogens)
    whole = unsaturated[-1]
    mass = formula.first_mass[formula.skeleton] + hydrogens
    expected = formula.hydrogens * skeletons.sum(axis=1) / skeletons[-1].sum()
    columns = [
        unsaturated / 5, (whole - unsaturated) / 5, (2 * unsaturated) % 2, unsaturated < 0,
        (hydrogens - expected) / 10, mass / 200,
    ]  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float32)


def groups_of_similar_size(molecules: Sequence[Prepared], rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return rows of molecules in groups of about as many skeletons each, so that padding and memory are bounded."""
    ordered = rows[np.argsort([len(molecules[row].cuts) for row in rows], kind="stable")]
    groups, start = list[NDArray[np.int64]](), 0
    while start < len(ordered):
        end = start + 1
        while end < len(ordered) and end - start < _MOLECULES_AT_ONCE:
            largest = molecules[ordered[end]]
            if (end + 1 - start) * len(largest.cuts) * (3 * len(largest.atoms) + 30) > _CELLS_AT_ONCE:
                break
            end += 1
        groups.append(ordered[start:end])
        start = end
    return groups
