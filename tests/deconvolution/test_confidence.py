"""Confidence: compounds high, ghosts low, and as a probability right."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from spectus import tables
from spectus.deconvolution.confidence import EVIDENCE, component_confidence, component_evidence
from spectus.deconvolution.deconvolve import deconvolve
from spectus.library.records import read_spectra
from spectus.simulation.presets import settings_for
from spectus.simulation.runs import simulate
from spectus.simulation.scoring import FALSE_BELOW, match

LIBRARY = Path(__file__).parents[2] / "resources" / "libraries" / "PNNLMetV20191015.msp"


def row(rt_s: float, ions: dict[int, float], area: float, error: float = 0.05, **columns: object) -> dict:
    times = rt_s + 0.3 * np.arange(-20, 21)
    return {
        "run": "r", "rt_s": rt_s, "area": area, "snr": 100.0, "mz": list(ions), "intensity": list(ions.values()),
        "relative_intensity_error": [error] * len(ions), "profile_rt_s": times,
        "profile": np.exp(-4 * np.log(2) * ((times - rt_s) / 3.0) ** 2),
    } | columns  # fmt: skip


def confidences(*rows: dict) -> np.ndarray:
    numbered = [entry | {"component": number} for number, entry in enumerate(rows, 1)]
    return component_confidence(tables.table(tables.COMPONENTS, numbered))


DRUG = {57: 0.3, 125: 0.4, 208: 0.3, 266: 0.5, 313: 0.5, 342: 1.0, 359: 0.3}
OTHER = {41: 0.2, 69: 0.4, 84: 1.0, 97: 0.6, 111: 0.3, 140: 0.7, 155: 0.2}


def test_a_tail_scores_low_and_a_trace_of_another_compound_does_not() -> None:
    parent = row(100.0, DRUG, 1e7, snr=500.0)
    tail, trace = (row(110.0, ions, 1e5, error=0.3, snr=12.0) for ions in (DRUG, OTHER))
    assert confidences(parent, tail)[1] < 0.2
    assert confidences(parent, trace)[1] > 0.5
    assert confidences(parent)[0] > 0.95


@pytest.mark.parametrize(("better", "worse"), [({"snr": 50.0}, {"snr": 5.0}), ({"error": 0.05}, {"error": 0.6})])
def test_evidence_against_a_component_lowers_its_confidence(better: dict, worse: dict) -> None:
    one, other = confidences(row(50.0, OTHER, 1e4, **better), row(200.0, OTHER, 1e4, **worse))
    assert one > other


def test_a_component_far_from_a_larger_one_is_not_its_tail() -> None:
    near, far = (confidences(row(100.0, DRUG, 1e7), row(rt_s, DRUG, 1e5))[1] for rt_s in (110.0, 300.0))
    assert far > near


def test_part_of_a_split_peak_scores_lower_than_a_neighbor_with_other_ions() -> None:
    peak = row(100.0, DRUG, 1.2e5)
    part, other = (confidences(peak, row(104.0, ions, 1e5, error=0.2, snr=20.0))[1] for ions in (DRUG, OTHER))
    assert part < 0.3 < 0.8 < other
    assert confidences(peak, row(104.0, DRUG, 1e5, error=0.2, snr=20.0))[0] == confidences(peak)[0]


def test_no_components_and_one_without_peaks() -> None:
    assert component_evidence(tables.COMPONENTS.empty_table()).shape == (0, len(EVIDENCE))
    assert 0 <= confidences(row(50.0, {}, 0.0))[0] <= 1


def examples(preset: str, *more: str) -> tuple[pa.Table, np.ndarray]:
    """Components of a simulated run whose seed was not used for the fit, and which of them are compounds."""
    (made,) = simulate(read_spectra(LIBRARY), settings_for(preset, ["compounds=60", "run_s=700", *more]), seed=103)
    components = deconvolve(made.run, made.name)
    found = match(components, made.ground_truth)
    return components, np.isin(np.arange(len(components)), found.component[found.cosine >= FALSE_BELOW])


@pytest.mark.parametrize("recipe", [("benchmark",), ("real",), ("matrix", "matrix_humps=5")])
def test_ghosts_of_simulated_runs_score_lower_than_compounds(recipe: tuple[str, ...]) -> None:
    components, compound = examples(*recipe)
    confidence = components["confidence"].to_numpy()
    assert ((confidence >= 0) & (confidence <= 1)).all()
    assert np.mean(confidence[compound] >= 0.5) > 0.9
    if (~compound).sum() >= 5:
        assert np.median(confidence[~compound]) < np.median(confidence[compound]) - 0.1
    assert abs(confidence.mean() - compound.mean()) < 0.15
