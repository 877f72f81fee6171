"""Records of a library that are RI standards of a ladder."""

import re

import numpy as np
import pyarrow as pa

from spectus.types import Ints

_ACIDS = {
    "butyrate": 4, "valerate": 5, "caproate": 6, "hexanoate": 6, "enanthate": 7, "heptanoate": 7, "caprylate": 8,
    "octanoate": 8, "pelargonate": 9, "nonanoate": 9, "caprate": 10, "decanoate": 10, "undecanoate": 11, "laurate": 12,
    "dodecanoate": 12, "tridecanoate": 13, "myristate": 14, "tetradecanoate": 14, "pentadecanoate": 15,
    "palmitate": 16, "hexadecanoate": 16, "margarate": 17, "heptadecanoate": 17, "stearate": 18, "octadecanoate": 18,
    "nonadecanoate": 19, "arachidate": 20, "eicosanoate": 20, "icosanoate": 20, "heneicosanoate": 21, "behenate": 22,
    "docosanoate": 22, "tricosanoate": 23, "lignocerate": 24, "tetracosanoate": 24, "pentacosanoate": 25,
    "cerotate": 26, "hexacosanoate": 26, "heptacosanoate": 27, "montanate": 28, "octacosanoate": 28,
    "nonacosanoate": 29, "melissate": 30, "triacontanoate": 30,
}  # fmt: skip
"""Carbon atoms of the straight acids by trivial name, because ladder records often lack a structure."""

_FAME_SMILES = [
    re.compile(pattern)
    for pattern in (r"(C+)C\(=O\)OC", r"COC\(=O\)(C+)", r"(C+)C\(OC\)=O", r"O=C\((C+)\)OC", r"O=C\(OC\)(C+)")
]
"""SMILES of methyl esters of straight saturated acids, in the ways that libraries write them."""


def carbon_numbers(records: pa.Table, series: str) -> Ints:
    """Return the carbon number of the RI standard that each record is.

    Parameters
    ----------
    records
        Table of schema SPECTRA.
    series
        'alkane' (n-alkanes) or 'fame' (methyl esters of straight saturated acids, counted by the acid).

    Returns
    -------
    Ints
        (n,) carbon numbers; 0 for records that are no RI standard.
    """
    ri_standard = _alkane if series == "alkane" else _fame
    pairs = zip(records["smiles"].to_pylist(), records["name"].to_pylist(), strict=True)
    return np.array([ri_standard(smiles or "", name) for smiles, name in pairs], dtype=np.int64)


def _alkane(smiles: str, name: str) -> int:
    """Return the carbon number of an n-alkane, or 0."""
    return len(smiles) if re.fullmatch("C{5,}", smiles) else 0


def _fame(smiles: str, name: str) -> int:
    """Return the carbon number of the acid of a FAME, or 0."""
    for pattern in _FAME_SMILES:
        if match := pattern.fullmatch(smiles):
            return len(match.group(1)) + 1
    first, _, acid = name.lower().split("#")[0].strip().partition(" ")
    return _ACIDS.get(acid, 0) if first == "methyl" and not smiles else 0
