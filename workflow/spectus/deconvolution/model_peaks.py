"""Model peaks: the elution profile of a component, taken from its own least disturbed ions.

As in Stein (J. Am. Soc. Mass Spectrom. 1999, 10, 770) the model is made of the sharpest ions whose apex agrees with
the component's. They are scaled to equal height. At every scan a lower quantile of them is taken instead of the mean,
because a co-eluting compound can only add to an ion's current.

Isomers may share every ion, so that even the quantile rises again beyond a valley. Such a flank is not trusted. It is
limited by the run's typical flank, which is measured on the components with undisturbed flanks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from spectus.deconvolution.peaks import Apexes
from spectus.deconvolution.stretch import Stretch
from spectus.types import Flags, Floats, Ints, Singles

_BEFORE_FWHM = 2.2
"""How far a model reaches before its apex, in peak widths. Chosen: a Gaussian has fallen below 1e-5."""

_AFTER_FWHM = 4.0
"""How far a model reaches after its apex, in peak widths. Chosen: gas chromatographic peaks tail."""

_REACHES = (1, 2, 4)
"""Multiples of the reach that are tried until the peak ends within it. Chosen."""

_SHARP = 0.5
"""Least sharpness of an ion of the model, as a fraction of that of the second sharpest ion. Chosen."""

_QUANTILE = 0.3
"""Quantile of the scaled ions that makes the model. Chosen on simulated runs: low enough to exclude co-eluting
compounds, high enough not to follow the noise.
"""

_AROUND_FWHM = 0.2
"""Distance from the component's apex within which the model's apex is sought, in peak widths. Chosen."""

_CUT_OFF = 0.05
"""Fraction of the apex above which a flank at the end of the model counts as cut off. Chosen."""

_NARROWEST = 0.4
"""Width, in local peak widths, below which a model is no peak. Chosen."""

_NARROW = 0.75
"""Width, in local peak widths, below which a weak model is narrowed by noise; it gets the typical shape. Chosen."""

_WIDEST = 2.5
"""Width, in local peak widths, above which a weak model is a ripple of the background. Chosen."""

_NOISY_SNR = 20.0
"""Signal-to-noise ratio below which a narrow model is weak. Chosen."""

_CLEAR_SNR = 50.0
"""Signal-to-noise ratio below which a wide model is weak. Chosen."""

_MANY_IONS = 6
"""Ions below which a wide model is weak. Chosen."""

_LEAST_SIGNAL = 0.3
"""A profile ends where it falls below this fraction of the strongest ion's noise. Chosen."""

_LEAST_PROFILE = 0.02
"""A profile ends at the latest where it falls below this fraction of its apex. Chosen."""

_RISE = 0.015
"""Fraction of the apex by which a disturbed flank rises again. Chosen: noise of strong ions stays below it."""

_STEPS_PER_FWHM = 20
"""Points of the typical flanks per peak width. Chosen."""

_MIN_TYPICAL_SNR = 20.0
"""Least signal-to-noise ratio of a component that contributes to the typical flanks. Chosen."""

_FEWEST_TYPICAL = 5
"""Fewest components whose flanks have a median; with fewer a Gaussian is used. Chosen."""


@dataclass(frozen=True, eq=False)
class Model:
    """Model peak: the elution profile of a component.

    Attributes
    ----------
    position
        Apex, scans, to a fraction of one.
    start
        Scan of the first point of the profile.
    profile
        (n,) profile, 1 at the apex, falling on both sides, above 0 throughout.
    ions
        (n_ions,) rows of the traces from which it was made.
    round
        1 if perceived in the traces, 2 if perceived in the residual of the first round.
    """

    position: float
    start: int
    profile: Floats
    ions: Ints
    round: int

    @property
    def stop(self) -> int:
        """The scan after the last point of the profile."""
        return self.start + len(self.profile)

    def reach(self, least: float) -> tuple[int, int]:
        """Return the first scan, and the one after the last, where the profile is at least `least`."""
        inside = np.flatnonzero(self.profile >= least)
        return self.start + int(inside[0]), self.start + int(inside[-1]) + 1

    def on(self, start: int, stop: int) -> Floats:
        """Return the profile on scans start to stop, zero where it does not reach."""
        values = np.zeros(stop - start)
        first, last = max(self.start, start), min(self.stop, stop)
        if last > first:
            values[first - start : last - start] = self.profile[first - self.start : last - self.start]
        return values


