"""Making one library of several files, in the form that loads at once."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from spectus import tables
from spectus.errors import InputError
from spectus.library.records import read_spectra, reason_counts, unique_names
from spectus.tables import SPECTRA


def build_library(sources: Sequence[Path], out: Path) -> None:
    """Write the records of all files, in order, as one Parquet library (schema SPECTRA), and print what is in it.

    Records that cannot be used keep their row with the reason. Names are made unique over all files.

    Parameters
    ----------
    sources: files that `records.read_spectra` reads.

    Raises
    ------
    InputError: a file cannot be read, or there is no usable record in any of them; nothing is written then.
    """
    parts = [read_spectra(path) for path in sources]
    spectra = pa.concat_tables(parts)
    n_unusable = len(spectra) - spectra["reason"].null_count
    why = f" ({reason_counts(spectra)})" if n_unusable else ""
    if n_unusable == len(spectra):
        raise InputError(
            ", ".join(map(str, sources)),
            f"no usable record among {len(spectra):,}{why}",
            "give at least one library with spectra",
        )
    numbered = spectra.set_column(0, SPECTRA.field("entry"), pa.array(range(len(spectra)), pa.int32()))
    named = numbered.set_column(
        1, SPECTRA.field("name"), pa.array(unique_names(spectra["name"].to_pylist()), pa.string())
    )
    counts = " ".join(f"{path.name}:{len(part)}" for path, part in zip(sources, parts, strict=True))
    tables.write(named, out, SPECTRA, {"sources": counts, "n_unusable": str(n_unusable)})
    files = "1 file" if len(parts) == 1 else f"{len(parts)} files"
    print(f"{out}: {len(spectra):,} records of {files}, {n_unusable:,} not usable{why}")
