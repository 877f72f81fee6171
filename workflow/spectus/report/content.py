"""What the page shows when a reader chooses a run or a feature: one JSON document, as short as it can be.

Times are hundredths of a second there, intensities thousandths of the base peak, and a row of a table is a list
whose order is written down where it is made.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tqdm import tqdm

from spectus.report import figures
from spectus.report.campaign import HITS_PER_FEATURE, IDENTIFIED_BY, Campaign, identified_by
from spectus.report.figures import decimals, significant
from spectus.web.structure_drawing import draw

STRUCTURES_PER_FEATURE = 5
CANDIDATES_PER_FEATURE = 10
MOST_CHROMATOGRAMS = 200
MOST_MODELLED = 40  # runs whose model peaks the page holds: about 20 kB each
MOST_FEATURES = 3_000
MOST_AREAS = 2_000_000


def content(campaign: Campaign) -> tuple[dict[str, Any], list[str]]:
    """The document, and a note in plain words on each thing that was left out of it."""
    notes: list[str] = []
    runs = campaign.table("runs")["run"].to_pylist()
    features = _features(campaign)
    amounts = figures.Amounts.of(campaign.table("peak_areas"), features["id"], runs)
    detailed = _detailed(amounts, notes)
    drawings = _Drawings()
    document = {
        "runs": _runs(campaign, amounts, notes),
        "axis": [runs.index(run) for run in amounts.runs],
        "ways": IDENTIFIED_BY,
        "features": features,
        "details": _details(campaign, features["id"], detailed, amounts, drawings),
        "drawings": drawings.found,
        "spectra": [figures.spectrum(row["mz"], row["intensity"]) for row in campaign.spectra.values()],
        "ladders": _ladders(campaign),
    }
    return document, notes


class _Drawings:
    """The drawings of the page, one for each distinct structure."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._place: dict[str, int | None] = {}

    def place(self, smiles: str | None, inchikey: str | None) -> int | None:
        """Where the drawing of a structure stands, or None if it cannot be drawn."""
        if not smiles:
            return None
        key = inchikey or smiles
        if key not in self._place:
            drawing = draw(smiles)
            self._place[key] = None if drawing is None else len(self.found)
            self.found += [drawing] if drawing else []
        return self._place[key]


def _runs(campaign: Campaign, amounts: figures.Amounts, notes: list[str]) -> list[dict[str, Any]]:
    rows = campaign.table("runs").select(["run", "status", "mzml"]).to_pylist()
    types = campaign.types()
    drawn = [row["run"] for row in rows if row["status"] == "ok"][:MOST_CHROMATOGRAMS]
    n_ok = sum(row["status"] == "ok" for row in rows)
    if len(drawn) < n_ok:
        notes.append(
            f"Chromatograms are drawn for the first {len(drawn):,} of {n_ok:,} runs; "
            "those of the others are in their mzML files."
        )
    models = figures.model_peaks(campaign.parts["components"].files, drawn[:MOST_MODELLED])
    marks = figures.apexes(campaign.table("components"), amounts, drawn, models)
    chosen = set(drawn)
    return [
        {
            "name": row["run"],
            "type": types.get(row["run"]),
            **({"tic": figures.chromatogram(row["mzml"]), "apexes": marks[row["run"]]} if row["run"] in chosen else {}),
        }
        for row in tqdm(rows, desc="chromatograms", unit="run", disable=None)
    ]


