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
        ("a.smi.gz", gzip.compress(b"CCO\n" * 99)[:-9], "cannot be read"),
        ("a.parquet", b"PAR1 not", "cannot be read"),
        ("a.smi", b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=problem):
        list(read_molecules(tmp_path / name))
