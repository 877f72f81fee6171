"""The guard against leakage: which compounds a training, a molecule list, an evaluation or a blind test must not see.

Everything that trains or scores asks `Exclusions.reason`. A compound is recognized by its structure, never by what a
record claims. Two structures are of one compound if they share a key. The keys of a structure are the first blocks of
the InChIKeys (no stereochemistry, no isotopic labels, most tautomers of heteroatoms merged) of these forms:

- the structure as given;
- its largest fragment, neutral (salts);
- its parent, if it is a derivative: silyl groups (TMS, TBDMS) on O, N and S are replaced by hydrogen, methoximes by
  carbonyl groups; if these were methoximes of a sugar, the cyclic hemiacetals of the parent too;
- the canonical tautomer of an enol or enamine (RDKit; Sitzmann et al. 2010, J. Comput. Aided Mol. Des. 24, 521);

and RDKit's hash HetAtomTautomerv2 of the parent, which tautomers share, keto and enol forms among them.

A list of structures excludes by all of its keys, so a derivative in the list excludes its parent, and the reverse. A
list of SHA-1 sums of first blocks names one form of each compound. It excludes salts, derivatives, enols and enamines
of that form, but no ketone or imine if it names the enol or enamine.

Keys of a structure take 0.7 ms on average (1,500 molecules of a list for gas chromatography, one core).
"""

import codecs
import gzip
import hashlib
import logging
import lzma
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rdkit import Chem
from rdkit.Chem import rdMolHash
from rdkit.Chem.MolStandardize import rdMolStandardize

from spectus.errors import InputError
from spectus.files import require_file
from spectus.library.records import read_spectra
from spectus.molecules.reading import opened_text, read_molecules
from spectus.structures import inchikey_of, quiet_rdkit

_LOG = logging.getLogger("spectus")

tautomer_hash: Callable[[Chem.Mol, rdMolHash.HashFunction], str] = rdMolHash.MolHash
"""RDKit's function, with its types."""

MAX_TAUTOMERS = 64
"""Tautomers of a molecule from which the canonical one is chosen. Chosen: with 1,000, the same 6.3 % of 600 molecules
of a list for gas chromatography are changed."""

_SUM = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)
_INCHIKEY = re.compile(r"\b([A-Z]{14})-[A-Z]{10}-[A-Z]\b")
_SPECTRA = re.compile(r"^\s*(num ?peaks|number of peaks|begin ions|##\s*title|pk\$num_peak|m  end)\b", re.I | re.M)
"""Lines that only files of spectra have: MSP, MSL, MGF, JCAMP-DX, MassBank, SDF."""

_HEAD = 65_536
"""Bytes of a text file by which its content is recognized. Chosen: more than the longest record before its peaks."""

_BINARY_LIBRARY = (b"CDF", b"\x89HDF")
_PARQUET = b"PAR1"

_SILYL = Chem.MolFromSmarts("[#7,#8,#16;!$(*~[#14]~[#8])]-[SiX4]([CH3])([CH3])[$([CH3]),$(C([CH3])([CH3])[CH3])]")
_METHOXIME = Chem.MolFromSmarts("[CX3;$([CH2]),$([CH1][#6]),$(C([#6])[#6])]=[NX2]-[OX2]-[CH3]")
_HYDROXY_CARBONYLS = tuple(
    Chem.MolFromSmarts(f"[CX3;$([CH1][#6]),$(C([#6])[#6])](=[OX1]){'[#6]' * n}[OX2H1]") for n in (3, 4)
)
"""Carbonyl groups that close a ring of five or six atoms with a hydroxyl group."""

_ENOL = Chem.MolFromSmarts("[$([#6;!a]=[#6;!a]-[O,N,S;!H0]),$([c;r5]-[OX2H1])]")
"""Enols, enamines, thioenols, and hydroxyl groups on aromatic rings of five atoms, which have keto forms."""

_LEAST_ATOMS = 2
"""Heavy atoms of a parent. Chosen: water, ammonia and hydrogen sulfide are no analytes of their derivatives."""


