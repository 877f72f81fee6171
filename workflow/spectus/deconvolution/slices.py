"""Slices: parts of a large peak that its model does not fit, and that look like compounds of their own.

The ions of one compound do not all have the same elution profile. In an overloaded peak the light ions run ahead of the
heavy ones, a compound that adheres to the ion source tails in some of its ions only, and a tail is longer than the
model. What the common model leaves of these ions is perceived as a small component beside or below the peak. It differs
from a real neighbor in two ways: it has only ions that the peak has as well, and of each of them only a fraction of the
peak's current. Such components are removed, and their current is returned to the peak (`missed_area`).

The limits were chosen on simulated runs of the presets source, overloaded, tailing, drifting, real, dense and benchmark
(seeds 1 to 3). On these runs 308 components are false and 3,711 true without this step, and 226 and 3,703 with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spectus.deconvolution.model_peaks import Model
from spectus.deconvolution.pruning import explained_fraction
from spectus.deconvolution.stretch import Stretch
from spectus.deconvolution.windows import Unmixed
from spectus.types import Flags, Floats, Singles

_LARGER = 3.0
"""Least ratio of a parent's area to the slice's. Chosen."""

_TAIL_FWHM = 12.0
"""How far after its parent a slice may lie, in peak widths. Chosen: tails of overloaded peaks are as long."""

_NEAR_FWHM = 3.2
"""Distance on either side within which a larger peak is a parent, in peak widths. Chosen: as for satellites."""

_FAR_FWHM = 5.0
"""Distance from the parent beyond which it must explain more of the slice, in peak widths. Chosen."""

_SIGNIFICANT_SD = 2.0
"""Significance of the intensities that are compared. Chosen: as for satellites."""

_OWN = 0.3
"""Fraction of the parents' current of an ion above which the ion is the component's own. Chosen."""

_INSIDE = 0.02
"""Height of the largest parent's profile, apex 1, from which a component lies inside the parent. Chosen."""

_TINY = 0.01
"""Area, as a fraction of the largest parent's, below which a component inside it is tiny. Chosen."""

_BESIDE = 0.01
"""Fraction of an ion's current below which the mass beside it is not recorded. Chosen: the abundance sensitivity of a
quadrupole of unit mass resolution.
"""

_STRONG_SD = 30.0
"""Significance of the ions whose misfit is added to the area. Chosen: the misfit of weaker ions is noise."""

_LEAST_FITTED = 1e-9
"""Counts that stand for none: they prevent division by zero."""

_MOST_MISSED = 0.3
"""Largest correction of an area, as a fraction of it. Chosen: a larger misfit is no matter of shape."""


@dataclass(frozen=True)
class _Parents:
    """Larger peaks of which a component may be a slice.

    Attributes
    ----------
    models
        Their n model peaks.
    spectra
        (n, n_masses) intensities at the apex, counts.
    length
        (n,) sums of the profiles, scans.
    """

    models: Sequence[Model]
    spectra: Floats
    length: Floats


def without_slices(models: Sequence[Model], unmixed: Unmixed, stretch: Stretch) -> Flags:
    """Find the components that are slices of larger peaks.

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
        (n_components,) false for slices.
    """
    spectra = np.where(unmixed.spectra > _SIGNIFICANT_SD * unmixed.sd, unmixed.spectra, 0)
    position = np.array([model.position for model in models])
    start, stop = np.array([(model.start, model.stop) for model in models]).T
    length = np.array([model.profile.sum() for model in models])
    area = unmixed.spectra.sum(axis=1) * length
    keep = np.ones(len(models), dtype=bool)
    for k, model in enumerate(models):
        after = (position[k] - position) / stretch.fwhm_at(position[k])
        reaching = (start < model.stop) & (stop > model.start)
        near = reaching | (after > -_NEAR_FWHM) & (after < _TAIL_FWHM)
        larger = np.flatnonzero(near & (area > _LARGER * area[k]))
        if len(larger) and spectra[k].any():
            parents = _Parents([models[number] for number in larger.tolist()], spectra[larger], length[larger])
            keep[k] = not _is_slice(model, spectra[k], parents, stretch)
    return keep


