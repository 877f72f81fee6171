"""Trains the perceptron that finds the molecular mass in a spectrum."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from spectus.denovo.editing.mass_distribution import N_FEATURES, MassModel, mass_features, possible_masses


@dataclass(frozen=True)
class MassTraining:
    """How the perceptron is trained. Chosen on compounds that it did not learn from.

    Attributes
    ----------
    hidden
        Units of each of the two hidden layers.
    epochs
        Passes over the spectra.
    batch_size
        Spectra of a step.
    learning_rate
        Highest one; it falls to zero as a cosine.
    weight_decay
        Of AdamW.
    input_dropout
        Share of the inputs of each hidden layer that are dropped.
    seed
        Of the first weights and the order.
    """

    hidden: int = 96
    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    input_dropout: float = 0.15
    seed: int = 1


def train_mass_model(
    intensity: NDArray[np.float32], mass: NDArray[np.int64], weights: NDArray[np.float64], plan: MassTraining
) -> MassModel:
    """Train on spectra of known molecules.

    Parameters
    ----------
    intensity
        (n, bins) by nominal mass, base peak 1.
    mass
        (n,) nominal masses of the molecules, u. A spectrum is left out if its mass is not among `possible_masses`.
    weights
        (n,) of the spectra.
    plan
        How.
    """
    torch.manual_seed(plan.seed)
    random = np.random.default_rng(plan.seed)
    features, place = _examples(intensity, mass)
    usable = np.flatnonzero(place >= 0)
    network = _network(plan)
    steps = plan.epochs * -(-len(usable) // plan.batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, plan.learning_rate, total_steps=steps + 1)
    with tqdm(total=steps, disable=None, unit=" steps", desc="molecular mass", leave=False) as bar:
        for _ in range(plan.epochs):
            order = random.permutation(usable)
            for rows in np.split(order, range(plan.batch_size, len(order), plan.batch_size)):
                x = torch.from_numpy(np.concatenate([features[row] for row in rows]).astype(np.float32))
                scores = torch.split(network(x)[:, 0], [len(features[row]) for row in rows])
                losses = [
                    -weights[row] * each.log_softmax(0)[place[row]] for row, each in zip(rows, scores, strict=True)
                ]
                optimizer.zero_grad()
                (torch.stack(losses).sum() / plan.batch_size).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                bar.update()
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    first, second, last = (layer.weight.detach().numpy() for layer in linear)
    biases = [layer.bias.detach().numpy().copy() for layer in linear[:2]]
    return MassModel(first.T.copy(), biases[0], second.T.copy(), biases[1], last[0].copy())


def compound_weights(inchikey14: Sequence[str]) -> NDArray[np.float64]:
    """Return weights of spectra, (n,), mean 1: a compound counts by the square root of its number of spectra."""
    _, member, number = np.unique(np.asarray(inchikey14), return_inverse=True, return_counts=True)
    weights = 1 / np.sqrt(number[member])
    found: NDArray[np.float64] = weights / weights.mean()
    return found


def _examples(
    intensity: NDArray[np.float32], mass: NDArray[np.int64]
) -> tuple[list[NDArray[np.float16]], NDArray[np.int64]]:
    """Return the features of the possible masses of each spectrum, and the place of the right one; -1 if not there."""
    features, place = list[NDArray[np.float16]](), np.full(len(mass), -1)
    for row, spectrum in enumerate(intensity):
        masses = possible_masses(spectrum)
        features.append(mass_features(spectrum, masses).astype(np.float16))
        if masses[0] <= mass[row] <= masses[-1]:
            place[row] = mass[row] - masses[0]
    return features, place


def _network(plan: MassTraining) -> nn.Sequential:
    dropout, hidden = nn.Dropout(plan.input_dropout), plan.hidden
    return nn.Sequential(
        dropout, nn.Linear(N_FEATURES, hidden), nn.ReLU(), nn.Dropout(plan.input_dropout), nn.Linear(hidden, hidden),
        nn.ReLU(), nn.Linear(hidden, 1, bias=False),
    )  # fmt: skip
