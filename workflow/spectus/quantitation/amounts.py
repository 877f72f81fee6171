"""Amounts of compounds in all runs: responses, calibration curves, intervals and flags."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from spectus import tables
from spectus.quantitation.calibration import LOD_BASIS, Curve, choose_curve, fewest_levels
from spectus.quantitation.campaign import CampaignRuns
from spectus.quantitation.drift import ResponseDrift, response_drift
from spectus.quantitation.measure import Measured, Sought
from spectus.quantitation.settings import QuantifySettings
from spectus.types import Flags, Floats

ALL_RUNS = ""
"""In place of a batch: the curve is for all runs."""

_OFF_SHARE = 0.25
"""Largest share of the calibrators that may miss their amounts (ICH M10, 2022, 3.2.5.2: 75 % must be met)."""


@dataclass(frozen=True)
class Quantified:
    """A compound with what was measured of it and of its internal standard.

    Attributes
    ----------
    sought
        The compound.
    measured
        Its peaks.
    standard
        Name of its internal standard; None for none.
    standard_measured
        Peaks of the standard; None for none.
    known
        (n_runs,) known amounts of the sheet; NaN where there is none.
    """

    sought: Sought
    measured: Measured
    standard: str | None
    standard_measured: Measured | None
    known: Floats

    @property
    def response(self) -> Floats:
        """(n_runs,) area over the standard's area; NaN where the standard is missing or the run cannot be read."""
        if self.standard_measured is None:
            return self.measured.area
        standard = self.standard_measured
        there = standard.detected & (standard.area > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(there, self.measured.area / standard.area, np.nan))

    def blank_response(self, batch: Sequence[str], blanks: Flags) -> Floats:
        """Return the responses of the blanks, (n_runs,); NaN for other runs.

        Blanks without the internal standard, such as pure solvent, are normalized by the median area of the standard in
        the other runs of their batch, if no blank of the batch has the standard.
        """
        found = np.where(blanks, self.response, np.nan)
        standard = self.standard_measured
        if standard is None:
            return found
        area = np.where(standard.detected & (standard.area > 0), standard.area, np.nan)
        for name in dict.fromkeys(batch):
            own = np.array([other == name for other in batch], dtype=bool)
            if not np.isfinite(found[own]).any() and np.isfinite(area[own]).any():
                found[own & blanks] = self.measured.area[own & blanks] / np.nanmedian(area[own])
        return found


@dataclass(frozen=True)
class _Calibrated:
    """A compound with its curves.

    Attributes
    ----------
    quantified
        The compound.
    drift
        Drift of the responses; None if it is not to be corrected.
    response
        (n_runs,) responses over the drift, less that of the blanks if so set.
    whole_response
        (n_runs,) the same with that of the blanks.
    blank_response
        (n_runs,) mean response of the blanks of the same batch, over the drift; NaN without blanks.
    dilution
        (n_runs,) factors on the amounts found.
    curves
        Curve of each batch that has calibrators, and of all runs; None where there is no curve.
    batch
        For each run the key of its curve.
    used
        (n_runs,) calibrators of the curves.
    ratios, errors
        Expected ratios of the qualifiers, and (n_runs,) largest deviation from them.
    """

    quantified: Quantified
    drift: ResponseDrift | None
    response: Floats
    whole_response: Floats
    blank_response: Floats
    dilution: Floats
    curves: Mapping[str, Curve | None]
    batch: Sequence[str]
    used: Flags
    ratios: Floats
    errors: Floats


