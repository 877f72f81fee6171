"""Unmixing of a whole stretch, window by window.

Components that overlap are solved together. Long chains of them are cut. Each window then also holds, as columns whose
result is not used, the components of neighboring windows that reach into it.
"""

import itertools
from collections.abc import Hashable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np

from spectus.deconvolution.model_peaks import Model
from spectus.deconvolution.stretch import Stretch
from spectus.deconvolution.unmixing import Equations, Solution, equations, hat_functions, solve_windows
from spectus.types import Floats, Ints, Singles

_CHAIN_FWHM = 2.2
"""Components nearer than this, in peak widths, belong to one chain. Chosen: further ones overlap below 0.1 %."""

_MOST_TOGETHER = 6
"""Most components of one window. Chosen: the cost grows with the cube of the number."""

_KNOT_FWHM = 6.0
"""Distance of the baseline's knots, in peak widths. Chosen: the baseline must not follow a peak."""

_LEAST_PROFILE = 0.02
"""Fraction of its apex at which a component's profile begins and ends a window. Chosen."""

_MARGIN_FWHM = 0.5
"""Margin of a window on both sides, in peak widths. Chosen: the baseline must be visible."""

_ENTRIES_AT_ONCE = 1 << 17
"""Entries of the normal matrices of windows that are solved together: 1 MiB, for the processor's cache. Chosen."""

_ACTIVE_SD = 2.0
"""Masses whose smoothed trace nowhere exceeds this many standard deviations in a window are not unmixed. Chosen."""


@dataclass(frozen=True)
class UnmixingBlock:
    """Components and scans that are solved together.

    Attributes
    ----------
    start, stop
        First scan, and the one after the last.
    core
        The components whose spectra are wanted, by position.
    guests
        Other components that reach into these scans.
    hats
        (n_knots, stop - start) columns of the baseline.
    """

    start: int
    stop: int
    core: tuple[Model, ...]
    guests: tuple[Model, ...]
    hats: Floats

    @property
    def models(self) -> tuple[Model, ...]:
        """Core and guests, in this order."""
        return (*self.core, *self.guests)

    @property
    def key(self) -> Hashable:
        """Key under which the block's solution is stored."""
        return self.start, self.stop, self.core, self.guests


@dataclass(frozen=True)
class SolvedBlock:
    """Solution of a block.

    Attributes
    ----------
    block
        What was solved.
    rows
        (n_active,) masses that have signal in the block.
    solution
        Heights of core and guests, in this order, and of the baseline.
    at_apex
        (n_core, n_core + n_guests) height of every profile at the apex of each core component.
    """

    block: UnmixingBlock
    rows: Ints
    solution: Solution
    at_apex: Floats


@dataclass(frozen=True)
class _Task:
    """A block to be solved.

    Attributes
    ----------
    block
        What is to be solved.
    rows
        (n_active,) masses that have signal in the block; None if that is not known yet.
    known
        (n_active, n_unknowns) heights of masses whose solution is known, counts; NaN for the others.
    """

    block: UnmixingBlock
    rows: Ints | None = None
    known: Floats | None = None


@dataclass(frozen=True)
class _Posed:
    """A block with its equations; the other attributes are those of `SolvedBlock`."""

    block: UnmixingBlock
    rows: Ints
    equations: Equations
    at_apex: Floats


@dataclass(frozen=True)
class Unmixed:
    """Spectra of all components of a stretch; all matrices are (n_components, n_masses).

    Attributes
    ----------
    spectra
        Intensities at the apex, counts.
    sd
        Their standard deviations, counts, from noise and overlap; infinity where nothing was measured.
    crowd
        Intensities of the other components at the apex, counts.
    missed
        (n_components,) areas that the models do not fit, counts x s (see `slices.missed_area`).
    """

    spectra: Floats
    sd: Floats
    crowd: Floats
    missed: Floats = field(default_factory=lambda: np.empty(0))

    def error(self, misfit: float) -> Floats:
        """Return standard deviations that include a fraction `misfit` of the crowd, counts."""
        return np.asarray(np.sqrt(self.sd**2 + (misfit * self.crowd) ** 2))

    def significance(self, misfit: float) -> Floats:
        """Return the intensities over `error(misfit)`."""
        return self.spectra / self.error(misfit)


