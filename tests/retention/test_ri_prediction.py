"""The model of retention indices: what ships, what is trained, and what input it refuses."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from spectus.cli import main
from spectus.errors import InputError
from spectus.molecules.exclusions import NO_EXCLUSIONS, Exclusions
from spectus.retention.ri_prediction import load_ri_model
from spectus.retention.ri_training import read_indices

ALKANES = [("C" * n, 100.0 * n) for n in range(6, 26)]
ALCOHOLS = [("C" * n + "O", 100.0 * n + 270) for n in range(4, 20)]
ESTERS = [("C" * n + "C(=O)OC", 100.0 * n + 325) for n in range(4, 22)]


def write(path: Path, rows: list[tuple[str, float]], source: str, column: str = "DB-5", **more: str) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["smiles", "ri", "source", "column_class", *more])
        writer.writerows([smiles, ri, source, column, *more.values()] for smiles, ri in rows)
    return path


def test_the_shipped_model_knows_common_compounds() -> None:
    model = load_ri_model("open")
    smiles = ["CCCCCCCCCC", "Cc1ccccc1", "CCCCCCCCCCCCCCCC(=O)OC", "CC(O[Si](C)(C)C)C(=O)O[Si](C)(C)C"]
    ri, error = model.predict(smiles)
    assert np.abs(ri - [1000, 765, 1926, 1060]).max() < 60  # published indices on 5 % phenyl columns
    assert (error > 5).all() and (error < 80).all()


def test_unlike_molecules_have_larger_errors() -> None:
    _, error = load_ri_model("open").predict(["CCCCCCCCCC", "FC(F)(F)c1cc2c(s1)B(O)OC2(Br)I"])
    assert error[1] > 3 * error[0]


def test_what_cannot_be_predicted_is_nan() -> None:
    ri, error = load_ri_model("open").predict(["bad", None, "", "[Na+].[Cl-]", "C[N+](C)(C)C", "C.C", "CCCCCC"])
    assert np.isnan(ri).tolist() == np.isnan(error).tolist() == [True] * 6 + [False]
    assert len(load_ri_model("open").predict([]).ri) == 0


def test_the_prediction_does_not_depend_on_the_order_or_the_company() -> None:
    smiles = ["CCCCCCCCCC", "Cc1ccccc1", "bad", "OCC(O)CO"]
    model = load_ri_model("open")
    together = model.predict(smiles * 3)
    for place, text in enumerate(smiles):
        assert np.allclose(together.ri[place::4], model.predict([text]).ri[0], atol=1e-6, equal_nan=True)


def test_a_training_tells_errors_by_source_and_loads_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = [
        write(tmp_path / "a.csv", ALKANES + ESTERS[::2], "first"),
        write(tmp_path / "b.csv", ALCOHOLS + ESTERS[1::2], "second"),
    ]
    out = tmp_path / "model"
    assert main(["train", "ri", *map(str, tables), "--out", str(out)]) == 0
    said = json.loads((out / "config.json").read_text())
    assert said["kind"] == "ri" and [source["source"] for source in said["leave_one_source_out"]] == ["first", "second"]
    assert "first: 29 compounds, median error" in capsys.readouterr().out
    ri, _ = load_ri_model(out).predict(["C" * 15, "C" * 10 + "C(=O)OC", "C" * 12 + "O"])
    assert np.abs(ri - [1500, 1325, 1470]).max() < 40


def test_polar_columns_are_left_out_and_fame_indices_converted(tmp_path: Path) -> None:
    usual = write(tmp_path / "a.csv", ALKANES, "lab")
    polar = write(tmp_path / "b.csv", [("CCCCO", 1150.0)], "wax", "polar: DB-WAX")
    fame = write(tmp_path / "c.csv", [("CCCCCCCCCCCCCCCC(=O)OC", 1600.0)], "pnnl", "FAME scale, DB-5")
    named = write(tmp_path / "d.csv", [("CCCCCCCCCCCC(=O)OC", 1200.0)], "x", "DB-5", ri_scale="fame")
    records = {record.smiles: record.ri for record in read_indices([usual, polar, fame, named], NO_EXCLUSIONS)}
    assert "CCCCO" not in records
    assert records["CCCCCCCCCCCCCCCC(=O)OC"] == pytest.approx(1927)
    assert records["CCCCCCCCCCCC(=O)OC"] == pytest.approx(1525)


def test_excluded_compounds_and_their_derivatives_take_no_part(tmp_path: Path) -> None:
    table = write(tmp_path / "a.csv", [*ALKANES, ("CCCCCCO", 870.0), ("CCCCCCO[Si](C)(C)C", 950.0)], "lab")
    records = read_indices([table], Exclusions().adding(["OCCCCCC"], "list"))
    assert {record.smiles for record in records} == {smiles for smiles, _ in ALKANES}


def test_a_source_on_another_scale_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tables = [
        write(tmp_path / "a.csv", ALKANES + ALCOHOLS, "right"),
        write(tmp_path / "b.csv", ALKANES + ESTERS, "too"),
        write(tmp_path / "c.csv", [(smiles, ri + 90) for smiles, ri in ALKANES], "shifted"),
    ]
    assert main(["train", "ri", *map(str, tables), "--out", str(tmp_path / "model")]) == 0
    assert "shifted is left out: its indices differ by 90" in caplog.text
    assert set(json.loads((tmp_path / "model/config.json").read_text())["sources"]) == {"right", "too"}


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.csv", "smiles,ri\n", "has no rows"),
        ("a.csv", "structure,ri\nCC,200\n", "has no rows with the columns smiles and ri"),
        ("a.csv", "smiles,ri\nCC,200\n", "hold only 1 usable indices"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, name: str, content: str, problem: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=problem):
        read_indices([tmp_path / name], NO_EXCLUSIONS)


def test_folders_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        load_ri_model(tmp_path / "none")
    (tmp_path / "config.json").write_text('{"kind": "neims"}')
    with pytest.raises(InputError, match="kind 'neims'"):
        load_ri_model(tmp_path)
    (tmp_path / "config.json").write_text('{"kind": "ri"}')
    (tmp_path / "model.npz").write_bytes(b"PK nothing")
    with pytest.raises(InputError, match="is damaged"):
        load_ri_model(tmp_path)
