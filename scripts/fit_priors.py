"""Fits how much the predicted spectrum and the sources of candidates count beside the networks of the ranker.

The networks learned from prediction models that left laboratories out, and from candidates of lists only. The model
that ships learned from more spectra, so its cosines say more (`RankerWeights.agreement`). Candidates also come from the
de novo model and from structure editing, and some have low CAS numbers (`SourcePriors`). The numbers of both are fitted
by the likelihood of the right answers to identifications of compounds that no model learned from. The three situations
count by their stated shares.

Each FOLDER is what `benchmarks/blind_identification.py --fixed-share --keep FOLDER` wrote with the numbers of the
present code. The
fit is printed, and for each group of laboratories the mean log-likelihood before and after a fit to the others, with
the shares of right answers that are first and among ten. `--write` puts the agreement into a reranker; the priors are
the defaults of `SourcePriors`.

    python scripts/fit_priors.py FOLDER [FOLDER ...] [--write resources/models/reranker-open]
"""

import argparse
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.optimize import minimize

from spectus.files import resource
from spectus.identify.candidates import NONE_OF_THESE
from spectus.identify.cas_numbers import registered
from spectus.identify.merging import Candidate
from spectus.rerank.fitting import Situations
from spectus.rerank.pair_features import Evidence, SourcePriors
from spectus.rerank.ranker import TYPICAL_LEAD, record_similarity

_LEAST = 1e-12
"""Probability of an answer, at least; tables have nine decimals."""

_FLOOR = np.log(3e-4)
"""Log-likelihood of an answer, at least, so that one lost query does not decide the fit."""

_LARGEST = "Fac_Eng_Univ_Tokyo"
"""The laboratory of most records; the others of MassBank, and other sources, are the other groups."""

_AGREEMENT = ("a unit of the cosine", '"none of these"')
_PRIORS = tuple(field.name for field in fields(SourcePriors) if field.name != "free_form")

_UNIT = np.array([10.0, 1.0, 1.0, 1.0, 0.2, 0.2, 0.5])
"""Typical changes of the agreement and of the priors in their order. Chosen: of the size of their uncertainty."""

_RIDGE = 1e-3
"""Penalty on squared changes in these units, in units of the mean log-likelihood. Chosen: it matters for few data."""

_SHARES = {"measured": Situations().library, "listed": Situations().listed, "unlisted": Situations().neither}


