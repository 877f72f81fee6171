"""Which derivative of a record's structure a spectrum was measured of.

Libraries of metabolites give the structure of the free compound for spectra of its trimethylsilyl (TMS) and methoxime
(MeOx) derivatives (Kind et al. 2009, Anal. Chem. 81, 10038). What tells the derivative, in this order: the record's
name ("Glucose, 5TMS derivative"), its formula, and the masses. By the masses, every combination of groups that the
structure can take is a hypothesis. It has a prior probability by how readily its groups react, and a likelihood by the
ions at M and M-15 (a silyl group loses a methyl radical) and M-31 (a methoxime loses a methoxy radical), the silyl ions
m/z 73, 75 and 147, some larger losses, and ions above the molecule, which there must not be.

The constants were chosen on 438 spectra of MassBank and 348 of HMDB whose records name the derivative or its formula.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

from spectus.molecules.derivatives import Groups, derivative_with, reactive_groups
from spectus.molecules.suitability import nominal_mass
from spectus.nominal_mass import to_nominal_mass
from spectus.structures import quiet_rdkit, structure
from spectus.types import Singles

TMS_MASS = 72
"""Da by which a TMS group raises the nominal mass: Si(CH3)3 for H."""

MEOX_MASS = 29
"""Da by which a MeOx group raises the nominal mass: NOCH3 for O."""

ISOTOPES = 4
"""Da above the molecule in which isotope peaks may lie: of silicon, sulfur, or two chlorine or bromine atoms. Each
further chlorine or bromine atom adds 2."""

MAX_GROUPS = 12
"""TMS groups of one molecule. Chosen: more than the columns of gas chromatography elute."""

EXCLUDING_CURRENT = 0.05
"""Share of the ion current above the molecule, isotope peaks aside, that excludes it. Chosen: background and
overlapping compounds leave less in most spectra."""

_TALL = 0.01
"""Of the base peak: lower peaks above the molecule may be noise, and start no search for a derivative. Chosen, as in
`library.structure_fields`."""

# Prior: costs (natural logarithms of odds) of a group that did not react as usual. Chosen on the named spectra.
_READY_LEFT = 3.0
_AMINO_COST = (3.0, 0.7, 0.5)  # with 0, 1, 2 TMS groups
_RARE_COST = 3.0
_METHOXIME_COST, _CARBONYL_COST = 0.5, 0.9  # with MeOx, and free beside TMS groups: most protocols do both steps

# Likelihood. Chosen on the named spectra.
_FLOOR = 0.001  # of the base peak: noise at the place of a molecular ion
_NOISE = 0.005  # of the base peak: lower peaks above the molecule are not counted
_ABOVE = 0.003  # of the base peak: noise above the molecule
_ABOVE_WEIGHT = 4.0
_LARGER_LOSSES = (103, 105, 117)  # Da: CH2OTMS of sugars, CH3 and HOTMS of alcohols, COOTMS of acids
_WEAK = 0.02  # weight of these ions: other fragments may have their masses too
_NO_SILYL_IONS = 3.0  # cost of a TMS derivative without m/z 73 and 75
_NO_DISILYL_ION = 1.0  # cost of one with two groups and without m/z 147
_LEAST_SILYL, _LEAST_DISILYL = 0.02, 0.005  # of the base peak

_NUMBERS = {
    "mono": 1, "bis": 2, "di": 2, "tris": 3, "tri": 3, "tetrakis": 4, "tetra": 4, "pentakis": 5, "penta": 5,
    "hexakis": 6, "hexa": 6, "heptakis": 7, "octakis": 8,
}  # fmt: skip
_NUMBER = (
    r"(?<![\w.])(?P<n>\d{1,2}) ?(?:x ?)?|(?<![\w.\-])(?P<hyphened>\d{1,2})-"  # "estradiol-3-TMS" tells a position
    rf"|(?<![a-z])(?P<word>{'|'.join(_NUMBERS)})[-( ]*(?:O-)?\(?|(?P<any>\b[nx] )"
)
_GROUP = {
    group: re.compile(rf"(?:{_NUMBER}|{before})(?:{words})", re.IGNORECASE)
    for group, before, words in (
        ("MeOx", "(?<![a-z])", r"(?:meox|mox|methoxyamine|(?:o-)?methyl ?oxime|methoxime)s?(?![a-z])"),
        ("TBDMS", "(?<![a-z])", r"(?:t-?bdms)(?![a-z])|(?:tert|t)-?\.?butyl ?dimethyl ?silyl"),
        ("TMS", "", r"(?<![a-su-z])tms(?![a-z])|trimethyl ?silyl"),
    )
}
"""What a name calls the groups, with their number before them."""


_OTHER_GROUPS = re.compile(r"(?<![a-z])(?:tfa|hfb|pfb|pfp)|acetyl|trifluoro|pentafluoro|heptafluoro", re.IGNORECASE)
"""Groups that a field for the derivative may name, and that are not made here."""

_METHOXIME = Chem.MolFromSmarts("[CX3]=[NX2]-[OX2]-[CH3]")
_ELEMENT = re.compile(r"([A-Z][a-z]?)(\d*)")


class SpectrumRecord(NamedTuple):
    """What a record says, as `derivative_of` takes it.

    Attributes
    ----------
    smiles : str or None
        The structure that the record gives.
    mz, intensity : ndarray, (n_peaks,)
        Th; intensities in any unit.
    name, formula, derivative : str or None
        As the record says.
    """

    smiles: str | None
    mz: NDArray[np.floating]
    intensity: NDArray[np.floating]
    name: str | None = None
    formula: str | None = None
    derivative: str | None = None


class MeasuredForm(NamedTuple):
    """What a spectrum was measured of.

    Attributes
    ----------
    derivative : str or None
        The derivative of the record's structure, such as "3 TMS" or "1 MeOx, 4 TMS"; None for the structure itself.
    smiles : str or None
        The molecule measured, canonical SMILES; None where it cannot be made, and where it is the structure itself.
    excluded : str or None
        Why the spectrum is neither of the structure nor of a derivative of it; None if it may be.
    """

    derivative: str | None = None
    smiles: str | None = None
    excluded: str | None = None


AS_GIVEN = MeasuredForm()


@dataclass
class _Parent:
    """A structure before derivatization: neutral molecule, nominal mass (Da), Da of its isotope peaks, groups."""

    molecule: Chem.Mol
    mass: int
    isotopes: int

    @cached_property
    def groups(self) -> Groups:
        """Most records do not need them."""
        return reactive_groups(self.molecule)


class _Hypothesis(NamedTuple):
    """Numbers of groups, nominal mass (Da), and the logarithm of an unscaled probability."""

    n_meox: int
    n_tms: int
    mass: int
    score: float


def derivative_of(record: SpectrumRecord) -> MeasuredForm:
    """Tell which derivative of its structure a record's spectrum is of, and whether the spectrum excludes both.

    Parameters
    ----------
    record
        The record. Without a readable structure only its name can tell.

    Returns
    -------
    MeasuredForm
        All None if the spectrum may be of the structure as given. A structure that is a derivative itself is taken
        as given.
    """
    if record.derivative and _OTHER_GROUPS.search(record.derivative):
        return MeasuredForm(record.derivative)
    parent = _parent(record.smiles)
    if record.smiles and parent is None:
        return AS_GIVEN
    named = _named(record.derivative) or _named(record.name) or _by_formula(record.smiles, record.formula)
    if parent is None:
        return MeasuredForm(_label(named.groups) if named else None)
    if named is None or _has_groups(parent.molecule):
        return _by_masses(record, parent)
    by_masses = AS_GIVEN if named.is_counted else _by_masses(record, parent)
    if set(named.groups) & set((by_masses.derivative or "").replace(",", "").split()):
        return by_masses
    groups = named.groups
    made = None if "TBDMS" in groups else _made(record.smiles, groups.get("MeOx", 0), groups.get("TMS", 0))
    return MeasuredForm(_label(groups), made)


def _by_masses(record: SpectrumRecord, parent: _Parent) -> MeasuredForm:
    """Tell the derivative by the masses of the ions alone."""
    if not len(record.mz) or record.mz.max() < parent.mass + parent.isotopes:  # most records, and quickly told
        return AS_GIVEN
    spectrum = _spectrum(record)
    if not (spectrum[parent.mass + parent.isotopes + 1 :] >= _TALL).any():
        return AS_GIVEN
    best = max(_hypotheses(parent, spectrum), key=lambda hypothesis: hypothesis.score)
    if _excluded(spectrum, best.mass, parent.isotopes):
        return MeasuredForm(excluded=_excluded(spectrum, parent.mass, parent.isotopes))
    if not best.n_meox + best.n_tms:
        return AS_GIVEN
    label = _label({"MeOx": best.n_meox, "TMS": best.n_tms})
    return MeasuredForm(label, _made(record.smiles, best.n_meox, best.n_tms))


def with_measured_forms(spectra: pa.Table) -> pa.Table:
    """Fill the columns `derivative`, `smiles_measured` and `excluded` of a table by `derivative_of`.

    A text in `derivative` is what a field of the record says. Rows that have one of the other two columns stay.

    Parameters
    ----------
    spectra
        Table with the columns of `tables.SPECTRA`.
    """
    columns = ["name", "smiles", "formula", "derivative", "smiles_measured", "excluded"]
    forms = []
    with quiet_rdkit():
        for row, peaks in zip(spectra.select(columns).to_pylist(), peak_arrays(spectra), strict=True):
            said, measured, excluded = row["derivative"], row["smiles_measured"], row["excluded"]
            if measured or excluded or not len(peaks[0]):
                forms.append(MeasuredForm(said, measured, excluded))
                continue
            form = derivative_of(SpectrumRecord(row["smiles"], *peaks, row["name"], row["formula"], said))
            forms.append(form if form.derivative or form.excluded else form._replace(derivative=said))
    for place, name in enumerate(MeasuredForm._fields):
        column = pa.array([form[place] for form in forms], pa.string())
        spectra = spectra.set_column(spectra.column_names.index(_COLUMNS[name]), _COLUMNS[name], column)
    return spectra


def with_molecules_measured(spectra: pa.Table) -> pa.Table:
    """Give every record the molecule that was measured as its structure, for a training library.

    The structure of a derivative replaces that of its free compound. A record whose spectrum excludes its structure, or
    whose derivative is not known, keeps its row without peaks and with the reason.

    Parameters
    ----------
    spectra
        Table with the columns of `tables.SPECTRA`.
    """
    spectra = with_measured_forms(spectra)
    changed = ("smiles", "inchikey", "formula", "derivative", "smiles_measured", "reason", "mz", "intensity")
    rows = spectra.select([*changed, "excluded"]).to_pylist()
    with quiet_rdkit():
        for row in rows:
            why = row["excluded"] or _unknown_derivative(row["smiles"], row["derivative"], row["smiles_measured"])
            if row["reason"] is None and why:
                row.update(reason=why, mz=[], intensity=[])
            elif (measured := structure(row["smiles_measured"])) is not None:
                row.update(measured._asdict(), smiles_measured=None, derivative=None)
    for name in changed:
        field = spectra.schema.field(name)
        column = pa.array([row[name] for row in rows], field.type)
        spectra = spectra.set_column(spectra.column_names.index(name), field, column)
    return spectra


def _unknown_derivative(smiles: str | None, derivative: str | None, measured: str | None) -> str | None:
    """Tell why the molecule that was measured is not known; None if it is, or if there is no structure at all."""
    if not smiles or not derivative or measured:
        return None
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is not None and _has_groups(molecule):  # the record gives the structure of the derivative
        return None
    return f"the structure of its derivative is not known: {derivative}"


_COLUMNS = {"derivative": "derivative", "smiles": "smiles_measured", "excluded": "excluded"}
"""Columns of the attributes of `MeasuredForm`."""


def peak_arrays(spectra: pa.Table) -> list[tuple[Singles, Singles]]:
    """Return m/z and intensities of each row of a table with these two columns; no peaks where they are null."""
    lengths = pc.fill_null(pc.list_value_length(spectra["mz"]), 0).to_numpy()
    ends = np.cumsum(lengths)[:-1]
    mz, intensity = (pc.list_flatten(spectra[name]).to_numpy() for name in ("mz", "intensity"))
    return list(zip(np.split(mz, ends), np.split(intensity, ends), strict=True)) if len(lengths) else []


def excluded_by_ions(
    smiles: str, mz: Sequence[float] | NDArray[np.floating], intensity: Sequence[float] | NDArray[np.floating]
) -> str | None:
    """Tell why a spectrum is not of a molecule: too much of its ion current lies above the molecule's mass.

    Parameters
    ----------
    smiles
        The molecule.
    mz, intensity
        The spectrum, (n_peaks,): Th; any unit.

    Returns
    -------
    str or None
        None if the spectrum may be of the molecule, or the SMILES cannot be read.
    """
    parent = _parent(smiles)
    if parent is None or not len(mz) or np.max(mz) < parent.mass + parent.isotopes:
        return None
    spectrum = _spectrum(SpectrumRecord(None, np.asarray(mz), np.asarray(intensity)))
    return _excluded(spectrum, parent.mass, parent.isotopes)


@lru_cache(maxsize=2**14)
def _parent(smiles: str | None) -> _Parent | None:
    """Read a structure and count its groups; None for text that is no molecule or has elements no model knows."""
    molecule = Chem.MolFromSmiles(smiles) if smiles else None
    if molecule is None:
        return None
    Chem.RemoveStereochemistry(molecule)
    atoms = [molecule.GetAtomWithIdx(at) for at in range(molecule.GetNumAtoms())]  # faster than GetAtoms
    n_halogens = sum(atom.GetAtomicNum() in (17, 35) for atom in atoms)
    if any(atom.GetFormalCharge() for atom in atoms):
        molecule = rdMolStandardize.Uncharger().uncharge(molecule)
    mass = nominal_mass(molecule)
    isotopes = max(ISOTOPES, 2 * n_halogens + 1)
    return _Parent(molecule, mass, isotopes) if mass else None


@lru_cache(maxsize=2**14)
def _made(smiles: str | None, n_meox: int, n_tms: int) -> str | None:
    parent = _parent(smiles)
    return derivative_with(parent.molecule, n_meox, n_tms) if parent else None


def _has_groups(molecule: Chem.Mol) -> bool:
    """Tell whether a structure is a derivative itself: it has silicon or a methoxime."""
    return any(atom.GetAtomicNum() == 14 for atom in molecule.GetAtoms()) or molecule.HasSubstructMatch(_METHOXIME)


class _Named(NamedTuple):
    """Groups that a text tells, with their numbers, and whether it gives all of these numbers."""

    groups: dict[str, int]
    is_counted: bool


@lru_cache(maxsize=2**14)
def _named(text: str | None) -> _Named | None:
    """Return the groups that a name tells; None if it tells none. "TMS" alone is one group or any number."""
    found, is_counted = {}, True
    rest = text or ""
    for group, pattern in _GROUP.items():
        numbers = [
            int(match["n"] or match["hyphened"] or _NUMBERS.get((match["word"] or "").lower(), 0))
            if match["n"] or match["hyphened"] or match["word"] else None
            for match in pattern.finditer(rest)
        ]  # fmt: skip
        n = sum(1 if number is None else number for number in numbers)
        if n:
            found[group] = n
            is_counted &= group == "MeOx" or None not in numbers
        rest = pattern.sub(" ", rest)
    return _Named(found, is_counted) if found else None


@lru_cache(maxsize=2**14)
def _by_formula(smiles: str | None, formula: str | None) -> _Named | None:
    """Return the groups by which a record's formula exceeds its structure; None if it does not, or otherwise."""
    parent = _parent(smiles)
    if parent is None or not formula:
        return None
    theirs, ours = _atoms(formula), _atoms(CalcMolFormula(parent.molecule))
    more = {element: theirs.get(element, 0) - ours.get(element, 0) for element in theirs | ours}
    n_tms, n_meox = more.pop("Si", 0), more.pop("N", 0)
    expected = {"C": 3 * n_tms + n_meox, "H": 8 * n_tms + 3 * n_meox}
    same = all(n == expected.get(element, 0) for element, n in more.items())
    if not same or min(n_tms, n_meox) < 0 or not n_tms + n_meox or n_meox > parent.groups.carbonyls:
        return None
    return _Named({group: n for group, n in (("MeOx", n_meox), ("TMS", n_tms)) if n}, True)


