from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectus import __version__, tables
from spectus.errors import InputError


def peak_areas(run: str, n: int) -> pa.Table:
    return tables.table(tables.PEAK_AREAS, [{"feature": f"F{i}", "run": run, "area": float(i)} for i in range(n)])


def test_a_long_table_is_written_and_read_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "a.parquet"
    with tables.writing(path, tables.PEAK_AREAS, {"model": "m"}) as writer:
        for run, n in (("a", 3), ("b", 0), ("c", 2)):
            writer.append(peak_areas(run, n))
            assert not path.exists()
    assert [part["run"].to_pylist() for part in tables.read_parts(path, tables.PEAK_AREAS, ["run"])] == [
        ["a"] * 3,
        ["c"] * 2,
    ]
    whole = tables.read(path, tables.PEAK_AREAS)
    assert whole.equals(pa.concat_tables([peak_areas("a", 3), peak_areas("c", 2)]))
    metadata = pq.read_schema(path).metadata
    assert (metadata[b"spectus_version"], metadata[b"model"]) == (__version__.encode(), b"m")
    assert pq.read_schema(path).field("area").metadata[b"about"] == b"counts x s"


def test_nothing_appended_is_an_empty_table(tmp_path: Path) -> None:
    with tables.writing(tmp_path / "a.parquet", tables.PEAK_AREAS):
        pass
    assert tables.read(tmp_path / "a.parquet", tables.PEAK_AREAS).num_rows == 0
    assert list(tables.read_parts(tmp_path / "a.parquet", tables.PEAK_AREAS)) == []


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    tables.write(peak_areas("old", 1), path, tables.PEAK_AREAS)
    with pytest.raises(RuntimeError), tables.writing(path, tables.PEAK_AREAS) as writer:
        writer.append(peak_areas("new", 2))
        raise RuntimeError
    assert tables.read(path, tables.PEAK_AREAS)["run"].to_pylist() == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_rows_that_do_not_fit_the_schema(tmp_path: Path) -> None:
    rows = peak_areas("a", 1).set_column(0, tables.PEAK_AREAS.field("feature"), pa.array([None], pa.string()))
    with (
        pytest.raises(ValueError, match="null"),
        tables.writing(tmp_path / "a", tables.PEAK_AREAS) as writer,
    ):
        writer.append(rows)
    with pytest.raises(ValueError, match="null"):
        tables.write(rows, tmp_path / "a", tables.PEAK_AREAS)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no such file"), (b"", "empty"), (b"text", "not a readable Parquet file"), ("other", "lacks the columns")],
)
def test_tables_that_cannot_be_read(tmp_path: Path, content: bytes | str | None, words: str) -> None:
    path = tmp_path / "a.parquet"
    if content == "other":
        tables.write(tables.RI_STANDARDS.empty_table(), path, tables.RI_STANDARDS)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        tables.read(path, tables.PEAK_AREAS)
    with pytest.raises(InputError, match=words):
        list(tables.read_parts(path, tables.PEAK_AREAS))


def test_a_file_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    tables.write(peak_areas("a", 5000), path, tables.PEAK_AREAS)
    broken = bytearray(path.read_bytes())
    broken[4:400] = bytes(396)
    path.write_bytes(broken)
    with pytest.raises(InputError, match="cannot be read"):
        list(tables.read_parts(path, tables.PEAK_AREAS))
