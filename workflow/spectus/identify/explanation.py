"""Which subformulae of the first candidates explain the peaks of a spectrum."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from spectus.nominal_mass import to_nominal_mass
from spectus.prediction.base import PredictionModel
from spectus.prediction.rassp.explanation import explaining_subformulae
from spectus.prediction.rassp.model import RasspModel

_PEAKS = 25
"""Most intense peaks that are explained. Chosen: more labels hide the spectrum."""

_LEAST = 0.01
"""Lowest intensity of an explained peak, of the base peak. Chosen: lower ones are often noise."""


def explain_candidates(
    rows: Sequence[dict[str, Any]], peaks: tuple[Sequence[float], Sequence[float]], model: PredictionModel, number: int
) -> None:
    """Fill the columns `explained_mz` and `explained_formula` of the first candidates of a query.

    Parameters
    ----------
    rows
        Its rows of CANDIDATES, best first.
    peaks
        m/z and intensities of the query.
    model
        The prediction model; only RASSP explains peaks.
    number
        Candidates to explain.
    """
    if not isinstance(model, RasspModel):
        return
    mz, intensity = np.asarray(peaks[0], np.float64), np.asarray(peaks[1], np.float64)
    tall = np.argsort(-intensity, kind="stable")[:_PEAKS]
    tall = np.sort(tall[intensity[tall] >= _LEAST * intensity.max(initial=0.0)])
    masses = to_nominal_mass(mz[tall]).astype(int).tolist()
    for row in rows[:number]:
        if not row.get("smiles") or row.get("derivative"):
            continue
        named = explaining_subformulae(model, row["smiles"], masses)
        pairs = [(float(at), text) for at, text in zip(mz[tall], named, strict=True) if text is not None]
        row["explained_mz"], row["explained_formula"] = [at for at, _ in pairs], [text for _, text in pairs]
