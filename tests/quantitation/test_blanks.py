from pathlib import Path

import numpy as np
import pytest

from spectus.quantitation.blanks import blank_groups, blank_limits, blank_rows
from spectus.quantitation.campaign import AreaMatrix, CampaignRun, CampaignRuns
from spectus.quantitation.settings import QuantifySettings
from spectus.samples import Sample


def campaign(types: list[str], batches: list[str | None] | None = None) -> CampaignRuns:
    batches = batches or [None] * len(types)
    runs = [
        CampaignRun(Sample(f"r{n}", Path(f"r{n}"), kind, batch=batch), None, None, n + 1)
        for n, (kind, batch) in enumerate(zip(types, batches, strict=True))
    ]
    return CampaignRuns(runs, "rows", Path("samples.tsv"))


def matrix(area: np.ndarray, perceived: np.ndarray | None = None) -> AreaMatrix:
    return AreaMatrix(
        [f"F{n}" for n in range(len(area))], area, np.zeros(area.shape), area > 0 if perceived is None else perceived
    )


def test_batches_share_blanks_and_chunks_do_without_batches() -> None:
    types = ["blank", "blank", "sample", "sample"]
    groups = blank_groups(campaign([*types, *types], ["A"] * 4 + ["B"] * 4), 20)
    assert [(g.name, np.flatnonzero(g.blanks).tolist()) for g in groups] == [("A", [0, 1]), ("B", [4, 5])]
    groups = blank_groups(campaign([*types, *types]), 4)
    assert [(g.name, np.flatnonzero(g.blanks).tolist()) for g in groups] == [
        ("chunk 0001", [0, 1]), ("chunk 0002", [4, 5]),
    ]  # fmt: skip


def test_a_chunk_with_one_blank_takes_those_of_the_campaign() -> None:
    groups = blank_groups(campaign(["blank", "blank", "sample", "blank", "sample", "sample"]), 3)
    assert [(g.name, np.flatnonzero(g.runs).tolist(), np.flatnonzero(g.blanks).tolist()) for g in groups] == [
        ("chunk 0001", [0, 1, 2], [0, 1]), ("campaign", [3, 4, 5], [0, 1, 3]),
    ]  # fmt: skip


TYPES = ["blank"] * 4 + ["sample"] * 6


def test_verdicts_and_ratios() -> None:
    rng = np.random.default_rng(1)
    scatter = np.exp(rng.normal(0, 0.15, (5, 10)))
    level = np.array([[0.0, 1e5], [1e3, 1e5], [1e4, 1e4], [1e4, 0.0], [1e4, 3e4]])
    area = np.repeat(level, [4, 6], axis=1) * scatter
    runs = campaign(TYPES)
    rows = list(blank_rows(blank_groups(runs, 20)[0], runs, matrix(area), QuantifySettings()))
    assert [row["verdict"] for row in rows] == [
        "absent in blanks", "above blanks", "like blanks", "in blanks only", "like blanks",
    ]  # fmt: skip
    assert rows[1]["ratio"] == pytest.approx(100, rel=0.3)
    assert rows[0]["ratio"] is None
    assert rows[1]["q_value"] < 0.01 < rows[2]["q_value"]
    assert rows[4]["p_value"] < 0.01  # surely more than the blanks, but not five times more
    assert [row["n_above"] for row in rows] == [6, 6, 0, 0, 0]


def test_a_compound_of_one_sample_counts_though_the_test_of_all_samples_does_not_see_it() -> None:
    area = np.full((1, 10), 10.0)
    area[0, 7] = 1e5
    perceived = np.zeros(area.shape, dtype=bool)
    perceived[0, 7] = True
    runs = campaign(TYPES)
    (row,) = blank_rows(blank_groups(runs, 20)[0], runs, matrix(area, perceived), QuantifySettings())
    assert (row["verdict"], row["n_above"]) == ("absent in blanks", 1)
    assert row["p_value"] > 0.05


def test_the_test_finds_what_it_says() -> None:
    """Under equal areas, 5 % of the p-values are below 0.05: 100 ± 4 x 10 of 2,000."""
    rng = np.random.default_rng(3)
    area = 1e4 * np.exp(rng.normal(0, 0.5, (2000, 10)))
    runs = campaign(TYPES)
    rows = list(blank_rows(blank_groups(runs, 20)[0], runs, matrix(area), QuantifySettings()))
    assert sum(row["p_value"] < 0.05 for row in rows) == pytest.approx(100, abs=40)
    assert sum(row["q_value"] < 0.05 for row in rows) <= 2


def test_the_limit_is_exceeded_by_one_more_blank_in_a_hundred() -> None:
    rng = np.random.default_rng(4)
    area = rng.normal(1e4, 1e3, (4000, 6))
    blanks = np.array([1, 1, 1, 1, 1, 0], dtype=bool)
    assert (area[:, 5] > blank_limits(area, blanks)).sum() == pytest.approx(40, abs=26)


def test_without_blanks_or_samples_the_reason_is_said() -> None:
    runs = campaign(["sample", "sample"])
    (row,) = blank_rows(blank_groups(runs, 20)[0], runs, matrix(np.ones((1, 2))), QuantifySettings())
    assert row["reason"] == "the group has no blanks"
    runs = campaign(["blank", "blank"])
    (row,) = blank_rows(blank_groups(runs, 20)[0], runs, matrix(np.ones((1, 2))), QuantifySettings())
    assert row["reason"] == "the group has no samples"