def _features(campaign: Campaign) -> dict[str, list[Any]]:
    """The columns of the features table."""
    table = campaign.table("features")
    first: dict[str, dict[str, Any]] = {}
    for row in campaign.table("candidates").to_pylist():
        first.setdefault(row["query"], row)
    ids = table["feature"].to_pylist()
    best = [first.get(feature, {}) for feature in ids]
    return {
        "id": ids,
        "rt": [decimals(value, 2) for value in table["rt_s"].to_pylist()],
        "ri": [decimals(value, 1) for value in table["ri"].to_pylist()],
        "outside": [int(bool(value)) for value in table["ri_extrapolated"].to_pylist()],
        "n": table["n_runs"].to_pylist(),
        "snr": [significant(value, 3) for value in table["snr"].to_pylist()],
        "purity": [decimals(value, 2) for value in table["purity"].to_pylist()],
        "bestRun": table["best_run"].to_pylist(),
        "way": identified_by(campaign),
        "name": [row.get("name") for row in best],
        "smiles": [row.get("smiles") for row in best],
        "formula": [row.get("formula") for row in best],
        "source": [row.get("source") for row in best],
        "level": [row.get("level") for row in best],
        "score": [decimals(row.get("library_score"), 3) for row in best],
        "judged": [decimals(row.get("posterior"), 3) for row in best],
        "logProb": [decimals(row.get("log_prob"), 2) for row in best],
        "probability": [decimals(row.get("probability"), 3) for row in best],
    }


