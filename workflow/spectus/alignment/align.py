"""Features of a campaign: the components of all runs that are one compound, by retention and spectrum."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array
from tqdm import tqdm

from spectus import tables
from spectus.alignment.axis import Axis
from spectus.alignment.campaign_components import Campaign, PlacedComponents, read_campaign
from spectus.alignment.confidence import feature_confidence, replicate_groups
from spectus.alignment.consensus import consensus_spectra
from spectus.alignment.drift import Drift, estimate_drift
from spectus.alignment.gap_filling import FeatureSpectra, fill_gaps
from spectus.alignment.grouping import group_components
from spectus.deconvolution.component_tables import runs_in
from spectus.deconvolution.ion_traces import fold_to_nominal_mass
from spectus.errors import InputError
from spectus.files import require_file
from spectus.nominal_mass import to_nominal_mass
from spectus.raw.mass_accuracy import nominal_rule
from spectus.raw.read import read_run
from spectus.retention.calibrate import check_in_sheet
from spectus.samples import Sample, read_samples
from spectus.types import Flags, Floats, Ints

_LOG = logging.getLogger("spectus")
_LANDMARK_SIMILARITY = 0.8
"""Least cosine of two landmarks. Chosen: higher than for features, because a wrong landmark bends the drift curve."""

_DEVIATIONS = 4.0
"""Distance of a component from its expected retention, in standard deviations, that is tolerated. Chosen."""

_HALF_HEIGHT = 0.19
"""Half the width at half height of a Gaussian peak, as a fraction of its width at 1 %: sqrt(ln 2 / ln 100) / 2."""


@dataclass(frozen=True)
class AlignSettings:
    """Limits of the alignment, chosen on simulated campaigns (`benchmarks/alignment.py`).

    Attributes
    ----------
    max_ri_shift
        Largest shift of a run from the median of the campaign, index units; for runs with retention indices.
    max_rt_shift
        Largest shift of a run from the median of the campaign, s; for runs without retention indices.
    min_similarity
        Lowest weighted cosine of a component with the best one of its feature.
    """

    max_ri_shift: float = 10.0
    max_rt_shift: float = 10.0
    min_similarity: float = 0.7

    def __post_init__(self) -> None:
        """Check the values.

        Raises
        ------
        InputError
            A value is out of range.
        """
        for option, value in (("--max-ri-shift", self.max_ri_shift), ("--max-rt-shift", self.max_rt_shift)):
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{option} {value}", "is not above 0", "write for example 10")
        if not 0 < self.min_similarity <= 1:
            raise InputError(f"--min-similarity {self.min_similarity}", "is not in 0-1", "write for example 0.7")


@dataclass(frozen=True)
class Alignment:
    """Assignment of components to features; features are numbered by retention time.

    Attributes
    ----------
    label
        (n,) feature of each component of the campaign.
    best
        (n_features,) component that gives the feature its spectrum.
    place
        (n_features,) median retention on the common axis.
    axis, drift
        The axis, and the shift of each run on it.
    """

    label: Ints
    best: Ints
    place: Floats
    axis: Axis
    drift: Drift

    def expected_s(self, run: int) -> Floats:
        """Return the times (n_features,) at which a run should show the features, s; `run` is its number."""
        return self.axis.time(run, self.drift.to_run(run, self.place))


def align_components(
    components: Sequence[Path],
    samples: Path | None,
    runs_tables: Sequence[Path],
    settings: AlignSettings,
    out: Path,
    peak_areas: Path,
) -> None:
    """Write the features of a campaign, and the peak area of each in every run.

    The spectrum of a feature is the consensus of its best components. These have the highest signal-to-noise ratio
    times purity; a saturated one counts a tenth. The feature's confidence rests on all its components, and on the
    replicates that the sheet names. Ladder runs of the sheet are left out; blanks stay.

    If a run has no component of a feature, its area is read from the mzML that the runs tables name, and `gap_filled`
    is true; the area may be 0. Without runs tables, or if the run was not measuring at that time, the area is null and
    `gap_filled` is false.

    Parameters
    ----------
    components
        Components tables.
    samples
        Sample sheet; None to use all runs.
    runs_tables
        Runs tables; may be empty.
    settings
        Limits of the alignment.
    out
        Table of features to write.
    peak_areas
        Table of peak areas to write.

    Raises
    ------
    InputError
        A table or an mzML cannot be read, two tables hold a run of the same name, or the sheet or the runs tables lack
        a run.
    """
    owner, mzml = runs_in(components), _mzml_of(runs_tables)
    sheet = _sheet(samples, [*owner, *mzml])
    ladders = {sample.run for sample in sheet if sample.type == "ladder"}
    unknown = [run for run in owner if run not in mzml and run not in ladders]
    if runs_tables and unknown:
        raise InputError(runs_tables[0], f"run {unknown[0]!r} is in no runs table", "give the runs tables of all runs")
    names = sorted({*owner, *mzml} - ladders)
    for run in mzml.keys() & set(names):
        require_file(Path(mzml[run]))
    campaign = read_campaign(components, names)
    if len(_scales(campaign)) > 1:
        _LOG.warning(
            "retention indices are of several scales (%s): runs are compared by time, and a feature whose components "
            "differ in scale has no index", ", ".join(_scales(campaign)),
        )  # fmt: skip
    alignment = align_campaign(campaign, settings)
    mz, intensity = consensus_spectra(components, campaign, alignment.label, alignment.best)
    group = replicate_groups(names, sheet)
    confidence = feature_confidence(campaign.values["confidence"], alignment.label, campaign.run, group)
    features = _feature_table(campaign, alignment, confidence, mz, intensity)
    tables.write(features, out, tables.FEATURES)
    wanted = FeatureSpectra(_by_nominal_mass(mz, intensity), campaign.width_s[alignment.best])
    with tables.writing(peak_areas, tables.PEAK_AREAS) as writer:
        for number, run in enumerate(tqdm(names, desc="align", unit="run", disable=None)):
            writer.append(_peak_area_table(campaign, alignment, number, features["feature"], wanted, mzml.get(run)))


def align_campaign(campaign: Campaign, settings: AlignSettings) -> Alignment:
    """Group the components of a campaign into features.

    Parameters
    ----------
    campaign
        The components.
    settings
        Limits of the alignment.

    Returns
    -------
    Alignment
        The features.
    """
    values, run, n_runs = campaign.values, campaign.run, len(campaign.runs)
    ri = values["ri"] if len(_scales(campaign)) < 2 else np.full(len(run), np.nan)
    axis = Axis.of(values["rt_s"], ri, run, n_runs, settings.max_rt_shift, settings.max_ri_shift)
    similarity = max(_LANDMARK_SIMILARITY, settings.min_similarity)
    width, quality = campaign.width_s * axis.per_s, campaign.quality
    placed = PlacedComponents(axis.x, run, width, quality, campaign.weighted)
    drift = estimate_drift(placed, axis.max_shift, similarity)
    common, deviation = np.empty(len(run)), np.empty(len(run))
    for number in range(n_runs):
        rows = slice(*np.searchsorted(run, [number, number + 1]))
        common[rows] = drift.to_common(number, axis.x[rows])
        deviation[rows] = drift.deviation_at(number, axis.x[rows])
    tolerance = np.minimum(np.maximum(_DEVIATIONS * deviation, _HALF_HEIGHT * width), axis.max_shift[run])
    seeds = group_components(replace(placed, x=common), tolerance, settings.min_similarity)
    by_time = np.argsort(group_medians(values["rt_s"], seeds), kind="stable")
    label = np.argsort(by_time)[seeds]
    by_quality = np.lexsort((-quality, label))
    best = by_quality[np.searchsorted(label[by_quality], np.arange(len(by_time)))]
    return Alignment(label, best, group_medians(common, label), axis, drift)


def group_medians(values: Floats, label: Ints) -> Floats:
    """Return the median of each group.

    Parameters
    ----------
    values
        (n,) values; those that are not finite do not count.
    label
        (n,) group numbers from 0.

    Returns
    -------
    Floats
        (n_labels,) medians; NaN for a group without finite values.
    """
    n_labels = int(label.max(initial=-1)) + 1
    finite = np.isfinite(values)
    size = np.bincount(label[finite], minlength=n_labels)
    ordered = np.append(values[finite][np.lexsort((values[finite], label[finite]))], np.nan)
    first = np.cumsum(size) - size
    low, high = first + np.maximum(size - 1, 0) // 2, first + size // 2
    return np.asarray(np.where(size > 0, 0.5 * (ordered[low] + ordered[high]), np.nan))


def _feature_table(
    campaign: Campaign, alignment: Alignment, confidence: Floats, mz: pa.Array, intensity: pa.Array
) -> pa.Table:
    """Return the features as a table of schema FEATURES."""
    values, label, best = campaign.values, alignment.label, alignment.best
    scale, mixed = _feature_scales(campaign, alignment)
    ri = np.where(mixed, np.nan, group_medians(values["ri"], label))
    digits = max(4, len(str(len(best))))
    columns = {
        "feature": [f"F{number:0{digits}d}" for number in range(1, len(best) + 1)],
        "rt_s": group_medians(values["rt_s"], label),
        "ri": pa.array(ri, mask=np.isnan(ri)),
        "ri_extrapolated": pa.array(group_medians(values["ri_extrapolated"], label) > 0.5, mask=np.isnan(ri)),
        "ri_scale": pa.array(scale, pa.string()),
        "n_runs": np.bincount(label, minlength=len(best)).astype(np.int32),
        "best_run": [campaign.runs[number] for number in campaign.run[best]],
        "best_component": values["component"][best].astype(np.int32),
        "snr": pa.array(values["snr"][best], from_pandas=True),
        "purity": pa.array(values["purity"][best], from_pandas=True),
        "confidence": pa.array(confidence, from_pandas=True),
        "mz": mz,
        "intensity": intensity,
    }
    return tables.table(tables.FEATURES, columns)


def _scales(campaign: Campaign) -> list[str]:
    """Return the scales of the campaign's retention indices, sorted."""
    return sorted({scale for scale in campaign.scale if scale is not None})