class Unmixer:
    """Solves the components of a stretch block by block and stores the solutions.

    The blocks are defined anew when components are added. When components are removed the blocks stay, and only the
    masses in which the removed ones had intensity are solved again.

    Parameters
    ----------
    stretch
        The stretch of a run.
    model_error
        Fraction of the signal by which profiles are wrong; it adds to the noise.
    """

    def __init__(self, stretch: Stretch, model_error: float) -> None:
        """Start without components."""
        self._stretch = stretch
        self._model_error = model_error
        self._models: list[Model] = []
        self._windows: list[SolvedBlock] = []
        self._unmixed = _nothing_unmixed(0, len(stretch.signal))

    def solve(self, models: Sequence[Model]) -> Unmixed:
        """Unmix components.

        Parameters
        ----------
        models
            Model peaks of all components, by position.

        Returns
        -------
        Unmixed
            Their spectra.
        """
        gone = set(self._models).difference(models)
        tasks: list[SolvedBlock | _Task]
        if len(self._models) - len(gone) == len(models):  # all of them are known
            tasks = [_without(window, gone) for window in self._windows if not gone.issuperset(window.block.core)]
            stays = np.array([model not in gone for model in self._models], dtype=bool)
            before = self._unmixed
            unmixed = Unmixed(before.spectra[stays], before.sd[stays], before.crowd[stays])
            changed = [isinstance(task, _Task) for task in tasks]
        else:
            known = {window.block.key: window for window in self._windows}
            tasks = [known.get(block.key) or _Task(block) for block in self._blocks(models)]
            unmixed = _nothing_unmixed(len(models), len(self._stretch.signal))
            changed = [True] * len(tasks)
        self._models, self._windows, self._unmixed = list(models), self._solved(tasks), unmixed
        number = {model: k for k, model in enumerate(models)}
        for window in itertools.compress(self._windows, changed):
            _fill(unmixed, np.array([number[model] for model in window.block.core]), window)
        return unmixed

    def reconstruct(self, models: Sequence[Model], spectra: Floats) -> tuple[Singles, Singles]:
        """Return the sum of the components, and the signal without them and without the baseline last fitted.

        Parameters
        ----------
        models
            Model peaks, as last given to `solve`.
        spectra
            (n_components, n_masses) intensities at the apex, counts.

        Returns
        -------
        fitted, residual : Singles
            (n_masses, n_scans) counts.
        """
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
            heights, profile = spectrum[rows].astype(np.float32), model.profile.astype(np.float32)
            fitted[rows, model.start : model.stop] += heights[:, None] * profile
        residual -= fitted
        return fitted, residual

    def _blocks(self, models: Sequence[Model]) -> Iterator[UnmixingBlock]:
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
            guests = tuple(models[k] for k in np.flatnonzero(reaching).tolist())
            yield UnmixingBlock(start, stop, tuple(models[k] for k in numbers), guests, hats)

    def _solved(self, tasks: Sequence[SolvedBlock | _Task]) -> list[SolvedBlock]:
        """Solve the tasks, some at a time; leave what is solved as it is."""
        solved: list[SolvedBlock] = []
        waiting: list[SolvedBlock | _Posed] = []
        entries = 0
        for task in tasks:
            waiting.append(self._posed(task) if isinstance(task, _Task) else task)
            entries += waiting[-1].equations.gram.size if isinstance(waiting[-1], _Posed) else 0
            if entries >= _ENTRIES_AT_ONCE:
                solved += _solve(waiting)
                waiting, entries = [], 0
        return solved + _solve(waiting)

    def _posed(self, task: _Task) -> _Posed:
        """Set up the equations of a task."""
        stretch, block, rows = self._stretch, task.block, task.rows
        part = slice(block.start, block.stop)
        if rows is None:
            rows = np.flatnonzero((stretch.smoothed[:, part] > _ACTIVE_SD * stretch.sd[:, part]).any(axis=1))
        level, sd = stretch.level[rows, part].astype(np.float64), stretch.sd[rows, part].astype(np.float64)
        weights = 1 / (sd**2 + (self._model_error * level) ** 2)
        weights[stretch.clipped[rows, part]] = 0
        profiles = np.array([model.on(block.start, block.stop) for model in block.models])
        signal = stretch.signal[rows, part].astype(np.float64)
        apexes = np.array([round(model.position) for model in block.core]) - block.start
        at_apex = profiles[:, np.clip(apexes, 0, block.stop - block.start - 1)].T
        return _Posed(block, rows, equations(signal, weights, profiles, block.hats, task.known), at_apex)


