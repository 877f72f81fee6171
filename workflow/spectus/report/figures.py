"""The numbers behind the page's figures, thinned and rounded to what an eye can see on paper.

The page draws them itself, so that a reader can zoom in and choose. The full numbers are in the data set.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.raw.mass_accuracy import nominal_mass
from spectus.raw.read import read_run
from spectus.tables import COMPONENTS, read_parts

TIC_POINTS = 1500
PROFILES_PER_FEATURE = 6
MODEL_POINTS = 24
_TIC_SCALE = 9999


def decimate(
    x: NDArray[np.float64], y: NDArray[np.float64], points: int = TIC_POINTS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most `points` of the points (n,), keeping the lowest and the highest y of each stretch, so no peak is lost."""
    if len(y) <= points:
        return x, y
    width = -(-len(y) // (points // 2))
    padded = np.pad(y, (0, -len(y) % width), mode="edge").reshape(-1, width)
    start = np.arange(len(padded)) * width
    ends = np.sort(np.stack([padded.argmin(axis=1), padded.argmax(axis=1)], axis=1) + start[:, None], axis=1)
    keep = np.unique(np.minimum(ends.ravel(), len(y) - 1))
    return x[keep], y[keep]


def chromatogram(mzml: str | None) -> dict[str, Any]:
    """The total ion current of a run as times (steps of 0.01 s) and counts (0-9999 of `top`), or why there is none."""
    if not mzml:
        return {"missing": "no mzML was made of this run"}
    try:
        run = read_run(Path(mzml))
    except InputError as error:
        return {"missing": f"{error}"}
    rt_s, counts = decimate(run.rt_s, run.tic)
    top = float(counts.max(initial=0.0))
    return {
        "t": _steps(rt_s),
        "y": np.rint(counts * (_TIC_SCALE / top if top > 0 else 0)).astype(int).tolist(),
        "top": significant(top, 4),
        "scans": run.n_scans,
    }


def apexes(
    components: pa.Table, amounts: "Amounts", runs: Sequence[str], models: Mapping[str, Mapping[int, list[int]]]
) -> dict[str, Any]:
    """For each of `runs` its components: apex times (as in `chromatogram`) and the place of their feature, or -1.

    Runs that have `models` (see `model_peaks`) get them, too, with the heights of their components, counts.
    """
    place = _places(components["run"], runs)
    key = place << 32 | components["component"].to_numpy().astype(np.int64)
    times = components["rt_s"].to_numpy()
    feature, column = np.nonzero(amounts.component)
    known = _places(pa.chunked_array([pa.array(amounts.runs, pa.string())]), runs)[column]
    feature_key = known << 32 | amounts.component[feature, column]
    order = np.argsort(feature_key)
    features = _looked_up(key, feature_key[order], feature[order])
    found: dict[str, Any] = {}
    by_time = np.lexsort([times, place])
    edges = np.searchsorted(place[by_time], np.arange(len(runs) + 1))
    for number, run in enumerate(runs):
        group = by_time[edges[number] : edges[number + 1]]
        found[run] = {"t": _steps(times[group]), "f": features[group].tolist()}
        if run in models:
            numbers, heights = (components[name].to_numpy()[group] for name in ("component", "height"))
            found[run]["h"] = [significant(height, 3) for height in heights.tolist()]
            found[run]["m"] = [models[run].get(number) for number in numbers.tolist()]
    return found


def model_peaks(files: Iterable[Path], runs: Sequence[str]) -> dict[str, dict[int, list[int]]]:
    """Of some runs the model peaks by component: start and step in 0.01 s, then hundredths of the apex."""
    found: dict[str, dict[int, list[int]]] = {run: {} for run in runs}
    for path in files:
        for part in read_parts(path, COMPONENTS, ["run", "component", "profile_rt_s", "profile"]):
            for row in part.take(pa.array(np.flatnonzero(_places(part["run"], runs) >= 0))).to_pylist():
                if row["profile_rt_s"] and row["profile"]:
                    found[row["run"]][row["component"]] = _evenly(row["profile_rt_s"], row["profile"])
    return found


def _evenly(rt_s: Sequence[float], heights: Sequence[float]) -> list[int]:
    """A profile at even steps: start and step in 0.01 s, then hundredths of its apex."""
    points = min(len(rt_s), MODEL_POINTS)
    step = max(1, round((rt_s[-1] - rt_s[0]) * 100 / max(points - 1, 1)))
    at = rt_s[0] + np.arange(points) * step / 100
    hundredths = np.rint(np.interp(at, rt_s, heights) * 100).astype(int)
    return [round(rt_s[0] * 100), step, *hundredths.tolist()]


def spectrum(mz: Sequence[float] | None, intensity: Sequence[float] | None) -> list[list[float]]:
    """Peaks as m/z (whole where they are nominal) and intensity in thousandths; peaks below one are left out."""
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


def profile(rt_s: Sequence[float], heights: Sequence[float]) -> list[list[float]]:
    """An elution profile as times (steps of 0.01 s) and thousandths of its apex."""
    return [
        _steps(np.asarray(rt_s, dtype=np.float64)),
        np.rint(np.asarray(heights) * 1000).astype(int).tolist(),
    ]


def profiles(files: Iterable[Path], wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], list[list[float]]]:
    """The elution profiles of the components named (run, number), where they have one, from components tables."""
    runs = {run: place for place, run in enumerate(dict.fromkeys(run for run, _ in wanted))}
    keys = np.array([runs[run] << 32 | number for run, number in wanted], dtype=np.int64)
    found: dict[tuple[str, int], list[list[float]]] = {}
    for path in files:
        for part in read_parts(path, COMPONENTS, ["run", "component", "profile_rt_s", "profile"]):
            key = _places(part["run"], list(runs)) << 32 | part["component"].to_numpy().astype(np.int64)
            for row in part.take(pa.array(np.flatnonzero(np.isin(key, keys)))).to_pylist():
                if row["profile_rt_s"] and row["profile"]:
                    found[row["run"], row["component"]] = profile(row["profile_rt_s"], row["profile"])
    return found


