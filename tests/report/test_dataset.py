import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from spectus import tables
from spectus.errors import InputError
from spectus.report.campaign import CampaignResults
from spectus.report.dataset import merge_tables
from spectus.report.write import write_report
from spectus.samples import Sample, read_samples

from .conftest import Made
from .synthetic import RUNS, SCHEMAS, Rows, make_rows, make_sheet


def written(rows: Rows, folder: Path, sheet: Path | None = None) -> Path:
    write_report(CampaignResults.read(rows.write(folder), sheet), folder / "out", "A campaign")
    return folder / "out" / "dataset"


def test_pandas_reads_back_what_went_in(made: Made, tmp_path: Path) -> None:
    write_report(made.read(), tmp_path, "A campaign")
    for name, schema in SCHEMAS.items():
        expected = tables.table(schema, getattr(made.rows, name)).to_pandas()
        if name == "denovo_candidates":  # its files hold every second query, as --part does
            place = {feature["feature"]: i for i, feature in enumerate(made.rows.features)}
            order = expected["query"].map(place) * 100 + expected["rank"]
            expected = expected.loc[order.sort_values().index].reset_index(drop=True)
        found = pd.read_parquet(tmp_path / "dataset" / f"{name}.parquet")
        assert len(found) > 0
        if name == "runs":
            found = found[expected.columns]
        pd.testing.assert_frame_equal(found, expected)


def test_the_data_set_explains_itself(made: Made, tmp_path: Path) -> None:
    write_report(made.read(), tmp_path, "A campaign")
    about = json.loads((tmp_path / "dataset" / "dataset.json").read_text())
    assert set(about) == set(SCHEMAS)
    for name, part in about.items():
        table = pq.read_table(tmp_path / "dataset" / part["file"])
        assert part["rows"] == table.num_rows and list(part["columns"]) == table.schema.names
        assert table.schema.metadata[b"spectus_version"], name
    assert about["features"]["columns"]["rt_s"]["about"].endswith("s")
    denovo_candidates = pq.read_schema(tmp_path / "dataset" / "denovo_candidates.parquet")
    assert denovo_candidates.metadata[b"model_sha256"] == b"0" * 64


def test_batches_come_back_in_the_order_of_the_sheet(made: Made, tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    rows.runs.reverse()
    rows.components.sort(key=lambda row: (row["run"], -row["component"]))
    rows.peak_areas.reverse()
    rows.candidates.reverse()
    folder = written(rows, tmp_path, made.sheet)
    assert pd.read_parquet(folder / "runs.parquet")["run"].tolist() == RUNS
    components = pd.read_parquet(folder / "components.parquet")
    assert components["run"].unique().tolist() == RUNS[:4]
    assert all(part["component"].is_monotonic_increasing for _, part in components.groupby("run"))
    assert components.loc[0, "mz"].tolist() == rows.components[-1]["mz"] or len(components.loc[0, "mz"]) == 24
    candidates = pd.read_parquet(folder / "candidates.parquet")
    assert candidates["query"].is_monotonic_increasing
    assert all(part["rank"].is_monotonic_increasing for _, part in candidates.groupby("query"))
    peak_areas = pd.read_parquet(folder / "peak_areas.parquet")
    assert peak_areas["run"].tolist()[:3] == RUNS[1:4]


def test_reordered_components_keep_their_rows_whole(made: Made, tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    expected = tables.table(tables.COMPONENTS, rows.components).to_pandas()
    rows.components.reverse()
    found = pd.read_parquet(written(rows, tmp_path, made.sheet) / "components.parquet")
    pd.testing.assert_frame_equal(found, expected)


def test_a_row_given_twice_is_named(made: Made) -> None:
    files = {**made.files, "denovo_candidates": made.files["denovo_candidates"] * 2}
    with pytest.raises(InputError, match="query 'F0001', rank 1 occurs twice"):
        merge_tables(files, [])


@pytest.mark.parametrize(
    ("table", "change", "stranger"),
    [
        ("candidates", {"query": "F9999"}, "F9999"),
        ("peak_areas", {"run": "elsewhere"}, "elsewhere"),
        ("components", {"run": "elsewhere"}, "elsewhere"),
    ],
)
def test_tables_of_two_campaigns_are_refused(table: str, change: dict[str, str], stranger: str, tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    getattr(rows, table)[0].update(change)
    with pytest.raises(InputError, match=rf"{table}.*names '{stranger}', which is missing.*one campaign"):
        CampaignResults.read(rows.write(tmp_path))


def test_runs_that_the_sheet_does_not_name_come_last(made: Made) -> None:
    sheet = [sample for sample in read_samples(made.sheet) if sample.run not in ("ladder", "blank")]
    parts = merge_tables(made.files, sheet)
    assert parts["runs"].rows["run"].to_pylist() == ["river_up", "river_down", "broken", "ladder", "blank"]


def test_the_runs_have_the_columns_of_the_sheet(made: Made, tmp_path: Path) -> None:
    runs = pd.read_parquet(written(made.rows, tmp_path, made.sheet) / "runs.parquet")
    assert dict(zip(runs["run"], runs["type"], strict=True)) == dict(
        zip(RUNS, ["ladder", "sample", "sample", "blank", "sample"], strict=True)
    )
    assert runs["amount"].isna().all() and (runs["batch"] == "day1").all()
    about = json.loads((tmp_path / "out" / "dataset" / "dataset.json").read_text())["runs"]["columns"]
    assert list(about) == runs.columns.tolist() and "sample sheet" in about["type"]["about"]


def test_columns_that_only_the_user_knows_are_kept(made: Made) -> None:
    extra = {"site": "km 12", "path": "P", "run": "R"}
    sheet = [Sample("river_up", Path("x"), "sample", 2.5, "b1", dilution=10.0, extra=extra)]
    runs = merge_tables(made.files, sheet)["runs"].rows
    own = ["type", "amount", "batch", "injection", "dilution", "site", "sheet_path", "sheet_run"]
    assert runs.column_names[-8:] == own
    row = next(row for row in runs.to_pylist() if row["run"] == "river_up")
    assert (row["dilution"], row["injection"]) == (10.0, None)
    assert (row["amount"], row["site"], row["sheet_path"], row["path"]) == (2.5, "km 12", "P", "raw/river_up.cdf")
    assert [row["site"] for row in runs.to_pylist() if row["run"] != "river_up"] == [None] * 4


def test_runs_without_a_sheet_have_empty_columns(made: Made) -> None:
    runs = merge_tables(made.files, [])["runs"].rows
    assert runs["type"].null_count == runs.num_rows == 5


def test_amounts_keep_the_order_of_compounds_and_take_that_of_the_runs(tmp_path: Path) -> None:
    files = make_rows(tmp_path, 4).write(tmp_path)
    rows = [{"compound": name, "run": run} for name in ("zinc", "atropine") for run in reversed(RUNS)]
    tables.write(tables.table(tables.AMOUNTS, rows), tmp_path / "amounts.parquet", tables.AMOUNTS)
    sheet = read_samples(make_sheet(tmp_path / "samples.tsv"))
    merged = merge_tables({**files, "amounts": [tmp_path / "amounts.parquet"]}, sheet)
    found = merged["amounts"].rows.select(["compound", "run"]).to_pylist()
    assert found == [{"compound": name, "run": run} for name in ("zinc", "atropine") for run in RUNS]
