"""The results of a whole campaign in memory, and what a reader wants to know first."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spectus import tables
from spectus.errors import InputError
from spectus.files import require_file
from spectus.identify.search import library_name
from spectus.library.records import read_spectra
from spectus.report.dataset import CampaignTable, merge_tables
from spectus.report.terms import FINDINGS, IDENTIFIED_BY, evidence, finding
from spectus.samples import Sample, read_samples
from spectus.simulation.recovery import Recovery, recovered

HITS_PER_FEATURE = 3
"""Library hits of a feature that the page shows with their spectra. Chosen: they fit beside the structures."""


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
    spectra : mapping of (str, int) to mapping
        The spectra of the best library hits by library and entry: name, mz, intensity.
    ground_truth : pyarrow.Table or None
        The simulated compounds, schema GROUND_TRUTH; None for real runs.
    settings : str or None
        The text of the configuration.
    """

    parts: Mapping[str, CampaignTable]
    samples: Sequence[Sample]
    libraries: Sequence[LibraryFile]
    spectra: Mapping[tuple[str, int], Mapping[str, Any]]
    ground_truth: pa.Table | None
    settings: str | None

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
        found, spectra = _read_libraries(libraries, parts["library_hits"].rows)
        return cls(
            parts,
            sheet,
            found,
            spectra,
            tables.read(ground_truth, tables.GROUND_TRUTH) if ground_truth else None,
            _settings_text(settings) if settings else None,
        )

    def table(self, name: str) -> pa.Table:
        """Return the rows of one table of the data set; no rows if the campaign has no such table."""
        return self.parts[name].rows

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
    candidates = campaign.table("candidates")
    return int(candidates.num_rows - candidates["source"].null_count)


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
    """Return for each feature its first row of candidates; an empty dict if it has none."""
    first: dict[str, dict[str, Any]] = {}
    for row in campaign.table("candidates").to_pylist():
        first.setdefault(row["query"], row)
    return [first.get(feature, {}) for feature in campaign.table("features")["feature"].to_pylist()]


def _read_libraries(
    paths: Sequence[Path], hits: pa.Table
) -> tuple[list[LibraryFile], dict[tuple[str, int], Mapping[str, Any]]]:
    """Read the libraries, and keep those of their spectra that the best hits name."""
    best = hits.filter(pc.less_equal(hits["rank"], HITS_PER_FEATURE))
    found: list[LibraryFile] = []
    spectra: dict[tuple[str, int], Mapping[str, Any]] = {}
    for path in paths:
        records = read_spectra(path)
        name = library_name(path)
        found.append(LibraryFile(name, path, _file_sha256(path), records.num_rows))
        entries = best.filter(pc.equal(best["library"], name))["entry"].drop_null().unique()
        chosen = records.select(["entry", "name", "mz", "intensity"]).filter(pc.is_in(records["entry"], entries))
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
