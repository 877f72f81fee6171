"""Searching as if a compound had no measured spectrum."""

from pathlib import Path

import pytest

from spectus import tables
from spectus.cli import main

RECORD = "Name: {name}\n{identity}\nNum Peaks: 3\n50 {peak}; 77 60; 91 100\n\n"


def library(path: Path, *records: tuple[str, str]) -> Path:
    path.write_text("".join(RECORD.format(name=n, identity=i, peak=at + 1) for at, (n, i) in enumerate(records)))
    return path


def search(folder: Path, molecules: str, *libraries: Path) -> list[str]:
    (folder / "list.smi").write_text(molecules)
    query = library(folder / "query.msp", ("query", "SMILES: CCO"))
    options = ["--library", *map(str, libraries), "--out", str(folder / "hits.parquet")]
    assert main(["search", str(query), *options, "--without", str(folder / "list.smi")]) == 0
    return [row["name"] for row in tables.read(folder / "hits.parquet", tables.LIBRARY_HITS).to_pylist()]


def test_records_of_a_molecule_are_left_out_by_inchikey_or_structure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = library(
        tmp_path / "measured.msp",
        ("by key", "InChIKey: QNAYBMKLOCPYGJ-REOHCLBHSA-N"),  # L-alanine: a stereoisomer is the same compound here
        ("by structure", "SMILES: C[C@H](N)C(=O)O"),
        ("another", "SMILES: CCO"),
        ("without either", "Comment: nothing"),
    )
    assert set(search(tmp_path, "CC(N)C(O)=O alanine\n", measured)) == {"another", "without either"}
    said = capsys.readouterr().out
    assert said == f"2 measured records of the 1 molecules of {tmp_path / 'list.smi'} are left out\n"


def test_predicted_spectra_of_it_stay(tmp_path: Path) -> None:
    (tmp_path / "molecules.smi").write_text("Cc1ccccc1 toluene\n")
    root = Path(__file__).parents[2] / "resources" / "models" / "neims-open"
    predicted = tmp_path / "predicted.parquet"
    assert main(["forward", str(tmp_path / "molecules.smi"), "--model", str(root), "--out", str(predicted)]) == 0
    measured = library(tmp_path / "measured.msp", ("measured toluene", "SMILES: Cc1ccccc1"))
    assert search(tmp_path, "Cc1ccccc1\n", measured, predicted) == ["toluene"]
    assert search(tmp_path, "CCO\n", measured, predicted)[0] == "measured toluene"


def test_all_records_may_go(tmp_path: Path) -> None:
    measured = library(tmp_path / "measured.msp", ("ethanol", "SMILES: CCO"))
    assert search(tmp_path, "CCO\n", measured) == [None]


def test_a_line_that_is_no_molecule_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = library(tmp_path / "query.msp", ("query", "SMILES: CCO"))
    (tmp_path / "list.smi").write_text("CCO ethanol\nC1CC broken\n")
    command = ["search", str(query), "--library", str(query), "--out", str(tmp_path / "hits.parquet")]
    assert main([*command, "--without", str(tmp_path / "list.smi")]) == 2
    assert "'C1CC' is no molecule; correct the SMILES" in capsys.readouterr().err
    assert not (tmp_path / "hits.parquet").exists()
