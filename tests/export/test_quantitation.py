"""The exports of a campaign that was quantified."""

from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pytest

from spectus import tables
from spectus.export.quantitation import Quantitation
from spectus.export.results import ExportedResults
from spectus.export.summary import summary_frame, write_xlsx

AMOUNTS = [
    {"compound": "etizolam", "feature": "F0002", "run": "a", "amount": 2.5, "unit": "ug/mL"},
    {"compound": "etizolam", "feature": "F0002", "run": "b", "unit": "ug/mL", "flag": "not detected"},
    {"compound": "by time only", "run": "a", "amount": 1.0, "unit": "ug/mL"},
]
BLANKS = [
    {"feature": "F0001", "blank_group": "b1", "n_samples": 1, "n_blanks": 2, "verdict": "absent in blanks"},
    {"feature": "F0002", "blank_group": "b1", "n_samples": 1, "n_blanks": 2, "verdict": "above blanks", "ratio": 40.0},
    {"feature": "F0002", "blank_group": "b2", "n_samples": 1, "n_blanks": 2, "verdict": "like blanks", "ratio": 1.5},
]
QC = [{"feature": "F0002", "n_qc": 5, "cv": 0.2, "cv_corrected": 0.1}]
CURVES = [{"compound": "etizolam", "batch": "", "qualifier_mz": [313.0, 266.0], "covariance": [0.0] * 9}]


def write(folder: Path, name: str, schema: pa.Schema, rows: list[dict[str, object]]) -> None:
    tables.write(tables.table(schema, rows), folder / f"{name}.parquet", schema)


@pytest.fixture
def quantitation(tmp_path: Path) -> Quantitation:
    write(tmp_path, "amounts", tables.AMOUNTS, AMOUNTS)
    write(tmp_path, "blank_verdicts", tables.BLANK_VERDICTS, BLANKS)
    write(tmp_path, "qc_features", tables.QC_FEATURES, QC)
    write(tmp_path, "calibration_curves", tables.CALIBRATION_CURVES, CURVES)
    return Quantitation.read(tmp_path)


def test_the_columns_have_one_row_for_each_feature(quantitation: Quantitation) -> None:
    frame = quantitation.columns(["F0001", "F0002"], ["a", "b"])
    assert list(frame) == [
        "blank_verdict", "blank_ratio", "contaminant", "qc_cv", "compound", "unit", "amount_flags", "amount a",
        "amount b",
    ]  # fmt: skip
    first, second = frame.to_dict("records")
    assert first["blank_verdict"] == "absent in blanks" and pd.isna(first["blank_ratio"])
    assert (second["blank_verdict"], second["blank_ratio"], second["qc_cv"]) == ("like blanks", 1.5, 0.1)
    assert (second["compound"], second["amount a"]) == ("etizolam", 2.5)
    assert pd.isna(second["amount b"]) and pd.isna(first["amount a"])
    assert second["amount_flags"] == "b: not detected" and pd.isna(first["amount_flags"])


def test_of_two_compounds_of_a_feature_the_first_counts() -> None:
    rows = [
        {"compound": name, "feature": "F1", "run": run, "amount": amount, "unit": "ng", "flag": "saturated"}
        for name, amount in (("first", 1.0), ("second", 2.0))
        for run in ("a", "b")
    ]
    (found,) = Quantitation({"amounts": rows}).columns(["F1"], ["a", "b"]).to_dict("records")
    assert (found["compound"], found["amount a"]) == ("first", 1.0)
    assert found["amount_flags"] == "a: saturated | b: saturated"


def test_without_tables_there_are_no_columns(tmp_path: Path) -> None:
    assert Quantitation.read(tmp_path).columns(["F0001"], ["a"]).shape == (1, 0)


def test_the_summary_and_the_workbook_hold_them(results: Path, quantitation: Quantitation, tmp_path: Path) -> None:
    read = ExportedResults.read(results)
    quantified = ExportedResults(
        read.folder, read.features, read.runs, read.areas, read.gap_filled, read.candidates, quantitation
    )
    frame = summary_frame(quantified)
    assert len(frame) == len(read.features)
    assert frame.set_index("feature")["blank_verdict"]["F0001"] == "absent in blanks"
    write_xlsx(quantified, tmp_path / "summary.xlsx")
    book = openpyxl.load_workbook(tmp_path / "summary.xlsx")
    assert {"amounts", "calibration_curves", "blank_verdicts", "qc_features"} <= set(book.sheetnames)
    curves = pd.read_excel(tmp_path / "summary.xlsx", sheet_name="calibration_curves")
    assert curves["qualifier_mz"][0] == "313 266"
