"""Fits how much the cosine with the predicted spectrum counts beside the networks of a reranker.

The networks of the ranker learned from prediction models that left laboratories out. The model that ships learned from
more spectra, so its cosines say more. Two numbers make up for it (`RankerWeights.agreement`): what a unit of the cosine
adds, and what is added to the score of "none of these". They are fitted by the likelihood of the right answers to
identifications of compounds that no model learned from. The three situations count by their stated shares.

FOLDER is what `benchmarks/blind_identification.py --keep FOLDER` wrote. The fit is printed, and for each group of
laboratories the mean log-likelihood before and after a fit to the others. `--write` puts it in a reranker.

    python scripts/fit_agreement.py FOLDER [--write resources/models/reranker-open]
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.optimize import minimize

from spectus.files import resource
from spectus.identify.candidates import NONE_OF_THESE
from spectus.rerank.fitting import Situations
from spectus.rerank.ranker import TYPICAL_LEAD

_LEAST = 1e-9
"""Probability of an answer, at least: tables have nine decimals."""

_FLOOR = np.log(3e-4)
"""Log-likelihood of an answer, at least, so that one lost query does not decide the fit."""

_LARGEST = "Fac_Eng_Univ_Tokyo"
"""The laboratory of most records; the others of MassBank, and other sources, are the other groups."""

_RIDGE = 1e-5
"""Penalty on squared weights, in units of the mean log-likelihood. Chosen: it matters only for a few queries."""


class Query(NamedTuple):
    """One identification.

    Attributes
    ----------
    log_odds : ndarray of float64, (n,)
        Of the candidates against "none of these".
    lead : ndarray of float64, (n,)
        Distance of the cosine, or of the score in a measured library if that is higher, to the best cosine, at most 0.
    truth : int
        The right candidate; -1: "none of these" is right.
    group : str
        Group of laboratories.
    weight : float
    """

    log_odds: NDArray[np.float64]
    lead: NDArray[np.float64]
    truth: int
    group: str
    weight: float


def main() -> None:
    options = _options()
    queries = [query for name, share in _SHARES.items() for query in _read(options.folder, name, share)]
    if not queries:
        raise SystemExit(f"{options.folder} holds no table of blind_identification.py --keep")
    nothing = np.zeros(2)
    change = _fitted(queries)
    before, after = _mean(queries, nothing), _mean(queries, change)
    print(f"{len(queries)} identifications: log-likelihood {before:.3f}, fitted {after:.3f}")
    for group in sorted({query.group for query in queries}):
        own, others = ([query for query in queries if (query.group == group) == same] for same in (True, False))
        left_out = _mean(own, _fitted(others)) if others else np.nan
        print(f"  {group} left out: {_mean(own, nothing):.3f}, fitted to the others {left_out:.3f}")
    path = (options.write or resource("models/reranker-open")) / "ranker.safetensors"
    weights = load_file(path)
    agreement = (weights["agreement"] + change).astype(np.float32)
    print(f'a unit of the cosine adds {agreement[0]:.1f}, and "none of these" gets {agreement[1]:.2f}')
    if options.write is not None:
        save_file(weights | {"agreement": agreement}, path)


_SHARES = {"measured": Situations().library, "listed": Situations().listed, "unlisted": Situations().neither}


def _read(folder: Path, situation: str, share: float) -> list[Query]:
    """Read the identifications of a situation."""
    if not (folder / f"{situation}.parquet").exists():
        return []
    asked = pd.read_csv(folder / f"{situation}.tsv", sep="\t")
    tables = dict(tuple(pd.read_parquet(folder / f"{situation}.parquet").groupby("query")))
    found = []
    for row in asked.itertuples():
        table = tables[row.name]
        is_none = (table["name"] == NONE_OF_THESE).to_numpy()
        if not is_none.any():
            continue
        candidates, log_p = table[~is_none], np.log(table["probability"].fillna(0.0).clip(lower=_LEAST).to_numpy())
        right = np.flatnonzero(candidates["inchikey"].str[:14] == row.key)
        cosine = candidates["predicted_score"].to_numpy(np.float64)
        similarity = np.fmax(cosine, candidates["library_score"].to_numpy(np.float64))
        lead = np.minimum(similarity - np.nanmax(cosine, initial=0.0), 0.0)
        found.append(
            Query(
                log_p[~is_none] - log_p[is_none][0], np.where(np.isnan(lead), TYPICAL_LEAD, lead),
                int(right[0]) if len(right) else -1, _group(row.source, row.laboratory), share / len(asked),
            )
        )  # fmt: skip
    return found


def _group(source: str, laboratory: str) -> str:
    if source != "MassBank":
        return "other sources"
    return "the largest laboratory" if laboratory == _LARGEST else "other laboratories"


def _fitted(queries: list[Query]) -> NDArray[np.float64]:
    """Return the change of `agreement` under which the right answers are most likely, (2,)."""

    def loss(change: NDArray[np.float64]) -> float:
        return -_mean(queries, change) + _RIDGE * float(change @ change)

    return np.asarray(minimize(loss, np.zeros(2), method="Nelder-Mead", options={"initial_simplex": _SIMPLEX}).x)


_SIMPLEX = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, -1.0]])


def _mean(queries: list[Query], change: NDArray[np.float64]) -> float:
    """Return the mean log-likelihood of the right answers."""
    values = []
    for query in queries:
        scores = np.append(query.log_odds + change[0] * query.lead, change[1])
        values.append(max(float(scores[query.truth] - np.logaddexp.reduce(scores)), _FLOOR))
    return float(np.average(values, weights=[query.weight for query in queries]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", type=Path, metavar="RERANKER", help="folder of the reranker that gets the numbers")
    return parser.parse_args()


if __name__ == "__main__":
    main()
