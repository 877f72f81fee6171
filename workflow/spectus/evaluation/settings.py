"""Settings of `spectus evaluate`; imports nothing heavy, since the command line reads the defaults here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class EvaluationSettings:
    """What a de novo model is scored on, and how it decodes.

    Attributes
    ----------
    split
        Only the records with this value in the column `split`; None: all.
    beams
        Beams of the decoding, and the largest number of candidates of a query, of the model and of each search. Ten,
        as in arXiv 2502.05114.
    device
        `auto` (the first GPU, if there is one), `cpu`, `cuda` or `cuda:N`.
    grammar
        Mask tokens that cannot lead to valid SMILES.
    masses
        Probable molecular masses that structures are decoded for; see `DenovoSettings`.
    given
        `formula` or `mass`: the model's candidates are restricted to that of the ground truth; None: to nothing.
    reference
        Library to search with the same queries, for comparison; None: no search.
    reference_split
        Only the records of the reference with this value in the column `split`; None: all.
    exclude
        Files that name compounds to leave out of the queries and of the reference.
    reranker
        Folder of the model that reorders the candidates, or `open`; None: the model's own order.
    """

    split: str | None = None
    beams: int = 10
    device: str = "auto"
    grammar: bool = True
    masses: int | None = None
    given: str | None = None
    reference: Path | None = None
    reference_split: str | None = None
    exclude: Sequence[Path] = ()
    reranker: str | None = None
