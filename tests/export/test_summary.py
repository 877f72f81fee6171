import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from openpyxl import load_workbook

from spectus.errors import InputError
from spectus.export.results import ExportedResults
from spectus.export.write import export_results
from spectus.report.campaign import CampaignResults
from spectus.report.write import write_report
from tests.report.synthetic import MEASURED, Rows, make_rows


def test_csv_and_xlsx_hold_one_row_per_feature_and_the_areas_of_all_runs(
    results: Path, rows: Rows, tmp_path: Path
) -> None:
    export_results(results, tmp_path, ["csv", "xlsx"])
    from_csv = pd.read_csv(tmp_path / "summary.csv", encoding="utf-8-sig")
    from_xlsx = pd.read_excel(tmp_path / "summary.xlsx")
    for frame in (from_csv, from_xlsx):
        assert frame["feature"].tolist() == [row["feature"] for row in rows.features]
        assert frame["rt_min"].to_numpy() == pytest.approx([row["rt_s"] / 60 for row in rows.features])
        assert frame["level"].astype(str).tolist()[:5] == ["2a", "2b", "2a", "3", "5"]
        assert frame.loc[3, ["name", "cas", "predicted_score"]].tolist() == ["Aspirin", "50-78-2", 0.71]
        assert frame["base_peak_mz"].tolist() == [row["mz"][int(np.argmax(row["intensity"]))] for row in rows.features]
        assert not {"mz", "intensity", "rt_s"} & set(frame.columns)
        areas = {(row["feature"], row["run"]): row["area"] for row in rows.peak_areas}
        for run in MEASURED:
            expected = [areas[feature, run] for feature in frame["feature"]]
            assert frame[f"area {run}"].to_numpy() == pytest.approx(expected)
    assert from_csv.columns.tolist() == from_xlsx.columns.tolist()


def test_the_workbook_has_candidates_gaps_and_the_sheet_of_samples(results: Path, rows: Rows, tmp_path: Path) -> None:
    export_results(results, tmp_path, ["xlsx"])
    sheets = pd.read_excel(tmp_path / "summary.xlsx", sheet_name=None)
    assert list(sheets) == ["summary", "candidates", "gap_filled", "runs"]
    assert len(sheets["candidates"]) == sum(row.get("source") not in (None, "none") for row in rows.candidates)
    assert sheets["gap_filled"]["blank"].tolist() == [i % 2 == 1 for i in range(12)]
    assert sheets["runs"]["type"].tolist() == ["sample", "sample", "blank"]


def test_hostile_names_do_not_become_formulas(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    rows.candidates[0]["name"] = '=HYPERLINK("x")\x07'
    write_report(CampaignResults.read(rows.write(tmp_path)), tmp_path / "report", "x")
    export_results(tmp_path, tmp_path / "out", ["xlsx"])
    sheet = load_workbook(tmp_path / "out" / "summary.xlsx")["summary"]
    column = [cell.value for cell in sheet[1]].index("name")
    cell = sheet[2][column]
    assert (cell.value, cell.data_type) == ('=HYPERLINK("x")', "s")


def test_results_without_features(tmp_path: Path) -> None:
    write_report(CampaignResults.read(Rows().write(tmp_path)), tmp_path, "x")
    written = export_results(tmp_path, tmp_path / "out")
    assert len(written) == 6 and all(path.is_file() for path in written)
    assert ExportedResults.read(tmp_path).areas.shape == (0, 0)


def test_a_table_of_another_campaign_is_named(results: Path, tmp_path: Path) -> None:
    shutil.copytree(results / "report" / "dataset", tmp_path / "dataset")
    rows = make_rows(tmp_path, 3)
    rows.peak_areas[0]["feature"] = "F9999"
    rows.write(tmp_path)["peak_areas"][0].rename(tmp_path / "dataset" / "peak_areas.parquet")
    with pytest.raises(InputError, match=r"peak_areas\.parquet: names F9999, which is missing"):
        export_results(tmp_path, tmp_path / "out")


def test_decisions_of_an_analyst_are_exported(tmp_path: Path) -> None:
    """An accepted candidate becomes the first, a rejected feature has none, and comments are kept."""
    rows = make_rows(tmp_path, 4)
    second = next(row for row in rows.candidates if row["query"] == "F0001" and row["rank"] == 2)
    decisions = {
        "F0001": {"verdict": "accepted", "inchikey": second["inchikey"], "smiles": second["smiles"]},
        "F0002": {"verdict": "rejected", "comment": "bleed"},
    }
    content = {"format": "spectus-curation", "version": 1, "features": decisions}
    (tmp_path / "decisions.json").write_text(json.dumps(content))
    campaign = CampaignResults.read(rows.write(tmp_path)).curated(tmp_path / "decisions.json")
    write_report(campaign, tmp_path / "report", "x")
    export_results(tmp_path, tmp_path / "out")
    frame = pd.read_csv(tmp_path / "out" / "summary.csv", encoding="utf-8-sig")
    assert frame["smiles"].tolist()[0] == second["smiles"] and frame["level"].astype(str).tolist()[:2] == ["3", "5"]
    assert frame["verdict"].tolist()[:2] == ["accepted", "rejected"] and frame["comment"][1] == "bleed"
    assert pd.isna(frame["name"][1]) and frame["name"][2] == "L-Alanine, TMS"
