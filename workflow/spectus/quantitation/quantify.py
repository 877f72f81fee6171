"""The stage quantify: amounts, blanks and quality control of a campaign, from its features to its tables."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spectus import tables
from spectus.errors import InputError
from spectus.quantitation import blanks, qc
from spectus.quantitation.amounts import Quantified, amounts_of
from spectus.quantitation.campaign import AreaMatrix, CampaignRuns, read_areas, read_runs, runs_with_areas
from spectus.quantitation.compounds import (
    Compound,
    Features,
    assigned_features,
    features_by_name,
    following_features,
    read_compounds,
)
from spectus.quantitation.contaminants import contaminant_of
from spectus.quantitation.drift import Drift, drift_of
from spectus.quantitation.ions import candidate_ions
from spectus.quantitation.measure import Measured, Sought, measure, reference_runs
from spectus.quantitation.settings import QuantifySettings
from spectus.types import Floats

_LOG = logging.getLogger("spectus")

NO_STANDARD = "none"
"""In place of an internal standard: the areas of this compound are not normalized."""

TABLES = {
    "calibration_curves": tables.CALIBRATION_CURVES,
    "calibration_points": tables.CALIBRATION_POINTS,
    "blank_verdicts": tables.BLANK_VERDICTS,
    "corrected_areas": tables.CORRECTED_AREAS,
    "qc_runs": tables.QC_RUNS,
    "qc_features": tables.QC_FEATURES,
}
"""Tables that are written beside that of the amounts, by name."""


@dataclass(frozen=True)
class QuantifyInputs:
    """Files that the stage reads.

    Attributes
    ----------
    features, peak_areas
        Tables of the stage align.
    samples
        Sample sheet.
    runs_tables
        Tables of runs, which name the mzML files and say when they were acquired; may be empty.
    compounds
        Table of compounds; None for the features that follow the calibrators.
    hits
        Tables of library hits or candidates, by which compounds and standards are found by name.
    chunk_runs
        Neighbors in the sheet that share blanks if it has no batches. The workflow uses 20, which is chosen.
    """

    features: Path
    peak_areas: Path
    samples: Path
    runs_tables: Sequence[Path] = ()
    compounds: Path | None = None
    hits: Sequence[Path] = ()
    chunk_runs: int = 20


@dataclass(frozen=True)
class _Campaign:
    """What was read: the runs, the areas, and the features for the search of compounds."""

    runs: CampaignRuns
    areas: AreaMatrix
    features: Features


def quantify_campaign(inputs: QuantifyInputs, settings: QuantifySettings, out: Path) -> list[Path]:
    """Write the table of amounts, and beside it those of TABLES.

    Parameters
    ----------
    inputs
        Files to read.
    settings
        Settings of the stage.
    out
        Table of amounts to write.

    Returns
    -------
    list of Path
        The tables.

    Raises
    ------
    InputError
        A file cannot be read, or a compound or internal standard that the user names is not there.
    """
    campaign = _read(inputs)
    runs = campaign.runs
    unit = settings.unit or runs.one_cell("unit")
    standard_text = settings.internal_standard or runs.one_cell("internal_standard") or NO_STANDARD
    compounds = _compounds(inputs, campaign, settings)
    for note in _notes(compounds, runs):
        _LOG.warning("%s", note)
    wanted = [compound.standard or standard_text for compound in compounds]
    standards = {
        text: _standard(text, campaign, settings) for text in dict.fromkeys([standard_text, *wanted])
        if text.casefold() != NO_STANDARD
    }  # fmt: skip
    sought = [_sought(compound, campaign) for compound in compounds]
    known = [runs.amounts_of(compound.name) for compound in compounds]
    measured = _measured([*standards.values(), *sought], campaign, settings)
    of_standard = dict(zip(standards, measured, strict=False))
    quantified = [
        Quantified(what, found, standards[text].name if text in standards else None, of_standard.get(text), amount)
        for what, found, text, amount in zip(sought, measured[len(standards) :], wanted, known, strict=True)
    ]
    standard = of_standard.get(standard_text)
    outside = (
        qc.outside_limits(qc.standard_ratios(standard, runs), settings) if standard else np.zeros(len(runs.runs), bool)
    )
    amounts, curves, points = amounts_of(quantified, runs, outside, unit, settings)
    drift = drift_of(campaign.areas.area, runs.injections, qc.qc_samples(runs))
    verdicts, corrected = _compared_with_blanks(inputs, campaign, drift, settings)
    verdicts = _without_standards(verdicts, {what.feature for what in standards.values()})
    written = {
        "calibration_curves": curves,
        "calibration_points": points,
        "blank_verdicts": verdicts,
        "corrected_areas": corrected,
        "qc_runs": tables.table(tables.QC_RUNS, qc.run_rows(runs, campaign.areas, standard, settings)),
        "qc_features": tables.table(tables.QC_FEATURES, qc.feature_rows(campaign.areas, runs, drift, settings)),
    }
    extra = {"quantify_settings": repr(settings)}
    for name, table in written.items():
        tables.write(table, out.with_name(f"{name}.parquet"), TABLES[name], extra)
    tables.write(amounts, out, tables.AMOUNTS, extra)
    _log_summary(amounts, curves, runs)
    return [out, *(out.with_name(f"{name}.parquet") for name in TABLES)]


def _read(inputs: QuantifyInputs) -> _Campaign:
    runs = read_runs(inputs.samples, inputs.runs_tables, runs_with_areas(inputs.peak_areas))
    table = tables.read(inputs.features, tables.FEATURES, ["feature", "rt_s", "mz", "intensity"])
    names = table["feature"].to_pylist()
    areas = read_areas(inputs.peak_areas, names, runs.names)
    counted = runs.of_type("calibrator", "qc", "sample", "pooled_qc")
    strength = np.where(areas.perceived & counted, np.nan_to_num(areas.area), 0.0).sum(axis=1)
    features = Features(
        names, table["rt_s"].to_numpy(), table["mz"].to_pylist(), table["intensity"].to_pylist(), strength,
        features_by_name(inputs.hits),
    )  # fmt: skip
    return _Campaign(runs, areas, features)


def _compounds(inputs: QuantifyInputs, campaign: _Campaign, settings: QuantifySettings) -> list[Compound]:
    """Return the compounds that the user names, or the features that follow the calibrators, with their features."""
    if inputs.compounds is not None:
        named = read_compounds(inputs.compounds)
        found = assigned_features(named, campaign.features, settings.rt_tolerance)
        return [replace(compound, feature=feature) for compound, feature in zip(named, found, strict=True)]
    runs = campaign.runs
    amounts = runs.amounts_of("") / runs.dilutions
    followers = following_features(campaign.areas, amounts, runs.of_type("calibrator"), runs.of_type("blank"))
    return [Compound(feature, feature) for feature in followers]


def _notes(compounds: Sequence[Compound], runs: CampaignRuns) -> list[str]:
    """Say which columns of the sheet hold amounts of a compound that is not quantified."""
    quantified = {compound.name.casefold() for compound in compounds}
    columns = dict.fromkeys(name for run in runs.runs for name in run.sample.extra)
    unused = [
        name for name in columns
        if name.casefold().startswith(("amount ", "amount_")) and name.casefold()[len("amount ") :] not in quantified
    ]  # fmt: skip
    words = "holds amounts of a compound that is not quantified; name it in the table of compounds"
    return [f"{runs.path}: the column {name!r} {words}" for name in unused]


def _standard(text: str, campaign: _Campaign, settings: QuantifySettings) -> Sought:
    """Return the internal standard that a text names.

    Raises
    ------
    InputError
        No feature is it.
    """
    feature = campaign.features.find(text, settings.rt_tolerance)
    if feature is None:
        remedy = "name a feature, a retention time in s, or a name among the hits, in the settings or the sheet"
        raise InputError(f"internal standard {text!r}", "no feature of the campaign is it", remedy)
    return replace(_sought(Compound(text, feature), campaign), name=text)


def _sought(compound: Compound, campaign: _Campaign) -> Sought:
    """Return what is measured of a compound: its feature, its time in every run, and its ions.

    Raises
    ------
    InputError
        The user names a feature that is not there.
    """
    features, areas = campaign.features, campaign.areas
    feature = compound.feature
    if feature is not None and feature not in features.names:
        raise InputError(f"compound {compound.name!r}", f"no feature {feature!r}", "name one of the table of features")
    n_runs = len(campaign.runs.runs)
    if feature is None:
        time = np.nan if compound.rt_s is None else compound.rt_s
        return Sought(
            compound.name, None, time, np.full(n_runs, time), np.zeros(n_runs, dtype=bool), (), compound.quantifier,
            compound.qualifiers,
        )  # fmt: skip
    place = list(features.names).index(feature)
    expected = np.where(np.isfinite(areas.rt_s[place]), areas.rt_s[place], features.rt_s[place])
    return Sought(
        compound.name, feature, float(features.rt_s[place]), expected, areas.perceived[place],
        tuple(candidate_ions(features.mz[place], features.intensity[place])), compound.quantifier, compound.qualifiers,
    )  # fmt: skip


def _measured(sought: Sequence[Sought], campaign: _Campaign, settings: QuantifySettings) -> list[Measured]:
    """Measure standards and compounds in all runs."""
    preferred = campaign.runs.of_type("calibrator")
    place_of = {name: place for place, name in enumerate(campaign.areas.features)}
    reference = []
    for what in sought:
        perceived = what.perceived
        area = campaign.areas.area[place_of[what.feature]] if what.feature else np.zeros(len(perceived))
        reference.append(reference_runs(np.where(perceived, area, 0.0), preferred))
    mzml = [run.mzml for run in campaign.runs.runs]
    return measure(sought, mzml, reference, settings.qualifiers, settings.rt_tolerance)


def _compared_with_blanks(
    inputs: QuantifyInputs, campaign: _Campaign, drift: Drift, settings: QuantifySettings
) -> tuple[pa.Table, pa.Table]:
    """Return the tables of blank verdicts and of corrected areas."""
    runs, areas = campaign.runs, campaign.areas
    corrected = replace(areas, area=areas.area / drift.factor)
    named = [
        contaminant_of(np.asarray(mz, dtype=np.float64), np.asarray(intensity, dtype=np.float64))
        for mz, intensity in zip(campaign.features.mz, campaign.features.intensity, strict=True)
    ]
    rows: list[dict[str, Any]] = []
    ratio = np.full(areas.area.shape, np.nan)
    above = np.full(areas.area.shape, np.nan)
    final = corrected.area.copy()
    for group in blanks.blank_groups(runs, inputs.chunk_runs):
        for row, found in zip(blanks.blank_rows(group, runs, corrected, settings), named, strict=True):
            what = {"contaminant": found.name, "origin": found.origin} if found else {}
            rows.append(row | what | {"blank_group": group.name})
        if group.blanks.any():
            level = blanks.blank_levels(corrected.area, group.blanks)
            limit = blanks.blank_limits(corrected.area, group.blanks)
            own = group.runs & ~runs.of_type("blank")
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio[:, own] = np.where(level[:, None] > 0, corrected.area[:, own] / level[:, None], np.nan)
            above[:, own] = blanks.exceeds_blanks(corrected.area[:, own], level, limit, settings.min_blank_ratio)
            if settings.blanks == "subtract":
                final[:, own] = np.maximum(final[:, own] - np.nan_to_num(level)[:, None], 0.0)
    return tables.table(tables.BLANK_VERDICTS, rows), _corrected_table(campaign, final, drift.factor, (ratio, above))


def _without_standards(verdicts: pa.Table, standards: set[str | None]) -> pa.Table:
    """Give no verdict on internal standards, which blanks have as well as samples."""
    rows = verdicts.to_pylist()
    for row in rows:
        if row["feature"] in standards:
            row |= {"verdict": None, "reason": "internal standard"}
    return tables.table(tables.BLANK_VERDICTS, rows)


def _corrected_table(campaign: _Campaign, area: Floats, factor: Floats, compared: tuple[Floats, Floats]) -> pa.Table:
    """Return the table of corrected areas, run after run."""
    n_features, n_runs = area.shape
    ratio, above = compared
    known = np.isfinite(above).ravel(order="F")
    columns = {
        "feature": pa.array(campaign.areas.features, pa.string()).take(np.tile(np.arange(n_features), n_runs)),
        "run": pa.array(campaign.runs.names, pa.string()).take(np.repeat(np.arange(n_runs), n_features)),
        "corrected_area": pa.array(area.ravel(order="F"), from_pandas=True),
        "drift_factor": factor.ravel(order="F"),
        "blank_ratio": pa.array(ratio.ravel(order="F"), from_pandas=True),
        "above_blanks": pa.array(np.nan_to_num(above).ravel(order="F") > 0, mask=~known),
    }
    return tables.table(tables.CORRECTED_AREAS, columns)


def _log_summary(amounts: pa.Table, curves: pa.Table, runs: CampaignRuns) -> None:
    fitted = [row for row in curves.select(["compound", "model", "reason"]).to_pylist() if row["model"]]
    found = amounts.num_rows - amounts["amount"].null_count
    _LOG.info("calibration curves: %d; amounts: %d, in %d runs", len(fitted), found, len(runs.runs))
    for row in curves.select(["compound", "model", "reason"]).to_pylist():
        if not row["model"]:
            _LOG.warning("%s: no calibration curve (%s)", row["compound"], row["reason"])