def _feature_scales(campaign: Campaign, alignment: Alignment) -> tuple[list[str | None], Flags]:
    """Return the scale of each feature's indices, None for none, and which features have indices of several scales."""
    scales: list[set[str | None]] = [set() for _ in alignment.best]
    for feature, scale, ri in zip(alignment.label, campaign.scale, campaign.values["ri"], strict=True):
        if np.isfinite(ri):
            scales[feature].add(scale)
    one = [next(iter(of)) if len(of) == 1 else None for of in scales]
    return one, np.array([len(of) > 1 for of in scales], dtype=bool)


def _peak_area_table(
    campaign: Campaign,
    alignment: Alignment,
    number: int,
    names: pa.ChunkedArray,
    wanted: FeatureSpectra,
    mzml: str | None,
) -> pa.Table:
    """Return one row per feature for run number `number` (schema PEAK_AREAS)."""
    rows = np.arange(*np.searchsorted(campaign.run, [number, number + 1]))
    perceived = np.zeros(len(names), dtype=bool)
    perceived[alignment.label[rows]] = True
    rt_s, area = alignment.expected_s(number), np.full(len(names), np.nan)
    rt_s[alignment.label[rows]] = campaign.values["rt_s"][rows]
    if mzml is not None and not perceived.all():
        raw = read_run(Path(mzml))
        area = fill_gaps(fold_to_nominal_mass(raw, nominal=nominal_rule(raw)), wanted, rt_s, perceived)
    filled = np.isfinite(area)
    area[alignment.label[rows]] = campaign.values["area"][rows]
    component = np.zeros(len(names), dtype=np.int32)
    component[alignment.label[rows]] = campaign.values["component"][rows]
    columns = {
        "feature": names.combine_chunks(),
        "run": pa.repeat(pa.scalar(campaign.runs[number]), len(names)),
        "component": pa.array(component, mask=~perceived),
        "rt_s": rt_s,
        "area": pa.array(area, from_pandas=True),
        "gap_filled": filled,
    }
    return tables.table(tables.PEAK_AREAS, columns)


