"""Structures as text: one canonical form without stereochemistry, and what follows from it."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha1
from typing import NamedTuple

from rdkit import Chem, rdBase
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

inchikey_of: Callable[[Chem.Mol], str] = Chem.MolToInchiKey
"""Full InChIKey of a molecule; empty if InChI cannot write it. (RDKit's function, with its types.)"""

molecule_of_inchi: Callable[[str], Chem.Mol | None] = Chem.MolFromInchi
"""Molecule of an InChI; None if it is not valid."""

inchikey_of_inchi: Callable[[str], str] = Chem.InchiToInchiKey
"""Full InChIKey of an InChI; empty if it is not valid."""


class Structure(NamedTuple):
    """A molecule without stereochemistry.

    Attributes
    ----------
    smiles : str
        Canonical SMILES.
    inchikey : str
        Full InChIKey of that SMILES.
    formula : str
        Molecular formula in Hill order.
    """

    smiles: str
    inchikey: str
    formula: str


@contextmanager
def quiet_rdkit() -> Iterator[None]:
    """Keep RDKit's messages about unreadable SMILES off stderr: the caller counts them."""
    with rdBase.BlockLogs():
        yield


def flat_smiles(smiles: str | None) -> str | None:
    """Return the canonical SMILES without stereochemistry; None if the text is not a molecule."""
    molecule = Chem.MolFromSmiles(smiles) if smiles else None
    if molecule is None:
        return None
    Chem.RemoveStereochemistry(molecule)
    return Chem.MolToSmiles(molecule) or None


def structure(smiles: str | None) -> Structure | None:
    """Return the structure of a SMILES without stereochemistry, which an EI spectrum does not show.

    Returns
    -------
    Structure or None
        None if the text is not a molecule.
    """
    flat = flat_smiles(smiles)
    molecule = Chem.MolFromSmiles(flat) if flat is not None else None
    if flat is None or molecule is None:
        return None
    return Structure(flat, inchikey_of(molecule), CalcMolFormula(molecule))


def inchikey14(smiles: str) -> str:
    """Return the first block of the InChIKey, which stands for the skeleton without stereochemistry.

    Parameters
    ----------
    smiles
        A SMILES that RDKit reads, such as one from `flat_smiles`.
    """
    return inchikey_of(Chem.MolFromSmiles(smiles))[:14]


def hashed(text: str) -> float:
    """Return a number from 0 to below 1 that depends on the text only, so that draws by it are the same anywhere."""
    return int(sha1(text.encode(), usedforsecurity=False).hexdigest()[:8], 16) / 2**32


_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_ELEMENTS = re.compile(r"(?:[A-Z][a-z]?\d*)+")
_ELEMENT = re.compile(r"([A-Z][a-z]?)(\d*)")
_CHARGED = re.compile(r"\[(.+)\](?:\d*[-+]|[-+]\d*)?[.•]?|(.+?)(?:[-+]\d*)[.•]?")


def hill_formula(text: str) -> str:
    """Write a molecular formula in Hill order, without blanks, subscripts, brackets and charge.

    Parameters
    ----------
    text
        Such as `C7 H8`, `C₇H₈`, `[C7H8]+.` or `C11H18O3N2`.

    Returns
    -------
    str
        Such as `C7H8`; the text itself where it is no formula of one molecule.
    """
    plain = re.sub(r"[\s_]", "", text.translate(_SUBSCRIPTS))
    if charged := _CHARGED.fullmatch(plain):
        plain = charged[1] or charged[2]
    if not _ELEMENTS.fullmatch(plain):
        return text
    counted: Counter[str] = Counter()
    for element, number in _ELEMENT.findall(plain):
        counted[element] += int(number or 1)
    carbon_first = "C" in counted
    order = sorted(counted, key=lambda symbol: (carbon_first and symbol != "C", carbon_first and symbol != "H", symbol))
    numbers = ((symbol, counted[symbol]) for symbol in order)
    return "".join(f"{symbol}{number if number > 1 else ''}" for symbol, number in numbers if number)
