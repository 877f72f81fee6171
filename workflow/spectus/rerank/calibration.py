"""Calibrating what is derived from the probabilities of candidates: formulae, scaffolds, and prediction sets.

Where "none of these" is right, the formula or the scaffold of the best candidate often is right all the same. So the
probability of a formula is the sum over its candidates, plus a share of the probability of "none of these". This share
grows with how far the candidates agree, by a logistic curve.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcMolFormula
from scipy.optimize import brentq, minimize

from spectus.rerank.probabilities import prediction_set, scaffold, shared_probability

_LEVELS = (0.8, 0.9)
_LEAST, _MOST = 0.05, 0.999
"""Bounds of the sums that make a set."""

_RIDGE = 1e-3
"""Penalty on squared coefficients, in units of the mean log-likelihood. Chosen: it matters only for a few queries."""

_UNDECIDED = 0.05
"""Added to the probability that some candidate is right before candidates are compared. Chosen: where "none of these"
has more than 95 %, it says little whether the candidates agree."""

_EDGE = 1e-6
"""Probabilities are kept so far from 0 and 1 before a logarithm is taken."""


@dataclass(frozen=True)
class ProbabilityCalibration:
    """Numbers that calibrate sums of probabilities.

    Attributes
    ----------
    formula, scaffold : tuple of float
        Constant and slope of the logistic curve.
    set_80, set_90 : float
        Sum of probabilities at which a set of 80 and 90 % coverage is full.
    """

    formula: tuple[float, float] = (-20.0, 0.0)
    scaffold: tuple[float, float] = (-20.0, 0.0)
    set_80: float = 0.8
    set_90: float = 0.9

    def of_groups(
        self, probability: NDArray[np.float64], none: float, groups: Sequence[Hashable | None],
        compared: NDArray[np.bool_], curve: tuple[float, float],
    ) -> NDArray[np.float64]:  # fmt: skip
        """Return probabilities of what candidates have in common, such as their formulae.

        Only candidates that a list or a library names tell how far candidates agree. Edited structures are made alike.

        Parameters
        ----------
        probability
            (n,) of the candidates.
        none
            Of "none of these".
        groups
            (n,) formulae or scaffolds; None where one is not known.
        compared
            (n,) which candidates a list or a library names.
        curve
            `formula` or `scaffold`.

        Returns
        -------
        ndarray of float64, (n,)
            NaN where the group is not known.
        """
        of_list = np.where(compared, probability, 0.0)
        total = float(of_list.sum()) + none
        agreeing = shared_probability(of_list, groups) / max(total, _EDGE)
        share = with_share_of_none(agreeing, none / max(total, _EDGE), curve) - agreeing
        found: NDArray[np.float64] = np.minimum(shared_probability(probability, groups) + share * total, 1.0)
        return found


class Judged(NamedTuple):
    """Candidates of one query with their probabilities, by a ranker that did not learn from its laboratory.

    Attributes
    ----------
    probability : ndarray of float64, (n,)
    none : float
    right : ndarray of bool, (n,)
    smiles : list of str, (n,)
    truth : str
        SMILES of the right structure.
    weight : float
    """

    probability: NDArray[np.float64]
    none: float
    right: NDArray[np.bool_]
    smiles: list[str]
    truth: str
    weight: float


def with_share_of_none(
    shared: NDArray[np.float64], none: float | NDArray[np.float64], curve: tuple[float, float]
) -> NDArray[np.float64]:
    """Return summed probabilities plus a share of that of "none of these"; NaN stays NaN."""
    agreement = np.clip(shared / (1 - none + _UNDECIDED), _EDGE, 1 - _EDGE)
    logit = curve[0] + curve[1] * np.log(agreement / (1 - agreement))
    found: NDArray[np.float64] = np.minimum(shared + none / (1 + np.exp(-logit)), 1.0)
    return found


def fit_calibration(
    judged: Sequence[Judged], known: dict[str, tuple[str, str]] | None = None
) -> ProbabilityCalibration:
    """Fit the calibration on queries from laboratories that were left out.

    Parameters
    ----------
    judged
        The queries.
    known
        Formula and scaffold by SMILES, kept between calls; None: not kept.
    """
    known = {} if known is None else known
    none, weight = np.array([one.none for one in judged]), np.array([one.weight for one in judged])
    curves = []
    for kind in (0, 1):
        best = [best_group(one, kind, known) for one in judged]
        shared, right = np.array([share for share, _ in best]), np.array([found for _, found in best], float)
        curves.append(_fitted_curve(shared, none, right, weight))
    set_80, set_90 = (_full(judged, weight, level) for level in _LEVELS)
    return ProbabilityCalibration(curves[0], curves[1], set_80, set_90)


def best_group(one: Judged, kind: int, known: dict[str, tuple[str, str]]) -> tuple[float, bool]:
    """Return the summed probability of the best candidate's formula (0) or scaffold (1), and whether it is right."""
    best = int(np.argmax(one.probability))
    groups = [formula_and_scaffold(text, known)[kind] for text in one.smiles]
    shared = float(shared_probability(one.probability, groups)[best])
    return shared, groups[best] == formula_and_scaffold(one.truth, known)[kind]


def formula_and_scaffold(smiles: str, known: dict[str, tuple[str, str]]) -> tuple[str, str]:
    """Return the molecular formula and the Murcko scaffold; `known` keeps them by SMILES."""
    if smiles not in known:
        molecule = Chem.MolFromSmiles(smiles)
        known[smiles] = (CalcMolFormula(molecule), scaffold(smiles) or "") if molecule is not None else ("", "")
    return known[smiles]


def covered(one: Judged, level: float) -> tuple[bool, int]:
    """Return whether the set of a level holds the right answer, and its number of members."""
    members, with_none = prediction_set(one.probability, one.none, level)
    holds = bool(members[one.right].any()) if one.right.any() else with_none
    return holds, int(members.sum()) + with_none


def _full(judged: Sequence[Judged], weight: NDArray[np.float64], coverage: float) -> float:
    """Return the sum of probabilities at which sets reach a coverage."""

    def surplus(level: float) -> float:
        held = np.array([covered(one, level)[0] for one in judged], float)
        return float(np.average(held, weights=weight)) - coverage

    if surplus(_LEAST) >= 0:
        return _LEAST
    if surplus(_MOST) <= 0:
        return _MOST
    return float(brentq(surplus, _LEAST, _MOST, xtol=1e-3))


def _fitted_curve(
    shared: NDArray[np.float64], none: NDArray[np.float64], right: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, float]:
    """Return the curve under which the right answers are most likely."""
    scaled = weight / weight.sum()

    def loss(curve: NDArray[np.float64]) -> float:
        said = np.clip(with_share_of_none(shared, none, (curve[0], curve[1])), _EDGE, 1 - _EDGE)
        likely = right * np.log(said) + (1 - right) * np.log(1 - said)
        return float(-(likely @ scaled) + _RIDGE * float(curve @ curve))

    constant, slope = minimize(loss, np.array([-1.0, 0.5]), method="Nelder-Mead").x
    return float(constant), float(slope)
