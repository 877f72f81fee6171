"""Features of pairs of a query and a candidate structure, and of queries.

A pair feature says how well a candidate explains the spectrum of its query, and what else speaks for it. Every feature
is near 0 to 1 or has a spread near 1. A feature that is not known for a candidate is 0, and a flag says so.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectus.library.similarity import PREDICTED, Powers
from spectus.rerank.evidence import LEAST_SHARE, Formula, formula_evidence, isotope_contradiction

POWERS = (PREDICTED, Powers(0.5, 1.3), Powers(0.2, 0.0))
"""Exponents of the three cosines. Chosen: the best ones for a search, and two that emphasize heavy and all peaks."""

PAIR_FEATURES = (
    "cosine", "cosine_heavy", "cosine_flat", "cosine_lead", "missing", "explained", "above", "at_mass",
    "isotopes_missing", "isotopes_lost", "isotopes_extra", "dual_encoder", "dual_lead", "mass", "unpredicted",
    "library", "library_lead", "in_library",
)  # fmt: skip
"""Columns of the pair features.

The cosines are with the predicted spectrum. A lead is the distance to the best candidate of the query that a list or a
library names. `missing` is the
share of predicted peaks that are not measured; `explained` and `above` are shares of the ion current that subformulae
explain and that lies above the molecule; `at_mass` is the intensity at the molecular mass. `isotopes_missing` is about
the molecular ion; `isotopes_lost` and `isotopes_extra` are about fragments. `mass` is how probable the molecular
mass is by the spectrum alone (`denovo.editing.mass_distribution`). `library` is the score in a measured library, and
`in_library` says whether one names the candidate.
"""

STRUCTURE_FEATURES = PAIR_FEATURES[: PAIR_FEATURES.index("unpredicted")]
"""Those that need a structure whose spectrum can be predicted; 0 without one."""

QUERY_FEATURES = (
    "best_cosine", "cosine_gap", "best_library", "best_explained", "best_dual", "crowding", "peaks", "entropy", "end",
    "best_mass", "mass_of_best",
)  # fmt: skip
"""Columns of the features of a query, from which the score of "none of these" is computed."""

_CLOSE = 0.05
"""Cosines this near to the best one crowd. Chosen: about the error of a predicted spectrum."""

_SEEN = 0.002
"""Intensity, of the base peak, below which a measured peak counts as missing. Chosen: the noise of most libraries."""

_DUAL_SCALE = 10.0
"""Logits of the dual encoder are divided by it, so that their spread is near 1."""


_LEAST_MASS, _MASS_SCALE = -10.0, 4.0
"""Least logarithm of the probability of a mass, and what it is divided by, so that the spread is near 1."""


class Evidence(NamedTuple):
    """What speaks for pairs of a query and a candidate besides the spectrum, all (n_pairs,).

    Attributes
    ----------
    library : ndarray of float64
        Best score in a measured library, 0-1; NaN without one.
    listed, denovo, edited : ndarray of bool
        A list of molecules, the de novo model, or structure editing names the candidate.
    log_prob : ndarray of float64
        Natural logarithm of the de novo model's probability; NaN without one.
    retention : ndarray of float64
        Logarithm of how much more probable the difference of retention indices is for the right structure than for a
        wrong one; 0 without a comparison.
    registered : ndarray of float64
        Decimal logarithm of the part of the CAS number before the first hyphen; NaN without one.
    free_groups : ndarray of float64
        Hydroxyl, carboxyl and thiol groups that the silylation of the sample would have left none of; 0 in a sample
        that is not silylated.
    """

    library: NDArray[np.float64]
    listed: NDArray[np.bool_]
    denovo: NDArray[np.bool_]
    edited: NDArray[np.bool_]
    log_prob: NDArray[np.float64]
    retention: NDArray[np.float64]
    registered: NDArray[np.float64]
    free_groups: NDArray[np.float64]

    @property
    def on_list(self) -> NDArray[np.bool_]:
        """Which candidates a molecule list or a measured library names, (n_pairs,)."""
        return self.listed | np.isfinite(self.library)

    @classmethod
    def of_list(cls, n_pairs: int) -> "Evidence":
        """Make the evidence of candidates that only a list of molecules names."""
        nan, no = np.full(n_pairs, np.nan), np.zeros(n_pairs, bool)
        return cls(nan, ~no, no, no, nan, np.zeros(n_pairs), nan, np.zeros(n_pairs))

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> "Evidence":
        """Return some of the pairs."""
        return Evidence(
            self.library[rows], self.listed[rows], self.denovo[rows], self.edited[rows], self.log_prob[rows],
            self.retention[rows], self.registered[rows], self.free_groups[rows],
        )  # fmt: skip


class QueryCandidates(NamedTuple):
    """The candidates of one query.

    Attributes
    ----------
    predicted : ndarray of float32, (n, bins)
        Their predicted spectra, base peak 1; a row of zeros where none can be predicted.
    formula : list of tuple of int, (n,)
        Atoms of each element.
    dual : ndarray of float64, (n,)
        Logits of the dual encoder.
    mass : ndarray of float64, (n,)
        Logarithms of the probabilities of their molecular masses.
    usable : ndarray of bool, (n,)
        The candidate has a structure whose spectrum can be predicted.
    """

    predicted: NDArray[np.float32]
    formula: list[Formula]
    dual: NDArray[np.float64]
    mass: NDArray[np.float64]
    usable: NDArray[np.bool_]


def pair_features(
    measured: NDArray[np.float32], candidates: QueryCandidates, evidence: Evidence
) -> NDArray[np.float64]:
    """Compute the pair features of one query.

    Predicted peaks below the first measured one are left out, because many methods start to scan above them.

    Parameters
    ----------
    measured
        (bins,) intensities of the query by nominal mass, base peak 1.
    candidates
        Its candidates, (n,).
    evidence
        What else speaks for them, (n,).

    Returns
    -------
    ndarray of float64, (n, len(PAIR_FEATURES))
    """
    usable = candidates.usable
    compared = usable & evidence.on_list if (usable & evidence.on_list).any() else usable
    scanned = _scanned(measured, candidates.predicted)
    cosines = [cosine_of_pairs(measured, scanned, powers) for powers in POWERS]
    lead = _lead(cosines[0], compared, usable)
    root = np.sqrt(scanned) * np.sqrt(np.arange(scanned.shape[1], dtype=np.float32))
    missing = (root * (measured < _SEEN)).sum(axis=1) / np.maximum(root.sum(axis=1), 1e-9)
    found = formula_evidence(measured, candidates.formula)
    lost, extra = isotope_contradiction(measured, scanned)
    dual = np.where(usable, candidates.dual, 0.0) / _DUAL_SCALE
    in_library = np.isfinite(evidence.library)
    library = np.where(in_library, evidence.library, 0.0)
    of_structure = [
        *cosines, lead, missing, found.explained, -np.log(found.above + LEAST_SHARE) / 7, np.sqrt(found.at_mass),
        found.missing, lost, extra, dual, _lead(dual, compared, usable),
        np.clip(candidates.mass, _LEAST_MASS, 0) / _MASS_SCALE,
    ]  # fmt: skip
    columns = [np.where(usable, column, 0.0) for column in of_structure]
    columns += [
        ~usable, library, _lead(library, in_library, in_library), in_library,
    ]  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float64)


_COMPLETE_BELOW, _COMPLETENESS = 200.0, 0.016
"""Nominal mass, u, below which the odds that no list holds a compound fall, and by how much for each u (logarithm).
Nearly every light compound has a name and is on a list. `benchmarks/list_coverage.py` counted it for the library
`named` and the 6,635 compounds of the training library that have no silicon: 98 % of those up to 80 u are on the list,
84 % from 100 to 120 u, 70 % from 140 to 160, 55 % from 180 to 200, and 26 to 39 % above."""


def log_odds_of_unlisted(masses: NDArray[np.integer], log_probabilities: NDArray[np.float64]) -> float:
    """Return by how much the mass of a compound changes the odds that no list holds it, at most 0, a logarithm.

    Parameters
    ----------
    masses
        (n,) nominal masses that the compound may have, u.
    log_probabilities
        (n,) logarithms of their probabilities.
    """
    change = -_COMPLETENESS * np.maximum(_COMPLETE_BELOW - masses, 0.0)
    return float(np.logaddexp.reduce(log_probabilities + change))


_TYPICAL_LOG_PROB, _LEAST_LOG_PROB = -8.0, -22.0
"""Log-probability by the de novo model from which plausibility counts, and that below which all count alike. Chosen: of
194 right structures on no list, a quarter are below -7.8 and the median is -4.9."""


_MOST_FREE = 3
"""Free groups from which on all count alike. Chosen: three make nearly every compound too polar to reach a detector."""


@dataclass(frozen=True)
class SourcePriors:
    """Logarithms of prior odds, which are added to the scores of the ranker.

    The ranker was fitted on candidates of molecule lists and measured libraries; their prior is 0.
    `scripts/fit_priors.py` fitted these numbers, with `RankerWeights.agreement`, to identifications of compounds of the
    split valid. The card of reranker-open has its figures. A listed compound exists, so how plausible the de novo model
    finds it says less.

    Attributes
    ----------
    model
        Of a candidate that only the de novo model names, of log-probability -8.
    edit
        Of one that only structure editing makes, of log-probability -8.
    log_prob
        Change for each unit of the de novo model's log-probability.
    listed_log_prob
        The same for a listed candidate of a log-probability above -8; it never speaks against it. So an unlisted
        structure that the model finds very probable may come before a listed one whose spectrum fits as well.
    registered
        Change for each decade of a listed candidate's CAS number (`registry_excess`).
    free_form
        Change for each group of a candidate that silylation would have changed, of up to three. Not fitted. Chosen: a
        silylation that leaves a fifth of a group is a bad one.
    """

    model: float = -0.36
    edit: float = -0.41
    log_prob: float = 0.55
    listed_log_prob: float = 0.23
    registered: float = -0.43
    free_form: float = -1.5

    def of(self, evidence: Evidence) -> NDArray[np.float64]:
        """Return what is added to the scores of candidates, (n,), the retention index's share among it."""
        excess = np.where(
            np.isfinite(evidence.log_prob), np.maximum(evidence.log_prob, _LEAST_LOG_PROB) - _TYPICAL_LOG_PROB, 0.0
        )
        unlisted = np.where(evidence.denovo, self.model, np.where(evidence.edited, self.edit, 0.0))
        of_listed = self.listed_log_prob * np.maximum(excess, 0.0) + self.registered * registry_excess(evidence)
        found: NDArray[np.float64] = np.where(evidence.on_list, of_listed, unlisted + self.log_prob * excess)
        return found + evidence.retention + self.free_form * np.minimum(evidence.free_groups, _MOST_FREE)


