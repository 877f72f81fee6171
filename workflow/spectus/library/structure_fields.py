"""Structure of a record from SMILES, InChI and InChIKey, and what these fields contradict each other in."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcExactMolWt, CalcMolFormula

from spectus.library.fields import Identity
from spectus.structures import hill_formula, inchikey_of, inchikey_of_inchi, molecule_of_inchi

SMILES_BELOW_PEAKS = 5.0
"""Da. Isotope peaks lie up to M+4 with two chlorine or bromine atoms; a peak further above the molecular mass is of
another molecule. Chosen."""

_PROTONS = 2
"""Hydrogen atoms by which the formulas of an ion or salt former and of its neutral form may differ; chosen."""

_ELEMENT = re.compile(r"([A-Z][a-z]?)(\d*)")
_FORMULA = re.compile(r"(?:[A-Z][a-z]?\d*)+")
_CHARGE = re.compile(r"[-+]+\d*$")

_KNOWN = 2**17
"""Structures remembered between files, some 20 MB: training reads the same library several times."""


class RecordStructure(NamedTuple):
    """The structure of a record.

    Attributes
    ----------
    smiles, inchikey, formula : str or None
        Columns of SPECTRA.
    contradiction : str or None
        What the record's fields contradict each other in.
    unreadable : bool
        The record has a SMILES or InChI that is no molecule, and no other that is.
    """

    smiles: str | None
    inchikey: str | None
    formula: str | None
    contradiction: str | None = None
    unreadable: bool = False


class _Molecule(NamedTuple):
    """A molecule that RDKit could read: SMILES, first block of the InChIKey, Hill formula, monoisotopic mass in Da."""

    smiles: str
    inchikey14: str
    formula: str
    mass: float


def resolve_structure(record: Identity, heaviest: float) -> RecordStructure:
    """Bring the structure fields of a record together.

    A record with an InChI only gets a SMILES. Where SMILES, InChI and InChIKey are of different skeletons, the record
    keeps them and the contradiction is told; a SMILES that is lighter than the spectrum's peaks is then left out, with
    the formula that was made from it.

    Parameters
    ----------
    record
        Fields of the record.
    heaviest
        m/z, Th, of the heaviest peak of at least 1 % of the base peak; 0 without peaks.

    Returns
    -------
    RecordStructure
        The columns of SPECTRA, and what is wrong with the fields.
    """
    drawn, written = _of_smiles(record.smiles), _of_inchi(record.inchi)
    record = record._replace(formula=hill_formula(record.formula) if record.formula else None)
    inchikey = record.inchikey or _key_of_inchi(record.inchi)
    if drawn is None and written is None:
        unreadable = bool(record.smiles or record.inchi)
        return RecordStructure(record.smiles, inchikey, record.formula, unreadable=unreadable)
    contradiction = _contradiction(drawn, written, record.inchikey, record.formula)
    smiles, formula = record.smiles if drawn else written.smiles if written else None, record.formula
    molecule = drawn or written
    assert molecule is not None
    below = heaviest > molecule.mass + SMILES_BELOW_PEAKS
    if contradiction and drawn and below:
        contradiction = f"{contradiction}; its peaks lie above the mass of the SMILES, which is left out"
        replacement = written if written and heaviest <= written.mass + SMILES_BELOW_PEAKS else None
        smiles = replacement.smiles if replacement else None
        formula = None if formula == molecule.formula else formula
    return RecordStructure(smiles, inchikey, formula, contradiction)


def _contradiction(
    drawn: _Molecule | None, written: _Molecule | None, inchikey: str | None, formula: str | None
) -> str | None:
    """Name the fields whose skeletons differ, or whose formulas do."""
    if drawn and written and drawn.inchikey14 != written.inchikey14:
        return "SMILES contradicts InChI"
    for kind, molecule in (("SMILES", drawn), ("InChI", written)):
        if molecule and inchikey and molecule.inchikey14 and molecule.inchikey14 != inchikey[:14]:
            return f"{kind} contradicts InChIKey"
    molecule = drawn or written
    confirmed = (drawn and written) or inchikey  # then the formula is what is wrong
    if molecule and formula and not confirmed and not _formulas_agree(molecule.formula, formula):
        return f"{'SMILES' if drawn else 'InChI'} contradicts formula"
    return None


@lru_cache(maxsize=_KNOWN)
def _formulas_agree(of_structure: str, of_record: str) -> bool:
    """Tell whether a record's formula can go with a structure: the same, of an ion of it, or of a derivative of it.

    Libraries of derivatives give the structure of the free compound, and the formula of what was measured: with
    trimethylsilyl (C3H8Si more), tert-butyldimethylsilyl (C6H14Si), methoxime (CH3N), methyl (CH2) or acetyl (C2H2O)
    groups. A formula that cannot be read agrees.
    """
    ours, theirs = _atoms(of_structure), _atoms(of_record)
    if ours is None or theirs is None:
        return True
    more = Counter(theirs)
    more.subtract(ours)
    silicon, nitrogen = more["Si"], more["N"]
    if silicon < 0 or not 0 <= nitrogen <= ours.get("O", 0):  # each methoxime takes a carbonyl group
        return False
    for silyl in ({"C": 3, "H": 8}, {"C": 6, "H": 14}):
        rest = Counter(more)
        rest.subtract({"Si": silicon, "N": nitrogen})
        rest.subtract({atom: n * silicon for atom, n in silyl.items()})
        rest.subtract({"C": nitrogen, "H": 3 * nitrogen})
        acetyl = rest["O"]
        rest.subtract({"C": 2 * acetyl, "H": 2 * acetyl, "O": acetyl})
        methyl = rest["C"]
        rest.subtract({"C": methyl, "H": 2 * methyl})
        hydrogen = rest.pop("H", 0)
        fits = min(acetyl, methyl) >= 0 and acetyl + methyl <= 2 * sum(ours.get(atom, 0) for atom in "NOS")
        if fits and abs(hydrogen) <= _PROTONS and not any(rest.values()):
            return True
    return False


def _atoms(formula: str) -> dict[str, int] | None:
    """Count the atoms of a formula, deuterium as hydrogen; None if it cannot be read."""
    text = _CHARGE.sub("", re.sub(r"[\s_]", "", formula))
    if not _FORMULA.fullmatch(text):
        return None
    counted: Counter[str] = Counter()
    for element, number in _ELEMENT.findall(text):
        counted["H" if element in ("D", "T") else element] += int(number or 1)
    return counted


@lru_cache(maxsize=_KNOWN)
def _of_smiles(smiles: str | None) -> _Molecule | None:
    molecule = Chem.MolFromSmiles(smiles) if smiles else None
    return _described(molecule, smiles or "") if molecule is not None and molecule.GetNumAtoms() else None


@lru_cache(maxsize=_KNOWN)
def _of_inchi(inchi: str | None) -> _Molecule | None:
    molecule = molecule_of_inchi(inchi) if inchi else None
    return _described(molecule, Chem.MolToSmiles(molecule)) if molecule is not None else None


@lru_cache(maxsize=_KNOWN)
def _key_of_inchi(inchi: str | None) -> str | None:
    return (inchikey_of_inchi(inchi) or None) if inchi else None


def _described(molecule: Chem.Mol, smiles: str) -> _Molecule:
    key = inchikey_of(molecule)[:14]
    return _Molecule(smiles, key, CalcMolFormula(molecule), float(CalcExactMolWt(molecule)))


def count_below_peaks(smiles: Sequence[str | None], heaviest: Sequence[float]) -> int:
    """Count the records whose SMILES is lighter than the spectrum's peaks, as where a derivative was measured.

    Parameters
    ----------
    smiles
        Structures of the records.
    heaviest
        m/z, Th, of the heaviest peak of at least 1 % of the base peak of each record; 0 without peaks.
    """
    molecules = zip(map(_of_smiles, smiles), heaviest, strict=True)
    return sum(molecule is not None and mz > molecule.mass + SMILES_BELOW_PEAKS for molecule, mz in molecules)


def structure_notes(structures: Sequence[RecordStructure]) -> list[str]:
    """Count what is wrong with the structures of a file, one line for each kind.

    Parameters
    ----------
    structures
        Of all records of the file.
    """
    counted = (
        ("the structure fields contradict each other", sum(s.contradiction is not None for s in structures)),
        ("the structure cannot be read", sum(s.unreadable for s in structures)),
    )
    return [f"{what} in {n:,} of {len(structures):,} records" for what, n in counted if n]
