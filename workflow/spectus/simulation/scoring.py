"""Agreement of components with the ground truth of simulated runs: what was found, how pure, and what is false."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from spectus.errors import InputError
from spectus.nominal_mass import to_nominal_mass
from spectus.types import Flags, Floats, Ints

FALSE_BELOW = 0.7
"""A component is false if no true compound within the time window has this weighted cosine with it. Chosen."""

STRATA = ("isolated", ">= 0.5 FWHM", "< 0.5 FWHM")
"""Strata by the distance to the nearest other compound: over 2 FWHM, 0.5 to 2 FWHM, under 0.5 FWHM."""

GOOD_COSINE = 0.8
"""Weighted cosine from which a compound counts as found, for times, areas, strata and errors. Chosen."""

_MAD_TO_SD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

_N_MASSES = 2001
"""Nominal masses 0 to 2000, the limit of the simulator."""

_WINDOW_FWHM = 0.5
"""Half the time window of a match, in widths of the compound's peak. Chosen."""

_LEAST_WINDOW_S = 1.0
"""The same, at least, s. Chosen."""

_MOST_PPM = 100.0
"""Largest m/z error that counts, ppm: an ion further away was not found."""

_INTENSITY_POWER = 0.6
"""Power of the intensity in the weighted cosine; that of the mass is 1 (Stein and Scott 1994)."""


@dataclass(frozen=True)
class Score:
    """Agreement of components with the ground truth; fractions are 0-1 and NaN where there is nothing to count.

    Attributes
    ----------
    n_true, n_components
        Numbers of true compounds and of components.
    recall_70, recall_80, recall_90
        Fraction of true compounds with a matched component of at least this weighted cosine.
    median_cosine
        Of all true compounds; one without a component counts 0.
    false
        Components without a true compound of cosine >= 0.7 in the window.
    duplicates
        Components that are no compound's match although a compound of cosine >= 0.7 is in the window.
    rt_error_s
        Median absolute apex error of the matches of cosine >= 0.8, s.
    area_ratio, area_spread
        Median of component area over true area of these, and the spread of its log10 (1.4826 x median absolute
        deviation).
    strata
        Number of true compounds and recall at 0.8 of each of `STRATA`.
    """

    n_true: int
    n_components: int
    recall_70: float
    recall_80: float
    recall_90: float
    median_cosine: float
    false: int
    duplicates: int
    rt_error_s: float
    area_ratio: float
    area_spread: float
    strata: dict[str, tuple[int, float]]

    def __str__(self) -> str:
        """Return the scores in one line."""
        strata = ", ".join(f"{name} {recall:.3f} ({n})" for name, (n, recall) in self.strata.items())
        return (
            f"recall at .7/.8/.9: {self.recall_70:.3f} {self.recall_80:.3f} {self.recall_90:.3f} of {self.n_true}; "
            f"median cosine {self.median_cosine:.3f}; of {self.n_components} components {self.false} false, "
            f"{self.duplicates} duplicate; at .8: {strata}; apex error {self.rt_error_s:.2f} s; "
            f"area ratio {self.area_ratio:.2f}, spread {self.area_spread:.2f} decades"
        )


@dataclass(frozen=True)
class Matches:
    """One-to-one matches of true compounds (rows of the ground truth) with components (rows of the components).

    Attributes
    ----------
    component
        (n_true,) row of the matched component; -1 for none.
    cosine
        (n_true,) its weighted cosine; 0 for none.
    best_of_component
        (n_components,) highest cosine with any true compound in the window; 0 if none is there.
    """

    component: Ints
    cosine: Floats
    best_of_component: Floats


def score(components: pa.Table, ground_truth: pa.Table) -> Score:
    """Score the components of one or more runs.

    Parameters
    ----------
    components
        Table of schema COMPONENTS.
    ground_truth
        Table of schema GROUND_TRUTH of the same runs.

    Returns
    -------
    Score
        The scores.

    Raises
    ------
    InputError
        No run of the components is in the ground truth, so that the names cannot be those of the same runs.
    """
    found = match(components, ground_truth)
    good = np.flatnonzero(found.cosine >= GOOD_COSINE)
    mate = found.component[good]
    apex_error = np.abs(_column(components, "rt_s")[mate] - _column(ground_truth, "rt_s")[good])
    log_ratio = np.log10(_column(components, "area")[mate] / _column(ground_truth, "area")[good])
    false = found.best_of_component < FALSE_BELOW
    matched = np.isin(np.arange(len(components)), found.component)
    return Score(
        n_true=len(ground_truth),
        n_components=len(components),
        recall_70=_mean(found.cosine >= 0.7),
        recall_80=_mean(found.cosine >= 0.8),
        recall_90=_mean(found.cosine >= 0.9),
        median_cosine=_median(found.cosine),
        false=int(false.sum()),
        duplicates=int((~false & ~matched).sum()),
        rt_error_s=_median(apex_error),
        area_ratio=10.0 ** _median(log_ratio),
        area_spread=_MAD_TO_SD * _median(np.abs(log_ratio - _median(log_ratio))),
        strata=_strata(found.cosine, ground_truth),
    )


