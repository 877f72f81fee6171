"""Libraries in ANDI mass spectrometry files (ASTM E2077, experiment type "Library Mass Spectrum")."""

import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.library.fields import Identity
from spectus.library.peaks import Peaks
from spectus.raw.content import damaged, first_line

MAGIC = b"CDF"
"""First bytes of a netCDF classic file."""

_LIBRARY = "library"
_NEEDED = ("mass_values", "intensity_values", "point_count")


class _Library(NamedTuple):
    """The variables of a file by name, and its experiment type in lower case."""

    variables: dict[str, NDArray[Any]]
    experiment_type: str


def read_andi_library(content: bytes, path: Path) -> tuple[list[Identity], Peaks]:
    """Read names, formulas and peak lists of an ANDI library.

    Parameters
    ----------
    content
        Bytes of the file.
    path
        What the user gave, for errors.

    Raises
    ------
    InputError
        The file is damaged, or holds a run and no library.
    """
    library = _opened(content, path)
    missing = [name for name in _NEEDED if name not in library.variables]
    if _LIBRARY not in library.experiment_type or missing:
        kind = f"lacks {', '.join(missing)}" if missing else f"has the experiment type {library.experiment_type!r}"
        raise InputError(
            path, f"is an ANDI/netCDF file but no library: it {kind}", "give a run to `spectus deconvolve` instead"
        )
    counts = library.variables["point_count"].astype(np.int64).ravel()
    mz, intensity = (library.variables[name].ravel().astype(np.float32) for name in _NEEDED[:2])
    starts = library.variables.get("scan_index", np.cumsum(counts) - counts).astype(np.int64).ravel()
    if len(starts) != len(counts) or (counts < 0).any() or (starts < 0).any() or (starts + counts > len(mz)).any():
        raise damaged(path, "its spectra lie outside its points")
    offsets = np.concatenate([[0], np.cumsum(counts)])
    points = np.repeat(starts - offsets[:-1], counts) + np.arange(offsets[-1])
    names, formulas = (_texts(library, name, len(counts)) for name in ("entry_name", "chemical_formula"))
    identities = [Identity(name=name, formula=formula) for name, formula in zip(names, formulas, strict=True)]
    return identities, Peaks(mz[points], intensity[points], offsets, [None] * len(counts))


def _opened(content: bytes, path: Path) -> _Library:
    """Read all variables of a file, scaled as it says."""
    from scipy.io import netcdf_file

    try:
        with netcdf_file(io.BytesIO(content), mmap=False) as file:
            variables = {}
            for name, variable in file.variables.items():
                values = np.array(variable[...])
                if values.dtype.kind in "iuf":
                    scale, offset = (float(variable._attributes.get(k, d)) for k, d in _NEUTRAL)
                    values = values if (scale, offset) == (1.0, 0.0) else values * scale + offset
                variables[name] = values
            kind = file._attributes.get("experiment_type", b"")
    except Exception as error:  # scipy raises nearly anything on a damaged file
        raise damaged(path, f"netCDF: {first_line(error)}") from error
    return _Library(variables, kind.decode("latin-1").split("\0")[0].strip().lower())


_NEUTRAL = (("scale_factor", 1.0), ("add_offset", 0.0))


def _texts(library: _Library, name: str, n: int) -> list[str | None]:
    """Return the texts of a variable of characters (n, length); None for each where there is no such variable."""
    values = library.variables.get(name)
    if values is None or values.dtype.kind != "S" or len(values) != n:
        return [None] * n
    return [row.tobytes().split(b"\0")[0].decode("latin-1").strip() or None for row in values]