@dataclass(frozen=True)
class Flanks:
    """Typical flanks of a run's peaks, at steps of 1/20 peak width from the apex.

    Attributes
    ----------
    left, right
        (n_steps,) height before and after the apex, 1 at the apex.
    """

    left: Floats
    right: Floats

    def at(self, distance: Floats) -> Floats:
        """Return the height at distances from the apex, in peak widths, negative before it."""
        grid = np.arange(len(self.left)) / _STEPS_PER_FWHM
        return np.where(distance < 0, np.interp(-distance, grid, self.left), np.interp(distance, grid, self.right))


def gaussian_flanks() -> Flanks:
    """Return the flanks of a Gaussian, for a run without undisturbed peaks."""
    distance = np.arange(int(_AFTER_FWHM * _STEPS_PER_FWHM) + 1) / _STEPS_PER_FWHM
    flank = np.exp(-4 * np.log(2) * distance**2)
    return Flanks(flank, flank)


@dataclass(frozen=True)
class _Bundle:
    """Quantile of a component's ions, before it is made to fall on both sides.

    Attributes
    ----------
    first
        First scan.
    apex
        Index of the apex in `values`.
    values
        (n,) quantile, 1 at the apex.
    ions
        (n_ions,) rows of the ions.
    snr
        Largest signal-to-noise ratio of the ions.
    n_apexes
        Apexes that support the component.
    rises
        Largest rise of the flank before and after the apex, as a fraction of the apex.
    """

    first: int
    apex: int
    values: Floats
    ions: Ints
    snr: float
    n_apexes: int
    rises: tuple[float, float]

    def disturbed(self, side: int) -> bool:
        """Return whether the flank before (-1) or after (1) the apex rises again."""
        return self.rises[side > 0] > _RISE


