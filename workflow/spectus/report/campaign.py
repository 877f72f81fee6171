"""A whole campaign in memory, and the report made of it."""

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
from spectus.report.dataset import Merged, merge
from spectus.samples import Sample, read_samples
from spectus.simulation.recovery import Recovery, recovered

HITS_PER_FEATURE = 3
IDENTIFIED_BY = {
    "2a": "library spectrum and retention index (2a)",
    "2b": "library spectrum (2b)",
    "library": "library spectrum, tentative",
    "predicted": "predicted spectrum, tentative",
    "model": "model only",
    "nothing": "not identified",
}


@dataclass(frozen=True)
class LibraryFile:
    """A spectral library as the report met it."""

    name: str
    path: Path
    sha256: str
    records: int


@dataclass(frozen=True)
class Campaign:
    """What a campaign gave, read and checked.

    Attributes
    ----------
    parts: the tables by their names in the data set.
    samples: the rows of the sample sheet; empty without one.
    libraries: the libraries given for the mirror plots.
    spectra: of the best library hits, by library and entry: name, mz, intensity.
    ground truth: the simulated compounds (schema TRUTH), or None.
    settings: the configuration's text, or None.
    """

    parts: Mapping[str, Merged]
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
    ) -> "Campaign":
        """Read the tables of a campaign.

        Parameters
        ----------
        files: runs, components, RI standards, features, peak areas, hits, de novo candidates and candidates: the files of each.
        samples: the sample sheet, for the order and the types of the runs.
        libraries: the libraries that were searched, for the mirror plots.
        ground truth: what was simulated.
        settings: the configuration, shown as it is.

        Raises
        ------
        InputError: a file cannot be read, or the tables do not belong together.
        """
        sheet = read_samples(samples) if samples else []
        parts = merge({**files, "library_hits": files["hits"]}, sheet)
        found, spectra = _read_libraries(libraries, parts["library_hits"].rows)
        return cls(
            parts,
            sheet,
            found,
            spectra,
            tables.read(ground_truth, tables.GROUND_TRUTH) if ground_truth else None,
            _text(settings) if settings else None,
        )

    def table(self, name: str) -> pa.Table:
        """The rows of one table of the data set."""
        return self.parts[name].rows

    def types(self) -> dict[str, str]:
        """Type of each run of the sheet: sample, blank, ladder ..."""
        return {sample.run: sample.type for sample in self.samples}


def summary(campaign: Campaign) -> list[str]:
    """What was found, in a few lines of plain words."""
    failed = sum(status != "ok" for status in campaign.table("runs")["status"].to_pylist())
    runs = f"{campaign.table('runs').num_rows} runs" + (f" ({failed} failed)" if failed else "")
    counts = Counter(identified_by(campaign))
    ways = ", ".join(f"{counts[way]} {words}" for way, words in IDENTIFIED_BY.items() if counts[way])
    candidates = campaign.table("candidates")
    n_candidates = candidates.num_rows - candidates["source"].null_count
    lines = [f"{runs}, {counts.total()} features, {n_candidates} candidates"]
    lines += [f"identified by: {ways}"] if ways else []
    found = recovery(campaign)
    return [*lines, str(found)] if found else lines


def recovery(campaign: Campaign) -> Recovery | None:
    """How many of the simulated compounds were found; None where nothing is known of them."""
    if campaign.ground_truth is None:
        return None
    measured = campaign.table("peak_areas")["run"].unique().to_pylist()
    return recovered(campaign.table("features"), campaign.table("candidates"), campaign.ground_truth, measured)


def identified_by(campaign: Campaign) -> list[str]:
    """For each feature the key of IDENTIFIED_BY that says how its first candidate was found."""
    candidates = campaign.table("candidates").select(["query", "rank", "source", "level"])
    first: dict[str, str] = {}
    for row in candidates.to_pylist():
        first.setdefault(row["query"], _way(row["source"], row["level"]))
    return [first.get(feature, "nothing") for feature in campaign.table("features")["feature"].to_pylist()]


def _way(source: str | None, level: str | None) -> str:
    if not source:
        return "nothing"
    if "library" not in source:
        return "predicted" if "predicted" in source else "model"
    return level if level in ("2a", "2b") else "library"


def _read_libraries(
    paths: Sequence[Path], hits: pa.Table
) -> tuple[list[LibraryFile], dict[tuple[str, int], Mapping[str, Any]]]:
    """The libraries, and of their spectra those that the best hits name."""
    from spectus.identify.search import library_name
    from spectus.library.records import read_spectra

    best = hits.filter(pc.less_equal(hits["rank"], HITS_PER_FEATURE))
    found: list[LibraryFile] = []
    spectra: dict[tuple[str, int], Mapping[str, Any]] = {}
    for path in paths:
        records = read_spectra(path)
        name = library_name(path)
        found.append(LibraryFile(name, path, _sha256(path), records.num_rows))
        entries = best.filter(pc.equal(best["library"], name))["entry"].drop_null().unique()
        chosen = records.select(["entry", "name", "mz", "intensity"]).filter(pc.is_in(records["entry"], entries))
        for row in chosen.to_pylist():
            spectra[name, row["entry"]] = row
    return found, spectra


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _text(path: Path) -> str:
    try:
        return require_file(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(path, "is not UTF-8 text", "give the configuration as YAML in UTF-8") from error
