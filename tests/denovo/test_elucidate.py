import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from spectus import tables
from spectus.denovo import elucidate
from spectus.denovo.elucidate import elucidate_queries
from spectus.denovo.settings import DenovoSettings
from spectus.errors import InputError

MSP = """Name: one
Num Peaks: 2
15 40; 43 999

Name: over the mass limit
Num Peaks: 2
43 999; 501 2

Name: all over the mass limit
Num Peaks: 2
501 999; 502 2

Name: no peaks
Num Peaks: 0

Name: last
Num Peaks: 1
78 999
"""
ON_CPU = DenovoSettings(beams=3, device="cpu")


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    path = tmp_path / "Abwasser Süd.msp"
    path.write_text(MSP, encoding="utf-8")
    return path


def elucidated(queries: Path, model: Path, settings: DenovoSettings, chunk: tuple[int, int] = (1, 1)) -> pa.Table:
    out = queries.parent / "denovo_candidates.parquet"
    elucidate_queries(queries, str(model), out, settings, chunk)
    return tables.read(out, tables.DENOVO_CANDIDATES)


def test_every_query_keeps_a_row(model_folder: Path, queries: Path) -> None:
    found = elucidated(queries, model_folder, ON_CPU)
    rows = found.to_pylist()
    reasons = {row["query"]: row["reason"] for row in rows}
    assert list(reasons) == ["one", "over the mass limit", "all over the mass limit", "no peaks", "last"]
    assert reasons["all over the mass limit"] == "all peaks lie above the model's limit of m/z 500"
    assert "peak" in reasons["no peaks"]
    assert all(row["smiles"] is not None or row["reason"] for row in rows)
    assert {row["model"] for row in rows} == {"small"}
    assert elucidated(queries, model_folder, replace(ON_CPU, batch_size=1))["smiles"] == found["smiles"]


def test_spectra_beyond_the_limits_are_trimmed_with_a_note(
    model_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A peak above m/z 500, or the lowest of 301 peaks, changes no candidate."""
    heights = np.random.default_rng(1).integers(2, 900, 300)
    peaks = " ".join(f"{mz} {height};" for mz, height in enumerate(heights, start=50))
    records = {
        "small": "Num Peaks: 1\n43 999",
        "heavy": "Num Peaks: 3\n43 999; 501 1000; 600 5",
        "many": f"Num Peaks: 300\n{peaks}",
        "more": f"Num Peaks: 301\n{peaks} 400 1",
    }
    queries = tmp_path / "queries.msp"
    queries.write_text("".join(f"Name: {name}\n{text}\n\n" for name, text in records.items()))
    with caplog.at_level(logging.WARNING, "spectus"):
        found = elucidated(queries, model_folder, ON_CPU).to_pandas().groupby("query")
    notes, smiles = found["note"].first(), found["smiles"].agg(list)
    assert notes["heavy"] == "peaks above m/z 500 were left out: 2"
    assert notes["more"] == "the 300 most intense of 301 peaks were used"
    assert notes[["small", "many"]].isna().all()
    assert smiles["heavy"] == smiles["small"]
    assert smiles["more"] == smiles["many"]
    assert [record.getMessage() for record in caplog.records] == [
        f"{queries}: 2 spectra beyond m/z 500 or 300 peaks were trimmed; see the column `note`"
    ]


def test_chunks_make_up_the_whole(model_folder: Path, queries: Path) -> None:
    def names(chunk: tuple[int, int]) -> list[str]:
        rows = elucidated(queries, model_folder, replace(ON_CPU, beams=1), chunk)
        return list(dict.fromkeys(rows["query"].to_pylist()))

    assert names((1, 2)) == ["one", "all over the mass limit", "last"]
    assert names((2, 2)) == ["over the mass limit", "no peaks"]
    assert names((6, 6)) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"beams": 0}, "--beams 0"),
        ({"device": "teapot"}, "--device teapot"),
        ({"formula": "rubbish"}, "formula rubbish"),
        ({"formula": ""}, "no molecular formula"),
        ({"mass": 0}, "mass 0"),
    ],
)
def test_a_wrong_setting_is_named(
    model_folder: Path, queries: Path, tmp_path: Path, changes: dict[str, object], problem: str
) -> None:
    out = tmp_path / "out.parquet"
    with pytest.raises(InputError, match=problem):
        elucidate_queries(queries, str(model_folder), out, DenovoSettings(**changes))  # type: ignore[arg-type]
    assert not out.exists()


def test_wrong_input_is_named(model_folder: Path, queries: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    with pytest.raises(InputError, match="no such file"):
        elucidate_queries(tmp_path / "absent.msp", str(model_folder), out, ON_CPU)
    with pytest.raises(InputError, match="no such model folder"):
        elucidate_queries(queries, str(tmp_path / "absent"), out, ON_CPU)
    assert not out.exists()


def test_a_long_file_is_written_in_pieces(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "many.msp"
    path.write_text("".join(f"Name: {i}\nNum Peaks: 1\n{40 + i} 1\n\n" for i in range(7)), encoding="utf-8")
    whole = elucidated(path, model_folder, ON_CPU)
    monkeypatch.setattr(elucidate, "AT_ONCE", 3)
    pieces = elucidated(path, model_folder, ON_CPU)
    assert pa.parquet.ParquetFile(tmp_path / "denovo_candidates.parquet").num_row_groups == 3
    assert pieces.drop("log_prob") == whole.drop("log_prob")


def test_structures_have_a_given_formula(model_folder: Path, queries: Path) -> None:
    rows = elucidated(queries, model_folder, DenovoSettings(device="cpu", formula="C2H6O")).to_pylist()
    assert {row["smiles"] for row in rows} - {None} <= {"CCO", "COC"}
    assert all(row["smiles"] or row["reason"] for row in rows)


def test_each_record_s_own_formula_applies(model_folder: Path, tmp_path: Path) -> None:
    """A wrong formula concerns its record only."""
    queries = tmp_path / "queries.msp"
    formulae = {"methane": "Formula: CH4\n", "wrong": "Formula: CH4.x\n", "without": ""}
    queries.write_text("".join(f"Name: {n}\n{f}Num Peaks: 1\n15 9\n\n" for n, f in formulae.items()), encoding="utf-8")
    settings = DenovoSettings(device="cpu", formula="record")
    rows = elucidated(queries, model_folder, settings).to_pandas().set_index("query")
    assert rows.loc["wrong", "reason"].startswith("formula CH4.x: is no molecular formula")
    assert set(rows.loc[["methane"], "smiles"].dropna()) <= {"C"}
    assert len(rows.loc["without"]) > 1


def test_bf16_and_fp32_find_the_same(model_folder: Path, queries: Path, tmp_path: Path) -> None:
    first = []
    for precision in ("fp32", "bf16"):
        rows = elucidated(queries, model_folder, replace(ON_CPU, precision=precision)).to_pandas()
        metadata = pa.parquet.read_schema(tmp_path / "denovo_candidates.parquet").metadata
        assert metadata[b"precision"] == precision.encode()
        first.append(rows.groupby("query").first()["smiles"])
    assert first[0].equals(first[1])


def test_the_table_has_the_model_s_hash(model_folder: Path, queries: Path, tmp_path: Path) -> None:
    elucidated(queries, model_folder, ON_CPU)
    metadata = pa.parquet.read_schema(tmp_path / "denovo_candidates.parquet").metadata
    weights = (model_folder / "model.safetensors").read_bytes()
    assert metadata[b"model_sha256"].decode() == hashlib.sha256(weights).hexdigest()
