"""The command `spectus molecules`: named compounds that gas chromatography can see, from the PyPI package chemicals.

The package (Bell et al., MIT licence) carries a table of some 70,000 compounds with CAS numbers, SMILES and names. Only
its table is read, so `pip install --no-deps chemicals` is enough.
"""

import csv
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

from rdkit import Chem
from tqdm import tqdm

from spectus.errors import InputError
from spectus.files import replacing
from spectus.forward.features import survey
from spectus.structures import flat_smiles, quiet_rdkit

_TABLE = Path("Identifiers") / "chemical identifiers pubchem large.tsv"
_CAS, _SMILES, _IUPAC, _COMMON = 1, 4, 7, 8
_REMEDY = "install it with `pip install --no-deps chemicals==1.5.2`, or name its table with --table"


def write_named_molecules(out: Path, max_mass: int = 500, table: Path | None = None) -> None:
    """Write smiles, name and cas of the compounds that a forward model can take, each structure once, to a .csv file,
    and print how many were left out and why.

    Parameters
    ----------
    max_mass: nominal mass, Da, from which on a compound is left out.
    table: the package's table; None: that of the installed package.

    Raises
    ------
    InputError: the package is not installed, its table is not as expected, or `out` is no .csv.
    """
    if out.suffix.lower() != ".csv":
        raise InputError(out, "is no .csv by its name", "name it so")
    source = table or _installed()
    left_out: Counter[str] = Counter()
    seen: set[str] = set()
    with quiet_rdkit(), source.open(encoding="utf-8", newline="") as lines, replacing(out) as temporary:
        with temporary.open("w", encoding="utf-8", newline="") as chosen:
            writer = csv.writer(chosen, lineterminator="\n")
            writer.writerow(["smiles", "name", "cas"])
            for row in tqdm(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), disable=None, unit=" compounds"):
                if len(row) <= _IUPAC:
                    raise InputError(source, f"has a row of {len(row)} columns", _REMEDY)
                flat = flat_smiles(row[_SMILES])
                reason = _reason(flat, seen, max_mass)
                if reason is None and flat:
                    seen.add(flat)
                    writer.writerow([flat, row[_COMMON] if len(row) > _COMMON else row[_IUPAC], row[_CAS]])
                else:
                    left_out[reason or "no molecule"] += 1
        if not seen:
            raise InputError(source, "holds no compound that can be predicted", _REMEDY)
    print(f"{out}: {len(seen):,} compounds")
    for why, n in left_out.most_common():
        print(f"  {n:,} left out: {why}")


def _reason(flat: str | None, seen: set[str], max_mass: int) -> str | None:
    if flat is None:
        return "no molecule"
    if flat in seen:
        return "a structure that was named before"
    reason, mass, _ = survey(Chem.MolFromSmiles(flat))
    return reason or ("too heavy" if mass >= max_mass else None)


def _installed() -> Path:
    found = find_spec("chemicals")
    path = Path(found.origin).parent / _TABLE if found and found.origin else None
    if path is None or not path.exists():
        raise InputError("the package chemicals", "is not installed", _REMEDY)
    return path
