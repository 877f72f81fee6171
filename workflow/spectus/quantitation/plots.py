"""Series for the plots of the quantitation, ready to be drawn: numbers and texts only, without NaN."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from spectus.quantitation.calibration import Curve

_CURVE_POINTS = 61
"""Points of a drawn curve. Chosen: a quadratic curve and its band look smooth."""

_DIGITS = 6
"""Significant digits of the numbers. Chosen: more than a plot shows, and little text."""


def plot_series(tables: Mapping[str, pa.Table], confidence: float = 0.95) -> dict[str, Any]:
    """Make the series of all plots from the tables of the stage quantify.

    Parameters
    ----------
    tables
        The tables by name; absent ones give empty series.
    confidence
        Level of the band of a calibration curve, 0-1.

    Returns
    -------
    dict
        `calibration`: see `calibration_series`; `blanks`: see `blank_series`; `qc`: see `qc_series`.
    """
    rows = {name: table.to_pylist() for name, table in tables.items() if name in _USED}
    return {
        "calibration": calibration_series(
            rows.get("calibration_curves", []), rows.get("calibration_points", []), rows.get("amounts", []), confidence
        ),
        "blanks": blank_series(rows.get("blank_verdicts", [])),
        "qc": qc_series(rows.get("qc_runs", []), rows.get("qc_features", [])),
    }


_USED = ("amounts", "calibration_curves", "calibration_points", "blank_verdicts", "qc_runs", "qc_features")


def calibration_series(
    curves: Sequence[Mapping[str, Any]],
    points: Sequence[Mapping[str, Any]],
    amounts: Sequence[Mapping[str, Any]],
    confidence: float = 0.95,
) -> list[dict[str, Any]]:
    """Make one entry for each calibration curve.

    Parameters
    ----------
    curves, points, amounts
        Rows of the tables calibration_curves, calibration_points and amounts.
    confidence
        Level of the band, 0-1.

    Returns
    -------
    list of dict
        `compound`, `batch`, `feature`, `unit`, `model`, `weighting`, `r2`, `lod`, `loq`, `equation` (text), `standard`,
        `quantifier` (m/z); `curve`: amount, response, lower and upper limit of the prediction band, a list each;
        `points`: `run`, `type`, `known`, `response`, `residual` (relative: response over curve, minus 1), `weighted`
        (residual in standard deviations), `error` (relative error of the amount), `used`, `flag`, a list each;
        `samples`: `run`, `amount`, `low`, `high`, `response`, `flag`, a list each, of the runs with an amount that are
        no calibrator and no QC sample.
    """
    of_curve = defaultdict(list)
    known_runs = {(row["compound"], row["run"]) for row in points}
    for row in points:
        of_curve[row["compound"], row["batch"]].append(row)
    samples = defaultdict(list)
    for row in amounts:
        if row["amount"] is not None and (row["compound"], row["run"]) not in known_runs:
            samples[row["compound"]].append(row)
    return [
        _calibration_entry(row, of_curve[row["compound"], row["batch"]], samples[row["compound"]], confidence)
        for row in curves
        if row["model"]
    ]


def curve_of_row(row: Mapping[str, Any]) -> Curve:
    """Return the curve that a row of the table calibration_curves describes; the row must have a model."""
    return Curve(
        row["model"],
        row["weighting"],
        np.array([row["intercept"], row["slope"], row["curvature"]]),
        np.full((3, 3), np.nan) if row["covariance"] is None else np.array(row["covariance"]).reshape(3, 3),
        np.nan if row["residual_sd"] is None else float(row["residual_sd"]) ** 2,
        row["freedom"],
        np.nan if row["r2"] is None else row["r2"],
        np.nan if row["weighted_r2"] is None else row["weighted_r2"],
        row["amount_min"],
        row["amount_max"],
        row["n_calibrators"],
    )


def _calibration_entry(
    row: Mapping[str, Any], points: Sequence[Mapping[str, Any]], samples: Sequence[Mapping[str, Any]], confidence: float
) -> dict[str, Any]:
    curve = curve_of_row(row)
    amount = np.linspace(0.0, curve.high * 1.05, _CURVE_POINTS)
    response = curve.response(amount)
    band = curve.band(amount, confidence) if curve.freedom else np.zeros(len(amount))
    residual = [None if point["fitted"] in (None, 0) else point["residual"] / abs(point["fitted"]) for point in points]
    copied = ("compound", "batch", "feature", "unit", "model", "weighting", "r2", "lod", "loq", "standard")
    return {name: _short(row[name]) for name in copied} | {
        "quantifier": row["quantifier_mz"],
        "equation": _equation(row),
        "curve": {
            "amount": _list(amount),
            "response": _list(response),
            "low": _list(response - band),
            "high": _list(response + band),
        },
        "points": {
            "run": [point["run"] for point in points],
            "type": [point["type"] for point in points],
            "known": _list([point["known_amount"] for point in points]),
            "response": _list([point["response"] for point in points]),
            "residual": _list(residual),
            "weighted": _list([point["weighted_residual"] for point in points]),
            "error": _list([point["relative_error"] for point in points]),
            "used": [point["used"] for point in points],
            "flag": [point["flag"] for point in points],
        },
        "samples": {
            "run": [sample["run"] for sample in samples],
            "amount": _list([sample["amount"] for sample in samples]),
            "low": _list([sample["amount_low"] for sample in samples]),
            "high": _list([sample["amount_high"] for sample in samples]),
            "response": _list([sample["response"] for sample in samples]),
            "flag": [sample["flag"] for sample in samples],
        },
    }


def blank_series(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Make the series of a volcano plot of samples against blanks, one value for each feature and group.

    Parameters
    ----------
    rows
        Rows of the table blank_verdicts.

    Returns
    -------
    dict
        `feature`, `group`, `ratio` (null if the blanks have none of the feature), `log2_ratio`, `minus_log10_q`,
        `verdict`, `contaminant`, `origin`, a list each. Features without verdict are left out.
    """
    shown = [row for row in rows if row["verdict"] is not None]
    ratio = np.array([row["ratio"] or np.nan for row in shown], dtype=np.float64)
    q = np.array([np.nan if row["q_value"] is None else row["q_value"] for row in shown], dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs, sure = np.log2(ratio), -np.log10(np.maximum(q, 1e-300))
    return {
        "feature": [row["feature"] for row in shown],
        "group": [row["blank_group"] for row in shown],
        "ratio": _list(ratio),
        "log2_ratio": _list(logs),
        "minus_log10_q": _list(sure),
        "verdict": [row["verdict"] for row in shown],
        "contaminant": [row["contaminant"] for row in shown],
        "origin": [row["origin"] for row in shown],
    }


def qc_series(runs: Sequence[Mapping[str, Any]], features: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Make the series of the QC charts: by run in the order of injection, and by feature.

    Parameters
    ----------
    runs, features
        Rows of the tables qc_runs and qc_features.

    Returns
    -------
    dict
        `runs`: `run`, `type`, `batch`, `injection`, `standard_ratio`, `standard_shift_s`, `shift_s`, `median_ratio`,
        `flag`, a list each; `features`: `feature`, `cv`, `cv_corrected`, `drift`, `flag`, a list each, of the features
        with a coefficient of variation.
    """
    ordered = sorted(runs, key=lambda row: row["injection"])
    measured = [row for row in features if row["cv"] is not None]
    by_run = ("injection", "standard_ratio", "standard_shift_s", "shift_s", "median_ratio")
    by_feature = ("cv", "cv_corrected", "drift")
    return {
        "runs": {name: [row[name] for row in ordered] for name in ("run", "type", "batch", "flag")}
        | {name: _list([row[name] for row in ordered]) for name in by_run},
        "features": {name: [row[name] for row in measured] for name in ("feature", "flag")}
        | {name: _list([row[name] for row in measured]) for name in by_feature},
    }


def _equation(row: Mapping[str, Any]) -> str:
    """Write a curve as text, such as "y = 0.0123 + 0.456 x"."""
    if row["model"] == "proportional":
        return f"y = {row['slope']:.4g} x"
    text = f"y = {row['intercept']:.4g}"
    for factor, power in ((row["slope"], "x"), (row["curvature"], "x²")):
        if factor:
            text += f" {'−' if factor < 0 else '+'} {abs(factor):.4g} {power}"
    return text


def _list(values: Any) -> list[float | None]:
    return [_short(value) for value in (values.tolist() if isinstance(values, np.ndarray) else values)]


def _short(value: Any) -> Any:
    """Round a number to six significant digits; None for one that is not finite."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None