def make_models(
    smoothed: Singles,
    stretch: Stretch,
    members: Sequence[Apexes],
    positions: Floats,
    number: int,
    flanks: Flanks | None = None,
) -> tuple[list[Model], Flanks]:
    """Make the model peaks of the components that show a peak of a plausible width.

    Parameters
    ----------
    smoothed
        (n_masses, n_scans) smoothed traces or residual above the baseline, counts.
    stretch
        The stretch of the run.
    members
        Apexes that support each component.
    positions
        (n_components,) apexes, scans.
    number
        Round of perception, 1 or 2.
    flanks
        Typical flanks, if an earlier round has measured them.

    Returns
    -------
    models : list of Model
        Model peaks by position.
    flanks : Flanks
        Typical flanks.
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


def _bundle(smoothed: Singles, stretch: Stretch, apexes: Apexes, position: float) -> _Bundle:
    """Lay the ions of one component over each other; if the peak has not ended, twice and four times as far."""
    sharp = _sharp(apexes.sharpness)
    ions, snr = apexes.row[sharp], apexes.snr[sharp]
    for reach in _REACHES:
        bundle = _overlay(smoothed, stretch, ions, snr, position, reach)
        if not _cut_off(bundle, stretch.n_scans):
            break
    return replace(bundle, n_apexes=len(apexes))


def _overlay(smoothed: Singles, stretch: Stretch, ions: Ints, snr: Floats, position: float, reach: int) -> _Bundle:
    """Scale the chosen ions (n_ions,) to equal height and take the lower quantile at every scan."""
    fwhm = stretch.fwhm_at(position)
    first = max(0, int(position - reach * _BEFORE_FWHM * fwhm))
    stop = min(stretch.n_scans, int(position + reach * _AFTER_FWHM * fwhm) + 2)
    middle = min(max(round(position), first), stop - 1) - first
    traces = smoothed[ions, first:stop].astype(np.float64)
    traces /= np.maximum(traces[:, middle], 1e-9)[:, None]
    lower = _weighted_quantile(traces, np.sqrt(snr), _QUANTILE)
    around = max(1, round(_AROUND_FWHM * fwhm))
    low = max(0, middle - around)
    apex = low + int(np.argmax(lower[low : middle + around + 1]))
    lower /= max(lower[apex], 1e-9)
    rises = (_largest_rise(lower[apex::-1]), _largest_rise(lower[apex:]))
    return _Bundle(first, apex, lower, ions, float(snr.max()), len(ions), rises)


def _largest_rise(flank: Floats) -> float:
    """Return the largest rise of a flank above its lowest point so far."""
    return float((flank - np.minimum.accumulate(flank)).max())


def _cut_off(bundle: _Bundle, n_scans: int) -> bool:
    """Return whether a flank falls all the way and yet has not reached a twentieth of the apex."""
    left = bundle.first > 0 and bundle.values[0] > _CUT_OFF and not bundle.disturbed(-1)
    right = bundle.first + len(bundle.values) < n_scans and bundle.values[-1] > _CUT_OFF and not bundle.disturbed(1)
    return left or right


def _sharp(sharpness: Floats) -> Flags:
    """Return which ions have at least half the sharpness of the second sharpest: at least two, where there are two."""
    if len(sharpness) < 2:
        return np.ones(len(sharpness), dtype=bool)
    return np.asarray(sharpness >= _SHARP * np.sort(sharpness)[-2])


def _weighted_quantile(values: Floats, weights: Floats, share: float) -> Floats:
    """Return the weighted quantile over the first axis at every point of the second."""
    order = np.argsort(values, axis=0)
    below = np.cumsum(weights[order], axis=0)
    index = np.argmax(below >= share * below[-1], axis=0)
    points = np.arange(values.shape[1])
    return np.asarray(values[order[index, points], points])


def _typical_flanks(bundles: Sequence[_Bundle], positions: Floats, stretch: Stretch) -> Flanks:
    """Return the median flanks of the strong components whose flank does not rise again."""
    grid = np.arange(int(_AFTER_FWHM * _STEPS_PER_FWHM) + 1) / _STEPS_PER_FWHM
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


def _flank(bundle: _Bundle, position: float, fwhm: float, side: int, grid: Floats) -> Floats:
    """Return one flank of a component at distances `grid` from its apex, in peak widths."""
    scans = bundle.first + np.arange(len(bundle.values))
    values = np.interp(position + side * grid * fwhm, scans, unimodal(bundle.values, bundle.apex, 0.0), left=0, right=0)
    return np.asarray(np.minimum(values / max(values[0], 1e-9), 1))


def _model(bundle: _Bundle, position: float, stretch: Stretch, flanks: Flanks, number: int) -> Model | None:
    """Return the bundle as a model peak; None if it is too narrow or, being weak, too wide for its place in the run."""
    fwhm = stretch.fwhm_at(position)
    values = np.maximum(bundle.values, 0)
    scans = bundle.first + np.arange(len(values))
    if bundle.disturbed(-1) or bundle.disturbed(1) or bundle.snr < _NOISY_SNR:
        typical = flanks.at(np.asarray((scans - position) / fwhm, dtype=np.float64))
    for side in (-1, 1):
        if bundle.disturbed(side):
            beyond = (np.arange(len(values)) - bundle.apex) * side > 0
            values[beyond] = np.minimum(values, typical)[beyond]
    profile = unimodal(values, bundle.apex, min(_LEAST_SIGNAL / bundle.snr, _LEAST_PROFILE))
    width = width_at_half(profile) / fwhm
    weak = bundle.n_apexes < _MANY_IONS or bundle.snr < _CLEAR_SNR
    if width < _NARROWEST or (width > _WIDEST and weak):
        return None
    if width < _NARROW and bundle.snr < _NOISY_SNR:
        profile = unimodal(typical, bundle.apex, _LEAST_PROFILE)
    support = np.flatnonzero(profile)
    return Model(position, bundle.first + int(support[0]), profile[support[0] : support[-1] + 1], bundle.ions, number)


def unimodal(values: Floats, apex: int, least: float) -> Floats:
    """Make values fall from the apex on both sides.

    Parameters
    ----------
    values
        (n,) profile.
    apex
        Index of the apex.
    least
        Values below this fraction of the apex become 0.

    Returns
    -------
    Floats
        (n,) profile, 1 at the apex.
    """
    if values[apex] <= 0:
        return np.zeros_like(values)
    falling = np.clip(values / values[apex], 0, 1)
    falling[apex:] = np.minimum.accumulate(falling[apex:])
    falling[: apex + 1] = np.minimum.accumulate(falling[apex::-1])[::-1]
    return np.where(falling >= least, falling, 0.0)


def width_at_half(profile: Floats) -> float:
    """Return the full width at half maximum of a profile, scans; a side cut off above half counts as far as it goes."""
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
