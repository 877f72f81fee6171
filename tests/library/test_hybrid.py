import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from spectus.library import hybrid, similarity
from spectus.library.hybrid import MassSpectra, hybrid_top

Peaks = dict[int, float]


def naive_modified_cosine(query: Peaks, query_mass: int, other: Peaks, other_mass: int) -> float:
    """By the definition: every pair that matches, plain or shifted; largest product first, each peak once."""
    shift = query_mass - other_mass
    pairs = {(a, b): x * y for a, x in query.items() for b, y in other.items() if a - b in (0, shift)}
    used: set[tuple[str, int]] = set()
    total = 0.0
    for (a, b), product in sorted(pairs.items(), key=lambda item: (-item[1], item[0][0] == item[0][1])):
        if ("query", a) not in used and ("other", b) not in used:
            used |= {("query", a), ("other", b)}
            total += product
    return float(total / np.sqrt(sum(x**2 for x in query.values()) * sum(y**2 for y in other.values())))


def matrix(spectra: list[Peaks], masses: list[int]) -> MassSpectra:
    width = max((m for peaks in spectra for m in peaks), default=0) + 1
    dense = np.zeros((len(spectra), width), np.float32)
    for row, peaks in enumerate(spectra):
        dense[row, list(peaks)] = list(peaks.values())
    dense /= np.linalg.norm(dense, axis=1, keepdims=True)
    return MassSpectra(csr_array(dense), np.array(masses))


def score(query: Peaks, query_mass: int, other: Peaks, other_mass: int) -> float:
    hits = hybrid_top(matrix([query], [query_mass]), matrix([other], [other_mass]), 1)
    return float(hits.score[0]) if len(hits.score) else 0.0


def random_spectra(random: np.random.Generator, n: int, ties: bool) -> tuple[list[Peaks], list[int]]:
    """Crowded little spectra, so that chains of matches are long; with ties, intensities are 1, 2 or 3."""
    spectra, masses = [], []
    for _ in range(n):
        mz = random.choice(np.arange(1, 40), random.integers(1, 25), replace=False)
        heights = random.integers(1, 4, len(mz)) if ties else random.random(len(mz)) + 0.01
        spectra.append({int(m): float(height) for m, height in zip(mz, heights, strict=True)})
        masses.append(int(random.integers(20, 45)))  # below the highest peak in some, as with isotope peaks
    return spectra, masses


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("k", [1, 5, 1000])
def test_the_best_are_those_of_comparing_every_pair_by_the_definition(ties: bool, k: int) -> None:
    random = np.random.default_rng(k)
    queries, library = random_spectra(random, 12, ties), random_spectra(random, 150, ties)
    naive = np.array(
        [
            [naive_modified_cosine(q, m, r, n) for r, n in zip(*library, strict=True)]
            for q, m in zip(*queries, strict=True)
        ]
    )
    hits = hybrid_top(matrix(*queries), matrix(*library), k)
    for query, expected in enumerate(naive):
        of_query = hits.query == query
        assert hits.score[of_query] == pytest.approx(np.sort(expected[expected > 0])[::-1][:k], abs=1e-6)
        assert hits.score[of_query] == pytest.approx(expected[hits.entry[of_query]], abs=1e-6)
        assert len(set(hits.entry[of_query])) == of_query.sum()


