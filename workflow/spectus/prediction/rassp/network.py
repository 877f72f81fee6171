"""RASSP's FormulaNet: an EI spectrum as a mixture of a molecule's sub-formulae.

The source is Zhu and Jonas, Anal. Chem. 2023, 95, 2653. A graph network reads the atoms. Every sub-formula reads the
atoms by attention and gets a score. The softmax over all sub-formulae, the whole molecule among them, is their
abundance. The spectrum is the sum of their natural isotope patterns. So no peak is predicted where no part of the
molecule can be.

Differences from the paper: attention and perceptrons work on skeletons (sub-formulae without their hydrogens), of which
there are ten times fewer, and a small product adds the hydrogens; the attention knows which atoms the fragments of such
a skeleton hold; residual blocks replace recurrent cells; the energy of the electrons is an input.

Letters in comments: B molecules, N atoms, K skeletons, F sub-formulae of all B together, D width, H heads.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectus.prediction.neims.network import energy_terms
from spectus.prediction.rassp.batch import (
    FORMULA_NUMBERS,
    SKELETON_NUMBERS,
    Batch,
)
from spectus.prediction.rassp.fragments import MOST_ATOMS
from spectus.prediction.rassp.preparation import (
    ATOM_FEATURES,
    BOND_ORDERS,
    MATCHES,
    MOST_HYDROGENS,
    NO_FRAGMENT,
)
from spectus.prediction.rassp.subformulae import HEAVY

_MOST = MOST_ATOMS + 1
"""Counts of one heavy element: 0 to 64."""

DEUTERIUM = 1.15e-4
"""Natural abundance of deuterium (IUPAC 2013)."""


@dataclass(frozen=True)
class RasspConfig:
    """Sizes of the network. The defaults are those published, as far as they have a counterpart here.

    Attributes
    ----------
    bins : int
        Columns of a spectrum: nominal masses 0 to bins - 1.
    width : int
        Of the hidden layers.
    graph_layers : int
        Layers of the graph network.
    blocks : int
        Blocks of attention from skeletons to atoms.
    heads, key : int
        Heads of the attention, and width of a key.
    formula_width : int
        Of the layers that work on sub-formulae.
    dropout : float
        Share of hidden units that are dropped in training.
    """

    bins: int = 512
    width: int = 512
    graph_layers: int = 16
    blocks: int = 3
    heads: int = 1
    key: int = 8
    formula_width: int = 128
    dropout: float = 0.0


class Rassp(nn.Module):
    """The network.

    Parameters
    ----------
    config
        Sizes.
    """

    def __init__(self, config: RasspConfig) -> None:
        super().__init__()
        self.config = config
        width, hidden = config.width, config.formula_width
        self.atoms = nn.Linear(ATOM_FEATURES, width)
        self.graph = nn.ModuleList([GraphLayer(config) for _ in range(config.graph_layers)])
        self.graph_norm = nn.LayerNorm(width)
        self.whole = nn.Linear(2 * width + 2, width)
        self.counts = nn.Parameter(0.02 * torch.randn(2 * len(HEAVY), _MOST, width))
        self.cuts = nn.Embedding(2 * (NO_FRAGMENT + 1), width)
        self.numbers = nn.Linear(SKELETON_NUMBERS, width)
        self.blocks = nn.ModuleList([SkeletonBlock(config) for _ in range(config.blocks)])
        self.skeleton_norm = nn.LayerNorm(width)
        self.to_formula = nn.Linear(width, 3 * hidden + 1)
        self.hydrogens = nn.Parameter(0.02 * torch.randn(2, MOST_HYDROGENS + 1, hidden))
        self.matches = nn.Linear(MATCHES + FORMULA_NUMBERS, hidden)
        self.energy = nn.Linear(2, hidden)
        self.formula = nn.Linear(hidden, hidden)
        self.score = nn.Linear(hidden, 1)

    def forward(self, batch: Batch) -> Tensor:
        """Compute intensities that add up to 1, less those beyond the bins, (B, bins)."""
        scores = self.scores(batch)
        return self.spectrum(batch, softmax_of_groups(scores, batch.molecule, len(batch.atoms)))

    def scores(self, batch: Batch) -> Tensor:
        """Compute the logits of the sub-formulae, (F,)."""
        present = batch.present[:, :, None]
        x = self.atoms(batch.atoms) * present  # (B, N, D)
        for layer in self.graph:
            x = layer(x, batch.adjacency) * present
        x = self.graph_norm(x) * present
        pooled = [x.sum(1) / present.sum(1), x.masked_fill(~present, -1e4).amax(1), energy_terms(batch.energy)]
        whole = self.whole(torch.cat(pooled, dim=1))  # (B, D)
        s = self._skeletons(batch) + whole[:, None]  # (B, K, D)
        unseen = torch.where(batch.present, 0.0, -1e4)[:, None, None, :]  # (B, 1, 1, N)
        for block in self.blocks:
            s = block(s, x, batch.share, unseen)
        hidden = self.config.formula_width
        of_skeleton = self.to_formula(F.relu(self.skeleton_norm(s))).flatten(0, 1)  # (B K, 3 hidden + 1)
        of_its_skeleton = F.embedding(batch.skeleton, of_skeleton)
        first, gate, direct, own = torch.split(of_its_skeleton, [hidden, hidden, hidden, 1], dim=1)
        z = first + self.matches(batch.matches) + self._hydrogens(batch)  # (F, hidden)
        z = F.relu(z)
        second = F.relu(self.formula(z) + direct)
        scores: Tensor = (z * gate).sum(1) * hidden**-0.5 + self.score(second)[:, 0] + own[:, 0]
        return scores

    def spectrum(self, batch: Batch, abundance: Tensor) -> Tensor:
        """Sum the isotope patterns of sub-formulae of given abundances (F,) to spectra, (B, bins)."""
        bins = self.config.bins
        pattern = batch.isotopes[batch.skeleton]  # (F, width)
        hydrogens = batch.hydrogens[:, None].to(pattern.dtype)
        heavier = hydrogens * DEUTERIUM * (1 - DEUTERIUM) ** (hydrogens - 1).clamp(min=0)
        pattern = pattern * (1 - heavier) + heavier * F.pad(pattern, (1, -1))
        offset = torch.arange(pattern.shape[1], device=pattern.device)
        mass = (batch.first_mass[batch.skeleton] + batch.hydrogens)[:, None] + offset
        # Masses beyond the last bin go to one of their own, which is dropped.
        place = batch.molecule[:, None] * (bins + 1) + mass.clamp(max=bins)
        found = torch.zeros(len(batch.atoms) * (bins + 1), dtype=pattern.dtype, device=pattern.device)
        found = found.index_add(0, place.flatten(), (abundance[:, None] * pattern).flatten())
        return found.view(-1, bins + 1)[:, :bins]

    def _skeletons(self, batch: Batch) -> Tensor:
        """Return vectors of skeletons without the atoms, (B, K, D).

        A count is the sum of one vector for each of its atoms, as with the paper's cumulative one-hot code.
        """
        n_tables, size, width = self.counts.shape
        tables = self.counts.cumsum(dim=1).view(-1, width)
        at = batch.counts + size * torch.arange(n_tables, device=batch.counts.device)
        counted = F.embedding_bag(at.flatten(0, 1), tables, mode="sum").view(*at.shape[:2], width)
        cuts = self.cuts(batch.cuts + torch.tensor([0, NO_FRAGMENT + 1], device=at.device)).sum(2)
        vectors: Tensor = counted + cuts + self.numbers(batch.numbers)
        return vectors

    def _hydrogens(self, batch: Batch) -> Tensor:
        """Return vectors of sub-formulae's hydrogens, of those they lack, and of the energy, (F, formula_width)."""
        own, lost = self.hydrogens.cumsum(dim=1)
        number = torch.arange(int(batch.hydrogens_in_all.max()) + 1, device=own.device)
        left = (batch.hydrogens_in_all[:, None] - number).clamp(min=0)  # (B, h)
        energy = self.energy(energy_terms(batch.energy))[:, None]
        table = own[number] + F.embedding(left, lost) + energy  # (B, h, formula_width)
        return F.embedding(batch.molecule * len(number) + batch.hydrogens, table.flatten(0, 1))