def accurate_masses(
    files: Iterable[Path], wanted: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], list[list[float]]]:
    """Of the components named (run, number), where their run has accurate masses: nominal and measured m/z of the ions.

    Those of less than a thousandth of the largest are left out, as in spectra.
    """
    runs = {run: place for place, run in enumerate(dict.fromkeys(run for run, _ in wanted))}
    keys = np.array([runs[run] << 32 | number for run, number in wanted], dtype=np.int64)
    found: dict[tuple[str, int], list[list[float]]] = {}
    for path in files:
        for part in read_parts(path, COMPONENTS, ["run", "component", "accurate_mz", "accurate_intensity"]):
            key = _places(part["run"], list(runs)) << 32 | part["component"].to_numpy().astype(np.int64)
            for row in part.take(pa.array(np.flatnonzero(np.isin(key, keys)))).to_pylist():
                if row["accurate_mz"]:
                    mz = np.array(row["accurate_mz"])[np.array(row["accurate_intensity"]) >= 0.0005]
                    found[row["run"], row["component"]] = [nominal_mass(mz).tolist(), np.round(mz, 4).tolist()]
    return found


@dataclass(frozen=True)
class Amounts:
    """The peak areas as a matrix.

    Attributes
    ----------
    runs: the runs that have peak areas, in the campaign's order.
    area: (n_features, n_runs), counts x s; nan where there is none.
    filled: (n_features, n_runs), the area was read at the expected time, no component was perceived.
    component: (n_features, n_runs) int64, number of the component; 0 where there is none.
    """

    runs: list[str]
    area: NDArray[np.float64]
    filled: NDArray[np.bool_]
    component: NDArray[np.int64]

    @classmethod
    def of(cls, peak_areas: pa.Table, features: Sequence[str], runs: Sequence[str]) -> "Amounts":
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
    """(n_names,) where each name stands in `order`; -1 if it does not."""
    found = pc.index_in(names, value_set=pa.array(list(order), pa.string()))
    return pc.fill_null(found, -1).to_numpy().astype(np.int64)


def _looked_up(keys: NDArray[np.int64], known: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n_keys,) the value that stands with each key among the ascending `known`; -1 if there is none."""
    if not len(known):
        return np.full(len(keys), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[at] == keys, values[at], -1)


def significant(value: float | None, digits: int) -> float | int | None:
    """`value` to so many significant digits, as an int where that loses nothing; None for null and nan."""
    if value is None or not np.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded


def decimals(value: float | None, digits: int) -> float | int | None:
    """`value` to so many decimals; None for null and nan."""
    if value is None or not np.isfinite(value):
        return None
    rounded = round(float(value), digits)
    return int(rounded) if rounded.is_integer() else rounded


def _steps(rt_s: NDArray[np.float64]) -> list[int]:
    """Times as the first in units of 0.01 s, then the differences: half the digits."""
    hundredths = np.rint(rt_s * 100).astype(np.int64)
    return np.diff(hundredths, prepend=0).tolist()
