"""Molecules as the FormulaNet reads them: a graph of heavy atoms, sub-formulae, and what the structure says of each.

Hydrogens are counts of the atoms that bear them. As vertices they would double the graph, and those of one atom are
equivalent. Moves and losses of hydrogens show in how many more a sub-formula has than the fragment of the same heavy
atoms.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import HybridizationType
from tqdm import tqdm

from spectus.molecules.suitability import unsuitability
from spectus.prediction.rassp.formula import MolecularFormula, molecular_formula
from spectus.prediction.rassp.fragments import MOST_ATOMS, MOST_CUTS, Fragments, fragments_of_graph
from spectus.prediction.rassp.subformulae import HEAVY, Limits
from spectus.structures import quiet_rdkit

BOND_ORDERS = (Chem.BondType.SINGLE, Chem.BondType.AROMATIC, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE)
NO_FRAGMENT = MOST_CUTS + 1
"""Stands for the number of cuts where no fragment has a skeleton."""

MOST_HYDROGENS = 160
"""Hydrogens of a molecule. Chosen: more than any volatile molecule of 64 heavy atoms has."""

SHIFTS = (-2, -1, 0, 1, 2)
"""Hydrogens by which a sub-formula may differ from a fragment that is counted for it. Chosen: EI moves one or two."""

_HYBRIDS = (HybridizationType.SP, HybridizationType.SP2, HybridizationType.SP3)
_CHARGES = (-1, 0, 1)
_RING_SIZES = range(3, 8)
_MOST_DEGREE, _MOST_BORNE = 5, 4
_WIDTHS = (len(HEAVY), _MOST_DEGREE + 1, _MOST_BORNE + 1, len(_HYBRIDS), len(_CHARGES), len(_RING_SIZES), 1, 1)
_DEGREE, _BORNE, _HYBRID, _CHARGE, _RING, _AROMATIC, _IN_RING, ATOM_FEATURES = np.cumsum(_WIDTHS).tolist()
MATCHES = (MOST_CUTS + 2) * len(SHIFTS)

_ELEMENT_COLUMN = {number: column for column, number in enumerate(HEAVY)}
_HYBRID_COLUMN = {kind: _HYBRID + place for place, kind in enumerate(_HYBRIDS)}
_CHARGE_COLUMN = {charge: _CHARGE + place for place, charge in enumerate(_CHARGES)}
_ORDER = {order: place for place, order in enumerate(BOND_ORDERS)}
_SHIFTS = np.array(SHIFTS)

_GRID = 2_000_000
"""Most skeletons that are enumerated, times hydrogens. Chosen: bounds the memory for molecules beyond the limits."""


class Prepared(NamedTuple):
    """One molecule of N heavy atoms, K skeletons and F sub-formulae.

    Attributes
    ----------
    reason : str or None
        Why it cannot be predicted; all else is empty then.
    formula : MolecularFormula
        Its molecular formula with the skeletons and sub-formulae that are read.
    atoms : ndarray of uint8, (N, ATOM_FEATURES)
        What is known of each atom.
    bonds : ndarray of uint8, (n_bonds, 3)
        Both atoms, and the place in BOND_ORDERS.
    share : ndarray of uint8, (K, 3, N)
        In steps of 1/255: how often an atom is in the fragments of a skeleton that break the fewest bonds, how often it
        is at a broken bond inside them, and outside.
    cuts, loss_cuts : ndarray of uint8, (K,)
        These fewest bonds, for the skeleton and for what it lacks.
    match_at : ndarray of int64, (n_matches,)
        Places in `matches` that are not 0, row by row in one line.
    match_count : ndarray of uint8, (n_matches,)
        What stands there.
    """

    reason: str | None
    formula: MolecularFormula
    atoms: NDArray[np.uint8]
    bonds: NDArray[np.uint8]
    share: NDArray[np.uint8]
    cuts: NDArray[np.uint8]
    loss_cuts: NDArray[np.uint8]
    match_at: NDArray[np.int64]
    match_count: NDArray[np.uint8]

    @property
    def matches(self) -> NDArray[np.uint8]:
        """How many fragments stand behind each sub-formula, (F, MATCHES).

        They have its skeleton and its hydrogens less each of SHIFTS, for 0 to 3 cuts. The last column of a shift counts
        fragments of two cuts whose loss it is.
        """
        found = np.zeros((self.formula.n_formulae, MATCHES), np.uint8)
        found.ravel()[self.match_at] = self.match_count
        return found


def prepare_all(smiles: Iterable[str | None], limits: Limits, total: int | None = None) -> list[Prepared]:
    """Prepare molecules.

    Parameters
    ----------
    smiles
        The molecules; stereochemistry plays no part.
    limits
        Which molecules are taken.
    total
        Their number, for the progress bar.
    """
    with quiet_rdkit():
        bar = tqdm(smiles, total=total, desc="sub-formulae", unit=" molecules", disable=None, delay=1, leave=False)
        return [prepare(Chem.MolFromSmiles(text) if text else None, limits) for text in bar]


def prepare(molecule: Chem.Mol | None, limits: Limits) -> Prepared:
    """Prepare one molecule, hydrogens implicit.

    Where more sub-formulae are possible than `limits.formulae`, only those remain whose heavy atoms are a fragment of
    the molecule or what such a fragment leaves; where these are too many, the molecule is refused.
    """
    if molecule is None:
        return _refused("no molecule")
    # Iterating over GetAtoms() takes three times as long.
    atoms = [molecule.GetAtomWithIdx(at) for at in range(molecule.GetNumAtoms())]
    elements = [atom.GetAtomicNum() for atom in atoms]
    borne = [atom.GetTotalNumHs() for atom in atoms]
    reason = unsuitability(molecule, atoms, elements, borne)
    if reason is not None:
        return _refused(reason)
    heavy, hydrogens = tuple(map(elements.count, HEAVY)), sum(borne)
    if not any(heavy):
        return _refused("no heavy atom")
    if len(atoms) > MOST_ATOMS or hydrogens > MOST_HYDROGENS or len(atoms) + hydrogens > limits.atoms:
        return _refused("too many atoms")
    if math.prod(count + 1 for count in heavy) * (hydrogens + 1) > _GRID:
        return _refused("too many sub-formulae")
    formula = molecular_formula(heavy, hydrogens, limits)
    bonds = _bonds(molecule)
    pieces = _Pieces.of(fragments_of_graph(len(atoms), [bond[:2] for bond in bonds]), bonds, elements, borne, formula)
    if formula.n_formulae > limits.formulae:
        reachable = np.zeros(len(formula.row), bool)
        reachable[pieces.cell] = True
        formula = formula.among(reachable | reachable[::-1])
    if formula.n_formulae > limits.formulae:
        return _refused("too many sub-formulae")
    return Prepared(
        None, formula, _atoms(molecule, atoms, elements, borne), np.array(bonds, np.uint8).reshape(-1, 3),
        *_shares_and_cuts(pieces, formula), *_matches(pieces, formula),
    )  # fmt: skip


class _Pieces(NamedTuple):
    """Fragments of a molecule, ascending by cell and cuts.

    Attributes
    ----------
    cell : ndarray of int64, (n,)
        `skeleton_number` of its heavy atoms.
    cuts : ndarray of uint8, (n,)
        Fewest broken bonds.
    hydrogens : ndarray of int64, (n,)
        Hydrogens of its atoms.
    held : ndarray of float32, (n, N)
        1 where a fragment holds an atom.
    near : ndarray of float32, (n, N)
        How many neighbors of an atom it holds.
    degree : ndarray of float32, (N,)
        How many neighbors an atom has.
    """

    cell: NDArray[np.int64]
    cuts: NDArray[np.uint8]
    hydrogens: NDArray[np.int64]
    held: NDArray[np.float32]
    near: NDArray[np.float32]
    degree: NDArray[np.float32]

    @classmethod
    def of(
        cls, found: Fragments, bonds: Sequence[tuple[int, int, int]], elements: Sequence[int], borne: Sequence[int],
        formula: MolecularFormula,
    ) -> "_Pieces":  # fmt: skip
        """Return fragments, given each atom's element and hydrogens."""
        size = len(elements)
        # One product gives the neighbors, the cells and the hydrogens. Whole numbers below 2^24 are exact in it.
        table = np.zeros((size, size + 2), np.float32)
        for a, b, _ in bonds:
            table[a, b] = table[b, a] = 1
        degree = table.sum(axis=1)
        radix = dict(zip(HEAVY, formula.radix.tolist(), strict=True))
        table[:, size] = [radix.get(element, 0) for element in elements]
        table[:, size + 1] = borne
        held = found.membership(size)
        sums = held @ table
        cell = sums[:, size].astype(np.int64)
        order = np.argsort(cell * (MOST_CUTS + 1) + found.cuts)
        held, sums = held[order], sums[order]
        return cls(cell[order], found.cuts[order], sums[:, size + 1].astype(np.int64), held, sums[:, :size], degree)


