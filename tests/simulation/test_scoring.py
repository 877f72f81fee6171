"""Scores of components whose agreement with the ground truth is known."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest

from spectus import tables
from spectus.errors import InputError
from spectus.simulation.presets import settings_for
from spectus.simulation.runs import simulate
from spectus.simulation.scoring import STRATA, match, score


@pytest.fixture(scope="module")
def ground_truth(library: pa.Table) -> pa.Table:
    return next(simulate(library, settings_for("benchmark", ["compounds=60", "run_s=600"]), 1)).ground_truth


def components(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    kept = ("run", "rt_s", "area", "mz", "intensity")
    return tables.table(
        tables.COMPONENTS, [{name: row[name] for name in kept} | {"component": i} for i, row in enumerate(rows, 1)]
    )


def test_the_ground_truth_itself_scores_full_marks(ground_truth: pa.Table) -> None:
    found = score(components(ground_truth.to_pylist()), ground_truth)
    assert found.recall_70 == found.recall_80 == found.recall_90 == 1.0
    assert found.median_cosine == pytest.approx(1.0)
    assert (found.n_true, found.n_components, found.false, found.duplicates) == (60, 60, 0, 0)
    assert found.rt_error_s == 0.0
    assert found.area_ratio == pytest.approx(1.0)
    assert sum(n for n, _ in found.strata.values()) == 60
    assert [recall for _, recall in found.strata.values()] == [1.0] * len(STRATA)


def test_shifted_and_scaled_components_show_their_errors(ground_truth: pa.Table) -> None:
    rows = [row | {"rt_s": row["rt_s"] + 0.2, "area": row["area"] / 2} for row in ground_truth.to_pylist()]
    found = score(components(rows), ground_truth)
    assert found.rt_error_s == pytest.approx(0.2)
    assert found.area_ratio == pytest.approx(0.5)
    assert found.area_spread == pytest.approx(0.0, abs=1e-9)


def test_missing_doubled_and_invented_components_are_counted_apart(ground_truth: pa.Table) -> None:
    rows = ground_truth.to_pylist()
    doubled = [row | {"rt_s": row["rt_s"] + 0.1} for row in rows[:4]]
    invented = [{"run": "sample_1", "rt_s": rows[0]["rt_s"], "area": 1.0, "mz": [499.0], "intensity": [1.0]}]
    elsewhere = [rows[0] | {"rt_s": 595.0}]
    found = score(components(rows[:45] + doubled + invented + elsewhere), ground_truth)
    assert found.recall_80 == pytest.approx(45 / 60)
    assert found.duplicates == 4
    assert found.false == 2


def test_a_match_outside_the_window_is_none(ground_truth: pa.Table) -> None:
    row = ground_truth.to_pylist()[0]
    window = max(0.5 * row["fwhm_s"], 1.0)
    for shift, cosine in ((0.99 * window, 1.0), (1.01 * window, 0.0)):
        found = match(components([row | {"rt_s": row["rt_s"] - shift}]), ground_truth.slice(0, 1))
        assert found.cosine.tolist() == pytest.approx([cosine])


def test_swapped_neighbors_are_matched_by_spectrum() -> None:
    one = {"mz": [50.0, 80.0], "intensity": [1.0, 0.5]}
    two = {"mz": [60.0, 90.0], "intensity": [1.0, 0.5]}
    base = {"run": "r", "fwhm_s": 4.0, "area": 1.0}
    ground_truth = tables.table(
        tables.GROUND_TRUTH, [base | one | {"compound": 1, "rt_s": 10.0}, base | two | {"compound": 2, "rt_s": 10.5}]
    )
    found = match(components([base | two | {"rt_s": 10.0}, base | one | {"rt_s": 10.4}]), ground_truth)
    assert found.component.tolist() == [1, 0]


def test_cosine_is_of_weighted_nominal_spectra() -> None:
    base = {"run": "r", "rt_s": 10.0, "area": 1.0}
    true = base | {"compound": 1, "fwhm_s": 4.0, "mz": [100.0, 200.0], "intensity": [1.0, 1.0]}
    ground_truth = tables.table(tables.GROUND_TRUTH, [true])
    found = match(components([base | {"mz": [100.1, 100.2], "intensity": [0.5, 0.5]}]), ground_truth)
    assert found.cosine[0] == pytest.approx(100 / (100**2 + 200**2) ** 0.5)


def test_runs_are_scored_each_by_itself(ground_truth: pa.Table) -> None:
    rows = ground_truth.to_pylist()
    other = pa.Table.from_pylist([row | {"run": "other"} for row in rows], schema=tables.GROUND_TRUTH)
    found = score(components(rows), pa.concat_tables([ground_truth, other]))
    assert found.recall_80 == pytest.approx(0.5)
    assert found.false == 0


def test_nothing_found_and_nothing_there(ground_truth: pa.Table) -> None:
    assert score(components([]), ground_truth).recall_70 == 0.0
    blank = score(components(ground_truth.to_pylist()), ground_truth.slice(0, 0))
    assert blank.false == 60
    assert str(blank)


def test_names_of_other_runs_are_refused(ground_truth: pa.Table) -> None:
    rows = [row | {"run": "another"} for row in ground_truth.to_pylist()]
    with pytest.raises(InputError, match=r"another.*no such run in the ground truth"):
        score(components(rows), ground_truth)
