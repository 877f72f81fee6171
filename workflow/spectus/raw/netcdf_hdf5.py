"""netCDF-4 (HDF5) read in a process of its own: on a damaged file, the HDF5 library may crash or never return."""

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SECONDS = 60.0
_BYTES_PER_SECOND = 5e6
"""Time to read a file: a minute, and a second for each 5 MB. Chosen: a tenth of the usual speed."""

_MOST_UNPACKED = 200
"""Largest ratio of unpacked to packed size. Chosen: no compression of measured numbers comes near it."""

_MEMORY_PER_BYTE = 20
"""Memory for each byte of the file. Chosen: for the file, its arrays and their copy that is sent, at usual
compression."""


def read_netcdf_hdf5(
    content: bytes, names: Sequence[str]
) -> tuple[dict[str, NDArray[Any]], dict[str, dict[str, Any]], dict[str, Any]]:
    """Return values of the named variables that are there, their attributes, and the attributes of the file.

    Parameters
    ----------
    content
        The bytes of the file.
    names
        Names of variables.

    Raises
    ------
    ValueError
        The file cannot be read, or not within a minute and a second for each 5 MB.
    """
    from spectus.raw.child import ChildError, in_child  # not there for the new process

    seconds = _SECONDS + len(content) / _BYTES_PER_SECOND
    try:
        sent = in_child(Path(__file__), names, seconds, content, _MEMORY_PER_BYTE * len(content))
    except ChildError as error:
        raise ValueError(f"HDF5: {error}") from error
    with np.load(io.BytesIO(sent)) as arrays:
        attributes = json.loads(str(arrays["attributes"]))
        return {name: arrays[f"values {name}"] for name in names if f"values {name}" in arrays}, *attributes


def _send(content: bytes, names: Sequence[str]) -> None:
    from netCDF4 import Dataset

    with Dataset("memory", memory=content) as file:
        file.set_auto_maskandscale(False)
        found = [name for name in names if name in file.variables]
        for name in found:
            if file[name].size * file[name].dtype.itemsize > _MOST_UNPACKED * len(content):
                raise ValueError(f"{name} states {file[name].size:,} values")
        arrays = {f"values {name}": np.asarray(file[name][...]) for name in found}
        attributes = [{name: _plain(file[name]) for name in found}, _plain(file)]
    np.savez(sys.stdout.buffer, attributes=np.array(json.dumps(attributes)), **arrays)  # type: ignore[arg-type]


def _plain(described: Any) -> dict[str, Any]:
    """Return the attributes of a file or a variable as JSON can hold them."""
    values = {name: described.getncattr(name) for name in described.ncattrs()}
    return {name: value if isinstance(value, str) else np.asarray(value).tolist() for name, value in values.items()}


if __name__ == "__main__":
    try:
        _send(sys.stdin.buffer.read(), sys.argv[1:])
    except Exception as error:  # whatever it is, the parent reports one line of it
        sys.exit(str(error) or type(error).__name__)
