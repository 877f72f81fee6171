"""The numbers behind the page's figures, thinned and rounded to what a reader can see.

The page draws the figures, so that a reader can zoom. The data set has the full numbers.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spectus.raw.mass_accuracy import nominal_mass
from spectus.tables import COMPONENTS, read_parts

PROFILES_PER_FEATURE = 6
"""Elution profiles of a feature, one per run. Chosen: more lines cannot be told apart."""
MODEL_POINTS = 24
"""Points of a model peak. Chosen: a Gaussian over six standard deviations keeps its shape within 1 % of the apex."""
DRIFT_POINTS = 150
"""Components of a run without a chromatogram, 1 kB. Only the figure of the drift needs them. Chosen: the drift of a run
is smooth, and a running median of nine of them still follows a twentieth of the run."""
_LEAST_ION = 0.0005
"""Least intensity of an ion of accurate mass, share of the largest: it rounds to one thousandth, as in spectra."""
_PLACE_BITS = 32
"""Bits of a key that hold the component number (int32); the place of the run is above them."""


def decimate(
    x: NDArray[np.float64], y: NDArray[np.float64], points: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Thin a curve, keeping the lowest and the highest point of each stretch, so that no peak is lost.

    Parameters
    ----------
    x, y : (n,) array
        The curve.
    points : int
        Largest number of points.

    Returns
    -------
    x, y : (m,) array
        At most `points` of the points.
    """
    if len(y) <= points:
        return x, y
    width = -(-len(y) // (points // 2))
    padded = np.pad(y, (0, -len(y) % width), mode="edge").reshape(-1, width)
    start = np.arange(len(padded)) * width
    ends = np.sort(np.stack([padded.argmin(axis=1), padded.argmax(axis=1)], axis=1) + start[:, None], axis=1)
    keep = np.unique(np.minimum(ends.ravel(), len(y) - 1))
    return x[keep], y[keep]


def apexes(
    components: pa.Table, areas: "PeakAreaMatrix", runs: Sequence[str], models: Mapping[str, Mapping[int, list[int]]],
    drawn: Collection[str],
) -> dict[str, Any]:  # fmt: skip
    """Return the apexes of the components of each run.

    Parameters
    ----------
    components : pyarrow.Table
        Columns run, component, rt_s and height of COMPONENTS.
    areas : PeakAreaMatrix
        Which component belongs to which feature.
    runs : sequence of str
        The runs.
    models : mapping of str to mapping
        Model peaks of some of the runs, from `model_peaks`.
    drawn : collection of str
        The runs with a chromatogram. The others get at most DRIFT_POINTS of the components that belong to a feature.

    Returns
    -------
    dict
        By run: `t`, apex times in steps of 0.01 s; `f`, the place of the feature of each component, less the last such
        place, or null; for runs with model peaks also `h`, heights in counts, and `m`, the model peaks.
    """
    place = _places(components["run"], runs)
    key = place << _PLACE_BITS | components["component"].to_numpy().astype(np.int64)
    times = components["rt_s"].to_numpy()
    feature, column = np.nonzero(areas.component)
    known = _places(pa.chunked_array([pa.array(areas.runs, pa.string())]), runs)[column]
    feature_key = known << _PLACE_BITS | areas.component[feature, column]
    order = np.argsort(feature_key)
    features = _looked_up(key, feature_key[order], feature[order])
    found: dict[str, Any] = {}
    by_time = np.lexsort([times, place])
    edges = np.searchsorted(place[by_time], np.arange(len(runs) + 1))
    for number, run in enumerate(runs):
        group = by_time[edges[number] : edges[number + 1]]
        if run not in drawn:
            group = group[features[group] >= 0]
            group = group[:: max(1, -(-len(group) // DRIFT_POINTS))]
        found[run] = {"t": steps(times[group]), "f": _place_steps(features[group])}
        if run in models:
            numbers, heights = (components[name].to_numpy()[group] for name in ("component", "height"))
            found[run]["h"] = [significant(height, 3) for height in heights.tolist()]
            found[run]["m"] = [models[run].get(number) for number in numbers.tolist()]
    return found


def _place_steps(places: NDArray[np.int64]) -> list[int | None]:
    """Return places as differences to the last place that is not -1, which pack to half the size; None for -1."""
    known = places >= 0
    found = np.full(len(places), None)
    found[known] = np.diff(places[known], prepend=0)
    listed: list[int | None] = found.tolist()
    return listed


def model_peaks(files: Iterable[Path], runs: Sequence[str]) -> dict[str, dict[int, list[int]]]:
    """Read the model peaks of some runs.

    Parameters
    ----------
    files : iterable of Path
        Tables of components.
    runs : sequence of str
        The runs.

    Returns
    -------
    dict
        By run and component: start and step in 0.01 s, then heights in hundredths of the apex.
    """
    found: dict[str, dict[int, list[int]]] = {run: {} for run in runs}
    for path in files:
        for part in read_parts(path, COMPONENTS, ["run", "component", "profile_rt_s", "profile"]):
            for row in part.take(pa.array(np.flatnonzero(_places(part["run"], runs) >= 0))).to_pylist():
                if row["profile_rt_s"] and row["profile"]:
                    found[row["run"]][row["component"]] = _evenly(row["profile_rt_s"], row["profile"])
    return found


def _evenly(rt_s: Sequence[float], heights: Sequence[float]) -> list[int]:
    """Resample a profile at even steps: start and step in 0.01 s, then hundredths of its apex."""
    points = min(len(rt_s), MODEL_POINTS)
    step = max(1, round((rt_s[-1] - rt_s[0]) * 100 / max(points - 1, 1)))
    at = rt_s[0] + np.arange(points) * step / 100
    hundredths = np.rint(np.interp(at, rt_s, heights) * 100).astype(int)
    return [round(rt_s[0] * 100), step, *hundredths.tolist()]


def rounded_spectrum(mz: Sequence[float] | None, intensity: Sequence[float] | None) -> list[list[float]]:
    """Return m/z (integers if all are nominal) and intensities in thousandths of the base peak.

    Peaks below one thousandth are left out. No spectrum gives two empty lists.
    """
    masses = np.asarray(mz if mz is not None else [], dtype=np.float64)
    heights = np.asarray(intensity if intensity is not None else [], dtype=np.float64)
    top = heights.max(initial=0.0)
    if not top > 0:
        return [[], []]
    thousandths = np.rint(heights / top * 1000).astype(int)
    seen = thousandths > 0
    nominal = np.all(np.abs(masses - np.rint(masses)) < 1e-3)
    shown = np.rint(masses[seen]).astype(int) if nominal else np.round(masses[seen], 3)
    return [shown.tolist(), thousandths[seen].tolist()]


def rounded_profile(rt_s: Sequence[float], heights: Sequence[float]) -> list[list[float]]:
    """Return an elution profile as times (steps of 0.01 s) and heights in thousandths of its apex."""
    return [
        steps(np.asarray(rt_s, dtype=np.float64)),
        np.rint(np.asarray(heights) * 1000).astype(int).tolist(),
    ]


def profiles(files: Iterable[Path], wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], list[list[float]]]:
    """Read the elution profiles of some components; those without a profile are left out.

    Parameters
    ----------
    files : iterable of Path
        Tables of components.
    wanted : sequence of (str, int)
        Run and number of each component.
    """
    runs = {run: place for place, run in enumerate(dict.fromkeys(run for run, _ in wanted))}
    keys = np.array([runs[run] << _PLACE_BITS | number for run, number in wanted], dtype=np.int64)
    found: dict[tuple[str, int], list[list[float]]] = {}
    for path in files:
        for part in read_parts(path, COMPONENTS, ["run", "component", "profile_rt_s", "profile"]):
            key = _places(part["run"], list(runs)) << _PLACE_BITS | part["component"].to_numpy().astype(np.int64)
            for row in part.take(pa.array(np.flatnonzero(np.isin(key, keys)))).to_pylist():
                if row["profile_rt_s"] and row["profile"]:
                    found[row["run"], row["component"]] = rounded_profile(row["profile_rt_s"], row["profile"])
    return found


def accurate_masses(
    files: Iterable[Path], wanted: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], list[list[float]]]:
    """Read nominal and measured m/z of the ions of some components whose runs have accurate masses.

    Ions of less than half a thousandth of the largest are left out, as in spectra.

    Parameters
    ----------
    files : iterable of Path
        Tables of components.
    wanted : sequence of (str, int)
        Run and number of each component.
    """
    runs = {run: place for place, run in enumerate(dict.fromkeys(run for run, _ in wanted))}
    keys = np.array([runs[run] << _PLACE_BITS | number for run, number in wanted], dtype=np.int64)
    found: dict[tuple[str, int], list[list[float]]] = {}
    for path in files:
        for part in read_parts(path, COMPONENTS, ["run", "component", "accurate_mz", "accurate_intensity"]):
            key = _places(part["run"], list(runs)) << _PLACE_BITS | part["component"].to_numpy().astype(np.int64)
            for row in part.take(pa.array(np.flatnonzero(np.isin(key, keys)))).to_pylist():
                if row["accurate_mz"]:
                    mz = np.array(row["accurate_mz"])[np.array(row["accurate_intensity"]) >= _LEAST_ION]
                    found[row["run"], row["component"]] = [nominal_mass(mz).tolist(), np.round(mz, 4).tolist()]
    return found


@dataclass(frozen=True)
class PeakAreaMatrix:
    """The peak areas as a matrix of features and runs.

    Attributes
    ----------
    runs : list of str
        The runs that have peak areas, in the campaign's order.
    area : (n_features, n_runs) array
        Counts x s; NaN where there is none.
    filled : (n_features, n_runs) array of bool
        No component was detected; the area was integrated at the expected time.
    component : (n_features, n_runs) array of int64
        Number of the component; 0 where there is none.
    """

    runs: list[str]
    area: NDArray[np.float64]
    filled: NDArray[np.bool_]
    component: NDArray[np.int64]

    @classmethod
    def of(cls, peak_areas: pa.Table, features: Sequence[str], runs: Sequence[str]) -> "PeakAreaMatrix":
        """Arrange a table PEAK_AREAS.

        Parameters
        ----------
        peak_areas : pyarrow.Table
            The table.
        features, runs : sequence of str
            All features and runs of the campaign, in its order.
        """
        measured = set(peak_areas["run"].unique().to_pylist())
        columns = [run for run in runs if run in measured]
        row, column = _places(peak_areas["feature"], features), _places(peak_areas["run"], columns)
        shape = len(features), len(columns)
        area, filled, component = np.full(shape, np.nan), np.zeros(shape, bool), np.zeros(shape, np.int64)
        area[row, column] = peak_areas["area"].to_numpy()
        filled[row, column] = pc.fill_null(peak_areas["gap_filled"], False).to_numpy()
        component[row, column] = pc.fill_null(peak_areas["component"], 0).to_numpy()
        return cls(columns, area, filled, component)


def _places(names: pa.ChunkedArray, order: Sequence[str]) -> NDArray[np.int64]:
    """Return the place of each name in `order`, shape (n_names,); -1 if it is missing there."""
    found = pc.index_in(names, value_set=pa.array(list(order), pa.string()))
    places: NDArray[np.int64] = pc.fill_null(found, -1).to_numpy().astype(np.int64)
    return places


def _looked_up(keys: NDArray[np.int64], known: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the value of each key, shape (n_keys,), by the ascending `known` keys; -1 if there is none."""
    if not len(known):
        return np.full(len(keys), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[at] == keys, values[at], -1)


def significant(value: float | None, digits: int) -> float | int | None:
    """Round to significant digits, to an int where that loses nothing. Null, NaN and infinity give None."""
    if value is None or not np.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded


def decimals(value: float | None, digits: int) -> float | int | None:
    """Round to decimals, to an int where that loses nothing. Null, NaN and infinity give None."""
    if value is None or not np.isfinite(value):
        return None
    rounded = round(float(value), digits)
    return int(rounded) if rounded.is_integer() else rounded


def steps(rt_s: NDArray[np.float64]) -> list[int]:
    """Return times in units of 0.01 s: the first one, then differences, which need half the digits."""
    hundredths = np.rint(rt_s * 100).astype(np.int64)
    steps: list[int] = np.diff(hundredths, prepend=0).tolist()
    return steps
