from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectus import __version__, tables
from spectus.errors import InputError


def abundances(run: str, n: int) -> pa.Table:
    return tables.table(tables.ABUNDANCES, [{"feature": f"F{i}", "run": run, "area": float(i)} for i in range(n)])


def test_a_long_table_is_written_and_read_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "a.parquet"
    with tables.writing(path, tables.ABUNDANCES, {"model": "m"}) as writer:
        for run, n in (("a", 3), ("b", 0), ("c", 2)):
            writer.append(abundances(run, n))
            assert not path.exists()
    assert [part["run"].to_pylist() for part in tables.read_parts(path, tables.ABUNDANCES, ["run"])] == [
        ["a"] * 3,
        ["c"] * 2,
    ]
    whole = tables.read(path, tables.ABUNDANCES)
    assert whole.equals(pa.concat_tables([abundances("a", 3), abundances("c", 2)]))
    metadata = pq.read_schema(path).metadata
    assert (metadata[b"spectus_version"], metadata[b"model"]) == (__version__.encode(), b"m")
    assert pq.read_schema(path).field("area").metadata[b"about"] == b"counts x s"


def test_nothing_appended_is_an_empty_table(tmp_path: Path) -> None:
    with tables.writing(tmp_path / "a.parquet", tables.ABUNDANCES):
        pass
    assert tables.read(tmp_path / "a.parquet", tables.ABUNDANCES).num_rows == 0
    assert list(tables.read_parts(tmp_path / "a.parquet", tables.ABUNDANCES)) == []


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    tables.write(abundances("old", 1), path, tables.ABUNDANCES)
    with pytest.raises(RuntimeError), tables.writing(path, tables.ABUNDANCES) as writer:
        writer.append(abundances("new", 2))
        raise RuntimeError
    assert tables.read(path, tables.ABUNDANCES)["run"].to_pylist() == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_rows_that_do_not_fit_the_schema(tmp_path: Path) -> None:
    rows = abundances("a", 1).set_column(0, tables.ABUNDANCES.field("feature"), pa.array([None], pa.string()))
    with (
        pytest.raises(ValueError, match="null"),
        tables.writing(tmp_path / "a", tables.ABUNDANCES) as writer,
    ):
        writer.append(rows)
    with pytest.raises(ValueError, match="null"):
        tables.write(rows, tmp_path / "a", tables.ABUNDANCES)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no such file"), (b"", "empty"), (b"text", "not a readable Parquet file"), ("other", "lacks the columns")],
)
def test_tables_that_cannot_be_read(tmp_path: Path, content: bytes | str | None, words: str) -> None:
    path = tmp_path / "a.parquet"
    if content == "other":
        tables.write(tables.RUNGS.empty_table(), path, tables.RUNGS)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        tables.read(path, tables.ABUNDANCES)
    with pytest.raises(InputError, match=words):
        list(tables.read_parts(path, tables.ABUNDANCES))


def test_a_file_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    tables.write(abundances("a", 5000), path, tables.ABUNDANCES)
    broken = bytearray(path.read_bytes())
    broken[4:400] = bytes(396)
    path.write_bytes(broken)
    with pytest.raises(InputError, match="cannot be read"):
        list(tables.read_parts(path, tables.ABUNDANCES))