def _solve(waiting: Sequence[SolvedBlock | _Posed]) -> list[SolvedBlock]:
    """Solve what is not solved yet."""
    solutions = iter(solve_windows([window.equations for window in waiting if isinstance(window, _Posed)]))
    return [
        SolvedBlock(window.block, window.rows, next(solutions), window.at_apex)
        if isinstance(window, _Posed)
        else window
        for window in waiting
    ]


def _without(window: SolvedBlock, gone: Set[Model]) -> SolvedBlock | _Task:
    """Return a block without some components, to be solved where these had intensity; the block itself if it has none.

    At least one core component must be left.
    """
    block = window.block
    if gone.isdisjoint(block.models):
        return window
    stays = np.array([model not in gone for model in block.models])
    core, guests = (tuple(model for model in some if model not in gone) for some in (block.core, block.guests))
    touched = (window.solution.spectra[~stays] > 0).any(axis=0)
    known = np.concatenate([window.solution.spectra[stays], window.solution.knots]).T
    return _Task(replace(block, core=core, guests=guests), window.rows, np.where(touched[:, None], np.nan, known))


def _fill(unmixed: Unmixed, numbers: Ints, window: SolvedBlock) -> None:
    """Write the core components of a block, which have these numbers (n_core,), into the matrices."""
    solution, n = window.solution, len(numbers)
    cells = numbers[:, None], window.rows
    unmixed.spectra[cells], unmixed.sd[cells] = solution.spectra[:n], solution.sd[:n]
    unmixed.crowd[cells] = np.maximum(window.at_apex @ solution.spectra - solution.spectra[:n], 0)


def _nothing_unmixed(n_components: int, n_masses: int) -> Unmixed:
    """Return matrices in which nothing was measured."""
    shape = (n_components, n_masses)
    return Unmixed(np.zeros(shape), np.full(shape, np.inf), np.zeros(shape))


def chains(models: Sequence[Model], stretch: Stretch) -> list[list[int]]:
    """Group the components that are solved together.

    Chains longer than six are halved at the widest gap of their middle half, repeatedly. An additional component
    therefore changes the windows near it only.

    Parameters
    ----------
    models
        Model peaks, by position.
    stretch
        The stretch of a run.

    Returns
    -------
    list
        Numbers of the components of each chain.
    """
    if not models:
        return []
    position = np.array([model.position for model in models])
    width = stretch.fwhm[np.clip(np.round(position).astype(np.int64), 0, stretch.n_scans - 1)]
    gaps = np.diff(position) / width[1:]
    whole = np.split(np.arange(len(models)), np.flatnonzero(gaps > _CHAIN_FWHM) + 1)
    return [part.tolist() for chain in whole for part in _cut(chain, gaps)]


def _cut(chain: Ints, gaps: Floats) -> list[Ints]:
    if len(chain) <= _MOST_TOGETHER:
        return [chain]
    margin = len(chain) // 4
    middle = slice(chain[0] + margin, chain[-1] - margin)
    cut = margin + int(np.argmax(gaps[middle])) + 1
    return [*_cut(chain[:cut], gaps), *_cut(chain[cut:], gaps)]