def _atoms(formula: str) -> dict[str, int]:
    return {element: int(n or 1) for element, n in _ELEMENT.findall(formula)}


def _label(groups: dict[str, int]) -> str:
    return ", ".join(f"{n} {group}" for group, n in groups.items() if n)


def _spectrum(record: SpectrumRecord) -> NDArray[np.float64]:
    """Return the intensity of every nominal mass, base peak 1.0, with room for the heaviest hypothesis."""
    masses = to_nominal_mass(record.mz).astype(np.int64)
    spectrum = np.bincount(masses, record.intensity, max(int(masses.max(initial=0)), _HEAVIEST) + _ROOM)
    scaled: NDArray[np.float64] = spectrum / max(float(spectrum.max()), 1e-30)
    return scaled


_ROOM = 64
"""Da behind the heaviest hypothesis; chosen: more than the isotope peaks of 30 halogen atoms."""

_HEAVIEST = 1000 + MAX_GROUPS * (TMS_MASS + MEOX_MASS)
"""Da: `suitability.MAX_MASS` and the groups of the heaviest hypothesis."""


def _excluded(spectrum: NDArray[np.float64], mass: int, isotopes: int = ISOTOPES) -> str | None:
    tall = np.where(spectrum >= _NOISE, spectrum, 0.0)
    above = tall[mass + isotopes + 1 :]
    share = above.sum() / tall.sum() if tall.any() else 0.0
    if share <= EXCLUDING_CURRENT:
        return None
    heaviest = mass + isotopes + 1 + int(np.flatnonzero(above)[-1])
    return f"{share:.0%} of the ion current, up to m/z {heaviest}, lies above the molecule (mass {mass})"


