"""What the beams of a search may write next: valid SMILES and, where asked for, only those that can meet a target."""

from collections.abc import Sequence

import torch
from torch import Tensor

from spectus.denovo.constraints import ConstraintState, Tables, Target
from spectus.denovo.grammar import Grammar, GrammarState
from spectus.denovo.tokenizer import SmilesTokenizer


class Guide:
    """The tables of grammar and constraint for one tokenizer, on one device."""

    def __init__(self, tokenizer: SmilesTokenizer, end: int, device: torch.device | str = "cpu") -> None:
        self.tokenizer = tokenizer
        self.grammar = Grammar(tokenizer, end, device)
        self.tables = Tables(self.grammar)

    def begin(self, rows: int, beams: int) -> "GuideState":
        return GuideState(self, rows, beams)


class GuideState:
    """Where B rows of K beams stand; see `GrammarState` and `ConstraintState`."""

    def __init__(self, guide: Guide, rows: int, beams: int) -> None:
        self.guide = guide
        self.grammar = GrammarState(guide.grammar, rows, beams)
        self.constraint = ConstraintState(guide.tables, rows, beams)

    def restart(self, rows: Sequence[int], targets: Sequence[Target | None]) -> None:
        self.grammar.restart(torch.tensor(rows, device=self.grammar.state.device))
        self.constraint.restart(rows, targets)

    def keep(self, rows: Sequence[int]) -> None:
        self.grammar.keep(torch.tensor(rows, device=self.grammar.state.device))
        self.constraint.keep(rows)

    def allowed(self) -> Tensor:
        """(B, K, V) bool: tokens after which the string may still become an answer."""
        return self.constraint.narrow(self.grammar.allowed(), self.grammar)

    def advance(self, parents: Tensor, tokens: Tensor) -> None:
        """Beams become the continuations of `parents` (B, K) by `tokens` (B, K)."""
        self.constraint.advance(parents, tokens, self.grammar)
        self.grammar.advance(parents, tokens)

    def has_targets(self) -> bool:
        return any(self.constraint.targets)

    def has_target(self, row: int) -> bool:
        return self.constraint.targets[row] is not None

    def accepts(self, row: int, tokens: list[int]) -> bool:
        """Whether a finished string meets the target of its row."""
        target = self.constraint.targets[row]
        return target is None or target.accepts(self.guide.tokenizer.decode([tokens])[0])
