"""Spectra as a deconvoluted component of another run would show them.

Works on rows over nominal masses, on the device that trains, with torch's global random state (a fitting seeds it
before every step).
"""

import torch
from torch import Tensor

from spectus.denovo.training.settings import Augmentation

# What a column, a septum, a pump and the air leave behind: siloxanes, hydrocarbons, N2, O2, Ar, CO2, phthalate.
BACKGROUND_MZ = (18, 28, 32, 40, 41, 43, 44, 55, 57, 69, 71, 73, 96, 133, 147, 149, 191, 207, 221, 267, 281, 327, 355)
_REFERENCE_MZ = 150.0  # a tilt leaves intensities there as they are
_FAINT = 1e-4


def augment(spectra: Tensor, how: Augmentation) -> Tensor:
    """Change spectra (B, M), base peak 1, column = nominal mass; the base peak of the result is 1 again.

    In order: the intensities scatter and tilt (mass discrimination), a co-eluting neighbour leaves a part of its ions,
    background ions and chance ones appear, the strongest ions saturate, weak peaks are lost singly and below a noise
    floor, and the scan begins at a higher mass. A spectrum that would lose every peak stays as it was.
    """
    masses = torch.arange(spectra.shape[1], device=spectra.device)
    heights = spectra * torch.exp(how.intensity_jitter * torch.randn_like(spectra))
    slope = how.tilt * torch.randn_like(spectra[:, :1])
    heights = heights * torch.exp(slope * (masses - _REFERENCE_MZ) / _REFERENCE_MZ)
    heights = _scaled(heights)
    heights = heights + _residue(heights, how) + _background(spectra, masses, how)
    ceiling = 1 - 0.7 * _some(spectra, how.saturation) * _uniform(spectra)
    heights = _scaled(heights.minimum(ceiling))
    lost = torch.rand_like(heights) < how.drop_share * (0.01 / heights.clamp(min=1e-6)).clamp(max=1)
    floor = how.noise_floor * _uniform(spectra) ** 2
    start = 30 + 31 * _uniform(spectra) * _some(spectra, how.low_mass_cut)
    start = torch.where(start > 30, start, 0)
    kept = heights.masked_fill(lost | (heights < floor) | (masses < start), 0.0)
    return _scaled(torch.where(kept.amax(dim=1, keepdim=True) > 0, kept, spectra))


def _residue(heights: Tensor, how: Augmentation) -> Tensor:
    """What unmixing leaves of a neighbour: some of the ions of another spectrum of the batch, at a share of it."""
    neighbour = heights.roll(1, dims=0)
    some_ions = torch.rand_like(heights) < _uniform(heights)
    return neighbour * some_ions * _some(heights, how.residue) * how.residue_height * _uniform(heights)


def _background(spectra: Tensor, masses: Tensor, how: Augmentation) -> Tensor:
    """Ions of the background and chance ones, not above the spectrum's own heaviest ion."""
    common = torch.isin(masses, torch.tensor(BACKGROUND_MZ, device=masses.device))
    last = (masses * (spectra > 0)).amax(dim=1, keepdim=True)
    inside = (masses >= 15) & (masses <= last)
    chance = how.background_peaks * (0.5 * common / len(BACKGROUND_MZ) + 0.5 / last.clamp(min=1))
    height = how.background_height * torch.rand_like(spectra) + _FAINT
    return height * ((torch.rand_like(spectra) < chance) & inside)


def _uniform(spectra: Tensor) -> Tensor:
    """(B, 1) between 0 and 1."""
    return torch.rand_like(spectra[:, :1])


def _some(spectra: Tensor, share: float) -> Tensor:
    """(B, 1) one for this share of the rows, else zero."""
    return (_uniform(spectra) < share).to(spectra.dtype)


def _scaled(heights: Tensor) -> Tensor:
    return heights / heights.amax(dim=1, keepdim=True).clamp(min=1e-12)
