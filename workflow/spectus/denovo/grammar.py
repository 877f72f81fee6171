"""Which tokens can follow a partial SMILES: a finite automaton over characters that counts branches and rings.

The grammar is that of OpenSMILES (opensmiles.org, version 1.0), with the valences that RDKit writes without charges. A
token is masked only where no continuation could be valid: a bracket left open, a branch closed that was not opened, a
ring bond to its own atom or a second one to its neighbor, more bonds than an atom has, an end with branches or rings
open. It is not checked whether an aromatic ring can exist.

Shapes: B spectra, K beams of a spectrum, V tokens, S states of the automaton, R ring numbers.
"""

import string
from dataclasses import dataclass, field, replace

import torch
from rdkit import Chem
from torch import Tensor

from spectus.denovo.tokenizer import SmilesTokenizer

RINGS = 100
"""Ring numbers, 0 to 99 (OpenSMILES, section 3.4)."""

_DEEPEST = 40  # branches within branches; chosen: a string of 100 characters has fewer
_ORDERS = {"=": 2, "#": 3, "$": 4}
# Bonds of an atom without brackets, of an aromatic one (its double bond shared), and of one in brackets without charge.
_PLAIN = {5: 3, 6: 4, 7: 3, 8: 2, 15: 5, 16: 6, 9: 1, 17: 1, 35: 1, 53: 5}
_IN_AROMATIC = {5: 3, 6: 4, 7: 3, 8: 2, 15: 5, 16: 6}
_IN_BRACKETS = {6: 4, 7: 3, 8: 2, 5: 4, 9: 1, 14: 6, 15: 5, 16: 6, 34: 6, 52: 6, 33: 5, 17: 7, 35: 7, 53: 7, 1: 1}
_MOST = 12  # bonds of any other atom, the largest coordination number
_ELEMENTS = {Chem.GetPeriodicTable().GetElementSymbol(number): number for number in range(1, 119)}
_ORGANIC = "BCNOPSFI"  # written without brackets; Cl and Br follow from C and B
_AROMATIC = "bcnops"
BONDS = "-=#$:/\\"
"""Characters that stand for a bond."""

_CLOSED = ("atom", "atom C", "atom B", "branch closed")  # states in which the string may end


@dataclass
class _Arc:
    """Reading a character in a state: where it leads, and what it does."""

    to: str
    branch: int = 0  # branches opened, or -1 for one closed
    ring: int = -1  # ring number opened or closed
    element: int = 0  # atomic number of the atom added
    undone: int = 0  # atomic number of the atom that turns out to be `element`
    group: str = ""  # elements that the atom may still turn out to be, by name; "" for just `element`
    aromatic: bool = False
    is_atom: bool = False
    bonds: int = 0  # bonds that the atom can make, or by how many they change
    order: int = 0  # of the bond written


class Grammar:
    """The automaton as tables over states and tokens.

    Parameters
    ----------
    tokenizer
        Its tokens are single characters.
    end
        The end token.
    device
        Where the tables are.

    Attributes
    ----------
    follow
        The next state, (S, V) int64; -1 where there is none. The end token has no arc.
    branch, ring, element, undone, bonds, order
        What reading a token does, (S, V) int64; see `_Arc`.
    """

    def __init__(self, tokenizer: SmilesTokenizer, end: int, device: torch.device | str = "cpu") -> None:
        self.characters = tokenizer.characters()
        self.end = end
        arcs = _automaton()
        self.states = list(arcs)
        number = {state: index for index, state in enumerate(self.states)}
        shape = (len(self.states), len(self.characters))
        follow = torch.full(shape, -1)
        branch, ring, element, undone = (
            torch.zeros(shape),
            torch.full(shape, -1),
            torch.zeros(shape),
            torch.zeros(shape),
        )
        aromatic, starts, bonds, order = (torch.zeros(shape) for _ in range(4))
        self.groups: list[tuple[int, ...]] = [()]
        group = torch.zeros(shape)
        for token, character in enumerate(self.characters):
            for state, by_character in arcs.items():
                arc = by_character.get(character) if character else None
                if arc is None:
                    continue
                at = number[state], token
                follow[at], branch[at], ring[at] = number[arc.to], arc.branch, arc.ring
                element[at], undone[at], aromatic[at], starts[at] = arc.element, arc.undone, arc.aromatic, arc.is_atom
                bonds[at], order[at] = arc.bonds, arc.order
                if arc.element or arc.group:
                    members = _members(arc)
                    if members not in self.groups:
                        self.groups.append(members)
                    group[at] = self.groups.index(members)
        self.follow, self.branch, self.ring = (t.long().to(device) for t in (follow, branch, ring))
        self.element, self.undone, self.group = (t.long().to(device) for t in (element, undone, group))
        self.bonds, self.order = bonds.long().to(device), order.long().to(device)
        self.aromatic, self.starts = aromatic.bool().to(device), starts.bool().to(device)
        self.closed = torch.tensor([state in _CLOSED for state in self.states], device=device)
        self.possible = self.follow >= 0
        self.first, self.start = number["begin"], number["start"]
        self.unbound = torch.tensor([state in ("begin", "start") for state in self.states], device=device)
        self.bracketed = torch.tensor([state in _bracket_states() for state in self.states], device=device)
        # What a token needs of the atom before it: a bond of its order, or a single one.
        opens = (self.branch > 0) | (self.ring >= 0) | (self.follow == number["ring"]) | self.starts
        self.needs = torch.maximum(self.order, opens.long())
        self.in_ring = torch.tensor([state.startswith("ring") for state in self.states], device=device)
        self.closing = self.characters.index(")")
        self.digits = torch.tensor([self.characters.index(digit) for digit in string.digits], device=device)
        self.ring_base = self.ring[:, self.digits[0]]  # (S,) ring number that a 0 would mean, -1 where it means none


