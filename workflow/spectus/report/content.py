"""What the page shows of runs and features: one JSON document, as short as it can be.

Times are hundredths of a second, intensities thousandths of the base peak. Rows of tables are lists; the document
names their fields in `candidateFields` and `hitFields`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tqdm import tqdm

from spectus.export.compound_names import name_and_cas
from spectus.report import figures
from spectus.report.campaign import (
    HITS_PER_FEATURE,
    CampaignResults,
    evidence_of_features,
    finding_of_features,
    first_candidates,
)
from spectus.report.figures import decimals, significant
from spectus.report.terms import FINDINGS, IDENTIFIED_BY, LEVELS, SOURCES, TERMS
from spectus.web.structure_drawing import draw_structure

STRUCTURES_PER_FEATURE = 5
"""Structures drawn for a feature. Chosen: they fit beside the spectrum."""
CANDIDATES_PER_FEATURE = 20
"""Candidates listed for a feature: as many as `spectus identify` keeps by default."""
IONS_PER_FEATURE = 10
"""Most intense peaks of a feature that the m/z filter searches. Chosen: 40 bytes of the page per feature."""
MOST_CHROMATOGRAMS = 200
"""Runs with a chromatogram on the page, about 10 kB each. Chosen: 2 MB."""
MOST_MODELLED = 40
"""Runs with model peaks on the page, about 20 kB each. Chosen: 1 MB."""
MOST_FEATURES = 3_000
"""Features with spectrum, candidates and areas on the page, about 6 kB each. Chosen: below 20 MB."""
MOST_AREAS = 2_000_000
"""Areas (features x runs) on the page, about 5 bytes each. Chosen: 10 MB."""

CANDIDATE_FIELDS = (
    "rank", "name", "cas", "formula", "source", "probability", "posterior", "libraryScore", "predictedScore", "logProb",
    "riDelta", "level", "smiles", "inchikey", "drawing",
)  # fmt: skip
"""Order of the fields of a candidate. `drawing` is a place among the drawings, null where the structure cannot be
drawn, and -1 where the drawing was left out."""

HIT_FIELDS = (
    "library", "entry", "name", "cas", "score", "cosine", "riDelta", "predicted", "spectrum", "why",
)  # fmt: skip
"""Order of the fields of a library hit. `spectrum` is a place among the spectra; `why` says why there is none."""


def page_document(campaign: CampaignResults) -> tuple[dict[str, Any], list[str]]:
    """Make the document of the page.

    Parameters
    ----------
    campaign : CampaignResults
        The results.

    Returns
    -------
    document : dict
        What the page's script reads.
    notes : list of str
        One sentence on each thing that was left out to keep the page small.
    """
    notes: list[str] = []
    runs = campaign.table("runs")["run"].to_pylist()
    features = _feature_columns(campaign)
    areas = figures.PeakAreaMatrix.of(campaign.table("peak_areas"), features["id"], runs)
    features["area"] = _largest_areas(areas)
    detailed = _detailed_features(areas, notes)
    drawings = _Drawings()
    details = _details(campaign, detailed, areas, drawings)
    document = {
        "runs": _run_rows(campaign, areas, notes),
        "axis": [runs.index(run) for run in areas.runs],
        "evidence": IDENTIFIED_BY,
        "findings": FINDINGS,
        "levels": LEVELS,
        "sources": SOURCES,
        "terms": {key: list(term) for key, term in TERMS.items()},
        "candidateFields": CANDIDATE_FIELDS,
        "hitFields": HIT_FIELDS,
        "features": features,
        "details": details,
        "otherWords": _other_words(campaign, details),
        "drawings": drawings.found,
        "spectra": [figures.rounded_spectrum(row["mz"], row["intensity"]) for row in campaign.spectra.values()],
        "ladders": _ladder_rows(campaign),
    }
    return document, notes


class _Drawings:
    """The drawings of the page, one for each distinct structure."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._place: dict[str, int | None] = {}

    def place(self, smiles: str | None, inchikey: str | None) -> int | None:
        """Return the place of the drawing of a structure, or None if it cannot be drawn."""
        if not smiles:
            return None
        key = inchikey or smiles
        if key not in self._place:
            drawing = draw_structure(smiles)
            self._place[key] = None if drawing is None else len(self.found)
            self.found += [drawing] if drawing else []
        return self._place[key]


