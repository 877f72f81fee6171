"""Suspect lists: compounds that a laboratory expects or is obliged to look for.

A list is a table (CSV, TSV or Parquet) with a column for SMILES, InChIKey or CAS numbers, and optionally names and
notes. The lists of NORMAN (SusDat) and of the EPA's CompTox dashboard are read as they are downloaded.
"""

import csv
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize

from spectus.errors import InputError
from spectus.files import require_file, resource
from spectus.library.fields import PLACEHOLDERS, cas_number, structure_fields
from spectus.molecules.reading import text_rows
from spectus.structures import flat_smiles, inchikey14, inchikey_of_inchi, quiet_rdkit

SHIPPED_SUSPECTS = {"priority_pollutants": "suspects/priority_pollutants.csv"}
"""Names of the lists that ship, and their places among the resources."""

_LOG = logging.getLogger("spectus")

_COLUMNS = {
    "smiles": ("smiles", "canonicalsmiles", "isomericsmiles", "structure", "structuresmiles", "msreadysmiles"),
    "inchikey": ("inchikey", "stdinchikey", "standardinchikey", "inchikeystandard", "msreadyinchikey"),
    "inchi": ("inchi", "inchistring", "stdinchi"),
    "cas": ("cas", "casrn", "casno", "casnumber", "casregistrynumber", "cas#"),
    "name": ("name", "preferredname", "compound", "compoundname", "chemicalname", "substance", "title"),
    "note": ("note", "notes", "comment", "comments", "use", "class", "category", "source"),
}
"""Names of the columns, in lower case without blanks, `_` and `-`."""

_IDENTIFYING = ("smiles", "inchikey", "inchi", "cas")
_SHOWN = 3
"""Rows that are named in a message; chosen."""


class Suspect(NamedTuple):
    """An entry of a suspect list.

    Attributes
    ----------
    list : str
        Name of the list: its file name without suffixes.
    name, note, smiles, cas : str or None
        As the list says; the CAS number only if its check digit is right.
    """

    list: str
    name: str | None
    note: str | None
    smiles: str | None
    cas: str | None


class Suspects:
    """Suspect lists.

    Parameters
    ----------
    by_key
        Entries by the first block of the InChIKey.
    by_cas
        Entries without a structure, by CAS number.
    """

    def __init__(
        self,
        by_key: Mapping[str, Sequence[Suspect]] | None = None,
        by_cas: Mapping[str, Sequence[Suspect]] | None = None,
    ) -> None:
        self._by_key, self._by_cas = dict(by_key or {}), dict(by_cas or {})

    def __bool__(self) -> bool:
        """Tell whether any compound is on a list."""
        return bool(self._by_key or self._by_cas)

    def __iter__(self) -> Iterator[Suspect]:
        """Yield the entries, each once, in the order of the lists."""
        return iter(
            dict.fromkeys(entry for by in (self._by_key, self._by_cas) for entries in by.values() for entry in entries)
        )

    @classmethod
    def read(cls, paths: Iterable[Path | str]) -> "Suspects":
        """Read lists.

        A row is recognized by its InChIKey, else its SMILES, its InChI, or its CAS number. A salt is also recognized as
        its largest part, uncharged. Rows that name no compound are counted in one line of the log.

        Parameters
        ----------
        paths
            Tables, or the names of lists that ship (`SHIPPED_SUSPECTS`).

        Raises
        ------
        InputError
            A file is missing or damaged, has no column for structures or CAS numbers, or names no compound; or two
            lists have the same name.
        """
        by_key, by_cas = dict[str, list[Suspect]](), dict[str, list[Suspect]]()
        seen: dict[str, Path] = {}
        for given in paths:
            path = resource(SHIPPED_SUSPECTS[str(given)]) if str(given) in SHIPPED_SUSPECTS else Path(given)
            name = path.name.split(".")[0]
            if seen.setdefault(name, path) is not path:
                raise InputError(path, f"has the same name as the list {seen[name]}", "rename one of them")
            with quiet_rdkit():
                _read_list(path, name, by_key, by_cas)
        return cls(by_key, by_cas)

    def names(self, inchikey14: str | None, cas: str | None = None) -> list[str]:
        """Return the names of the lists that a compound is on.

        Parameters
        ----------
        inchikey14
            First block of its InChIKey; a full InChIKey does too.
        cas
            Its CAS number, for lists that give nothing else.
        """
        return list(dict.fromkeys(entry.list for entry in self.entries(inchikey14, cas)))

    def entries(self, inchikey14: str | None, cas: str | None = None) -> list[Suspect]:
        """Return the entries of a compound; parameters as of `names`."""
        return [*self._by_key.get((inchikey14 or "")[:14], ()), *self._by_cas.get(cas or "", ())]

    def smiles(self) -> list[str]:
        """Return the structures of all lists, each once, for a prediction of their spectra."""
        return list(dict.fromkeys(entry.smiles for entry in self if entry.smiles))


