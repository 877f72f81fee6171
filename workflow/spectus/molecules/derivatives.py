"""Virtual derivatives: the structures that a laboratory makes of a molecule before gas chromatography.

Polar groups are silylated (an active hydrogen becomes a trimethylsilyl group, TMS); before that, carbonyl groups are
methoximated (C=O becomes C=N-OCH3, MeOx), which opens cyclic hemiacetals and stops enolization. Order and scope follow
the two-step protocol of metabolomics (methoxyamine in pyridine, then MSTFA; Fiehn et al. 2000, Anal. Chem. 72, 3573;
Kind et al. 2009, Anal. Chem. 81, 10038). Which groups react, and how readily, follows Knapp, Handbook of Analytical
Derivatization Reactions (Wiley 1979): alcohols, phenols, acids, then thiols, amines, and last amides.

Rare products are not made: TMS on secondary amides and guanidines, enol forms of ketones that were not methoximated,
decarboxylated or dehydrated products.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rdkit import Chem

from spectus.errors import InputError
from spectus.molecules.suitability import survey
from spectus.structures import flat_smiles, quiet_rdkit

KINDS = ("meox", "tms")
MAX_TMS = 8
"""TMS groups of one molecule. Chosen: with more, silyl ions dominate the spectrum, and few columns elute it."""

# What reacts fully. An OH on carbon, phosphorus, sulfur, nitrogen, boron or silicon; never that of a peroxide.
_READY = tuple(map(Chem.MolFromSmarts, ("[OX2H1;$(O[#6,#7,#15,#16,#5,#14])]", "[SX2H1;$(S[#6])]")))
# Takes two groups, the second slowly: an amino group on an sp3 carbon.
_AMINO = Chem.MolFromSmarts("[NX3H2;$(N[CX4])]")
# Takes one group, and is also seen without: other amino groups, secondary amines, primary amides and sulfonamides,
# imides (barbiturates, hydantoins).
_RELUCTANT = tuple(
    map(
        Chem.MolFromSmarts,
        (
            "[NX3H2;$(N[c,$([CX3]=[CX3])])]",
            "[NX3H1;$(N([CX4,c])[CX4,c])]",
            "[NX3H2;$(N[$([CX3]=[OX1]),$([SX4](=[OX1])=[OX1])])]",
            "[NX3H1;$(N([CX3]=[OX1])[$([CX3]=[OX1]),$([SX4](=[OX1])=[OX1])])]",
        ),
    )
)
_AZOLE = Chem.MolFromSmarts("[nX3H1]")  # one group on N, or on the O of a carbonyl beside it (the lactim form)
_RING_CARBONYL = Chem.MolFromSmarts("[nX3H1][cX3]=[OX1]")
# Aldehydes and ketones: no acid, ester or amide, and no ring that is aromatic with its carbonyl (pyrones, pyridones).
_CARBONYL = Chem.MolFromSmarts("[$([CX3H2]),$([CX3H1][#6]),$([CX3]([#6])[#6])]=[OX1]")
_RARE = Chem.MolFromSmarts("[$([NX3;H1,H2]),$([NX2H1]=[#6])]")  # any other hydrogen on nitrogen
_HEMIACETAL = Chem.MolFromSmarts("[OX2H1][CX4;R;$([CH1][#6]),$([CH0]([#6])[#6])]@[OX2;$(O([CX4])[CX4])]")


class Derivative(NamedTuple):
    """A derivative.

    Attributes
    ----------
    smiles : str
        Canonical SMILES without stereochemistry.
    suffix : str
        What to add to the compound's name, such as "MeOx 3 TMS".
    mass : int
        Nominal mass, Da.
    """

    smiles: str
    suffix: str
    mass: int


class _Sites(NamedTuple):
    """Atoms that take a TMS group; `lactim` (N, C, O): the hydrogen of N goes, the group is put on O."""

    ready: list[int]
    lactim: list[tuple[int, int, int]]
    amino: list[int]
    reluctant: list[int]


def derivatives(
    smiles: str, kinds: Sequence[str] = KINDS, *, partial: bool = False, max_mass: int = 500, max_tms: int = MAX_TMS
) -> list[Derivative]:
    """Make the derivatives of one molecule, the fullest first.

    All carbonyl groups become methoximes and all reactive groups are silylated, an amino group on a saturated carbon
    twice: glycine gives "3 TMS", glucose "MeOx 5 TMS". The same input gives the same list.

    Parameters
    ----------
    smiles
        The molecule before derivatization; stereochemistry plays no part.
    kinds
        Of `KINDS`. With "meox" alone nothing is silylated; with "tms" alone carbonyl groups and rings stay.
    partial
        Also make the forms that are commonly seen beside the full one: amino groups with one TMS (glycine, 2 TMS), and
        amines, amides and the NH of rings left free (glycine, TMS).
    max_mass
        Nominal mass, Da, from which on a derivative is left out.
    max_tms
        A derivative with more TMS groups is left out.

    Returns
    -------
    list of Derivative
        Empty if the molecule has no group that reacts, or cannot be predicted.

    Raises
    ------
    InputError
        A kind that is none of `KINDS`.
    """
    check_kinds(kinds)
    with quiet_rdkit():
        flat = flat_smiles(smiles)
        molecule = Chem.MolFromSmiles(flat) if flat else None
        if molecule is None or survey(molecule)[0]:
            return []
        n_meox = 0
        if "meox" in kinds:
            molecule, n_meox = _methoximated(molecule)
        found: dict[str, Derivative] = {}
        for made, n_tms in _silylated(molecule, partial) if "tms" in kinds else [(molecule, 0)]:
            if not n_tms + n_meox or n_tms > max_tms:
                continue
            text = Chem.MolToSmiles(made)
            reason, mass, _ = survey(made)
            if reason is None and mass < max_mass:
                found.setdefault(text, Derivative(text, _suffix(n_meox, n_tms), mass))
    return list(found.values())


class Groups(NamedTuple):
    """How many groups of a molecule react, by readiness.

    Attributes
    ----------
    carbonyls : int
        Aldehydes and ketones, those in cyclic hemiacetals included: each takes a MeOx group.
    ready : int
        Hydrogen atoms that TMS replaces fully: of hydroxyl and thiol groups, and of the NH of lactams.
    amino : int
        Amino groups on saturated carbons; each takes one TMS group readily and a second one slowly.
    reluctant : int
        Hydrogen atoms that are also seen without TMS: of other amines, primary amides, imides and azoles.
    rare : int
        Further hydrogen atoms on nitrogen, of secondary amides, ureas and guanidines for example, which TMS rarely
        replaces.
    """

    carbonyls: int
    ready: int
    amino: int
    reluctant: int
    rare: int


def reactive_groups(molecule: Chem.Mol) -> Groups:
    """Count the groups of a molecule that take MeOx and TMS groups."""
    sites = _sites(molecule)
    n_sites = len(sites.ready) + len(sites.lactim), len(sites.amino), len(sites.reluctant)
    return Groups(len(_opened(molecule).GetSubstructMatches(_CARBONYL)), *n_sites, len(_rare_sites(molecule, sites)))


def derivative_with(molecule: Chem.Mol, n_meox: int, n_tms: int) -> str | None:
    """Make the derivative with given numbers of groups; those that react most readily come first.

    Parameters
    ----------
    molecule
        The molecule before derivatization.
    n_meox, n_tms
        Numbers of methoxime and trimethylsilyl groups.

    Returns
    -------
    str or None
        Canonical SMILES; None if the molecule does not have that many groups.
    """
    made = molecule
    if n_meox:
        made, n_made = _methoximated(molecule, n_meox)
        if n_made != n_meox:
            return None
    sites = _sites(made)
    lactims = [oxygen for _, _, oxygen in sites.lactim]
    places = [*sites.ready, *lactims, *sites.amino, *sites.reluctant, *sites.amino, *_rare_sites(made, sites)]
    if len(places) < n_tms:
        return None
    silylated = _with_tms(made, sites.lactim, places[:n_tms]) if n_tms else made
    return None if silylated is None else Chem.MolToSmiles(silylated)


def _rare_sites(molecule: Chem.Mol, sites: _Sites) -> list[int]:
    """Return a nitrogen atom for each of its hydrogen atoms that no other group of sites has."""
    used = Counter([*sites.amino, *sites.amino, *sites.reluctant, *(nitrogen for nitrogen, _, _ in sites.lactim)])
    found = (molecule.GetAtomWithIdx(match[0]) for match in molecule.GetSubstructMatches(_RARE))
    return [atom.GetIdx() for atom in found for _ in range(atom.GetTotalNumHs() - used[atom.GetIdx()])]


def check_kinds(kinds: Sequence[str]) -> None:
    """Raise an `InputError` for a kind that is none of `KINDS`."""
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(f"derivatives {kind}", "no such kind", f"take of {', '.join(KINDS)}")


def _suffix(n_meox: int, n_tms: int) -> str:
    counted = [(n_meox, "MeOx"), (n_tms, "TMS")]
    return " ".join(name if n == 1 else f"{n} {name}" for n, name in counted if n)


def _methoximated(molecule: Chem.Mol, most: int | None = None) -> tuple[Chem.Mol, int]:
    """Open hemiacetals, make aldehydes and ketones (the first `most`; None: all) methoximes, and count these."""
    opened = _opened(molecule)
    carbonyls = opened.GetSubstructMatches(_CARBONYL)[:most]
    edited = Chem.RWMol(opened)
    for _, oxygen in carbonyls:
        edited.GetAtomWithIdx(oxygen).SetAtomicNum(7)
        methoxy = edited.AddAtom(Chem.Atom(8))
        edited.AddBond(oxygen, methoxy, Chem.BondType.SINGLE)
        edited.AddBond(methoxy, edited.AddAtom(Chem.Atom(6)), Chem.BondType.SINGLE)
    made = _sanitized(edited)
    return (molecule, 0) if made is None or not carbonyls else (made, len(carbonyls))


def _opened(molecule: Chem.Mol) -> Chem.Mol:
    """Open cyclic hemiacetals to hydroxy aldehydes or ketones; each ring oxygen opens once."""
    edited, used = Chem.RWMol(molecule), set[int]()
    for oxygen, carbon, ring_oxygen in molecule.GetSubstructMatches(_HEMIACETAL):
        if not used & {oxygen, carbon, ring_oxygen}:
            used |= {oxygen, carbon, ring_oxygen}
            edited.RemoveBond(carbon, ring_oxygen)
            edited.GetBondBetweenAtoms(carbon, oxygen).SetBondType(Chem.BondType.DOUBLE)
    return _sanitized(edited) or molecule


def _silylated(molecule: Chem.Mol, partial: bool) -> Iterator[tuple[Chem.Mol, int]]:
    """Yield the silylated forms, fullest first, with their number of TMS groups; the molecule if nothing reacts."""
    sites = _sites(molecule)
    easy = [*sites.ready, *(oxygen for _, _, oxygen in sites.lactim)]
    forms = [[*easy, *sites.amino, *sites.amino, *sites.reluctant]]
    if partial:
        forms += [[*easy, *sites.amino, *sites.reluctant], easy]
    for places in forms:
        made = _with_tms(molecule, sites.lactim, places)
        if made is not None:
            yield made, len(places)


def _sites(molecule: Chem.Mol) -> _Sites:
    ready = [match[0] for pattern in _READY for match in molecule.GetSubstructMatches(pattern)]
    reluctant = [match[0] for pattern in _RELUCTANT for match in molecule.GetSubstructMatches(pattern)]
    amino = [match[0] for match in molecule.GetSubstructMatches(_AMINO)]
    lactim = _lactims(molecule)
    taken = {nitrogen for nitrogen, _, _ in lactim}
    azoles = [match[0] for match in molecule.GetSubstructMatches(_AZOLE) if match[0] not in taken]
    return _Sites(ready, lactim, amino, [*reluctant, *azoles])


def _lactims(molecule: Chem.Mol) -> list[tuple[int, int, int]]:
    """Pair each ring NH with a carbonyl beside it, none in two pairs.

    An NH with fewer carbonyls is paired first, so that uracil gives two pairs.
    """
    beside: dict[int, list[tuple[int, int, int]]] = {}
    for match in molecule.GetSubstructMatches(_RING_CARBONYL):
        beside.setdefault(match[0], []).append(match)
    used: set[int] = set()
    chosen = []
    for nitrogen in sorted(beside, key=lambda atom: (len(beside[atom]), atom)):
        free = [match for match in beside[nitrogen] if match[1] not in used]
        if free:
            used.add(free[0][1])
            chosen.append(free[0])
    return chosen


def _with_tms(molecule: Chem.Mol, lactims: Sequence[tuple[int, int, int]], places: Sequence[int]) -> Chem.Mol | None:
    """Put a TMS group on each of the places (an atom may be named twice), and make lactims of the lactams there."""
    edited = Chem.RWMol(molecule)
    if lactims:
        Chem.Kekulize(edited, clearAromaticFlags=True)
    silylated = set(places)
    for nitrogen, carbon, oxygen in lactims:
        if oxygen in silylated:
            _to_lactim(edited, nitrogen, carbon, oxygen)
    for place in places:
        atom = edited.GetAtomWithIdx(place)
        if atom.GetNumExplicitHs():
            atom.SetNumExplicitHs(atom.GetNumExplicitHs() - 1)
        silicon = edited.AddAtom(Chem.Atom(14))
        edited.AddBond(place, silicon, Chem.BondType.SINGLE)
        for _ in range(3):
            edited.AddBond(silicon, edited.AddAtom(Chem.Atom(6)), Chem.BondType.SINGLE)
    return _sanitized(edited)


def _to_lactim(edited: Chem.RWMol, nitrogen: int, carbon: int, oxygen: int) -> None:
    """Turn HN-C=O, in a Kekule structure, into N=C-O."""
    edited.GetAtomWithIdx(nitrogen).SetNumExplicitHs(0)
    edited.GetBondBetweenAtoms(nitrogen, carbon).SetBondType(Chem.BondType.DOUBLE)
    edited.GetBondBetweenAtoms(carbon, oxygen).SetBondType(Chem.BondType.SINGLE)


def _sanitized(edited: Chem.RWMol) -> Chem.Mol | None:
    made = edited.GetMol()
    failed = Chem.SanitizeMol(made, catchErrors=True)
    return None if failed else made