def _run_rows(campaign: CampaignResults, areas: figures.PeakAreaMatrix, notes: list[str]) -> list[dict[str, Any]]:
    rows = campaign.table("runs").select(["run", "status", "mzml"]).to_pylist()
    types = campaign.types()
    drawn = [row["run"] for row in rows if row["status"] == "ok"][:MOST_CHROMATOGRAMS]
    n_ok = sum(row["status"] == "ok" for row in rows)
    if len(drawn) < n_ok:
        notes.append(
            f"Chromatograms are drawn for the first {len(drawn):,} of {n_ok:,} runs. "
            "The mzML files have those of the others."
        )
    models = figures.model_peaks(campaign.parts["components"].files, drawn[:MOST_MODELLED])
    marks = figures.apexes(campaign.table("components"), areas, drawn, models)
    chosen = set(drawn)
    return [
        {
            "name": row["run"],
            "type": types.get(row["run"]),
            **({"tic": figures.chromatogram(row["mzml"]), "apexes": marks[row["run"]]} if row["run"] in chosen else {}),
        }
        for row in tqdm(rows, desc="chromatograms", unit="run", disable=None)
    ]


def _feature_columns(campaign: CampaignResults) -> dict[str, list[Any]]:
    """Return the columns of the table of features, and of their first candidates."""
    table = campaign.table("features")
    best = first_candidates(campaign)
    names = [name_and_cas(row.get("name"), row.get("cas")) for row in best]
    ions = [
        _most_intense(mz or [], intensity or [])
        for mz, intensity in zip(table["mz"].to_pylist(), table["intensity"].to_pylist(), strict=True)
    ]
    return {
        "id": table["feature"].to_pylist(),
        "rt": [decimals(value, 2) for value in table["rt_s"].to_pylist()],
        "ri": [decimals(value, 1) for value in table["ri"].to_pylist()],
        "extrapolated": [int(bool(value)) for value in table["ri_extrapolated"].to_pylist()],
        "n": table["n_runs"].to_pylist(),
        "snr": [significant(value, 3) for value in table["snr"].to_pylist()],
        "purity": [decimals(value, 2) for value in table["purity"].to_pylist()],
        "ions": ions,
        "bestRun": table["best_run"].to_pylist(),
        "evidence": evidence_of_features(campaign),
        "finding": finding_of_features(campaign),
        "name": [found.name for found in names],
        "cas": [found.cas for found in names],
        "smiles": [row.get("smiles") for row in best],
        "formula": [row.get("formula") for row in best],
        "source": [row.get("source") for row in best],
        "level": [row.get("level") for row in best],
        "libraryScore": [decimals(row.get("library_score"), 3) for row in best],
        "predictedScore": [decimals(row.get("predicted_score"), 3) for row in best],
        "posterior": [decimals(row.get("posterior"), 3) for row in best],
        "logProb": [decimals(row.get("log_prob"), 2) for row in best],
        "probability": [decimals(row.get("probability"), 3) for row in best],
    }


def _most_intense(mz: Sequence[float], intensity: Sequence[float]) -> list[float | int | None]:
    """Return m/z of the most intense peaks, the base peak first."""
    order = np.argsort(-np.asarray(intensity, dtype=np.float64), kind="stable")[:IONS_PER_FEATURE]
    return [decimals(mz[place], 2) for place in order.tolist()]


def _largest_areas(areas: figures.PeakAreaMatrix) -> list[float | int | None]:
    """Return the largest area of each feature over the runs, counts x s; null where there is none."""
    known = ~np.isnan(areas.area)
    largest = np.where(known, areas.area, -np.inf).max(axis=1, initial=-np.inf)
    return [significant(value, 3) for value in largest.tolist()]


