"""Fitting the ranker: candidates in several situations, and the networks that find the right one among them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn

from spectus.rerank.calibration import Judged, ProbabilityCalibration, fit_calibration
from spectus.rerank.pair_features import PAIR_FEATURES, QUERY_FEATURES, STRUCTURE_FEATURES, query_features
from spectus.rerank.query_lists import QueryPairs
from spectus.rerank.ranker import NO_AGREEMENT, UNSCALED, RankerWeights
from spectus.structures import hashed, quiet_rdkit

_AT = PAIR_FEATURES.index
_HALF = 0.5

_UNPREDICTED = 0.3
"""Share of compounds whose records in measured libraries are taken for records without a usable structure. Chosen: many
libraries give the free compound for the spectrum of a derivative."""

_SCALE_RIDGE = 1e-3
"""Penalty on squared changes of the scale, in units of the mean log-likelihood. Chosen: it matters only for a few
queries."""

_SCALE_BOUNDS = ((0.05, 20.0), (0.05, 20.0), (-20.0, 20.0), (0.0, 0.9))
"""Bounds of the four numbers of `RankerWeights.scale`. Chosen: candidates always count, and more likely ones more."""

_LEADS = (("cosine_lead", "cosine"), ("dual_lead", "dual_encoder"))


class CandidateLists(NamedTuple):
    """Lists of candidates, grouped by list; several lists may be of one query.

    Attributes
    ----------
    features : ndarray of float64, (n_pairs, F)
        Pair features.
    right : ndarray of bool, (n_pairs,)
        The right structures, at most one in each list.
    starts : ndarray of int64, (n_lists,)
        Where each list begins.
    of_query : ndarray of float64, (n_lists, G)
        Features of the query.
    weight : ndarray of float64, (n_lists,)
        How much each list counts.
    """

    features: NDArray[np.float64]
    right: NDArray[np.bool_]
    starts: NDArray[np.int64]
    of_query: NDArray[np.float64]
    weight: NDArray[np.float64]

    @property
    def group(self) -> NDArray[np.int64]:
        """List of each pair, (n_pairs,)."""
        return np.repeat(np.arange(len(self.starts)), np.diff([*self.starts, len(self.right)]))

    def at(self, lists: NDArray[np.int64]) -> "CandidateLists":
        """Return some of the lists."""
        ends = np.append(self.starts[1:], len(self.right))
        lengths = (ends - self.starts)[lists]
        starts = np.cumsum(lengths) - lengths
        pairs = np.repeat(self.starts[lists] - starts, lengths) + np.arange(lengths.sum())
        return CandidateLists(self.features[pairs], self.right[pairs], starts, self.of_query[lists], self.weight[lists])


@dataclass(frozen=True)
class RankerSettings:
    """How the ranker is fitted. Chosen by leave-one-source-out.

    Attributes
    ----------
    networks : int
        Networks whose scores are averaged; they differ in their first weights.
    hidden : int
        Hidden units of each.
    steps : int
        Steps of the optimizer over all lists.
    learning_rate : float
        Of Adam, falling to zero as a cosine.
    weight_decay : float
        Of AdamW, on all weights.
    dropout : float
        Share of hidden units that are dropped.
    lists_at_once : int
        Lists of a step.
    seed : int
        Of the first weights and the draws.
    """

    networks: int = 3
    hidden: int = 24
    steps: int = 800
    learning_rate: float = 0.01
    weight_decay: float = 0.02
    dropout: float = 0.2
    lists_at_once: int = 48
    seed: int = 1


def with_leads(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return pair features (n, F) of one list with the leads over its own candidates."""
    found = features.copy()
    usable = found[:, _AT("unpredicted")] == 0
    for lead, column in _LEADS:
        best = found[usable, _AT(column)].max() if usable.any() else 0.0
        found[:, _AT(lead)] = np.where(usable, found[:, _AT(column)] - best, 0.0)
    known = found[:, _AT("in_library")] == 1
    best = found[known, _AT("library")].max() if known.any() else 0.0
    found[:, _AT("library_lead")] = np.where(known, found[:, _AT("library")] - best, 0.0)
    return found


