"""Encodes a spectrum for the network: integer m/z and logarithmic intensity bins (arXiv 2502.05114).

Shapes: B spectra, S peaks, M nominal masses.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from spectus.denovo.modeling import SpectusNetworkConfig


class EncodedSpectrum(NamedTuple):
    """The peaks of a spectrum as the encoder takes them.

    Attributes
    ----------
    mz
        Integer m/z, (S,) int64.
    bins
        Intensity bins, (S,) int64.
    """

    mz: NDArray[np.int64]
    bins: NDArray[np.int64]


class TrimmedPeaks(NamedTuple):
    """The peaks that the model can take.

    Attributes
    ----------
    mz
        m/z, (S,) ascending.
    intensity
        Intensities, (S,) in the unit of the input.
    note
        What was left out; None if nothing was.
    """

    mz: NDArray[np.float64]
    intensity: NDArray[np.float64]
    note: str | None


class SpectrumBatch(NamedTuple):
    """Padded spectra.

    Attributes
    ----------
    input_ids
        Integer m/z, (B, S) int64.
    position_ids
        Intensity bins, (B, S) int64.
    attention_mask
        1 for a peak and 0 for padding, (B, S) int64.
    """

    input_ids: Tensor
    position_ids: Tensor
    attention_mask: Tensor


def exceeded_limits(mz: ArrayLike, config: SpectusNetworkConfig) -> str | None:
    """Say which limit of the training examples a spectrum exceeds.

    Parameters
    ----------
    mz
        m/z of the peaks, (S,).
    config
        Sizes of the model.

    Returns
    -------
    str or None
        The limit, in words; None if the spectrum is within all of them.
    """
    masses = np.asarray(mz, dtype=np.float64)
    if len(masses) == 0:
        return "the spectrum has no peaks"
    if masses.max() > config.max_mz:
        return f"a peak at m/z {masses.max():.0f} lies above the model's limit of {config.max_mz}"
    if len(masses) > config.max_peaks:
        return f"{len(masses)} peaks are more than the model's limit of {config.max_peaks}"
    return None


def untranslatable(mz: ArrayLike, config: SpectusNetworkConfig) -> str | None:
    """Say why no peak of a spectrum is left for the model.

    Parameters
    ----------
    mz
        m/z of the peaks, (S,).
    config
        Sizes of the model.

    Returns
    -------
    str or None
        The reason; None if the spectrum can be translated, perhaps without some of its peaks (`trim_peaks`).
    """
    masses = np.asarray(mz, dtype=np.float64)
    if not (masses > 0).any():
        return "the spectrum has no peaks"
    if not _within_range(masses[masses > 0], config).any():
        return f"all peaks lie above the model's limit of m/z {config.max_mz}"
    return None


def trim_peaks(mz: ArrayLike, intensity: ArrayLike, config: SpectusNetworkConfig) -> TrimmedPeaks:
    """Leave out what the model cannot take, as its training does (`encode_rows`).

    Peaks above the highest m/z are dropped. Of the others, the most intense are kept, as many as the model takes; of
    two equal ones, that of lower m/z.

    Parameters
    ----------
    mz, intensity
        The peaks, (S,) each, ascending m/z.
    config
        Sizes of the model.

    Returns
    -------
    TrimmedPeaks
        The peaks that are left, and a note if some were left out.
    """
    masses, heights = np.asarray(mz, dtype=np.float64), np.asarray(intensity, dtype=np.float64)
    notes = []
    kept = _within_range(masses, config)
    if not kept.all():
        masses, heights = masses[kept], heights[kept]
        notes.append(f"peaks above m/z {config.max_mz} were left out: {np.count_nonzero(~kept)}")
    if len(masses) > config.max_peaks:
        notes.append(f"the {config.max_peaks} most intense of {len(masses)} peaks were used")
        highest = np.sort(np.argsort(-heights, kind="stable")[: config.max_peaks])
        masses, heights = masses[highest], heights[highest]
    return TrimmedPeaks(masses, heights, "; ".join(notes) or None)


def encode_spectrum(mz: ArrayLike, intensity: ArrayLike, config: SpectusNetworkConfig) -> EncodedSpectrum:
    """Round m/z half to even, and bin the intensities relative to the base peak.

    bin = max(0, trunc(ln(I / I_max) / ln(log_base)) + max_log_id). The base peak falls in bin `max_log_id`, a zero
    intensity in bin 0. Peaks that round to the same m/z are kept apart, as the published model was trained. A leading
    peak at m/z 0 is dropped, since predicted spectra of the published training set have one.

    Parameters
    ----------
    mz, intensity
        The peaks, (S,) each, ascending m/z, within the model's limits (`trim_peaks`).
    config
        Sizes of the model.

    Returns
    -------
    EncodedSpectrum
        The same peaks, but for one at m/z 0.
    """
    masses, heights = np.asarray(mz, dtype=np.float64), np.asarray(intensity, dtype=np.float64)
    if len(masses) and masses[0] == 0:
        masses, heights = masses[1:], heights[1:]
    with np.errstate(divide="ignore"):
        log_ratio = np.log(heights / heights.max()) / np.log(config.log_base)
    bins = np.trunc(np.maximum(log_ratio, -config.max_log_id)) + config.max_log_id
    return EncodedSpectrum(np.rint(masses).astype(np.int64), np.maximum(bins, 0).astype(np.int64))


def collate(spectra: Sequence[EncodedSpectrum], device: torch.device | str = "cpu") -> SpectrumBatch:
    """Pad spectra to the longest of them.

    Parameters
    ----------
    spectra
        At least one.
    device
        Where the tensors are made.

    Returns
    -------
    SpectrumBatch
        The spectra, in the same order.
    """
    length = max(len(spectrum.mz) for spectrum in spectra)
    padded = np.zeros((3, len(spectra), length), dtype=np.int64)
    for row, spectrum in enumerate(spectra):
        size = len(spectrum.mz)
        padded[0, row, :size], padded[1, row, :size], padded[2, row, :size] = spectrum.mz, spectrum.bins, 1
    return SpectrumBatch(*torch.from_numpy(padded).to(device).unbind(0))


def encode_rows(spectra: Tensor, config: SpectusNetworkConfig) -> SpectrumBatch:
    """Encode spectra that are rows over nominal masses, on the device where they are.

    Gives what `trim_peaks`, `encode_spectrum` and `collate` give for peak lists of integer m/z: the `max_peaks` most
    intense peaks up to `max_mz`, none at m/z 0.

    Parameters
    ----------
    spectra
        Intensities, (B, M) in any unit.
    config
        Sizes of the model.

    Returns
    -------
    SpectrumBatch
        A row without a peak is all padding.
    """
    heights = torch.cat([torch.zeros_like(spectra[:, :1]), spectra[:, 1 : config.max_mz + 1]], dim=1)
    n_peaks = (heights > 0).sum(dim=1).clamp(max=config.max_peaks)  # (B,)
    highest, masses = heights.topk(max(1, int(n_peaks.max())), dim=1)  # (B, S)
    masses, order = masses.masked_fill(highest <= 0, heights.shape[1]).sort(dim=1)  # padding goes to the end
    highest = highest.gather(1, order)
    seen = highest > 0
    log_ratio = (highest / highest.amax(dim=1, keepdim=True)).log() / math.log(config.log_base)
    bins = log_ratio.clamp(min=-config.max_log_id).trunc() + config.max_log_id
    return SpectrumBatch(masses * seen, torch.where(seen, bins, 0).long(), seen.long())


def _within_range(masses: NDArray[np.float64], config: SpectusNetworkConfig) -> NDArray[np.bool_]:
    return np.asarray(np.rint(masses) <= config.max_mz)