def amounts_of(
    compounds: Sequence[Quantified], runs: CampaignRuns, limits: Flags, unit: str | None, settings: QuantifySettings
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Fit the curves of compounds and calculate their amounts in all runs.

    Parameters
    ----------
    compounds
        The compounds.
    runs
        The runs.
    limits
        (n_runs,) runs whose internal standard is outside its limits.
    unit
        Unit of the amounts.
    settings
        Settings of the stage.

    Returns
    -------
    amounts, curves, points : pa.Table
        Tables of the schemas AMOUNTS, CALIBRATION_CURVES and CALIBRATION_POINTS.
    """
    amounts: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    points: list[dict[str, Any]] = []
    for compound, shared in zip(compounds, shared_peaks(compounds, len(runs.runs)), strict=True):
        calibrated = _calibrated(compound, runs, settings)
        rows = [_amount_row(calibrated, runs, place, limits, settings) for place in range(len(runs.runs))]
        for place in np.flatnonzero(shared).tolist():
            rows[place]["flag"] = _joined([*filter(None, [rows[place]["flag"]]), "shared peak"])
        amounts += [row | {"unit": unit} for row in rows]
        own = list(_point_rows(calibrated, runs, rows))
        curves += [
            row | {"unit": unit, "reason": row.get("reason") or _unusual(row["batch"], own, settings)}
            for row in _curve_rows(calibrated, runs, settings)
        ]
        points += own
    return (
        tables.table(tables.AMOUNTS, amounts),
        tables.table(tables.CALIBRATION_CURVES, curves),
        tables.table(tables.CALIBRATION_POINTS, points),
    )


def shared_peaks(compounds: Sequence[Quantified], n_runs: int) -> Flags:
    """Tell in which runs two compounds took the same peak of the same ion, (n_compounds, n_runs).

    Parameters
    ----------
    compounds
        The compounds.
    n_runs
        Number of runs.
    """
    keys: list[list[tuple[int, int, float] | None]] = [
        [
            (run, round(compound.measured.ions.quantifier), float(compound.measured.rt_s[run]))
            if compound.measured.ions and compound.measured.detected[run]
            else None
            for run in range(n_runs)
        ]
        for compound in compounds
    ]
    counts = Counter(key for row in keys for key in row if key)
    found = [[key is not None and counts[key] > 1 for key in row] for row in keys]
    return np.array(found, dtype=np.bool_).reshape(len(compounds), n_runs)


def _calibrated(compound: Quantified, runs: CampaignRuns, settings: QuantifySettings) -> _Calibrated:
    measured = compound.measured
    batch = [run.sample.batch or ALL_RUNS for run in runs.runs]
    known = compound.known / runs.dilutions  # in the solution that was injected
    drift = None
    if settings.drift == "amounts":
        drift = response_drift(compound.response, runs.injections, runs.of_type("pooled_qc"))
    factor = drift.factor if drift else np.ones(len(known))
    blank_response = _mean_of_blanks(compound.blank_response(batch, runs.of_type("blank")) / factor, batch)
    response = whole_response = np.asarray(compound.response / factor)
    if settings.blanks == "subtract":
        response = np.asarray(np.maximum(response - np.nan_to_num(blank_response), 0.0))
    usable = np.isfinite(response) & np.isfinite(known) & (measured.detected | (known == 0))
    used = usable & runs.of_type("calibrator")
    of_batch = {
        name: used & np.array([own == name for own in batch], dtype=bool) for name in dict.fromkeys(batch) if name
    }
    fewest = fewest_levels(settings.curve)
    groups = {name: rows for name, rows in of_batch.items() if len(np.unique(known[rows])) >= fewest}
    if len(groups) < len(set(batch)):
        groups[ALL_RUNS] = used
    curves = {
        name: choose_curve(known[rows], response[rows], settings.curve, settings.weighting)
        for name, rows in groups.items()
    }
    keys = [name if name in groups else ALL_RUNS for name in batch]
    ratios = measured.qualifier_ratios(used if used.any() else np.ones(len(known), dtype=bool))
    errors = measured.qualifier_errors(ratios)
    return _Calibrated(
        compound, drift, response, whole_response, blank_response, runs.dilutions, curves, keys, used, ratios, errors
    )


def _mean_of_blanks(blank_response: Floats, batch: Sequence[str]) -> Floats:
    """Return the mean response of the blanks of each run's batch, (n_runs,); of all blanks if the batch has none."""
    everywhere = blank_response[np.isfinite(blank_response)]
    found = np.full(len(blank_response), everywhere.mean() if len(everywhere) else np.nan)
    for name in set(batch):
        own = np.array([other == name for other in batch], dtype=bool)
        of_batch = blank_response[own & np.isfinite(blank_response)]
        if len(of_batch):
            found[own] = of_batch.mean()
    return found


def _amount_row(
    calibrated: _Calibrated, runs: CampaignRuns, place: int, limits: Flags, settings: QuantifySettings
) -> dict[str, Any]:
    """Return the row of one run of the table of amounts."""
    compound, run = calibrated.quantified, runs.runs[place]
    measured, standard = compound.measured, compound.standard_measured
    curve = calibrated.curves.get(calibrated.batch[place])
    response = float(calibrated.response[place])
    row: dict[str, Any] = {
        "compound": compound.sought.name,
        "feature": compound.sought.feature,
        "run": run.sample.run,
        "rt_s": _or_none(measured.rt_s[place]) if measured.detected[place] else None,
        "area": _or_none(measured.area[place]),
        "snr": _or_none(measured.snr[place]),
        "standard_area": None if standard is None else _or_none(standard.area[place]),
        "response": _or_none(response),
        "drift_factor": float(calibrated.drift.factor[place]) if calibrated.drift else None,
        "qualifier_error": _or_none(calibrated.errors[place]),
    }
    flags = list(_measurement_flags(calibrated, place, bool(limits[place]), settings))
    if not np.isfinite(measured.area[place]):
        flags = ["compound not found" if run.mzml and not measured.ions else "run not measured"]
    if curve is None:
        return row | {"flag": _joined([*flags, "no curve"])}
    if np.isfinite(response):
        dilution = float(calibrated.dilution[place])
        found, more = _amount(curve, response, bool(measured.detected[place]), settings.confidence)
        row |= {name: None if value is None else value * dilution for name, value in found.items()}
        flags += more
        if run.sample.type in ("calibrator", "qc") and _misses(row["amount"], compound.known[place], settings):
            flags.append("known amount missed")
    return row | {"flag": _joined(flags)}


def _amount(curve: Curve, response: float, detected: bool, confidence: float) -> tuple[dict[str, Any], list[str]]:
    """Return the amount of a response with its interval, and flags. Numbers that are not finite are null."""
    lod, loq = curve.limits
    if not detected:
        return {"amount": None, "amount_low": 0.0, "amount_high": _or_none(lod)}, []
    amount = curve.amount(response)
    low, high = curve.interval(response, confidence)
    if amount < lod:
        high = max(lod, high) if np.isfinite(high) else lod
        return {"amount": None, "amount_low": 0.0, "amount_high": _or_none(high)}, ["below LOD"]
    flags = []
    if amount < loq:
        flags.append("below LOQ")
    if amount < curve.low:
        flags.append("below the calibrators")
    if not amount <= curve.high:
        flags.append("above the calibrators")
    return {"amount": _or_none(amount), "amount_low": _or_none(low), "amount_high": _or_none(high)}, flags


def _measurement_flags(
    calibrated: _Calibrated, place: int, outside_limits: bool, settings: QuantifySettings
) -> Iterator[str]:
    """Yield what is wrong with the measurement of a run."""
    measured, standard = calibrated.quantified.measured, calibrated.quantified.standard_measured
    if not np.isfinite(measured.area[place]):
        return
    if standard is not None and not standard.detected[place]:
        yield "standard missing"
    elif standard is not None and outside_limits:
        yield "standard outside its limits"
    if not measured.detected[place]:
        yield "not detected"
        return
    if measured.saturated[place]:
        yield "saturated"
    if calibrated.errors[place] > settings.qualifier_tolerance:
        yield "qualifier ratio"
    blank = calibrated.blank_response[place]
    if np.isfinite(blank) and calibrated.whole_response[place] < settings.min_blank_ratio * blank:
        yield "like blanks"


def _misses(amount: float | None, known: float, settings: QuantifySettings) -> bool:
    """Tell whether the amount of a calibrator or QC sample is farther from the known one than is tolerated."""
    if not known > 0:
        return False
    return amount is None or abs(amount / known - 1) > settings.qc_tolerance


def _curve_rows(calibrated: _Calibrated, runs: CampaignRuns, settings: QuantifySettings) -> Iterator[dict[str, Any]]:
    compound, ions = calibrated.quantified, calibrated.quantified.measured.ions
    for batch, curve in calibrated.curves.items():
        row: dict[str, Any] = {
            "compound": compound.sought.name,
            "batch": batch,
            "feature": compound.sought.feature,
            "rt_s": _or_none(compound.sought.rt_s),
            "standard": compound.standard,
            "quantifier_mz": ions.quantifier if ions else None,
            "qualifier_mz": list(ions.qualifiers) if ions else None,
            "qualifier_ratio": [float(ratio) for ratio in calibrated.ratios] if ions else None,
            "n_calibrators": int(calibrated.used.sum()),
            "drift": calibrated.drift.note if calibrated.drift else None,
        }
        if curve is None:
            yield row | {"reason": _no_curve(calibrated, runs, settings)}
            continue
        lod, loq = curve.limits
        c0, c1, c2 = (float(value) for value in curve.coefficients)
        yield row | {
            "model": curve.model,
            "weighting": curve.weighting,
            "intercept": c0,
            "slope": c1,
            "curvature": c2,
            "r2": _or_none(curve.r2),
            "weighted_r2": _or_none(curve.weighted_r2),
            "residual_sd": _or_none(float(np.sqrt(curve.variance))),
            "covariance": [float(value) for value in curve.covariance.ravel()] if curve.freedom else None,
            "freedom": curve.freedom,
            "n_calibrators": curve.n_calibrators,
            "amount_min": curve.low,
            "amount_max": curve.high,
            "lod": _or_none(lod),
            "loq": _or_none(loq),
            "limit_basis": LOD_BASIS if np.isfinite(lod) else None,
            "loo_error": _or_none(curve.error),
        }


def _no_curve(calibrated: _Calibrated, runs: CampaignRuns, settings: QuantifySettings) -> str:
    """Say why there is no curve."""
    compound = calibrated.quantified
    stated = runs.of_type("calibrator") & np.isfinite(compound.known)
    if compound.measured.ions is None:
        return "no feature or ion was found for the compound"
    if not stated.any():
        return "no calibrator of the sheet has an amount"
    fewest = fewest_levels(settings.curve)
    levels = len(np.unique((compound.known / calibrated.dilution)[calibrated.used]))
    if levels < fewest:
        why = f"calibrators with a response have {levels} amounts, {fewest} are needed"
        return why if settings.curve == "proportional" or not levels else f"{why} (1 for a proportional curve)"
    return "the response does not rise with the amount, or not above its scatter"


def _unusual(batch: str, points: Sequence[Mapping[str, Any]], settings: QuantifySettings) -> str | None:
    """Say how many calibrators of a curve are not found again, if these are too many."""
    errors = [row["relative_error"] for row in points if row["used"] and row["batch"] == batch]
    judged = [abs(error) for error in errors if error is not None]
    off = sum(error > settings.qc_tolerance for error in judged)
    if off <= _OFF_SHARE * len(judged):
        return None
    return f"{off} of {len(judged)} calibrators are off by more than {settings.qc_tolerance:.0%}"


def _point_rows(
    calibrated: _Calibrated, runs: CampaignRuns, rows: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    known = calibrated.quantified.known
    wanted = runs.of_type("calibrator", "qc") & np.isfinite(known)
    for place in np.flatnonzero(wanted).tolist():
        run, curve, amount = runs.runs[place], calibrated.curves.get(calibrated.batch[place]), float(known[place])
        response = float(calibrated.response[place])
        row: dict[str, Any] = {
            "compound": calibrated.quantified.sought.name,
            "batch": calibrated.batch[place],
            "run": run.sample.run,
            "type": run.sample.type,
            "known_amount": amount,
            "response": _or_none(response),
            "used": bool(calibrated.used[place] and curve is not None),
            "flag": rows[place]["flag"],
        }
        if curve is not None and np.isfinite(response):
            dilution = float(calibrated.dilution[place])
            fitted = float(curve.response(amount / dilution))
            found = _or_none(curve.amount(response))
            row |= {
                "fitted": fitted,
                "residual": response - fitted,
                "weighted_residual": _or_none((response - fitted) / curve.deviation(amount / dilution)),
                "amount": None if found is None else found * dilution,
                "relative_error": None if found is None or not amount else found * dilution / amount - 1,
            }
        yield row


def _joined(flags: Sequence[str]) -> str | None:
    return "; ".join(flags) or None


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
