import gzip
import lzma
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectus.errors import InputError
from spectus.molecules.reading import Listed, read_molecules

LINES = "# a comment\nCCO ethanol\n\nc1ccccc1\tbenzene ring\nCCN\n"
WANTED = [Listed("CCO", "ethanol"), Listed("c1ccccc1", "benzene ring"), Listed("CCN")]


def test_lines_plain_and_compressed(tmp_path: Path) -> None:
    (tmp_path / "a.smi").write_text(LINES)
    (tmp_path / "a.smi.gz").write_bytes(gzip.compress(LINES.encode()))
    (tmp_path / "a.smi.xz").write_bytes(lzma.compress(LINES.encode()))
    assert all(list(read_molecules(tmp_path / name)) == WANTED for name in ("a.smi", "a.smi.gz", "a.smi.xz"))


def test_tables(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('CAS,Name,SMILES\n64-17-5,"ethanol, pure",CCO\n,,CCN\n')
    (tmp_path / "a.tsv").write_text("smiles\tmass\nCCO\t46\n")
    pq.write_table(pa.table({"smiles": ["CCO", None], "name": ["", "x"]}), tmp_path / "a.parquet")
    assert list(read_molecules(tmp_path / "a.csv")) == [Listed("CCO", "ethanol, pure", "64-17-5"), Listed("CCN")]
    assert list(read_molecules(tmp_path / "a.tsv")) == [Listed("CCO")]
    assert list(read_molecules(tmp_path / "a.parquet")) == [Listed("CCO"), Listed(None, "x")]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.sdf", b"x", "is no list of molecules"),
        ("a.csv", b"name,mass\nx,1\n", "has no column smiles"),
        ("a.smi", b"# nothing\n", "holds no molecule"),
        ("a.smi", b"", "is empty"),
        ("a.smi.xz", b"not xz", "cannot be read"),
        ("a.smi.gz", gzip.compress(b"CCO\n" * 99, mtime=0)[:-9], "cannot be read"),
        ("a.parquet", b"PAR1 not", "cannot be read"),
        ("a.smi", b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=problem):
        list(read_molecules(tmp_path / name))


@pytest.mark.parametrize(
    "content",
    [
        "SMILES;Name;CAS\r\nCCO;ethanol;64-17-5\r\n",
        "SMILES\tName\tCAS\nCCO\tethanol\t64-17-5\n",
        "name|smiles|cas\nethanol|CCO|64-17-5\n",
        "sep=;\nSMILES;Name;CAS\nCCO;ethanol;64-17-5\n",
        "CASRN,Canonical SMILES,Preferred_Name\n64-17-5,CCO,ethanol\n",
        '"SMILES","Name","CAS"\n"CCO","ethanol","64-17-5"\n',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_separators_and_encodings_of_spreadsheets(tmp_path: Path, content: str, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes(content.encode(encoding))
    assert list(read_molecules(tmp_path / "a.csv")) == [Listed("CCO", "ethanol", "64-17-5")]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.csv.xz"])
def test_latin_1_is_read_and_told(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    packed = {"a.csv": bytes, "a.csv.gz": gzip.compress, "a.csv.xz": lzma.compress}[name]
    (tmp_path / name).write_bytes(packed("smiles,name\nCC1=CCC2CC1C2(C)C,ß-pinene\n".encode("latin-1")))
    assert list(read_molecules(tmp_path / name)) == [Listed("CC1=CCC2CC1C2(C)C", "ß-pinene")]
    assert "is not UTF-8; it is read as Windows-1252 (Latin-1)" in caplog.text


def test_a_byte_order_mark_is_no_part_of_the_first_smiles(tmp_path: Path) -> None:
    (tmp_path / "a.smi").write_bytes("CCO ethanol\n".encode("utf-8-sig"))
    assert list(read_molecules(tmp_path / "a.smi")) == [Listed("CCO", "ethanol")]


def test_what_is_wrong_with_a_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("structure_id;name\n1;x\n")
    with pytest.raises(InputError, match="has no column smiles among 'structure_id;name'"):
        list(read_molecules(tmp_path / "a.csv"))
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(InputError, match="is a spreadsheet; save it as CSV with the encoding UTF-8"):
        list(read_molecules(tmp_path / "a.xlsx"))
