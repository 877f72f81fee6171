"""Trains the perceptron that finds the molecular mass in a spectrum."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spectus.denovo.editing.mass_distribution import N_FEATURES, MassModel, mass_features, possible_masses


@dataclass(frozen=True)
class MassTraining:
    """How the perceptron is trained. Chosen on compounds that it did not learn from.

    Attributes
    ----------
    hidden
        Units of the hidden layer.
    epochs
        Passes over the spectra.
    batch_size
        Spectra of a step.
    learning_rate
        Highest one; it falls to zero as a cosine.
    weight_decay
        Of AdamW.
    input_dropout
        Share of the inputs that are dropped.
    seed
        Of the first weights and the order.
    """

    hidden: int = 48
    epochs: int = 5
    batch_size: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    input_dropout: float = 0.1
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
    first, last = nn.Linear(N_FEATURES, plan.hidden), nn.Linear(plan.hidden, 1, bias=False)
    network = nn.Sequential(nn.Dropout(plan.input_dropout), first, nn.ReLU(), last)
    steps = plan.epochs * (len(mass) // plan.batch_size + 1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, plan.learning_rate, total_steps=steps)
    for _ in range(plan.epochs):
        order = random.permutation(len(mass))
        for start in range(0, len(mass), plan.batch_size):
            losses = []
            for row in order[start : start + plan.batch_size].tolist():
                masses = possible_masses(intensity[row])
                place = int(mass[row] - masses[0])
                if 0 <= place < len(masses):
                    scores = network(torch.from_numpy(mass_features(intensity[row], masses)))[:, 0]
                    losses.append(-weights[row] * scores.log_softmax(0)[place])
            if losses:
                optimizer.zero_grad()
                loss = torch.stack(losses).sum() / plan.batch_size
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            schedule.step()
    weight, bias, out = (tensor.detach().numpy() for tensor in (first.weight, first.bias, last.weight))
    return MassModel(weight.T.copy(), bias.copy(), out[0].copy())