_UNKNOWN_REGISTERED, _LATEST_REGISTERED = 4.7, 6.0
"""Decimal logarithm of the CAS number (before the first hyphen) as which a listed candidate without a number
counts, and that above which all count alike. Chosen: with 4.7, a candidate without a number counts as one that is less
known than most. The median of listed candidates in the fit of `SourcePriors` is 3.7, one in ten is above 4.8, and the
median of the right ones is 2.7. 6.0 was reached in 2008, and few compounds of a library are younger."""


def registry_excess(evidence: Evidence) -> NDArray[np.float64]:
    """Return by how many decades the CAS numbers of candidates are above 50,000, (n,); 0 without a number.

    CAS numbers are given in the order in which compounds become known. Compounds with low numbers are those that
    industry uses and laboratories study, so they are met more often.
    """
    known = evidence.on_list & np.isfinite(evidence.registered)
    return np.where(known, np.minimum(evidence.registered, _LATEST_REGISTERED) - _UNKNOWN_REGISTERED, 0.0)


def query_features(measured: NDArray[np.float32], features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the features of one query from its spectrum and the pair features of its candidates.

    Parameters
    ----------
    measured
        (bins,) intensities by nominal mass, base peak 1.
    features
        (n, len(PAIR_FEATURES)) of its candidates.

    Returns
    -------
    ndarray of float64, (len(QUERY_FEATURES),)
    """
    at = PAIR_FEATURES.index
    cosine = np.sort(features[:, at("cosine")])[::-1]
    best = cosine[0] if len(cosine) else 0.0
    gap = best - cosine[1] if len(cosine) > 1 else best
    intensity = measured[measured > 0].astype(np.float64)
    share = intensity / max(intensity.sum(), 1e-12)
    columns = [features[:, at(name)] for name in ("library", "explained", "dual_encoder")]
    tops = [float(column.max(initial=0.0)) for column in columns[:2]]
    dual = float(columns[2].max()) if len(cosine) else 0.0
    mass = features[:, at("mass")]
    masses = [float(mass.max()), float(mass[features[:, at("cosine")].argmax()])] if len(mass) else [0.0, 0.0]
    return np.array(
        [
            best, gap, *tops, dual, np.log1p((cosine > best - _CLOSE).sum()) / 3, np.log1p(len(intensity)) / 5,
            float(-(share * np.log(share)).sum()) / 4, float(np.flatnonzero(measured > _SEEN).max(initial=0)) / 500,
            *masses,
        ]
    )  # fmt: skip


def cosine_of_pairs(
    measured: NDArray[np.float32], predicted: NDArray[np.float32], powers: Powers
) -> NDArray[np.float64]:
    """Return the weighted cosines of a spectrum (bins,) and predicted spectra (n, bins), (n,)."""
    weight = np.arange(len(measured), dtype=np.float32) ** powers.mass_power
    query, library = measured**powers.intensity_power * weight, predicted**powers.intensity_power * weight
    norms = np.linalg.norm(query) * np.linalg.norm(library, axis=1)
    cosines: NDArray[np.float64] = (library @ query / np.maximum(norms, 1e-12)).astype(np.float64)
    return cosines


def _scanned(measured: NDArray[np.float32], predicted: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the predicted spectra from the first measured peak on."""
    seen = np.flatnonzero(measured)
    first = int(seen[0]) if len(seen) else 0
    scanned = predicted.copy()
    scanned[:, :first] = 0
    return scanned


def _lead(values: NDArray[np.float64], compared: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the distance of each known value to the best of those that are compared, at most 0."""
    best = values[compared].max() if compared.any() else 0.0
    return np.where(known, np.minimum(values - best, 0.0), 0.0)
