"""The summary of a campaign as CSV and as an Excel workbook: one row per feature, the areas of all runs beside it."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spectus.export.results import MASS_SPECTRUM_ONLY, ExportedResults, base_peak, candidate_name
from spectus.files import replacing

_CANDIDATE_COLUMNS = ("formula", "smiles", "inchikey", "source", "level")
_SCORE_COLUMNS = (
    "probability", "formula_probability", "scaffold_probability", "in_set_80", "in_set_90", "library_score",
    "predicted_score", "explained", "log_prob", "ri_delta", "ri_predicted", "derivative", "excluded", "suspects",
)  # fmt: skip
_SPECTRUM_COLUMNS = ("mz", "intensity")
_S_PER_MIN = 60
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Characters that XML 1.0 does not allow."""


def summary_frame(results: ExportedResults) -> pd.DataFrame:
    """Return one row per feature: where it elutes, its first candidate, amounts, and its area in each run.

    Parameters
    ----------
    results : ExportedResults
        The results.

    Returns
    -------
    pandas.DataFrame
        Columns of the feature (`rt_min` in minutes), of the candidate as in the table of candidates, of
        `Quantitation.columns`, and "area RUN", counts x s.
    """
    rows = []
    for feature in results.features:
        best = results.best(feature)
        name, cas = candidate_name(best)
        row: dict[str, Any] = {"feature": feature["feature"], "rt_min": feature["rt_s"] / _S_PER_MIN}
        row |= {key: value for key, value in feature.items() if key not in (*row, *_SPECTRUM_COLUMNS, "rt_s")}
        row |= {"base_peak_mz": base_peak(feature), "name": name, "cas": cas}
        row |= {key: best.get(key) for key in (*_CANDIDATE_COLUMNS, *_SCORE_COLUMNS)}
        row["level"] = row["level"] or MASS_SPECTRUM_ONLY
        rows.append(row)
    frame = pd.DataFrame(rows, columns=None if rows else ["feature"])
    runs = [run["run"] for run in results.runs]
    found = results.quantitation.columns([feature["feature"] for feature in results.features], runs)
    areas = pd.DataFrame(results.areas, columns=[f"area {run}" for run in runs], index=frame.index)
    return pd.concat([frame, found, areas], axis=1)


def candidates_frame(results: ExportedResults) -> pd.DataFrame:
    """Return one row per candidate, with the name and the CAS number in columns of their own."""
    rows = []
    for feature, candidates in results.candidates.items():
        for candidate in candidates:
            name, cas = candidate_name(candidate)
            row = {"feature": feature, "rank": candidate["rank"], "name": name, "cas": cas}
            rows.append(row | {key: candidate.get(key) for key in (*_CANDIDATE_COLUMNS, *_SCORE_COLUMNS)})
    return pd.DataFrame(rows, columns=None if rows else ["feature", "rank", "name"])


def write_csv(results: ExportedResults, path: Path) -> None:
    """Write the summary as CSV in UTF-8 with a byte order mark, by which Excel recognizes the encoding."""
    with replacing(path) as temporary:
        summary_frame(results).to_csv(temporary, index=False, encoding="utf-8-sig", lineterminator="\n")


def write_xlsx(results: ExportedResults, path: Path) -> None:
    """Write a workbook with the sheets summary, candidates, gap_filled, runs, and the tables of the quantitation.

    Texts that begin with "=" stay texts and do not become formulas.
    """
    gap_filled = pd.DataFrame(results.gap_filled, columns=[run["run"] for run in results.runs])
    gap_filled.insert(0, "feature", [feature["feature"] for feature in results.features])
    sheets = {
        "summary": summary_frame(results),
        "candidates": candidates_frame(results),
        "gap_filled": gap_filled,
        "runs": pd.DataFrame(results.runs),
        **results.quantitation.frames(),
    }
    workbook = io.BytesIO()  # written to a full disk, the archive would complain once more when it is deleted
    with pd.ExcelWriter(workbook, engine="openpyxl") as writer:
        for name, frame in sheets.items():
            frame.map(_cell_value).to_excel(writer, sheet_name=name, index=False, freeze_panes=(1, 1))
            for cells in writer.sheets[name].iter_rows():
                for cell in cells:
                    if cell.data_type == "f":
                        cell.data_type = "s"
    with replacing(path) as temporary:
        temporary.write_bytes(workbook.getbuffer())


def _cell_value(value: Any) -> Any:
    """Remove the control characters of a text, which a workbook cannot hold; turn infinity into an empty cell."""
    if isinstance(value, str):
        return _CONTROL.sub("", value)
    return None if isinstance(value, float) and not np.isfinite(value) else value
