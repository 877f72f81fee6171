"""The libraries of predicted spectra that ship: named.parquet and derivatized.parquet in resources/libraries.

    python scripts/named_library.py            make them anew: the list of the package chemicals, and its methoximes and
                                               trimethylsilyl derivatives, predicted by rassp
    python scripts/named_library.py --check    compare the libraries that ship with the sums in their README.md

Making them takes some 15 minutes of CPU time. Spectra may differ in the last of 255 steps of an intensity where another
processor rounds differently, and so does the sum of the file then; the script tells how many spectra differ.
"""

import argparse
import hashlib
import re
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from spectus import tables
from spectus.files import replacing
from spectus.molecules.derivatives import KINDS
from spectus.molecules.lists import Choice, write_molecules
from spectus.prediction.library import write_predicted_library
from spectus.prediction.settings import PredictSettings
from spectus.tables import SPECTRA

LIBRARIES = Path(__file__).resolve().parents[1] / "resources" / "libraries"
NAMED, DERIVATIZED = "named.parquet", "derivatized.parquet"

MODEL = "rassp"
"""The best prediction model that ships."""

COMPRESSION_LEVEL = 19
"""Of zstd, 1 to 22. Chosen: made once, and read as fast as at any other level."""

_SUM = re.compile(r"^\| ([0-9a-f]{64}) \| (\S+) \|$", re.MULTILINE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare the sums")
    parser.add_argument("--out", type=Path, default=LIBRARIES, help="folder to write to (default: where they ship)")
    options = parser.parse_args()
    if not options.check:
        make(options.out)
    return check() if options.out == LIBRARIES else 0


def make(out: Path) -> None:
    """Make the libraries and tell how they differ from those that ship."""
    with tempfile.TemporaryDirectory() as folder:
        compounds, every = Path(folder) / "named.csv", Path(folder) / "every.csv"
        write_molecules(compounds, ["chemicals"], Choice())
        write_molecules(every, ["chemicals"], Choice(kinds=KINDS))
        lines = every.read_text(encoding="utf-8").splitlines(keepends=True)
        listed = compounds.read_text(encoding="utf-8").splitlines(keepends=True)
        derivatives = Path(folder) / "derivatized.csv"
        derivatives.write_text("".join([lines[0], *lines[len(listed) :]]), encoding="utf-8")
        for molecules, name in ((compounds, NAMED), (derivatives, DERIVATIZED)):
            predicted = Path(folder) / name
            write_predicted_library(molecules, MODEL, predicted, PredictSettings())
            before = spectra_of(LIBRARIES / name)
            compress(predicted, out / name)
            tell(out / name, before)


def spectra_of(path: Path) -> list[dict[str, object]]:
    """Read structures and spectra; none where the file is missing."""
    return pq.read_table(path, columns=["smiles", "mz", "intensity"]).to_pylist() if path.exists() else []


def tell(path: Path, before: list[dict[str, object]]) -> None:
    """Print how a library differs from what shipped before."""
    after = spectra_of(path)
    differing = sum(a != b for a, b in zip(before, after, strict=False)) + abs(len(before) - len(after))
    size = path.stat().st_size / 1e6
    print(f"{path}: {size:.1f} MB, sha256 {digest(path)}, {differing:,} rows differ from what shipped")


def compress(predicted: Path, out: Path) -> None:
    """Write a library again as one row group, as small as Parquet can."""
    rows = tables.read(predicted, SPECTRA)
    with replacing(out) as temporary:
        pq.write_table(
            rows.replace_schema_metadata(pq.read_schema(predicted).metadata), temporary, compression="zstd",
            compression_level=COMPRESSION_LEVEL, row_group_size=len(rows), data_page_size=2**24,
            write_statistics=False,
        )  # fmt: skip


def check() -> int:
    """Compare every library with its sum in README.md; return 1 where one differs."""
    sums = {name: found for found, name in _SUM.findall((LIBRARIES / "README.md").read_text(encoding="utf-8"))}
    wrong = 0
    for path in sorted([*LIBRARIES.glob("*.msp"), *LIBRARIES.glob("*.parquet")]):
        found = digest(path)
        as_noted = sums.get(path.name) == found
        wrong += not as_noted
        print(f"{path.name}: {'as in README.md' if as_noted else f'{found} is not the sum in README.md'}")
    return int(wrong > 0)


def digest(path: Path) -> str:
    """Return the SHA-256 sum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