@dataclass
class GrammarState:
    """Where the beams of a search are in the automaton.

    Attributes
    ----------
    grammar
        The automaton.
    rows, beams
        B and K.
    state
        State of the automaton, (B, K).
    depth
        Open branches, (B, K).
    rings
        Open rings, (B, K, R) bool.
    here, before
        Rings opened on the last atom and on the one that it is bound to, where that is known, (B, K, R) bool.
    room
        Bonds that the last atom can still make, (B, K).
    order
        Order of the bond just written, (B, K); 0 if none is.
    branching
        Whether the next atom begins a branch, (B, K) bool.
    stack
        Room of the atoms with open branches, (B, K, D).
    """

    grammar: Grammar
    rows: int
    beams: int
    state: Tensor = field(init=False)
    depth: Tensor = field(init=False)
    rings: Tensor = field(init=False)
    here: Tensor = field(init=False)
    before: Tensor = field(init=False)
    room: Tensor = field(init=False)
    order: Tensor = field(init=False)
    branching: Tensor = field(init=False)
    stack: Tensor = field(init=False)

    def __post_init__(self) -> None:
        """Put all beams at the beginning."""
        device, shape = self.grammar.follow.device, (self.rows, self.beams)
        self.state = torch.full(shape, self.grammar.first, device=device)
        self.depth = torch.zeros(shape, dtype=torch.long, device=device)
        self.rings, self.here, self.before = (
            torch.zeros(*shape, RINGS, dtype=torch.bool, device=device) for _ in range(3)
        )
        self.room, self.order = (torch.zeros(shape, dtype=torch.long, device=device) for _ in range(2))
        self.branching = torch.zeros(shape, dtype=torch.bool, device=device)
        self.stack = torch.zeros(*shape, _DEEPEST, dtype=torch.long, device=device)

    def allowed(self) -> Tensor:
        """Return the tokens after which the string can still become valid, (B, K, V) bool."""
        grammar = self.grammar
        allowed = grammar.possible[self.state]
        base = grammar.ring_base[self.state][..., None]  # (B, K, 1)
        ring = base.clamp(min=0) + torch.arange(10, device=base.device)
        useless = (self.here | self.before).gather(2, ring) & (base >= 0)
        allowed[..., grammar.digits] &= ~useless
        allowed[..., grammar.closing] &= self.depth > 0
        allowed &= self._bonds_fit()
        allowed[..., grammar.end] = grammar.closed[self.state] & (self.depth == 0) & ~self.rings.any(-1)
        return allowed

    def _bonds_fit(self) -> Tensor:
        """(B, K, V) bool: the last atom can make the bond, and a new one the bond that leads to it."""
        grammar = self.grammar
        needs, bonds, starts = grammar.needs[self.state], grammar.bonds[self.state], grammar.starts[self.state]
        free = (grammar.unbound | grammar.bracketed)[self.state][..., None]
        reaches = (needs <= self.room[..., None]) | free | (self.order > 0)[..., None]  # an order was looked at before
        taken = torch.where(grammar.unbound[self.state], 0, self.order.clamp(min=1))[..., None]
        fits = torch.where(starts, bonds >= taken, bonds + self.room[..., None] >= 0)
        return reaches & fits

    def advance(self, parents: Tensor, tokens: Tensor) -> None:
        """Replace the beams by the continuations of `parents` (B, K) by `tokens` (B, K).

        An end token, or a masked one, changes nothing, since such beams are not continued.
        """
        grammar = self.grammar
        self.state, self.depth = self.state.gather(1, parents), self.depth.gather(1, parents)
        wide = parents[..., None].expand(-1, -1, RINGS)
        self.rings, self.here, self.before = (t.gather(1, wide) for t in (self.rings, self.here, self.before))
        self._advance_bonds(parents, tokens)
        ring = grammar.ring[self.state, tokens]  # (B, K)
        branch, starts = grammar.branch[self.state, tokens], grammar.starts[self.state, tokens][..., None]
        follow = grammar.follow[self.state, tokens]
        connected = ((branch >= 0) & (follow != grammar.start))[..., None]  # the next atom binds to the last one
        self.before = torch.where(starts, self.here, self.before) & connected
        self.here = self.here & ~starts & connected
        touched = torch.zeros_like(self.rings).scatter_(2, ring.clamp(min=0)[..., None], (ring >= 0)[..., None])
        self.here = self.here | (touched & ~self.rings)
        self.rings = self.rings ^ touched
        self.depth = self.depth + branch
        self.state = follow.clamp(min=0)

    def _advance_bonds(self, parents: Tensor, tokens: Tensor) -> None:
        """Follow the room of the atoms; `state` and `depth` are the parents'."""
        grammar = self.grammar
        room, order, branching = (t.gather(1, parents) for t in (self.room, self.order, self.branching))
        stack = self.stack.gather(1, parents[..., None].expand(-1, -1, _DEEPEST))
        starts, branch = grammar.starts[self.state, tokens], grammar.branch[self.state, tokens]
        rings, bonds = grammar.ring[self.state, tokens] >= 0, grammar.bonds[self.state, tokens]
        taken = torch.where(grammar.unbound[self.state], 0, order.clamp(min=1))
        top = (self.depth - 1).clamp(0, _DEEPEST - 1)[..., None]
        left = stack.gather(2, top) - (starts & branching).long()[..., None] * taken[..., None]
        stack = stack.scatter(2, top, left)
        stack = torch.where(
            (branch > 0)[..., None],
            stack.scatter(2, self.depth.clamp(max=_DEEPEST - 1)[..., None], room[..., None]),
            stack,
        )
        room = torch.where(starts, bonds - taken, room + bonds - rings.long() * taken)
        self.room = torch.where(branch < 0, left[..., 0], room)
        keeps = grammar.in_ring[grammar.follow[self.state, tokens].clamp(min=0)]  # % and its digits are of one bond
        self.order = torch.where(keeps, order, grammar.order[self.state, tokens])
        written = grammar.order[self.state, tokens] > 0
        self.branching = (branch > 0) | (branching & written)
        self.stack = stack

    def restart(self, at: Tensor) -> None:
        """Begin new strings in some rows, (n,) int64."""
        self.state[at] = self.grammar.first
        self.depth[at] = 0
        self.rings[at], self.here[at], self.before[at] = False, False, False
        self.room[at], self.order[at], self.branching[at], self.stack[at] = 0, 0, False, 0

    def keep(self, at: Tensor) -> None:
        """Drop all rows but some, (n,) int64."""
        for name in ("state", "depth", "rings", "here", "before", "room", "order", "branching", "stack"):
            setattr(self, name, getattr(self, name)[at])


