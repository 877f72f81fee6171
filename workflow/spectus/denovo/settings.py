"""Settings of the stage `spectus denovo`; imports nothing heavy, since the command line reads the defaults here."""

from dataclasses import dataclass

OWN_FORMULA = "record"
"""Value of `DenovoSettings.formula` that restricts the candidates of each record to the record's own formula."""


@dataclass(frozen=True)
class DenovoSettings:
    """How structures are decoded.

    Attributes
    ----------
    beams
        Beams of the search, and the largest number of candidates of a query. Ten, as in arXiv 2502.05114.
    batch_size
        Spectra decoded together; 0 takes as many as fit into the memory.
    device
        `auto` (the first GPU, if there is one), `cpu`, `cuda` or `cuda:N`.
    precision
        `fp32`, `bf16`, or `auto`, which takes bf16 where the device is faster with it.
    grammar
        Mask tokens that cannot lead to valid SMILES.
    formula
        Molecular formula of all candidates, or `record` for each record's own; None: any.
    mass
        Nominal mass of all candidates, u; None: any.
    masses
        Number of probable molecular masses; for each, structures of that mass are decoded as well. 0: one search
        without any restriction, as published. None: 2 with the model that ships, on which it was measured, else 0.
    """

    beams: int = 10
    batch_size: int = 0
    device: str = "auto"
    precision: str = "auto"
    grammar: bool = True
    formula: str | None = None
    mass: int | None = None
    masses: int | None = None
