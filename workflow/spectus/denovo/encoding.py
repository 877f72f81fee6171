"""A spectrum as the network takes it: integer m/z and logarithmic intensity bins (arXiv 2502.05114)."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from spectus.denovo.modeling import SpectusConfig


class EncodedSpectrum(NamedTuple):
    """Peaks as the encoder takes them: `mz` (S,) int64 and `bins` (S,) int64."""

    mz: NDArray[np.int64]
    bins: NDArray[np.int64]


class Batch(NamedTuple):
    """Padded spectra, each (B, S): m/z, bins, and a mask that is 1 for a peak and 0 for padding."""

    input_ids: Tensor
    position_ids: Tensor
    attention_mask: Tensor


def unusable(mz: ArrayLike, config: SpectusConfig) -> str | None:
    """Why a spectrum cannot be translated; None if it can. The limits are those the model was trained with."""
    masses = np.asarray(mz, dtype=np.float64)
    if len(masses) == 0:
        return "the spectrum has no peaks"
    if masses.max() > config.max_mz:
        return f"a peak at m/z {masses.max():.0f} lies above the model's limit of {config.max_mz}"
    if len(masses) > config.max_peaks:
        return f"{len(masses)} peaks are more than the model's limit of {config.max_peaks}"
    return None


def encode_spectrum(mz: ArrayLike, intensity: ArrayLike, config: SpectusConfig) -> EncodedSpectrum:
    """Round m/z half to even and bin the intensities relative to the base peak.

    bin = max(0, trunc(ln(I / I_max) / ln(log_base)) + max_log_id): the base peak falls in bin `max_log_id`, a zero
    intensity in bin 0. Peaks that round to the same m/z are kept apart, as the published model was trained.
    A leading peak at m/z 0 is dropped (an artefact of one forward model).
    """
    masses, heights = np.asarray(mz, dtype=np.float64), np.asarray(intensity, dtype=np.float64)
    if len(masses) and masses[0] == 0:
        masses, heights = masses[1:], heights[1:]
    with np.errstate(divide="ignore"):
        log_ratio = np.log(heights / heights.max()) / np.log(config.log_base)
    bins = np.trunc(np.maximum(log_ratio, -config.max_log_id)) + config.max_log_id
    return EncodedSpectrum(np.rint(masses).astype(np.int64), np.maximum(bins, 0).astype(np.int64))


def collate(spectra: Sequence[EncodedSpectrum], device: torch.device | str = "cpu") -> Batch:
    """Pad spectra to the longest of them."""
    length = max(len(spectrum.mz) for spectrum in spectra)
    padded = np.zeros((3, len(spectra), length), dtype=np.int64)
    for row, spectrum in enumerate(spectra):
        size = len(spectrum.mz)
        padded[0, row, :size], padded[1, row, :size], padded[2, row, :size] = spectrum.mz, spectrum.bins, 1
    return Batch(*torch.from_numpy(padded).to(device).unbind(0))


def encode_rows(spectra: Tensor, config: SpectusConfig) -> Batch:
    """Spectra as rows over nominal masses (B, M), encoded where they are: the highest `max_peaks` of each, no m/z 0.

    Gives what `encode_spectrum` and `collate` give for peak lists of integer m/z. A row without a peak is all padding.
    """
    heights = torch.cat([torch.zeros_like(spectra[:, :1]), spectra[:, 1 : config.max_mz + 1]], dim=1)
    n_peaks = (heights > 0).sum(dim=1).clamp(max=config.max_peaks)  # (B,)
    highest, masses = heights.topk(max(1, int(n_peaks.max())), dim=1)  # (B, S)
    masses, order = masses.masked_fill(highest <= 0, heights.shape[1]).sort(dim=1)  # padding goes to the end
    highest = highest.gather(1, order)
    seen = highest > 0
    log_ratio = (highest / highest.amax(dim=1, keepdim=True)).log() / math.log(config.log_base)
    bins = log_ratio.clamp(min=-config.max_log_id).trunc() + config.max_log_id
    return Batch(masses * seen, torch.where(seen, bins, 0).long(), seen.long())
