"""The plain way to what `preparation` computes fast: fragment by fragment."""

import numpy as np
from rdkit import Chem

from spectus.prediction.rassp.fragments import MOST_CUTS, fragments
from spectus.prediction.rassp.preparation import MATCHES, NO_FRAGMENT, SHIFTS, Prepared
from spectus.prediction.rassp.subformulae import HEAVY, isotope_patterns, lightest_mass, subformulae

SMILES = [
    "C", "CCO", "Cc1ccccc1Cl", "C[Si](C)(C)OCC(O[Si](C)(C)C)C=O", "CC(=O)OC1CCCC1", "BrC(Br)Br", "C1C2CC3CC1CC(C2)C3",
    "CN1CCC23C4C1CC5=C2C(=C(C=C5)O)OC3C(C=C4)O", "OB(O)c1ccc(F)cc1I", "FS(F)(F)(F)(F)F", "CCOP(=S)(OCC)SCCl",
    "C[N+](=O)[O-]", "CC#CC1=CC2=C(C=C1)N=NC(=N2)SC", "CCCCCCCCCCCCCCCCCC(=O)OC", "N#CC(=Cc1ccc(O)c(OC)c1)C(=O)NCCN",
    "OC1CCC2(C)C(CCC3C2CCC4(C)C3CCC4O)C1",
]  # fmt: skip
"""Molecules of every kind of bond, ring system and element."""


def share_and_matches(molecule: Chem.Mol, prepared: Prepared) -> tuple[np.ndarray, np.ndarray]:
    """Return `Prepared.share` and `Prepared.matches`."""
    size, formula = molecule.GetNumAtoms(), prepared.formula
    element = [HEAVY.index(atom.GetAtomicNum()) for atom in molecule.GetAtoms()]
    borne = [atom.GetTotalNumHs() for atom in molecule.GetAtoms()]
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    found = fragments(molecule)
    parts: dict[tuple[int, ...], list[tuple[int, np.ndarray, int]]] = {}
    for row, cuts in zip(found.membership(size), found.cuts.tolist(), strict=True):
        atoms = np.flatnonzero(row).tolist()
        counts = [0] * len(HEAVY)
        for atom in atoms:
            counts[element[atom]] += 1
        place = np.zeros((3, size))
        place[0, atoms] = 1
        for a, b in bonds:
            if row[a] != row[b]:
                place[1 if row[a] else 2, a] = place[1 if row[b] else 2, b] = 1
        parts.setdefault(tuple(counts), []).append((cuts, place, sum(borne[atom] for atom in atoms)))
    share, matches = np.zeros(prepared.share.shape), np.zeros((formula.n_formulae, len(SHIFTS), MOST_CUTS + 2))
    whole = np.array(formula.heavy)
    for k, skeleton in enumerate(formula.skeletons.astype(int)):
        own, loss = parts.get(tuple(skeleton.tolist()), []), parts.get(tuple((whole - skeleton).tolist()), [])
        least = min((cuts for cuts, _, _ in own or loss), default=NO_FRAGMENT)
        chosen = [place for cuts, place, _ in own or loss if cuts == least]
        if not own:
            chosen = [np.stack([1 - place[0], place[2], place[1]]) for place in chosen]
        if chosen:
            share[k] = np.rint(np.float32(255) * np.sum(chosen, axis=0, dtype=np.float32) / np.float32(len(chosen)))
        for f in np.flatnonzero(formula.skeleton == k):
            for at, shift in enumerate(SHIFTS):
                wanted = int(formula.hydrogens_of_each[f]) - shift
                for cuts, _, hydrogens in own:
                    matches[f, at, cuts] += hydrogens == wanted
                for cuts, _, hydrogens in loss:
                    matches[f, at, -1] += cuts == 2 and formula.hydrogens - hydrogens == wanted
    return share, np.minimum(matches, 255).reshape(-1, MATCHES)


def check_formula(prepared: Prepared, limits) -> None:
    """Compare what the formula alone says with the plain functions of `subformulae`."""
    formula = prepared.formula
    plain = subformulae(formula.heavy, formula.hydrogens, limits)
    assert (formula.skeletons == plain.skeletons).all()
    assert (formula.skeleton == plain.skeleton).all()
    assert (formula.hydrogens_of_each == plain.hydrogens).all()
    assert (formula.first_mass == lightest_mass(plain.skeletons, HEAVY)).all()
    np.testing.assert_allclose(formula.patterns, isotope_patterns(plain.skeletons, HEAVY, limits.isotopes), atol=1e-7)