class Exclusions:
    """Compounds to leave out.

    Parameters
    ----------
    keys
        First blocks of InChIKeys, and where each comes from.
    sums
        SHA-1 sums of first blocks, and where each comes from.
    """

    def __init__(self, keys: Mapping[str, str] | None = None, sums: Mapping[str, str] | None = None) -> None:
        self._keys, self._sums = dict(keys or {}), dict(sums or {})
        self._known: dict[str, str | None] = {}

    def __bool__(self) -> bool:
        """Tell whether anything is excluded."""
        return bool(self._keys or self._sums)

    @property
    def sha256(self) -> str:
        """A sum of all that is excluded: equal for the same compounds."""
        return hashlib.sha256("\n".join([*sorted(self._keys), "", *sorted(self._sums)]).encode()).hexdigest()

    @classmethod
    def read(cls, files: Sequence[Path | str] = (), split: str | None = None) -> "Exclusions":
        """Read files that name compounds to leave out; their content says what they are.

        Parameters
        ----------
        files
            SHA-1 sums of InChIKey first blocks, one a line; InChIKeys, one a line, or a table with a column of them and
            none of SMILES; molecule lists that `read_molecules` reads; spectral libraries that `read_spectra` reads,
            where records without a usable spectrum count too. LIBRARY:SPLIT takes only the records with this value in
            the column `split`.
        split
            The same for all libraries without a split of their own.

        Raises
        ------
        InputError
            A file cannot be read, a molecule list has a line that is no molecule, a library has no structure or not the
            split, or a split is named without a library.
        """
        keys, sums = dict[str, str](), dict[str, str]()
        n_libraries = 0
        for file in files:
            path, of_split = _path_and_split(file)
            kind = _content(path)
            if kind == "sums":
                sums.update(dict.fromkeys(_read_sums(path), path.name))
                continue
            n_libraries += kind == "library"
            readers = {"list": _keys_of_list, "keys": _read_keys}
            named = readers[kind](path) if kind in readers else _keys_of_library(path, of_split or split)
            for key in named:
                keys.setdefault(key, path.name)
        if split is not None and not n_libraries:
            raise InputError(f"--split {split}", "is of no library", "name a library with --exclude")
        return cls(keys, sums)

    def adding(self, smiles: Iterable[str], name: str) -> "Exclusions":
        """Return exclusions that hold further structures.

        Parameters
        ----------
        smiles
            The structures.
        name
            Where they come from, for the reason.
        """
        keys = dict(self._keys)
        with quiet_rdkit():
            for text in dict.fromkeys(smiles):
                for key in _keys_of(text):
                    keys.setdefault(key, name)
        return Exclusions(keys, self._sums)

    def reason(self, smiles: str | None, inchikey: str | None = None) -> str | None:
        """Tell why a compound is left out.

        Parameters
        ----------
        smiles
            Its structure; text that is no molecule is never excluded.
        inchikey
            InChIKey of a record without a structure.

        Returns
        -------
        str or None
            What excludes it; None if it may stay.
        """
        if not self:
            return None
        if not smiles:
            return self._named(inchikey[:14]) if inchikey else None
        if smiles not in self._known:
            with quiet_rdkit():
                found = (self._named(key) for key in _keys_of(smiles))
                self._known[smiles] = next((reason for reason in found if reason), None)
        return self._known[smiles]

    def _named(self, key: str) -> str | None:
        """Return the reason for one key."""
        source = self._keys.get(key)
        if source is None and self._sums:
            source = self._sums.get(hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest())
        return None if source is None else f"excluded by {source}"


NO_EXCLUSIONS = Exclusions()


def leave_out_records(
    libraries: Sequence[pa.Table], measured: Sequence[bool], exclusions: Exclusions
) -> list[pa.Table]:
    """Leave out the measured records of excluded compounds, as if nobody had measured them: for a blind test.

    To be fast, a record with an InChIKey is compared by it, and by its structure only if that may be a salt or a
    derivative. How many records are left out is logged.

    Parameters
    ----------
    libraries
        Tables of schema SPECTRA.
    measured
        (n_libraries,) which libraries are of measured spectra; the others stay whole.
    exclusions
        What is left out.

    Returns
    -------
    list of pa.Table
    """
    kept = [
        library.filter(pa.array([reason is None for reason in reasons_of_records(library, exclusions)], pa.bool_()))
        if of_measured else library
        for library, of_measured in zip(libraries, measured, strict=True)
    ]  # fmt: skip
    n_records = sum(map(len, libraries)) - sum(map(len, kept))
    _LOG.info("%s measured records of excluded compounds are left out", f"{n_records:,}")
    return kept


def reasons_of_records(library: pa.Table, exclusions: Exclusions) -> Iterator[str | None]:
    """Yield why each record of a library is left out, None where it stays.

    To be fast, a record with an InChIKey is compared by it, and by its structure only if that may be a salt or a
    derivative.

    Parameters
    ----------
    library
        Table of schema SPECTRA.
    exclusions
        What is left out.
    """
    for smiles, claimed in zip(library["smiles"].to_pylist(), library["inchikey"].to_pylist(), strict=True):
        reason = exclusions.reason(None, claimed) if claimed else None
        if reason is None and smiles and (not claimed or _may_have_forms(smiles)):
            reason = exclusions.reason(smiles)
        yield reason


