"""Unmixing a whole stretch, window by window.

Components that overlap are solved together. Long chains of them are cut; each window then also holds, as columns whose
result is not used, the components of its neighbours that reach into it.
"""

import itertools
from collections.abc import Hashable, Iterator, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectus.deconvolution.ion_traces import Traces
from spectus.deconvolution.model_peaks import Model
from spectus.deconvolution.stretch import Stretch
from spectus.deconvolution.unmixing import Array, Solution, hat_functions, unmix

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
class Block:
    """What is solved together.

    Attributes
    ----------
    start, stop: scans.
    core: the components wanted, by position. guests: others that reach into these scans.
    hats: (n_knots, stop - start), functions that make up the baseline.
    """

    start: int
    stop: int
    core: tuple[Model, ...]
    guests: tuple[Model, ...]
    hats: Array

    @property
    def models(self) -> tuple[Model, ...]:
        return (*self.core, *self.guests)

    @property
    def key(self) -> Hashable:
        return self.start, self.stop, self.core, self.guests


@dataclass(frozen=True)
class Window:
    """Solution of a block.

    Attributes
    ----------
    block: what was solved.
    rows: (n_active,), masses that have signal there.
    solution: heights of core and guests, in this order, and of the baseline.
    at_apex: (n_core, n_core + n_guests), height of every profile at the apex of each of the core.
    """

    block: Block
    rows: NDArray[np.int64]
    solution: Solution
    at_apex: Array


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

    def error(self, misfit: float) -> Array:
        """Standard deviations that include a share `misfit` of the crowd."""
        return np.asarray(np.hypot(self.sd, misfit * self.crowd))

    def significance(self, misfit: float) -> Array:
        """Intensities over these."""
        return self.spectra / self.error(misfit)


