"""Finding a ladder of n-alkanes or fatty acid methyl esters (FAME) in the components of a run.

Every component is scored for its similarity to the series. The carbon numbers are then assigned all at once: by the
chain of components of the highest total score whose spacing per carbon number changes smoothly with retention time.
Molecular ions anchor the chain.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from spectus import tables
from spectus.errors import InputError
from spectus.retention.homologues import (
    MIN_CARBON,
    SERIES,
    HomologousSeries,
    by_nominal_mass,
    molecular_ions,
    series_score,
)
from spectus.retention.retention_index import RetentionScale
from spectus.types import Flags, Floats, Ints

MIN_SCORE = 0.75
"""Least similarity of an RI standard to its series, 0-1. Chosen: other compounds stay below 0.7 (see the tests)."""

MIN_RI_STANDARDS = 3
"""Fewest RI standards of a ladder. Chosen: two could be any compounds."""

MIN_MOLECULAR_IONS = 2
"""Fewest RI standards with a molecular ion; without them the carbon numbers would be a guess. Chosen."""

MIN_HEIGHT = 0.002
"""Least height of an RI standard, as a fraction of the highest. Chosen: smaller ones are tails or impurities."""

_HEIGHT_POWER = 0.25
"""Power of the relative height that weighs a score. Chosen: a tail, a hundredth as high, counts a third."""

_MOST_CANDIDATES = 60
"""Most components of the search. Chosen: the cost grows with the square; ladders have up to 40 members."""

_MOST_CARBONS_APART = 8
"""Most carbon numbers between two RI standards of a chain. Chosen: commercial ladders skip up to four."""

_ROUGHNESS = 3.0
"""Cost of a change of the logarithmic spacing per carbon number from one step to the next, per unit squared. Chosen."""

_GAP_COST = 0.1
"""Cost of a missing RI standard, in scores. Chosen."""

_Chain = list[tuple[int, int]]
"""Row of the component and carbon number, by ascending carbon number."""

_LAST_ODD_FAME = 10
"""Largest odd acid of FAME mixtures, carbon atoms, from where only even ones follow: they hold C8, C9, C10, C12, C14
... (Kind et al. 2009, Anal. Chem. 81, 10038).
"""


@dataclass(frozen=True)
class RiStandard:
    """One RI standard of a ladder.

    Attributes
    ----------
    carbon
        Carbon number (of the acid, for a FAME).
    component
        Number of the component in the run.
    rt_s
        Apex, s.
    score
        Similarity to the series, 0-1.
    """

    carbon: int
    component: int
    rt_s: float
    score: float


@dataclass(frozen=True)
class Ladder:
    """The RI standards found in one run.

    Attributes
    ----------
    run
        Name of the ladder run.
    series
        The homologous series.
    ri_standards
        RI standards by ascending carbon number.
    """

    run: str
    series: HomologousSeries
    ri_standards: tuple[RiStandard, ...]

    @property
    def missing(self) -> list[int]:
        """Carbon numbers between found RI standards that were not found.

        An odd FAME above C10 is missing only if another odd one above C10 was found.
        """
        found = {ri_standard.carbon for ri_standard in self.ri_standards}
        odd = self.series.name != "fame" or any(carbon % 2 for carbon in found if carbon > _LAST_ODD_FAME)
        between = (n for n in range(min(found), max(found)) if odd or n <= _LAST_ODD_FAME or n % 2 == 0)
        return [carbon for carbon in between if carbon not in found]

    @property
    def scale(self) -> RetentionScale:
        """The retention index scale: 100 times the carbon number at each RI standard."""
        times = np.array([ri_standard.rt_s for ri_standard in self.ri_standards])
        return RetentionScale(
            times,
            np.array([100.0 * ri_standard.carbon for ri_standard in self.ri_standards]),
            self.run,
            self.series.name,
        )

    def table(self) -> pa.Table:
        """Return found and missing RI standards as a table of schema RI_STANDARDS."""
        found = [{**vars(ri_standard), "missing": False} for ri_standard in self.ri_standards]
        missing = [{"carbon": carbon, "missing": True} for carbon in self.missing]
        shared = {"run": self.run, "series": self.series.name}
        rows = sorted(found + missing, key=lambda row: row["carbon"])
        return tables.table(tables.RI_STANDARDS, [{**shared, "ri": 100.0 * row["carbon"], **row} for row in rows])


def find_ladder(components: pa.Table, series: str = "auto") -> Ladder:
    """Find the ladder in the components of one run.

    Parameters
    ----------
    components
        Components of the ladder run; run, component, rt_s, height, mz and intensity of the schema COMPONENTS are used.
    series
        'alkane', 'fame', or 'auto' for the one that explains the run better.

    Returns
    -------
    Ladder
        The ladder.

    Raises
    ------
    InputError
        There are fewer than three RI standards, or fewer than two with a molecular ion.
    """
    run = components["run"][0].as_py() if components.num_rows else "ladder run"
    tried = list(SERIES.values()) if series == "auto" else [SERIES[series]]
    _, ladder, anchors = max((_fit(run, components, kind) for kind in tried), key=lambda fit: fit[0])
    if len(ladder.ri_standards) < MIN_RI_STANDARDS or anchors < MIN_MOLECULAR_IONS:
        wanted = " or ".join(kind.label for kind in tried)
        problem = (
            f"shows no ladder of {wanted} ({len(ladder.ri_standards)} RI standards, {anchors} with a molecular ion)"
        )
        raise InputError(run, problem, "check that it is a ladder run scanned up to the molecular ions")
    return ladder


def _fit(run: str, components: pa.Table, series: HomologousSeries) -> tuple[float, Ladder, int]:
    """Return the value of the best chain of one series, its ladder, and how many members show their molecular ion."""
    spectra = by_nominal_mass(components)
    rt_s, height = (components[name].to_numpy().astype(np.float64) for name in ("rt_s", "height"))
    number = components["component"].to_numpy()
    scores, seen = series_score(spectra, series), molecular_ions(spectra, series)
    value, chain = _assign(rt_s, height, scores, seen)
    ri_standards = tuple(RiStandard(carbon, int(number[i]), float(rt_s[i]), float(scores[i])) for i, carbon in chain)
    return value, Ladder(run, series, ri_standards), sum(bool(seen[i, carbon - MIN_CARBON]) for i, carbon in chain)


def _assign(rt_s: Floats, height: Floats, scores: Floats, seen: Flags) -> tuple[float, _Chain]:
    """Find the chain of the highest value, and return both.

    A chain earns the scores of its members, weighted by height, so that the tail of an RI standard does not take its
    place. It earns one more for each molecular ion that agrees, and one less for each that contradicts. It pays for
    changes of the spacing per carbon number and for missing RI standards.
    """
    fits = scores >= MIN_SCORE
    if not fits.any():
        return 0.0, []
    share = height / height[fits].max()
    weight = scores * np.clip(share, 0, 1) ** _HEIGHT_POWER
    rows = np.flatnonzero(fits & (share >= MIN_HEIGHT))
    rows = rows[np.argsort(-weight[rows], kind="stable")[:_MOST_CANDIDATES]]
    rows = rows[np.argsort(rt_s[rows], kind="stable")]
    anchored = seen[rows].any(axis=1, keepdims=True)
    earned = weight[rows, None] + np.where(seen[rows], 1.0, np.where(anchored, -1.0, 0.0))
    value, chain = _best_chain(rt_s[rows], earned)
    return value, [(int(rows[i]), carbon) for i, carbon in chain]


def _best_chain(times: Floats, earned: Floats) -> tuple[float, _Chain]:
    """Find the best chain by dynamic programming over pairs of neighboring RI standards.

    A state is a pair of candidates with their distance in carbon numbers, and the carbon number of the later one.

    Parameters
    ----------
    times
        (n,) times, s, ascending.
    earned
        (n, n_carbons) what a candidate earns as each carbon number.

    Returns
    -------
    value : float
        Value of the chain.
    chain : list
        Its members.
    """
    n, n_carbons = earned.shape
    steps = np.arange(1, _MOST_CARBONS_APART + 1)
    value = np.full((n, n, len(steps), n_carbons), -np.inf)
    pace = np.zeros((n, n, len(steps)))
    origin = np.full(value.shape, -1)
    for later in range(n):
        for earlier in np.flatnonzero(times[:later] < times[later]):
            pace[later, earlier] = np.log((times[later] - times[earlier]) / steps)
            before = value[earlier, :earlier], pace[earlier, :earlier]
            reached, came_from = _extend(earned[earlier], *before, pace[later, earlier])
            for step in steps:
                gain = earned[later, step:] - _GAP_COST * (step - 1)
                value[later, earlier, step - 1, step:] = reached[step - 1, :-step] + gain
                origin[later, earlier, step - 1, step:] = came_from[step - 1, :-step]
    if not np.isfinite(value).any():
        return 0.0, []
    return float(value.max()), _trace_back(value, origin)


def _extend(own: Floats, value: Floats, pace: Floats, next_pace: Floats) -> tuple[Floats, Ints]:
    """Return the best total of a chain that ends at a candidate, for each next step, and the state before (-1: none).

    Parameters
    ----------
    own
        (n_carbons,) what the candidate earns as the first of a chain.
    value, pace
        (n_earlier, n_steps, n_carbons) and (n_earlier, n_steps) of the states that end at it.
    next_pace
        (n_steps,) logarithm of the seconds per carbon number of the next step.

    Returns
    -------
    total, origin
        (n_steps, n_carbons) each.
    """
    n_carbons = len(own)
    begun, none = np.tile(own, (len(next_pace), 1)), np.full((len(next_pace), n_carbons), -1)
    if not len(value):
        return begun, none
    change = pace.reshape(1, -1) - next_pace[:, None]
    totals = value.reshape(1, -1, n_carbons) - _ROUGHNESS * np.square(change)[:, :, None]
    winner = totals.argmax(axis=1)
    gone_on = np.take_along_axis(totals, winner[:, None], axis=1)[:, 0]
    return np.maximum(gone_on, begun), np.where(gone_on > begun, winner, none)


def _trace_back(value: Floats, origin: Ints) -> _Chain:
    """Return the members of the chain that ends in the state of the highest value."""
    later, earlier, step, carbon = (int(i) for i in np.unravel_index(value.argmax(), value.shape))
    chain = [(later, carbon + MIN_CARBON)]
    while True:
        previous = int(origin[later, earlier, step, carbon])
        carbon -= step + 1
        chain.append((earlier, carbon + MIN_CARBON))
        if previous < 0:
            return chain[::-1]
        later = earlier
        earlier, step = divmod(previous, value.shape[2])