def _may_have_forms(smiles: str) -> bool:
    """Tell whether a SMILES may be a salt, a silyl derivative or a methoxime."""
    return "." in smiles or "Si" in smiles or "NO" in smiles or "ON" in smiles or "N\\O" in smiles or "N/O" in smiles


@lru_cache(maxsize=1 << 16)  # Several steps of an identification read the libraries that ship: 25 s each.
def _keys_of(smiles: str) -> tuple[str, ...]:
    """Return the keys of a structure, its own first; none for text that is no molecule."""
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or not molecule.GetNumAtoms():
        return ()
    Chem.RemoveStereochemistry(molecule)
    neutral = _neutral(molecule)
    parent, n_methoximes = underivatized(neutral)
    forms = [molecule, *([neutral] if neutral is not molecule else []), *([parent] if parent is not neutral else [])]
    forms += _hemiacetals(parent) if n_methoximes else []
    forms += _canonical_tautomer(parent) if parent.HasSubstructMatch(_ENOL) else []
    blocks = [inchikey_of(form)[:14] or Chem.MolToSmiles(form) for form in forms]
    return tuple(dict.fromkeys([*blocks, tautomer_hash(parent, rdMolHash.HashFunction.HetAtomTautomerv2)]))


def _neutral(molecule: Chem.Mol) -> Chem.Mol:
    """Return the largest fragment, uncharged where protons can do that; the molecule itself if nothing changes."""
    fragments = Chem.GetMolFrags(molecule, asMols=True, sanitizeFrags=False)
    if len(fragments) == 1 and not any(atom.GetFormalCharge() for atom in molecule.GetAtoms()):
        return molecule
    largest = max(fragments, key=lambda part: (part.GetNumHeavyAtoms(), Chem.MolToSmiles(part)))
    Chem.SanitizeMol(largest, catchErrors=True)
    return rdMolStandardize.Uncharger().uncharge(largest)


def underivatized(molecule: Chem.Mol) -> tuple[Chem.Mol, int]:
    """Return the molecule before derivatization and the number of its methoximes; itself if it is no derivative."""
    silyl = {match[:2] for match in molecule.GetSubstructMatches(_SILYL)}
    methoximes = molecule.GetSubstructMatches(_METHOXIME)
    if not silyl and not methoximes:
        return molecule, 0
    edited = Chem.RWMol(molecule)
    for hetero, silicon in silyl:
        edited.RemoveBond(hetero, silicon)
        atom = edited.GetAtomWithIdx(hetero)
        if atom.GetIsAromatic():
            atom.SetNumExplicitHs(atom.GetNumExplicitHs() + 1)
    for _, nitrogen, oxygen, _ in methoximes:
        edited.RemoveBond(nitrogen, oxygen)
        edited.GetAtomWithIdx(nitrogen).SetAtomicNum(8)
    kept = {match[0] for match in (*silyl, *methoximes)}
    parts = Chem.GetMolFrags(edited)
    largest = max((part for part in parts if kept & set(part)), key=len)
    for number in sorted(set(range(edited.GetNumAtoms())) - set(largest), reverse=True):
        edited.RemoveAtom(number)
    made = edited.GetMol()
    if Chem.SanitizeMol(made, catchErrors=True) or made.GetNumHeavyAtoms() < _LEAST_ATOMS:
        return molecule, 0
    return made, len(methoximes)


def _hemiacetals(molecule: Chem.Mol) -> list[Chem.Mol]:
    """Return the cyclic hemiacetals of a hydroxy aldehyde or ketone: methoximation has opened those of sugars."""
    made = []
    for pattern in _HYDROXY_CARBONYLS:
        for match in molecule.GetSubstructMatches(pattern):
            carbon, oxygen, hydroxyl = match[0], match[1], match[-1]
            edited = Chem.RWMol(molecule)
            edited.GetBondBetweenAtoms(carbon, oxygen).SetBondType(Chem.BondType.SINGLE)
            edited.AddBond(hydroxyl, carbon, Chem.BondType.SINGLE)
            ring = edited.GetMol()
            if not Chem.SanitizeMol(ring, catchErrors=True):
                made.append(ring)
    return made