class GraphLayer(nn.Module):
    """Messages between neighboring atoms; of the kinds of bonds, the largest value counts."""

    def __init__(self, config: RasspConfig) -> None:
        super().__init__()
        width = config.width
        self.norm = nn.LayerNorm(width)
        self.message = nn.Linear(width, len(BOND_ORDERS) * width)
        self.own = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.dropout = config.dropout

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        """Return atoms x (B, N, D) with their messages; adjacency is (B, len(BOND_ORDERS), N, N)."""
        n = self.norm(x)
        message = self.message(n).unflatten(2, (len(BOND_ORDERS), -1)).transpose(1, 2)  # (B, C, N, D)
        received = (adjacency @ message).amax(dim=1)  # (B, N, D)
        return x + F.dropout(self.out(F.relu(received + self.own(n))), self.dropout, self.training)


class SkeletonBlock(nn.Module):
    """Cross-attention from skeletons to atoms, then a feed-forward layer.

    Each head has a bias towards the atoms of the skeleton's fragments.
    """

    def __init__(self, config: RasspConfig) -> None:
        super().__init__()
        self.heads, self.key, width = config.heads, config.key, config.width
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, self.heads * self.key)
        self.keys = nn.Linear(width, self.heads * self.key)
        self.values = nn.Linear(width, width)
        self.lean = nn.Parameter(torch.randn(self.heads, 3))
        self.out = nn.Linear(width, width)
        self.think_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        self.dropout = config.dropout

    def forward(self, s: Tensor, x: Tensor, share: Tensor, unseen: Tensor) -> Tensor:
        """Return skeletons s (B, K, D) that have read the atoms x (B, N, D).

        `share` is (B, K, 3, N) as of `Prepared`, `unseen` a large negative number for padding, (B, 1, 1, N).
        """
        q = self.query(self.norm(s)).unflatten(2, (self.heads, self.key)).transpose(1, 2)  # (B, H, K, key)
        k = self.keys(x).unflatten(2, (self.heads, self.key)).transpose(1, 2)  # (B, H, N, key)
        v = self.values(x).unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, H, N, D / H)
        lean = torch.einsum("bkcn,hc->bhkn", share, 4 * self.lean)
        weight = (q @ k.transpose(2, 3) * self.key**-0.5 + lean + unseen).softmax(dim=3)  # (B, H, K, N)
        seen = (weight @ v).transpose(1, 2).flatten(2)  # (B, K, D)
        s = s + F.dropout(self.out(seen), self.dropout, self.training)
        added = self.down(F.relu(self.up(self.think_norm(s))))
        return s + F.dropout(added, self.dropout, self.training)


def softmax_of_groups(scores: Tensor, group: Tensor, n_groups: int) -> Tensor:
    """Return the softmax of scores (F,) among those of one group."""
    top = torch.full((n_groups,), -torch.inf, device=scores.device, dtype=scores.dtype)
    top = top.scatter_reduce(0, group, scores.detach(), "amax")
    odds = torch.exp(scores - top[group])
    return odds / torch.zeros_like(top).index_add(0, group, odds)[group]


def mixture_loss(spectra: Tensor, measured: Tensor, mass_power: float = 0.5) -> Tensor:
    """Return one minus the cosine of square roots of intensities, weighted with a power of the mass, (B,).

    The published loss, the squared distance of the roots scaled to length 1, is twice this with power 0.

    Parameters
    ----------
    spectra, measured
        (B, bins) predicted and measured intensities.
    mass_power
        Power of the mass.
    """
    weight = torch.arange(spectra.shape[1], device=spectra.device) ** mass_power
    return 1 - F.cosine_similarity((spectra + 1e-8).sqrt() * weight, measured.sqrt() * weight, dim=1)
