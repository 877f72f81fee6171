"""Measuring compounds in all runs: their ions are chosen in some runs, and then integrated in every run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from spectus.deconvolution.ion_traces import detector_ceiling
from spectus.files import require_file
from spectus.quantitation.integration import Peak, find_peak, integrate_between
from spectus.quantitation.ion_signals import OpenedRun, Window
from spectus.quantitation.ions import IonChoice, choose_ions
from spectus.raw.read import read_run
from spectus.types import Flags, Floats, Ints

_REACH_S = 30.0
"""Half of a window around a peak, s. Chosen: a peak of 3 s and its tail fill a third of it; a wider peak doubles it."""

_LARGEST_SHARE = 0.5
"""Largest share of half a window that half a peak may take. Chosen: the baseline needs scans that the tail leaves."""

_LARGEST_REACH_S = 240.0
"""Largest half window, s. Chosen: no peak of a capillary column is wider."""

_REFERENCE_RUNS = 5
"""Runs in which the ions of a compound are chosen. Chosen: more change no choice and cost a reading each."""

_KEPT_RUNS = 6
"""Runs that are kept in memory between their two uses. Chosen: a run takes about 30 MB."""

_JUDGED_SNR = 3.0
"""Expected signal-to-noise ratio from which a qualifier ratio is judged (ICH Q2(R2), 2023, 3.2.3.2)."""


@dataclass(frozen=True)
class Sought:
    """A compound or internal standard that is sought in all runs.

    Attributes
    ----------
    name
        Its name.
    feature
        Its feature; None if it is sought by its time only.
    rt_s
        Its time, s.
    expected_s
        (n_runs,) time in each run, s.
    perceived
        (n_runs,) which of these times are those of components that were perceived.
    candidates
        m/z of the ions to choose from, Th.
    quantifier, qualifiers
        m/z that the user names; None and empty to choose them.
    """

    name: str
    feature: str | None
    rt_s: float
    expected_s: Floats
    perceived: Flags
    candidates: tuple[float, ...]
    quantifier: float | None = None
    qualifiers: tuple[float, ...] = ()


@dataclass(frozen=True)
class Measured:
    """What was measured of one compound; every array has a value for each run.

    Attributes
    ----------
    ions
        Its ions; None if there are none.
    area, height, noise, rt_s
        Of the quantifier's peak: counts x s, counts, counts, s; NaN where the run cannot be read.
    detected, saturated
        The peak is detected; a scan of it reached the detector's ceiling.
    qualifier_area, qualifier_noise
        (n_qualifiers, n_runs) areas, counts x s, and noise, counts.
    """

    ions: IonChoice | None
    area: Floats
    height: Floats
    noise: Floats
    rt_s: Floats
    detected: Flags
    saturated: Flags
    qualifier_area: Floats
    qualifier_noise: Floats

    @property
    def snr(self) -> Floats:
        """(n_runs,) height over noise."""
        return self.height / self.noise

    def qualifier_ratios(self, used: Flags) -> Floats:
        """Return the expected ratios of the qualifiers, (n_qualifiers,), medians of the runs in use; NaN for none."""
        if not (used & self.detected).any():
            return np.full(len(self.qualifier_area), np.nan)
        runs = used & self.detected & (self.area > 0)
        return np.asarray(np.median(self.qualifier_area[:, runs] / self.area[runs], axis=1))

    def qualifier_errors(self, ratios: Floats) -> Floats:
        """Return the largest relative deviation from the expected ratios, (n_runs,); NaN where none can be judged.

        A qualifier is judged in a run if its expected height is at least three times its noise.
        """
        if not len(ratios):
            return np.full(len(self.area), np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = np.abs(self.qualifier_area / self.area / ratios[:, None] - 1)
            judged = (self.height * ratios[:, None] >= _JUDGED_SNR * self.qualifier_noise) & self.detected
        errors = np.where(judged, errors, -np.inf).max(axis=0)
        return np.where(np.isfinite(errors), errors, np.nan)


def measure(
    sought: Sequence[Sought],
    mzml: Sequence[Path | None],
    reference: Sequence[Ints],
    n_qualifiers: int,
    tolerance: float,
) -> list[Measured]:
    """Measure compounds in all runs. One run at a time is in memory.

    Parameters
    ----------
    sought
        What to measure.
    mzml
        (n_runs,) the mzML of each run; None where there is none.
    reference
        For each compound the runs in which its ions are chosen.
    n_qualifiers
        Qualifier ions of a compound.
    tolerance
        Largest distance of a peak from the expected time, s.

    Raises
    ------
    InputError
        An mzML is missing or cannot be read.
    """
    for path in mzml:
        if path is not None:
            require_file(path)
    runs = _Runs(mzml)
    ions = _chosen_ions(sought, runs, reference, n_qualifiers, tolerance)
    found = [_Columns(len(mzml), choice) for choice in ions]
    for number, path in enumerate(tqdm(mzml, desc="quantify", unit="run", disable=None)):
        if path is None or not sought:
            continue
        run = runs.opened(number)
        for what, choice, columns in zip(sought, ions, found, strict=True):
            if choice is not None and np.isfinite(what.expected_s[number]):
                columns.put(number, *_peaks(run, what, choice, number, tolerance))
    return [columns.measured() for columns in found]


def reference_runs(area: Floats, preferred: Flags) -> Ints:
    """Return up to five runs in which the ions of a compound are chosen.

    Parameters
    ----------
    area
        (n_runs,) areas of the compound, counts x s; NaN or 0 where it is absent.
    preferred
        (n_runs,) runs to choose in if the compound is there: the calibrators. Otherwise the largest areas count.
    """
    there = np.nan_to_num(area) > 0
    pool = np.flatnonzero(there & preferred)
    if not len(pool):
        pool = np.flatnonzero(there)
        return pool[np.argsort(-area[pool], kind="stable")[:_REFERENCE_RUNS]]
    by_area = pool[np.argsort(area[pool], kind="stable")]
    places = np.unique(np.linspace(0, len(by_area) - 1, min(_REFERENCE_RUNS, len(by_area))).round().astype(np.int64))
    return by_area[places]


class _Columns:
    """The measurements of one compound while the runs are read."""

    def __init__(self, n_runs: int, ions: IonChoice | None) -> None:
        n_qualifiers = len(ions.qualifiers) if ions else 0
        self._ions = ions
        self._values = np.full((4, n_runs), np.nan)
        self._flags = np.zeros((2, n_runs), dtype=bool)
        self._qualifiers = np.full((2, n_qualifiers, n_runs), np.nan)

    def put(self, run: int, peak: Peak, qualifiers: Sequence[Peak]) -> None:
        """Keep the peaks of one run."""
        self._values[:, run] = peak.area, peak.height, peak.noise, peak.rt_s
        self._flags[:, run] = peak.detected, peak.saturated
        for place, qualifier in enumerate(qualifiers):
            self._qualifiers[:, place, run] = qualifier.area, qualifier.noise

    def measured(self) -> Measured:
        """Return all runs."""
        return Measured(self._ions, *self._values, *self._flags, *self._qualifiers)


class _Runs:
    """Reads runs, and keeps the first few of them, because the ions are chosen in some before all are measured."""

    def __init__(self, mzml: Sequence[Path | None]) -> None:
        self._mzml, self._kept = mzml, dict[int, OpenedRun]()

    def readable(self, number: int) -> bool:
        """Tell whether a run has an mzML."""
        return self._mzml[number] is not None

    def opened(self, number: int) -> OpenedRun:
        """Return a run that is readable."""
        if number in self._kept:
            return self._kept.pop(number)
        path = self._mzml[number]
        assert path is not None
        run = read_run(path)
        return OpenedRun.of(run, detector_ceiling(run.intensity))

    def keep(self, number: int, run: OpenedRun) -> None:
        """Keep a run for its second use, unless enough are kept."""
        if len(self._kept) < _KEPT_RUNS:
            self._kept[number] = run


def _chosen_ions(
    sought: Sequence[Sought],
    runs: _Runs,
    reference: Sequence[Ints],
    n_qualifiers: int,
    tolerance: float,
) -> list[IonChoice | None]:
    """Return the ions of each compound: those that the user names, and the best of its candidates for the others."""
    windows: list[list[Window]] = [[] for _ in sought]
    searches: list[list[tuple[float, float]]] = [[] for _ in sought]
    open_ions = [
        what.quantifier is None or (not what.qualifiers and n_qualifiers > 0 and bool(what.candidates))
        for what in sought
    ]
    needed = {int(run) for some, needs in zip(reference, open_ions, strict=True) for run in some if needs}
    for number in sorted(needed):
        if not runs.readable(number):
            continue
        run = runs.opened(number)
        runs.keep(number, run)
        for place, what in enumerate(sought):
            if open_ions[place] and number in reference[place]:
                expected = what.expected_s[number]
                windows[place].append(run.window(expected - _REACH_S, expected + _REACH_S, what.candidates))
                searches[place].append((expected, tolerance / 2))
    return [
        _with_named_ions(what, choose_ions(what.candidates, cut, search, n_qualifiers, what.quantifier), n_qualifiers)
        for what, cut, search in zip(sought, windows, searches, strict=True)
    ]


def _with_named_ions(what: Sought, choice: IonChoice | None, n_qualifiers: int) -> IonChoice | None:
    """Put the ions that the user names in place of the chosen ones."""
    if what.quantifier is None:
        return replace(choice, qualifiers=what.qualifiers) if choice and what.qualifiers else choice
    chosen = (choice.quantifier, *choice.qualifiers) if choice else ()
    others = tuple(ion for ion in chosen if ion != what.quantifier)[:n_qualifiers]
    return IonChoice(what.quantifier, what.qualifiers or others)


def _peaks(run: OpenedRun, what: Sought, ions: IonChoice, number: int, tolerance: float) -> tuple[Peak, list[Peak]]:
    """Integrate the ions of a compound in a run; the window grows until it holds the whole peak."""
    expected = float(what.expected_s[number])
    search = expected, tolerance / 2 if what.perceived[number] else tolerance
    reach = _REACH_S
    while True:
        window = run.window(expected - reach, expected + reach, (ions.quantifier, *ions.qualifiers))
        peak = find_peak(window.rt_s, window.traces[0], search, window.threshold, window.ceiling)
        longest = max(peak.rt_s - peak.start_s, peak.end_s - peak.rt_s)
        if not peak.detected or longest <= _LARGEST_SHARE * reach or reach >= _LARGEST_REACH_S:
            break
        reach *= 2
    qualifiers = [
        integrate_between(window.rt_s, trace, peak, window.threshold, window.ceiling) for trace in window.traces[1:]
    ]
    return peak, qualifiers
