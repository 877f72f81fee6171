"""Compounds of two PyPI packages.

chemicals has some 70,000 compounds with names and CAS numbers (Bell et al., MIT license). molsets (MOSES) has 1.94
million drug-like ones without names (Polykovskiy et al. 2020, Front. Pharmacol. 11, 565644; MIT license).

Only their tables are read. The packages are not imported, and their dependencies are not needed: molsets depends on
packages that no longer build.
"""

import csv
import gzip
import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from spectus.errors import InputError
from spectus.files import require_file
from spectus.molecules.reading import Listed

_CHEMICALS = tuple(
    Path("Identifiers") / f"chemical identifiers {part}.tsv"
    for part in ("pubchem small", "pubchem large", "example user db")
)
"""Common compounds, such as toluene, all others, and those that the package gives as an example of a user's own: no
other table has them, although the n-alkanes, biphenyl and cumene are among them."""

_CAS, _SMILES, _IUPAC, _COMMON = 1, 4, 7, 8
_CATALOG = re.compile(
    r"ac1[a-z0-9]{5}|\d{2,7}-\d\d-\d"
    r"|(?:brn|einecs|nsc|zinc|mls|smr|stk|st|sbb|surecn|s?chembl|unii|akos|lmfa|ccris|hsdb|mfcd)[ -]?\d[\d-]*",
    re.IGNORECASE,
)
"""Numbers of catalogs, and CAS numbers, that stand in the place of a common name. Read in the tables: these are the
frequent ones."""

_MOLSETS = tuple(Path("dataset") / "data" / f"{part}.csv.gz" for part in ("train", "test", "test_scaffolds"))
_INSTALL = {"chemicals": "pip install --no-deps chemicals==1.5.2", "molsets": "pip install --no-deps molsets==0.3.1"}


def read_package(source: str, table: Path | None = None) -> Iterator[Listed]:
    """Yield the compounds of one of `SOURCES`, in its order.

    Parameters
    ----------
    source
        Name of the package.
    table
        A table of chemicals to read in place of the package's own.

    Raises
    ------
    InputError
        There is no such source, the package is not installed, or its table is not as expected.
    """
    if source not in SOURCES:
        raise InputError(f"source {source}", "no such source", f"take of {', '.join(SOURCES)}")
    return SOURCES[source](table)


def _chemicals(table: Path | None) -> Iterator[Listed]:
    own = [require_file(table)] if table else [_installed("chemicals", "chemicals", path) for path in _CHEMICALS]
    for path in own:
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                if len(row) <= _IUPAC:
                    raise InputError(path, f"has a row of {len(row)} columns", _remedy("chemicals"))
                yield Listed(row[_SMILES], _name(row), row[_CAS])


def _name(row: list[str]) -> str:
    """Return the common name, or the systematic one where that is missing or the number of a catalog."""
    common = row[_COMMON] if len(row) > _COMMON else ""
    return row[_IUPAC] if row[_IUPAC] and (not common or _CATALOG.fullmatch(common)) else common


def _molsets(table: Path | None) -> Iterator[Listed]:
    for part in _MOLSETS:
        path = _installed("molsets", "moses", part)
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            if next(lines, "").split(",")[0].strip() != "SMILES":
                raise InputError(path, "does not begin with SMILES", _remedy("molsets"))
            for line in lines:
                yield Listed(line.split(",")[0].strip())


SOURCES: dict[str, Callable[[Path | None], Iterator[Listed]]] = {"chemicals": _chemicals, "molsets": _molsets}


def _installed(package: str, module: str, table: Path) -> Path:
    """Return the path of a file of an installed package, without importing the package."""
    found = find_spec(module)
    path = Path(found.origin).parent / table if found and found.origin else None
    if path is None or not path.exists():
        raise InputError(f"the package {package}", "is not installed", _remedy(package))
    return path


def _remedy(package: str) -> str:
    named = ", or name its table with --table" if package == "chemicals" else ""
    return f"install it with `{_INSTALL[package]}`{named}"
