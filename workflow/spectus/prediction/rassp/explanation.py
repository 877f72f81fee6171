"""Which subformula of a molecule explains which peak of a spectrum, by RASSP's FormulaNet."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from spectus.learning.measured_spectra import STANDARD_EV
from spectus.prediction.rassp.batch import side_by_side
from spectus.prediction.rassp.model import RasspModel
from spectus.prediction.rassp.network import softmax_of_groups
from spectus.prediction.rassp.preparation import prepare_all
from spectus.prediction.rassp.subformulae import HEAVY

_SYMBOL = {6: "C", 7: "N", 8: "O", 16: "S", 15: "P", 9: "F", 17: "Cl", 35: "Br", 53: "I", 14: "Si", 5: "B"}

_LEAST = 1e-4
"""Least share of the predicted ion current of an explanation. Chosen: what RASSP predicts fainter is hardly there."""


def explaining_subformulae(model: RasspModel, smiles: str, masses: Sequence[int]) -> list[str | None]:
    """Name the subformula that contributes most to each peak, as RASSP predicts the molecule's spectrum.

    Parameters
    ----------
    model
        The prediction model.
    smiles
        The molecule.
    masses
        Nominal masses of the peaks, Da.

    Returns
    -------
    list of str or None
        In Hill order, such as `C7H7`; with the isotope where a heavier one explains the peak, such as `C7H7 +1`; None
        where no subformula has the mass, or the molecule cannot be predicted.
    """
    (prepared,) = prepare_all([smiles], model.limits)
    if prepared.reason is not None:
        return [None] * len(masses)
    formula = prepared.formula
    with torch.inference_mode():
        batch = side_by_side([prepared], np.full(1, STANDARD_EV, np.float32))
        shares = [softmax_of_groups(each.scores(batch), batch.molecule, 1).numpy() for each in model.networks]
    abundance = np.mean(shares, axis=0)
    hydrogens = formula.hydrogens_of_each.astype(np.int64)
    first = formula.first_mass[formula.skeleton].astype(np.int64) + hydrogens
    named = list[str | None]()
    for mass in masses:
        offset = mass - first
        possible = np.flatnonzero((offset >= 0) & (offset < formula.patterns.shape[1]))
        share = abundance[possible] * formula.patterns[formula.skeleton[possible], offset[possible]]
        if not len(share) or share.max() < _LEAST:
            named.append(None)
            continue
        best = possible[int(share.argmax())]
        text = hill(formula.skeletons[formula.skeleton[best]].astype(np.int64), int(hydrogens[best]))
        named.append(f"{text} +{offset[best]}" if offset[best] else text)
    return named


def hill(heavy: NDArray[np.int64], hydrogens: int) -> str:
    """Write a formula in Hill order: carbon, hydrogen, then the other elements by symbol.

    Parameters
    ----------
    heavy
        (len(HEAVY),) heavy atoms by element.
    hydrogens
        Number of hydrogens.
    """
    counts = {_SYMBOL[number]: int(count) for number, count in zip(HEAVY, heavy, strict=True) if count}
    counts["H"] = hydrogens
    order = sorted(counts, key=lambda symbol: (symbol != "C", symbol != "H" or "C" not in counts, symbol))
    return "".join(f"{symbol}{counts[symbol] if counts[symbol] > 1 else ''}" for symbol in order if counts[symbol])