def match(components: pa.Table, ground_truth: pa.Table) -> Matches:
    """Match components to true compounds, run by run, so that the summed cosine is largest (Hungarian method).

    A pair may match if the apexes lie within the larger of half a FWHM and 1 s. The cosine is that of intensity^0.6 x
    m/z on nominal masses, over the range of masses that the ground truth of the run has.

    Parameters
    ----------
    components
        Table of schema COMPONENTS.
    ground_truth
        Table of schema GROUND_TRUTH of the same runs.

    Returns
    -------
    Matches
        The matches.

    Raises
    ------
    InputError
        As for `score`.
    """
    runs, true_runs = _names(components), _names(ground_truth)
    if len(runs) and len(true_runs) and not np.isin(runs, true_runs).any():
        raise InputError(runs[0], "no such run in the ground truth", f"name the runs as there, e.g. {true_runs[0]}")
    mate = np.full(len(ground_truth), -1, dtype=np.int64)
    cosine, best = np.zeros(len(ground_truth)), np.zeros(len(components))
    for true_rows, rows in _by_run(true_runs, runs):
        agreement = _agreement(components.take(pa.array(rows)), ground_truth.take(pa.array(true_rows)))
        best[rows] = agreement.max(axis=0, initial=0.0)
        true_row, row = linear_sum_assignment(agreement, maximize=True)
        seen = agreement[true_row, row] > 0
        mate[true_rows[true_row[seen]]] = rows[row[seen]]
        cosine[true_rows[true_row[seen]]] = agreement[true_row, row][seen]
    return Matches(mate, cosine, best)


def ion_errors(
    components: pa.Table, ground_truth: pa.Table, least_cosine: float = GOOD_COSINE
) -> tuple[Floats, Floats]:
    """Compare the relative intensity errors of ions with their true errors.

    Parameters
    ----------
    components
        Table of schema COMPONENTS.
    ground_truth
        Table of schema GROUND_TRUTH of the same runs.
    least_cosine
        Least cosine of the components that count.

    Returns
    -------
    reported : Floats
        (n_ions,) relative intensity error in the components table.
    true : Floats
        (n_ions,) difference from the true intensity, in counts at the apex, as a fraction of the intensity found.
    """
    found = match(components, ground_truth)
    good = np.flatnonzero(found.cosine >= least_cosine)
    names = ["mz", "intensity", "relative_intensity_error", "height"]
    reported, errors = [np.empty(0)], [np.empty(0)]
    mates = components.select(names).take(pa.array(found.component[good])).to_pylist()
    trues = ground_truth.select(["mz", "intensity", "height"]).take(pa.array(good)).to_pylist()
    for mate, true in zip(mates, trues, strict=True):
        counts = np.zeros(_N_MASSES)
        np.add.at(
            counts, np.minimum(to_nominal_mass(true["mz"]), _N_MASSES - 1), true["height"] * np.array(true["intensity"])
        )
        shares = np.array(mate["intensity"])
        seen = mate["height"] * shares / shares.sum()
        reported.append(np.array(mate["relative_intensity_error"]))
        errors.append(np.abs(seen - counts[np.minimum(to_nominal_mass(mate["mz"]), _N_MASSES - 1)]) / seen)
    return np.concatenate(reported), np.concatenate(errors)


