"""Molecules as the FormulaNet reads them: a graph of heavy atoms, sub-formulae, and what the structure says of each.

Hydrogens are counts of the atoms that bear them. As vertices they would double the graph, and those of one atom are
equivalent. Moves and losses of hydrogens show in how many more a sub-formula has than the fragment of the same heavy
atoms.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import HybridizationType
from tqdm import tqdm

from spectus.molecules.suitability import survey
from spectus.prediction.rassp.fragments import MOST_ATOMS, MOST_CUTS, fragments
from spectus.prediction.rassp.subformulae import (
    HEAVY,
    Limits,
    Subformulae,
    isotope_patterns,
    lightest_mass,
    skeleton_number,
    subformulae,
)
from spectus.structures import quiet_rdkit

BOND_ORDERS = (Chem.BondType.SINGLE, Chem.BondType.AROMATIC, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE)
NO_FRAGMENT = MOST_CUTS + 1
"""Stands for the number of cuts where no fragment has a skeleton."""

MOST_HYDROGENS = 160
"""Hydrogens of a molecule. Chosen: more than any volatile molecule of 64 heavy atoms has."""

SHIFTS = (-2, -1, 0, 1, 2)
"""Hydrogens by which a sub-formula may differ from a fragment that is counted for it. Chosen: EI moves one or two."""

_HYBRIDS = (HybridizationType.SP, HybridizationType.SP2, HybridizationType.SP3)
_RING_SIZES = range(3, 8)
ATOM_FEATURES = len(HEAVY) + 6 + 5 + len(_HYBRIDS) + 3 + len(_RING_SIZES) + 2
MATCHES = (MOST_CUTS + 2) * len(SHIFTS)

_GRID = 2_000_000
"""Most skeletons that are enumerated, times hydrogens. Chosen: bounds the memory for molecules beyond the limits."""


class Prepared(NamedTuple):
    """One molecule of N heavy atoms, K skeletons and F sub-formulae.

    Attributes
    ----------
    reason : str or None
        Why it cannot be predicted; all else is empty then.
    atoms : ndarray of uint8, (N, ATOM_FEATURES)
        What is known of each atom.
    bonds : ndarray of uint8, (n_bonds, 3)
        Both atoms, and the place in BOND_ORDERS.
    heavy : ndarray of uint8, (len(HEAVY),)
        Heavy atoms of the molecule by element.
    hydrogens_in_all : int
        Hydrogens of the molecule.
    skeletons : ndarray of uint8, (K, len(HEAVY))
        Heavy atoms of each skeleton by element.
    share : ndarray of uint8, (K, 3, N)
        In steps of 1/255: how often an atom is in the fragments of a skeleton that break the fewest bonds, how often it
        is at a broken bond inside them, and outside.
    cuts, loss_cuts : ndarray of uint8, (K,)
        These fewest bonds, for the skeleton and for what it lacks.
    isotopes : ndarray of float32, (K, width)
        Isotope pattern.
    first_mass : ndarray of int16, (K,)
        Nominal mass at which it begins, Da.
    skeleton : ndarray of int32, (F,)
        Skeleton of each sub-formula.
    hydrogens : ndarray of uint8, (F,)
        Hydrogens of each sub-formula.
    matches : ndarray of uint8, (F, MATCHES)
        How many fragments have the skeleton and the hydrogens less each of SHIFTS, for 0 to 3 cuts, and whether the
        loss of two cuts is such a fragment.
    """

    reason: str | None
    atoms: NDArray[np.uint8]
    bonds: NDArray[np.uint8]
    heavy: NDArray[np.uint8]
    hydrogens_in_all: int
    skeletons: NDArray[np.uint8]
    share: NDArray[np.uint8]
    cuts: NDArray[np.uint8]
    loss_cuts: NDArray[np.uint8]
    isotopes: NDArray[np.float32]
    first_mass: NDArray[np.int16]
    skeleton: NDArray[np.int32]
    hydrogens: NDArray[np.uint8]
    matches: NDArray[np.uint8]


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
    reason, _, _ = survey(molecule)
    if molecule is None or reason is not None:
        return _refused(reason or "no molecule")
    atoms = list(molecule.GetAtoms())
    attached = np.array([atom.GetTotalNumHs() for atom in atoms], dtype=np.int64)
    elements = np.array([[atom.GetAtomicNum() == number for number in HEAVY] for atom in atoms], dtype=np.int64)
    heavy, hydrogens = elements.sum(axis=0), int(attached.sum())
    if not heavy.any():
        return _refused("no heavy atom")
    if len(atoms) > MOST_ATOMS or hydrogens > MOST_HYDROGENS or len(atoms) + hydrogens > limits.atoms:
        return _refused("too many atoms")
    if float(np.prod(heavy + 1.0)) * (hydrogens + 1) > _GRID:
        return _refused("too many sub-formulae")
    pieces = _Pieces.of(molecule, elements, attached, heavy)
    formulae = subformulae(heavy, hydrogens, limits)
    if len(formulae.skeleton) > limits.formulae:
        reachable = np.zeros(int(np.prod(heavy + 1)), bool)
        reachable[pieces.number] = True
        formulae = subformulae(heavy, hydrogens, limits, reachable | reachable[::-1])
    if len(formulae.skeleton) > limits.formulae:
        return _refused("too many sub-formulae")
    return _prepared(molecule, heavy, hydrogens, formulae, pieces, limits.isotopes)


class _Pieces(NamedTuple):
    """Fragments of a molecule.

    Attributes
    ----------
    cuts : ndarray of uint8, (n,)
        Fewest broken bonds.
    held : ndarray of float32, (n, N)
        1 where a fragment holds an atom.
    number : ndarray of int64, (n,)
        `skeleton_number` of its heavy atoms.
    hydrogens : ndarray of int64, (n,)
        Hydrogens of its atoms.
    """

    cuts: NDArray[np.uint8]
    held: NDArray[np.float32]
    number: NDArray[np.int64]
    hydrogens: NDArray[np.int64]

    @classmethod
    def of(
        cls, molecule: Chem.Mol, elements: NDArray[np.int64], attached: NDArray[np.int64], heavy: NDArray[np.int64]
    ) -> "_Pieces":
        """Return the fragments, given each atom's element (N, len(HEAVY)) and hydrogens (N,), and all heavy atoms."""
        found = fragments(molecule)
        held = found.membership(molecule.GetNumAtoms())
        number = skeleton_number((held @ elements).astype(np.int64), heavy)
        return cls(found.cuts, held, number, (held @ attached).astype(np.int64))


