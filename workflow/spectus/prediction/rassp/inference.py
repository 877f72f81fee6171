"""Prediction by a fitted FormulaNet, several times faster than its `forward`, with the same numbers.

`Rassp.forward` works on padded molecules and keeps what gradients need. Here, nothing is padded, the parts that depend
on the molecular formula alone are computed once for each formula, and rows are taken in such numbers that they stay in
the processor's cache.

Letters in comments: A atoms, K skeletons, F sub-formulae, of all molecules of a group; D width, H heads.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from spectus.prediction.neims.network import energy_terms
from spectus.prediction.rassp.formula import MolecularFormula
from spectus.prediction.rassp.network import DEUTERIUM, GraphLayer, Rassp, SkeletonBlock
from spectus.prediction.rassp.preparation import BOND_ORDERS, MATCHES, NO_FRAGMENT, Prepared
from spectus.prediction.rassp.subformulae import HEAVY

_ATOMS_AT_ONCE, _SKELETONS_AT_ONCE = 1000, 1000
"""Rows of atoms and of skeletons that are taken together. Measured: 1 MB of each matrix, half of a core's cache."""

_FORMULAE_AT_ONCE = 1000
"""Rows of sub-formulae that are taken together; chosen for the same reason."""

_REMEMBERED = 128 * 2**20
"""Memory for what depends on formulae alone, bytes. Chosen: some 500 formulae."""

_SAFE_EXPONENT = 60.0
"""Largest logit of the attention whose exponential is taken as it is. Chosen: e^60 times 64 atoms is a float."""

_LOGARITHMS = np.log1p(np.arange(256, dtype=np.float32))


class FormulaTerms(NamedTuple):
    """What a network needs of a molecular formula.

    Attributes
    ----------
    skeletons : Tensor, (K, D)
        Vectors of skeletons without anything of the structure.
    of_skeleton : Tensor, (K, hidden)
        Share of a skeleton in the first layer of its sub-formulae.
    of_hydrogens : Tensor, (4 (hydrogens + 1), hidden)
        Share of the hydrogens, for each kind of ion.
    places : Tensor of int32, (F, 2)
        Rows of each sub-formula in the two tables, one below the other.
    by_mass : Tensor of int32, (F',)
        Sub-formulae by mass, without those beyond the last bin.
    skeleton_by_mass : Tensor of int32, (F',)
        Their skeletons.
    mass_starts : Tensor of int32, (bins,)
        First of each nominal mass.
    deuterated : Tensor, (F',)
        Their share with one deuterium.
    patterns, cut_patterns : Tensor, (K, isotopes)
        Isotope patterns of skeletons, and those without the last mass.
    """

    skeletons: Tensor
    of_skeleton: Tensor
    of_hydrogens: Tensor
    places: Tensor
    by_mass: Tensor
    skeleton_by_mass: Tensor
    mass_starts: Tensor
    deuterated: Tensor
    patterns: Tensor
    cut_patterns: Tensor

    @property
    def size(self) -> int:
        """Memory, bytes."""
        return sum(part.numel() * part.element_size() for part in self)