def candidate_lists(
    parts: list[tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], float]],
) -> CandidateLists:
    """Join lists of candidates.

    Parameters
    ----------
    parts
        For each list: the measured spectrum (bins,), the pair features (n, F), which candidate is right (n,), and the
        weight of the list. Leads are computed again.
    """
    led = [with_leads(features) for _, features, _, _ in parts]
    lengths = np.array([len(features) for features in led])
    return CandidateLists(
        np.concatenate([np.zeros((0, len(PAIR_FEATURES))), *led]),
        np.concatenate([np.zeros(0, bool), *(right for _, _, right, _ in parts)]),
        np.cumsum(lengths) - lengths,
        np.array([query_features(spectrum, features) for (spectrum, *_), features in zip(parts, led, strict=True)]),
        np.array([weight for *_, weight in parts]),
    )


@dataclass(frozen=True)
class Situations:
    """How often the compound of a query is where. Chosen for environmental screening; they sum to 1.

    Attributes
    ----------
    library : float
        In a measured library, and on the molecule list.
    listed : float
        On the molecule list only.
    neither : float
        On neither; then the right answer is "none of these".
    """

    library: float = 0.35
    listed: float = 0.35
    neither: float = 0.30


class Situation(NamedTuple):
    """A query in one situation.

    Attributes
    ----------
    name : str
        `library`, `listed` or `neither`.
    query : QueryPairs
        The query.
    laboratory : str
        Its laboratory; where all queries are of one, `first` or `second` half of its compounds.
    smiles : list of str, (n,)
        The candidates.
    """

    name: str
    query: QueryPairs
    laboratory: str
    smiles: list[str]


def situation_lists(pairs: Sequence[QueryPairs], situations: Situations) -> tuple[CandidateLists, list[Situation]]:
    """Make the lists of every situation in which a query can be.

    In the first situation the record of another laboratory counts for the right structure; in the second it does not;
    in the third the structure is not listed. Weights make up the stated shares; within a situation, a laboratory counts
    by the square root of its number of queries.

    Returns
    -------
    lists : CandidateLists
    members : list of Situation, (n_lists,)
    """
    one_laboratory = len({one.laboratory for one in pairs}) == 1
    parts, members = [], list[Situation]()
    for name, share in asdict(situations).items():
        lists = [(one, of_query) for one in pairs if (of_query := _in_situation(one, name)) is not None]
        if not lists:
            continue
        _, member, number = np.unique([one.laboratory for one, _ in lists], return_inverse=True, return_counts=True)
        weight = 1 / np.sqrt(number[member])
        for (one, (features, right, kept)), of_list in zip(lists, share * weight / weight.sum(), strict=True):
            half = "first" if hashed(one.inchikey14) < _HALF else "second"
            parts.append((one.measured, features, right, float(of_list)))
            smiles = [one.smiles[row] for row in np.flatnonzero(kept).tolist()]
            members.append(Situation(name, one, half if one_laboratory else one.laboratory, smiles))
    return candidate_lists(parts), members


def _in_situation(
    one: QueryPairs, name: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]] | None:
    """Return the pair features, the right structures, and which candidates are left; None if it cannot be so."""
    right, every = one.right, np.ones(len(one.right), bool)
    if name == "library":
        known = one.features[:, _AT("in_library")] == 1
        if not known[right].any():
            return None
        features = one.features.copy()
        if hashed(f"unpredicted {one.inchikey14}") < _UNPREDICTED:
            for column in STRUCTURE_FEATURES:
                features[known, _AT(column)] = 0.0
            features[known, _AT("unpredicted")] = 1.0
        return features, right, every
    kept = ~right if name == "neither" or not one.found else every
    features = one.features.copy()
    for column in ("in_library", "library", "library_lead"):
        features[right, _AT(column)] = 0.0
    return (features[kept], right[kept], kept) if kept.any() else None


