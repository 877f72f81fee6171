"""Changes to spectra that a deconvoluted component of another run could show.

They work on rows over nominal masses, on the device that trains, with torch's global random state, which a fitting
seeds before every step.
"""

import torch
from torch import Tensor

from spectus.denovo.training.settings import Augmentation

BACKGROUND_MZ = (18, 28, 32, 40, 41, 43, 44, 55, 57, 69, 71, 73, 96, 133, 147, 149, 191, 207, 221, 267, 281, 327, 355)
"""Nominal m/z of column, septum, pump and air: siloxanes, hydrocarbons, N2, O2, Ar, CO2, phthalate."""

_REFERENCE_MZ = 150.0
"""m/z at which a tilt changes nothing, Th. Chosen: the middle of most spectra."""

_FAINT = 1e-4
"""Lowest intensity of a background ion, of the base peak. Chosen: above 0, so that it is a peak."""

_LOST_AT = 0.01
"""Intensity, of the base peak, at which a peak is lost with the probability `drop_share`."""

_CLIPPED = 0.7
"""Largest share of the base peak that saturation clips."""

_FIRST_MZ, _FIRST_MZ_RANGE = 30, 31
"""Lowest m/z at which a late scan starts, and the range above it, Th."""

_LOWEST_FOREIGN_MZ = 15
"""Lowest m/z of a background ion, Th: CH3."""


def augment(spectra: Tensor, how: Augmentation) -> Tensor:
    """Change spectra.

    In order: the intensities scatter and tilt (mass discrimination), a co-eluting neighbor leaves a part of its ions,
    background ions and chance ones appear, the strongest ions saturate, weak peaks are lost singly and below a noise
    floor, and the scan begins at a higher mass. A spectrum that would lose every peak stays as it was.

    Parameters
    ----------
    spectra
        (B, M) intensities, column = nominal mass, base peak 1.
    how
        The changes.

    Returns
    -------
    Tensor, (B, M)
        Base peak 1.
    """
    masses = torch.arange(spectra.shape[1], device=spectra.device)
    heights = spectra * torch.exp(how.intensity_jitter * torch.randn_like(spectra))
    slope = how.tilt * torch.randn_like(spectra[:, :1])
    heights = heights * torch.exp(slope * (masses - _REFERENCE_MZ) / _REFERENCE_MZ)
    heights = _scaled(heights)
    heights = heights + _residue(heights, how) + _background(spectra, masses, how)
    ceiling = 1 - _CLIPPED * _some(spectra, how.saturation) * _uniform(spectra)
    heights = _scaled(heights.minimum(ceiling))
    lost = torch.rand_like(heights) < how.drop_share * (_LOST_AT / heights.clamp(min=1e-6)).clamp(max=1)
    floor = how.noise_floor * _uniform(spectra) ** 2
    start = _FIRST_MZ + _FIRST_MZ_RANGE * _uniform(spectra) * _some(spectra, how.low_mass_cut)
    start = torch.where(start > _FIRST_MZ, start, 0)
    kept = heights.masked_fill(lost | (heights < floor) | (masses < start), 0.0)
    return _scaled(torch.where(kept.amax(dim=1, keepdim=True) > 0, kept, spectra))


def _residue(heights: Tensor, how: Augmentation) -> Tensor:
    """Return what unmixing leaves of a neighbor: some ions of another spectrum of the batch, at a share of it."""
    neighbor = heights.roll(1, dims=0)
    some_ions = torch.rand_like(heights) < _uniform(heights)
    return neighbor * some_ions * _some(heights, how.residue) * how.residue_height * _uniform(heights)


def _background(spectra: Tensor, masses: Tensor, how: Augmentation) -> Tensor:
    """Return ions of the background and chance ones, not above the spectrum's own heaviest ion."""
    common = torch.isin(masses, torch.tensor(BACKGROUND_MZ, device=masses.device))
    last = (masses * (spectra > 0)).amax(dim=1, keepdim=True)
    inside = (masses >= _LOWEST_FOREIGN_MZ) & (masses <= last)
    chance = how.background_peaks * (0.5 * common / len(BACKGROUND_MZ) + 0.5 / last.clamp(min=1))
    height = how.background_height * torch.rand_like(spectra) + _FAINT
    return height * ((torch.rand_like(spectra) < chance) & inside)


def _uniform(spectra: Tensor) -> Tensor:
    """Return random numbers between 0 and 1, (B, 1)."""
    return torch.rand_like(spectra[:, :1])


def _some(spectra: Tensor, share: float) -> Tensor:
    """Return 1 for this share of the rows, else 0, (B, 1)."""
    return (_uniform(spectra) < share).to(spectra.dtype)


def _scaled(heights: Tensor) -> Tensor:
    return heights / heights.amax(dim=1, keepdim=True).clamp(min=1e-12)
