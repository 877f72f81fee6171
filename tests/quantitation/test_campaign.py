from pathlib import Path

import numpy as np
import pytest

from spectus import tables
from spectus.errors import InputError
from spectus.quantitation.campaign import read_areas, read_runs, runs_with_areas

HEADER = "run\tpath\ttype\tamount\tinjection\tamount Etizolam\tunit\n"


def sheet(folder: Path, *rows: str) -> Path:
    path = folder / "samples.tsv"
    path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def runs_table(folder: Path, **acquired: str | None) -> Path:
    rows = [
        {"run": run, "path": run, "status": "ok", "mzml": f"{run}.mzML", "acquired_at": time}
        for run, time in acquired.items()
    ]
    path = folder / "runs.parquet"
    tables.write(tables.table(tables.RUNS, rows), path, tables.RUNS)
    return path


def test_the_order_of_injection_is_that_of_the_sheet_then_of_the_clock_then_of_the_rows(tmp_path: Path) -> None:
    stated = sheet(tmp_path, "a\ta\tblank\t\t30\t\t", "b\tb\tsample\t\t10\t\t")
    table = runs_table(tmp_path, a="2022-02-23T14:30:00", b="2022-02-23T14:10:00Z")
    found = read_runs(stated, [table], ["a", "b"])
    assert (found.order_source, found.injections.tolist()) == ("sheet", [2, 1])
    some = sheet(tmp_path, "a\ta\tblank\t\t\t\t", "b\tb\tsample\t\t10\t\t")
    found = read_runs(some, [table], ["a", "b"])
    assert (found.order_source, found.injections.tolist()) == ("acquired_at", [2, 1])
    found = read_runs(some, [runs_table(tmp_path, a="2022-02-23T14:30:00", b=None)], ["a", "b"])
    assert (found.order_source, found.injections.tolist()) == ("rows", [1, 2])


def test_ladders_and_runs_without_areas_are_left_out(tmp_path: Path) -> None:
    path = sheet(tmp_path, "l\tl\tladder\t\t\t\t", "a\ta\tblank\t\t\t\t", "c\tc\tsample\t\t\t\t")
    assert read_runs(path, [], ["l", "a"]).names == ["a"]
    with pytest.raises(InputError, match="lacks the run 'x'"):
        read_runs(path, [], ["x"])


def test_a_compound_may_have_amounts_of_its_own(tmp_path: Path) -> None:
    path = sheet(tmp_path, "a\ta\tcalibrator\t5\t\t2.5\tug/mL", "b\tb\tcalibrator\t10\t\t\tug/mL")
    found = read_runs(path, [], ["a", "b"])
    assert found.amounts_of("etizolam") == pytest.approx([2.5, np.nan], nan_ok=True)
    assert found.amounts_of("phenol") == pytest.approx([5.0, 10.0])
    assert found.one_cell("unit") == "ug/mL"
    bad = read_runs(sheet(tmp_path, "a\ta\tcalibrator\t\t\tmuch\tg", "b\tb\tqc\t\t\t\tkg"), [], ["a", "b"])
    with pytest.raises(InputError, match="run 'a': amount 'much' of etizolam"):
        bad.amounts_of("etizolam")
    with pytest.raises(InputError, match="'unit' has g and kg"):
        bad.one_cell("unit")


def test_areas_are_read_as_a_matrix(tmp_path: Path) -> None:
    rows = [
        {"feature": "F2", "run": "b", "component": 7, "rt_s": 20.0, "area": 3.0, "gap_filled": False},
        {"feature": "F1", "run": "a", "rt_s": 10.0, "area": 1.0, "gap_filled": True},
        {"feature": "F1", "run": "ladder", "component": 1, "rt_s": 10.0, "area": 9.0},
    ]
    path = tmp_path / "peak_areas.parquet"
    tables.write(tables.table(tables.PEAK_AREAS, rows), path, tables.PEAK_AREAS)
    assert runs_with_areas(path) == ["b", "a", "ladder"]
    found = read_areas(path, ["F1", "F2"], ["a", "b"])
    assert found.area == pytest.approx(np.array([[1.0, np.nan], [np.nan, 3.0]]), nan_ok=True)
    assert found.perceived.tolist() == [[False, False], [False, True]]
    with pytest.raises(InputError, match="names the feature 'F2'"):
        read_areas(path, ["F1"], ["a", "b"])