class Unmixer:
    """Solves the components of a stretch block by block, and remembers the solutions.

    The blocks are laid out anew when components are added. When some are left out the blocks stay, and only the masses
    in which these had any height are solved again: to leave out a zero changes nothing else.
    """

    def __init__(self, stretch: Stretch, model_error: float) -> None:
        """`model_error`: share of the signal by which profiles are wrong; it adds to the noise."""
        self._stretch = stretch
        self._model_error = model_error
        self._models: frozenset[Model] = frozenset()
        self._windows: list[Window] = []

    def solve(self, models: Sequence[Model]) -> Unmixed:
        """Unmix components with these models, in order of their position."""
        gone = self._models.difference(models)
        if self._models.issuperset(models):
            again = (self._without(window, gone) for window in self._windows)
            self._windows = [window for window in again if window is not None]
        else:
            known = {window.block.key: window for window in self._windows}
            self._windows = [known.get(block.key) or self._solve(block) for block in self._blocks(models)]
        self._models = frozenset(models)
        return self._gathered(models)

    def _gathered(self, models: Sequence[Model]) -> Unmixed:
        number = {model: k for k, model in enumerate(models)}
        shape = (len(models), len(self._stretch.signal))
        spectra, sd, crowd = np.zeros(shape), np.full(shape, np.inf), np.zeros(shape)
        for window in self._windows:
            block, solution, n = window.block, window.solution, len(window.block.core)
            cells = np.ix_(np.array([number[model] for model in block.core]), window.rows)
            spectra[cells], sd[cells] = solution.spectra[:n], solution.sd[:n]
            crowd[cells] = np.maximum(window.at_apex @ solution.spectra - solution.spectra[:n], 0)
        return Unmixed(spectra, sd, crowd)

    def reconstruct(self, models: Sequence[Model], spectra: Array) -> tuple[Traces, Traces]:
        """What the components add up to, and the signal without them and the baseline last fitted, (n_masses,
        n_scans)."""
        residual, fitted = self._stretch.signal.copy(), np.zeros_like(self._stretch.signal)
        blocks = [window.block for window in self._windows]
        ends = [round((a.core[-1].position + b.core[0].position) / 2) for a, b in itertools.pairwise(blocks)]
        for window, begin, end in zip(self._windows, [0, *ends], [*ends, self._stretch.n_scans], strict=False):
            block = window.block
            start, stop = max(block.start, begin), min(block.stop, end)
            base = window.solution.knots.T @ block.hats[:, start - block.start : stop - block.start]
            residual[window.rows, start:stop] -= base
        for model, spectrum in zip(models, spectra, strict=True):
            rows = np.flatnonzero(spectrum)
            fitted[rows, model.start : model.stop] += np.outer(spectrum[rows], model.profile).astype(np.float32)
        residual -= fitted
        return fitted, residual

    def _blocks(self, models: Sequence[Model]) -> Iterator[Block]:
        if not models:
            return
        starts, stops = np.array([model.reach(_LEAST_PROFILE) for model in models]).T
        for numbers in chains(models, self._stretch):
            core = np.array(numbers)
            fwhm = self._stretch.fwhm_at(models[numbers[0]].position)
            start = max(0, int(starts[core].min() - _MARGIN_FWHM * fwhm))
            stop = min(self._stretch.n_scans, int(stops[core].max() + _MARGIN_FWHM * fwhm) + 1)
            reaching = (starts < stop) & (stops > start)
            reaching[core] = False
            hats = hat_functions(stop - start, _KNOT_FWHM * fwhm)
            guests = tuple(model for model, reaches in zip(models, reaching, strict=True) if reaches)
            yield Block(start, stop, tuple(models[k] for k in numbers), guests, hats)

    def _without(self, window: Window, gone: Set[Model]) -> Window | None:
        """The window solved without some components; None if none of its core is left."""
        block = window.block
        stays = np.array([model not in gone for model in block.models])
        if stays.all():
            return window
        core, guests = (tuple(model for model in some if model not in gone) for some in (block.core, block.guests))
        if not core:
            return None
        touched = (window.solution.spectra[~stays] > 0).any(axis=0)
        known = np.concatenate([window.solution.spectra[stays], window.solution.knots]).T
        return self._solve(
            replace(block, core=core, guests=guests), window.rows, np.where(touched[:, None], np.nan, known)
        )

    def _solve(self, block: Block, rows: NDArray[np.int64] | None = None, known: Array | None = None) -> Window:
        stretch, part = self._stretch, slice(block.start, block.stop)
        if rows is None:
            rows = np.flatnonzero(np.any(stretch.smoothed[:, part] > _ACTIVE_SD * stretch.sd[:, part], axis=1))
        level, sd = stretch.level[rows, part].astype(np.float64), stretch.sd[rows, part].astype(np.float64)
        weights = 1 / (sd**2 + (self._model_error * level) ** 2)
        weights[stretch.clipped[rows, part]] = 0
        profiles = np.array([model.on(block.start, block.stop) for model in block.models])
        solution = unmix(stretch.signal[rows, part].astype(np.float64), weights, profiles, block.hats, known)
        apexes = np.array([round(model.position) for model in block.core]) - block.start
        at_apex = profiles[:, np.clip(apexes, 0, block.stop - block.start - 1)].T
        return Window(block, rows, solution, at_apex)


def chains(models: Sequence[Model], stretch: Stretch) -> list[list[int]]:
    """Numbers of the components that are solved together.

    Chains longer than six are halved at the widest gap of their middle half, and again. So a component more or less
    changes the windows near it only.
    """
    if not models:
        return []
    position = np.array([model.position for model in models])
    width = stretch.fwhm[np.clip(np.round(position).astype(np.int64), 0, stretch.n_scans - 1)]
    gaps = np.diff(position) / width[1:]
    whole = np.split(np.arange(len(models)), np.flatnonzero(gaps > _CHAIN_FWHM) + 1)
    return [part.tolist() for chain in whole for part in _cut(chain, gaps)]


def _cut(chain: NDArray[np.int64], gaps: Array) -> list[NDArray[np.int64]]:
    if len(chain) <= _MOST_TOGETHER:
        return [chain]
    margin = len(chain) // 4
    middle = slice(chain[0] + margin, chain[-1] - margin)
    cut = margin + int(np.argmax(gaps[middle])) + 1
    return [*_cut(chain[:cut], gaps), *_cut(chain[cut:], gaps)]
