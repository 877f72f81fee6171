"""What the page shows of runs and features: a JSON document, and parts that the page unpacks when it needs them.

Times are hundredths of a second, intensities thousandths of the base peak. Rows of tables are lists; the document
names their fields in `candidateFields` and `hitFields`.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from spectus.export.compound_names import name_and_cas
from spectus.quantitation.plots import plot_series
from spectus.report import figures, traces
from spectus.report.campaign import CampaignResults, evidence_of_features, finding_of_features, first_candidates
from spectus.report.candidate_rows import CANDIDATE_FIELDS, HIT_FIELDS, suspect_lists
from spectus.report.details import (
    FEATURES_PER_PART,
    FeatureData,
    detail_parts,
    reason_of_query,
    rows_by_query,
    search_words,
)
from spectus.report.figures import decimals, significant
from spectus.report.packing import packed_areas, packed_json
from spectus.report.terms import FINDINGS, IDENTIFIED_BY, LEVELS, NONE_OF_THESE, SOURCES, TERMS, VERDICTS

IONS_PER_FEATURE = 10
"""Most intense peaks of a feature that the m/z filter searches. Chosen: 40 bytes of the page per feature."""
MOST_CHROMATOGRAMS = 200
"""Runs with a chromatogram on the page. Chosen: reading a run takes about a second."""
MOST_MODELLED = 40
"""Runs with model peaks on the page, about 20 kB each. Chosen: 1 MB."""
MOST_TRACED = 3_000
"""Features with elution profiles and traces of ions on the page, about 1 kB each. Chosen: 3 MB."""
QUANTITIES = (
    "amounts", "calibration_curves", "calibration_points", "blank_verdicts", "qc_runs", "qc_features",
)  # fmt: skip
"""Tables of the stage quantify that the page shows."""
_FINGERPRINT_DIGITS = 16
"""Digits of the campaign's fingerprint. Chosen: 64 bits, so that no two campaigns on one computer share it."""


@dataclass(frozen=True)
class PageContent:
    """What the page's script reads.

    Attributes
    ----------
    document : dict
        Runs, columns of the features, words: what the page needs at once.
    parts : dict of str to str
        Packed parts by name: `tic`, `areas`, `words`, and `part-0` ... with the details of features.
    notes : list of str
        One sentence on each thing that was left out to keep the page small.
    """

    document: dict[str, Any]
    parts: dict[str, str]
    notes: list[str]


def page_content(campaign: CampaignResults) -> PageContent:
    """Make what the page's script reads."""
    notes: list[str] = []
    runs = campaign.table("runs")["run"].to_pylist()
    table = campaign.table("features")
    areas = figures.PeakAreaMatrix.of(campaign.table("peak_areas"), table["feature"].to_pylist(), runs)
    blanks = _columns_of(campaign, areas.runs, "blank")
    traced = _traced_features(areas, notes)
    elutions = _elutions(campaign, traced, areas)
    chromatograms = _chromatograms(campaign, areas, elutions, traced, notes)
    best = list(zip(table["best_run"].to_pylist(), table["best_component"].to_pylist(), strict=True))
    read = FeatureData(
        hits=campaign.hits,
        candidates=rows_by_query(campaign.candidates),
        denovo_reasons=reason_of_query(campaign.table("denovo_candidates")),
        accurate=figures.accurate_masses(
            campaign.parts["components"].files, [pair for pair in best if None not in pair]
        ),
        elutions=elutions,
        traces=_placed_traces(chromatograms.traces, runs),
    )
    area_scale = packed_areas(areas.area, areas.filled)
    parts = {"tic": packed_json(_tic_part(campaign, areas, chromatograms)), "areas": area_scale.pop("codes")}
    parts["words"] = packed_json(search_words(campaign))
    if has_quantities(campaign):
        parts["quantities"] = packed_json(plot_series({name: campaign.table(name) for name in QUANTITIES}))
    parts |= {f"part-{number}": packed_json(part) for number, part in enumerate(detail_parts(campaign, read))}
    document = {
        "campaign": _fingerprint(campaign),
        "runs": _run_rows(campaign, chromatograms),
        "axis": [runs.index(run) for run in areas.runs],
        "areas": area_scale,
        "partSize": FEATURES_PER_PART,
        "evidence": IDENTIFIED_BY,
        "findings": FINDINGS,
        "levels": LEVELS,
        "sources": SOURCES,
        "verdicts": VERDICTS,
        "noneOfThese": NONE_OF_THESE,
        "terms": {key: list(term) for key, term in TERMS.items()},
        "candidateFields": CANDIDATE_FIELDS,
        "hitFields": HIT_FIELDS,
        "candidateColumns": _used_fields(campaign),
        "features": _feature_columns(campaign, areas, blanks),
        "ladders": _ladder_rows(campaign),
        "curation": _decisions(campaign),
    }
    return PageContent(document, parts, notes)


