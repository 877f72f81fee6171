from pathlib import Path

import pytest

from spectus.cli import main
from spectus.errors import InputError
from spectus.forward.molecules import Listed, read_molecules
from spectus.forward.named import write_named_molecules


def row(number: int, cas: str, smiles: str, *names: str) -> str:
    return "\t".join([str(number), cas, "F", "1.0", smiles, "InChI", "KEY", *names]) + "\n"


TABLE = (
    row(1, "64-17-5", "CCO", "ethanol", "alcohol", "ethyl alcohol")
    + row(2, "1-1-1", "OCC", "ethanol again")
    + row(3, "7440-23-5", "[Na]", "sodium")
    + row(4, "2-2-2", "CC.O", "a hydrate")
    + row(5, "3-3-3", "C[N+](C)(C)C", "an ion", "tma")
    + row(6, "4-4-4", "C" * 40, "tetracontane")
    + row(7, "5-5-5", "C[C@H](N)C(=O)O", '2-"amino"propanoic acid')
)


def test_compounds_that_a_forward_model_can_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "table.tsv").write_text(TABLE)
    out = tmp_path / "named.csv"
    assert main(["molecules", "--out", str(out), "--table", str(tmp_path / "table.tsv")]) == 0
    assert list(read_molecules(out)) == [
        Listed("CCO", "alcohol", "64-17-5"), Listed("CC(N)C(=O)O", '2-"amino"propanoic acid', "5-5-5"),
    ]  # fmt: skip
    printed = capsys.readouterr().out
    assert "2 compounds" in printed
    assert "1 left out: a structure that was named before" in printed
    assert printed.count("left out") == 5


def test_what_is_no_such_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "table.tsv").write_text("a\tb\n")
    with pytest.raises(InputError, match="has a row of 2 columns"):
        write_named_molecules(tmp_path / "named.csv", table=tmp_path / "table.tsv")
    (tmp_path / "table.tsv").write_text(row(3, "7440-23-5", "[Na]", "sodium"))
    with pytest.raises(InputError, match="no compound"):
        write_named_molecules(tmp_path / "named.csv", table=tmp_path / "table.tsv")
    assert not (tmp_path / "named.csv").exists()
    with pytest.raises(InputError, match=r"is no \.csv"):
        write_named_molecules(tmp_path / "named.smi", table=tmp_path / "table.tsv")
