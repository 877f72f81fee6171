"""The results of a campaign as the exports need them, read from its Parquet data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spectus import tables
from spectus.errors import InputError
from spectus.export.compound_names import NameAndCas, name_and_cas
from spectus.export.quantitation import Quantitation

_PLACES = (".", "dataset", "report/dataset")
"""Where a folder may hold the data set: itself, a report, or the results of a campaign."""

NONE_OF_THESE = "none"
"""Source of the row of a feature that stands for all structures that are not listed."""

MASS_SPECTRUM_ONLY = "5"
"""Identification level of a feature without a candidate (Schymanski et al. 2014)."""


@dataclass(frozen=True)
class ExportedResults:
    """The results of a campaign.

    Attributes
    ----------
    folder : Path
        The data set.
    features : sequence of dict
        Rows of the table of features.
    runs : sequence of dict
        Rows of the table of runs that have peak areas, with the columns of the sample sheet.
    areas : (n_features, n_runs) array
        Peak areas, counts x s; NaN where there is none.
    gap_filled : (n_features, n_runs) array of bool
        No component was detected; the area was integrated at the expected retention time.
    candidates : mapping of str to list of dict
        Candidates of each feature by rank. Rows that only give a reason are left out, and "none of these".
    quantitation : Quantitation
        Amounts, blank and QC verdicts; without tables if the data set has none.
    """

    folder: Path
    features: Sequence[dict[str, Any]]
    runs: Sequence[dict[str, Any]]
    areas: NDArray[np.float64]
    gap_filled: NDArray[np.bool_]
    candidates: Mapping[str, list[dict[str, Any]]]
    quantitation: Quantitation = field(default_factory=Quantitation)

    @classmethod
    def read(cls, results: Path) -> "ExportedResults":
        """Read the data set in a folder.

        Parameters
        ----------
        results : Path
            The results of a campaign, its report, or the data set itself.

        Raises
        ------
        InputError
            The folder has no data set, or a table cannot be read.
        """
        folder = _dataset_folder(results)
        tables.read(folder / "features.parquet", tables.FEATURES)
        with pq.ParquetFile(folder / "features.parquet") as parquet:  # with the decisions of an analyst
            features = parquet.read().to_pylist()
        tables.read(folder / "runs.parquet", tables.RUNS, ["run"])
        with pq.ParquetFile(folder / "runs.parquet") as parquet:
            runs = parquet.read().to_pylist()
        peak_areas = tables.read(folder / "peak_areas.parquet", tables.PEAK_AREAS)
        measured = set(peak_areas["run"].unique().to_pylist())
        runs = [run for run in runs if run["run"] in measured]
        areas, gap_filled = _area_matrix(folder / "peak_areas.parquet", peak_areas, features, runs)
        candidates, quantitation = _candidates_of(folder, features), Quantitation.read(folder)
        return cls(folder, features, runs, areas, gap_filled, candidates, quantitation)

    def best(self, feature: Mapping[str, Any]) -> dict[str, Any]:
        """Return the first candidate of a row of features, or the one that an analyst accepted.

        A feature without candidates, or one that an analyst rejected, has an empty dict.
        """
        found = self.candidates[feature["feature"]]
        verdict = feature.get("verdict")
        if verdict == "rejected":
            return {}
        if verdict == "accepted":
            key = "inchikey" if feature["verdict_inchikey"] else "smiles"
            found = [row for row in found if row[key] == feature[f"verdict_{key}"]] or found
        return next(iter(found), {})


def candidate_name(candidate: Mapping[str, Any]) -> NameAndCas:
    """Return the name and the CAS number of a candidate; None where there is none."""
    return name_and_cas(candidate.get("name"), candidate.get("cas"))


def base_peak(feature: Mapping[str, Any]) -> float | None:
    """Return m/z of the most intense peak of a feature; None without peaks."""
    if not feature["mz"]:
        return None
    return float(feature["mz"][int(np.argmax(feature["intensity"]))])


def _dataset_folder(results: Path) -> Path:
    for place in _PLACES:
        if (results / place / "features.parquet").is_file():
            return results / place
    raise InputError(
        results, "has no data set of a campaign", "name the folder of the results, or make the report first"
    )


def _area_matrix(
    path: Path, peak_areas: pa.Table, features: Sequence[dict[str, Any]], runs: Sequence[dict[str, Any]]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    row_of = {feature["feature"]: place for place, feature in enumerate(features)}
    column_of = {run["run"]: place for place, run in enumerate(runs)}
    areas = np.full((len(features), len(runs)), np.nan)
    gap_filled = np.zeros(areas.shape, dtype=bool)
    for row in peak_areas.select(["feature", "run", "area", "gap_filled"]).to_pylist():
        try:
            place = row_of[row["feature"]], column_of[row["run"]]
        except KeyError as error:
            problem = f"names {error.args[0]}, which is missing in the tables of features and runs"
            raise InputError(path, problem, "give the tables of one campaign") from error
        areas[place] = np.nan if row["area"] is None else row["area"]
        gap_filled[place] = bool(row["gap_filled"])
    return areas, gap_filled


def _candidates_of(folder: Path, features: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {feature["feature"]: [] for feature in features}
    path = folder / "candidates.parquet"
    if path.exists():
        for row in tables.read(path, tables.CANDIDATES).to_pylist():
            if row["source"] and row["source"] != NONE_OF_THESE and row["query"] in found:
                found[row["query"]].append(row)
    return {feature: sorted(rows, key=lambda row: row["rank"]) for feature, rows in found.items()}