def _canonical_tautomer(molecule: Chem.Mol) -> list[Chem.Mol]:
    """Return the canonical tautomer; nothing where that fails."""
    enumerator = rdMolStandardize.TautomerEnumerator()
    enumerator.SetMaxTautomers(MAX_TAUTOMERS)
    enumerator.SetMaxTransforms(MAX_TAUTOMERS)
    try:
        return [enumerator.Canonicalize(molecule)]
    except (RuntimeError, ValueError):  # RDKit's exceptions for molecules that it cannot kekulize again
        return []


def _path_and_split(file: Path | str) -> tuple[Path, str | None]:
    """Split LIBRARY:SPLIT."""
    path = Path(file)
    if path.exists() or ":" not in path.name:
        return path, None
    text, _, split = str(file).rpartition(":")
    return Path(text), split


def _content(path: Path) -> str:
    """Return what a file holds by its content: "sums", "keys", "list" or "library"."""
    if path.is_dir():
        return "library"
    with require_file(path).open("rb") as file:
        start = file.read(8)
    if start.startswith(_PARQUET):
        return "library" if {"mz", "intensity"} <= set(pq.read_schema(path).names) else "list"
    if start.startswith(_BINARY_LIBRARY):
        return "library"
    text = _decoded_head(path)
    words = text.split()
    if words and all(_SUM.fullmatch(word) for word in words[:-1] or words):  # the last one may be cut
        return "sums"
    if _SPECTRA.search(text):
        return "library"
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if lines and _INCHIKEY.match(lines[0].strip()):
        return "keys"
    has_keys = len(lines) > 1 and "inchikey" in lines[0].casefold().replace("_", "").replace(" ", "")
    return "keys" if has_keys and not re.search("smiles|structure", lines[0], re.IGNORECASE) else "list"


def _decoded_head(path: Path) -> str:
    """Return the beginning of a text file, unpacked."""
    suffix = path.suffix.lower()
    try:
        with gzip.open(path) if suffix == ".gz" else lzma.open(path) if suffix == ".xz" else path.open("rb") as file:
            head = file.read(_HEAD)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise InputError(path, f"cannot be read ({str(error).splitlines()[0]})", "copy or unpack it again") from error
    encoding = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    return head.decode(encoding, errors="replace")


def _read_sums(path: Path) -> list[str]:
    words = path.read_text(encoding="ascii", errors="replace").split()
    for word in words:
        if not _SUM.fullmatch(word):
            raise InputError(path, f"{word!r} is no SHA-1 sum", "write one sum of an InChIKey first block a line")
    return [word.lower() for word in words]


def _read_keys(path: Path) -> Iterator[str]:
    """Yield the first blocks of the InChIKeys of a text, one a line; a table has a line with names of columns."""
    with opened_text(path) as text:
        lines = [line for line in text if line.strip() and not line.startswith("#")]
    is_table = _INCHIKEY.search(lines[0]) is None
    for line in lines[is_table:]:
        found = _INCHIKEY.search(line)
        if found is None:
            raise InputError(path, f"{line.strip()[:60]!r} has no InChIKey", "write one InChIKey a line")
        yield found[1]


def _keys_of_list(path: Path) -> Iterator[str]:
    with quiet_rdkit():
        for listed in read_molecules(path):
            keys = _keys_of(listed.smiles or "")
            if not keys:
                raise InputError(
                    path, f"{listed.smiles or listed.name!r} is no molecule",
                    "correct the SMILES; compounds can also be given by InChIKeys, but not by names or CAS numbers",
                )  # fmt: skip
            yield from keys


def _keys_of_library(path: Path, split: str | None) -> list[str]:
    """Return the keys of a library's compounds: of the structures, or what records without one claim."""
    records = read_spectra(path).select(["smiles", "inchikey"])
    if split is not None:
        records = records.filter(_of_split(path, split))
    found = dict[str, None]()
    with quiet_rdkit():
        for smiles, claimed in set(zip(records["smiles"].to_pylist(), records["inchikey"].to_pylist(), strict=True)):
            keys = _keys_of(smiles or "") or ((claimed[:14],) if claimed else ())
            found.update(dict.fromkeys(keys))
    if not found:
        of_split = f" of the split {split}" if split is not None else ""
        raise InputError(path, f"has no record{of_split} with a structure", "give a library with SMILES")
    return list(found)


def _of_split(library: Path, split: str) -> pa.Array:
    if library.suffix.lower() != ".parquet" or "split" not in pq.read_schema(library).names:
        raise InputError(library, "has no column `split`", "give a Parquet library that has one, or no split")
    values = pq.read_table(library, columns=["split"])["split"].to_pylist()
    return pa.array([value is not None and str(value) == split for value in values], pa.bool_())
