import numpy as np
import pytest

from spectus.quantitation.ion_signals import Window
from spectus.quantitation.ions import candidate_ions, choose_ions

RT = np.arange(570.0, 660.0, 0.3)


def peak(center: float, height: float) -> np.ndarray:
    return height * np.exp(-0.5 * ((RT - center) / 1.5) ** 2)


def window(*traces: np.ndarray, ceiling: float = np.inf) -> Window:
    noise = np.random.default_rng(4).normal(0, 10, (len(traces), len(RT)))
    return Window(RT, np.clip(np.stack(traces) + 50 + noise, 0, None), 20.0, ceiling)


SEARCH = (615.0, 3.0)


def test_73_and_147_are_never_candidates_of_a_silylated_compound() -> None:
    mz, intensity = [73, 74, 75, 117, 147, 205, 319], [1.0, 0.09, 0.08, 0.4, 0.5, 0.3, 0.2]
    assert candidate_ions(mz, intensity) == [117.0, 205.0, 319.0, 74.0, 75.0]
    assert 147.0 not in candidate_ions([85, 147, 149, 218], [0.2, 1.0, 0.02, 0.5])  # scanned from 85 on
    assert 147.0 not in candidate_ions([51, 147, 149, 218], [0.2, 1.0, 0.08, 0.5])  # isotopes of two silicon atoms
    assert 147.0 in candidate_ions([51, 147, 234], [0.3, 1.0, 0.5])  # no silyl group


def test_weak_and_low_ions_are_no_candidates() -> None:
    assert candidate_ions([28, 41, 91, 92, 200], [1.0, 0.9, 0.8, 0.6, 0.04]) == [91.0, 92.0]


def test_the_heavier_of_two_ions_alike_is_the_quantifier() -> None:
    signal = peak(615, 1e5)
    choice = choose_ions([100, 180, 342], [window(signal, signal, signal)], [SEARCH], 2)
    assert choice is not None
    assert choice.quantifier == 342
    assert choice.qualifiers == (180, 100)


def test_an_ion_that_another_compound_has_as_well_is_not_taken() -> None:
    clean = peak(615, 1e5)
    disturbed = clean + peak(612, 8e4)
    choice = choose_ions([150, 180, 342], [window(clean, clean, disturbed)], [SEARCH], 1)
    assert choice is not None
    assert choice.quantifier == 180
    changing = [window(clean, clean * factor) for factor in (0.4, 1.0, 3.0)]
    choice = choose_ions([150, 200, 210], [window(clean, w.traces[1], clean) for w in changing], [SEARCH] * 3, 0)
    assert choice is not None
    assert choice.quantifier == 210


def test_a_saturated_ion_is_not_taken() -> None:
    clean, clipped = peak(615, 4e4), np.minimum(peak(615, 4e5), 1e5)
    choice = choose_ions([180, 342], [window(clean, clipped, ceiling=1e5)], [SEARCH], 1)
    assert choice is not None
    assert choice.quantifier == 180


def test_isotopes_of_the_quantifier_are_no_qualifiers() -> None:
    traces = [peak(615, height) for height in (1e5, 4e4, 2e4, 3e4)]
    choice = choose_ions([342, 344, 343, 313], [window(*traces)], [SEARCH], 2)
    assert choice is not None
    assert (choice.quantifier, choice.qualifiers) == (342, (313,))


def test_qualifiers_are_chosen_around_a_quantifier_that_the_user_names() -> None:
    traces = [peak(615, height) for height in (1e5, 4e4, 3e4)]
    choice = choose_ions([342, 313, 311], [window(*traces)], [SEARCH], 2, 313.0)
    assert choice is not None
    assert (choice.quantifier, choice.qualifiers) == (313.0, (342,))


@pytest.mark.parametrize(("ions", "windows"), [([], [window(peak(615, 1e5))]), ([342], [])])
def test_without_candidates_or_runs_there_is_no_choice(ions: list[float], windows: list[Window]) -> None:
    assert choose_ions(ions, windows, [SEARCH] * len(windows), 2) is None