def calibrated_ranker(
    pairs: Sequence[QueryPairs], situations: Situations, settings: RankerSettings
) -> tuple[RankerWeights, ProbabilityCalibration]:
    """Fit the ranker on all queries, and its calibration on scores of laboratories that were left out.

    Returns
    -------
    weights : RankerWeights
    calibration : ProbabilityCalibration
    """
    lists, members = situation_lists(pairs, situations)
    scores, none = left_out_scores(lists, np.array([one.laboratory for one in members]), settings)
    scale = fit_scale(scores, none, lists)
    weights = fit_ranker(lists, settings)._replace(scale=scale)
    with quiet_rdkit():
        return weights, fit_calibration(_judged(lists, members, *scaled_scores(scores, none, scale, lists)))


def left_out_judgments(
    pairs: Sequence[QueryPairs], settings: RankerSettings, situations: Situations
) -> tuple[list[Judged], list[Situation]]:
    """Rank the candidates of each query, in each situation, by a ranker that did not learn from its laboratory.

    The scale of the scores leaves the laboratory out, too.
    """
    lists, members = situation_lists(pairs, situations)
    laboratory = np.array([one.laboratory for one in members])
    scores, none = left_out_scores(lists, laboratory, settings)
    scaled, scaled_none = np.zeros_like(scores), np.zeros_like(none)
    for name in sorted(set(laboratory.tolist())):
        own = laboratory == name
        pairs_of_own = own[lists.group]
        scale = fit_scale(scores[~pairs_of_own], none[~own], lists.at(np.flatnonzero(~own)))
        left_out = lists.at(np.flatnonzero(own))
        scaled[pairs_of_own], scaled_none[own] = scaled_scores(scores[pairs_of_own], none[own], scale, left_out)
    return _judged(lists, members, scaled, scaled_none), members


def _judged(
    lists: CandidateLists, members: Sequence[Situation], scores: NDArray[np.float64], none: NDArray[np.float64]
) -> list[Judged]:
    probability, rest = list_likelihoods(scores, none, lists)
    ends = np.append(lists.starts[1:], len(lists.right))
    return [
        Judged(probability[start:end], float(left), lists.right[start:end], one.smiles, one.query.truth, float(weight))
        for one, start, end, left, weight in zip(members, lists.starts, ends, rest, lists.weight, strict=True)
    ]


