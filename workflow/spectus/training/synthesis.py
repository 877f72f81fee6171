"""Spectra predicted while training, on the device that trains, from a list of molecules: nothing is stored."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectus.forward.features import describe
from spectus.forward.model import ForwardModel
from spectus.forward.neims import NeimsPredictor

NEIMS_TOKEN, RASSP_TOKEN = 4, 6
"""Source tokens of predicted spectra, as published."""


class Synthesiser:
    """A forward model over a list of molecules.

    `smiles` are those of the list that it can predict and whose molecular ion the translator can read; `mass` (n,)
    their nominal masses.
    """

    def __init__(self, model: Path, smiles: list[str], max_mz: int, device: torch.device) -> None:
        forward = ForwardModel.load(model)
        molecules = describe(smiles, len(smiles))
        usable = np.array([reason is None for reason in molecules.reasons], bool) & (molecules.mass <= max_mz)
        kept = np.flatnonzero(usable)
        self.smiles, self.mass = [smiles[row] for row in kept.tolist()], molecules.mass[kept]
        self.network = forward.neims.to(device)
        vocabulary = forward.neims.vocabulary.cpu().numpy().astype(np.uint64)
        counts = molecules.matrix(vocabulary)[kept]
        counts.data = counts.data.astype(np.uint8)  # a quarter of the memory
        self.predictor = NeimsPredictor(self.network, counts, self.mass)

    def spectra(self, rows: NDArray[np.int64], uncertain: bool) -> Tensor:
        """(len(rows), bins) intensities by nominal mass, base peak 1; `uncertain`: drawn with the dropout on, so that
        they scatter as much as the forward model errs."""
        self.network.train(uncertain)
        return self.predictor(rows)


def like(masses: NDArray[np.int32], measured: NDArray[np.int32], strength: float) -> NDArray[np.float64]:
    """(n,) probabilities to draw molecules with, so that their masses are spread as the measured ones.

    strength: the power of the ratio of both densities, counted in steps of 25; 0 draws evenly.
    """
    edges = np.arange(0, max(masses.max(initial=0), measured.max(initial=0)) + 26, 25)
    here, there = (np.histogram(values, edges)[0] / max(1, len(values)) for values in (masses, measured))
    ratio = np.minimum(there / np.maximum(here, 1e-9), 10.0) ** strength  # few of the list stand for many measured ones
    weight = ratio[np.digitize(masses, edges) - 1]
    return weight / weight.sum()