def _detailed(amounts: figures.Amounts, notes: list[str]) -> NDArray[np.int64]:
    """Which features (places) get everything: all, or as many of the largest as keep the page small."""
    n_features, n_runs = amounts.area.shape
    most = min(MOST_FEATURES, MOST_AREAS // max(n_runs, 1))
    if n_features <= most:
        return np.arange(n_features)
    notes.append(
        f"Spectra, candidates and areas are shown for the {most:,} features of largest area; the other "
        f"{n_features - most:,} stand in the table only. All of it is in the data set."
    )
    largest = np.nan_to_num(amounts.area, nan=0.0).max(axis=1, initial=0.0)
    return np.sort(np.argsort(-largest, kind="stable")[:most])


def _details(
    campaign: Campaign,
    features: Sequence[str],
    detailed: NDArray[np.int64],
    amounts: figures.Amounts,
    drawings: _Drawings,
) -> list[dict[str, Any] | None]:
    """For each feature what is shown when it is chosen; null where that was left out."""
    wanted = {features[place] for place in detailed}
    hits = _by_query(campaign.table("library_hits"), wanted)
    candidates = _by_query(campaign.table("candidates"), wanted)
    untranslated = _reasons(campaign.table("denovo_candidates"))
    spectra = campaign.table("features").select(["mz", "intensity"])
    best = list(
        zip(*(campaign.table("features")[name].to_pylist() for name in ("best_run", "best_component")), strict=True)
    )
    shown = [best[place] for place in detailed.tolist() if None not in best[place]]
    accurate = figures.accurate_masses(campaign.parts["components"].files, shown)
    elutions = _elutions(campaign, detailed, amounts)
    place_of_spectrum = {key: place for place, key in enumerate(campaign.spectra)}
    details: list[dict[str, Any] | None] = [None] * len(features)
    for place in tqdm(detailed.tolist(), desc="features", unit="feature", disable=None):
        feature = features[place]
        found = [row for row in candidates[feature] if row["source"]]
        reasons = [row["reason"] for row in candidates[feature] if row["reason"]]
        if not reasons:
            reasons = [f"library: {row['reason']}" for row in hits[feature] if row["reason"]]
            reasons += [f"model: {untranslated[feature]}"] if feature in untranslated else []
        row = spectra.slice(place, 1)
        details[place] = {
            "spectrum": figures.spectrum(row["mz"][0].as_py(), row["intensity"][0].as_py()),
            "hits": [
                _hit(hit, place_of_spectrum, campaign)
                for hit in _of_candidate_first(hits[feature], found)[:HITS_PER_FEATURE]
                if hit["library"]
            ],
            "candidates": [
                _candidate(candidate, drawings if number < STRUCTURES_PER_FEATURE else None)
                for number, candidate in enumerate(found[:CANDIDATES_PER_FEATURE])
            ],
            "more": max(0, len(found) - CANDIDATES_PER_FEATURE),
            "reasons": list(dict.fromkeys(reasons)),
            "areas": [significant(value, 3) for value in amounts.area[place].tolist()],
            "filled": "".join("1" if filled else "0" for filled in amounts.filled[place]),
            "elution": elutions.get(place, []),
            **({"accurate": accurate[best[place]]} if best[place] in accurate else {}),
        }
    return details


def _by_query(table: pa.Table, wanted: set[str]) -> defaultdict[str, list[dict[str, Any]]]:
    rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in table.to_pylist():
        if row["query"] in wanted:
            rows[row["query"]].append(row)
    return rows


def _of_candidate_first(hits: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hits in their order, but those of the best candidate first: theirs is the spectrum that a reader wants to see."""
    if not found or not found[0]["inchikey"]:
        return list(hits)
    block = found[0]["inchikey"][:14]
    return sorted(hits, key=lambda hit: not (hit["inchikey"] or "").startswith(block))


def _reasons(table: pa.Table) -> dict[str, str]:
    rows = table.filter(pc.is_valid(table["reason"]))
    return dict(zip(rows["query"].to_pylist(), rows["reason"].to_pylist(), strict=True))


def _hit(row: dict[str, Any], places: dict[tuple[str, int], int], campaign: Campaign) -> list[Any]:
    """library, entry, name, score, cosine, RI delta, place of its spectrum, why it has none."""
    place = places.get((row["library"], row["entry"]))
    why = None
    if place is None:
        known = row["library"] in {library.name for library in campaign.libraries}
        why = "the library has no such record any more" if known else "the library was not given to the report"
    elif campaign.spectra[row["library"], row["entry"]]["name"] != row["name"]:
        place, why = None, "the library has another record at that place now"
    return [
        row["library"], row["entry"], row["name"], decimals(row["score"], 3), decimals(row["cosine"], 3),
        decimals(row["ri_delta"], 1), place, why,
    ]  # fmt: skip


def _candidate(row: dict[str, Any], drawings: _Drawings | None) -> list[Any]:
    """rank, name, formula, source, library score, log prob, RI delta, probability, level, SMILES, drawing.

    The drawing is its place, null where the structure cannot be drawn, and -1 where it was left out.
    """
    return [
        row["rank"], row["name"], row["formula"], row["source"], decimals(row["library_score"], 3),
        decimals(row["log_prob"], 2), decimals(row["ri_delta"], 1), decimals(row["probability"], 3), row["level"],
        row["smiles"], drawings.place(row["smiles"], row["inchikey"]) if drawings else -1,
    ]  # fmt: skip


def _elutions(campaign: Campaign, detailed: NDArray[np.int64], amounts: figures.Amounts) -> dict[int, list[list[Any]]]:
    """For each detailed feature [place of the run, times, heights], the best run first, then by area."""
    places = {run: place for place, run in enumerate(campaign.table("runs")["run"].to_pylist())}
    best_runs = campaign.table("features")["best_run"].to_pylist()
    chosen: dict[int, list[tuple[str, int]]] = {}
    for place in detailed.tolist():
        columns = np.flatnonzero(amounts.component[place])
        best = np.array([amounts.runs[column] == best_runs[place] for column in columns], dtype=bool)
        order = np.lexsort([-np.nan_to_num(amounts.area[place, columns]), ~best])
        few = columns[order][: figures.PROFILES_PER_FEATURE]
        chosen[place] = [(amounts.runs[column], int(amounts.component[place, column])) for column in few]
    wanted = [component for components in chosen.values() for component in components]
    found = figures.profiles(campaign.parts["components"].files, wanted)
    return {
        place: [[places[component[0]], *found[component]] for component in components if component in found]
        for place, components in chosen.items()
    }


def _ladders(campaign: Campaign) -> list[dict[str, Any]]:
    """For each ladder run its RI standards: carbon number, index, time in s, missing."""
    ladders: dict[tuple[str, str], list[list[Any]]] = {}
    for row in campaign.table("ri_standards").to_pylist():
        ri_standard = [row["carbon"], decimals(row["ri"], 1), decimals(row["rt_s"], 2), int(row["missing"])]
        ladders.setdefault((row["run"], row["series"]), []).append(ri_standard)
    return [
        {"run": run, "series": series, "ri_standards": ri_standards} for (run, series), ri_standards in ladders.items()
    ]