def _members(arc: _Arc) -> tuple[int, ...]:
    if not arc.group:
        return (arc.element,)
    if arc.group in ("organic C", "organic B"):
        return (6, 17) if arc.group[-1] == "C" else (5, 35)
    return tuple(number for symbol, number in _ELEMENTS.items() if symbol[0] == arc.group.upper())


def _automaton() -> dict[str, dict[str, _Arc]]:
    atoms = _atoms()
    bonds = {bond: _Arc("bond", order=_ORDERS.get(bond, 1)) for bond in BONDS}
    to_atom = {bond: _Arc("bond to an atom", order=_ORDERS.get(bond, 1)) for bond in BONDS}
    rings = {digit: _Arc("atom", ring=int(digit)) for digit in string.digits} | {"%": _Arc("ring")}
    opened, closed = {"(": _Arc("branch opened", branch=1)}, {")": _Arc("branch closed", branch=-1)}
    dot = {".": _Arc("start")}
    after_atom = {**atoms, **bonds, **rings, **opened, **closed, **dot}
    states = {
        "begin": {" ": _Arc("start"), **atoms},
        "start": dict(atoms),
        "atom": after_atom,
        "atom C": after_atom | {"l": _Arc("atom", element=17, undone=6, bonds=_PLAIN[17] - _PLAIN[6])},
        "atom B": after_atom | {"r": _Arc("atom", element=35, undone=5, bonds=_PLAIN[35] - _PLAIN[5])},
        "bond": {**atoms, **rings},
        "bond to an atom": dict(atoms),  # ring bonds stand before an atom's branches
        "branch opened": {**atoms, **to_atom},
        "branch closed": {**atoms, **to_atom, **opened, **closed, **dot},
        "ring": {digit: _Arc(f"ring {digit}") for digit in string.digits},
    }
    for ten in string.digits:
        states[f"ring {ten}"] = {one: _Arc("atom", ring=int(ten + one)) for one in string.digits}
    return states | _bracket_states()


