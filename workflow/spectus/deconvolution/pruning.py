"""Pruning: removing unsupported components, twins and satellites.

A model peak never fits exactly. What remains of a strong component looks like small components in its flanks and its
tail, with its own ions. Their spectrum and their size distinguish them from real trace compounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spectus.deconvolution.model_peaks import Model
from spectus.deconvolution.stretch import Stretch
from spectus.deconvolution.unmixing import solve_nonnegative
from spectus.deconvolution.windows import Unmixed
from spectus.types import Flags, Floats

_TWIN_COSINE = 0.94
"""Cosine of square-root spectra above which two near components are one. Chosen: noise leaves more for twins."""

_TWIN_FWHM = 0.35
"""Distance of twins, in peak widths. Chosen: isomers at this distance cannot be unmixed."""

_MOST_SIGNIFICANCE = 10.0
"""Significance at which an ion's vote for its component is capped. Chosen: one ion must not carry a component."""

_SATELLITE_FWHM = 3.2
"""Largest distance of a satellite from its parent, in peak widths. Chosen."""

_SATELLITE_SD = 2.0
"""Significance of the intensities that are compared. Chosen."""


@dataclass(frozen=True)
class _SatelliteLimits:
    """Limits for the satellites of one round of perception.

    Attributes
    ----------
    larger
        Least ratio of a parent's area to the satellite's.
    explained
        Fraction of the satellite's spectrum that its parents explain.
    explained_of_tiny
        The same for a tiny satellite.
    tiny
        Area, as a fraction of the largest parent's, below which a satellite is tiny.
    most_area
        Largest area of a satellite, as a fraction of the largest parent's.
    """

    larger: float
    explained: float
    explained_of_tiny: float
    tiny: float
    most_area: float


_SATELLITE_LIMITS = {
    1: _SatelliteLimits(larger=6.0, explained=0.92, explained_of_tiny=0.8, tiny=0.005, most_area=0.03),
    2: _SatelliteLimits(larger=3.0, explained=0.6, explained_of_tiny=0.0, tiny=0.004, most_area=np.inf),
}
"""Limits by round. Chosen on simulated runs of seeds below 30, so that satellites go and real trace compounds stay."""


def supported(significance: Floats, positions: Floats, reach: Floats, min_ions: int, least: float) -> Flags:
    """Decide which components have enough ions that need them.

    A component is supported if at least `min_ions` ions are `least` standard deviations above zero, given all other
    components. Each of several crowded components can be dispensable while all together are not. Therefore only the
    weakest of those within `reach` of each other is removed at a time.

    Parameters
    ----------
    significance
        (n_components, n_masses) intensities in standard deviations.
    positions
        (n_components,) apexes, scans.
    reach
        (n_components,) distance within which components compete, scans.
    min_ions
        Fewest ions of a component.
    least
        Least significance of an ion that counts.

    Returns
    -------
    Flags
        (n_components,) false for components to remove now.
    """
    poor = np.flatnonzero(np.count_nonzero(significance > least, axis=1) < min_ions)
    strength = np.sum(np.minimum(significance[poor], _MOST_SIGNIFICANCE) ** 2, axis=1)
    rank = np.argsort(np.argsort(strength, kind="stable"))
    near = np.abs(positions[poor][:, None] - positions[poor]) < reach[poor][:, None]
    keep = np.ones(len(positions), dtype=bool)
    keep[poor] = np.any(near & (rank < rank[:, None]), axis=1)
    return keep


def without_twins(models: Sequence[Model], spectra: Floats, stretch: Stretch) -> Flags:
    """Find neighbors within 0.35 peak widths whose square-root spectra are alike.

    Parameters
    ----------
    models
        Model peaks, by position.
    spectra
        (n_components, n_masses) intensities, counts.
    stretch
        The stretch of the run.

    Returns
    -------
    Flags
        (n_components,) false for the smaller of two twins.
    """
    keep = np.ones(len(models), dtype=bool)
    roots = np.sqrt(spectra)
    roots /= np.maximum(np.linalg.norm(roots, axis=1, keepdims=True), 1e-12)
    size = spectra.sum(axis=1)
    last = 0
    for k in range(1, len(models)):
        near = models[k].position - models[last].position < _TWIN_FWHM * stretch.fwhm_at(models[k].position)
        if near and roots[k] @ roots[last] > _TWIN_COSINE:
            smaller, last = (k, last) if size[k] <= size[last] else (last, k)
            keep[smaller] = False
        else:
            last = k
    return keep


def without_satellites(models: Sequence[Model], unmixed: Unmixed, stretch: Stretch) -> Flags:
    """Find components that larger neighbors within 3.2 peak widths explain.

    A component of the residual is a satellite if larger neighbors explain 60 % of its spectrum, or if it has less than
    0.4 % of a neighbor's area. A component of the first round is one if they explain 92 % and it has less than 3 %.

    Parameters
    ----------
    models
        Model peaks, by position.
    unmixed
        Their spectra.
    stretch
        The stretch of the run.

    Returns
    -------
    Flags
        (n_components,) false for satellites.
    """
    position = np.array([model.position for model in models])
    start, stop = np.array([(model.start, model.stop) for model in models]).T
    area = unmixed.spectra.sum(axis=1) * np.array([model.profile.sum() for model in models])
    roots = np.sqrt(np.where(unmixed.spectra > _SATELLITE_SD * unmixed.sd, unmixed.spectra, 0))
    keep = np.ones(len(models), dtype=bool)
    for k, model in enumerate(models):
        limits = _SATELLITE_LIMITS[model.round]
        near = np.abs(position - position[k]) < _SATELLITE_FWHM * stretch.fwhm_at(position[k])
        near |= (start <= position[k]) & (position[k] <= stop)
        larger = np.flatnonzero(near & (area > limits.larger * area[k]))
        if not len(larger):
            continue
        share = area[k] / area[larger].max()
        enough = limits.explained if share > limits.tiny else limits.explained_of_tiny
        keep[k] = share > limits.most_area or (enough > 0 and explained_fraction(roots[k], roots[larger]) < enough)
    return keep


def explained_fraction(spectrum: Floats, others: Floats) -> float:
    """Compute the fraction of a spectrum that a non-negative combination of others reproduces.

    Parameters
    ----------
    spectrum
        (n_masses,) square roots of intensities.
    others
        (n_others, n_masses) square roots of intensities.

    Returns
    -------
    float
        Fraction of the sum of squares, 0-1; 1 for an empty spectrum.
    """
    total = float(spectrum @ spectrum)
    if total == 0:
        return 1.0
    lengths = np.maximum(np.linalg.norm(others, axis=1), 1e-12)
    others = others / lengths[:, None]
    gram, rhs = others @ others.T, others @ spectrum
    shares = solve_nonnegative(gram[None], rhs[None])[0][0]
    return float(2 * rhs @ shares - shares @ gram @ shares) / total
