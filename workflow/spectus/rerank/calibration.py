"""Fitting the weights of the pair features: on queries of compounds that the models do not know, and of known ones."""

import numpy as np
from numpy.typing import NDArray

from spectus.prediction.compact import compacted
from spectus.prediction.neims.task import CountedSpectra
from spectus.prediction.substructures import SubstructureCounts
from spectus.rerank.pair_features import PairWeights, fit_pair_weights
from spectus.rerank.reranker import Candidates, Reranker
from spectus.rerank.scoring import fitting_bins
from spectus.rerank.settings import RerankerSettings
from spectus.rerank.shortlist import Shortlist, predicted_blocks


def calibrated_weights(
    reranker: Reranker, data: CountedSpectra, learned: NDArray[np.int64], tuning: NDArray[np.int64],
    listed: SubstructureCounts, settings: RerankerSettings,
) -> PairWeights:  # fmt: skip
    """Fit the weights of the pair features of a reranker.

    The queries are some spectra of the tuning set and as many from which the models learned, drawn by the seed. Who
    searches predicted spectra has mostly searched measured ones before, so queries of known compounds count for little
    (`known_share`): a known compound comes first only if it fits as well as known ones do.

    Parameters
    ----------
    reranker
        Its dual encoder and its prediction model learned from the spectra `learned` only.
    data
        The spectra.
    learned, tuning
        Rows of the spectra that were learned and of the tuning set.
    listed
        All molecules among which the queries' are sought, of canonical SMILES, ascending, the right ones included.
    settings
        How many queries and candidates.

    Returns
    -------
    PairWeights
    """
    random = np.random.default_rng(settings.seed)
    queries = np.concatenate(
        [random.choice(rows, min(len(rows), settings.queries), replace=False) for rows in (tuning, learned)]
    )
    measured = data.intensity[queries]
    shortlist = Shortlist(measured, settings.shortlist)
    for rows, spectra in predicted_blocks(reranker.prediction_model, listed, reranker.bins):
        shortlist.add(spectra, rows)
    query, used, candidate = shortlist.pairs()
    molecules = listed.at(used)
    smiles = np.array(molecules.smiles, dtype=np.str_)
    key_of = dict(zip(data.measured.smiles.tolist(), data.measured.inchikey14.tolist(), strict=True))
    predicted = compacted(fitting_bins(reranker.prediction_model.predict_counted(molecules), reranker.bins))
    candidates = Candidates(molecules, [key_of.get(text) for text in smiles.tolist()], predicted)
    pairs = reranker.pairs(measured, candidates, query, candidate)
    right = smiles[candidate] == data.measured.smiles[queries][query]
    share = np.where(np.isin(queries, learned), settings.known_share, 1 - settings.known_share)
    return fit_pair_weights(pairs, right, (data.weights[queries] * share)[query].astype(np.float64))
