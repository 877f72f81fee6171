"""From a run to its components: the pure spectra of what eluted, with their elution profiles.

The steps, in order, each in a module of its own:

1. `unit_mass`: the run as ion traces of nominal mass; points at the detector's ceiling are marked. If
   `mass_accuracy` finds accurate masses, `mass_traces` lays every ion into a trace of its own instead.
2. `noise`: the noise factor of the run (Stein 1999).
3. `width`: peak width along the run. `skew`: all masses brought to the same moment of the scan (Stein 1999).
4. `baseline`, `stretch`: slow background taken off every trace.
5. `peaks`: apexes of single ions, to a fraction of a scan, with the error of that.
6. `perception`: components, where the apexes of several ions agree within their errors; `mass_order`: those that are
   one compound whose heavy ions come late are joined.
7. `model_peaks`: each component's elution profile, from its own sharpest ions.
8. `unmixing`, `windows`: the spectra, by non-negative weighted least squares with a linear baseline.
9. `satellites`: components that the others explain are taken out.
10. Once more from 5 on what is left over: what was hidden under larger peaks.

The frame is that of AMDIS (Stein, J. Am. Soc. Mass Spectrom. 1999, 10, 770-781). Different are the density of apexes
with an error each in place of bins, any number of interfering components in place of two, and that intensities cannot
be negative.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectus import tables
from spectus.deconvolution.description import describe, signal_to_noise
from spectus.deconvolution.filters import rolling_maximum
from spectus.deconvolution.ion_traces import UnitMassRun
from spectus.deconvolution.mass_traces import channels
from spectus.deconvolution.model_peaks import Model, make_models
from spectus.deconvolution.noise import Noise, estimate_noise
from spectus.deconvolution.peak_width import strongest_widths, width_profile
from spectus.deconvolution.peaks import Apexes, find_apexes, smooth
from spectus.deconvolution.perception import perceive
from spectus.deconvolution.pruning import supported, without_satellites, without_twins
from spectus.deconvolution.skew import LEAST_SKEW, MIN_SNR, deskew, estimate_skew
from spectus.deconvolution.stretch import Stretch, prepare, unbroken
from spectus.deconvolution.windows import Unmixed, Unmixer
from spectus.raw.run import Run

Array = NDArray[np.float64]

_LEAST_SCANS = 5
_PRUNINGS = 12
_CROWD_FWHM = 1.5


@dataclass(frozen=True)
class Settings:
    """Settings of the deconvolution. The defaults suit quadrupole runs of four to forty scans a peak.

    Attributes
    ----------
    min_snr: lowest apex of an ion above its baseline, in standard deviations of its noise.
    min_ions: fewest ions that make a component, in perception and in its spectrum.
    residual_snr: as `min_snr`, for apexes in what the components of the first round leave over.
    least_significance: standard deviations by which an ion must stand above zero to count for `min_ions`.
    apex_scatter: scatter of a component's apexes that is not noise, in peak widths.
    model_error: share of the signal by which a model peak is wrong, in the weights of the fit.
    misfit: the same in the significance of what lies under larger peaks.
    clean: standard deviations below which an intensity is left out of the spectrum.
    baseline_fwhm: window of the baseline, in peak widths.
    saturation: share of the detector's ceiling from which a point counts as clipped.
    """

    min_snr: float = 4.0
    min_ions: int = 3
    residual_snr: float = 5.0
    least_significance: float = 3.0
    apex_scatter: float = 0.025
    model_error: float = 0.015
    misfit: float = 0.03
    clean: float = 1.5
    baseline_fwhm: float = 25.0
    saturation: float = 0.98


def deconvolve(run: Run, name: str, settings: Settings = Settings()) -> pa.Table:
    """Components of a run.

    Parameters
    ----------
    run: centroided scans; m/z is folded to nominal mass or, if accurate, kept in mass traces.
    name: of the run, for the table.

    Returns
    -------
    Table of schema COMPONENTS, by retention time; `ri` is null. A run too short or too empty for a peak has no rows.
    """
    folded = channels(run, settings.saturation)
    rows: list[dict[str, object]] = []
    if folded.n_scans >= _LEAST_SCANS and len(folded.mass) >= settings.min_ions:
        noise = estimate_noise(folded.traces, folded.threshold)
        fwhm = width_profile(strongest_widths(folded.traces, folded.saturated, noise), folded.n_scans)
        if len(fwhm):
            for stretch in stretches(folded, noise, fwhm, settings):
                rows += _rows(*components(stretch, settings), stretch, folded, settings)
    for number, row in enumerate(rows, start=1):
        row["run"], row["component"] = name, number
    return tables.table(tables.COMPONENTS, rows)


def stretches(folded: UnitMassRun, noise: Noise, fwhm: Array, settings: Settings) -> list[Stretch]:
    """The unbroken stretches of a run, deskewed and prepared."""
    parts = list(unbroken(folded.rt_s, _LEAST_SCANS))
    traces, clipped = folded.traces, folded.saturated
    # Instruments of accurate mass take all masses of a scan at the same time.
    scanning = parts and not folded.accurate
    slope = _skew(folded, noise, fwhm, max(parts, key=lambda part: part.stop - part.start)) if scanning else 0.0
    if abs(slope) * np.ptp(folded.mass) > LEAST_SKEW:
        traces, clipped = deskew(traces, clipped, folded.mass, slope)
    return [
        prepare(
            traces[:, part],
            clipped[:, part],
            folded.rt_s[part],
            fwhm[part],
            noise,
            settings.baseline_fwhm,
            by_mass=not folded.accurate,
        )
        for part in parts
    ]


def _skew(folded: UnitMassRun, noise: Noise, fwhm: Array, part: slice) -> float:
    """Skew seen in a stretch, scans per Th; strong peaks show it without a baseline taken off."""
    traces, width = folded.traces[:, part], fwhm[part]
    smoothed = smooth(traces, width)
    sd = noise.sd(np.maximum(smoothed, 0)).astype(np.float32)
    apexes = find_apexes(traces, smoothed, sd, width, MIN_SNR, folded.saturated[:, part])
    return estimate_skew(apexes, folded.mass, float(np.median(width)))


def components(stretch: Stretch, settings: Settings) -> tuple[list[Model], Unmixed]:
    """Models and spectra of the components of a stretch, by position."""
    unmixer = Unmixer(stretch, settings.model_error)
    found = _perceived(stretch.signal, stretch.smoothed, stretch.sd, stretch, settings, settings.min_snr)
    models, flanks = make_models(stretch.smoothed, stretch, *found, number=1)
    models, unmixed = _pruned(models, unmixer, stretch, settings)
    fitted, residual = unmixer.reconstruct(models, unmixed.spectra)
    smoothed = smooth(residual, stretch.fwhm)
    sd = np.hypot(stretch.sd, settings.misfit * _spread_out(fitted, stretch.fwhm))
    found = _perceived(residual, smoothed, sd, stretch, settings, settings.residual_snr)
    late, _ = make_models(smoothed, stretch, *found, number=2, flanks=flanks)
    if late:
        models = sorted([*models, *late], key=lambda model: model.position)
        models, unmixed = _pruned(models, unmixer, stretch, settings)
    if models:
        models, unmixed = _kept(models, without_satellites(models, unmixed, stretch), unmixed, unmixer)
    return models, unmixed


def _perceived(
    signal: NDArray[np.float32],
    smoothed: NDArray[np.float32],
    sd: NDArray[np.float32],
    stretch: Stretch,
    settings: Settings,
    min_snr: float,
) -> tuple[list[Apexes], Array]:
    """Components that show in `signal`, the traces or what is left of them: the apexes that support each, and where."""
    apexes = find_apexes(signal, smoothed, sd, stretch.fwhm, min_snr, stretch.clipped)
    positions, member = perceive(
        apexes, stretch.fwhm, settings.min_ions, settings.apex_scatter, by_mass=stretch.by_mass
    )
    order = np.argsort(member, kind="stable")
    bounds = np.searchsorted(member[order], np.arange(len(positions) + 1))
    return [apexes.take(order[first:stop]) for first, stop in itertools.pairwise(bounds)], positions


def _spread_out(fitted: NDArray[np.float32], fwhm: Array) -> NDArray[np.float32]:
    """Largest value within half a peak width: a misfit shows on the flanks, where the model itself is small."""
    return rolling_maximum(fitted, round(float(np.max(fwhm))) | 1)


def _pruned(models: list[Model], unmixer: Unmixer, stretch: Stretch, settings: Settings) -> tuple[list[Model], Unmixed]:
    """Unmix, and leave out components without enough ions of their own and twins, until all that is left stays."""
    unmixed = unmixer.solve(models)
    for _ in range(_PRUNINGS):
        if not models:
            break
        significance = unmixed.significance(settings.misfit)
        positions = np.array([model.position for model in models])
        reach = _CROWD_FWHM * np.array([stretch.fwhm_at(position) for position in positions])
        keep = supported(significance, positions, reach, settings.min_ions, settings.least_significance)
        keep[keep] = without_twins([m for m, k in zip(models, keep, strict=True) if k], unmixed.spectra[keep], stretch)
        if keep.all():
            break
        models, unmixed = _kept(models, keep, unmixed, unmixer)
    return models, unmixed


def _kept(
    models: list[Model], keep: NDArray[np.bool_], unmixed: Unmixed, unmixer: Unmixer
) -> tuple[list[Model], Unmixed]:
    if keep.all():
        return models, unmixed
    models = [model for model, stays in zip(models, keep, strict=True) if stays]
    return models, unmixer.solve(models)


def _rows(
    models: Sequence[Model], unmixed: Unmixed, stretch: Stretch, folded: UnitMassRun, settings: Settings
) -> Iterator[dict[str, object]]:
    """Rows of COMPONENTS, but for the run's name and the numbers."""
    error = unmixed.error(settings.misfit)
    first_scan = int(np.searchsorted(folded.rt_s, stretch.rt_s[0]))
    for k, model in enumerate(models):
        spectrum = np.where(unmixed.spectra[k] > settings.clean * unmixed.sd[k], unmixed.spectra[k], 0)
        if not folded.accurate:
            yield describe(model, spectrum, error[k], stretch, folded.mass)
            continue
        spectrum, mass, accurate = folded.accurate.named(spectrum, first_scan + model.start, model.profile)
        # Of so many traces the noise of some coincides: what it makes up does not stand out from noise itself.
        if signal_to_noise(model, spectrum, stretch) >= settings.least_significance:
            yield describe(model, spectrum, error[k], stretch, mass) | accurate
