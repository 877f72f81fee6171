"""What the stage quantify found, as columns of the summary and as sheets of the workbook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from spectus import tables

_SCHEMAS: dict[str, pa.Schema] = {
    "amounts": tables.AMOUNTS,
    "calibration_curves": tables.CALIBRATION_CURVES,
    "calibration_points": tables.CALIBRATION_POINTS,
    "blank_verdicts": tables.BLANK_VERDICTS,
    "qc_runs": tables.QC_RUNS,
    "qc_features": tables.QC_FEATURES,
}
"""Tables of the data set that are exported."""


@dataclass(frozen=True)
class Quantitation:
    """Tables of the stage quantify.

    Attributes
    ----------
    rows : mapping of str to list of dict
        Rows of each table that the data set has, by its name.
    """

    rows: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "Quantitation":
        """Read the tables that a data set has.

        Raises
        ------
        InputError
            A table cannot be read.
        """
        present = {name: folder / f"{name}.parquet" for name in _SCHEMAS if (folder / f"{name}.parquet").exists()}
        return cls({name: tables.read(path, _SCHEMAS[name]).to_pylist() for name, path in present.items()})

    def columns(self, features: Sequence[str], runs: Sequence[str]) -> pd.DataFrame:
        """Return the columns of the summary, one row for each feature; none without the tables.

        Parameters
        ----------
        features : sequence of str
            Identifiers of the features.
        runs : sequence of str
            Names of the runs.

        Returns
        -------
        pandas.DataFrame
            `blank_verdict`, `blank_ratio` (the smallest of its groups), `contaminant`, `qc_cv` (coefficient of
            variation after the drift correction), `compound`, `unit`, `amount_flags` ("RUN: flag" for each flagged run,
            joined by " | ") and "amount RUN", where the tables have them. Of two compounds of one feature, the first
            counts.
        """
        rows: dict[str, dict[str, Any]] = {feature: {} for feature in features}
        names: list[str] = []
        if "blank_verdicts" in self.rows:
            names += ["blank_verdict", "blank_ratio", "contaminant"]
            self._add_blanks(rows)
        if "qc_features" in self.rows:
            names.append("qc_cv")
            for row in self.rows["qc_features"]:
                rows.get(row["feature"], {})["qc_cv"] = row["cv_corrected"]
        if self.rows.get("amounts"):
            names += ["compound", "unit", "amount_flags", *(f"amount {run}" for run in runs)]
            self._add_amounts(rows)
        return pd.DataFrame([rows[feature] for feature in features], columns=names)

    def _add_amounts(self, rows: Mapping[str, dict[str, Any]]) -> None:
        """Add the amounts of the first compound of each feature, and their flags."""
        for row in self.rows["amounts"]:
            found = rows.get(row["feature"], {})
            if found.setdefault("compound", row["compound"]) != row["compound"]:
                continue
            found |= {"unit": row["unit"], f"amount {row['run']}": row["amount"]}
            if row["flag"]:
                said = f"{row['run']}: {row['flag']}"
                found["amount_flags"] = f"{found['amount_flags']} | {said}" if "amount_flags" in found else said

    def _add_blanks(self, rows: Mapping[str, dict[str, Any]]) -> None:
        """Add the verdict of the group with the smallest ratio; "absent in blanks" has none and comes last."""
        for row in self.rows["blank_verdicts"]:
            found = rows.get(row["feature"], {})
            ratio, known = row["ratio"], found.get("blank_ratio")
            if "blank_verdict" not in found or (ratio is not None and (known is None or ratio < known)):
                found |= {"blank_verdict": row["verdict"], "blank_ratio": ratio, "contaminant": row["contaminant"]}

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return the tables as sheets of a workbook, without lists that no cell can hold."""
        return {
            name: pd.DataFrame([_flat(row) for row in rows], columns=[*_flat_names(name)])
            for name, rows in self.rows.items()
        }


def _flat_names(name: str) -> list[str]:
    return [column for column in _SCHEMAS[name].names if column != "covariance"]


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write lists of numbers as text."""
    return {
        name: " ".join(f"{number:g}" for number in value) if isinstance(value, list) else value
        for name, value in row.items()
        if name != "covariance"
    }