@pytest.fixture
def n_assigned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of pairs that were assigned, one for each time."""
    numbers: list[int] = []
    assigned = hybrid._Matches.assigned

    def counted(matches: hybrid._Matches) -> NDArray[np.float64]:
        scores = assigned(matches)
        numbers.append(len(scores))
        return scores

    monkeypatch.setattr(hybrid._Matches, "assigned", counted)
    return numbers


@pytest.mark.parametrize(
    ("name", "value"),
    [("_PART", 37), ("_PENDING", 5), ("_PAIRS_AT_ONCE", 3), ("_BINS", 1), ("_BINS", 10**6), ("_FIRST", 50)],
)
def test_the_sizes_of_blocks_and_bins_do_not_change_a_bit(
    name: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(9)
    spectra = matrix(*random_spectra(random, 400, False))
    queries = MassSpectra(spectra.peaks[:30], spectra.mass[:30])
    usual = hybrid_top(queries, spectra, 3)
    monkeypatch.setattr(hybrid, name, value)
    monkeypatch.setattr(hybrid, "QUERIES_AT_ONCE", 7)
    monkeypatch.setattr(similarity, "LIBRARY_AT_ONCE", 11)
    assert all(np.array_equal(a, b) for a, b in zip(usual, hybrid_top(queries, spectra, 3), strict=True))


def test_most_pairs_are_ruled_out_unassigned(n_assigned: list[int]) -> None:
    spectra = matrix(*random_spectra(np.random.default_rng(9), 2000, False))
    queries = MassSpectra(spectra.peaks[:30], spectra.mass[:30])
    hybrid_top(queries, spectra, 3)
    assert 0 < sum(n_assigned) < 30 * 2000 / 10


@pytest.mark.parametrize("size", [1, 60, 149, 150])
def test_a_library_in_parts_gives_the_hits_of_the_whole(size: int) -> None:
    """The parts differ in their numbers of columns, and some of their peaks lie beyond those of all queries."""
    random = np.random.default_rng(size)
    queries, spectra = matrix(*random_spectra(random, 20, True)), matrix(*random_spectra(random, 150, True))
    heavy = matrix([{900 + row: 1.0, 20: 0.5} for row in range(50)], [700] * 50)
    parts = [MassSpectra(spectra.peaks[at : at + size], spectra.mass[at : at + size]) for at in range(0, 150, size)]
    wide = csr_array((spectra.peaks.data, spectra.peaks.indices, spectra.peaks.indptr), shape=(150, 950))
    whole = MassSpectra(vstack([wide, heavy.peaks]).tocsr(), np.concatenate([spectra.mass, heavy.mass]))
    found = hybrid_top(queries, iter([*parts, heavy]), 4)
    assert all(np.array_equal(a, b) for a, b in zip(found, hybrid_top(queries, whole, 4), strict=True))


def test_a_spectrum_is_its_own_best_match() -> None:
    spectra = matrix(*random_spectra(np.random.default_rng(4), 50, False))
    hits = hybrid_top(spectra, spectra, 1)
    assert hits.score == pytest.approx(1.0, abs=1e-6)
    assert np.array_equal(hits.entry, np.arange(50))


@pytest.mark.parametrize(
    ("query", "query_mass", "other", "other_mass", "expected"),
    [
        ({43: 1.0}, 58, {43: 7.0}, 72, 1.0),  # one peak, plain
        ({58: 1.0}, 58, {72: 7.0}, 72, 1.0),  # one peak, shifted: the molecular ions
        ({43: 1.0}, 58, {44: 1.0}, 72, 0.0),  # nothing in common
        ({43: 3.0, 57: 4.0}, 72, {43: 1.0}, 58, 0.8),  # one peak of the library, the larger of its two matches
        ({59: 1.0, 58: 1.0}, 58, {73: 1.0, 72: 1.0}, 72, 1.0),  # a peak above the molecular mass
        ({43: 1.0}, 58, {43: 1.0, 15: 1.0}, 58, 1 / np.sqrt(2)),  # equal masses: no match counts twice
    ],
)
def test_hand_made_pairs(query: Peaks, query_mass: int, other: Peaks, other_mass: int, expected: float) -> None:
    assert score(query, query_mass, other, other_mass) == pytest.approx(expected, abs=1e-6)
    assert naive_modified_cosine(query, query_mass, other, other_mass) == pytest.approx(expected)


def test_greedy_is_not_the_best_assignment() -> None:
    """43-43 with 9 shuts out 43-57 and 29-43 with 6 each: 9 it is, where the best assignment would have 12."""
    query, other = {43: 3.0, 29: 2.0}, {43: 3.0, 57: 2.0}
    assert score(query, 58, other, 72) == pytest.approx(9 / 13, abs=1e-6)


def test_masses_far_apart_and_beyond_the_spectra() -> None:
    assert score({43: 1.0, 500: 0.1}, 900, {43: 1.0}, 16) == pytest.approx(1 / np.sqrt(1.01), abs=1e-6)


def test_a_library_without_rows() -> None:
    empty = MassSpectra(csr_array((0, 10), dtype=np.float32), np.zeros(0, np.int64))
    assert len(hybrid_top(matrix([{3: 1.0}], [4]), empty, 5).query) == 0
    assert len(hybrid_top(matrix([{3: 1.0}], [4]), iter([]), 5).query) == 0


def test_spectra_without_peaks_have_no_hits_and_are_none() -> None:
    blank = MassSpectra(csr_array((2, 10), dtype=np.float32), np.array([4, 5]))
    some = matrix([{3: 1.0}], [4])
    assert len(hybrid_top(blank, some, 5).query) == 0
    assert len(hybrid_top(some, blank, 5).query) == 0
    mixed = MassSpectra(csr_array(np.array([[0, 0, 0, 0], [0, 0, 0, 1.0]], np.float32)), np.array([4, 4]))
    assert hybrid_top(mixed, mixed, 5)[:2] == (pytest.approx([1]), pytest.approx([1]))
