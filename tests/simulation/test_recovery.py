"""What counts as found in a finished campaign."""

import pyarrow as pa
import pytest

from spectus import tables
from spectus.simulation.recovery import Recovery, recovered

KEYS = ["AAAAAAAAAAAAAA-BBBBBBBBBB-N", "CCCCCCCCCCCCCC-BBBBBBBBBB-N", "DDDDDDDDDDDDDD-BBBBBBBBBB-N"]


@pytest.fixture
def ground_truth() -> pa.Table:
    def row(run: str, compound: int, key: str | None, rt_s: float) -> dict:
        return {"run": run, "compound": compound, "inchikey": key, "rt_s": rt_s, "fwhm_s": 3.0}

    return tables.table(
        tables.GROUND_TRUTH,
        [
            row("ladder", 1, KEYS[2], 400.0),
            row("sample_1", 2, KEYS[0], 100.0),
            row("sample_2", 2, KEYS[0], 104.0),
            row("sample_1", 3, KEYS[1], 200.0),
            row("sample_2", 4, None, 300.0),
        ],
    )


def campaign(features: dict[str, float], candidates: list[tuple[str, int, str | None]]) -> tuple[pa.Table, pa.Table]:
    return (
        tables.table(
            tables.FEATURES, [{"feature": name, "rt_s": rt_s, "n_runs": 1} for name, rt_s in features.items()]
        ),
        tables.table(
            tables.CANDIDATES, [{"query": query, "rank": rank, "inchikey": key} for query, rank, key in candidates]
        ),
    )


def test_found_and_first_are_counted_by_the_first_block(ground_truth: pa.Table) -> None:
    other_stereo = KEYS[0][:14] + "-XXXXXXXXXX-N"
    tables_ = campaign(
        {"F1": 102.0, "F2": 200.5, "F3": 300.0},
        [("F1", 1, other_stereo), ("F2", 1, KEYS[0]), ("F2", 2, None), ("F2", 3, KEYS[1]), ("F3", 1, None)],
    )
    runs = {"sample_1", "sample_2"}
    assert recovered(*tables_, ground_truth, runs) == Recovery(known=2, seen=2, found=2, first=1)
    assert recovered(*tables_, ground_truth) == Recovery(known=3, seen=2, found=2, first=1)
    assert str(recovered(*tables_, ground_truth, runs)) == "2 of 2 known compounds found, 1 of them at rank 1"


@pytest.mark.parametrize(("rt_s", "seen"), [(98.6, 1), (98.4, 0), (105.4, 1), (105.6, 0)])
def test_a_feature_must_lie_between_the_runs_apexes(ground_truth: pa.Table, rt_s: float, seen: int) -> None:
    found = recovered(*campaign({"F1": rt_s}, [("F1", 1, KEYS[0])]), ground_truth)
    assert (found.seen, found.found, found.first) == (seen, seen, seen)


def test_the_right_name_at_the_wrong_time_does_not_count(ground_truth: pa.Table) -> None:
    found = recovered(*campaign({"F1": 200.0}, [("F1", 1, KEYS[0])]), ground_truth)
    assert (found.seen, found.found) == (1, 0)


def test_an_empty_campaign_found_nothing(ground_truth: pa.Table) -> None:
    assert recovered(*campaign({}, []), ground_truth) == Recovery(3, 0, 0, 0)
