"""Folds of laboratories: what a model of a fold must not have seen."""

from pathlib import Path

import pandas as pd
import pytest

from spectus.cli import main
from spectus.errors import InputError
from spectus.learning.folds import add_folds, leave_out_fold
from spectus.library.records import read_spectra
from spectus.library.splits import assign_folds

LABORATORIES = {"Large": 9, "Second": 4, "Third": 3, "Fourth": 1}
COMPOUNDS = ["CCO", "CCCO", "CCCCO", "CCOC", "CC(C)=O", "CCC(C)=O", "c1ccccc1", "Cc1ccccc1", "CCN", "CCCN"]


def records(tmp_path: Path) -> Path:
    """A table in which each laboratory measured the first compounds."""
    rows = [
        {
            "name": f"{lab} {at}",
            "smiles": COMPOUNDS[at],
            "contributor": lab,
            "mz": [31.0, 45.0 + at],
            "intensity": [1, 2],
        }
        for lab, number in LABORATORIES.items()
        for at in range(number)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "a.parquet")
    return tmp_path / "a.parquet"


def test_folds_do_not_depend_on_the_order_and_are_of_about_one_size() -> None:
    names = [name for name, number in LABORATORIES.items() for _ in range(number)]
    folds = dict(zip(names, assign_folds(names, 2).tolist(), strict=True))
    assert folds == {"Large": 0, "Second": 1, "Third": 2, "Fourth": 2}
    assert dict(zip(names[::-1], assign_folds(names[::-1], 2).tolist(), strict=True)) == folds
    assert set(assign_folds(["a", "a", "b", "b", "c"], 3).tolist()) == {1, 2, 3}, "no laboratory has more than half"
    with pytest.raises(InputError, match="cannot be made of 3 laboratories besides one with more than half"):
        assign_folds(names, 4)


def test_from_a_library_to_that_of_a_fold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, library, without = records(tmp_path), tmp_path / "lib.parquet", tmp_path / "without.parquet"
    assert main(["library", str(source), "--valid", "0.3", "--folds", "2", "--out", str(library)]) == 0
    assert "fold 2: Third 3, Fourth 1" in capsys.readouterr().out
    table = pd.read_parquet(library)
    assert {"split", "laboratory", "fold"} <= set(table)
    assert main(["library", str(library), "--without-fold", "2", "--out", str(without)]) == 0
    assert "7 records; left out 4 of fold 2, 6 others of their compounds" in capsys.readouterr().out
    left = pd.read_parquet(without)
    seen = {COMPOUNDS[at] for at in range(3)}
    assert set(left["laboratory"]) == {"Large", "Second"} and not set(left["smiles"]) & seen
    assert len(left) == (9 - 3) + (4 - 3)
    assert list(left.columns) == list(table.columns)
    assert len(read_spectra(without)) == len(left)


def test_derivatives_get_the_structure_that_was_measured(tmp_path: Path) -> None:
    """Else a model learns that an alcohol has the ions of its silyl ether, and a fold's compounds stay in it."""
    for file, records in (
        ("first", [("ethanol, TMS derivative", "CCO", 118), ("ethanol, TBDMS derivative", "CCO", 145)]),
        ("second", [("ethanol", "CCO", 46), ("propanol", "CCCO", 60)]),
    ):
        text = "".join(f"Name: {n}\nSMILES: {s}\nNum Peaks: 3\n31 9\n45 50\n{mz} 20\n\n" for n, s, mz in records)
        (tmp_path / f"{file}.msp").write_text(text)
    files, out = [str(tmp_path / "first.msp"), str(tmp_path / "second.msp")], tmp_path / "out.parquet"
    assert main(["library", *files, "--folds", "2", "--out", str(out)]) == 0
    rows = pd.read_parquet(out)
    assert rows["smiles"].tolist()[0] == "CCO[Si](C)(C)C"
    assert rows["reason"].tolist()[1] == "the structure of its derivative is not known: 1 TBDMS"
    assert not len(rows["mz"][1])


def test_excluded_compounds_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "excluded.smi").write_text("CCO\n")
    command = ["library", str(records(tmp_path)), "--out", str(tmp_path / "o.parquet")]
    assert main([*command, "--exclude", str(tmp_path / "excluded.smi")]) == 0
    assert "CCO" not in set(pd.read_parquet(tmp_path / "o.parquet")["smiles"])


def test_what_cannot_be_done(tmp_path: Path) -> None:
    source = records(tmp_path)
    with pytest.raises(InputError, match="has no column `fold`"):
        leave_out_fold(source, 1, tmp_path / "b.parquet")
    add_folds(source, 2)
    with pytest.raises(InputError, match=r"--without-fold 3: is no fold of .*; take of 1, 2"):
        leave_out_fold(source, 3, tmp_path / "b.parquet")
    (tmp_path / "a.msp").write_text("Name: a\nNum Peaks: 1\n50 1\n")
    with pytest.raises(InputError, match="is no Parquet library"):
        leave_out_fold(tmp_path / "a.msp", 1, tmp_path / "b.parquet")
