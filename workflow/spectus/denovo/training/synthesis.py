"""Spectra that are predicted while training, on the device that trains, from a molecule list: nothing is stored."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectus.prediction.base import PredictionModel
from spectus.prediction.neims.model import NeimsModel
from spectus.prediction.neims.network import NeimsPredictor
from spectus.prediction.registry import load_prediction_model
from spectus.prediction.substructures import SubstructureCounts, count_substructures

NEIMS_TOKEN, RASSP_TOKEN = 4, 6
"""Source tokens of predicted spectra, as published (arXiv 2502.05114)."""

_MASS_STEP = 25
"""Width of the steps in which masses are counted, Da. Chosen: two methylene groups, less than a TMS group."""

_LARGEST_RATIO = 10.0
"""Largest ratio of densities. Chosen: few molecules of the list may not stand for many measured ones."""


class _Source(Protocol):
    """A prediction model over a molecule list."""

    token: int

    def spectra(self, rows: NDArray[np.int64], uncertain: bool) -> Tensor: ...


class PredictedSpectra(Protocol):
    """Predicted spectra of molecules, made while training or stored.

    Attributes
    ----------
    smiles : list of str
        Canonical SMILES of the molecules.
    mass : ndarray of int32, (n,)
        Their nominal masses, Da.
    sha256 : list of str
        Sums of what the spectra come from.
    """

    smiles: list[str]
    mass: NDArray[np.int32]
    sha256: list[str]

    def spectra(
        self, rows: NDArray[np.int64], uncertain: bool, random: np.random.Generator
    ) -> tuple[Tensor, NDArray[np.int16]]:
        """Return spectra (len(rows), masses) with a base peak of 1, and source tokens (len(rows),)."""
        ...


class Synthesizer:
    """One or several prediction models over a molecule list.

    Parameters
    ----------
    models
        Names or folders of prediction models.
    smiles
        The list.
    max_mz
        Highest m/z that SpecTUS reads.
    device
        Where the spectra are wanted.

    Attributes
    ----------
    smiles : list of str
        Those of the list that can be predicted and whose molecular ion SpecTUS can read.
    mass : ndarray of int32, (n,)
        Their nominal masses, Da.
    sha256 : list of str
        Sums of the models' weights.
    """

    def __init__(self, models: Sequence[str | Path], smiles: list[str], max_mz: int, device: torch.device) -> None:
        molecules = count_substructures(smiles, len(smiles))
        kept = np.flatnonzero(molecules.usable & (molecules.mass <= max_mz))
        self.smiles, self.mass = [smiles[row] for row in kept.tolist()], molecules.mass[kept]
        self.max_mz, self.device = max_mz, device
        loaded = [load_prediction_model(model) for model in models]
        self.sha256 = [model.sha256 for model in loaded]
        self.sources: list[_Source] = [
            _NeimsSource(model, molecules.at(kept), device) if isinstance(model, NeimsModel)
            else _AnySource(model, self.smiles, device)
            for model in loaded
        ]  # fmt: skip

    def spectra(
        self, rows: NDArray[np.int64], uncertain: bool, random: np.random.Generator
    ) -> tuple[Tensor, NDArray[np.int16]]:
        """Predict spectra of the list.

        Each spectrum comes from one of the models at random. If that model cannot predict the molecule, another one
        does. A molecule that no model can predict is its molecular ion.

        Parameters
        ----------
        rows
            Rows of the molecules.
        uncertain
            Predict with the dropout on, so that spectra scatter as much as the model errs.
        random
            Source of chance.

        Returns
        -------
        spectra : Tensor, (len(rows), max_mz + 1)
            Intensities by nominal mass, base peak 1.
        tokens : ndarray of int16, (len(rows),)
            Source tokens.
        """
        made = torch.zeros(len(rows), self.max_mz + 1, device=self.device)
        tokens = np.full(len(rows), self.sources[0].token, np.int16)
        chosen = random.integers(0, len(self.sources), len(rows))
        for attempt in range(len(self.sources)):
            empty = (made.amax(dim=1) == 0).cpu().numpy()
            for number, source in enumerate(self.sources):
                at = np.flatnonzero(empty & ((chosen + attempt) % len(self.sources) == number))
                if len(at):
                    spectra = source.spectra(rows[at], uncertain)[:, : self.max_mz + 1]
                    made[at, : spectra.shape[1]] = spectra
                    tokens[at] = source.token
        nothing = np.flatnonzero((made.amax(dim=1) == 0).cpu().numpy())
        made[nothing, self.mass[rows[nothing]]] = 1.0
        return made, tokens


class _NeimsSource:
    """NEIMS on the device that trains; the substructures of the list are counted once."""

    token = NEIMS_TOKEN

    def __init__(self, model: NeimsModel, molecules: SubstructureCounts, device: torch.device) -> None:
        self.network = model.network.to(device)
        counts = molecules.matrix(model.network.vocabulary.cpu().numpy().astype(np.uint64))
        counts.data = counts.data.astype(np.uint8)  # a quarter of the memory
        self.predictor = NeimsPredictor(self.network, counts, molecules.mass)

    def spectra(self, rows: NDArray[np.int64], uncertain: bool) -> Tensor:
        self.network.train(uncertain)
        return self.predictor(rows)


class _AnySource:
    """Any other model, on the CPU. It predicts without dropout: `uncertain` changes nothing."""

    token = RASSP_TOKEN

    def __init__(self, model: PredictionModel, smiles: list[str], device: torch.device) -> None:
        self.model, self.smiles, self.device = model, smiles, device

    def spectra(self, rows: NDArray[np.int64], uncertain: bool) -> Tensor:
        made, _ = self.model.predict([self.smiles[row] for row in rows.tolist()])
        return torch.from_numpy(made).to(self.device)


def chances_by_mass(masses: NDArray[np.int32], measured: NDArray[np.int32], strength: float) -> NDArray[np.float64]:
    """Return probabilities with which to draw molecules, so that their masses are distributed as the measured ones.

    Parameters
    ----------
    masses
        (n,) of the molecules, Da.
    measured
        (m,) of the measured ones, Da.
    strength
        Power of the ratio of both densities; 0 draws evenly.

    Returns
    -------
    ndarray of float64, (n,)
    """
    edges = np.arange(0, max(masses.max(initial=0), measured.max(initial=0)) + _MASS_STEP + 1, _MASS_STEP)
    here, there = (np.histogram(values, edges)[0] / max(1, len(values)) for values in (masses, measured))
    ratio = np.minimum(there / np.maximum(here, 1e-9), _LARGEST_RATIO) ** strength
    weight: NDArray[np.float64] = ratio[np.digitize(masses, edges) - 1]
    chances: NDArray[np.float64] = weight / weight.sum()
    return chances