def _prepared(
    molecule: Chem.Mol, heavy: NDArray[np.int64], hydrogens: int, formulae: Subformulae, pieces: _Pieces, width: int
) -> Prepared:
    """Return a molecule with its sub-formulae and isotope patterns of a width."""
    bonds = _bonds(molecule)
    skeletons = formulae.skeletons
    at = skeleton_number(skeletons, heavy)
    row = np.full(int(np.prod(heavy + 1)), -1)
    row[at] = np.arange(len(skeletons))
    cuts = np.full(len(row), NO_FRAGMENT, np.uint8)
    np.minimum.at(cuts, pieces.number, pieces.cuts)
    return Prepared(
        reason=None,
        atoms=_atoms(molecule),
        bonds=bonds,
        heavy=heavy.astype(np.uint8),
        hydrogens_in_all=hydrogens,
        skeletons=skeletons.astype(np.uint8),
        share=_shares(pieces, bonds, row, cuts, len(skeletons)),
        cuts=cuts[at],
        loss_cuts=cuts[::-1][at],  # the numbers of a skeleton and of what it lacks add up to the last one
        isotopes=isotope_patterns(skeletons, HEAVY, width).astype(np.float32),
        first_mass=lightest_mass(skeletons, HEAVY).astype(np.int16),
        skeleton=formulae.skeleton.astype(np.int32),
        hydrogens=formulae.hydrogens.astype(np.uint8),
        matches=_matches(formulae, hydrogens, pieces, row),
    )