def _hypotheses(parent: _Parent, spectrum: NDArray[np.float64]) -> list[_Hypothesis]:
    """Score all combinations of MeOx and TMS groups that the molecule can take."""
    groups = parent.groups
    most = min(groups.ready + 2 * groups.amino + groups.reluctant + groups.rare, MAX_GROUPS)
    above = np.cumsum(np.where(spectrum >= _NOISE, spectrum, 0.0)[::-1])[::-1]
    found = []
    for n_meox in range(min(groups.carbonyls, MAX_GROUPS) + 1):
        for n_tms in range(most + 1):
            mass = parent.mass + MEOX_MASS * n_meox + TMS_MASS * n_tms
            score = _prior(groups, n_meox, n_tms) - _ABOVE_WEIGHT * math.log1p(
                above[mass + parent.isotopes + 1] / _ABOVE
            )
            found.append(_Hypothesis(n_meox, n_tms, mass, score + _support(spectrum, mass, n_meox, n_tms)))
    return found


@lru_cache(maxsize=2**14)
def _prior(groups: Groups, n_meox: int, n_tms: int) -> float:
    """Return the logarithm of the unscaled prior probability; TMS goes to the readiest groups first."""
    left, taken = n_tms, []
    for n_places in (groups.ready, groups.amino, groups.reluctant, groups.amino, groups.rare):
        taken.append(min(left, n_places))
        left -= taken[-1]
    ready, once, _, twice, rare = taken
    cost = _METHOXIME_COST * n_meox + _RARE_COST * rare
    if n_tms:
        cost += _CARBONYL_COST * (groups.carbonyls - n_meox)
        free = groups.amino - once
        cost += _READY_LEFT * (groups.ready - ready) + float(np.dot((free, once - twice, twice), _AMINO_COST))
    return -cost  # reluctant groups are as likely with TMS as without


def _support(spectrum: NDArray[np.float64], mass: int, n_meox: int, n_tms: int) -> float:
    """Return the logarithm of the likelihood ratio of the ions that the derivative should show."""
    losses = (0, 15, 31) if n_meox else (0, 15)
    found = sum(float(spectrum[mass - loss]) for loss in losses if mass > loss)
    if n_tms:
        found += _WEAK * sum(float(spectrum[mass - loss]) for loss in _LARGER_LOSSES if mass > loss)
    score = math.log1p(found / _FLOOR)
    if n_tms and spectrum[73] + spectrum[75] < _LEAST_SILYL:
        score -= _NO_SILYL_IONS
    if n_tms > 1 and spectrum[147] < _LEAST_DISILYL:
        score -= _NO_DISILYL_ION
    return score
