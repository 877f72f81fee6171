"""Deconvolution of a run: the pure spectra of the compounds that eluted, with their elution profiles.

The steps, in order, each in its own module:

1. `ion_traces`: the run is folded to ion traces of nominal mass; points at the detector's ceiling are marked. If the
   run has accurate masses, `mass_traces` gives every ion its own trace instead.
2. `noise`: the noise factor of the run (Stein 1999); spikes of single points are removed.
3. `peak_width`: the peak width along the run. `skew`: all masses are interpolated to the same moment of the scan.
4. `baseline`, `stretch`: the slow background of every trace is subtracted.
5. `peaks`: apexes of single ions, to a fraction of a scan, with their errors.
6. `perception`: components, where the apexes of several ions agree within their errors. `mass_order`: parts of one
   compound whose heavy ions elute late are joined.
7. `model_peaks`: the elution profile of each component, from its own sharpest ions.
8. `unmixing`, `windows`: the spectra, by non-negative weighted least squares with a linear baseline.
9. `pruning`: components that others explain are removed.
10. Steps 5 to 9 are repeated once on the residual, to find what larger peaks had hidden. `slices`: parts of larger
    peaks that their models do not fit are returned to them. Components below the least signal-to-noise ratio are
    removed.
11. `confidence`: the probability that each component is a compound.

The frame is that of AMDIS (Stein, J. Am. Soc. Mass Spectrom. 1999, 10, 770-781). The differences are a density of
apexes with individual errors instead of bins, any number of interfering components instead of two, and intensities that
cannot be negative.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from spectus import tables
from spectus.arrays import array
from spectus.deconvolution.confidence import component_confidence
from spectus.deconvolution.description import describe, signal_to_noise
from spectus.deconvolution.filters import rolling_maximum, row_blocks
from spectus.deconvolution.ion_traces import IonTraces
from spectus.deconvolution.mass_traces import extract_traces
from spectus.deconvolution.model_peaks import Model, make_models
from spectus.deconvolution.noise import Noise, estimate_noise, remove_spikes
from spectus.deconvolution.peak_width import strongest_widths, width_profile
from spectus.deconvolution.peaks import Apexes, PeakTraces, find_apexes, smooth
from spectus.deconvolution.perception import perceive
from spectus.deconvolution.pruning import supported, without_satellites, without_twins
from spectus.deconvolution.settings import DeconvolutionSettings
from spectus.deconvolution.skew import LEAST_SKEW, SKEW_MIN_SNR, deskew, estimate_skew
from spectus.deconvolution.slices import missed_area, without_slices
from spectus.deconvolution.stretch import Stretch, prepare_stretch, unbroken
from spectus.deconvolution.windows import Unmixed, Unmixer
from spectus.raw.run import Run
from spectus.types import Flags, Floats, Singles

_DEFAULTS = DeconvolutionSettings()
_LEAST_SCANS = 5
"""Shortest stretch that is deconvolved, scans. Chosen: a peak has at least so many points."""

_PRUNINGS = 12
"""Most rounds of pruning. Chosen: usually three are enough."""

_RESIDUAL_FACTOR = 1.25
"""Least apex in the residual of the first round, in `min_snr`. Chosen on simulated runs of seeds below 30: misfits of
larger peaks reach 4 standard deviations more often than noise does."""

_CROWD_FWHM = 1.5
"""Distance within which unsupported components compete, in peak widths. Chosen: further ones do not share ions."""


def deconvolve(run: Run, name: str, settings: DeconvolutionSettings = _DEFAULTS) -> pa.Table:
    """Find the components of a run.

    Parameters
    ----------
    run
        Centroided scans. Their m/z is folded to nominal mass or, if accurate, kept in mass traces.
    name
        Name of the run, for the table.
    settings
        Settings of the deconvolution.

    Returns
    -------
    pa.Table
        Components (schema COMPONENTS) by retention time, without retention index. A run too short or too empty for a
        peak has none.
    """
    folded = extract_traces(run, settings.saturation)
    rows: list[dict[str, object]] = []
    if folded.n_scans >= _LEAST_SCANS and len(folded.mass) >= settings.min_ions:
        noise = estimate_noise(folded.traces, folded.threshold)
        if not folded.accurate:
            folded = replace(folded, traces=remove_spikes(folded.traces, noise))
        fwhm = width_profile(strongest_widths(folded.traces, folded.saturated, noise), folded.n_scans)
        if len(fwhm):
            parts = stretches(folded, noise, fwhm, settings)
            folded = replace(folded, traces=folded.traces[:, :0], saturated=folded.saturated[:, :0])  # frees memory
            for stretch in parts:
                rows += _rows(*components(stretch, settings), stretch, folded, settings)
    for number, row in enumerate(rows, start=1):
        row["run"], row["component"] = name, number
    return _with_confidence(tables.table(tables.COMPONENTS, rows))


def _with_confidence(found: pa.Table) -> pa.Table:
    """Fill the column `confidence`."""
    column = tables.COMPONENTS.get_field_index("confidence")
    values = array(component_confidence(found).tolist(), pa.float64())
    return found.set_column(column, tables.COMPONENTS.field(column), values)


def stretches(folded: IonTraces, noise: Noise, fwhm: Floats, settings: DeconvolutionSettings) -> list[Stretch]:
    """Prepare the unbroken stretches of a run.

    Parameters
    ----------
    folded
        Ion traces of the run.
    noise
        Noise of the run.
    fwhm
        (n_scans,) local peak width, scans.
    settings
        Settings of the deconvolution.

    Returns
    -------
    list of Stretch
        Stretches, deskewed and without baseline, in order of time.
    """
    parts = list(unbroken(folded.rt_s, _LEAST_SCANS))
    traces, clipped = folded.traces, folded.saturated
    # Instruments of accurate mass measure all masses of a scan at the same time.
    scanning = parts and not folded.accurate
    slope = _skew(folded, noise, fwhm, max(parts, key=lambda part: part.stop - part.start)) if scanning else 0.0
    if abs(slope) * np.ptp(folded.mass) > LEAST_SKEW:
        traces, clipped = deskew(traces, clipped, folded.mass, slope)
    return [
        prepare_stretch(
            replace(folded, rt_s=folded.rt_s[part], traces=traces[:, part], saturated=clipped[:, part]),
            fwhm[part],
            noise,
            settings.baseline_fwhm,
        )
        for part in parts
    ]


def _skew(folded: IonTraces, noise: Noise, fwhm: Floats, part: slice) -> float:
    """Return the skew of a stretch, scans per Th; strong peaks show it although the baseline is still in."""
    traces, width = folded.traces[:, part], fwhm[part]
    smoothed = smooth(traces, width)
    sd = noise.sd(np.maximum(smoothed, 0)).astype(np.float32)
    apexes = find_apexes(PeakTraces(traces, smoothed, sd, width, folded.saturated[:, part]), SKEW_MIN_SNR)
    return estimate_skew(apexes, folded.mass, float(np.median(width)))


def components(stretch: Stretch, settings: DeconvolutionSettings) -> tuple[list[Model], Unmixed]:
    """Find the components of a stretch.

    Parameters
    ----------
    stretch
        The prepared stretch.
    settings
        Settings of the deconvolution.

    Returns
    -------
    models : list of Model
        Model peaks, by position.
    unmixed : Unmixed
        Their spectra.
    """
    unmixer = Unmixer(stretch, settings.model_error)
    traces = PeakTraces(stretch.signal, stretch.smoothed, stretch.sd, stretch.fwhm, stretch.clipped)
    found = _perceived(traces, stretch.by_mass, settings, settings.min_snr)
    models, flanks = make_models(stretch.smoothed, stretch, *found, number=1)
    models, unmixed = _pruned(models, unmixer, stretch, settings)
    fitted, residual = unmixer.reconstruct(models, unmixed.spectra)
    smoothed = smooth(residual, stretch.fwhm)
    sd = _residual_sd(stretch, fitted, settings.misfit)
    traces = PeakTraces(residual, smoothed, sd, stretch.fwhm, stretch.clipped)
    found = _perceived(traces, stretch.by_mass, settings, _RESIDUAL_FACTOR * settings.min_snr)
    late, _ = make_models(smoothed, stretch, *found, number=2, flanks=flanks)
    if late:
        models = sorted([*models, *late], key=lambda model: model.position)
        models, unmixed = _pruned(models, unmixer, stretch, settings)
    keep = np.ones(len(models), dtype=bool)
    if models:
        keep = without_satellites(models, unmixed, stretch) & without_slices(models, unmixed, stretch)
    while models:
        keep &= _above_noise(models, unmixed, stretch, settings)
        if keep.all():
            break
        models, unmixed = _kept(models, keep, unmixed, unmixer)
        keep = np.ones(len(models), dtype=bool)
    _, residual = unmixer.reconstruct(models, unmixed.spectra)
    return models, replace(unmixed, missed=missed_area(models, unmixed, residual, stretch))


def _above_noise(models: Sequence[Model], unmixed: Unmixed, stretch: Stretch, settings: DeconvolutionSettings) -> Flags:
    """Return which components have at least the signal-to-noise ratio `min_snr`."""
    spectra = _clean_spectra(unmixed, settings)
    snr = [signal_to_noise(model, row, stretch) for model, row in zip(models, spectra, strict=True)]
    return np.array(snr) >= settings.min_snr


def _clean_spectra(unmixed: Unmixed, settings: DeconvolutionSettings) -> Floats:
    """Return the spectra without the intensities that are no more than noise or misfit of larger peaks."""
    return np.where(unmixed.spectra > settings.clean * unmixed.error(settings.misfit), unmixed.spectra, 0)


def _perceived(
    traces: PeakTraces, by_mass: bool, settings: DeconvolutionSettings, min_snr: float
) -> tuple[list[Apexes], Floats]:
    """Return the apexes that support each component that the traces show, and the components' positions."""
    apexes = find_apexes(traces, min_snr)
    positions, member = perceive(apexes, traces.fwhm, settings.min_ions, settings.apex_scatter, by_mass=by_mass)
    order = np.argsort(member, kind="stable")
    bounds = np.searchsorted(member[order], np.arange(len(positions) + 1))
    return [apexes.take(order[first:stop]) for first, stop in itertools.pairwise(bounds)], positions


