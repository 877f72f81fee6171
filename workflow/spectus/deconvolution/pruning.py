"""Which components stay: no ghosts, no twins, no satellites.

A model peak never fits to the last count. What is left of a strong component looks like small components in its flanks
and its tail, with its own ions. They are told from real traces by their spectrum and their size.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spectus.deconvolution.model_peaks import Model
from spectus.deconvolution.stretch import Stretch
from spectus.deconvolution.unmixing import Array, solve_nonnegative
from spectus.deconvolution.windows import Unmixed

_TWIN_COSINE = 0.94
_TWIN_FWHM = 0.35
_NEAR_FWHM = 3.2


def supported(significance: Array, positions: Array, reach: Array, min_ions: int, least: float) -> NDArray[np.bool_]:
    """(n_components,): false for components to leave out now because too few ions need them.

    A component is supported if at least `min_ions` ions are `least` standard deviations above zero, given all other
    components. Crowded ones can each be dispensable while all together are not. So of those within `reach`
    (n_components,) of each other only the weakest goes; the others are judged again without it.
    """
    poor = np.flatnonzero(np.count_nonzero(significance > least, axis=1) < min_ions)
    strength = np.sum(np.minimum(significance[poor], 10) ** 2, axis=1)
    rank = np.argsort(np.argsort(strength, kind="stable"))
    near = np.abs(positions[poor][:, None] - positions[poor]) < reach[poor][:, None]
    keep = np.ones(len(positions), dtype=bool)
    keep[poor] = np.any(near & (rank < rank[:, None]), axis=1)
    return keep


def without_twins(models: Sequence[Model], spectra: Array, stretch: Stretch) -> NDArray[np.bool_]:
    """(n_components,): false for the smaller of two neighbours within 0.9 width whose spectra (square roots) are
    alike."""
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


def without_satellites(models: Sequence[Model], unmixed: Unmixed, stretch: Stretch) -> NDArray[np.bool_]:
    """(n_components,): false for what larger neighbours explain.

    Neighbours lie within 3.2 peak widths and are larger by 3 (for a component of the residual) or 6 times. A component
    of the residual is a satellite if they explain 60 % of its spectrum, or if it has less than 0.4 % of a neighbour's
    area; one of the first round if they explain 92 % and it has less than 3 %.
    """
    position = np.array([model.position for model in models])
    start, stop = np.array([(model.start, model.stop) for model in models]).T
    area = unmixed.spectra.sum(axis=1) * np.array([model.profile.sum() for model in models])
    roots = np.sqrt(np.where(unmixed.spectra > 2 * unmixed.sd, unmixed.spectra, 0))
    keep = np.ones(len(models), dtype=bool)
    for k, model in enumerate(models):
        late = model.round > 1
        near = np.abs(position - position[k]) < _NEAR_FWHM * stretch.fwhm_at(position[k])
        near |= (start <= position[k]) & (position[k] <= stop)
        larger = np.flatnonzero(near & (area > (3 if late else 6) * area[k]))
        if not len(larger):
            continue
        share = area[k] / area[larger].max()
        explained = _explained(roots[k], roots[larger])
        if late:
            keep[k] = explained < 0.6 and share > 0.004
        else:
            keep[k] = explained < (0.92 if share > 0.005 else 0.8) or share > 0.03
    return keep


def _explained(spectrum: Array, others: Array) -> float:
    """Share of the spectrum's square sum that a non-negative combination of the others reproduces."""
    total = float(spectrum @ spectrum)
    if total == 0:
        return 1.0
    lengths = np.maximum(np.linalg.norm(others, axis=1), 1e-12)
    others = others / lengths[:, None]
    gram, rhs = others @ others.T, others @ spectrum
    shares = solve_nonnegative(gram[None], rhs[None])[0][0]
    return float(2 * rhs @ shares - shares @ gram @ shares) / total
