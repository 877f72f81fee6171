"""The consensus spectrum of a feature: what the spectra of its best components have in common.

Noise, neighbors and artifacts differ from run to run, the spectrum of the compound does not. The consensus is the mean
of the components' spectra, each scaled to an intensity sum of 1 and weighted by its quality. An ion that components of
less than half of the total weight have is left out.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from spectus.alignment.campaign_components import Campaign, spectra_of
from spectus.types import Ints

_MOST = 12
"""Most components of a consensus, the best ones. Chosen: more change nothing and cost memory."""

_LEAST_SHARE = 0.5
"""Least fraction of the total weight of the components that must have an ion. Chosen."""

_FLOOR = 0.2
"""Least quality of a component in a consensus, as a fraction of the best one's. Chosen: worse ones add noise only."""

_LEAST_INTENSITY = 1e-4
"""Intensity below which an ion of the mean is left out, base peak 1. Chosen: below the noise of any component."""


def consensus_spectra(paths: Sequence[Path], campaign: Campaign, label: Ints, best: Ints) -> tuple[pa.Array, pa.Array]:
    """Compute the spectrum of every feature.

    Parameters
    ----------
    paths
        Components tables.
    campaign
        The components.
    label
        (n,) feature of each component.
    best
        (n_features,) component of the highest quality of each feature.

    Returns
    -------
    mz, intensity : pa.Array
        (n_features,) lists of m/z, Th, ascending, and intensity (base peak 1).
    """
    members = _members(campaign, label, best)
    mz, intensity = spectra_of(paths, campaign.runs, campaign.position[members])
    weight = np.maximum(campaign.quality[members], 1e-9)
    lengths = mz.value_lengths().fill_null(0).to_numpy()
    row = np.repeat(np.arange(len(members)), lengths)
    values = intensity.flatten().to_numpy().astype(np.float64)
    total = np.bincount(row, values, len(members))
    mass, column = np.unique(mz.flatten().to_numpy(), return_inverse=True)
    cell = label[members][row] * len(mass) + column
    cells, place = np.unique(cell, return_inverse=True)
    feature = cells // max(len(mass), 1)
    summed = np.bincount(place, weight[row] * values / np.maximum(total[row], 1e-30), len(cells))
    seen = np.bincount(place, weight[row], len(cells)) / np.bincount(label[members], weight, len(best))[feature]
    largest = np.zeros(len(best))
    np.maximum.at(largest, feature, summed)
    relative = summed / largest[feature]
    kept = (seen >= _LEAST_SHARE) & (relative >= _LEAST_INTENSITY)
    ends = np.concatenate([[0], np.cumsum(np.bincount(feature[kept], minlength=len(best)))]).astype(np.int32)
    return (
        pa.ListArray.from_arrays(ends, pa.array(mass[cells % max(len(mass), 1)][kept].astype(np.float32))),
        pa.ListArray.from_arrays(ends, pa.array(relative[kept].astype(np.float32))),
    )


def _members(campaign: Campaign, label: Ints, best: Ints) -> Ints:
    """Return the components whose spectra are combined: at most twelve of a feature, none much worse than the best."""
    order = np.lexsort((-campaign.quality, label))
    rank = np.arange(len(order)) - np.searchsorted(label[order], label[order])
    good = campaign.quality[order] >= _FLOOR * campaign.quality[best][label[order]]
    return np.asarray(order[(rank < _MOST) & (good | (rank == 0))])