def has_quantities(campaign: CampaignResults) -> bool:
    """Tell whether the stage quantify has a table with rows for the page."""
    return any(campaign.table(name).num_rows for name in QUANTITIES)


def _fingerprint(campaign: CampaignResults) -> str:
    """Return a name under which a browser keeps the decisions about this campaign, also when it is reported again."""
    runs = campaign.table("runs")
    keys = zip(runs["run"].to_pylist(), runs["sha256"].to_pylist(), strict=True)
    return hashlib.sha256(repr(sorted(map(str, keys))).encode()).hexdigest()[:_FINGERPRINT_DIGITS]


def _decisions(campaign: CampaignResults) -> dict[str, dict[str, str | None]]:
    return {feature: dict(vars(decision)) for feature, decision in campaign.curation.decisions.items()}


def _columns_of(campaign: CampaignResults, runs: Sequence[str], kind: str) -> list[int]:
    types = campaign.types()
    return [column for column, run in enumerate(runs) if types.get(run) == kind]


def _run_rows(campaign: CampaignResults, chromatograms: traces.Chromatograms) -> list[dict[str, Any]]:
    types = campaign.types()
    batches = {sample.run: sample.batch for sample in campaign.samples}
    return [
        {
            "name": run,
            "type": types.get(run),
            "batch": batches.get(run),
            "drawn": "y" in chromatograms.tic.get(run, {}),
            "missing": chromatograms.tic.get(run, {}).get("missing"),
        }
        for run in campaign.table("runs")["run"].to_pylist()
    ]


def _chromatograms(
    campaign: CampaignResults, areas: figures.PeakAreaMatrix, elutions: dict[int, list[list[Any]]],
    traced: NDArray[np.int64], notes: list[str],
) -> traces.Chromatograms:  # fmt: skip
    """Read the chromatograms of the runs, and the traces of the ions of the traced features."""
    rows = campaign.table("runs").select(["run", "status", "mzml"]).to_pylist()
    usable = [row for row in rows if row["status"] == "ok"]
    drawn = {row["run"]: row["mzml"] for row in usable[:MOST_CHROMATOGRAMS]}
    if len(drawn) < len(usable):
        notes.append(
            f"Chromatograms are drawn for the first {len(drawn):,} of {len(usable):,} runs. "
            "The mzML files have those of the others."
        )
    return traces.read_chromatograms(drawn, _trace_requests(campaign, areas, elutions, traced))


def _trace_requests(
    campaign: CampaignResults, areas: figures.PeakAreaMatrix, elutions: dict[int, list[list[Any]]],
    traced: NDArray[np.int64],
) -> dict[str, list[traces.TraceRequest]]:  # fmt: skip
    """Return the traces to read in each run: several ions in the best run of a feature, its base peak in the others."""
    requests: defaultdict[str, list[traces.TraceRequest]] = defaultdict(list)
    column_of = {run: column for column, run in enumerate(areas.runs)}
    blanks = _columns_of(campaign, areas.runs, "blank")
    rows = campaign.table("features").select(["rt_s", "best_run", "mz", "intensity"])
    for place in traced.tolist():
        row = rows.slice(place, 1).to_pylist()[0]
        ions = traces.most_intense_ions(row["mz"] or [], row["intensity"] or [])
        if not ions:
            continue
        profile = elutions[place][0][1:] if elutions.get(place) else None
        low, high = traces.window_of(profile, row["rt_s"])
        best = column_of.get(row["best_run"])
        for number, column in enumerate(traces.traced_runs(areas.area[place], best, blanks)):
            shown = ions if number == 0 else ions[:1]
            requests[areas.runs[column]].append(traces.TraceRequest(place, low, high, shown))
    return requests


