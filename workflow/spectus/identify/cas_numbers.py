"""CAS numbers of candidates: compounds with low numbers have been known for long and are met more often.

A record tells the CAS number of its compound. Lists of structures do not, nor do predicted libraries of derivatives.
For their compounds, and for those from which derivatives are made, the library of named compounds that ships tells it.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rdkit import Chem

from spectus.errors import InputError
from spectus.identify.merging import Candidate
from spectus.molecules.exclusions import underivatized
from spectus.prediction.library import shipped_library
from spectus.structures import inchikey_of, quiet_rdkit


def registered(candidates: Sequence[Candidate]) -> NDArray[np.float64]:
    """Return the decimal logarithms of the CAS numbers of candidates, (n,); NaN where none is known.

    Parameters
    ----------
    candidates
        (n,) candidates of a query. Of a derivative, the number of its parent counts. What is on no list has none, even
        where the library that ships knows it, so that an excluded compound stays unknown.

    Returns
    -------
    ndarray of float64, (n,)
        Of the part before the first hyphen, which rises with the date of the entry.
    """
    with quiet_rdkit():
        found = [
            0 if not one.on_list
            else _first_part(one.cas) or _looked_up(one.inchikey, one.smiles)
            for one in candidates
        ]  # fmt: skip
    return np.log10(np.array([part or np.nan for part in found], np.float64))


def _first_part(cas: str | None) -> int:
    """Return the number before the first hyphen; 0 for a text that is no CAS number."""
    first = (cas or "").split("-")[0].strip()
    return int(first) if first.isascii() and first.isdigit() else 0


def _looked_up(inchikey: str | None, smiles: str | None) -> int:
    """Return the number of a structure or of its parent by the library that ships; 0 if it has none."""
    known = _numbers()
    own = known.get((inchikey or "")[:14], 0)
    if own or smiles is None or not any(group in smiles for group in ("[Si]", "ON=", "NO")):
        return own
    return known.get(_parent_key(smiles), 0)


@lru_cache(maxsize=1 << 16)
def _parent_key(smiles: str) -> str:
    """Return the first block of the InChIKey of the compound from which a derivative is made."""
    molecule = Chem.MolFromSmiles(smiles)
    return inchikey_of(underivatized(molecule)[0])[:14] if molecule else ""


@lru_cache(maxsize=1)
def _numbers() -> dict[str, int]:
    """Read the numbers of the library that ships by first block of the InChIKey; the lowest of several."""
    try:
        table = pq.read_table(shipped_library(), columns=["inchikey", "cas"])
    except InputError:  # it does not ship with every installation
        return {}
    pairs = zip(table["inchikey"].to_pylist(), table["cas"].to_pylist(), strict=True)
    found = dict[str, int]()
    for key, part in ((inchikey[:14], _first_part(cas)) for inchikey, cas in pairs if inchikey and _first_part(cas)):
        found[key] = min(part, found.get(key, part))
    return found