def _shares_and_cuts(
    pieces: _Pieces, formula: MolecularFormula
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return `Prepared.share`, `cuts` and `loss_cuts`.

    A skeleton without fragments has what the fragments of its loss leave.
    """
    first = np.flatnonzero(np.diff(pieces.cell, prepend=-1))  # of each cell that has fragments
    fewest = pieces.cuts[first]
    chosen = np.flatnonzero(pieces.cuts == np.repeat(fewest, np.diff(np.append(first, len(pieces.cell)))))
    starts = np.searchsorted(chosen, first)
    held, near = pieces.held[chosen], pieces.near[chosen]
    n_atoms = held.shape[1]
    parts = np.empty((len(chosen), 3, n_atoms), np.float32)
    parts[:, 0] = held
    np.multiply(held, near < pieces.degree, out=parts[:, 1])
    np.greater(near, 0, out=parts[:, 2])
    np.subtract(parts[:, 2], held, out=parts[:, 2])
    np.maximum(parts[:, 2], 0, out=parts[:, 2])
    sums = np.add.reduceat(parts, starts, axis=0)
    counts = np.diff(np.append(starts, len(chosen))).astype(np.float32)[:, None, None]
    n_cells = len(first)
    table = np.zeros((2 * n_cells + 1, 3, n_atoms), np.float32)  # nothing, the fragments, and what they leave
    table[1 : n_cells + 1] = sums
    table[n_cells + 1 :] = sums[:, (0, 2, 1)]
    table[n_cells + 1 :, 0] = counts[:, 0] - sums[:, 0]
    table[1 : n_cells + 1] *= 255
    table[n_cells + 1 :] *= 255
    table[1 : n_cells + 1] /= counts
    table[n_cells + 1 :] /= counts
    # The cells of a skeleton and of what it lacks add up to the last one.
    of_cell = np.zeros(len(formula.row), np.int64)
    of_cell[pieces.cell[first]] = np.arange(1, n_cells + 1)
    own, loss = of_cell[formula.cells], of_cell[::-1][formula.cells]
    cuts = np.append(np.uint8(NO_FRAGMENT), fewest)
    row = np.where(own > 0, own, np.where(loss > 0, loss + n_cells, 0))
    return np.rint(table, out=table).astype(np.uint8)[row], cuts[own], cuts[loss]


def _matches(pieces: _Pieces, formula: MolecularFormula) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return `Prepared.match_at` and `match_count`."""
    kinds = MOST_CUTS + 2
    width = formula.hydrogens + 1
    row, loss_row = formula.row[pieces.cell], formula.row[::-1][pieces.cell]
    keys = (row * width + pieces.hydrogens) * kinds + pieces.cuts
    lost = (pieces.cuts == 2) & (loss_row >= 0)
    of_loss = (loss_row[lost] * width + formula.hydrogens - pieces.hydrogens[lost]) * kinds + kinds - 1
    keys = np.concatenate([keys[row >= 0], of_loss])
    keys.sort()
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    count = np.minimum(np.diff(np.append(first, len(keys))), 255).astype(np.uint8)
    place, kind = np.divmod(keys[first], kinds)
    skeleton, hydrogens = np.divmod(place, width)
    above = (hydrogens - formula.fewest[skeleton])[:, None] + _SHIFTS
    within = (above >= 0) & (above < formula.number[skeleton][:, None])
    at = (formula.start[skeleton][:, None] + above) * MATCHES + np.arange(len(SHIFTS)) * kinds + kind[:, None]
    return at[within], np.repeat(count, len(SHIFTS))[within.ravel()]


def _atoms(
    molecule: Chem.Mol, atoms: Sequence[Chem.Atom], elements: Sequence[int], borne: Sequence[int]
) -> NDArray[np.uint8]:
    """Return `Prepared.atoms`."""
    none = ATOM_FEATURES  # a column that is dropped
    columns = [
        (
            _ELEMENT_COLUMN.get(element, none),
            _DEGREE + min(atom.GetDegree(), _MOST_DEGREE),
            _BORNE + min(hydrogens, _MOST_BORNE),
            _HYBRID_COLUMN.get(atom.GetHybridization(), none),
            _CHARGE_COLUMN.get(atom.GetFormalCharge(), none),
            _AROMATIC if atom.GetIsAromatic() else none,
        )
        for atom, element, hydrogens in zip(atoms, elements, borne, strict=True)
    ]
    rows = np.zeros((len(atoms), ATOM_FEATURES + 1), np.uint8)
    rows[np.arange(len(atoms))[:, None], columns] = 1
    for ring in molecule.GetRingInfo().AtomRings():
        rows[ring, _IN_RING] = 1
        if len(ring) in _RING_SIZES:
            rows[ring, _RING + len(ring) - _RING_SIZES.start] = 1
    return np.ascontiguousarray(rows[:, :ATOM_FEATURES])


def _bonds(molecule: Chem.Mol) -> list[tuple[int, int, int]]:
    """Return both atoms of each bond, and its place in BOND_ORDERS; a bond of any other order counts as single."""
    bonds = [molecule.GetBondWithIdx(at) for at in range(molecule.GetNumBonds())]
    return [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), _ORDER.get(bond.GetBondType(), 0)) for bond in bonds]


def _refused(reason: str) -> Prepared:
    none, counts = np.zeros(0, np.uint8), np.zeros(0, np.int64)
    nothing = MolecularFormula(
        np.zeros(len(HEAVY), np.int64), 0, counts, np.zeros((0, len(HEAVY)), np.uint8), counts, counts, 1
    )
    return Prepared(
        reason, nothing, np.zeros((0, ATOM_FEATURES), np.uint8), np.zeros((0, 3), np.uint8),
        np.zeros((0, 3, 0), np.uint8), none, none, counts, none,
    )  # fmt: skip