def _placed_traces(found: dict[int, list[list[Any]]], runs: Sequence[str]) -> dict[int, list[list[Any]]]:
    """Return the traces with the places of the runs, that with the most ions (of the best run) first."""
    places = {run: place for place, run in enumerate(runs)}
    ordered = {feature: sorted(lines, key=lambda line: -len(line[1])) for feature, lines in found.items()}
    return {feature: [[places[line[0]], *line[1:]] for line in lines] for feature, lines in ordered.items()}


def _tic_part(
    campaign: CampaignResults, areas: figures.PeakAreaMatrix, chromatograms: traces.Chromatograms
) -> list[dict[str, Any]]:
    """Return for each run its chromatogram (or nothing) and the apexes of its components."""
    table = campaign.table("runs")
    runs = table.filter(pc.equal(table["status"], "ok"))["run"].to_pylist()
    drawn = [run for run in runs if "y" in chromatograms.tic.get(run, {})]
    models = figures.model_peaks(campaign.parts["components"].files, drawn[:MOST_MODELLED])
    marks = figures.apexes(campaign.table("components"), areas, runs, models, set(drawn))
    return [{"tic": chromatograms.tic.get(run), "apexes": marks.get(run)} for run in table["run"].to_pylist()]


def _feature_columns(
    campaign: CampaignResults, areas: figures.PeakAreaMatrix, blanks: Sequence[int]
) -> dict[str, list[Any]]:
    """Return the columns of the table of features, and of their first candidates."""
    table = campaign.table("features")
    best = first_candidates(campaign)
    names = [name_and_cas(row.get("name"), row.get("cas")) for row in best]
    ions = [
        _most_intense(mz or [], intensity or [])
        for mz, intensity in zip(table["mz"].to_pylist(), table["intensity"].to_pylist(), strict=True)
    ]
    ratio = _blank_ratios(campaign, areas, blanks)
    sets, suspects = _sets_and_suspects(campaign)
    ids = table["feature"].to_pylist()
    columns = {
        "id": ids,
        "rt": [decimals(value, 2) for value in table["rt_s"].to_pylist()],
        "ri": [decimals(value, 1) for value in table["ri"].to_pylist()],
        "extrapolated": [int(bool(value)) for value in table["ri_extrapolated"].to_pylist()],
        "n": table["n_runs"].to_pylist(),
        "snr": [significant(value, 3) for value in table["snr"].to_pylist()],
        "purity": [decimals(value, 2) for value in table["purity"].to_pylist()],
        "confidence": [decimals(value, 2) for value in table["confidence"].to_pylist()],
        "area": _largest_areas(areas),
        "blankRatio": [significant(value, 2) for value in ratio.tolist()],
        "inBlank": _detected_in(areas, blanks),
        "blankVerdict": _blank_verdicts(campaign, ids),
        "ions": ions,
        "bestRun": table["best_run"].to_pylist(),
        "evidence": evidence_of_features(campaign),
        "finding": finding_of_features(campaign),
        "name": [found.name for found in names],
        "cas": [found.cas for found in names],
        "set": [sets.get(feature) for feature in ids],
        "suspects": [suspects.get(feature) for feature in ids],
    }
    for key in ("smiles", "formula", "source", "level", "derivative", "excluded"):
        columns[key] = [row.get(key) for row in best]
    scores = {"probability": 3, "library_score": 3, "predicted_score": 3, "explained": 2, "log_prob": 2, "ri_delta": 1}
    for key, digits in scores.items():
        columns[_camel(key)] = [decimals(row.get(key), digits) for row in best]
    return columns


def _blank_verdicts(campaign: CampaignResults, features: Sequence[str]) -> list[str | None]:
    """Return the verdict on each feature, the contaminant in brackets; the verdicts of several groups are joined."""
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for row in campaign.table("blank_verdicts").select(["feature", "verdict", "contaminant"]).to_pylist():
        if row["verdict"]:
            said = f"{row['verdict']} ({row['contaminant']})" if row["contaminant"] else row["verdict"]
            found[row["feature"]][said] = None
    return [", ".join(found[feature]) or None for feature in features]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def _sets_and_suspects(campaign: CampaignResults) -> tuple[dict[str, int], dict[str, str]]:
    """Return for each feature the size of its 90 % prediction set, and the suspect lists that name a candidate."""
    sets: dict[str, int] = {}
    suspects: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for row in campaign.candidates:
        if row.get("in_set_90"):
            sets[row["query"]] = sets.get(row["query"], 0) + 1
        for name in suspect_lists(row):
            suspects[row["query"]][name] = None
    return sets, {feature: ", ".join(names) for feature, names in suspects.items()}