def _atoms() -> dict[str, _Arc]:
    """Return the arcs of the characters with which an atom may begin."""
    plain = {letter: _atom(_ELEMENTS[letter], _PLAIN) for letter in _ORGANIC}
    plain["C"] = replace(plain["C"], to="atom C", group="organic C")
    plain["B"] = replace(plain["B"], to="atom B", group="organic B")
    aromatic = {letter: _atom(_ELEMENTS[letter.upper()], _IN_AROMATIC, aromatic=True) for letter in _AROMATIC}
    return plain | aromatic | {"[": _Arc("bracket", is_atom=True, bonds=_MOST)}


def _atom(element: int, valence: dict[int, int], aromatic: bool = False) -> _Arc:
    return _Arc("atom", element=element, is_atom=True, bonds=valence[element], aromatic=aromatic)


def _bracket_states() -> dict[str, dict[str, _Arc]]:
    """[ isotope? symbol chirality? hydrogens? charge? ], without the atom classes of reactions."""
    done = {"]": _Arc("atom")}
    charge = {"+": _Arc("plus", bonds=2), "-": _Arc("minus", bonds=2)} | done
    hydrogens = {"H": _Arc("hydrogens", bonds=-1)} | charge
    symbol = {"@": _Arc("chirality")} | hydrogens
    first = _symbol_letters()
    states = {
        "bracket": first | {digit: _Arc("isotope 1") for digit in string.digits},
        "isotope 1": first | {digit: _Arc("isotope 2") for digit in string.digits},
        "isotope 2": first | {digit: _Arc("isotope 3") for digit in string.digits},
        "isotope 3": first,
        "symbol": symbol,
        "chirality": {"@": _Arc("chirality 2")} | hydrogens,
        "chirality 2": hydrogens,
        "hydrogens": {digit: _Arc("hydrogens 2", bonds=1 - int(digit)) for digit in string.digits[1:]} | charge,
        "hydrogens 2": charge,
        "plus": {"+": _Arc("charge")} | {digit: _Arc("charge") for digit in string.digits} | done,
        "minus": {"-": _Arc("charge")} | {digit: _Arc("charge") for digit in string.digits} | done,
        "charge": done,
    }
    for letter in string.ascii_uppercase:
        one = _ELEMENTS.get(letter, 0)
        second = {
            name[1]: _Arc("symbol", element=number, undone=one, bonds=_bracket_bonds(number) - _bracket_bonds(one))
            for name, number in _ELEMENTS.items()
            if len(name) == 2 and name[0] == letter
        }
        states[f"symbol {letter}"] = (symbol if one else {}) | second
    states["symbol s"] = symbol | {"e": _Arc("symbol", element=34, undone=16, aromatic=True)}
    states["symbol a"] = {"s": _Arc("symbol", element=33, aromatic=True)}
    states["symbol t"] = {"e": _Arc("symbol", element=52, aromatic=True)}
    return states


def _symbol_letters() -> dict[str, _Arc]:
    upper = {
        letter: _Arc(
            f"symbol {letter}",
            element=_ELEMENTS.get(letter, 0),
            group=letter,
            bonds=_bracket_bonds(_ELEMENTS.get(letter, 0)) - _MOST,
        )
        for letter in sorted({symbol[0] for symbol in _ELEMENTS})
    }
    lower = {}
    for letter in _AROMATIC:
        element = _ELEMENTS[letter.upper()]
        lower[letter] = _Arc("symbol", element=element, aromatic=True, bonds=_bracket_bonds(element) - _MOST)
    lower["s"] = _Arc("symbol s", element=16, group="s", aromatic=True)
    return upper | lower | {"a": _Arc("symbol a"), "t": _Arc("symbol t")}


def _bracket_bonds(element: int) -> int:
    return _IN_BRACKETS.get(element, _MOST)