def _shares(
    pieces: _Pieces, bonds: NDArray[np.uint8], row: NDArray[np.int64], cuts: NDArray[np.uint8], n_skeletons: int
) -> NDArray[np.uint8]:
    """Return `Prepared.share`, (K, 3, N). A skeleton without fragments has what the fragments of its loss leave."""
    held, number = pieces.held, pieces.number
    best, loss_cuts = pieces.cuts == cuts[number], cuts[::-1]
    n_atoms = held.shape[1]
    ends = np.zeros((2, len(bonds), n_atoms), np.float32)
    ends[0, np.arange(len(bonds)), bonds[:, 0]] = 1
    ends[1, np.arange(len(bonds)), bonds[:, 1]] = 1
    chosen = np.flatnonzero(best)
    inside = held[chosen]
    broken = (inside @ ends[0].T != inside @ ends[1].T).astype(np.float32)
    at_break = np.minimum(broken @ (ends[0] + ends[1]), 1)
    whole = np.stack([inside, at_break * inside, at_break * (1 - inside)], axis=1)
    sums, counts = np.zeros((n_skeletons, 3, n_atoms), np.float32), np.zeros(n_skeletons, np.float32)
    for places, usable, parts in (
        (row[number[chosen]], np.ones(len(chosen), bool), whole),
        (row[::-1][number[chosen]], loss_cuts[number[chosen]] == NO_FRAGMENT, whole[:, (0, 2, 1)]),
    ):
        taken = np.flatnonzero(usable & (places >= 0))
        order = taken[np.argsort(places[taken], kind="stable")]
        if not len(order):
            continue
        starts = np.flatnonzero(np.diff(places[order], prepend=-1))
        at = places[order][starts]
        found = np.add.reduceat(parts[order], starts, axis=0)
        number_of = np.diff(np.append(starts, len(order)))
        if parts is not whole:
            found[:, 0] = number_of[:, None] - found[:, 0]
        sums[at] += found
        counts[at] += number_of
    return np.rint(255 * sums / np.maximum(counts, 1)[:, None, None]).astype(np.uint8)


def _matches(formulae: Subformulae, hydrogens: int, pieces: _Pieces, row: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return `Prepared.matches`, (F, MATCHES)."""
    cuts, attached, loss_row = pieces.cuts, pieces.hydrogens, row[::-1][pieces.number]
    kept = row[pieces.number] >= 0
    reach = max(abs(shift) for shift in SHIFTS)
    shape = (MOST_CUTS + 2, len(formulae.skeletons), hydrogens + 1 + 2 * reach)
    counts = np.zeros(shape, np.int64)
    np.add.at(counts, (cuts[kept].astype(np.int64), row[pieces.number][kept], attached[kept] + reach), 1)
    lost = (cuts == 2) & (loss_row >= 0)
    np.add.at(counts[-1], (loss_row[lost], hydrogens - attached[lost] + reach), 1)
    columns = [counts[:, formulae.skeleton, formulae.hydrogens - shift + reach] for shift in SHIFTS]
    return np.minimum(np.concatenate(columns), 255).T.astype(np.uint8)


def _atoms(molecule: Chem.Mol) -> NDArray[np.uint8]:
    rings = molecule.GetRingInfo()
    rows = np.zeros((molecule.GetNumAtoms(), ATOM_FEATURES), np.uint8)
    for at, atom in enumerate(molecule.GetAtoms()):
        degree, borne = min(atom.GetDegree(), 5), min(atom.GetTotalNumHs(), 4)
        rows[at] = [
            *(atom.GetAtomicNum() == number for number in HEAVY),
            *(degree == n for n in range(6)),
            *(borne == n for n in range(5)),
            *(atom.GetHybridization() == kind for kind in _HYBRIDS),
            *(atom.GetFormalCharge() == charge for charge in (-1, 0, 1)),
            *(rings.IsAtomInRingOfSize(at, size) for size in _RING_SIZES),
            atom.GetIsAromatic(),
            atom.IsInRing(),
        ]
    return rows


def _bonds(molecule: Chem.Mol) -> NDArray[np.uint8]:
    """Return `Prepared.bonds`, (n_bonds, 3); a bond of any other order counts as single."""
    rows = [
        (
            bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(),
            BOND_ORDERS.index(bond.GetBondType()) if bond.GetBondType() in BOND_ORDERS else 0,
        )
        for bond in molecule.GetBonds()
    ]  # fmt: skip
    return np.array(rows, dtype=np.uint8).reshape(-1, 3)


def _refused(reason: str) -> Prepared:
    none, shares = np.zeros(0, np.uint8), np.zeros((0, 3, 0), np.uint8)
    return Prepared(
        reason, np.zeros((0, ATOM_FEATURES), np.uint8), np.zeros((0, 3), np.uint8), none, 0,
        np.zeros((0, len(HEAVY)), np.uint8), shares, none, none, np.zeros((0, 1), np.float32), np.zeros(0, np.int16),
        np.zeros(0, np.int32), none, np.zeros((0, MATCHES), np.uint8),
    )  # fmt: skip
