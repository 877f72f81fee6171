"""Records of measured libraries without a structure, as commercial libraries export them.

Their InChIKey, CAS number or name may be that of a listed compound, whose structure they then get. For the others no
spectrum can be predicted, so the reranker cannot judge them. Their score in the library alone does.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.prediction.library import shipped_library

_NUMBERED = re.compile(r"#\d+$")
"""What `library.records.unique_names` adds to a name that comes again."""

_LEVEL, _SLOPE, _MOST = -5.25, -1.97, 0.9
"""Logit of the probability that a best hit of score s is right: level + slope * ln(1 - s), at most 0.9. Measured on
1,200 spectra of MassBank and seven other sources, each searched in the records of other laboratories, once with and
once without those of its compound; these weigh 35 and 65 %, as in the fit of the reranker. Shares that are right: 5 %
from .7 to .8, 27 % from .85 to .9, 56 % from .9 to .95, 78 % from .95 to .98, 87 % above."""


class _Known(NamedTuple):
    """Structures by InChIKey block, by CAS number and by name in lower case."""

    by_key: dict[str, str]
    by_cas: dict[str, str]
    by_name: dict[str, str]


def plain_name(name: str | None) -> str | None:
    """Return the name of a compound: that of its record without the number of a record of the same name."""
    return _NUMBERED.sub("", name) if name else name


def fill_structures(hits: Iterable[dict[str, Any]]) -> None:
    """Give hits without a structure that of the listed compound with their InChIKey, CAS number or name.

    A hit whose record contradicts itself stays as it is.

    Parameters
    ----------
    hits
        Rows of library hits, which are changed.
    """
    for hit in hits:
        if hit["smiles"] or hit["reason"] or hit["contradiction"] or hit["predicted"]:
            continue
        known = _listed()
        key, cas, name = hit["inchikey"], hit["cas"], plain_name(hit["name"])
        found = known.by_key.get(key[:14]) if key else None
        if key is None:  # a key of another compound than the name's is not overruled
            found = known.by_cas.get(cas or "") or (known.by_name.get((name or "").casefold()) if cas is None else None)
        if found is not None:
            hit["smiles"] = found


@cache
def _listed() -> _Known:
    """Read the compounds that ship, once."""
    try:
        rows = pq.read_table(shipped_library(), columns=["name", "smiles", "inchikey", "cas"]).to_pylist()
    except InputError:  # it does not ship with every installation
        return _Known({}, {}, {})
    rows = [row for row in rows if row["smiles"]]
    return _Known(
        {row["inchikey"][:14]: row["smiles"] for row in rows if row["inchikey"]},
        {row["cas"]: row["smiles"] for row in rows if row["cas"]},
        {row["name"].casefold(): row["smiles"] for row in rows},
    )


def with_unresolved(
    probability: NDArray[np.float64], none: float, score: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Give candidates without a structure their share of the probability that no other candidate is right.

    Parameters
    ----------
    probability
        (n,) of the candidates, as the reranker says.
    none
        That none of them is right.
    score
        (n,) in a measured library; NaN for candidates with a structure.

    Returns
    -------
    probability : ndarray of float64, (n,)
    none : float
        All add up to 1.
    """
    unresolved = np.isfinite(score)
    if not unresolved.any():
        return probability, none
    logit = _LEVEL + _SLOPE * np.log(np.maximum(1 - np.where(unresolved, score, 0.0), 1e-9))
    chance = np.where(unresolved, np.minimum(1 / (1 + np.exp(-logit)), _MOST), 0.0)
    odds = chance / (1 - chance)
    left = none + float(probability[unresolved].sum())
    rest = left / (1 + float(odds.sum()))
    return np.where(unresolved, rest * odds, probability), rest
