"""What the page shows of a chosen feature, in parts that it unpacks one at a time."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from spectus.report import figures
from spectus.report.campaign import CampaignResults
from spectus.report.candidate_rows import candidate_row, hit_row, is_candidate, is_listed
from spectus.web.structure_drawing import draw_structure

FEATURES_PER_PART = 100
"""Features of one part of the page. Chosen: a browser unpacks a part in some milliseconds."""
STRUCTURES_BY_FEATURES = ((2_000, 6), (5_000, 4))
"""Largest number of features, and structures drawn for each of them, 0.4 kB each. Chosen: six fit beside the spectrum,
and benchmarks/large_report.py measures the page of 10,000 features, which is to have less than 40 MB."""
FEWEST_STRUCTURES = 1
"""The same above these numbers of features."""
CANDIDATES_PER_FEATURE = 20
"""Candidates listed for a feature: as many as `spectus identify` keeps by default."""


@dataclass(frozen=True)
class FeatureData:
    """What was read for the details of all features.

    Attributes
    ----------
    hits, candidates : mapping of str to list of dict
        Rows of the tables by feature.
    denovo_reasons : mapping of str to str
        Why features have no de novo candidate.
    accurate : mapping
        Nominal and measured m/z by run and component.
    elutions : mapping of int to list
        Elution profiles by place of the feature: [run, times, heights].
    traces : mapping of int to list
        Traces of ions by place of the feature, from `traces.read_chromatograms`.
    """

    hits: Mapping[str, list[dict[str, Any]]]
    candidates: Mapping[str, list[dict[str, Any]]]
    denovo_reasons: Mapping[str, str]
    accurate: Mapping[tuple[str, int], list[list[float]]]
    elutions: Mapping[int, list[list[Any]]]
    traces: Mapping[int, list[list[Any]]]

    def reasons(self, feature: str) -> list[str]:
        """Return why a feature has no candidate, or none of a kind."""
        found = [row["reason"] for row in self.candidates[feature] if row["reason"]]
        if not found:
            found = [f"de novo: {self.denovo_reasons[feature]}"] if feature in self.denovo_reasons else []
        return list(dict.fromkeys(found))


@dataclass
class _Part:
    """A part of the page: the details of some features, with the drawings and spectra that they share."""

    details: list[dict[str, Any]] = field(default_factory=list)
    candidates: list[list[list[Any]]] = field(default_factory=list)
    hits: list[list[list[Any]]] = field(default_factory=list)
    drawings: list[str] = field(default_factory=list)
    spectra: list[list[list[float]]] = field(default_factory=list)
    places: dict[Any, int | None] = field(default_factory=dict)

    def drawing(self, row: Mapping[str, Any]) -> int | None:
        """Return the place of the drawing of a candidate, or None if it cannot be drawn."""
        if not row["smiles"]:
            return None
        key = row["inchikey"] or row["smiles"]
        if key not in self.places:
            drawn = draw_structure(row["smiles"])
            self.places[key] = None if drawn is None else len(self.drawings)
            self.drawings += [drawn] if drawn else []
        return self.places[key]

    def spectrum(self, key: tuple[str, int], record: Mapping[str, Any]) -> int | None:
        """Return the place of the spectrum of a library record."""
        if key not in self.places:
            self.places[key] = len(self.spectra)
            self.spectra.append(figures.rounded_spectrum(record["mz"], record["intensity"]))
        return self.places[key]


def detail_parts(campaign: CampaignResults, read: FeatureData) -> Iterator[dict[str, Any]]:
    """Yield the parts of the page: `details` of FEATURES_PER_PART features, their `drawings` and `spectra`."""
    table = campaign.table("features")
    drawn = next((number for most, number in STRUCTURES_BY_FEATURES if table.num_rows <= most), FEWEST_STRUCTURES)
    bar = tqdm(total=table.num_rows, desc="features", unit="feature", disable=None)
    for first in range(0, table.num_rows, FEATURES_PER_PART):
        part = _Part()
        for offset, row in enumerate(table.slice(first, FEATURES_PER_PART).to_pylist()):
            elution, traces = (lines.get(first + offset, []) for lines in (read.elutions, read.traces))
            detail = _detail(campaign, read, row, part, drawn)
            part.details.append(detail | {"elution": elution, "traces": traces})
            bar.update()
        yield {
            "details": part.details,
            "candidates": columns_of(part.candidates),
            "hits": columns_of(part.hits),
            "drawings": part.drawings,
            "spectra": part.spectra,
        }
    bar.close()


def _detail(
    campaign: CampaignResults, read: FeatureData, row: Mapping[str, Any], part: _Part, drawn: int
) -> dict[str, Any]:
    feature = row["feature"]
    listed = [candidate for candidate in read.candidates[feature] if is_listed(candidate)]
    hits = read.hits.get(feature, [])
    best = row["best_run"], row["best_component"]
    kept = [candidate for candidate in listed if is_candidate(candidate)][:CANDIDATES_PER_FEATURE]
    kept += [candidate for candidate in listed if not is_candidate(candidate)]
    part.hits.append([_hit(hit, campaign, part) for hit in hits])
    part.candidates.append(
        [
            candidate_row(candidate, hits, part.drawing(candidate) if number < drawn else -1, number < drawn)
            for number, candidate in enumerate(kept)
        ]
    )
    detail: dict[str, Any] = {
        "spectrum": figures.rounded_spectrum(row["mz"], row["intensity"]),
        "more": len(listed) - len(kept),
        "reasons": read.reasons(feature),
    }  # fmt: skip
    return detail | ({"accurate": read.accurate[best]} if best in read.accurate else {})


def _hit(hit: Mapping[str, Any], campaign: CampaignResults, part: _Part) -> list[Any]:
    """Return a hit with the place of its spectrum, or with the reason why it has none."""
    key = hit["library"], hit["entry"]
    record = campaign.spectra.get(key)
    if record is None:
        given = hit["library"] in {library.name for library in campaign.libraries}
        gone = "the library no longer has this record" if given else "the library was not given to the report"
        return hit_row(hit, None, gone)
    if record["name"] != hit["name"]:
        return hit_row(hit, None, "the library now has another record at this position")
    return hit_row(hit, part.spectrum(key, record), None)


def columns_of(rows: Sequence[Sequence[Sequence[Any]]]) -> dict[str, Any]:
    """Return the rows of several features by column, which packs to three quarters of the size.

    Parameters
    ----------
    rows : sequence of sequence of sequence
        The rows of each feature, all of one length.

    Returns
    -------
    dict
        `counts`: the number of rows of each feature; `columns`: the values of all rows, field by field.
    """
    every = [row for several in rows for row in several]
    return {
        "counts": [len(several) for several in rows],
        "columns": [list(column) for column in zip(*every, strict=True)],
    }


def search_words(campaign: CampaignResults) -> dict[int, list[Any]]:
    """Return what the text filter searches besides the listed candidates: text about the others, and their formulas.

    The keys are places of features. Both are in lower case; the formulas are a list of their own, because only whole
    formulas match.
    """
    texts: defaultdict[str, list[str]] = defaultdict(list)
    formulas: defaultdict[str, list[str]] = defaultdict(list)
    seen: Counter[str] = Counter()
    for row in campaign.candidates:
        seen[row["query"]] += is_candidate(row)
        if not is_candidate(row) or seen[row["query"]] <= CANDIDATES_PER_FEATURE:
            continue
        known = (row.get("name"), row.get("cas"), row["smiles"], row["inchikey"])
        texts[row["query"]] += [text.lower() for text in known if text]
        formulas[row["query"]] += [row["formula"].lower()] if row["formula"] else []
    return {
        place: ["\n".join(dict.fromkeys(texts[feature])), list(dict.fromkeys(formulas[feature]))]
        for place, feature in enumerate(campaign.table("features")["feature"].to_pylist())
        if feature in texts
    }


def rows_by_query(rows: Sequence[dict[str, Any]]) -> defaultdict[str, list[dict[str, Any]]]:
    """Return rows of a table by query."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["query"]].append(row)
    return found


def reason_of_query(table: pa.Table) -> dict[str, str]:
    """Return the reasons of a table by query."""
    rows = table.filter(pc.is_valid(table["reason"]))
    return dict(zip(rows["query"].to_pylist(), rows["reason"].to_pylist(), strict=True))
