"""Fitting the reranker: on queries whose compounds the networks do not know, and as many of compounds they do."""

import numpy as np
from numpy.typing import NDArray

from spectus.prediction.compact import compacted
from spectus.prediction.substructures import SubstructureCounts
from spectus.rerank.pair_features import PairWeights, fit_pair_weights
from spectus.rerank.reranker import Candidates, Reranker
from spectus.rerank.settings import ForwardSettings
from spectus.rerank.shortlist import Shortlist, predicted_blocks
from spectus.rerank.tasks import Described


def calibrated_weights(
    reranker: Reranker, data: Described, learnt: NDArray[np.int64], watched: NDArray[np.int64],
    candidates: SubstructureCounts, smiles: NDArray[np.str_], settings: ForwardSettings,
) -> PairWeights:  # fmt: skip
    """The reranker for networks that learnt from the spectra `learnt`.

    The queries are some of the spectra `watched` and as many of `learnt`, drawn by the seed. `candidates` are all the
    molecules they are sought among, of canonical SMILES `smiles` (ascending), the right ones included. Who searches
    predicted spectra has mostly searched measured ones before, so queries of `learnt` count for little
    (`known_share`): a known compound comes first only if it fits as well as known ones do.
    """
    random = np.random.default_rng(settings.seed)
    queries = np.concatenate(
        [random.choice(rows, min(len(rows), settings.reranker_queries), replace=False) for rows in (watched, learnt)]
    )
    measured = data.measured.intensity[queries]
    shortlist = Shortlist(measured, settings.shortlist)
    for rows, predicted in predicted_blocks(reranker.prediction_model, candidates):
        shortlist.add(predicted, rows)
    listed = shortlist.candidate >= 0
    query = np.repeat(np.arange(len(queries)), listed.sum(axis=1))
    used, candidate = np.unique(shortlist.candidate[listed], return_inverse=True)
    molecules = candidates.at(used)
    block_of = dict(zip(data.measured.smiles.tolist(), data.measured.block.tolist(), strict=True))
    blocks = [block_of.get(text) for text in smiles[used].tolist()]
    predicted = compacted(reranker.prediction_model.predict_counted(molecules))
    pairs = reranker.pairs(measured, Candidates(molecules, blocks, predicted), query, candidate)
    right = smiles[used][candidate] == data.measured.smiles[queries][query]
    is_known = np.isin(queries, learnt)
    share = np.where(is_known, settings.known_share, 1 - settings.known_share)
    return fit_pair_weights(pairs, right, (data.weights[queries] * share)[query].astype(np.float64))
