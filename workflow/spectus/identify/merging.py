"""Candidates of every source, each compound once for each query."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from spectus.identify.unresolved import plain_name
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
    def unresolved(self) -> bool:
        """Tell whether only a measured library names it, without a structure."""
        return self.smiles is None and self.named_by == {"library"}

    @property
    def on_list(self) -> bool:
        """Tell whether a measured library or a list of molecules names it."""
        return not self.named_by.isdisjoint(("library", "predicted"))

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

    A record of a library may give the free compound for the spectrum of its derivative ("3 TMS"), while another source
    gives the structure of that derivative. Both are the same answer: one candidate, called as the record calls it.

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
        In the order in which the sources name them, measured libraries first.
    """
    merged: dict[str, Candidate] = {}
    usable = [hit for hit in hits if hit["reason"] is None]
    for hit in (hit for hit in usable if not hit["predicted"]):
        _add_hit(merged, hit, known)
    _join_derivatives(merged, known)
    for hit in (hit for hit in usable if hit["predicted"]):
        _add_hit(merged, hit, known)
    for row in (row for row in denovo if row["reason"] is None):
        candidate = _candidate(row, known)
        held = merged.setdefault(candidate.identity, candidate)
        held.log_prob = row["log_prob"] if held.log_prob is None else max(held.log_prob, row["log_prob"] or -1e9)
        held.named_by |= set((row.get("method") or "model").split("+"))
    return list({id(candidate): candidate for candidate in merged.values()}.values())


def _join_derivatives(merged: dict[str, Candidate], known: dict[str, Structure | None]) -> None:
    """Let the identity of a derivative that a record was measured of stand for the record's candidate, too."""
    for candidate in list(merged.values()):
        drawn = _structure(candidate.smiles_measured, known) if candidate.derivative else None
        if drawn is None or not drawn.inchikey:
            continue
        other = merged.setdefault(drawn.inchikey[:14], candidate)
        if other is candidate or other.derivative:
            continue
        merged[drawn.inchikey[:14]] = candidate
        candidate.cas = candidate.cas or other.cas
        if (other.library_score or 0.0) > (candidate.library_score or 0.0):  # its index belongs to its score
            for name in ("library_score", "ri_delta", "ri_basis"):
                setattr(candidate, name, getattr(other, name))


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
    drawn = _structure(row["smiles"], known)
    candidate = Candidate(
        smiles=drawn.smiles if drawn else None,
        inchikey=drawn.inchikey if drawn else row.get("inchikey"),
        formula=drawn.formula if drawn else row.get("formula"),
        cas=row.get("cas"),
    )
    for name in _OF_THE_RECORD:
        setattr(candidate, name, row.get(name))
    candidate.name = plain_name(candidate.name)
    return candidate


def _structure(smiles: str | None, known: dict[str, Structure | None]) -> Structure | None:
    """Read a structure once."""
    if smiles is None:
        return None
    if smiles not in known:
        known[smiles] = structure(smiles)
    return known[smiles]
