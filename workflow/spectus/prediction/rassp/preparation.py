"""Molecules as the FormulaNet reads them: a graph of heavy atoms, sub-formulae, and what the structure says of each.

Hydrogens are counts of the atoms that bear them. As vertices they would double the graph, and those of one atom are
equivalent. Moves and losses of hydrogens show in how many more a sub-formula has than the fragment of the same heavy
atoms.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import HybridizationType
from tqdm import tqdm

from spectus.molecules.suitability import unsuitability
from spectus.prediction.rassp.formula import MolecularFormula, molecular_formula
from spectus.prediction.rassp.fragments import (
    MOST_ATOMS,
    MOST_CUTS,
    Fragments,
    first_of_runs,
    fragments_of_graph,
    membership,
)
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

_NO_COLUMN = ATOM_FEATURES
"""A column that is dropped."""

_SORTED_AT_ONCE, _MOLECULES_AT_ONCE = 512, 64
"""Molecules that are sorted by size, and that are prepared together. Chosen: some MB of memory."""

_GRID = 2_000_000
"""Most skeletons that are enumerated, times hydrogens. Chosen: bounds the memory for molecules beyond the limits."""


_Item = TypeVar("_Item")


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
    found = list[Prepared]()
    with quiet_rdkit():
        bar = tqdm(smiles, total=total, desc="sub-formulae", unit=" molecules", disable=None, delay=1, leave=False)
        for block in _batched(bar, _SORTED_AT_ONCE):
            found += _prepared([Chem.MolFromSmiles(text) if text else None for text in block], limits)
    return found


def prepare(molecule: Chem.Mol | None, limits: Limits) -> Prepared:
    """Prepare one molecule, hydrogens implicit.

    Where more sub-formulae are possible than `limits.formulae`, only those remain whose heavy atoms are a fragment of
    the molecule or what such a fragment leaves; where these are too many, the molecule is refused.
    """
    return _prepared([molecule], limits)[0]


def _prepared(molecules: Sequence[Chem.Mol | None], limits: Limits) -> list[Prepared]:
    """Prepare molecules, those of similar size together."""
    found: dict[int, Prepared] = {}
    drafts: dict[int, _Draft] = {}
    for at, molecule in enumerate(molecules):
        draft = _Draft.of(molecule, limits)
        if isinstance(draft, str):
            found[at] = _refused(draft)
        else:
            drafts[at] = draft
    by_size = sorted(drafts, key=lambda at: len(drafts[at].elements))
    for together in _batched(by_size, _MOLECULES_AT_ONCE):
        found.update(zip(together, _finished([drafts[at] for at in together], limits), strict=True))
    return [found[at] for at in range(len(molecules))]


class _Draft(NamedTuple):
    """A molecule of N heavy atoms as RDKit knows it, with its fragments."""

    elements: list[int]  # (N,) atomic numbers
    borne: list[int]  # (N,) hydrogens
    columns: Sequence[tuple[int, ...]]  # (N,) columns of `Prepared.atoms` that are 1, but for rings
    rings: tuple[tuple[int, ...], ...]
    bonds: list[tuple[int, int, int]]
    formula: MolecularFormula
    fragments: Fragments

    @classmethod
    def of(cls, molecule: Chem.Mol | None, limits: Limits) -> "_Draft | str":
        """Return a molecule, or why it cannot be predicted."""
        if molecule is None:
            return "no molecule"
        # Iterating over GetAtoms() takes three times as long.
        atoms = [molecule.GetAtomWithIdx(at) for at in range(molecule.GetNumAtoms())]
        elements = [atom.GetAtomicNum() for atom in atoms]
        borne = [atom.GetTotalNumHs() for atom in atoms]
        reason = unsuitability(molecule, atoms, elements, borne)
        if reason is not None:
            return reason
        heavy, hydrogens = tuple(map(elements.count, HEAVY)), sum(borne)
        if not any(heavy):
            return "no heavy atom"
        if len(atoms) > MOST_ATOMS or hydrogens > MOST_HYDROGENS or len(atoms) + hydrogens > limits.atoms:
            return "too many atoms"
        if math.prod(count + 1 for count in heavy) * (hydrogens + 1) > _GRID:
            return "too many sub-formulae"
        columns = [
            (
                _ELEMENT_COLUMN.get(element, _NO_COLUMN),
                _DEGREE + min(atom.GetDegree(), _MOST_DEGREE),
                _BORNE + min(hydrogen, _MOST_BORNE),
                _HYBRID_COLUMN.get(atom.GetHybridization(), _NO_COLUMN),
                _CHARGE_COLUMN.get(atom.GetFormalCharge(), _NO_COLUMN),
                _AROMATIC if atom.GetIsAromatic() else _NO_COLUMN,
            )
            for atom, element, hydrogen in zip(atoms, elements, borne, strict=True)
        ]
        bonds = _bonds(molecule)
        return cls(
            elements, borne, columns, molecule.GetRingInfo().AtomRings(), bonds,
            molecular_formula(heavy, hydrogens, limits), fragments_of_graph(len(atoms), [bond[:2] for bond in bonds]),
        )  # fmt: skip


def _finished(drafts: Sequence[_Draft], limits: Limits) -> list[Prepared]:
    """Prepare molecules together: NumPy is slow for the few numbers of one."""
    pieces = _Pieces.of(drafts)
    formulae, refused = list[MolecularFormula](), set[int]()
    for at, draft in enumerate(drafts):
        formula = draft.formula
        if formula.n_formulae > limits.formulae:
            reachable = np.zeros(len(formula.row), bool)
            reachable[pieces.cell[pieces.molecule == at] - pieces.first_cell[at]] = True
            formula = formula.among(reachable | reachable[::-1])
        if formula.n_formulae > limits.formulae:
            refused.add(at)
            formula = formula.among(np.zeros(len(formula.row), bool))
        formulae.append(formula)
    parts = zip(
        formulae, _atoms(drafts), drafts, *_shares_and_cuts(pieces, formulae), *_matches(pieces, formulae), strict=True
    )
    return [
        _refused("too many sub-formulae") if at in refused
        else Prepared(
            None, formula, atoms, np.array(draft.bonds, np.uint8).reshape(-1, 3),
            np.ascontiguousarray(share[:, :, : len(atoms)]), cuts, loss_cuts, match_at, match_count,
        )
        for at, (formula, atoms, draft, share, cuts, loss_cuts, match_at, match_count) in enumerate(parts)
    ]  # fmt: skip


class _Pieces(NamedTuple):
    """Fragments of molecules, ascending by cell and cuts. A cell is a skeleton of one molecule.

    Attributes
    ----------
    molecule : ndarray of int64, (n,)
        The molecule.
    cell, loss_cell : ndarray of int64, (n,)
        Cells of its heavy atoms, and of those that it leaves: `skeleton_number`, after all cells of the molecules
        before.
    cuts : ndarray of uint8, (n,)
        Fewest broken bonds.
    hydrogens : ndarray of int64, (n,)
        Hydrogens of its atoms.
    atoms : ndarray of uint64, (n,)
        Bit masks of its atoms.
    first_cell : ndarray of int64, (B + 1,)
        First cell of each molecule, and the number of cells.
    neighbors : ndarray of uint64, (B, N)
        Bit masks of each atom's neighbors; N is the largest number of atoms.
    """

    molecule: NDArray[np.int64]
    cell: NDArray[np.int64]
    loss_cell: NDArray[np.int64]
    cuts: NDArray[np.uint8]
    hydrogens: NDArray[np.int64]
    atoms: NDArray[np.uint64]
    first_cell: NDArray[np.int64]
    neighbors: NDArray[np.uint64]

    @classmethod
    def of(cls, drafts: Sequence[_Draft]) -> "_Pieces":
        """Return the fragments of molecules."""
        size = max(len(draft.elements) for draft in drafts)
        first_cell = _offsets([len(draft.formula.row) for draft in drafts])
        neighbors = np.zeros((len(drafts), size), np.uint64)
        sums = list[NDArray[np.float32]]()
        for at, draft in enumerate(drafts):
            masks = [0] * size
            for a, b, _ in draft.bonds:
                masks[a] |= 1 << b
                masks[b] |= 1 << a
            neighbors[at] = masks
            # Whole numbers below 2^24 are exact in float32.
            radix = dict(zip(HEAVY, draft.formula.radix.tolist(), strict=True))
            weights = np.array([[radix.get(element, 0) for element in draft.elements], draft.borne], np.float32)
            sums.append(draft.fragments.membership(len(draft.elements)) @ weights.T)
        molecule = np.repeat(np.arange(len(drafts)), [len(part) for part in sums])
        number, hydrogens = np.concatenate(sums).astype(np.int64).T
        cell = first_cell[molecule] + number
        cuts = np.concatenate([draft.fragments.cuts for draft in drafts])
        order = np.argsort(cell * (MOST_CUTS + 1) + cuts)
        cell, molecule = cell[order], molecule[order]
        # The cells of a skeleton and of what it lacks add up to the molecule's first and last.
        loss_cell = first_cell[molecule] + first_cell[molecule + 1] - 1 - cell
        atoms = np.concatenate([draft.fragments.atoms for draft in drafts])
        return cls(molecule, cell, loss_cell, cuts[order], hydrogens[order], atoms[order], first_cell, neighbors)


def _shares_and_cuts(
    pieces: _Pieces, formulae: Sequence[MolecularFormula]
) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    """Return `Prepared.share` (with N of the largest molecule), `cuts` and `loss_cuts` of each molecule.

    A skeleton without fragments has what the fragments of its loss leave.
    """
    first = first_of_runs(pieces.cell)  # of each cell that has fragments
    fewest = pieces.cuts[first]
    is_chosen = pieces.cuts == np.repeat(fewest, _lengths(first, len(pieces.cell)))
    starts = (np.cumsum(is_chosen) - 1)[first]
    chosen, neighbors = pieces.atoms[is_chosen], pieces.neighbors[pieces.molecule[is_chosen]]
    n_atoms = neighbors.shape[1]
    held = membership(chosen, n_atoms)
    parts = np.empty((len(chosen), 3, n_atoms), np.float32)
    parts[:, 0] = held
    np.multiply(held, (neighbors & ~chosen[:, None]) != 0, out=parts[:, 1])
    np.greater((neighbors & chosen[:, None]) != 0, held, out=parts[:, 2])
    sums = _sums_of_runs(parts, starts)
    counts = _lengths(starts, len(held)).astype(np.float32)[:, None, None]
    n_cells = len(first)
    table = np.empty((2 * n_cells + 1, 3, n_atoms), np.float32)  # nothing, the fragments, and what they leave
    table[0] = 0
    own, left = table[1 : n_cells + 1], table[n_cells + 1 :]
    own[:] = sums
    np.subtract(counts[:, 0], sums[:, 0], out=left[:, 0])
    left[:, 1], left[:, 2] = sums[:, 2], sums[:, 1]
    for part in (own, left):
        part *= 255
        part /= counts
    of_cell, of_loss_cell = np.zeros((2, pieces.first_cell[-1]), np.int64)
    of_cell[pieces.cell[first]] = of_loss_cell[pieces.loss_cell[first]] = np.arange(1, n_cells + 1)
    offsets = _offsets([len(formula.cells) for formula in formulae])
    cells = np.concatenate([formula.cells for formula in formulae])
    cells += np.repeat(pieces.first_cell[:-1], np.diff(offsets))
    of_own, of_loss = of_cell[cells], of_loss_cell[cells]
    cuts = np.empty(n_cells + 1, np.uint8)
    cuts[0], cuts[1:] = NO_FRAGMENT, fewest
    row = np.where(of_own > 0, of_own, np.where(of_loss > 0, of_loss + n_cells, 0))
    share = np.rint(table, out=table).astype(np.uint8)[row]
    return _split(share, offsets), _split(cuts[of_own], offsets), _split(cuts[of_loss], offsets)


def _matches(
    pieces: _Pieces, formulae: Sequence[MolecularFormula]
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.uint8]]]:
    """Return `Prepared.match_at` and `match_count` of each molecule."""
    kinds, width = MOST_CUTS + 2, MOST_HYDROGENS + 1
    offsets = _offsets([len(formula.cells) for formula in formulae])
    rows = [formula.row + offset * (formula.row >= 0) for formula, offset in zip(formulae, offsets, strict=False)]
    row_of_cell = np.concatenate(rows)
    in_all = np.array([formula.hydrogens for formula in formulae])
    row, loss_row = row_of_cell[pieces.cell], row_of_cell[pieces.loss_cell]
    keys = (row * width + pieces.hydrogens) * kinds + pieces.cuts
    lost = (pieces.cuts == 2) & (loss_row >= 0)
    left = in_all[pieces.molecule[lost]] - pieces.hydrogens[lost]
    keys = np.concatenate([keys[row >= 0], (loss_row[lost] * width + left) * kinds + kinds - 1])
    keys.sort()
    first = first_of_runs(keys)
    count = np.minimum(_lengths(first, len(keys)), 255).astype(np.uint8)
    place, kind = np.divmod(keys[first], kinds)
    skeleton, hydrogens = np.divmod(place, width)
    fewest, number, start = (
        np.concatenate([getattr(formula, name) for formula in formulae]) for name in ("fewest", "number", "start")
    )
    above = (hydrogens - fewest[skeleton])[:, None] + _SHIFTS
    within = (above >= 0) & (above < number[skeleton][:, None])
    at = (start[skeleton][:, None] + above) * MATCHES + np.arange(len(SHIFTS)) * kinds + kind[:, None]
    ends = np.append(0, np.cumsum(within.sum(axis=1)))[np.searchsorted(skeleton, offsets)]
    return _split(at[within], ends), _split(np.repeat(count, len(SHIFTS))[within.ravel()], ends)


def _atoms(drafts: Sequence[_Draft]) -> list[NDArray[np.uint8]]:
    """Return `Prepared.atoms` of each molecule."""
    offsets = _offsets([len(draft.elements) for draft in drafts])
    columns = np.array([columns for draft in drafts for columns in draft.columns])
    rows = np.zeros((offsets[-1], ATOM_FEATURES + 1), np.uint8)
    rows[np.arange(offsets[-1])[:, None], columns] = 1
    ring_atoms, ring_columns = list[int](), list[int]()
    for draft, offset in zip(drafts, offsets.tolist(), strict=False):
        for ring in draft.rings:
            size = len(ring)
            ring_atoms += [offset + atom for atom in ring]
            ring_columns += [_RING + size - _RING_SIZES.start if size in _RING_SIZES else _NO_COLUMN] * size
    rows[ring_atoms, ring_columns] = 1
    rows[ring_atoms, _IN_RING] = 1
    return _split(np.ascontiguousarray(rows[:, :ATOM_FEATURES]), offsets)


def _sums_of_runs(parts: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the sums of runs of rows of parts (n, ...), (n_runs, ...); five times as fast as NumPy's reduceat."""
    with torch.inference_mode():
        table = torch.from_numpy(parts).flatten(1)
        sums = F.embedding_bag(torch.arange(len(parts)), table, torch.from_numpy(starts), mode="sum")
        found: NDArray[np.float32] = sums.numpy().reshape(-1, *parts.shape[1:])
    return found


def _lengths(starts: NDArray[np.int64], end: int) -> NDArray[np.int64]:
    """Return the lengths of runs that begin at `starts`, the last one up to `end`, (n_runs,)."""
    lengths = np.empty(len(starts), np.int64)
    np.subtract(starts[1:], starts[:-1], out=lengths[:-1])
    lengths[-1:] = end - starts[-1:]
    return lengths


def _offsets(sizes: Sequence[int]) -> NDArray[np.int64]:
    """Return where parts of these sizes begin one after the other, and the end, (n + 1,)."""
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


def _split(values: NDArray[Any], offsets: NDArray[np.int64]) -> list[NDArray[Any]]:
    """Return the parts of an array that begin at `offsets`."""
    return [values[begin:end] for begin, end in pairwise(offsets.tolist())]


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


def _batched(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """Yield lists of so many items; `itertools.batched` needs Python 3.12."""
    iterator = iter(items)
    while block := list(islice(iterator, size)):
        yield block