class RasspPredictor:
    """Spectra of prepared molecules.

    Parameters
    ----------
    network
        The fitted network, on the CPU.
    energy
        Energy of the electrons, eV.
    """

    def __init__(self, network: Rassp, energy: float) -> None:
        with torch.inference_mode():
            self.network, self.config = network, network.config
            self.energy = energy_terms(torch.tensor([energy]))[0]
            self.graph = [_GraphWeights(cast(GraphLayer, layer)) for layer in network.graph]
            self.blocks = [_BlockWeights(cast(SkeletonBlock, block)) for block in network.blocks]
            self._prepare_heads(network)
        self._terms: OrderedDict[MolecularFormula, FormulaTerms] = OrderedDict()
        self._memory = 0

    def _prepare_heads(self, network: Rassp) -> None:
        width, hidden = self.config.width, self.config.formula_width
        self.whole_weight = network.whole.weight[:, : 2 * width].T.contiguous()
        self.whole_bias = network.whole.bias + network.whole.weight[:, 2 * width :] @ self.energy
        own, loss = network.cuts.weight.chunk(2)
        self.cuts = (own[:, None] + loss).flatten(0, 1)
        self.counts = network.counts.cumsum(dim=1)
        parts = torch.split(network.to_formula.weight, [hidden, hidden, hidden, 1])
        biases = torch.split(network.to_formula.bias, [hidden, hidden, hidden, 1])
        self.first, self.gate, self.direct, self.own = (
            (weight.T.contiguous(), bias.clone()) for weight, bias in zip(parts, biases, strict=True)
        )
        for part in self.gate:
            part *= hidden**-0.5
        self.direct[1].add_(network.formula.bias)
        self.matches = network.matches.weight[:, :MATCHES].T.contiguous()
        facts = network.matches.weight[:, MATCHES:].T
        numbers = network.numbers.weight.T
        self.numbers = torch.zeros(len(numbers) + len(facts), width + hidden)
        self.numbers[: len(numbers), :width], self.numbers[len(numbers) :, width:] = numbers, facts
        # A hydrogen lowers the unsaturation by a half; it adds itself, and its mass of 1 Da.
        self.each_hydrogen = torch.tensor([-1 / 10, 1 / 10, 0, 0, 1 / 10, 1 / 200]) @ facts
        paired, beyond = facts[2], facts[3]
        self.ion_kinds = torch.stack([torch.zeros(hidden), paired, beyond, paired + beyond])
        self.formula = network.formula.weight.T.contiguous()
        self.score = network.score.weight[0].contiguous()
        self.hydrogens = network.hydrogens.cumsum(dim=1)
        self.hydrogen_bias = network.matches.bias + network.energy(self.energy)
        self.ones = torch.ones(hidden)

    @torch.inference_mode()
    def __call__(self, molecules: Sequence[Prepared]) -> NDArray[np.float32]:
        """Return spectra, (n, bins), base peak 1; rows of zeros for molecules that cannot be predicted."""
        spectra = np.zeros((len(molecules), self.config.bins), np.float32)
        usable = [row for row, molecule in enumerate(molecules) if molecule.reason is None]
        usable.sort(key=lambda row: len(molecules[row].cuts))
        for rows in _groups(usable, [len(molecule.atoms) for molecule in molecules], _ATOMS_AT_ONCE):
            atoms = self._atoms([molecules[row] for row in rows])
            whole = self._whole(atoms)
            of_blocks = [block.keys_and_values(atoms.x) for block in self.blocks]
            start = 0
            for part in _groups(rows, [len(molecule.cuts) for molecule in molecules], _SKELETONS_AT_ONCE):
                group = _Group.of([molecules[row] for row in part], atoms.offsets[start : start + len(part) + 1])
                s = self._skeletons(group, whole[start : start + len(part)], of_blocks)
                spectra[part] = self._spectra(group, s)
                start += len(part)
        return spectra

    def _atoms(self, molecules: Sequence[Prepared]) -> "_Atoms":
        """Return the atoms after the graph network."""
        sizes = [len(molecule.atoms) for molecule in molecules]
        offsets = np.append(0, np.cumsum(sizes))
        features = torch.from_numpy(np.concatenate([molecule.atoms for molecule in molecules])).float()
        bonds = np.concatenate([molecule.bonds for molecule in molecules]).astype(np.int64)
        bonds[:, :2] += np.repeat(offsets[:-1], [len(molecule.bonds) for molecule in molecules])[:, None]
        messages = _Messages.of(bonds, int(offsets[-1]))
        x = self.network.atoms(features)
        for layer in self.graph:
            layer(x, messages)
        return _Atoms(self.network.graph_norm(x), offsets.tolist())

    def _whole(self, atoms: "_Atoms") -> Tensor:
        """Return vectors of whole molecules, (B, D)."""
        every, starts = torch.arange(len(atoms.x)), torch.tensor(atoms.offsets[:-1])
        pooled = [F.embedding_bag(every, atoms.x, starts, mode=mode) for mode in ("mean", "max")]
        return torch.addmm(self.whole_bias, torch.cat(pooled, dim=1), self.whole_weight)

    def _skeletons(self, group: "_Group", whole: Tensor, of_blocks: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Return the skeletons of a group after all blocks, (K, D)."""
        terms = [self.terms(molecule.formula) for molecule in group.molecules]
        table = torch.cat([self.cuts, whole])
        s = F.embedding_bag(group.places(len(self.cuts)), table, mode="sum")
        s += torch.cat([term.skeletons for term in terms])
        for block, (keys, values) in zip(self.blocks, of_blocks, strict=True):
            block(s, group, keys, values)
        return s

    def _spectra(self, group: "_Group", s: Tensor) -> NDArray[np.float32]:
        """Return the spectra of a group, (B, bins), base peak 1."""
        h = self.network.skeleton_norm(s).relu_()
        first, gate, direct = (torch.addmm(bias, h, weight) for weight, bias in (self.first, self.gate, self.direct))
        own = torch.addmv(self.own[1], h, self.own[0][:, 0])
        bins, width = self.config.bins, group.molecules[0].formula.isotopes
        by_mass = torch.zeros(len(group.molecules), bins + 1, width)
        for at, (molecule, (begin, end)) in enumerate(zip(group.molecules, pairwise(group.offsets), strict=True)):
            terms = self.terms(molecule.formula)
            parts = (part[begin:end] for part in (first, gate, direct, own))
            abundance = self._scores(molecule, terms, *parts).softmax(0).index_select(0, terms.by_mass)
            deuterated = abundance * terms.deuterated
            by_mass[at, :-1] = _bags(terms, terms.patterns, abundance.sub_(deuterated))
            by_mass[at, 1:] += _bags(terms, terms.cut_patterns, deuterated)
        spectra = by_mass[:, :bins, 0].clone()
        for isotope in range(1, width):
            spectra[:, isotope:] += by_mass[:, : bins - isotope, isotope]
        found: NDArray[np.float32] = spectra.div_(spectra.amax(dim=1, keepdim=True).clamp(min=1e-12)).numpy()
        return found

    def _scores(
        self, molecule: Prepared, terms: FormulaTerms, first: Tensor, gate: Tensor, direct: Tensor, own: Tensor
    ) -> Tensor:
        """Return the logits of the sub-formulae of one molecule, (F,)."""
        table = torch.cat([first + terms.of_skeleton, terms.of_hydrogens])
        counts = np.zeros(len(terms.places) * MATCHES, np.float32)
        counts[molecule.match_at] = _LOGARITHMS[molecule.match_count]
        matches = torch.from_numpy(counts).view(-1, MATCHES)
        scores = []
        for begin in range(0, len(terms.places), _FORMULAE_AT_ONCE):
            places = terms.places[begin : begin + _FORMULAE_AT_ONCE]
            z = F.embedding_bag(places, table, mode="sum")
            z.addmm_(matches[begin : begin + _FORMULAE_AT_ONCE], self.matches).relu_()
            skeleton = places[:, 0]
            second = direct.index_select(0, skeleton).addmm_(z, self.formula).relu_()
            part = torch.addmv(own.index_select(0, skeleton), second, self.score)
            scores.append(part.addmv_(gate.index_select(0, skeleton).mul_(z), self.ones))
        return torch.cat(scores) if len(scores) > 1 else scores[0]

    @property
    def remembered(self) -> int:
        """Memory for formulae, bytes."""
        return self._memory

    def terms(self, formula: MolecularFormula) -> FormulaTerms:
        """Return what depends on the formula alone."""
        found = self._terms.get(formula)
        if found is not None:
            self._terms.move_to_end(formula)
            return found
        found = self._computed_terms(formula)
        self._terms[formula] = found
        self._memory += found.size
        while self._memory > _REMEMBERED and len(self._terms) > 1:
            self._memory -= self._terms.popitem(last=False)[1].size
        return found

    def _computed_terms(self, formula: MolecularFormula) -> FormulaTerms:
        tables, counts = self._count_tables(formula)
        of_skeleton, of_hydrogens = self._number_terms(formula)
        skeletons = F.embedding_bag(counts, tables, mode="sum").add_(of_skeleton[:, : self.config.width])
        # A sub-formula's hydrogens, whether electrons of its ion are paired, and whether it is more than saturated.
        twice = formula.twice_unsaturation
        kinds = (twice & 1) + 2 * (twice < 0)
        places = np.empty((formula.n_formulae, 2), np.int32)
        places[:, 0] = formula.skeleton
        places[:, 1] = kinds * (formula.hydrogens + 1) + formula.hydrogens_of_each + len(formula.cells)
        return FormulaTerms(
            skeletons, of_skeleton[:, self.config.width :].contiguous(), of_hydrogens, torch.from_numpy(places),
            *_by_mass(formula, self.config.bins),
        )  # fmt: skip

    def _count_tables(self, formula: MolecularFormula) -> tuple[Tensor, Tensor]:
        """Return vectors for counts of elements, and which of them make up each skeleton, (K, elements)."""
        present = np.flatnonzero(formula.heavy)
        n_elements, own, lacking = len(HEAVY), self.counts[: len(HEAVY)], self.counts[len(HEAVY) :]
        parts = [
            own[column, : most + 1] + lacking[column, : most + 1].flip(0)
            for column, most in zip(present.tolist(), formula.heavy[present].tolist(), strict=True)
        ]
        absent = torch.ones(n_elements)
        absent[torch.from_numpy(present)] = 0
        parts[0] += absent @ (own[:, 0] + lacking[:, 0])
        starts = np.cumsum(formula.heavy[present] + 1) - formula.heavy[present] - 1
        return torch.cat(parts), torch.from_numpy((formula.skeletons[:, present] + starts).astype(np.int32))

    def _number_terms(self, formula: MolecularFormula) -> tuple[Tensor, Tensor]:
        """Return what the numbers of skeletons and of hydrogens add, (K, D + hidden) and (4 (hydrogens + 1), hidden).

        All of `batch.skeleton_numbers`, and `batch.formula_numbers` but for two that are yes or no, are sums of these
        numbers of a skeleton: mass, atoms, unsaturation, share of carbon, and 1.
        """
        numbers = np.ones((len(formula.cells), 5), np.float32)
        numbers[:, 0] = formula.first_mass
        numbers[:, 1] = formula.skeletons.sum(axis=1, dtype=np.int64)
        numbers[:, 2] = formula.without_hydrogens
        np.divide(formula.skeletons[:, 0], numbers[:, 1], out=numbers[:, 3])
        mass, atoms, own, carbon, _ = numbers[-1].tolist()
        whole, hydrogens = own - formula.hydrogens / 2, formula.hydrogens
        # Rows as of `numbers`, columns as of the two functions.
        of_skeleton = [
            [1 / 200, 1 / mass, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 / 200],
            [0, 0, 1 / 20, 1 / atoms, 0, 0, 0, 0, 0, 0, 0, 0, 0, -hydrogens / atoms / 10, 0],
            [0, 0, 0, 0, 1 / 10, -1 / 10, 0, 0, 0, 1 / 5, -1 / 5, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, own / 10, 0, -carbon, hydrogens / (2 * own + 1 or 1.0), 0, whole / 5, 0, 0, 0, 0],
        ]
        weights = torch.tensor(of_skeleton) @ self.numbers
        weights[-1, : self.config.width] += self.network.numbers.bias
        each = torch.arange(hydrogens + 1, dtype=torch.float32)[:, None]
        gained, lost = self.hydrogens[:, : hydrogens + 1]
        of_hydrogens = each * self.each_hydrogen + gained + lost.flip(0) + self.hydrogen_bias
        return torch.from_numpy(numbers) @ weights, (self.ion_kinds[:, None] + of_hydrogens).flatten(0, 1)


class _Atoms(NamedTuple):
    """Atoms of several molecules."""

    x: Tensor  # (A, D)
    offsets: list[int]  # where each molecule begins, and the end


class _Group(NamedTuple):
    """Molecules whose skeletons go through the blocks together."""

    molecules: Sequence[Prepared]
    atoms: list[int]  # where the atoms of each molecule begin, and the end
    offsets: list[int]  # where its skeletons begin, and the end
    shares: list[Tensor]  # (3, K N) of each molecule

    @classmethod
    def of(cls, molecules: Sequence[Prepared], atoms: list[int]) -> "_Group":
        offsets = np.append(0, np.cumsum([len(molecule.cuts) for molecule in molecules])).tolist()
        shares = [
            torch.from_numpy(molecule.share).transpose(0, 1).to(torch.float32, memory_format=torch.contiguous_format)
            .div_(255).flatten(1) for molecule in molecules
        ]  # fmt: skip
        return cls(molecules, atoms, offsets, shares)

    def places(self, n_cuts: int) -> Tensor:
        """Return the row of the cuts of each skeleton, and that of its molecule after those, (K, 2)."""
        places = np.empty((self.offsets[-1], 2), np.int64)
        cuts, loss_cuts = (
            np.concatenate([part[at] for part in ((m.cuts, m.loss_cuts) for m in self.molecules)]) for at in (0, 1)
        )
        places[:, 0] = cuts.astype(np.int64) * (NO_FRAGMENT + 1) + loss_cuts
        places[:, 1] = np.repeat(np.arange(len(self.molecules)) + n_cuts, np.diff(self.offsets))
        return torch.from_numpy(places)


class _Messages(NamedTuple):
    """Which atoms send a message for a kind of bond, and who receives which messages."""

    senders: list[Tensor]  # for each kind of bond
    messages: Tensor  # rows of messages by receiver
    starts: Tensor  # (kinds A,)

    @classmethod
    def of(cls, bonds: NDArray[np.int64], n_atoms: int) -> "_Messages":
        sender = np.concatenate([bonds[:, 0], bonds[:, 1]])
        receiver = np.concatenate([bonds[:, 1], bonds[:, 0]])
        kind = np.concatenate([bonds[:, 2], bonds[:, 2]])
        sending = np.unique(kind * n_atoms + sender)
        row = np.searchsorted(sending, kind * n_atoms + sender)
        bag = kind * n_atoms + receiver
        order = np.argsort(bag, kind="stable")
        starts = np.searchsorted(bag[order], np.arange(len(BOND_ORDERS) * n_atoms))
        kinds = np.searchsorted(sending, np.arange(1, len(BOND_ORDERS)) * n_atoms)
        senders = [torch.from_numpy(part % n_atoms) for part in np.split(sending, kinds)]
        return cls(senders, torch.from_numpy(row[order]), torch.from_numpy(starts))


class _GraphWeights:
    """A layer of the graph network."""

    def __init__(self, layer: GraphLayer) -> None:
        self.layer = layer
        messages = zip(
            layer.message.weight.chunk(len(BOND_ORDERS)), layer.message.bias.chunk(len(BOND_ORDERS)), strict=True
        )
        self.messages = [(weight.T.contiguous(), bias) for weight, bias in messages]
        self.own, self.out = layer.own.weight.T.contiguous(), layer.out.weight.T.contiguous()

    def __call__(self, x: Tensor, messages: _Messages) -> None:
        """Add to atoms x (A, D) what their messages say; only atoms with a kind of bond send its messages."""
        n = self.layer.norm(x)
        sent = torch.cat([
            torch.addmm(bias, n.index_select(0, senders), weight)
            for senders, (weight, bias) in zip(messages.senders, self.messages, strict=True)
        ])  # fmt: skip
        received = F.embedding_bag(messages.messages, sent, messages.starts, mode="sum")
        received = received.view(len(self.messages), *x.shape).amax(dim=0)
        received.addmm_(n, self.own).add_(self.layer.own.bias).relu_()
        x.add_(self.layer.out.bias).addmm_(received, self.out)


class _BlockWeights:
    """A block of attention from skeletons to atoms."""

    def __init__(self, block: SkeletonBlock) -> None:
        self.block, self.heads, self.key = block, block.heads, block.key
        scale = block.key**-0.5
        self.query_weight, self.query_bias = block.query.weight.T * scale, block.query.bias * scale
        self.lean = (4 * block.lean).contiguous()
        # A value of 1 beside each head's: its sum is the denominator of the softmax.
        width = block.values.weight.shape[1]
        weight = block.values.weight.view(self.heads, -1, width)
        bias = block.values.bias.view(self.heads, -1)
        self.value_weight = F.pad(weight, (0, 0, 0, 1)).flatten(0, 1).T.contiguous()
        self.value_bias = F.pad(bias, (0, 1), value=1.0).flatten()
        self.out, self.up, self.down = (layer.weight.T.contiguous() for layer in (block.out, block.up, block.down))

    def keys_and_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys (A, H key) and values (A, H (D / H + 1)) of atoms."""
        return self.block.keys(x), torch.addmm(self.value_bias, x, self.value_weight)

    def __call__(self, s: Tensor, group: _Group, keys: Tensor, values: Tensor) -> None:
        """Let skeletons s (K, D) read the atoms of their molecules, in place."""
        queries = torch.addmm(self.query_bias, self.block.norm(s), self.query_weight)
        seen = torch.empty_like(s)
        for share, (begin, end), (first, last) in zip(
            group.shares, pairwise(group.offsets), pairwise(group.atoms), strict=True
        ):
            q = queries[begin:end].view(end - begin, self.heads, -1).transpose(0, 1)  # (H, K, key)
            k = keys[first:last].view(last - first, self.heads, -1).permute(1, 2, 0)  # (H, key, N)
            v = values[first:last].view(last - first, self.heads, -1).transpose(0, 1)  # (H, N, D / H + 1)
            weight = (self.lean @ share).view(self.heads, end - begin, -1).baddbmm_(q, k)
            low, high = torch.aminmax(weight)
            if low < -_SAFE_EXPONENT or high > _SAFE_EXPONENT:
                weight -= weight.amax(dim=2, keepdim=True)
            read = torch.bmm(weight.exp_(), v)
            out = seen[begin:end].view(end - begin, self.heads, -1).transpose(0, 1)
            torch.div(read[:, :, :-1], read[:, :, -1:], out=out)
        s.add_(self.block.out.bias).addmm_(seen, self.out)
        inner = torch.addmm(self.block.up.bias, self.block.think_norm(s), self.up).relu_()
        s.add_(self.block.down.bias).addmm_(inner, self.down)


def _groups(rows: Sequence[int], sizes: Sequence[int], most: int) -> Iterator[list[int]]:
    """Yield rows one after the other in groups of about `most` by their sizes."""
    group, total = list[int](), 0
    for row in rows:
        if group and total + sizes[row] > most:
            yield group
            group, total = [], 0
        group.append(row)
        total += sizes[row]
    if group:
        yield group


def _by_mass(formula: MolecularFormula, bins: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the last six of `FormulaTerms`."""
    mass = formula.first_mass[formula.skeleton] + formula.hydrogens_of_each
    order = np.argsort(mass, kind="stable").astype(np.int32)  # a radix sort for 16 bits
    starts = np.searchsorted(mass[order], np.arange(bins + 1, dtype=mass.dtype)).astype(np.int32)
    order = order[: starts[-1]]
    hydrogens = np.arange(formula.hydrogens + 1)
    share = hydrogens * DEUTERIUM * (1 - DEUTERIUM) ** np.maximum(hydrogens - 1, 0)
    patterns = torch.from_numpy(formula.patterns)
    cut = patterns.clone()
    cut[:, -1] = 0
    deuterated = share.astype(np.float32)[formula.hydrogens_of_each[order]]
    arrays = (order, formula.skeleton[order], starts[:-1], deuterated)
    by_mass, skeleton, mass_starts, shares = map(torch.from_numpy, arrays)
    return by_mass, skeleton, mass_starts, shares, patterns, cut


def _bags(terms: FormulaTerms, patterns: Tensor, weights: Tensor) -> Tensor:
    """Return the sum of weighted patterns of the sub-formulae of each mass, (bins, isotopes)."""
    return F.embedding_bag(terms.skeleton_by_mass, patterns, terms.mass_starts, mode="sum", per_sample_weights=weights)
