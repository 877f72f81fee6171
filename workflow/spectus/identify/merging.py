"""Candidates of every source, each compound once for each query."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from spectus.structures import Structure, structure

SOURCES = ("library", "predicted", "model", "edit")
"""What may name a candidate, in the order it is told: a measured library, a library of predicted spectra, the de novo
model, structure editing."""


@dataclass
class Candidate:
    """A compound that a source proposes for a query.

    Attributes
    ----------
    smiles, inchikey, formula, name, cas : str or None
        The compound, as far as it is known.
    library_score, predicted_score : float or None
        Best scores of hits in measured and in predicted libraries, 0-1.
    log_prob : float or None
        Natural logarithm of the de novo model's probability.
    ri_delta : float or None
        Query's retention index minus the library record's.
    ri_basis, contradiction, derivative, smiles_measured, excluded : str or None
        As in the table of library hits, of the best measured hit.
    named_by : set of str
        Sources that propose it.
    """

    smiles: str | None = None
    inchikey: str | None = None
    formula: str | None = None
    name: str | None = None
    cas: str | None = None
    library_score: float | None = None
    predicted_score: float | None = None
    log_prob: float | None = None
    ri_delta: float | None = None
    ri_basis: str | None = None
    contradiction: str | None = None
    derivative: str | None = None
    smiles_measured: str | None = None
    excluded: str | None = None
    named_by: set[str] = field(default_factory=set)

    @property
    def identity(self) -> str:
        """The first block of the InChIKey, else the name."""
        return self.inchikey[:14] if self.inchikey else f"name {self.name}"

    @property
    def measured_smiles(self) -> str | None:
        """The molecule whose spectrum is to be predicted; None if it is not known."""
        if self.derivative:
            return self.smiles_measured
        return None if self.excluded and "library" in self.named_by else self.smiles

    @property
    def source(self) -> str:
        """The sources, joined by +."""
        return "+".join(name for name in SOURCES if name in self.named_by)


_OF_THE_RECORD = ("name", "ri_delta", "ri_basis", "contradiction", "derivative", "smiles_measured", "excluded")
"""What a candidate takes from its best record."""


def merge_candidates(
    hits: Iterable[dict[str, Any]], denovo: Iterable[dict[str, Any]], known: dict[str, Structure | None]
) -> list[Candidate]:
    """Merge the candidates of one query, each compound once.

    Parameters
    ----------
    hits
        Rows of library hits, best first.
    denovo
        Rows of de novo candidates, best first.
    known
        Structures by SMILES, kept between queries.

    Returns
    -------
    list of Candidate
        In the order in which the sources name them.
    """
    merged: dict[str, Candidate] = {}
    for hit in (hit for hit in hits if hit["reason"] is None):
        _add_hit(merged, hit, known)
    for row in (row for row in denovo if row["reason"] is None):
        candidate = _candidate(row, known)
        held = merged.setdefault(candidate.identity, candidate)
        held.log_prob = row["log_prob"] if held.log_prob is None else max(held.log_prob, row["log_prob"] or -1e9)
        held.named_by |= set((row.get("method") or "model").split("+"))
    return list(merged.values())


def _add_hit(merged: dict[str, Candidate], hit: dict[str, Any], known: dict[str, Structure | None]) -> None:
    """Add a library hit, or what it knows to the candidate of the same compound."""
    candidate = _candidate(hit, known)
    held = merged.setdefault(candidate.identity, candidate)
    held.named_by.add("predicted" if hit["predicted"] else "library")
    held.cas = held.cas or candidate.cas
    if held.smiles is None:  # another record of the compound has its structure
        held.smiles, held.formula = candidate.smiles, candidate.formula
    if hit["predicted"]:
        if hit["score"] > (held.predicted_score or 0.0):
            held.predicted_score = hit["score"]
        return
    if held is candidate or hit["score"] > (held.library_score or 0.0):
        held.library_score = hit["score"]
        for name in _OF_THE_RECORD:
            setattr(held, name, getattr(candidate, name))


def _candidate(row: dict[str, Any], known: dict[str, Structure | None]) -> Candidate:
    """Make a candidate of a row. The structure overrules what a record claims."""
    smiles = row["smiles"]
    if smiles not in known:
        known[smiles] = structure(smiles)
    drawn = known[smiles]
    candidate = Candidate(
        smiles=drawn.smiles if drawn else None,
        inchikey=drawn.inchikey if drawn else row.get("inchikey"),
        formula=drawn.formula if drawn else row.get("formula"),
        cas=row.get("cas"),
    )
    for name in _OF_THE_RECORD:
        setattr(candidate, name, row.get(name))
    return candidate
