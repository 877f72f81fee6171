"""Merging libraries into one."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from spectus import tables
from spectus.cli import main
from spectus.errors import InputError
from spectus.library.build import BuildSettings, build_library
from spectus.library.parquet import PREDICTED_BY, predicted_by
from spectus.library.records import read_spectra
from spectus.library.splits import read_split

FIRST = "Name: a\nSMILES: C\nRI: 900\nNum Peaks: 2\n50 1\n51 2\n\nName: b\nNum Peaks: 2\n50 1\n"
SECOND = "BEGIN IONS\nNAME=a\n60 1\nEND IONS\nBEGIN IONS\nNAME=c\nEND IONS\nBEGIN IONS\nNAME=d\n1 x\nEND IONS\n"


def test_merging(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, out = tmp_path / "first.msp", tmp_path / "second.mgf", tmp_path / "both.parquet"
    first.write_text(FIRST)
    second.write_text(SECOND)
    assert main(["library", str(first), str(second), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert "5 records of 2 files, 3 not usable" in printed
    for reason in ("peak count differs: 1", "no peaks: 1", "peaks that are not numbers: 1"):
        assert reason in printed
    records = tables.read(out, tables.SPECTRA).to_pylist()
    assert [(record["entry"], record["name"]) for record in records] == [
        (0, "a"),
        (1, "b"),
        (2, "a#2"),
        (3, "c"),
        (4, "d"),
    ]
    assert (records[0]["smiles"], records[0]["ri"], records[0]["intensity"]) == ("C", 900, [0.5, 1.0])
    assert records[1]["reason"] == "peak count differs: 2 announced, 1 found"
    assert read_spectra(out).to_pylist() == records
    metadata = pq.read_schema(out).metadata
    assert metadata[b"sources"] == b"first.msp:2 second.mgf:3"
    assert b"spectus_version" in metadata


def test_nothing_is_written_when_nothing_is_usable(tmp_path: Path) -> None:
    (tmp_path / "a.msp").write_text("Name: a\nNum Peaks: 0\n")
    with pytest.raises(InputError, match="no usable record among 1 \\(no peaks: 1\\)"):
        build_library([tmp_path / "a.msp"], tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_a_library_that_cannot_be_read_stops_it(tmp_path: Path) -> None:
    (tmp_path / "a.msp").write_text(FIRST)
    with pytest.raises(InputError, match="absent"):
        build_library([tmp_path / "a.msp", tmp_path / "absent.msp"], tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_predicted_spectra_stay_apart_from_measured_ones(tmp_path: Path) -> None:
    rows = [{"entry": 0, "name": "p", "mz": [50.0], "intensity": [1.0]}]
    for name in ("p", "q"):
        tables.write(
            tables.table(tables.SPECTRA, rows), tmp_path / f"{name}.parquet", tables.SPECTRA, {PREDICTED_BY: name}
        )
    (tmp_path / "a.msp").write_text(FIRST)
    with pytest.raises(InputError, match="holds predicted spectra"):
        build_library([tmp_path / "a.msp", tmp_path / "p.parquet"], tmp_path / "out.parquet")
    build_library([tmp_path / "p.parquet", tmp_path / "q.parquet"], tmp_path / "out.parquet")
    assert predicted_by(tmp_path / "out.parquet") == "p q"
    assert [record["name"] for record in read_spectra(tmp_path / "out.parquet").to_pylist()] == ["p", "p#2"]


def test_a_split_is_by_compound_and_the_same_in_every_library(tmp_path: Path) -> None:
    """Ethanol is written in two ways and its record repeated; a record without a structure is in neither part."""
    smiles = ["C" * n + "O" for n in range(2, 60)]
    records = "".join(f"Name: {text}\nSMILES: {text}\nNum Peaks: 1\n45 1\n\n" for text in [*smiles, "OCC", "CCO"])
    (tmp_path / "a.msp").write_text(records + "Name: unknown\nNum Peaks: 1\n45 1\n")
    assert main(["library", str(tmp_path / "a.msp"), "--valid", "0.3", "--out", str(tmp_path / "a.parquet")]) == 0
    rows = pq.read_table(tmp_path / "a.parquet").to_pylist()
    split = {row["smiles"]: row["split"] for row in rows}
    assert 8 < sum(name == "valid" for name in split.values()) < 28
    assert len({row["split"] for row in rows if row["smiles"] in ("OCC", "CCO")}) == 1
    assert rows[-1]["split"] is None
    build_library([tmp_path / "a.parquet"], tmp_path / "b.parquet", BuildSettings(0.3))
    assert pq.read_table(tmp_path / "b.parquet")["split"].to_pylist() == [row["split"] for row in rows]
    assert len(read_split(tmp_path / "b.parquet", "valid")) == sum(row["split"] == "valid" for row in rows)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_is_none_is_refused(tmp_path: Path, share: float) -> None:
    with pytest.raises(InputError, match="--valid"):
        build_library([tmp_path / "a.msp"], tmp_path / "b.parquet", BuildSettings(share))