def _used_fields(campaign: CampaignResults) -> list[str]:
    """Return the fields of candidates that have a value anywhere, so that no column of the page is always empty."""
    rows = campaign.candidates
    columns = {key: [key] for key in ("formula", "source", "level", "derivative", "excluded", "suspects")}
    columns |= {"set": ["in_set_80", "in_set_90"], "probability": ["probability"], "explained": ["explained"]}
    for name in ("formula_probability", "scaffold_probability", "library_score", "predicted_score", "log_prob",
                 "ri_delta", "ri_predicted"):  # fmt: skip
        columns[_camel(name)] = [name]
    used = [key for key, names in columns.items() if any(row.get(name) is not None for row in rows for name in names)]
    named = any(name_and_cas(row.get("name"), row.get("cas")).cas for row in rows)
    return [*used, *(["cas"] if named else [])]


def _most_intense(mz: Sequence[float], intensity: Sequence[float]) -> list[float | int | None]:
    """Return m/z of the most intense peaks, the base peak first."""
    order = np.argsort(-np.asarray(intensity, dtype=np.float64), kind="stable")[:IONS_PER_FEATURE]
    return [decimals(mz[place], 2) for place in order.tolist()]


def _largest_areas(areas: figures.PeakAreaMatrix) -> list[float | int | None]:
    """Return the largest area of each feature over the runs, counts x s; null where there is none."""
    known = ~np.isnan(areas.area)
    largest = np.where(known, areas.area, -np.inf).max(axis=1, initial=-np.inf)
    return [significant(value, 3) for value in largest.tolist()]


def _blank_ratios(
    campaign: CampaignResults, areas: figures.PeakAreaMatrix, blanks: Sequence[int]
) -> NDArray[np.float64]:
    """Return the largest area in a blank over the largest in a sample, shape (n_features,); NaN if one is missing."""
    samples = _columns_of(campaign, areas.runs, "sample")
    if not blanks or not samples:
        return np.full(len(areas.area), np.nan)
    largest = [np.nan_to_num(areas.area[:, columns]).max(axis=1) for columns in (blanks, samples)]
    ratios: NDArray[np.float64] = np.full(len(areas.area), np.nan)
    np.divide(largest[0], largest[1], out=ratios, where=largest[1] > 0)
    return ratios


def _detected_in(areas: figures.PeakAreaMatrix, columns: Sequence[int]) -> list[int]:
    """Tell for each feature whether it was detected as a component in one of the runs: 1 or 0."""
    detected: NDArray[np.bool_] = ~np.isnan(areas.area[:, columns]) & ~areas.filled[:, columns]
    found: list[int] = detected.any(axis=1).astype(int).tolist()
    return found


def _traced_features(areas: figures.PeakAreaMatrix, notes: list[str]) -> NDArray[np.int64]:
    """Return the places of the features with profiles and traces: all, or those of largest area if there are many."""
    n_features = len(areas.area)
    if n_features <= MOST_TRACED:
        return np.arange(n_features)
    notes.append(
        f"Elution profiles and ion traces are drawn for the {MOST_TRACED:,} of {n_features:,} features with the "
        "largest area."
    )
    largest = np.nan_to_num(areas.area, nan=0.0).max(axis=1, initial=0.0)
    return np.sort(np.argsort(-largest, kind="stable")[:MOST_TRACED])


def _elutions(
    campaign: CampaignResults, traced: NDArray[np.int64], areas: figures.PeakAreaMatrix
) -> dict[int, list[list[Any]]]:
    """Return for each traced feature [place of the run, times, heights], the best run first, then by area."""
    places = {run: place for place, run in enumerate(campaign.table("runs")["run"].to_pylist())}
    best_runs = campaign.table("features")["best_run"].to_pylist()
    chosen: dict[int, list[tuple[str, int]]] = {}
    for place in traced.tolist():
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
