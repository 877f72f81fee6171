import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from spectus.library.hybrid import MassSpectra, hybrid_top, modified_cosines

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


def test_the_pairs_left_out_could_not_have_been_among_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most pairs are ruled out unassigned; nothing changes if all are assigned, or in blocks of a few."""
    random = np.random.default_rng(9)
    spectra = matrix(*random_spectra(random, 400, False))
    queries = MassSpectra(spectra.peaks[:30], spectra.mass[:30])
    assigned: list[NDArray[np.int64]] = []

    def counted(*arguments: NDArray[np.int64]) -> NDArray[np.float64]:
        assigned.append(arguments[-1])
        return modified_cosines(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("spectus.library.hybrid.modified_cosines", counted)
    usual = hybrid_top(queries, spectra, 3)
    n_usual = sum(map(len, assigned))
    monkeypatch.setattr("spectus.library.hybrid._FIRST", 400)
    monkeypatch.setattr("spectus.library.hybrid._BOUNDS_AT_ONCE", 2000)
    monkeypatch.setattr("spectus.library.hybrid._CELLS_AT_ONCE", 300)
    every = hybrid_top(queries, spectra, 3)
    assert n_usual < 30 * 400 / 2
    assert all(np.array_equal(a, b) for a, b in zip(usual, every, strict=True))


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
