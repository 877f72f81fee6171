"""Weighted vectors and the search for the nearest, against sums done by hand and in full."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from spectus.library import similarity
from spectus.library.similarity import cosine_top, weighted_matrix


def lists(*rows: list[float] | None) -> pa.Array:
    return pa.array(rows, pa.list_(pa.float32()))


def random_spectra(n: int, seed: int) -> csr_array:
    random = np.random.default_rng(seed)
    mz = [np.sort(random.choice(np.arange(40, 120), size, replace=False)) for size in random.integers(1, 30, n)]
    return weighted_matrix(
        lists(*(row.tolist() for row in mz)), lists(*(random.exponential(size=len(row)).tolist() for row in mz))
    )


def in_full(queries: csr_array, library: csr_array, k: int) -> list[list[int]]:
    """The rows of the k best, by the whole product in float64."""
    cosine = (queries.astype(np.float64) @ library.astype(np.float64).T).toarray().round(9)
    return [[int(i) for i in np.argsort(-row, kind="stable")[:k] if row[i] > 0] for row in cosine]


def test_weights_by_hand() -> None:
    matrix = weighted_matrix(lists([50.0, 100.0]), lists([1.0, 0.25]))
    expected = np.array([50**1.3, 0.25**0.53 * 100**1.3])
    assert matrix.dtype == np.float32
    assert matrix.shape == (1, 101)
    assert matrix.toarray()[0, [50, 100]] == pytest.approx(expected / np.linalg.norm(expected), rel=1e-6)


def test_peaks_of_one_nominal_mass_are_summed_before_weighting() -> None:
    split = weighted_matrix(lists([72.9, 73.05, 73.69, 73.71]), lists([0.25, 0.5, 0.25, 1.0]))
    whole = weighted_matrix(lists([73.0, 74.0]), lists([1.0, 1.0]))
    assert split.toarray() == pytest.approx(whole.toarray())


def test_rows_have_length_one_or_none() -> None:
    matrix = weighted_matrix(lists([50.0], None, [], [60.0, 61.0]), lists([0.3], None, [], [1.0, 0.01]))
    assert np.linalg.norm(matrix.toarray(), axis=1) == pytest.approx([1, 0, 0, 1])


def test_chunks_and_slices_make_no_difference() -> None:
    mz, intensity = lists([50.0], [51.0, 60.0], None, [70.0]), lists([1.0], [1.0, 0.5], None, [1.0])
    whole = weighted_matrix(mz, intensity).toarray()
    chunked = weighted_matrix(pa.chunked_array([mz[:1], mz[1:]]), pa.chunked_array([intensity[:2], intensity[2:]]))
    assert np.array_equal(chunked.toarray(), whole)
    assert np.array_equal(weighted_matrix(mz[1:], intensity[1:]).toarray(), whole[1:])


def test_number_of_columns() -> None:
    assert weighted_matrix(lists([50.0]), lists([1.0]), n_masses=200).shape == (1, 200)
    assert weighted_matrix(lists(None), lists(None)).shape == (1, 1)
    with pytest.raises(ValueError, match="nominal mass 50"):
        weighted_matrix(lists([50.0]), lists([1.0]), n_masses=50)


@pytest.mark.parametrize("k", [1, 3, 10, 500])
def test_best_rows_equal_those_of_the_full_product(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "QUERIES_AT_ONCE", 7)
    monkeypatch.setattr(similarity, "LIBRARY_AT_ONCE", 64)
    queries, library = random_spectra(30, 1), random_spectra(400, 2)
    hits = cosine_top(queries, library, k)
    found = [hits.entry[hits.query == row].tolist() for row in range(30)]
    assert found == in_full(queries, library, k)
    assert np.all(np.diff(hits.query) >= 0)


def test_blocks_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, library = random_spectra(40, 3), random_spectra(300, 4)
    one = cosine_top(queries, library, 5)
    monkeypatch.setattr(similarity, "QUERIES_AT_ONCE", 3)
    monkeypatch.setattr(similarity, "LIBRARY_AT_ONCE", 16)
    other = cosine_top(queries, library, 5)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_ties_go_by_library_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "LIBRARY_AT_ONCE", 16)
    some = random_spectra(5, 5)
    library = csr_array(some[np.arange(100) % 5])
    hits = cosine_top(csr_array(some[[2]]), library, 4)
    assert hits.entry.tolist() == [2, 7, 12, 17]
    assert hits.cosine.tolist() == [1.0] * 4


def test_matrices_of_different_width() -> None:
    wide = weighted_matrix(lists([50.0, 300.0], [50.0]), lists([1.0, 1.0], [1.0]))
    narrow = weighted_matrix(lists([50.0]), lists([1.0]))
    assert cosine_top(narrow, wide, 5).entry.tolist() == [1, 0]
    assert cosine_top(wide, narrow, 5).query.tolist() == [0, 1]


def test_lowest_score_and_empty_rows() -> None:
    library = weighted_matrix(lists([50.0], None, [50.0, 51.0], [90.0]), lists([1.0], None, [1.0, 1.0], [1.0]))
    queries = weighted_matrix(lists([50.0], None), lists([1.0], None))
    assert cosine_top(queries, library, 9).entry.tolist() == [0, 2]
    assert cosine_top(queries, library, 9, min_score=0.9).entry.tolist() == [0]
    assert len(cosine_top(csr_array(queries[[1]]), library, 9).query) == 0


def test_the_factor_acts_before_the_best_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "LIBRARY_AT_ONCE", 64)
    queries, library = random_spectra(20, 6), random_spectra(500, 7)
    weights = np.random.default_rng(8).random(500) ** 4
    hits = cosine_top(queries, library, 3, factor=lambda _, entry: weights[entry])
    full = (queries.astype(np.float64) @ library.astype(np.float64).T).toarray() * weights
    assert hits.entry.reshape(20, 3).tolist() == np.argsort(-full, axis=1)[:, :3].tolist()
    assert hits.score == pytest.approx(np.sort(-full, axis=1)[:, :3].ravel() * -1, abs=1e-6)
    assert hits.score == pytest.approx(hits.cosine * weights[hits.entry])


@pytest.mark.parametrize("n_library", [1, 700, 5000])
def test_a_library_in_parts_gives_the_hits_of_the_whole(n_library: int) -> None:
    """Light and heavy molecules, so that blocks of the library are skipped and cut."""
    random = np.random.default_rng(n_library)

    def spectra(n: int) -> csr_array:
        heaviest = random.integers(60, 600, n)
        dense = random.random((n, 600)).astype(np.float32) ** 6 * (np.arange(600) <= heaviest[:, None])
        return csr_array(dense / np.linalg.norm(dense, axis=1, keepdims=True))

    queries, library = spectra(300), spectra(n_library)
    cosine = np.round((queries.toarray().astype(np.float64) @ library.toarray().T.astype(np.float64)), 9)
    whole = cosine_top(queries, library, 3, min_score=0.2)
    parts = cosine_top(
        queries, (csr_array(library[at : at + 999]) for at in range(0, n_library, 999)), 3, min_score=0.2
    )
    for hits in (whole, parts):
        expected = []
        for query, row in enumerate(cosine):
            order = np.lexsort((np.arange(n_library), -row))[:3]
            expected += [(query, int(entry)) for entry in order if row[entry] >= 0.2]
        assert list(zip(hits.query.tolist(), hits.entry.tolist(), strict=True)) == expected
