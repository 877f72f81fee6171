import json
from pathlib import Path

import numpy as np
import pytest

from spectus import cli
from spectus.evaluation.identification import evaluate_identification, expected_calibration_error
from tests.prediction.conftest import folds, library, model, predicted, reranker

__all__ = ["folds", "library", "model", "predicted", "reranker"]


def test_the_calibration_error_is_the_mean_distance() -> None:
    said = np.array([0.05, 0.05, 0.95, 0.95])
    right = np.array([False, False, True, False])
    assert expected_calibration_error(said, right, np.ones(4)) == pytest.approx((0.05 + 0.45) / 2)
    assert expected_calibration_error(said, right, np.array([1.0, 1.0, 1.0, 0.0])) == pytest.approx(0.05)


def test_a_reranker_is_scored_in_all_situations(
    reranker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, plot = tmp_path / "scores.json", tmp_path / "plot.svg"
    assert cli.main(["evaluate", "identification", str(reranker), "--out", str(out), "--plot", str(plot)]) == 0
    scores = json.loads(out.read_text())
    assert set(scores["situations"]) == {"library", "listed", "neither"}
    for of_sources in scores["situations"].values():
        assert of_sources["all"]["first_1"] <= of_sources["all"]["first_3"] <= of_sources["all"]["first_10"] <= 1
    assert scores["situations"]["listed"]["all"]["first_10"] > 0.5
    assert scores["situations"]["neither"]["all"]["first_10"] == 0
    assert scores["calibration"]["set_80"]["coverage"] <= scores["calibration"]["set_90"]["coverage"]
    assert "sets of 80%" in capsys.readouterr().out
    assert plot.read_text().startswith("<?xml")


def test_the_same_folder_gives_the_same_scores(reranker: Path) -> None:
    assert evaluate_identification(reranker) == evaluate_identification(reranker)


def test_the_old_form_of_the_command_still_scores_a_model(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["evaluate", str(tmp_path / "absent"), str(tmp_path / "library.msp")]) == 2
    said = capsys.readouterr().err
    assert "is now called `spectus evaluate denovo`" in said