def _is_slice(model: Model, spectrum: Floats, parents: _Parents, stretch: Stretch) -> bool:
    """Return whether the parents' ions, in other proportions, make up a component.

    Four figures decide, with intensities as square roots: the fraction of the component in ions above the parents'
    current at its own time (`above`); in ions of which it has more than 0.3 of the parents' whole current (`own`); in
    ions of which it has more than the parents (`foreign`); and the fraction of it that the parents' spectra explain.
    """
    weight = model.profile / model.profile.sum()
    height = np.array([parent.on(model.start, model.stop) @ weight for parent in parents.models])
    local, whole = height @ parents.spectra, parents.length @ parents.spectra
    if stretch.by_mass:
        local, whole = _with_neighbors(local), _with_neighbors(whole)
    root = np.sqrt(spectrum) / np.sqrt(spectrum).sum()
    current = spectrum * model.profile.sum()
    above = root[spectrum > local].sum()
    own = root[current > _OWN * whole].sum()
    foreign = spectrum[current > whole].sum() / spectrum.sum()
    late = model.round > 1
    if own >= 0.5 or (own >= 0.3 and (above >= 0.3 or foreign >= 0.15)):
        return False  # whatever the parents explain
    explained = explained_fraction(np.sqrt(spectrum), np.sqrt(parents.spectra))
    areas = parents.spectra.sum(axis=1) * parents.length
    largest = int(np.argmax(areas))
    tiny = current.sum() < _TINY * areas[largest]
    away = abs(model.position - parents.models[largest].position) / stretch.fwhm_at(model.position)
    inside = height[largest] > _INSIDE
    below = above < 0.3 and own < 0.5 and foreign < 0.15 and explained > 0.15
    within = inside and above < 0.3 and own < 0.25 and foreign < 0.05
    tiny_within = inside and tiny and above < 0.6 and own < 0.05 and foreign < 0.02
    far = explained > (0.15 if away < _FAR_FWHM else 0.4)
    residual = late and own < 0.05 and far
    beside = late and own < 0.3 and foreign < 0.03 and explained > 0.25 and away < _NEAR_FWHM
    return bool(below or within or tiny_within or residual or beside)


def _with_neighbors(current: Floats) -> Floats:
    """Return the current of each mass, at least 1 % of that of the masses beside it."""
    beside = np.zeros_like(current)
    beside[1:] = current[:-1]
    beside[:-1] = np.maximum(beside[:-1], current[1:])
    return np.maximum(current, _BESIDE * beside)


def missed_area(models: Sequence[Model], unmixed: Unmixed, residual: Singles, stretch: Stretch) -> Floats:
    """Compute the area of each component that its model does not fit: tails, fronts and slices that were removed.

    Parameters
    ----------
    models
        Model peaks, by position.
    unmixed
        Their spectra.
    residual
        (n_masses, n_scans) signal without the fitted components and the baseline, counts.
    stretch
        The stretch of the run.

    Returns
    -------
    Floats
        (n_components,) counts x s; negative where the model is too large. Overlapping components share the misfit in
        proportion to their currents.
    """
    missed = np.zeros(len(models))
    if not models:
        return missed
    duration = stretch.duration_s
    for k, model in enumerate(models):
        rows = np.flatnonzero(unmixed.spectra[k] > _STRONG_SD * unmixed.sd[k])
        scans = slice(model.start, model.stop)
        own = unmixed.spectra[k, rows, None] * model.profile
        fitted = np.maximum(stretch.signal[rows, scans] - residual[rows, scans], _LEAST_FITTED)
        share = np.minimum(own / fitted, 1.0)
        misfit = np.where(stretch.clipped[rows, scans], 0, residual[rows, scans])
        total = float((share * misfit * duration[scans]).sum())
        most = _MOST_MISSED * float(unmixed.spectra[k].sum() * (model.profile @ duration[scans]))
        missed[k] = np.clip(total, -most, most)
    return missed
