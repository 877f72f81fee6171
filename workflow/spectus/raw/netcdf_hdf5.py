"""netCDF-4 (HDF5) read in a process of its own: on a damaged file the HDF5 library may crash or never return."""

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SECONDS = 60.0
_BYTES_PER_SECOND = 5e6
# No compression of measured numbers comes near this; a damaged length does.
_MOST_UNPACKED = 1000


def read_netcdf_hdf5(
    content: bytes, names: Sequence[str]
) -> tuple[dict[str, NDArray[Any]], dict[str, dict[str, Any]], dict[str, Any]]:
    """Values of the named variables that are there, their attributes, and the attributes of the file.

    Raises
    ------
    ValueError: the file cannot be read, or not within a minute and a second for each 5 MB.
    """
    # By the file's path and with -P: neither the package's place nor its modules' names matter to the new process.
    command = [sys.executable, "-P", str(Path(__file__)), *names]
    try:
        done = subprocess.run(
            command,
            input=content,
            capture_output=True,
            timeout=_SECONDS + len(content) / _BYTES_PER_SECOND,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError("HDF5: reading it does not end") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ValueError(f"HDF5: {said[-1] if said else 'reading it crashes'}")
    with np.load(io.BytesIO(done.stdout)) as arrays:
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
    """Attributes of a file or a variable as JSON can hold them."""
    values = {name: described.getncattr(name) for name in described.ncattrs()}
    return {name: value if isinstance(value, str) else np.asarray(value).tolist() for name, value in values.items()}


if __name__ == "__main__":
    try:
        _send(sys.stdin.buffer.read(), sys.argv[1:])
    except Exception as error:  # whatever it is, the parent reports one line of it
        sys.exit(str(error) or type(error).__name__)
