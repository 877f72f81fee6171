import numpy as np
from scipy.sparse import csr_array

from spectus.alignment.campaign_components import PlacedComponents
from spectus.alignment.grouping import group_components
from tests.deconvolution.made_components import spectrum


def unit_rows(*ions: dict[int, float]) -> csr_array:
    rows = np.zeros((len(ions), 400), dtype=np.float32)
    for row, entries in zip(rows, ions, strict=True):
        row[list(entries)] = list(entries.values())
    return csr_array(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))


def linked(
    x: list[float],
    run: list[int],
    ions: list[dict[int, float]],
    tolerance: float = 2.0,
    qualities: list[float] | None = None,
) -> list[int]:
    quality = np.linspace(2, 1, len(x)) if qualities is None else np.array(qualities)
    placed = PlacedComponents(np.array(x), np.array(run), np.full(len(x), 8.0), quality, unit_rows(*ions))
    return group_components(placed, np.full(len(x), tolerance), 0.7).tolist()


A, B = spectrum(1), spectrum(2)
ISOMER = {mass: value * (1.25 if mass % 2 else 0.8) for mass, value in A.items()}


def test_one_component_of_a_run_at_most() -> None:
    assert linked([10.0, 10.5, 10.1], [0, 1, 1], [A, A, A]) == [0, 1, 0]


def test_spectra_and_retention_both_decide() -> None:
    assert linked([10.0, 10.0, 10.1, 13.0], [0, 1, 2, 3], [A, B, A, A]) == [0, 1, 0, 2]


def test_isomers_that_elute_side_by_side_stay_apart() -> None:
    """Run 1 shows only the second: it must not go to the first, though nothing else of run 1 could."""
    assert linked([10.0, 11.4, 11.3], [0, 0, 1], [A, ISOMER, ISOMER]) == [0, 1, 1]
    assert linked([10.0, 10.8, 10.1, 10.9], [0, 0, 1, 1], [A, ISOMER, A, ISOMER]) == [0, 1, 0, 1]


def test_swapped_order() -> None:
    assert linked([10.0, 11.0, 10.8, 10.2], [0, 0, 1, 1], [A, B, A, B]) == [0, 1, 0, 1]


def test_components_without_peaks_and_none_at_all() -> None:
    assert linked([10.0, 10.0], [0, 1], [{}, {}]) == [0, 1]
    empty = np.empty(0)
    nothing = PlacedComponents(empty, empty.astype(int), empty, empty, csr_array((0, 400)))
    assert len(group_components(nothing, empty, 0.7)) == 0


def test_the_wider_tolerance_counts() -> None:
    placed = PlacedComponents(
        np.array([10.0, 14.0, 18.0]),
        np.array([0, 1, 2]),
        np.full(3, 8.0),
        np.array([3.0, 2.0, 1.0]),
        unit_rows(A, A, A),
    )
    labels = group_components(placed, np.array([1.0, 5.0, 1.0]), 0.7)
    assert labels.tolist() == [0, 0, 1]


def test_a_fragment_does_not_stand_for_its_whole() -> None:
    """In run 1 a piece split off the flank lies nearer to the seed than the peak it was split from."""
    placed = PlacedComponents(
        np.array([10.0, 11.5, 10.2]),
        np.array([0, 1, 1]),
        np.full(3, 8.0),
        np.array([9.0, 5.0, 0.3]),
        unit_rows(A, A, A),
    )
    labels = group_components(placed, np.full(3, 2.0), 0.7)
    assert labels.tolist() == [0, 0, 1]


NOISY = A | {399: 4 / 3 * float(np.linalg.norm(list(A.values())))}
"""A spectrum that resembles A somewhat, as that of a trace does."""


def test_a_weak_component_left_alone_joins_the_feature_that_it_resembles_somewhat() -> None:
    cosine = float((unit_rows(A) @ unit_rows(NOISY).T).toarray()[0, 0])
    assert 0.46 < cosine < 0.7
    assert linked([10.0, 10.2, 10.1], [0, 1, 2], [A, A, NOISY], qualities=[2.0, 1.0, 0.1]) == [0, 0, 0]


def test_a_strong_a_late_or_a_second_component_stays_alone() -> None:
    assert linked([10.0, 10.2, 10.1], [0, 1, 2], [A, A, NOISY], qualities=[2.0, 1.0, 1.5])[2] == 1
    assert linked([10.0, 10.2, 11.9], [0, 1, 2], [A, A, NOISY], qualities=[2.0, 1.0, 0.1])[2] == 1
    assert linked([10.0, 10.2, 10.1], [0, 1, 1], [A, A, NOISY], qualities=[2.0, 1.0, 0.1])[2] == 1
