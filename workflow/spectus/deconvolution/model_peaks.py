"""Model peaks: the elution profile of a component, taken from its own least disturbed ions.

As in Stein (J. Am. Soc. Mass Spectrom. 1999, 10, 770) the model is made of the sharpest ions whose apex agrees with
the component's. They are laid over each other at equal height, and of the bundle not the mean but a lower quantile is
taken: a co-eluting compound can only add to an ion, never take away from it.

Isomers may share every ion, so that even the quantile rises again beyond a valley. There the profile is not to be
trusted; it is bounded by the run's typical flank, measured on the components that have clean ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectus.deconvolution.ion_traces import Traces
from spectus.deconvolution.peaks import Apexes
from spectus.deconvolution.stretch import Stretch

Array = NDArray[np.float64]

_BEFORE, _AFTER = 2.2, 4.0
"""How far a model reaches from its apex, in peak widths; gas chromatographic peaks tail."""

_SHARP = 0.5
"""Share of the sharpness of the second sharpest ion that an ion of the model must have."""

_QUANTILE = 0.3
_NARROWEST, _NARROW, _WIDEST = 0.4, 0.75, 2.5
"""Widths of a model in units of the local peak width: below the first it is no peak; a weak one below the second owes
that to noise; a weak one above the third is a ripple of the background."""

_NOISY_SNR, _CLEAR_SNR, _MANY_IONS = 20.0, 50.0, 6

_RISE = 0.015
"""A flank that rises again by more than this share of the apex is disturbed."""

_STEPS_PER_FWHM = 20
_MIN_TYPICAL_SNR = 20.0
_FEWEST_TYPICAL = 5


@dataclass(frozen=True, eq=False)
class Model:
    """Elution profile of a component.

    Attributes
    ----------
    position: apex, scans, to a fraction of one.
    start: scan of the first point of the profile.
    profile: (n,), 1 at the apex, falling on both sides, above 0 throughout.
    ions: (n_ions,), rows of the traces it is made of.
    round: 1 if perceived in the traces, 2 if in what the components of round 1 left over.
    """

    position: float
    start: int
    profile: Array
    ions: NDArray[np.int64]
    round: int

    @property
    def stop(self) -> int:
        return self.start + len(self.profile)

    def reach(self, least: float) -> tuple[int, int]:
        """First scan and the one after the last where the profile is at least `least`."""
        inside = np.flatnonzero(self.profile >= least)
        return self.start + int(inside[0]), self.start + int(inside[-1]) + 1

    def on(self, start: int, stop: int) -> Array:
        """The profile on scans start to stop, zero where it does not reach."""
        values = np.zeros(stop - start)
        first, last = max(self.start, start), min(self.stop, stop)
        if last > first:
            values[first - start : last - start] = self.profile[first - self.start : last - self.start]
        return values


@dataclass(frozen=True)
class Flanks:
    """Typical flanks of a run's peaks: height at steps of 1/20 of a peak width from the apex, 1 at the apex."""

    left: Array
    right: Array

    def at(self, distance: Array) -> Array:
        """Height at distances from the apex in peak widths, negative before it."""
        grid = np.arange(len(self.left)) / _STEPS_PER_FWHM
        return np.where(distance < 0, np.interp(-distance, grid, self.left), np.interp(distance, grid, self.right))


def gaussian_flanks() -> Flanks:
    """Flanks of a Gaussian, for a run without clean peaks."""
    distance = np.arange(int(_AFTER * _STEPS_PER_FWHM) + 1) / _STEPS_PER_FWHM
    flank = np.exp(-4 * np.log(2) * distance**2)
    return Flanks(flank, flank)


@dataclass(frozen=True)
class _Bundle:
    """Quantile of a component's ions on scans from `first`, before it is made to fall on both sides; apex 1."""

    first: int
    apex: int
    values: Array
    ions: NDArray[np.int64]
    snr: float
    n_apexes: int

    def disturbed(self, side: int) -> bool:
        """Whether the flank before (-1) or after (1) the apex rises again."""
        flank = self.values[self.apex :: side]
        lowest = np.minimum.accumulate(flank)
        return bool(np.max(flank - lowest) > _RISE)


def make_models(
    smoothed: Traces,
    stretch: Stretch,
    members: Sequence[Apexes],
    positions: Array,
    number: int,
    flanks: Flanks | None = None,
) -> tuple[list[Model], Flanks]:
    """Model peaks of the components that show a peak of a plausible width, by position; and the typical flanks.

    Parameters
    ----------
    smoothed: (n_masses, n_scans), traces or residual above the baseline, smoothed.
    members: apexes that support each component. positions: its apex, scans. number: the round of perception.
    flanks: typical flanks, if they are known from an earlier round.
    """
    bundles = [
        _bundle(smoothed, stretch, apexes, position) for apexes, position in zip(members, positions, strict=True)
    ]
    flanks = flanks or _typical_flanks(bundles, positions, stretch)
    models = [
        _model(bundle, float(position), stretch, flanks, number)
        for bundle, position in zip(bundles, positions, strict=True)
    ]
    return sorted((model for model in models if model is not None), key=lambda model: model.position), flanks


def _bundle(smoothed: Traces, stretch: Stretch, apexes: Apexes, position: float) -> _Bundle:
    """The ions of one component laid over each other; if they have not ended, twice and four times as far."""
    chosen = apexes.take(_sharp(apexes.sharpness))
    for reach in (1, 2, 4):
        bundle = _overlay(smoothed, stretch, chosen, position, reach)
        if not _cut_off(bundle, stretch.n_scans):
            break
    return replace(bundle, n_apexes=len(apexes))


