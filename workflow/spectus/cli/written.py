"""The line that says what a command wrote."""

from collections.abc import Iterable, Iterator
from pathlib import Path


def describe_written(paths: Iterable[Path]) -> Iterator[str]:
    """Describe the files that a command wrote, one line for each.

    Parameters
    ----------
    paths
        Files and folders. Those that do not exist are left out.

    Yields
    ------
    str
        For example `wrote components.parquet (517 rows)`.
    """
    for path in paths:
        if path.suffix == ".parquet" and path.is_file():
            import pyarrow.parquet as pq

            n_rows = pq.read_metadata(path).num_rows
            yield f"wrote {path} ({n_rows:,} row{'' if n_rows == 1 else 's'})"
        elif path.exists():
            yield f"wrote {path}"