def _read_list(path: Path, name: str, by_key: dict[str, list[Suspect]], by_cas: dict[str, list[Suspect]]) -> None:
    """Add the entries of a list."""
    refused = Counter[str]()
    examples: dict[str, list[str]] = {}
    n_found = 0
    for number, row in enumerate(_rows(path), start=2):
        entry, keys, problem = _entry(row, name)
        for key in keys:
            by_key.setdefault(key, []).append(entry)
        if not keys and entry.cas:
            by_cas.setdefault(entry.cas, []).append(entry)
        n_found += bool(keys or entry.cas)
        if problem:
            refused[problem] += 1
            examples.setdefault(problem, []).append(f"line {number}" + (f" ({entry.name})" if entry.name else ""))
    for problem, n in refused.most_common():
        shown = ", ".join(examples[problem][:_SHOWN]) + (", ..." if n > _SHOWN else "")
        _LOG.warning("%s: %s in %s rows: %s", path, problem, f"{n:,}", shown)
    if not n_found:
        raise InputError(path, "names no compound", "give SMILES, InChIKeys or CAS numbers")


def _entry(row: dict[str, str], name: str) -> tuple[Suspect, list[str], str | None]:
    """Return the entry of a row, the first blocks of its InChIKeys, and what is wrong with the row."""
    drawn, inchi, key = structure_fields([row.get("smiles")], [row.get("inchikey"), row.get("inchi")])
    said = re.sub(r"^\s*cas[ _]?(?:rn|no\.?)?\s*[:=]?\s*", "", row.get("cas", ""), flags=re.IGNORECASE)
    cas = cas_number(said)
    flat = flat_smiles(drawn)
    keys = [key[:14]] if key else []
    if flat and (not keys or "." in flat or "+" in flat or "-]" in flat):
        keys += _keys(flat)
    if not keys and inchi:
        keys = [found[:14] for found in [inchikey_of_inchi(inchi)] if found]
    problem = None
    if drawn and flat is None:
        problem = "a SMILES that cannot be read"
    elif said and said.lower() not in PLACEHOLDERS and cas is None and not keys:
        problem = "a CAS number that is none, or whose check digit is wrong,"
    elif not keys and not cas:
        problem = "no structure and no CAS number"
    entry = Suspect(name, row.get("name") or None, row.get("note") or None, flat, cas)
    return entry, list(dict.fromkeys(keys)), problem


def _keys(flat: str) -> list[str]:
    """Return the first blocks of the InChIKeys of a structure and of its largest part, uncharged."""
    found = [inchikey14(flat)]
    molecule = Chem.MolFromSmiles(flat)
    if "." in flat or any(atom.GetFormalCharge() for atom in molecule.GetAtoms()):
        neutral = rdMolStandardize.Uncharger().uncharge(rdMolStandardize.FragmentParent(molecule))
        found.append(inchikey14(Chem.MolToSmiles(neutral)))
    return [key for key in found if key]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a table, by the meanings of its columns."""
    require_file(path)
    rows = _parquet_rows(path) if path.suffix.lower() == ".parquet" else text_rows(path, _has_column)
    try:
        header = next(rows, [])
        places = _places(header)
        if not places.keys() & set(_IDENTIFYING):
            told = ", ".join(map(repr, header[:6]))
            raise InputError(
                path, f"has no column for SMILES, InChIKeys or CAS numbers among {told}",
                "name a column smiles, inchikey or cas",
            )  # fmt: skip
        for row in rows:
            found = {meaning: row[at].strip() for meaning, at in places.items() if at < len(row)}
            if any(found.values()):
                yield found
    except (csv.Error, UnicodeError) as error:
        raise InputError(
            path, f"cannot be read as a table ({error})", "save it as CSV with the encoding UTF-8"
        ) from error


def _parquet_rows(path: Path) -> Iterator[list[str]]:
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(path, f"cannot be read ({str(error).splitlines()[0]})", "copy it again") from error
    yield table.column_names
    for row in table.to_pylist():
        yield ["" if value is None else str(value) for value in row.values()]


def _places(header: Sequence[str]) -> dict[str, int]:
    """Return the position of the column of each meaning."""
    names = [re.sub(r"[\s_\-]", "", name.strip("\ufeff \t\"'")).lower() for name in header]
    found = {}
    for meaning, known in _COLUMNS.items():
        place = next((names.index(name) for name in known if name in names), None)
        if place is not None:
            found[meaning] = place
    return found


def _has_column(header: Sequence[str]) -> bool:
    return bool(_places(header).keys() & set(_IDENTIFYING))