def _by_nominal_mass(mz: pa.Array, intensity: pa.Array) -> csr_array:
    """Return (n, n_masses) spectra by nominal mass, base peak 1.0."""
    mass = to_nominal_mass(mz.flatten().to_numpy())
    lengths = mz.value_lengths().fill_null(0).to_numpy()
    matrix = csr_array(
        (intensity.flatten().to_numpy().astype(np.float64), mass, np.concatenate([[0], np.cumsum(lengths)])),
        shape=(len(mz), int(mass.max(initial=0)) + 1),
    )
    matrix.sum_duplicates()
    return matrix


def _sheet(samples: Path | None, runs: Sequence[str]) -> list[Sample]:
    """Return the rows of the sheet, which names all runs; none without a sheet."""
    if samples is None:
        return []
    sheet = read_samples(samples)
    check_in_sheet(runs, sheet, samples)
    return sheet


def _mzml_of(runs_tables: Sequence[Path]) -> dict[str, str]:
    """Return the mzML of every run that could be read."""
    found: dict[str, str] = {}
    for path in runs_tables:
        for row in tables.read(path, tables.RUNS, ["run", "status", "mzml"]).to_pylist():
            if row["run"] in found:
                raise InputError(path, f"run {row['run']!r} is there twice", "give every run its own name")
            if row["status"] == "ok" and row["mzml"]:
                found[row["run"]] = row["mzml"]
    return found
