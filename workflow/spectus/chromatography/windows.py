"""Unmixing a whole stretch, window by window.

Components that overlap are solved together. Long chains of them are cut; each window then also holds, as columns whose
result is not used, the components of its neighbours that reach into it.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectus.chromatography.model_peaks import Model
from spectus.chromatography.stretch import Stretch
from spectus.chromatography.unit_mass import Traces
from spectus.chromatography.unmixing import Array, hat_functions, unmix

_CHAIN_FWHM = 2.2
"""Components nearer than this belong to one chain, in peak widths."""

_MOST_TOGETHER = 8
_KNOT_FWHM = 6.0
_ACTIVE_SD = 2.0
"""Masses whose smoothed trace nowhere rises above this many standard deviations in a window have nothing to unmix."""


@dataclass(frozen=True)
class Window:
    """Solution of one window: rows of `core` and `rows` are the axes of `spectra` and `sd`.

    Attributes
    ----------
    core: numbers of the components solved here.
    start, stop: scans.
    rows: (n_active,), masses that have signal here.
    spectra, sd: (n_core, n_active), counts at the apex and their standard deviations.
    base: (n_active, stop - start), baseline fitted, counts.
    """

    core: list[int]
    start: int
    stop: int
    rows: NDArray[np.int64]
    spectra: Array
    sd: Array
    base: Array


@dataclass(frozen=True)
class Unmixed:
    """All components of a stretch.

    Attributes
    ----------
    spectra: (n_components, n_masses), counts at the apex.
    sd: the same shape, standard deviations from noise and overlap; infinity where nothing was measured.
    crowd: the same shape, counts of the other components at the apex.
    fitted: (n_masses, n_scans), what the components add up to. residual: signal without it and without the baseline.
    """

    spectra: Array
    sd: Array
    crowd: Array
    fitted: Traces
    residual: Traces

    def significance(self, model_error: float) -> Array:
        """(n_components, n_masses): intensities over their standard deviation, `model_error` of the crowd included."""
        return np.asarray(self.spectra / np.hypot(self.sd, model_error * self.crowd))


class Unmixer:
    """Solves windows of a stretch and remembers them, since most do not change from one round to the next."""

    def __init__(self, stretch: Stretch, model_error: float) -> None:
        """`model_error`: share of the signal by which profiles are wrong; it adds to the noise."""
        self._stretch = stretch
        self._model_error = model_error
        self._known: dict[tuple[int, ...], Window] = {}
        self._kept: list[Model] = []

    def solve(self, models: Sequence[Model]) -> Unmixed:
        """Unmix components with these models, in order of their position."""
        shape = (len(models), len(self._stretch.signal))
        spectra, sd = np.zeros(shape), np.full(shape, np.inf)
        fitted, base = np.zeros_like(self._stretch.signal), np.zeros_like(self._stretch.signal)
        owned_from = 0
        for window, owned_to in self._windows(models):
            block = np.ix_(np.array(window.core), window.rows)
            spectra[block], sd[block] = window.spectra, window.sd
            first, last = max(window.start, owned_from), min(window.stop, owned_to)
            base[window.rows, first:last] = window.base[:, first - window.start : last - window.start]
            owned_from = owned_to
        for model, spectrum in zip(models, spectra, strict=True):
            rows = np.flatnonzero(spectrum)
            fitted[rows, model.start : model.stop] += np.outer(spectrum[rows], model.profile).astype(np.float32)
        apexes = np.array(
            [min(max(round(model.position), 0), self._stretch.n_scans - 1) for model in models], dtype=np.int64
        )
        crowd = np.maximum(fitted[:, apexes].T - spectra, 0)
        return Unmixed(spectra, sd, crowd, fitted, self._stretch.signal - fitted - base)

    def _windows(self, models: Sequence[Model]) -> list[tuple[Window, int]]:
        """Solved windows and, for each, the scan up to which its baseline holds."""
        if not models:
            return []
        cores = chains(models, self._stretch)
        ends = [round((models[a[-1]].position + models[b[0]].position) / 2) for a, b in itertools.pairwise(cores)]
        return [
            (self._window(models, core), end) for core, end in zip(cores, [*ends, self._stretch.n_scans], strict=True)
        ]

    def _window(self, models: Sequence[Model], core: list[int]) -> Window:
        fwhm = self._stretch.fwhm_at(models[core[0]].position)
        start = max(0, min(models[k].start for k in core) - int(0.3 * fwhm))
        stop = min(self._stretch.n_scans, max(models[k].stop for k in core) + int(0.3 * fwhm) + 1)
        guests = [k for k in range(len(models)) if k not in core and models[k].start < stop and models[k].stop > start]
        key = (*(id(models[k]) for k in core), -1, *(id(models[k]) for k in guests))
        if key not in self._known:
            self._kept += [models[k] for k in (*core, *guests)]
            profiles = np.array([models[k].on(start, stop) for k in (*core, *guests)])
            self._known[key] = self._solve(core, start, stop, profiles, _KNOT_FWHM * fwhm)
        known = self._known[key]
        return Window(core, known.start, known.stop, known.rows, known.spectra, known.sd, known.base)

    def _solve(self, core: list[int], start: int, stop: int, profiles: Array, spacing: float) -> Window:
        part = (slice(None), slice(start, stop))
        stretch = self._stretch
        rows = np.flatnonzero(np.any(stretch.smoothed[part] > _ACTIVE_SD * stretch.sd[part], axis=1))
        level, sd = stretch.level[rows, start:stop].astype(np.float64), stretch.sd[rows, start:stop].astype(np.float64)
        weights = 1 / (sd**2 + (self._model_error * level) ** 2)
        weights[stretch.clipped[rows, start:stop]] = 0
        signal = stretch.signal[rows, start:stop].astype(np.float64)
        solution = unmix(signal, weights, profiles, hat_functions(stop - start, spacing))
        n = len(core)
        return Window(core, start, stop, rows, solution.spectra[:n], solution.sd[:n], solution.base)


def chains(models: Sequence[Model], stretch: Stretch) -> list[list[int]]:
    """Numbers of the components that are solved together; long chains are cut into parts of at most eight."""
    if not models:
        return []
    position = np.array([model.position for model in models])
    width = stretch.fwhm[np.clip(np.round(position).astype(np.int64), 0, stretch.n_scans - 1)]
    breaks = np.flatnonzero(np.diff(position) > _CHAIN_FWHM * width[1:]) + 1
    parts: list[list[int]] = []
    for chain in np.split(np.arange(len(models)), breaks):
        parts += [part.tolist() for part in np.array_split(chain, -(-len(chain) // _MOST_TOGETHER))]
    return parts
