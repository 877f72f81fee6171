"""Sums of probabilities: of formulae and scaffolds, and the smallest sets that hold the right answer."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.Scaffolds import MurckoScaffold

_scaffold_of: Callable[[Chem.Mol], Chem.Mol] = MurckoScaffold.GetScaffoldForMol
"""Murcko scaffold of a molecule. (RDKit's function, with its types.)"""


def shared_probability(probability: NDArray[np.float64], group: Sequence[Hashable | None]) -> NDArray[np.float64]:
    """Return the summed probability of the candidates that share a candidate's group.

    Parameters
    ----------
    probability
        (n,) of the candidates.
    group
        (n,) what each has in common with others; None: nothing.

    Returns
    -------
    ndarray of float64, (n,)
        NaN for a candidate without a group.
    """
    sums: dict[Hashable, float] = {}
    for share, key in zip(probability.tolist(), group, strict=True):
        if key is not None:
            sums[key] = sums.get(key, 0.0) + share
    return np.array([np.nan if key is None else min(sums[key], 1.0) for key in group], np.float64)


def prediction_set(probability: NDArray[np.float64], none: float, level: float) -> tuple[NDArray[np.bool_], bool]:
    """Return the members of the smallest set whose probabilities add up to a level.

    "None of these" is a possible member.

    Parameters
    ----------
    probability
        (n,) of the candidates.
    none
        Of "none of these".
    level
        0-1.

    Returns
    -------
    members : ndarray of bool, (n,)
    with_none : bool
        "None of these" is a member.
    """
    every = np.append(probability, none)
    order = np.argsort(-every, kind="stable")
    before = np.cumsum(every[order]) - every[order]
    members = np.zeros(len(every), bool)
    members[order] = before < level
    return members[:-1], bool(members[-1])


def scaffold(smiles: str | None) -> str | None:
    """Return the Murcko scaffold (Bemis and Murcko 1996) as SMILES; "" for a molecule without rings.

    None stands for an unknown structure.
    """
    molecule = Chem.MolFromSmiles(smiles) if smiles else None
    return Chem.MolToSmiles(_scaffold_of(molecule)) if molecule is not None else None