def _residual_sd(stretch: Stretch, fitted: Singles, misfit: float) -> Singles:
    """Turn the fitted components into the standard deviation of the residual, in place, to save memory.

    It consists of noise and a fraction `misfit` of the largest fitted value within half a peak width, because a misfit
    is large on the flanks, where the model is small.
    """
    size = round(float(np.max(stretch.fwhm))) | 1
    for rows in row_blocks(fitted):
        spread = rolling_maximum(fitted[rows], size)
        fitted[rows] = np.sqrt(stretch.sd[rows] ** 2 + (misfit * spread) ** 2)
    return fitted


def _pruned(
    models: list[Model], unmixer: Unmixer, stretch: Stretch, settings: DeconvolutionSettings
) -> tuple[list[Model], Unmixed]:
    """Unmix, and remove unsupported components and twins, until all stay."""
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


def _kept(models: list[Model], keep: Flags, unmixed: Unmixed, unmixer: Unmixer) -> tuple[list[Model], Unmixed]:
    """Return the components to keep, unmixed again if there are fewer than before."""
    if keep.all():
        return models, unmixed
    models = [model for model, stays in zip(models, keep, strict=True) if stays]
    return models, unmixer.solve(models)


def _rows(
    models: Sequence[Model], unmixed: Unmixed, stretch: Stretch, folded: IonTraces, settings: DeconvolutionSettings
) -> Iterator[dict[str, object]]:
    """Yield rows of COMPONENTS without the run's name and the component's number."""
    error, spectra = unmixed.error(settings.misfit), _clean_spectra(unmixed, settings)
    first_scan, missed = int(np.searchsorted(folded.rt_s, stretch.rt_s[0])), unmixed.missed.tolist()
    for k, model in enumerate(models):
        spectrum = spectra[k]
        if not folded.accurate:
            yield describe(model, spectrum, error[k], stretch, folded.mass, missed[k])
            continue
        spectrum, mass, accurate = folded.accurate.named(spectrum, first_scan + model.start, model.profile)
        # In so many traces some noise coincides. The components that it makes do not stand out from the noise.
        if signal_to_noise(model, spectrum, stretch) >= settings.min_snr:
            yield describe(model, spectrum, error[k], stretch, mass, missed[k]) | accurate
