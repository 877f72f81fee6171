from pathlib import Path

import numpy as np
import pytest

from spectus import cli, tables
from spectus.errors import InputError
from spectus.identify.search import search_libraries
from spectus.identify.settings import SearchSettings
from spectus.prediction.library import write_predicted_library
from spectus.rerank.pair_features import Evidence
from spectus.rerank.reranker import load_reranker
from spectus.rerank.scoring import Spectrum, posterior_probabilities, rank_candidates
from tests.prediction.series import spectrum


@pytest.fixture
def searched(model: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A query of a compound that was not seen, and a library of predicted spectra that holds it."""
    mz, intensity = spectrum("CCCCCCO")
    peaks = "".join(f"{mass} {height}\n" for mass, height in zip(mz, intensity, strict=True))
    queries, listed = tmp_path / "queries.msp", tmp_path / "molecules.smi"
    queries.write_text(f"Name: empty\nNum Peaks: 0\n\nName: q\nNum Peaks: {len(mz)}\n{peaks}")
    listed.write_text("\n".join(f"{'C' * n}{end}" for n in range(3, 10) for end in ("", "O", "N")) + "\nnope\n")
    write_predicted_library(listed, str(model), tmp_path / "predicted.parquet")
    return queries, tmp_path / "predicted.parquet"


def test_the_reranker_ranks_the_hits_of_predicted_spectra(
    searched: tuple[Path, Path], reranker: Path, tmp_path: Path
) -> None:
    queries, library = searched
    out = tmp_path / "hits.parquet"
    arguments = ["search", str(queries), "--library", str(library), "--out", str(out), "--min-score", "0.1"]
    assert cli.main([*arguments, "--forward", str(reranker), "--top", "5"]) == 0
    empty, *hits = tables.read(out, tables.LIBRARY_HITS).to_pylist()
    assert empty["reason"]
    assert hits[0]["smiles"] == "CCCCCCO"
    assert [hit["rank"] for hit in hits] == list(range(1, len(hits) + 1))
    assert all(hit["predicted"] and hit["cosine"] >= 0.1 for hit in hits)
    posterior = [hit["posterior"] for hit in hits]
    assert posterior == sorted(posterior, reverse=True)
    assert 0 < sum(posterior) <= 1 + 1e-9
    assert all(hit["score"] == pytest.approx(hit["cosine"]) for hit in hits)


def test_measured_spectra_are_not_reranked(searched: tuple[Path, Path], reranker: Path, tmp_path: Path) -> None:
    queries, _ = searched
    search_libraries(queries, [queries], tmp_path / "plain.parquet", SearchSettings(top=5, min_score=0.1))
    search_libraries(queries, [queries], tmp_path / "reranked.parquet", SearchSettings(top=5, min_score=0.1), reranker)
    plain, reranked = (tables.read(tmp_path / f"{name}.parquet", tables.LIBRARY_HITS) for name in ("plain", "reranked"))
    assert plain.equals(reranked)


def test_a_model_that_is_none_is_named(searched: tuple[Path, Path], tmp_path: Path) -> None:
    queries, library = searched
    with pytest.raises(InputError, match="no such folder"):
        search_libraries(
            queries, [library], tmp_path / "hits.parquet", SearchSettings(top=5, min_score=0.1), tmp_path / "absent"
        )


def test_structures_are_reranked_by_query_whatever_stands_beside_them(reranker: Path) -> None:
    """The made series: m/z 31 marks an alcohol, m/z 30 an amine. A salt cannot be predicted and gets nothing."""
    loaded = load_reranker(reranker)
    alcohol, amine = spectrum("CCCCCO"), spectrum("CCCCCN")
    proposed = [["CCCCCN", "CCCCCO", "[Na+].[Cl-]"], [], ["CCCCCN", "CCCCCO"]]
    first, nothing, last = posterior_probabilities(loaded, [alcohol, alcohol, amine], proposed)
    assert first.argmax() == 1
    assert first[2] == 0
    assert len(nothing) == 0
    assert last.argmax() == 0
    alone = posterior_probabilities(loaded, [alcohol], proposed[:1])
    assert alone[0] == pytest.approx(first)


def test_probabilities_of_a_query_and_none_of_these_add_up_to_one(reranker: Path) -> None:
    loaded = load_reranker(reranker)
    mz, intensity = spectrum("CCCCCO")
    proposed = [["CCCCCN", "CCCCCO", None]]
    evidence = [Evidence.of_list(3)]
    (sure,) = rank_candidates(loaded, [Spectrum(mz, intensity)], proposed, evidence)
    assert sure.probability.sum() + sure.none == pytest.approx(1)
    assert np.isnan(sure.cosine[2])
    (ghost,) = rank_candidates(loaded, [Spectrum(mz, intensity, confidence=0.05)], proposed, evidence)
    assert ghost.none >= sure.none
    assert ghost.probability.argmax() == sure.probability.argmax()


def test_the_agreement_moves_the_odds_of_the_candidates_and_of_none(reranker: Path) -> None:
    loaded = load_reranker(reranker)
    query, proposed, evidence = [Spectrum(*spectrum("CCCCCO"))], [["CCCCCN", "CCCCCO"]], [Evidence.of_list(2)]
    found = []
    for agreement in ([0.0, 0.0], [2.0, 1.0]):
        loaded.weights = loaded.weights._replace(agreement=np.array(agreement, np.float32))
        (ranked,) = rank_candidates(loaded, query, proposed, evidence)
        found.append(np.log(ranked.probability / ranked.none))
    lead = ranked.cosine - ranked.cosine.max()
    assert lead.min() < -0.01
    assert found[1] - found[0] == pytest.approx(2 * lead - 1, abs=1e-3)