def mass_errors(
    components: pa.Table, ground_truth: pa.Table, least_cosine: float = GOOD_COSINE, least_intensity: float = 0.01
) -> Floats:
    """Return the errors of accurate m/z.

    Each true ion is compared with the nearest accurate m/z of the component. An error beyond 100 ppm counts as 100: the
    ion was not found, or not resolved from another.

    Parameters
    ----------
    components
        Table of schema COMPONENTS.
    ground_truth
        Table of schema GROUND_TRUTH of the same runs.
    least_cosine
        Least cosine of the components that count.
    least_intensity
        Least intensity of the true ions that count, base peak 1.

    Returns
    -------
    Floats
        (n_ions,) ppm.
    """
    found = match(components, ground_truth)
    good = np.flatnonzero(found.cosine >= least_cosine)
    mates = components["accurate_mz"].take(pa.array(found.component[good])).to_pylist()
    trues = ground_truth.select(["exact_mz", "intensity"]).take(pa.array(good)).to_pylist()
    errors = [np.empty(0)]
    for mate, true in zip(mates, trues, strict=True):
        if not mate or not true["exact_mz"]:
            continue
        ions = np.array(true["exact_mz"])[np.array(true["intensity"]) >= least_intensity]
        difference = (np.array(mate) - ions[:, None]) / ions[:, None] * 1e6
        nearest = np.abs(difference).argmin(axis=1)
        errors.append(np.clip(difference[np.arange(len(ions)), nearest], -_MOST_PPM, _MOST_PPM))
    return np.concatenate(errors)


def match_window_s(ground_truth: pa.Table) -> Floats:
    """Return how far from its apex (n_true,) a compound may be found, s: half a FWHM, at least 1 s.

    Parameters
    ----------
    ground_truth
        Table of schema GROUND_TRUTH.

    Returns
    -------
    Floats
        (n_true,) s.
    """
    return np.asarray(np.maximum(_WINDOW_FWHM * _column(ground_truth, "fwhm_s"), _LEAST_WINDOW_S))


def _by_run(true_runs: NDArray[np.str_], runs: NDArray[np.str_]) -> Iterator[tuple[Ints, Ints]]:
    """Yield the rows of the ground truth and of the components of each run."""
    for name in np.unique(true_runs):
        yield np.flatnonzero(true_runs == name), np.flatnonzero(runs == name)


def _agreement(components: pa.Table, ground_truth: pa.Table) -> Floats:
    """Return the weighted cosines (n_true, n_components); 0 outside the time window."""
    near = (
        np.abs(_column(ground_truth, "rt_s")[:, None] - _column(components, "rt_s"))
        <= match_window_s(ground_truth)[:, None]
    )
    return np.where(near, _weighted(ground_truth) @ _weighted(components).T, 0.0)


def _weighted(rows: pa.Table) -> Floats:
    """Return spectra (n, n_masses) of intensity^0.6 x m/z on nominal masses, of length 1."""
    n_masses = _N_MASSES
    lists = rows["mz"].combine_chunks()
    row = np.repeat(np.arange(len(rows)), np.asarray(lists.value_lengths()))
    mass = np.minimum(to_nominal_mass(np.asarray(lists.flatten())), n_masses - 1)
    intensity = np.asarray(rows["intensity"].combine_chunks().flatten(), dtype=np.float64)
    summed = np.bincount(row * n_masses + mass, weights=intensity, minlength=len(rows) * n_masses)
    weighted = summed.reshape(len(rows), n_masses) ** _INTENSITY_POWER * np.arange(n_masses)
    return np.asarray(weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-300))


def _strata(cosine: Floats, ground_truth: pa.Table) -> dict[str, tuple[int, float]]:
    """Return the number of compounds and the recall of each stratum."""
    distance = np.nan_to_num(_column(ground_truth, "nearest_s"), nan=np.inf) / _column(ground_truth, "fwhm_s")
    members = (distance > 2.0, (distance >= 0.5) & (distance <= 2.0), distance < 0.5)
    return {
        name: (int(member.sum()), _mean(cosine[member] >= GOOD_COSINE))
        for name, member in zip(STRATA, members, strict=True)
    }


def _names(rows: pa.Table) -> NDArray[np.str_]:
    """Return the run of each row."""
    return np.array(rows["run"].to_pylist(), dtype=str)


def _column(rows: pa.Table, name: str) -> Floats:
    """Return a column as numbers, NaN for null."""
    return np.asarray(rows[name].to_numpy(zero_copy_only=False), dtype=np.float64)


def _mean(values: Flags) -> float:
    """Return the fraction that is true; NaN of nothing."""
    return float(values.mean()) if values.size else float("nan")


def _median(values: Floats) -> float:
    """Return the median; NaN of nothing."""
    return float(np.median(values)) if values.size else float("nan")
