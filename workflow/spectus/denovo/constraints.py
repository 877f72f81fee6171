"""Restricts decoding to a known molecular formula or nominal mass.

While a string grows, the atoms written so far are subtracted from those of the target. A token is masked when its atom
is used up, when the rings and multiple bonds written leave too little hydrogen, or when those that the atoms left can
still make leave too much; the end is masked while atoms are missing. These bounds never exclude a string that fits
(charges, radicals, hypervalent sulfur and phosphorus widen them). RDKit then decides exactly whether a finished string
fits. The log-probabilities stay the model's own. An answer is one molecule without isotopic labels.

Shapes: B spectra, K beams, V tokens, S states of the grammar.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from rdkit import Chem
from torch import Tensor

from spectus.denovo.grammar import BONDS, Grammar, GrammarState
from spectus.errors import InputError

_PERIODIC = Chem.GetPeriodicTable()
_MOST_MASS = 5000  # u, chosen: above all that evaporates in a gas chromatograph
_N = 119  # atomic numbers and 0
_PLENTY = 1 << 20  # atoms, hydrogens or u: more than any target has
_VALENCE = {6: 4, 14: 4, 32: 4, 50: 4, 82: 4, 7: 3, 15: 3, 33: 3, 51: 3, 5: 3, 13: 3, 8: 2, 16: 2, 34: 2, 52: 2,
            9: 1, 17: 1, 35: 1, 53: 1, 1: 1}  # fmt: skip
_HYPERVALENT = {16: 4, 34: 4, 52: 4, 15: 2, 33: 2, 51: 2, 17: 6, 35: 6, 53: 6}  # bonds beyond the valence above
_UNKNOWN = 50  # hydrogens by which the bounds are widened for metals; chosen: far more than a metal binds
_BY_MASS = (*(number for number in _VALENCE if number != 1), 80)  # elements of an answer of which the mass is known
# An atom more takes this much at least of a mass and of the hydrogens it can make needless: carbon 12 - 2 x 3 + 2.
_LEAST_STEP = 8
_PI = {"=": 1, "#": 2, "$": 3}
# What a token adds to a string's running sums: columns of `ConstraintTables.adds`.
_MASS, _EXCESS, _SLACK, _PI_BONDS, _DOUBLE, _AROMATIC_C, _AROMATIC = range(7)


@dataclass(frozen=True)
class Target:
    """What a structure must have: atoms and a charge, or a nominal mass.

    Attributes
    ----------
    atoms
        Pairs of atomic number and count, hydrogen among them, ascending; empty if a mass is given.
    charge
        Sum of the formal charges, elementary charges.
    mass
        Nominal mass, u; None if atoms are given.
    """

    atoms: tuple[tuple[int, int], ...] = ()
    charge: int = 0
    mass: int | None = None

    def nominal_mass(self) -> int:
        """Return the nominal mass, u, as given or of the formula."""
        return self.mass or sum(_nominal_mass(number) * count for number, count in self.atoms)

    def accepts(self, smiles: str) -> bool:
        """Say whether a structure has what it must have; False for a string that is none.

        Parameters
        ----------
        smiles
            The structure.
        """
        return _fits(self, smiles)


def target_of(formula: str | None, mass: int | None) -> Target | None:
    """Make the target of a formula, or of a mass.

    Parameters
    ----------
    formula
        Such as C8H10N4O2; None if it is not known.
    mass
        Nominal mass, u; None if it is not known. It is not looked at where there is a formula.

    Returns
    -------
    Target or None
        None if neither is known.

    Raises
    ------
    InputError
        Not a formula or not a mass.
    """
    if formula is not None:
        return formula_target(formula)
    return None if mass is None else mass_target(mass)


def formula_target(text: str) -> Target:
    """Read a formula such as C8H10N4O2 or C5H14NO+.

    Parameters
    ----------
    text
        The formula; D is read as hydrogen.

    Returns
    -------
    Target
        Its atoms and charge.

    Raises
    ------
    InputError
        Not a formula.
    """
    match = re.fullmatch(r"((?:[A-Z][a-z]?\d*)+)(?:([+-])(\d*))?", text.strip())
    atoms: Counter[int] = Counter()
    for symbol, count in re.findall(r"([A-Z][a-z]?)(\d*)", match[1]) if match else []:
        number = _numbers().get("H" if symbol == "D" else symbol)
        if number is None:
            raise InputError(f"formula {text}", f"has no element {symbol}", "write it as C8H10N4O2")
        atoms[number] += int(count or 1)
    if match is None or not sum(atoms.values()):
        raise InputError(f"formula {text}", "is no molecular formula", "write it as C8H10N4O2")
    charge = int(match[3] or 1) * (1 if match[2] == "+" else -1) if match[2] else 0
    return Target(tuple(sorted((+atoms).items())), charge)


def mass_target(mass: int) -> Target:
    """Make the target of a nominal mass: the sum of the mass numbers of each element's most abundant isotope.

    Parameters
    ----------
    mass
        1 to 5000 u.

    Returns
    -------
    Target
        It accepts every formula of that mass.

    Raises
    ------
    InputError
        Another mass.
    """
    if not 1 <= mass <= _MOST_MASS:
        raise InputError(f"mass {mass}", "is no nominal mass of a molecule", "give whole units from 1")
    return Target(mass=mass)


@lru_cache(maxsize=100_000)
def _fits(target: Target, smiles: str) -> bool:
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or "." in smiles:
        return False
    atoms: Counter[int] = Counter()
    mass = 0
    for atom in molecule.GetAtoms():
        atoms[atom.GetAtomicNum()] += 1
        atoms[1] += atom.GetTotalNumHs()
        mass += atom.GetIsotope() or _nominal_mass(atom.GetAtomicNum())
        mass += atom.GetTotalNumHs()
    if target.mass is not None:
        return mass == target.mass
    return tuple(sorted((+atoms).items())) == target.atoms and Chem.GetFormalCharge(molecule) == target.charge


def _nominal_mass(number: int) -> int:
    return int(_PERIODIC.GetMostCommonIsotope(number))


@lru_cache
def _numbers() -> dict[str, int]:
    return {_PERIODIC.GetElementSymbol(number): number for number in range(1, _N)}


class ConstraintTables:
    """What the tokens of a grammar mean for a target.

    Parameters
    ----------
    grammar
        The automaton that reads the tokens.

    Attributes
    ----------
    members
        Which elements an atom of each group may turn out to be, (119, G) float.
    adds
        What a token adds to the sums of its string, (S, V, 7) int64: mass, excess valence sum(v - 2), slack in
        hydrogens, multiple bonds, double bonds, aromatic carbons and aromatic atoms.
    masses
        Nominal masses by atomic number, (119,), u.
    """

    def __init__(self, grammar: Grammar) -> None:
        device = grammar.follow.device
        self.grammar = grammar
        self.members = torch.zeros(_N, len(grammar.groups), device=device)
        for column, members in enumerate(grammar.groups):
            self.members[list(members), column] = 1
        self.masses = torch.tensor([0] + [_nominal_mass(number) for number in range(1, _N)], device=device)
        excess = torch.tensor([0] + [_VALENCE.get(number, 2) - 2 for number in range(1, _N)], device=device)
        slack = torch.tensor([0] + [_slack(number) for number in range(1, _N)], device=device)
        element, undone, aromatic = grammar.element, grammar.undone, grammar.aromatic.long()
        self.adds = torch.zeros(*grammar.follow.shape, 7, dtype=torch.long, device=device)
        for column, table in ((_MASS, self.masses), (_EXCESS, excess), (_SLACK, slack)):
            self.adds[..., column] = table[element] - table[undone]
        self.adds[..., _AROMATIC_C] = aromatic * (element == 6)
        self.adds[..., _AROMATIC] = aromatic * (undone == 0)
        character = grammar.characters
        plain = torch.tensor([not state.startswith(_BRACKETED) for state in grammar.states], device=device)
        for token, sign in enumerate(character):
            if sign in _PI:
                self.adds[plain, token, _PI_BONDS] = _PI[sign]
                self.adds[plain, token, _DOUBLE] = int(sign == "=")
            elif sign in ("+", "-"):
                self.adds[~plain, token, _SLACK] = 2
            elif sign == "[":  # an atom in brackets may be a radical
                self.adds[plain, token, _SLACK] = 1
        self.adds[grammar.states.index("bracket"), character.index("C"), _SLACK] = _VALENCE[6]
        self.bracket = grammar.states.index("bracket")
        self.double, self.triple = character.index("="), character.index("#")
        self.opening, self.dot = character.index("("), character.index(".")
        self.bonds = [token for token, sign in enumerate(character) if sign is not None and sign in BONDS]
        self.reach = torch.tensor(
            [0] + [_VALENCE.get(n, 7) - 1 + _HYPERVALENT.get(n, 0) for n in range(1, _N)], device=device
        )


_BRACKETED = ("bracket", "isotope", "symbol", "chirality", "hydrogens", "plus", "minus", "charge")


def _slack(number: int) -> int:
    return _HYPERVALENT.get(number, 0) if number in _VALENCE and number != 1 else _UNKNOWN


class ConstraintState:
    """What the beams of a search have left of their targets; a row without a target has plenty of everything.

    Parameters
    ----------
    tables
        What the tokens mean.
    rows, beams
        B and K.

    Attributes
    ----------
    atoms
        Atoms left by atomic number, (B, K, 119). Hydrogen has none, since it is not written as an atom.
    mass
        Nominal mass left, (B, K), u.
    sums
        Sums of what the tokens added, (B, K, 7), as in `ConstraintTables.adds`.
    rings
        Rings opened so far, (B, K).
    hydrogens
        Hydrogens of the target, (B,); -1 where they follow from the mass left.
    most_pi, least_pi
        Twice the rings and multiple bonds that leave the hydrogens of a formula in one neutral molecule, with and
        without its atoms' higher valences, (B,).
    """

    def __init__(self, tables: ConstraintTables, rows: int, beams: int) -> None:
        device = tables.masses.device
        self.tables = tables
        self.targets: list[Target | None] = [None] * rows
        self.atoms = torch.full((rows, beams, _N), _PLENTY, device=device)
        self.mass = torch.full((rows, beams), _PLENTY, device=device)
        self.sums = torch.zeros(rows, beams, 7, dtype=torch.long, device=device)
        self.rings = torch.zeros(rows, beams, dtype=torch.long, device=device)
        self.hydrogens = torch.full((rows,), -1, device=device)
        self.most_pi = torch.full((rows,), _PLENTY, device=device)
        self.least_pi = torch.full((rows,), -_PLENTY, device=device)

    def restart(self, rows: Sequence[int], targets: Sequence[Target | None]) -> None:
        """Begin new strings in some rows, each with its target."""
        for row, target in zip(rows, targets, strict=True):
            self.targets[row] = target
            self.sums[row], self.rings[row] = 0, 0
            self.atoms[row], self.mass[row], self.hydrogens[row] = _PLENTY, _PLENTY, -1
            self.most_pi[row], self.least_pi[row] = _PLENTY, -_PLENTY
            if target is None:
                continue
            self.atoms[row] = 0
            if target.mass is not None:
                self.mass[row] = target.mass
                self.atoms[row, :, list(_BY_MASS)] = _PLENTY
                continue
            heavy = [(number, count) for number, count in target.atoms if number != 1]
            for number, count in heavy:
                self.atoms[row, :, number] = count
            hydrogens = dict(target.atoms).get(1, 0)
            excess = sum((_VALENCE.get(number, 2) - 2) * count for number, count in heavy)
            slack = sum(_slack(number) * count for number, count in heavy)
            metals = sum(_UNKNOWN * count for number, count in heavy if number not in _VALENCE)
            self.hydrogens[row] = hydrogens
            self.most_pi[row] = excess + 2 - hydrogens + slack + 2 * abs(target.charge)
            self.least_pi[row] = excess + 2 - hydrogens - metals - 2 * abs(target.charge)

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all other rows."""
        self.targets = [self.targets[row] for row in rows]
        at = torch.tensor(rows, device=self.mass.device)
        for name in ("atoms", "mass", "sums", "rings", "hydrogens", "most_pi", "least_pi"):
            setattr(self, name, getattr(self, name)[at])

    def narrow(self, allowed: Tensor, state: GrammarState) -> Tensor:
        """Clear in `allowed` (B, K, V) the tokens that a beam's target excludes, and return it."""
        if not any(self.targets):
            return allowed
        grammar, tables, sums = self.tables.grammar, self.tables, self.sums
        base = grammar.ring_base[state.state][..., None]
        number = base.clamp(min=0) + torch.arange(10, device=base.device)
        closes = state.rings.gather(2, number) | (base < 0)  # (B, K, 10) or the digit means no ring
        slack = sums[..., _SLACK]
        most = (self.most_pi[:, None] + slack) // 2
        reach = self._most_pi() + (self.atoms.clamp(0, 100) * tables.reach).sum(-1)
        possible = (self._least_pi(sums, self.rings) <= most) & (2 * reach + slack >= self.least_pi[:, None])
        allowed = allowed & self._there(state.state) & (possible & self._mass_reachable())[..., None]
        for token in (tables.double, tables.triple):
            after = sums + tables.adds[state.state, token]
            allowed[..., token] &= self._least_pi(after, self.rings) <= most
        more = ((self.atoms > 0) & (tables.masses <= self.mass[..., None]))[..., 2:].any(-1)  # an atom can follow
        ring_fits = self._least_pi(sums, self.rings + 1) <= most
        allowed[..., grammar.digits] &= closes | (ring_fits & more)[..., None]
        allowed[..., tables.opening] &= more
        allowed[..., tables.bonds] &= (more | state.rings.any(-1) | (state.state >= tables.bracket))[..., None]
        free = torch.tensor([target is None for target in self.targets], device=base.device)[:, None]
        allowed[..., grammar.digits] &= (free | (state.state != tables.bracket))[..., None]
        allowed[..., tables.dot] &= free
        allowed[..., grammar.end] &= self._complete()
        return allowed

    def advance(self, parents: Tensor, tokens: Tensor, state: GrammarState) -> None:
        """Follow the beams; `state` is the grammar's, not yet advanced."""
        if not any(self.targets):
            return
        grammar = self.tables.grammar
        before = state.state.gather(1, parents)
        self.atoms = self.atoms.gather(1, parents[..., None].expand_as(self.atoms))
        self.sums = self.sums.gather(1, parents[..., None].expand_as(self.sums))
        self.mass, self.rings = self.mass.gather(1, parents), self.rings.gather(1, parents)
        for table, sign in ((grammar.element, -1), (grammar.undone, 1)):
            number = table[before, tokens][..., None]
            self.atoms.scatter_add_(2, number, torch.full_like(number, sign) * (number > 0))
        adds = self.tables.adds[before, tokens]
        self.sums, self.mass = self.sums + adds, self.mass - adds[..., _MASS]
        ring = grammar.ring[before, tokens]
        open_before = state.rings.gather(1, parents[..., None].expand_as(state.rings))
        opens = (ring >= 0) & ~open_before.gather(2, ring.clamp(min=0)[..., None])[..., 0]
        self.rings = self.rings + opens.long()

    def _there(self, state: Tensor) -> Tensor:
        """(B, K, V) whether the atom that a token adds, or one it may turn out to be, is left."""
        grammar, members = self.tables.grammar, self.tables.members
        group, undone = grammar.group[state], grammar.undone[state]  # (B, K, V)
        last = undone.max(-1).values  # (B, K) the atom that may still turn out to be another
        found = (self._available(self.atoms, self.mass) @ members > 0).gather(2, group)
        returned = self.atoms.scatter_add(2, last[..., None], torch.ones_like(last)[..., None])
        again = (self._available(returned, self.mass + self.tables.masses[last]) @ members > 0).gather(2, group)
        overdrawn = (self.atoms.min(-1).values < 0) | (self.mass < 0)  # only another element makes that good
        found = (found | (group == 0)) & ~overdrawn[..., None]
        return torch.where(undone > 0, again, found)

    def _available(self, atoms: Tensor, mass: Tensor) -> Tensor:
        return ((atoms > 0) & (self.tables.masses <= mass[..., None])).float()  # (B, K, 119)

    def _least_pi(self, sums: Tensor, rings: Tensor) -> Tensor:
        """(B, K) rings and multiple bonds that are there for certain.

        An aromatic carbon takes part in a double bond, two of them perhaps in the same, unless one is written.
        """
        aromatic = (sums[..., _AROMATIC_C] - 2 * sums[..., _DOUBLE]).clamp(min=0)
        return rings + sums[..., _PI_BONDS] + (aromatic + 1) // 2

    def _most_pi(self) -> Tensor:
        """(B, K) rings and multiple bonds that there can be at most with what is written."""
        sums = self.sums
        return self.rings + sums[..., _PI_BONDS] + (sums[..., _AROMATIC] + 1) // 2

    def _hydrogens(self) -> tuple[Tensor, Tensor]:
        """(B, K) fewest and most hydrogens of what is written, if it ended here."""
        full, slack = self.sums[..., _EXCESS] + 2, self.sums[..., _SLACK]
        return full - 2 * self._most_pi() - slack, full - 2 * self._least_pi(self.sums, self.rings) + slack

    def _mass_reachable(self) -> Tensor:
        """(B, K) whether the mass left can be hydrogens, or atoms and hydrogens; true where no mass is known."""
        least, most = self._hydrogens()
        left = self.mass
        return ((least <= left) & (left <= most)) | (left - least >= _LEAST_STEP)

    def _complete(self) -> Tensor:
        """(B, K) whether the string may end: no atom missing, and hydrogens within what its bonds leave."""
        least, most = self._hydrogens()
        by_formula = (self.hydrogens >= 0)[:, None]
        wanted = torch.where(by_formula, self.hydrogens[:, None], self.mass)
        fits = (wanted <= most) & (wanted >= least) & (wanted >= 0)
        missing = (self.atoms[..., 2:] > 0).any(-1) & by_formula
        free = torch.tensor([target is None for target in self.targets], device=least.device)[:, None]
        return free | (fits & ~missing)
