"""Chromatograms of the runs: total ion currents, and the traces of the ions of each feature around its peak."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from spectus.errors import InputError
from spectus.raw.mass_accuracy import nominal_mass
from spectus.raw.read import read_run
from spectus.raw.run import Run
from spectus.report.figures import decimate, significant, steps

TIC_POINTS = 1_500
"""Fewest points of a chromatogram. Chosen: more than the pixels of its width on a large screen."""
MOST_TIC_POINTS = 2_000_000
"""Points of all chromatograms, about 1.5 bytes each on the page. Chosen: 3 MB."""
IONS = 4
"""Ions of a feature in the run that gave its spectrum. Chosen: more lines cannot be told apart."""
RUNS_PER_FEATURE = 6
"""Runs with a trace of a feature. Chosen: more lines cannot be told apart."""
_TRACE_POINTS = 60
"""Most points of a trace. Chosen: a peak is seldom wider than 20 scans, and the window has three times its width."""
_WIDER = 0.5
"""Margin of a window on each side, share of the width of the elution profile. Chosen: the baseline is in view."""
_LEAST_WINDOW_S = 6.0
"""Half the width of the window of a feature without a profile, s. Chosen: a peak of GC is 2 to 6 s wide."""
_SCALE = 9_999
"""Highest number of a chromatogram: four digits, 0.01 % of the highest scan."""
_TRACE_SCALE = 999
"""Highest number of a trace."""


@dataclass(frozen=True)
class TraceRequest:
    """The traces of a feature in one run.

    Attributes
    ----------
    feature : int
        Place of the feature.
    low_s, high_s : float
        Window, s.
    ions : tuple of int
        Nominal m/z.
    """

    feature: int
    low_s: float
    high_s: float
    ions: tuple[int, ...]


@dataclass(frozen=True)
class Chromatograms:
    """What the page draws of the raw data.

    Attributes
    ----------
    tic : dict of str to dict
        By run `t`, `y`, `top` and `scans`, or `missing`: why there is none; see `total_ion_current`.
    traces : dict of int to list
        By place of the feature, for each run [run, ions, steps of 0.01 s, counts of the highest point, heights of each
        ion in thousandths of it]. The run that gave the spectrum comes first.
    """

    tic: dict[str, dict[str, Any]]
    traces: dict[int, list[list[Any]]]


def read_chromatograms(mzml: Mapping[str, str | None], requests: Mapping[str, Sequence[TraceRequest]]) -> Chromatograms:
    """Read each run once.

    Parameters
    ----------
    mzml : mapping of str to str or None
        The mzML file of each run to draw.
    requests : mapping of str to sequence of TraceRequest
        The traces to read in each run.
    """
    points = max(TIC_POINTS, MOST_TIC_POINTS // max(len(mzml), 1))
    found = Chromatograms({}, defaultdict(list))
    for run, path in tqdm(mzml.items(), desc="chromatograms", unit="run", disable=None):
        try:
            if not path:
                found.tic[run] = {"missing": "no mzML was made of this run"}
                continue
            read = read_run(Path(path))
        except InputError as error:
            found.tic[run] = {"missing": str(error)}
            continue
        found.tic[run] = total_ion_current(read, points)
        for request, trace in zip(requests.get(run, ()), ion_traces(read, requests.get(run, ())), strict=True):
            if trace is not None:
                found.traces[request.feature].append([run, *trace])
    return found


def total_ion_current(run: Run, points: int = TIC_POINTS) -> dict[str, Any]:
    """Return the total ion current of a run.

    Parameters
    ----------
    run : Run
        The run.
    points : int
        Largest number of points.

    Returns
    -------
    dict
        `t`: times in steps of 0.01 s; `y`: 0-9999 of `top`; `top`: counts; `scans`.
    """
    rt_s, counts = decimate(run.rt_s, run.tic, points)
    top = float(counts.max(initial=0.0))
    return {
        "t": steps(rt_s),
        "y": np.rint(counts * (_SCALE / top if top > 0 else 0)).astype(int).tolist(),
        "top": significant(top, 4),
        "scans": run.n_scans,
    }


def ion_traces(run: Run, requests: Sequence[TraceRequest]) -> list[list[Any] | None]:
    """Return for each request ions, times (steps of 0.01 s), counts of the highest point, and heights of each ion.

    A window that has fewer than three scans, or no ion current, gives None.
    """
    nominal = nominal_mass(run.mz)
    found: list[list[Any] | None] = []
    for request in requests:
        first, last = np.searchsorted(run.rt_s, [request.low_s, request.high_s])
        start, end = run.offsets[first], run.offsets[last]
        scan = np.repeat(np.arange(last - first), np.diff(run.offsets[first : last + 1]))
        masses, counts = nominal[start:end], run.intensity[start:end]
        heights = np.array(
            [
                np.bincount(scan[masses == ion], weights=counts[masses == ion], minlength=last - first)
                for ion in request.ions
            ]
        )
        top = float(heights.max(initial=0.0))
        if last - first < 3 or not top > 0:
            found.append(None)
            continue
        stride = -(-int(last - first) // _TRACE_POINTS)
        shown = np.rint(heights[:, ::stride] / top * _TRACE_SCALE).astype(int).tolist()
        found.append([list(request.ions), steps(run.rt_s[first:last:stride]), significant(top, 3), shown])
    return found


def window_of(profile: Sequence[Sequence[float]] | None, rt_s: float) -> tuple[float, float]:
    """Return the window around a feature, s, from its elution profile in steps of 0.01 s, or around its time."""
    if not profile:
        return rt_s - _LEAST_WINDOW_S, rt_s + _LEAST_WINDOW_S
    times = np.cumsum(profile[0]) / 100
    margin = _WIDER * (times[-1] - times[0])
    return float(times[0] - margin), float(times[-1] + margin)


def most_intense_ions(mz: Sequence[float], intensity: Sequence[float], number: int = IONS) -> tuple[int, ...]:
    """Return the nominal m/z of the most intense peaks, the base peak first."""
    order = np.argsort(-np.asarray(intensity, dtype=np.float64), kind="stable")[:number]
    return tuple(dict.fromkeys(nominal_mass(np.asarray(mz, dtype=np.float64)[order]).tolist()))


def traced_runs(areas: NDArray[np.float64], best: int | None, blanks: Sequence[int]) -> list[int]:
    """Return the columns of the runs whose trace is shown: the best run, a blank, then those of largest area.

    Parameters
    ----------
    areas : (n_runs,) array
        Areas of a feature; NaN where there is none.
    best : int or None
        Column of the run that gave the spectrum.
    blanks : sequence of int
        Columns of the blanks.
    """
    known = [column for column in np.argsort(-np.nan_to_num(areas), kind="stable").tolist() if areas[column] > 0]
    chosen = [best] if best is not None else []
    chosen += [column for column in known if column in blanks][:1]
    return list(dict.fromkeys([*chosen, *known]))[:RUNS_PER_FEATURE]
