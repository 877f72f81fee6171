"""Spectra predicted while training, on the device that trains, from a list of molecules: nothing is stored."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectus.prediction.neims.model import NeimsModel
from spectus.prediction.neims.network import NeimsPredictor
from spectus.prediction.rassp.model import RasspModel
from spectus.prediction.registry import load_prediction_model
from spectus.prediction.substructures import SubstructureCounts, count_substructures

NEIMS_TOKEN, RASSP_TOKEN = 4, 6
"""Source tokens of predicted spectra, as published."""


class _Source(Protocol):
    """A forward model over a list of molecules; `token` names it among the sources."""

    token: int

    def spectra(self, rows: NDArray[np.int64], uncertain: bool) -> Tensor: ...


class Synthesiser:
    """One or several forward models over a list of molecules.

    `smiles` are those of the list that can be predicted and whose molecular ion the translator can read; `mass` (n,)
    their nominal masses. `max_mz` is the translator's highest m/z.
    """

    def __init__(self, models: Sequence[Path], smiles: list[str], max_mz: int, device: torch.device) -> None:
        molecules = count_substructures(smiles, len(smiles))
        usable = np.array([reason is None for reason in molecules.reasons], bool) & (molecules.mass <= max_mz)
        kept = np.flatnonzero(usable)
        self.smiles, self.mass = [smiles[row] for row in kept.tolist()], molecules.mass[kept]
        self.max_mz, self.device = max_mz, device
        self.sources = [_source(model, molecules, kept, self.smiles, device) for model in models]

    def spectra(
        self, rows: NDArray[np.int64], uncertain: bool, random: np.random.Generator
    ) -> tuple[Tensor, NDArray[np.int16]]:
        """Spectra (len(rows), max_mz + 1) by nominal mass, base peak 1, and the source token of each.

        Each spectrum comes from one of the models at random; where that one cannot predict the molecule, from one that
        can, and a molecule none can is its molecular ion. `uncertain`: drawn with the dropout on, so that spectra
        scatter as much as the forward model errs.
        """
        made = torch.zeros(len(rows), self.max_mz + 1, device=self.device)
        tokens = np.full(len(rows), self.sources[0].token, np.int16)
        chosen = random.integers(0, len(self.sources), len(rows))
        for attempt in range(len(self.sources)):
            empty = (made.amax(dim=1) == 0).cpu().numpy()
            for number, source in enumerate(self.sources):
                at = np.flatnonzero(empty & ((chosen + attempt) % len(self.sources) == number))
                if len(at):
                    made[at] = source.spectra(rows[at], uncertain)[:, : self.max_mz + 1]
                    tokens[at] = source.token
        nothing = np.flatnonzero((made.amax(dim=1) == 0).cpu().numpy())
        made[nothing, self.mass[rows[nothing]]] = 1.0
        return made, tokens


class _NeimsSource:
    token = NEIMS_TOKEN

    def __init__(
        self, model: NeimsModel, molecules: SubstructureCounts, kept: NDArray[np.int64], device: torch.device
    ) -> None:
        self.network = model.network.to(device)
        vocabulary = model.network.vocabulary.cpu().numpy().astype(np.uint64)
        counts = molecules.matrix(vocabulary)[kept]
        counts.data = counts.data.astype(np.uint8)  # a quarter of the memory
        self.predictor = NeimsPredictor(self.network, counts, molecules.mass[kept])

    def spectra(self, rows: NDArray[np.int64], uncertain: bool) -> Tensor:
        self.network.train(uncertain)
        return self.predictor(rows)


class _RasspSource:
    token = RASSP_TOKEN

    def __init__(self, model: RasspModel, smiles: list[str], device: torch.device) -> None:
        self.model, self.smiles, self.device = model, smiles, device

    def spectra(self, rows: NDArray[np.int64], uncertain: bool) -> Tensor:
        """Its network has little dropout to draw from: `uncertain` changes nothing."""
        made, _ = self.model.predict([self.smiles[row] for row in rows.tolist()])
        return torch.from_numpy(made).to(self.device)


def _source(
    folder: Path, molecules: SubstructureCounts, kept: NDArray[np.int64], smiles: list[str], device: torch.device
) -> _Source:
    model = load_prediction_model(folder)
    if isinstance(model, RasspModel):
        return _RasspSource(model, smiles, device)
    assert isinstance(model, NeimsModel)
    return _NeimsSource(model, molecules, kept, device)


def like(masses: NDArray[np.int32], measured: NDArray[np.int32], strength: float) -> NDArray[np.float64]:
    """(n,) probabilities to draw molecules with, so that their masses are spread as the measured ones.

    strength: the power of the ratio of both densities, counted in steps of 25; 0 draws evenly.
    """
    edges = np.arange(0, max(masses.max(initial=0), measured.max(initial=0)) + 26, 25)
    here, there = (np.histogram(values, edges)[0] / max(1, len(values)) for values in (masses, measured))
    ratio = np.minimum(there / np.maximum(here, 1e-9), 10.0) ** strength  # few of the list stand for many measured ones
    weight = ratio[np.digitize(masses, edges) - 1]
    return weight / weight.sum()
