"""Masks the tokens of a beam search: only valid SMILES, and where asked for, only those that can meet a target.

Shapes: B rows (spectra), K beams of a row, V tokens.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from spectus.denovo.constraints import ConstraintState, ConstraintTables, Target
from spectus.denovo.grammar import Grammar, GrammarState
from spectus.denovo.tokenizer import SmilesTokenizer


class Guide:
    """The tables of grammar and constraint for one tokenizer, on one device.

    Parameters
    ----------
    tokenizer
        Its tokens are single characters.
    end
        The end token.
    device
        Where the masks are made.
    """

    def __init__(self, tokenizer: SmilesTokenizer, end: int, device: torch.device | str = "cpu") -> None:
        self.tokenizer = tokenizer
        self.grammar = Grammar(tokenizer, end, device)
        self.tables = ConstraintTables(self.grammar)

    def begin(self, rows: int, beams: int) -> "GuideState":
        """Begin a search of B rows of K beams."""
        return GuideState(self, rows, beams)


class GuideState:
    """Where the beams of a search are in their strings; see `GrammarState` and `ConstraintState`.

    Parameters
    ----------
    guide
        The tables.
    rows, beams
        B and K.
    """

    def __init__(self, guide: Guide, rows: int, beams: int) -> None:
        self.guide = guide
        self.grammar = GrammarState(guide.grammar, rows, beams)
        self.constraint = ConstraintState(guide.tables, rows, beams)

    def restart(self, rows: Sequence[int], targets: Sequence[Target | None]) -> None:
        """Begin new strings in some rows, each with its target."""
        self.grammar.restart(torch.tensor(rows, device=self.grammar.state.device))
        self.constraint.restart(rows, targets)

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all other rows."""
        self.grammar.keep(torch.tensor(rows, device=self.grammar.state.device))
        self.constraint.keep(rows)

    def allowed(self) -> Tensor:
        """Return the tokens after which a string may still become an answer, (B, K, V) bool."""
        return self.constraint.narrow(self.grammar.allowed(), self.grammar)

    def advance(self, parents: Tensor, tokens: Tensor) -> None:
        """Replace the beams by the continuations of `parents` (B, K) by `tokens` (B, K)."""
        self.constraint.advance(parents, tokens, self.grammar)
        self.grammar.advance(parents, tokens)

    def has_targets(self) -> bool:
        """Say whether any row has a target."""
        return any(self.constraint.targets)

    def has_target(self, row: int) -> bool:
        """Say whether a row has a target."""
        return self.constraint.targets[row] is not None

    def accepts(self, row: int, tokens: list[int]) -> bool:
        """Say whether a finished string meets the target of its row."""
        target = self.constraint.targets[row]
        return target is None or target.accepts(self.guide.tokenizer.decode([tokens])[0])
