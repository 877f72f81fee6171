"""Structures as text: one canonical form without stereochemistry, and what follows from it."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1
from typing import NamedTuple

from rdkit import Chem, rdBase
from rdkit.Chem.rdMolDescriptors import CalcMolFormula


class Structure(NamedTuple):
    """A molecule: canonical SMILES without stereochemistry, full InChIKey of that, molecular formula (Hill)."""

    smiles: str
    inchikey: str
    formula: str


@contextmanager
def quiet_rdkit() -> Iterator[None]:
    """Keep RDKit's messages about unparsable SMILES off stderr: the caller counts them."""
    with rdBase.BlockLogs():
        yield


def flat_smiles(smiles: str | None) -> str | None:
    """Canonical SMILES without stereochemistry; None if it is no molecule."""
    molecule = Chem.MolFromSmiles(smiles) if smiles else None
    if molecule is None:
        return None
    Chem.RemoveStereochemistry(molecule)
    return Chem.MolToSmiles(molecule) or None


def structure(smiles: str | None) -> Structure | None:
    """The structure a SMILES stands for, stereochemistry left out: an EI spectrum does not show it."""
    flat = flat_smiles(smiles)
    if flat is None:
        return None
    molecule = Chem.MolFromSmiles(flat)
    if molecule is None:
        return None
    return Structure(flat, Chem.MolToInchiKey(molecule), CalcMolFormula(molecule))


def inchikey14(smiles: str) -> str:
    """First block of the InChIKey: the skeleton without stereochemistry."""
    return str(Chem.MolToInchiKey(Chem.MolFromSmiles(smiles)))[:14]


def hashed(text: str) -> float:
    """A number from 0 to below 1 that depends on the text only, so that compounds drawn by it are the same anywhere."""
    return int(sha1(text.encode(), usedforsecurity=False).hexdigest()[:8], 16) / 2**32
