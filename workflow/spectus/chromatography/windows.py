"""Unmixing a whole stretch, window by window.

Components that overlap are solved together. Long chains of them are cut; each window then also holds, as columns whose
result is not used, the components of its neighbours that reach into it.
"""

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

_MOST_TOGETHER = 6
_KNOT_FWHM = 6.0
_LEAST_PROFILE, _MARGIN_FWHM = 0.02, 0.5
"""A window reaches from where its first component rises above this share of its apex to where its last one has fallen
below it, and this much further, in peak widths, so that the baseline shows."""

_ACTIVE_SD = 2.0
"""Masses whose smoothed trace nowhere rises above this many standard deviations in a window have nothing to unmix."""


@dataclass(frozen=True)
class Window:
    """Solution of one window.

    Attributes
    ----------
    start, stop: scans.
    rows: (n_active,), masses that have signal here.
    spectra, sd: (n_core, n_active), counts at the apex and their standard deviations.
    crowd: (n_core, n_active), counts of the other components at the apex.
    base: (n_active, stop - start), baseline fitted, counts.
    """

    start: int
    stop: int
    rows: NDArray[np.int64]
    spectra: Array
    sd: Array
    crowd: Array
    base: Array


@dataclass(frozen=True)
class Unmixed:
    """All components of a stretch, (n_components, n_masses) each.

    Attributes
    ----------
    spectra: counts at the apex.
    sd: their standard deviations, from noise and overlap; infinity where nothing was measured.
    crowd: counts of the other components at the apex.
    """

    spectra: Array
    sd: Array
    crowd: Array

    def significance(self, misfit: float) -> Array:
        """Intensities over their standard deviation, which includes a share `misfit` of the crowd."""
        return np.asarray(self.spectra / np.hypot(self.sd, misfit * self.crowd))


class Unmixer:
    """Solves windows of a stretch and remembers them, since most do not change from one round to the next."""

    def __init__(self, stretch: Stretch, model_error: float) -> None:
        """`model_error`: share of the signal by which profiles are wrong; it adds to the noise."""
        self._stretch = stretch
        self._model_error = model_error
        self._known: dict[tuple[int | Model, ...], Window] = {}
        self._positive: dict[Model, NDArray[np.bool_]] = {}

    def solve(self, models: Sequence[Model]) -> Unmixed:
        """Unmix components with these models, in order of their position."""
        shape = (len(models), len(self._stretch.signal))
        spectra, sd, crowd = np.zeros(shape), np.full(shape, np.inf), np.zeros(shape)
        for core, window in self._windows(models):
            cells = np.ix_(np.array(core), window.rows)
            spectra[cells], sd[cells], crowd[cells] = window.spectra, window.sd, window.crowd
        return Unmixed(spectra, sd, crowd)

    def reconstruct(self, models: Sequence[Model], spectra: Array) -> tuple[Traces, Traces]:
        """What the components add up to, and the signal without them and the fitted baseline, (n_masses, n_scans)."""
        residual, fitted = self._stretch.signal.copy(), np.zeros_like(self._stretch.signal)
        windows = self._windows(models)
        last = [core[-1] for core, _ in windows[:-1]]
        ends = [round((models[k].position + models[k + 1].position) / 2) for k in last]
        for (_, window), begin, end in zip(windows, [0, *ends], [*ends, self._stretch.n_scans], strict=False):
            start, stop = max(window.start, begin), min(window.stop, end)
            residual[window.rows, start:stop] -= window.base[:, start - window.start : stop - window.start]
        for model, spectrum in zip(models, spectra, strict=True):
            rows = np.flatnonzero(spectrum)
            fitted[rows, model.start : model.stop] += np.outer(spectrum[rows], model.profile).astype(np.float32)
        residual -= fitted
        return fitted, residual

    def _windows(self, models: Sequence[Model]) -> list[tuple[list[int], Window]]:
        """Numbers of the components solved together, and their window."""
        if not models:
            return []
        start, stop = np.array([model.reach(_LEAST_PROFILE) for model in models]).T
        return [(core, self._window(models, core, start, stop)) for core in chains(models, self._stretch)]

    def _window(
        self, models: Sequence[Model], core: list[int], starts: NDArray[np.int64], stops: NDArray[np.int64]
    ) -> Window:
        fwhm = self._stretch.fwhm_at(models[core[0]].position)
        start = max(0, int(starts[core].min() - _MARGIN_FWHM * fwhm))
        stop = min(self._stretch.n_scans, int(stops[core].max() + _MARGIN_FWHM * fwhm) + 1)
        reaching = (starts < stop) & (stops > start)
        reaching[core] = False
        together = [models[k] for k in (*core, *np.flatnonzero(reaching))]
        key = (len(core), *together)
        if key not in self._known:
            self._known[key] = self._solve(len(core), start, stop, together, _KNOT_FWHM * fwhm)
        return self._known[key]

    def _solve(self, n_core: int, start: int, stop: int, models: list[Model], spacing: float) -> Window:
        """Solve scans start to stop with the given models, of which the first `n_core` are wanted."""
        stretch, part = self._stretch, (slice(None), slice(start, stop))
        rows = np.flatnonzero(np.any(stretch.smoothed[part] > _ACTIVE_SD * stretch.sd[part], axis=1))
        level, sd = stretch.level[rows, start:stop].astype(np.float64), stretch.sd[rows, start:stop].astype(np.float64)
        weights = 1 / (sd**2 + (self._model_error * level) ** 2)
        weights[stretch.clipped[rows, start:stop]] = 0
        profiles = np.array([model.on(start, stop) for model in models])
        signal = stretch.signal[rows, start:stop].astype(np.float64)
        solution = unmix(signal, weights, profiles, hat_functions(stop - start, spacing), self._likely(models, rows))
        for model, spectrum in zip(models, solution.spectra, strict=True):
            self._positive.setdefault(model, np.ones(len(stretch.signal), dtype=bool))[rows] = spectrum > 0
        spectra = solution.spectra[:n_core]
        apexes = np.clip([round(model.position) - start for model in models[:n_core]], 0, stop - start - 1)
        crowd = np.maximum(profiles[:, apexes].T @ solution.spectra - spectra, 0)
        return Window(start, stop, rows, spectra, solution.sd[:n_core], crowd, solution.base)

    def _likely(self, models: list[Model], rows: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Which intensities were above zero when last solved; None if a model is new."""
        known = [self._positive[model][rows] for model in models if model in self._positive]
        return np.array(known) if len(known) == len(models) else None


def chains(models: Sequence[Model], stretch: Stretch) -> list[list[int]]:
    """Numbers of the components that are solved together; long chains are cut into parts of at most six."""
    if not models:
        return []
    position = np.array([model.position for model in models])
    width = stretch.fwhm[np.clip(np.round(position).astype(np.int64), 0, stretch.n_scans - 1)]
    breaks = np.flatnonzero(np.diff(position) > _CHAIN_FWHM * width[1:]) + 1
    parts: list[list[int]] = []
    for chain in np.split(np.arange(len(models)), breaks):
        parts += [part.tolist() for part in np.array_split(chain, -(-len(chain) // _MOST_TOGETHER))]
    return parts
