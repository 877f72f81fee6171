"""Scores of a finished campaign: which simulated compounds it found."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from spectus.simulation.scoring import match_window_s


@dataclass(frozen=True)
class Recovery:
    """Counts of simulated compounds.

    Attributes
    ----------
    known
        Compounds with an InChIKey in the examined runs.
    seen
        Those with a feature at their time.
    found
        Those with a feature at their time that has them among its candidates.
    first
        Those with a feature at their time that has them at rank 1.
    """

    known: int
    seen: int
    found: int
    first: int

    def __str__(self) -> str:
        """Return the counts in one line."""
        return f"{self.found} of {self.known} known compounds found, {self.first} of them at rank 1"


def recovered(
    features: pa.Table, candidates: pa.Table, ground_truth: pa.Table, runs: Collection[str] | None = None
) -> Recovery:
    """Count the simulated compounds that a campaign's features and candidates identify.

    A feature is at a compound's time if it lies between the compound's apexes in the campaign's runs, with the window
    of `spectus.simulation.scoring.match` on either side. Structures are compared by the first block of the InChIKey.

    Parameters
    ----------
    features
        Table of schema FEATURES.
    candidates
        Table of schema CANDIDATES.
    ground_truth
        Table of schema GROUND_TRUTH.
    runs
        Runs that count, to leave out the ladder; all by default.

    Returns
    -------
    Recovery
        The counts.
    """
    known = _known(ground_truth, runs)
    rt_s = features["rt_s"].to_numpy(zero_copy_only=False)
    names = features["feature"].to_pylist()
    ranks = _ranks(candidates)
    seen, best = 0, []
    for key, (earliest, latest) in known.values():
        at_its_time = np.flatnonzero((rt_s >= earliest) & (rt_s <= latest))
        seen += len(at_its_time) > 0
        best.append(min((ranks[names[row]].get(key, np.inf) for row in at_its_time), default=np.inf))
    return Recovery(len(known), seen, int(np.isfinite(best).sum()), sum(rank == 1 for rank in best))


def _known(ground_truth: pa.Table, runs: Collection[str] | None) -> dict[int, tuple[str, tuple[float, float]]]:
    """Return inchikey14, and earliest and latest time, of each compound that has an InChIKey."""
    known: dict[int, tuple[str, tuple[float, float]]] = {}
    rows = ground_truth.select(["run", "compound", "inchikey", "rt_s"]).to_pylist()
    for row, window in zip(rows, match_window_s(ground_truth), strict=True):
        if row["inchikey"] and (runs is None or row["run"] in runs):
            _, (earliest, latest) = known.get(row["compound"], ("", (np.inf, -np.inf)))
            span = min(earliest, row["rt_s"] - window), max(latest, row["rt_s"] + window)
            known[row["compound"]] = row["inchikey"][:14], span
    return known


def _ranks(candidates: pa.Table) -> dict[str, dict[str, int]]:
    """Return the best rank of each structure among the candidates of each query."""
    ranks: dict[str, dict[str, int]] = defaultdict(dict)
    for row in candidates.select(["query", "rank", "inchikey"]).to_pylist():
        if row["inchikey"]:
            of_query = ranks[row["query"]]
            key = row["inchikey"][:14]
            of_query[key] = min(row["rank"], of_query.get(key, row["rank"]))
    return ranks