def left_out_scores(
    lists: CandidateLists, laboratory: NDArray[np.str_], settings: RankerSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scores of all pairs and of "none of these", each by a ranker that did not see the list's laboratory."""
    scores, none = np.zeros(len(lists.right)), np.zeros(len(lists.starts))
    group = lists.group
    for name in sorted(set(laboratory.tolist())):
        own = laboratory == name
        weights = fit_ranker(lists.at(np.flatnonzero(~own)), settings)
        scores[own[group]] = weights.scores(lists.features[own[group]])
        none[own] = weights.none_scores(lists.of_query[own], np.zeros(int(own.sum())))
    return scores, none


def fit_ranker(lists: CandidateLists, settings: RankerSettings) -> RankerWeights:
    """Fit the networks by the likelihood of the right answers, "none of these" where no candidate is right.

    Parameters
    ----------
    lists
        The lists; empty lists are not allowed.
    settings
        Sizes and schedule.
    """
    mean, spread = lists.features.mean(axis=0), lists.features.std(axis=0)
    spread = np.where(spread > 1e-6, spread, 1.0)
    query_mean, query_spread = lists.of_query.mean(axis=0), lists.of_query.std(axis=0)
    query_spread = np.where(query_spread > 1e-6, query_spread, 1.0)
    scaled = lists._replace(
        features=(lists.features - mean) / spread, of_query=(lists.of_query - query_mean) / query_spread
    )
    networks = [_fitted(scaled, settings, settings.seed + number) for number in range(settings.networks)]

    def stacked(name: str) -> NDArray[np.float32]:
        return np.stack([network[name].numpy() for network in networks]).astype(np.float32)

    none = np.concatenate([stacked("none.weight")[:, 0], stacked("none.bias")], axis=1)
    return RankerWeights(
        mean.astype(np.float32), spread.astype(np.float32), stacked("linear.weight")[:, 0],
        stacked("hidden.weight").transpose(0, 2, 1), stacked("hidden.bias"), stacked("out.weight")[:, 0],
        query_mean.astype(np.float32), query_spread.astype(np.float32), none, UNSCALED, NO_AGREEMENT,
    )  # fmt: skip


def list_likelihoods(
    scores: NDArray[np.float64], none: NDArray[np.float64], lists: CandidateLists
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the probability of each candidate, (n_pairs,), and of "none of these" for each list, (n_lists,)."""
    group = lists.group
    top = np.maximum(np.maximum.reduceat(scores, lists.starts), none)
    odds, rest = np.exp(scores - top[group]), np.exp(none - top)
    total = np.add.reduceat(odds, lists.starts) + rest
    return odds / total[group], rest / total


def fit_scale(scores: NDArray[np.float64], none: NDArray[np.float64], lists: CandidateLists) -> NDArray[np.float32]:
    """Return the scale of scores under which the right answers are most likely, as of `RankerWeights.scale`.

    Take scores of lists from which the networks did not learn.
    """

    def loss(scale: NDArray[np.float64]) -> float:
        pairs, rest = list_likelihoods(*scaled_scores(scores, none, scale, lists), lists)
        likely = rest.copy()
        likely[lists.group[lists.right]] = pairs[lists.right]
        far = _SCALE_RIDGE * float(((scale - UNSCALED) ** 2).sum())
        return float(-(np.log(np.maximum(likely, 1e-12)) * lists.weight).sum() / lists.weight.sum()) + far

    found = minimize(loss, UNSCALED.astype(np.float64), method="L-BFGS-B", bounds=_SCALE_BOUNDS)
    return np.asarray(found.x, np.float32)


def scaled_scores(
    scores: NDArray[np.float64], none: NDArray[np.float64], scale: NDArray[np.floating], lists: CandidateLists
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scores of pairs and of "none of these" on a scale, as of `RankerWeights.scale`."""
    factor, of_none, constant, share = scale.tolist()
    scaled = factor * scores
    top = np.maximum.reduceat(scaled, lists.starts)
    log_odds = top + np.log(np.add.reduceat(np.exp(scaled - top[lists.group]), lists.starts))
    return scaled, of_none * none + constant + share * log_odds


class _Network(nn.Module):
    def __init__(self, settings: RankerSettings) -> None:
        super().__init__()
        n_features = len(PAIR_FEATURES)
        self.linear = nn.Linear(n_features, 1, bias=False)
        self.hidden = nn.Linear(n_features, settings.hidden)
        self.out = nn.Linear(settings.hidden, 1, bias=False)
        self.none = nn.Linear(len(QUERY_FEATURES), 1)
        self.dropout = settings.dropout
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.none.weight)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.dropout(F.relu(self.hidden(x)), self.dropout, self.training)
        found: Tensor = (self.linear(x) + self.out(hidden))[:, 0]
        return found


def _fitted(lists: CandidateLists, settings: RankerSettings, seed: int) -> dict[str, Tensor]:
    """Return the weights of one network; features are scaled already."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network = _Network(settings)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    draw = lists.weight / lists.weight.sum()
    for _ in range(settings.steps):
        drawn = np.sort(random.choice(len(lists.starts), settings.lists_at_once, p=draw))
        loss = _loss(network, lists.at(drawn))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return {name: value.detach() for name, value in network.state_dict().items()}


def _loss(network: _Network, lists: CandidateLists) -> Tensor:
    """Return the mean negative logarithm of the likelihood of the right answers."""
    group = torch.from_numpy(lists.group)
    scores = network(torch.from_numpy(lists.features.astype(np.float32)))
    none = network.none(torch.from_numpy(lists.of_query.astype(np.float32)))[:, 0]
    top = none.detach().scatter_reduce(0, group, scores.detach(), "amax")
    odds = torch.exp(scores - top[group])
    total = torch.zeros_like(none).index_add(0, group, odds) + torch.exp(none - top)
    right = torch.from_numpy(np.flatnonzero(lists.right))
    answer = none.index_put((group[right],), scores[right])
    mean: Tensor = (torch.log(total) + top - answer).mean()
    return mean
