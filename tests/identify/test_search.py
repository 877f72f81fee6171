"""The search command: ranking over several libraries, retention indices, and queries without hits."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

from spectus import tables
from spectus.cli import main
from spectus.errors import InputError
from spectus.identify.ri_comparison import ri_factor
from spectus.identify.search import library_name, search_libraries
from spectus.identify.settings import SearchSettings
from spectus.library.parquet import MODEL_SHA256, PREDICTED_BY
from spectus.rerank.scoring import RerankedHits

BENZENE = "50 20; 51 22; 52 19; 77 28; 78 100"
TOLUENE = "63 11; 65 14; 91 100; 92 70"
XYLENE = "77 13; 91 100; 105 28; 106 60"


def msp(*records: tuple[str, str, float | None]) -> str:
    return "\n".join(
        f"Name: {name}\n" + (f"RI: {ri}\n" if ri else "") + f"Num Peaks: {peaks.count(';') + 1}\n{peaks}\n"
        for name, peaks, ri in records
    )


def search(folder: Path, queries: str, *libraries: str, top: int = 10, min_score: float = 0.5) -> list[dict]:
    (folder / "queries.msp").write_text(queries)
    paths = [folder / f"lib{number}.msp" for number, _ in enumerate(libraries)]
    for path, text in zip(paths, libraries, strict=True):
        path.write_text(text)
    search_libraries(
        folder / "queries.msp", paths, folder / "hits.parquet", SearchSettings(top=top, min_score=min_score)
    )
    return tables.read(folder / "hits.parquet", tables.LIBRARY_HITS).to_pylist()


def test_several_libraries_make_one_ranking(tmp_path: Path) -> None:
    hits = search(
        tmp_path,
        msp(("q", TOLUENE, None)),
        msp(("benzene", BENZENE, None), ("nearly", "65 14; 91 100; 92 50", None)),
        msp(("xylene", XYLENE, None), ("toluene", TOLUENE, None)),
    )
    assert [(hit["rank"], hit["library"], hit["entry"], hit["name"]) for hit in hits] == [
        (1, "lib1", 1, "toluene"),
        (2, "lib0", 1, "nearly"),
    ]
    assert hits[0]["score"] == hits[0]["cosine"] == pytest.approx(1.0, abs=1e-6)
    assert all(hit["reason"] is None and hit["ri_delta"] is None for hit in hits)


def test_every_query_has_a_row(tmp_path: Path) -> None:
    queries = msp(("first", TOLUENE, None), ("odd", "300 1", None)) + "\nName: broken\nNum Peaks: 5\n50 1\n"
    hits = search(
        tmp_path,
        queries + "\n" + msp(("last", BENZENE, None)),
        msp(("benzene", BENZENE, None), ("toluene", TOLUENE, None)),
    )
    assert [(hit["query"], hit["rank"], hit["name"], hit["reason"]) for hit in hits] == [
        ("first", 1, "toluene", None),
        ("odd", 1, None, "no record with a score of 0.5 or more"),
        ("broken", 1, None, "peak count differs: 5 announced, 1 found"),
        ("last", 1, "benzene", None),
    ]
    assert hits[1]["score"] is None and hits[1]["library"] is None and hits[1]["entry"] is None


def test_retention_index_decides_between_equal_spectra(tmp_path: Path) -> None:
    isomers = msp(("o-xylene", XYLENE, 893.0), ("m-xylene", XYLENE, 868.0), ("no index", XYLENE, None))
    hits = search(tmp_path, msp(("q", XYLENE, 870.0)), isomers)
    assert [(hit["name"], hit["ri_delta"]) for hit in hits] == [
        ("no index", None),
        ("m-xylene", 2.0),
        ("o-xylene", -23.0),
    ]
    assert [hit["score"] for hit in hits] == pytest.approx(ri_factor(np.array([0.0, 2.0, 23.0]), 20.0).tolist())


def test_the_index_counts_before_the_cut(tmp_path: Path) -> None:
    library = msp(
        *((f"wrong {i}", XYLENE, 1500.0) for i in range(20)), ("right", "77 13; 91 100; 105 28; 106 55", 870.0)
    )
    (hit,) = search(tmp_path, msp(("q", XYLENE, 870.0)), library, top=1)
    assert hit["name"] == "right"
    (hit,) = search(tmp_path, msp(("q", XYLENE, None)), library, top=1)
    assert hit["name"] == "wrong 0"


def test_ri_factor() -> None:
    factor = ri_factor(np.array([0.0, 20.0, -20.0, 100.0, 1e6, np.nan]), 20.0)
    assert factor[0] == factor[5] == 1.0
    assert factor[1] == factor[2] == pytest.approx(0.9716, abs=1e-4)
    assert factor[3] == pytest.approx(0.7998, abs=1e-4)
    assert 0 < factor[4] < 0.2


def test_top_and_min_score(tmp_path: Path) -> None:
    library = msp(*((f"l{i}", f"91 100; 92 {10 * i}", None) for i in range(8)))
    hits = search(tmp_path, msp(("q", "91 100; 92 70", None)), library, top=3)
    assert [hit["name"] for hit in hits] == ["l7", "l6", "l5"]
    hits = search(tmp_path, msp(("q", "91 100; 92 70", None)), library, min_score=0.999)
    assert hits and all(hit["score"] >= 0.999 for hit in hits)


def test_the_same_input_gives_the_same_file(tmp_path: Path) -> None:
    arguments = (msp(("q", XYLENE, 870.0)), msp(("a", XYLENE, 868.0), ("b", TOLUENE, None)))
    search(tmp_path, *arguments)
    first = (tmp_path / "hits.parquet").read_bytes()
    search(tmp_path, *arguments)
    assert (tmp_path / "hits.parquet").read_bytes() == first


def test_a_features_table_without_features(tmp_path: Path) -> None:
    (tmp_path / "lib.msp").write_text(msp(("a", XYLENE, None)))
    tables.write(tables.table(tables.FEATURES, {}), tmp_path / "f.parquet", tables.FEATURES)
    search_libraries(
        tmp_path / "f.parquet", [tmp_path / "lib.msp"], tmp_path / "hits.parquet", SearchSettings(top=10, min_score=0.5)
    )
    assert len(tables.read(tmp_path / "hits.parquet", tables.LIBRARY_HITS)) == 0


def test_queries_none_of_which_can_be_used(tmp_path: Path) -> None:
    hits = search(tmp_path, "Name: a\nNum Peaks: 0\n\nName: b\nNum Peaks: 1\n50 x\n", msp(("l", XYLENE, None)))
    assert [(hit["query"], hit["reason"]) for hit in hits] == [
        ("a", "no peaks"),
        ("b", "peaks that are not numbers: '50 x'"),
    ]


def test_a_library_without_a_usable_record(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none of its 2 records can be used \(no peaks: 2\)"):
        search(tmp_path, msp(("q", XYLENE, None)), "Name: a\nNum Peaks: 0\n\nName: b\nNum Peaks: 0\n")
    assert not (tmp_path / "hits.parquet").exists()


@pytest.mark.parametrize(
    ("settings", "option"),
    [((0, 0.5, 20.0), "--top 0"), ((1, 1.5, 20.0), "--min-score 1.5"), ((1, 0.5, 0.0), "--ri-tolerance 0"),
     ((1, float("nan"), 20.0), "--min-score nan"), ((1, 0.5, float("nan")), "--ri-tolerance nan")],
)  # fmt: skip
def test_settings_out_of_range(tmp_path: Path, settings: tuple[int, float, float], option: str) -> None:
    with pytest.raises(InputError, match=option):
        search_libraries(tmp_path / "q.msp", [tmp_path / "l.msp"], tmp_path / "hits.parquet", SearchSettings(*settings))


def test_libraries_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="same name"):
        search_libraries(
            tmp_path / "q",
            [tmp_path / "a/l.msp", tmp_path / "b/l.msl"],
            tmp_path / "h",
            SearchSettings(top=1, min_score=0.5),
        )


@pytest.mark.parametrize(
    ("file", "name"),
    [("nist.msp", "nist"), ("v2.1 kovats.msp.gz", "v2.1 kovats"), ("a.parquet", "a"), ("plain", "plain"),
     ("x.JDX", "x"), ("b.2024", "b.2024")],
)  # fmt: skip
def test_library_names(file: str, name: str) -> None:
    assert library_name(Path("folder") / file) == name


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my lib é.msp").write_text(msp(("a", XYLENE, None)))
    arguments = ["search", str(tmp_path / "my lib é.msp"), "--out", str(tmp_path / "hits.parquet"), "--library"]
    assert main([*arguments, str(tmp_path / "my lib é.msp")]) == 0
    assert tables.read(tmp_path / "hits.parquet", tables.LIBRARY_HITS)["library"].to_pylist() == ["my lib é"]
    assert main([*arguments, str(tmp_path / "absent.msp")]) == 2
    assert "absent.msp: no such file" in capsys.readouterr().err


def test_fame_markers_are_found_in_a_real_library(tmp_path: Path, shared: Path) -> None:
    libraries = shared / "libraries"
    search_libraries(
        libraries / "FAMES_REF.msp",
        [libraries / "PNNLMetV20191015.msp", shared / "massbank_ei.parquet"],
        tmp_path / "hits.parquet", SearchSettings(top=1, min_score=0.5),
    )  # fmt: skip
    hits = tables.read(tmp_path / "hits.parquet", tables.LIBRARY_HITS).to_pylist()
    assert len(hits) == 13
    assert sum(hit["name"].partition("#")[0].lower() == hit["query"].lower() for hit in hits) == 13


def test_predicted_and_measured_spectra_are_told_apart(tmp_path: Path) -> None:
    """Each kind has its own weights and its own `top`; a hit says which it is, with its entry in its own library."""
    queries, measured = tmp_path / "queries.msp", tmp_path / "measured.msp"
    queries.write_text(msp(("q", TOLUENE, None)))
    measured.write_text(msp(("benzene", BENZENE, None), ("toluene", TOLUENE, None), ("near", "65 14; 91 100", None)))
    rows = [
        {"entry": 0, "name": "p0", "mz": [65.0, 91.0, 92.0], "intensity": [0.3, 1.0, 0.3]},
        {"entry": 1, "name": "p1", "mz": [91.0], "intensity": [1.0]},
    ]
    predicted = tmp_path / "predicted.parquet"
    tables.write(tables.table(tables.SPECTRA, rows), predicted, tables.SPECTRA, {PREDICTED_BY: "forward-open"})
    out = tmp_path / "hits.parquet"
    search_libraries(queries, [predicted, measured], out, SearchSettings(top=1, min_score=0.5, top_predicted=1))
    hits = tables.read(out, tables.LIBRARY_HITS).to_pylist()
    assert [(hit["name"], hit["library"], hit["entry"], hit["predicted"]) for hit in hits] == [
        ("toluene", "measured", 1, False),
        ("p0", "predicted", 0, True),
    ]
    a, b = (
        np.array(heights) ** 0.35 * np.array(masses) ** 0.5
        for masses, heights in (([63, 65, 91, 92], [11, 14, 100, 70]), ([65, 91, 92], [0.3, 1.0, 0.3]))
    )
    assert hits[1]["score"] == pytest.approx(a[1:] @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-6)
    search_libraries(queries, [predicted], out, SearchSettings(min_score=1.0))
    hits = tables.read(out, tables.LIBRARY_HITS).to_pylist()
    assert [hit["name"] for hit in hits] == ["p0", "p1"], "the lowest score is one of measured spectra"


def test_hits_tell_the_derivative_and_what_the_spectra_exclude(tmp_path: Path) -> None:
    lactic = "73 80; 117 70; 147 100; 191 12; 219 6"
    library = (
        f"Name: lactic acid\nSMILES: CC(O)C(=O)O\nCAS: 50-21-5\nLicense: CC0\nNum Peaks: 5\n{lactic}\n\n"
        f"Name: lactic acid, 2TMS\nSMILES: CC(O)C(=O)O\nNum Peaks: 5\n{lactic}\n\n"
        f"Name: acetone\nSMILES: CC(C)=O\nNum Peaks: 5\n{lactic}\n\n"
        "Name: lighter\nSMILES: CC(O)C(=O)O\nNum Peaks: 3\n73 80; 75 20; 90 5\n"
    )
    hits = search(tmp_path, msp(("q", lactic, None)), library, min_score=0.0)
    told = {hit["name"]: (hit["derivative"], hit["smiles_measured"], hit["excluded"]) for hit in hits}
    measured = "CC(O[Si](C)(C)C)C(=O)O[Si](C)(C)C"
    assert told["lactic acid"] == told["lactic acid, 2TMS"] == ("2 TMS", measured, None)
    assert told["acetone"][:2] == (None, None) and "lies above the molecule (mass 58)" in told["acetone"][2]
    assert told["lighter"][0] is None and "lies above the molecule (mass 90)" in told["lighter"][2], "by the query"
    first = next(hit for hit in hits if hit["name"] == "lactic acid")
    assert (first["cas"], first["license"]) == ("50-21-5", "CC0")


def test_a_stored_library_is_searched_as_a_text_library(tmp_path: Path) -> None:
    """Peaks of a Parquet library are read in parts; names, entries and scores are the same."""
    random = np.random.default_rng(4)
    spectra = [
        "; ".join(f"{mz} {int(random.integers(1, 999))}" for mz in sorted(random.choice(np.arange(40, 300), 12, False)))
        for _ in range(60)
    ]
    records = [(f"r{place}", peaks, None) for place, peaks in enumerate(spectra)]
    (tmp_path / "lib0.msp").write_text(msp(*records[:7]) + "\nName: empty\nNum Peaks: 0\n\n" + msp(*records[7:]))
    assert main(["library", str(tmp_path / "lib0.msp"), "--out", str(tmp_path / "lib1.parquet")]) == 0
    table = pq.read_table(tmp_path / "lib1.parquet")
    pq.write_table(table, tmp_path / "lib1.parquet", row_group_size=9)
    (tmp_path / "queries.msp").write_text(msp(*records[5:30:3]))
    found = []
    for name in ("lib0.msp", "lib1.parquet"):
        search_libraries(
            tmp_path / "queries.msp", [tmp_path / name], tmp_path / "hits.parquet", SearchSettings(min_score=0.1)
        )
        found.append(tables.read(tmp_path / "hits.parquet", tables.LIBRARY_HITS).drop_columns("library").to_pylist())
    assert found[0] == found[1]
    assert [hit["name"] for hit in found[0] if hit["rank"] == 1] == [name for name, _, _ in records[5:30:3]]


def test_predicted_spectra_of_another_model_than_the_rerankers_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"entry": 0, "name": "p", "smiles": "Cc1ccccc1", "mz": [91.0, 92.0], "intensity": [1.0, 0.6]}]
    for name, made in (("same", "abc"), ("other", "xyz")):
        said = {PREDICTED_BY: f"model of {name}", MODEL_SHA256: made}
        tables.write(tables.table(tables.SPECTRA, rows), tmp_path / f"{name}.parquet", tables.SPECTRA, said)
    (tmp_path / "q.msp").write_text(msp(("q", TOLUENE, None)))
    model = SimpleNamespace(prediction_model=SimpleNamespace(sha256="abc", name="mine"))
    monkeypatch.setattr("spectus.rerank.reranker.load_reranker", lambda _: model)
    monkeypatch.setattr(
        "spectus.rerank.scoring.rerank_hits",
        lambda queries, library, hits, *_: RerankedHits(hits, np.ones(len(hits.query))),
    )
    libraries = [tmp_path / "same.parquet", tmp_path / "other.parquet"]
    search_libraries(tmp_path / "q.msp", libraries, tmp_path / "hits.parquet", reranker="mine")
    assert "other.parquet: its spectra were predicted by model of other" in caplog.text
    assert "same.parquet: its" not in caplog.text


def test_a_reranker_without_predicted_spectra_has_no_effect_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.msp").write_text(msp(("toluene", TOLUENE, None)))
    command = [
        "search",
        str(tmp_path / "a.msp"),
        "--library",
        str(tmp_path / "a.msp"),
        "--out",
        str(tmp_path / "h.parquet"),
    ]
    assert main([*command, "--reranker", "open"]) == 0
    assert "--reranker has no effect: no library is of predicted spectra" in capsys.readouterr().err
    assert main([*command, "--reranker", "none"]) == 0
    assert not capsys.readouterr().err.count("no effect")


def test_restrictions_of_de_novo_candidates_need_some(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["identify", "q.msp", "--no-denovo", "--out", str(tmp_path / "c.parquet")]
    for option, value in (("--formula", "C7H8"), ("--mass", "92")):
        assert main([*command, option, value]) == 2
        assert f"{option}: restricts only de novo candidates that are made now" in capsys.readouterr().err