def _detailed_features(areas: figures.PeakAreaMatrix, notes: list[str]) -> NDArray[np.int64]:
    """Return the places of the features that get all details: all, or those of largest area if there are too many."""
    n_features, n_runs = areas.area.shape
    most = min(MOST_FEATURES, MOST_AREAS // max(n_runs, 1))
    if n_features <= most:
        return np.arange(n_features)
    notes.append(
        f"Spectra, candidates and areas are shown for the {most:,} features of largest area. The other "
        f"{n_features - most:,} are in the table only. The data set has all details."
    )
    largest = np.nan_to_num(areas.area, nan=0.0).max(axis=1, initial=0.0)
    return np.sort(np.argsort(-largest, kind="stable")[:most])


@dataclass(frozen=True)
class _Rows:
    """The rows of the tables by feature."""

    hits: Mapping[str, list[dict[str, Any]]]
    candidates: Mapping[str, list[dict[str, Any]]]
    denovo_reasons: Mapping[str, str]

    def reasons(self, feature: str) -> list[str]:
        """Return why a feature has no candidate, or none of a kind."""
        found = [row["reason"] for row in self.candidates[feature] if row["reason"]]
        if not found:
            found = [f"library: {row['reason']}" for row in self.hits[feature] if row["reason"]]
            found += [f"de novo: {self.denovo_reasons[feature]}"] if feature in self.denovo_reasons else []
        return list(dict.fromkeys(found))


def _details(
    campaign: CampaignResults, detailed: NDArray[np.int64], areas: figures.PeakAreaMatrix, drawings: _Drawings
) -> list[dict[str, Any] | None]:
    """Return for each feature what is shown when it is chosen; null where that was left out."""
    features = campaign.table("features")["feature"].to_pylist()
    wanted = {features[place] for place in detailed}
    rows = _Rows(
        _by_query(campaign.table("library_hits"), wanted),
        _by_query(campaign.table("candidates"), wanted),
        _reason_of_query(campaign.table("denovo_candidates")),
    )
    spectra = campaign.table("features").select(["mz", "intensity"])
    best = list(
        zip(*(campaign.table("features")[name].to_pylist() for name in ("best_run", "best_component")), strict=True)
    )
    shown = [best[place] for place in detailed.tolist() if None not in best[place]]
    accurate = figures.accurate_masses(campaign.parts["components"].files, shown)
    elutions = _elutions(campaign, detailed, areas)
    place_of_spectrum = {key: place for place, key in enumerate(campaign.spectra)}
    details: list[dict[str, Any] | None] = [None] * len(features)
    for place in tqdm(detailed.tolist(), desc="features", unit="feature", disable=None):
        feature = features[place]
        found = [row for row in rows.candidates[feature] if row["source"]]
        row = spectra.slice(place, 1)
        details[place] = {
            "spectrum": figures.rounded_spectrum(row["mz"][0].as_py(), row["intensity"][0].as_py()),
            "hits": [
                _hit_row(hit, place_of_spectrum, campaign)
                for hit in _best_candidate_first(rows.hits[feature], found)[:HITS_PER_FEATURE]
                if hit["library"]
            ],
            "candidates": [
                _candidate_row(candidate, drawings if number < STRUCTURES_PER_FEATURE else None)
                for number, candidate in enumerate(found[:CANDIDATES_PER_FEATURE])
            ],
            "more": max(0, len(found) - CANDIDATES_PER_FEATURE),
            "reasons": rows.reasons(feature),
            "areas": [significant(value, 3) for value in areas.area[place].tolist()],
            "gapFilled": "".join("1" if filled else "0" for filled in areas.filled[place]),
            "elution": elutions.get(place, []),
            **({"accurate": accurate[best[place]]} if best[place] in accurate else {}),
        }
    return details


def _other_words(campaign: CampaignResults, details: Sequence[dict[str, Any] | None]) -> dict[str, str]:
    """Return the names, formulas and structures of candidates that the details lack, by the place of the feature.

    The text filter of the page searches them beside those of the details.
    """
    features = {feature: place for place, feature in enumerate(campaign.table("features")["feature"].to_pylist())}
    words: defaultdict[str, list[str]] = defaultdict(list)
    for row in campaign.table("candidates").to_pylist():
        place = features[row["query"]]
        if details[place] is None or row["rank"] > CANDIDATES_PER_FEATURE:
            words[str(place)] += filter(None, (row["name"], row["formula"], row["smiles"]))
    return {place: " ".join(dict.fromkeys(found)).lower() for place, found in words.items()}


def _by_query(table: pa.Table, wanted: set[str]) -> defaultdict[str, list[dict[str, Any]]]:
    rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in table.to_pylist():
        if row["query"] in wanted:
            rows[row["query"]].append(row)
    return rows


def _best_candidate_first(hits: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the hits in their order, but those of the best candidate first, so that the page shows its spectrum."""
    if not found or not found[0]["inchikey"]:
        return list(hits)
    inchikey14 = found[0]["inchikey"][:14]
    return sorted(hits, key=lambda hit: not (hit["inchikey"] or "").startswith(inchikey14))


def _reason_of_query(table: pa.Table) -> dict[str, str]:
    rows = table.filter(pc.is_valid(table["reason"]))
    return dict(zip(rows["query"].to_pylist(), rows["reason"].to_pylist(), strict=True))


def _hit_row(row: dict[str, Any], places: dict[tuple[str, int], int], campaign: CampaignResults) -> list[Any]:
    """Return a library hit in the order of HIT_FIELDS."""
    place = places.get((row["library"], row["entry"]))
    why = None
    if place is None:
        known = row["library"] in {library.name for library in campaign.libraries}
        why = "the library no longer has this record" if known else "the library was not given to the report"
    elif campaign.spectra[row["library"], row["entry"]]["name"] != row["name"]:
        place, why = None, "the library now has another record at this position"
    name, cas = name_and_cas(row["name"], row.get("cas"))
    return [
        row["library"], row["entry"], name, cas, decimals(row["score"], 3), decimals(row["cosine"], 3),
        decimals(row["ri_delta"], 1), int(bool(row["predicted"])), place, why,
    ]  # fmt: skip


def _candidate_row(row: dict[str, Any], drawings: _Drawings | None) -> list[Any]:
    """Return a candidate in the order of CANDIDATE_FIELDS."""
    name, cas = name_and_cas(row["name"], row.get("cas"))
    return [
        row["rank"], name, cas, row["formula"], row["source"], decimals(row["probability"], 3),
        decimals(row["posterior"], 3), decimals(row["library_score"], 3), decimals(row["predicted_score"], 3),
        decimals(row["log_prob"], 2), decimals(row["ri_delta"], 1), row["level"], row["smiles"], row["inchikey"],
        drawings.place(row["smiles"], row["inchikey"]) if drawings else -1,
    ]  # fmt: skip


def _elutions(
    campaign: CampaignResults, detailed: NDArray[np.int64], areas: figures.PeakAreaMatrix
) -> dict[int, list[list[Any]]]:
    """Return for each detailed feature [place of the run, times, heights], the best run first, then by area."""
    places = {run: place for place, run in enumerate(campaign.table("runs")["run"].to_pylist())}
    best_runs = campaign.table("features")["best_run"].to_pylist()
    chosen: dict[int, list[tuple[str, int]]] = {}
    for place in detailed.tolist():
        columns = np.flatnonzero(areas.component[place])
        best = np.array([areas.runs[column] == best_runs[place] for column in columns], dtype=bool)
        order = np.lexsort([-np.nan_to_num(areas.area[place, columns]), ~best])
        few = columns[order][: figures.PROFILES_PER_FEATURE]
        chosen[place] = [(areas.runs[column], int(areas.component[place, column])) for column in few]
    wanted = [component for components in chosen.values() for component in components]
    found = figures.profiles(campaign.parts["components"].files, wanted)
    return {
        place: [[places[component[0]], *found[component]] for component in components if component in found]
        for place, components in chosen.items()
    }


def _ladder_rows(campaign: CampaignResults) -> list[dict[str, Any]]:
    """Return for each ladder run its RI standards: carbon number, index, time in s, missing."""
    ladders: dict[tuple[str, str], list[list[Any]]] = {}
    for row in campaign.table("ri_standards").to_pylist():
        standard = [row["carbon"], decimals(row["ri"], 1), decimals(row["rt_s"], 2), int(row["missing"])]
        ladders.setdefault((row["run"], row["series"]), []).append(standard)
    return [{"run": run, "series": series, "standards": rows} for (run, series), rows in ladders.items()]