class Query(NamedTuple):
    """One identification.

    Attributes
    ----------
    log_odds : ndarray of float64, (n,)
        Of the candidates against "none of these", without agreement and priors.
    lead : ndarray of float64, (n,)
        Distance of the cosine, or of the score in a measured library if that is higher, to the best cosine, at most 0.
    evidence : Evidence
    truth : int
        The right candidate; -1: "none of these" is right.
    situation, group : str
        Situation, and group of laboratories.
    """

    log_odds: NDArray[np.float64]
    lead: NDArray[np.float64]
    evidence: Evidence
    truth: int
    situation: str
    group: str

    def scores(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-odds under other numbers, those of "none of these" last, (n + 1,)."""
        of_sources = SourcePriors(*numbers[2:].tolist()).of(self.evidence)
        return np.append(self.log_odds + numbers[0] * self.lead + of_sources, numbers[1])


def main() -> None:
    options = _options()
    path = (options.write or resource("models/reranker-open")) / "ranker.safetensors"
    weights = load_file(path)
    priors = SourcePriors()
    present = np.array([*weights["agreement"], *(getattr(priors, name) for name in _PRIORS)], np.float64)
    queries = [one for folder in options.folders for name in _SHARES for one in _read(folder, name, present)]
    if not queries:
        raise SystemExit("the folders hold no table of blind_identification.py --keep")
    fitted = _fitted(queries, present)
    print(f"{len(queries)} identifications: {_summary(queries, present)}; fitted {_summary(queries, fitted)}")
    for group in sorted({query.group for query in queries}):
        own, others = ([query for query in queries if (query.group == group) == same] for same in (True, False))
        left_out = _summary(own, _fitted(others, present)) if others else "nothing"
        print(f"  {group} left out: {_summary(own, present)}; fitted to the others {left_out}")
    for name, before, after in zip((*_AGREEMENT, *_PRIORS), present, fitted, strict=True):
        print(f"  {name}: {before:.2f}, fitted {after:.2f}")
    if options.write is not None:
        save_file(weights | {"agreement": fitted[:2].astype(np.float32)}, path)


def _read(folder: Path, situation: str, present: NDArray[np.float64]) -> list[Query]:
    """Read the identifications of a situation and take what the present numbers add from their odds."""
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
        similarity = np.fmax(cosine, record_similarity(candidates["library_score"].to_numpy(np.float64)))
        lead = np.minimum(similarity - np.nanmax(cosine, initial=0.0), 0.0)
        bare = Query(
            np.zeros(len(candidates)), np.where(np.isnan(lead), TYPICAL_LEAD, lead), _evidence(candidates),
            int(right[0]) if len(right) else -1, situation, _group(row.source, row.laboratory),
        )  # fmt: skip
        added = bare.scores(present)
        found.append(bare._replace(log_odds=log_p[~is_none] - log_p[is_none][0] - added[:-1] + added[-1]))
    return found


def _evidence(candidates: pd.DataFrame) -> Evidence:
    """Return what the columns of a table say; retention indices play no part in these identifications."""
    named_by = [set(source.split("+")) for source in candidates["source"]]
    texts = candidates[["smiles", "inchikey", "cas"]].astype(object).where(lambda columns: columns.notna(), None)
    ones = [
        Candidate(smiles=row.smiles, inchikey=row.inchikey, cas=row.cas, named_by=by)
        for row, by in zip(texts.itertuples(), named_by, strict=True)
    ]
    listed, model, edit = (np.array([kind in by for by in named_by], bool) for kind in ("predicted", "model", "edit"))
    library, log_prob = (candidates[name].to_numpy(np.float64) for name in ("library_score", "log_prob"))
    return Evidence(library, listed, model, edit, log_prob, np.zeros(len(ones)), registered(ones), np.zeros(len(ones)))


def _group(source: str, laboratory: str) -> str:
    if source != "MassBank":
        return "other sources"
    return "the largest laboratory" if laboratory == _LARGEST else "other laboratories"


def _fitted(queries: Sequence[Query], present: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the numbers under which the right answers are most likely, in the order of `present`."""
    weight = _weights(queries)

    def loss(change: NDArray[np.float64]) -> float:
        values = np.array([_log_likelihood(query, present + change * _UNIT) for query in queries])
        return float(-(values * weight).sum() + _RIDGE * (change @ change))

    found = minimize(loss, np.zeros(len(present)), method="L-BFGS-B")
    return np.asarray(present + found.x * _UNIT)


def _weights(queries: Sequence[Query]) -> NDArray[np.float64]:
    """Return the weights of identifications, (n,), which sum to 1: situations count by their shares."""
    names, number = np.unique([query.situation for query in queries], return_counts=True)
    of_situation = {name: _SHARES[name] / n for name, n in zip(names.tolist(), number.tolist(), strict=True)}
    weight = np.array([of_situation[query.situation] for query in queries])
    return weight / weight.sum()


def _log_likelihood(query: Query, numbers: NDArray[np.float64]) -> float:
    scores = query.scores(numbers)
    return max(float(scores[query.truth] - np.logaddexp.reduce(scores)), _FLOOR)


def _summary(queries: Sequence[Query], numbers: NDArray[np.float64]) -> str:
    """Return the mean log-likelihood, and for each situation how many right answers are first and among ten."""
    values = np.array([_log_likelihood(query, numbers) for query in queries])
    parts = [f"{(values * _weights(queries)).sum():.3f}"]
    for name in _SHARES:
        ranks = [_rank(query, numbers) for query in queries if query.situation == name]
        if ranks:
            first, ten = (100 * np.mean(np.array(ranks) < most) for most in (1, 10))
            parts.append(f"{name} {first:.1f} / {ten:.1f} % of {len(ranks)}")
    return ", ".join(parts)


def _rank(query: Query, numbers: NDArray[np.float64]) -> float:
    """Return how many candidates come before the right one; infinity if it is no candidate."""
    scores = query.scores(numbers)[:-1]
    return float((scores > scores[query.truth]).sum()) if query.truth >= 0 else np.inf


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--write", type=Path, metavar="RERANKER", help="folder of the reranker that gets the numbers")
    return parser.parse_args()


if __name__ == "__main__":
    main()