def _overlay(smoothed: Traces, stretch: Stretch, chosen: Apexes, position: float, reach: int) -> _Bundle:
    fwhm = stretch.fwhm_at(position)
    first = max(0, int(position - reach * _BEFORE * fwhm))
    stop = min(stretch.n_scans, int(position + reach * _AFTER * fwhm) + 2)
    middle = min(max(round(position), first), stop - 1) - first
    traces = smoothed[chosen.row, first:stop].astype(np.float64)
    traces /= np.maximum(traces[:, middle], 1e-9)[:, None]
    lower = _weighted_quantile(traces, np.sqrt(chosen.snr), _QUANTILE)
    around = max(1, round(0.2 * fwhm))
    low = max(0, middle - around)
    apex = low + int(np.argmax(lower[low : middle + around + 1]))
    return _Bundle(first, apex, lower / max(lower[apex], 1e-9), chosen.row, float(chosen.snr.max()), len(chosen))


def _cut_off(bundle: _Bundle, n_scans: int) -> bool:
    """Whether a flank falls all the way and yet has not reached a twentieth of the apex."""
    left = bundle.first > 0 and bundle.values[0] > 0.05 and not bundle.disturbed(-1)
    right = bundle.first + len(bundle.values) < n_scans and bundle.values[-1] > 0.05 and not bundle.disturbed(1)
    return left or right


def _sharp(sharpness: Array) -> NDArray[np.bool_]:
    """The ions of at least half the sharpness of the second sharpest; so at least two, where there are two."""
    if len(sharpness) < 2:
        return np.ones(len(sharpness), dtype=bool)
    return sharpness >= _SHARP * np.sort(sharpness)[-2]


def _weighted_quantile(values: Array, weights: Array, share: float) -> Array:
    """Quantile over the first axis at every point of the second."""
    order = np.argsort(values, axis=0)
    below = np.cumsum(weights[order], axis=0)
    index = np.argmax(below >= share * below[-1], axis=0)
    return np.take_along_axis(values, np.take_along_axis(order, index[None], axis=0), axis=0)[0]


def _typical_flanks(bundles: Sequence[_Bundle], positions: Array, stretch: Stretch) -> Flanks:
    """Median flanks of the strong components whose flank does not rise again."""
    grid = np.arange(int(_AFTER * _STEPS_PER_FWHM) + 1) / _STEPS_PER_FWHM
    sides = []
    for side in (-1, 1):
        clean = [
            _flank(bundle, float(position), stretch.fwhm_at(position), side, grid)
            for bundle, position in zip(bundles, positions, strict=True)
            if bundle.snr > _MIN_TYPICAL_SNR and not bundle.disturbed(side)
        ]
        plain = gaussian_flanks().left
        sides.append(np.minimum.accumulate(np.median(clean, axis=0)) if len(clean) >= _FEWEST_TYPICAL else plain)
    return Flanks(*sides)


def _flank(bundle: _Bundle, position: float, fwhm: float, side: int, grid: Array) -> Array:
    """One flank of a component at distances `grid` from its apex, in peak widths."""
    scans = bundle.first + np.arange(len(bundle.values))
    values = np.interp(position + side * grid * fwhm, scans, unimodal(bundle.values, bundle.apex, 0.0), left=0, right=0)
    return np.minimum(values / max(values[0], 1e-9), 1)


def _model(bundle: _Bundle, position: float, stretch: Stretch, flanks: Flanks, number: int) -> Model | None:
    """The bundle as a peak; None if it is no peak or too narrow or, being weak, too wide for its place in the run."""
    fwhm = stretch.fwhm_at(position)
    values = np.maximum(bundle.values, 0)
    scans = bundle.first + np.arange(len(values))
    typical = flanks.at(np.asarray((scans - position) / fwhm, dtype=np.float64))
    for side in (-1, 1):
        if bundle.disturbed(side):
            beyond = (np.arange(len(values)) - bundle.apex) * side > 0
            values[beyond] = np.minimum(values, typical)[beyond]
    profile = unimodal(values, bundle.apex, min(0.3 / bundle.snr, 0.02))
    width = width_at_half(profile) / fwhm
    weak = bundle.n_apexes < _MANY_IONS or bundle.snr < _CLEAR_SNR
    if width < _NARROWEST or (width > _WIDEST and weak):
        return None
    if width < _NARROW and bundle.snr < _NOISY_SNR:
        profile = unimodal(typical, bundle.apex, 0.02)
    support = np.flatnonzero(profile)
    return Model(position, bundle.first + int(support[0]), profile[support[0] : support[-1] + 1], bundle.ions, number)


def unimodal(values: Array, apex: int, least: float) -> Array:
    """Values, 1 at `apex`, made to fall from there on both sides; 0 below `least`."""
    if values[apex] <= 0:
        return np.zeros_like(values)
    falling = np.clip(values / values[apex], 0, 1)
    falling[apex:] = np.minimum.accumulate(falling[apex:])
    falling[: apex + 1] = np.minimum.accumulate(falling[apex::-1])[::-1]
    return np.where(falling >= least, falling, 0.0)


def width_at_half(profile: Array) -> float:
    """Full width at half maximum, scans; sides that are cut off above half count as far as they go."""
    above = np.flatnonzero(profile >= 0.5)
    if not len(above):
        return 0.0
    left, right = float(above[0]), float(above[-1])
    if above[0] > 0:
        rise = profile[above[0]] - profile[above[0] - 1]
        left -= (profile[above[0]] - 0.5) / rise
    if above[-1] < len(profile) - 1:
        fall = profile[above[-1]] - profile[above[-1] + 1]
        right += (profile[above[-1]] - 0.5) / fall
    return right - left
