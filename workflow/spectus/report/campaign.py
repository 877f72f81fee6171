"""The results of a whole campaign in memory, and what a reader wants to know first."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spectus import tables
from spectus.errors import InputError
from spectus.files import require_file
from spectus.identify.search import library_name
from spectus.library.records import read_spectra
from spectus.report.curation import Curation, Decision
from spectus.report.dataset import CampaignTable, merge_tables
from spectus.report.terms import FINDINGS, IDENTIFIED_BY, NONE_OF_THESE, evidence, finding
from spectus.samples import Sample, read_samples
from spectus.simulation.recovery import Recovery, recovered

_HITS_BY_FEATURES = ((2_000, 10), (5_000, 5))
"""Largest number of features, and library hits of each that the page shows with their spectra, 0.2 kB each. Chosen: a
page of 10,000 features is to have less than 40 MB (benchmarks/large_report.py)."""
_FEWEST_HITS = 3
"""The same above these numbers of features."""


@dataclass(frozen=True)
class LibraryFile:
    """A spectral library as the report read it.

    Attributes
    ----------
    name : str
        File name without suffixes, as in the table of hits.
    path : Path
        The file.
    sha256 : str
        Hash of its bytes.
    records : int
        Number of its records.
    """

    name: str
    path: Path
    sha256: str
    records: int


@dataclass(frozen=True)
class CampaignResults:
    """The results of a campaign, read and checked.

    Attributes
    ----------
    parts : mapping of str to CampaignTable
        The tables by their names in the data set.
    samples : sequence of Sample
        The rows of the sample sheet; empty without one.
    libraries : sequence of LibraryFile
        The libraries given for the mirror plots.
    hits : mapping of str to list of dict
        The library hits of each feature that the page shows, those of its first candidates first.
    spectra : mapping of (str, int) to mapping
        The spectra of these hits by library and entry: name, mz, intensity.
    ground_truth : pyarrow.Table or None
        The simulated compounds, schema GROUND_TRUTH; None for real runs.
    settings : str or None
        The text of the configuration.
    curation : Curation
        The decisions of an analyst.
    """

    parts: Mapping[str, CampaignTable]
    samples: Sequence[Sample]
    libraries: Sequence[LibraryFile]
    hits: Mapping[str, list[dict[str, Any]]]
    spectra: Mapping[tuple[str, int], Mapping[str, Any]]
    ground_truth: pa.Table | None
    settings: str | None
    curation: Curation = field(default_factory=Curation)

    @classmethod
    def read(
        cls,
        files: Mapping[str, Sequence[Path]],
        samples: Path | None = None,
        libraries: Sequence[Path] = (),
        ground_truth: Path | None = None,
        settings: Path | None = None,
    ) -> "CampaignResults":
        """Read the tables of a campaign.

        Parameters
        ----------
        files : mapping of str to sequence of Path
            The files of each table of `dataset.KINDS`; those that are not required may be absent.
        samples : Path, optional
            The sample sheet, for the order and the types of the runs.
        libraries : sequence of Path
            The libraries that were searched, for the mirror plots.
        ground_truth : Path, optional
            The table of simulated compounds.
        settings : Path, optional
            The configuration. The page shows its text.

        Raises
        ------
        InputError
            A file cannot be read, or the tables do not belong together.
        """
        sheet = read_samples(samples) if samples else []
        parts = merge_tables(files, sheet)
        hits = _shown_hits(parts)
        found, spectra = _read_libraries(libraries, hits)
        return cls(
            parts,
            sheet,
            found,
            hits,
            spectra,
            tables.read(ground_truth, tables.GROUND_TRUTH) if ground_truth else None,
            _settings_text(settings) if settings else None,
        )

    def table(self, name: str) -> pa.Table:
        """Return the rows of one table of the data set; no rows if the campaign has no such table."""
        return self.parts[name].rows

    @cached_property
    def candidates(self) -> list[dict[str, Any]]:
        """The rows of the table of candidates; made once, as this takes seconds in a large campaign."""
        rows: list[dict[str, Any]] = self.table("candidates").to_pylist()
        return rows

    def curated(self, path: Path) -> "CampaignResults":
        """Return the results with the decisions of a file: in the table of features, and in what counts as identified.

        Parameters
        ----------
        path : Path
            A file that the page exported.

        Raises
        ------
        InputError
            The file cannot be read, or is of another campaign.
        """
        curation = Curation.read(path)
        features = self.parts["features"]
        curation.require_features(features.rows["feature"])
        changed = {"features": replace(features, rows=curation.applied(features.rows))}
        return replace(self, parts={**self.parts, **changed}, curation=curation)

    def types(self) -> dict[str, str]:
        """Return the type of each run of the sheet: sample, blank, ladder ..."""
        return {sample.run: sample.type for sample in self.samples}


def summary_lines(campaign: CampaignResults) -> list[str]:
    """Return what the campaign holds and how its features were identified, one fact per line."""
    failed = sum(status != "ok" for status in campaign.table("runs")["status"].to_pylist())
    runs = f"{campaign.table('runs').num_rows} runs" + (f" ({failed} failed)" if failed else "")
    counts = Counter(evidence_of_features(campaign))
    listed = ", ".join(f"{counts[key]} {words}" for key, words in IDENTIFIED_BY.items() if counts[key])
    lines = [f"{runs}, {counts.total()} features, {candidate_count(campaign)} candidates"]
    lines += [f"features by evidence: {listed}"] if listed else []
    found = recovery(campaign)
    return [*lines, str(found)] if found else lines


def findings_line(campaign: CampaignResults) -> str:
    """Return the numbers of identified, tentative and unknown features in words."""
    counts = Counter(finding_of_features(campaign))
    return ", ".join(f"{counts[key]} {words}" for key, words in FINDINGS.items())


def candidate_count(campaign: CampaignResults) -> int:
    """Return the number of candidates; rows that only give a reason do not count."""
    sources = campaign.table("candidates")["source"].drop_null()
    return len(sources) - int(pc.sum(pc.equal(sources, NONE_OF_THESE)).as_py() or 0)


def recovery(campaign: CampaignResults) -> Recovery | None:
    """Return how many simulated compounds were found; None for real runs."""
    if campaign.ground_truth is None:
        return None
    measured = campaign.table("peak_areas")["run"].unique().to_pylist()
    return recovered(campaign.table("features"), campaign.table("candidates"), campaign.ground_truth, measured)


def evidence_of_features(campaign: CampaignResults) -> list[str]:
    """Return for each feature the key of IDENTIFIED_BY that describes its first candidate."""
    return [evidence(row.get("source"), row.get("level")) for row in first_candidates(campaign)]


def finding_of_features(campaign: CampaignResults) -> list[str]:
    """Return for each feature whether it is identified, tentative or unknown, as keys of FINDINGS."""
    return [finding(row.get("level") if row.get("source") else None) for row in first_candidates(campaign)]


def first_candidates(campaign: CampaignResults) -> list[dict[str, Any]]:
    """Return for each feature its first row of candidates, or the one that an analyst accepted.

    A feature without candidates, or one that an analyst rejected, has an empty dict.
    """
    decisions = campaign.curation.decisions
    first: dict[str, dict[str, Any]] = {}
    accepted: dict[str, dict[str, Any]] = {}
    for row in campaign.candidates:
        query = row["query"]
        first.setdefault(query, row)
        decision = decisions.get(query)
        if decision and decision.verdict == "accepted" and query not in accepted and is_accepted(row, decision):
            accepted[query] = row
    rejected = {feature for feature, decision in decisions.items() if decision.verdict == "rejected"}
    features = campaign.table("features")["feature"].to_pylist()
    return [{} if feature in rejected else accepted.get(feature) or first.get(feature, {}) for feature in features]


def is_accepted(row: Mapping[str, Any], decision: Decision) -> bool:
    """Tell whether a row of candidates is the one that a decision accepts: the same structure, or none in both."""
    if row.get("inchikey") and decision.inchikey:
        return bool(row["inchikey"] == decision.inchikey)
    return bool(row.get("source")) and row.get("smiles") == decision.smiles


def _shown_hits(parts: Mapping[str, CampaignTable]) -> dict[str, list[dict[str, Any]]]:
    """Return the best hits of each feature, those of its first candidates first."""
    n_features = parts["features"].rows.num_rows
    shown = next((hits for most, hits in _HITS_BY_FEATURES if n_features <= most), _FEWEST_HITS)
    order: defaultdict[str, dict[str, int]] = defaultdict(dict)
    candidates = parts["candidates"].rows.select(["query", "inchikey"])
    for query, inchikey in zip(*(column.to_pylist() for column in candidates), strict=True):
        if inchikey:
            order[query].setdefault(inchikey[:14], len(order[query]))
    table = parts["library_hits"].rows.filter(pc.is_valid(parts["library_hits"].rows["library"]))
    of_query: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for place, row in enumerate(table.select(["query", "inchikey", "predicted"]).to_pylist()):
        of_query[row["query"]].append(row | {"place": place})
    chosen = {query: best_candidates_first(rows, order[query])[:shown] for query, rows in of_query.items()}
    places = [row["place"] for rows in chosen.values() for row in rows]
    found = iter(table.take(pa.array(places, pa.int64())).to_pylist())  # all columns of those that are shown only
    return {query: [next(found) for _ in rows] for query, rows in chosen.items()}


def best_candidates_first(hits: Sequence[dict[str, Any]], order: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the best hit of each candidate in the order of the candidates, then all other hits in their own order.

    A page that shows few hits thus has a spectrum of each of the first candidates.

    Parameters
    ----------
    hits : sequence of dict
        Rows of the table of hits by rank.
    order : mapping of str to int
        Places of the candidates by the first block of their InChIKeys.
    """
    best: dict[tuple[int, bool], int] = {}
    for number, hit in enumerate(hits):
        place = order.get((hit["inchikey"] or "")[:14])
        if place is not None:
            best.setdefault((place, bool(hit["predicted"])), number)
    chosen = {best.get((place, False), best.get((place, True), 0)): place for place, _ in best}
    return [hits[number] for number in sorted(range(len(hits)), key=lambda n: (chosen.get(n, len(order)), n))]


def _read_libraries(
    paths: Sequence[Path], hits: Mapping[str, list[dict[str, Any]]]
) -> tuple[list[LibraryFile], dict[tuple[str, int], Mapping[str, Any]]]:
    """Read the libraries, and keep those of their spectra that the hits name."""
    entries: defaultdict[str, set[int]] = defaultdict(set)
    for rows in hits.values():
        for row in rows:
            entries[row["library"]].add(row["entry"])
    found: list[LibraryFile] = []
    spectra: dict[tuple[str, int], Mapping[str, Any]] = {}
    for path in paths:
        records = read_spectra(path)
        name = library_name(path)
        found.append(LibraryFile(name, path, _file_sha256(path), records.num_rows))
        wanted = pa.array(sorted(entries[name]), records["entry"].type)
        chosen = records.select(["entry", "name", "mz", "intensity"]).filter(pc.is_in(records["entry"], wanted))
        for row in chosen.to_pylist():
            spectra[name, row["entry"]] = row
    return found, spectra


def _file_sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _settings_text(path: Path) -> str:
    try:
        return require_file(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(path, "is not UTF-8 text", "give the configuration as YAML in UTF-8") from error
