"""ANDI mass spectrometry files (ASTM E2077, E2078): netCDF classic, and netCDF-4 as some newer software writes it."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.raw.content import damaged, first_line
from spectus.raw.ionization import ionization_name, is_negative, polarity_name
from spectus.raw.netcdf_hdf5 import read_netcdf_hdf5
from spectus.raw.other_formats import hdf5_format
from spectus.raw.run import Run
from spectus.raw.scan_times import seconds_in_unit, unit_note
from spectus.raw.scans import FileFacts, ScanLabel, Scans, scans_of
from spectus.raw.timestamps import iso_from_andi
from spectus.types import Flags, Floats, Ints

_WANTED = (
    "mass_values", "intensity_values", "scan_index", "point_count", "scan_acquisition_time",
    "instrument_name", "instrument_mfr", "instrument_model", "ordinate_values",
)  # fmt: skip
_NUMBERS = {"mass_values", "intensity_values", "scan_index", "point_count", "scan_acquisition_time"}

_NULL = -9999
"""The standard's number for a value that is not there (ASTM E2077)."""


@dataclass(frozen=True)
class _Variable:
    """Values of a netCDF variable, as stored, and its attributes."""

    values: NDArray[Any]
    attributes: Mapping[str, Any]

    def scaled(self) -> Floats:
        """Return the values times `scale_factor` plus `add_offset`, where the file gives them."""
        scale, offset = (
            float(np.ravel(self.attributes.get(name, neutral))[0])
            for name, neutral in (("scale_factor", 1.0), ("add_offset", 0.0))
        )
        with np.errstate(invalid="ignore"):  # values that are no numbers are dropped later
            values = self.values.astype(np.float64)
        return values * scale + offset

    def null(self) -> Flags:
        """Return where the value is not there: the standard's null, or the fill value that the file states."""
        values = self.values.ravel()
        null = values == _NULL
        for name in ("_FillValue", "missing_value"):
            stated = np.ravel(np.asarray(self.attributes.get(name, _NULL)))
            if len(stated) and stated.dtype.kind in "iuf":
                null |= values == stated[0]
        return np.asarray(null)


def read_andi(content: bytes, path: Path) -> Scans:
    """Read the scans of an ANDI/MS file.

    Parameters
    ----------
    content
        The bytes of the file.
    path
        Path that the user gave, for errors.

    Raises
    ------
    InputError
        The file is damaged, a chromatogram without masses, another format in the same container, or lacks a variable
        that the standard demands.
    """
    if not content.startswith(b"CDF") and (other := hdf5_format(content)):
        raise InputError(path, f"is {other[0]}", other[1])
    try:
        variables, attributes = _classic(content) if content[:3] == b"CDF" else _netcdf4(content)
    except Exception as error:  # scipy and netCDF4 raise nearly anything on a damaged file
        known = isinstance(error, ValueError | OSError)
        raise damaged(path, f"netCDF: {first_line(error) if known else 'its header cannot be read'}") from error
    texts = {name: _andi_text(value) for name, value in attributes.items()}
    _require_run(texts, path)
    _require_mass_spectra(variables, path)
    _require_numbers(variables, path)
    mz, intensity = variables["mass_values"].scaled().ravel(), variables["intensity_values"].scaled().ravel()
    if len(mz) != len(intensity):
        raise damaged(path, f"{len(mz):,} m/z but {len(intensity):,} intensities")
    null = variables["mass_values"].null() | variables["intensity_values"].null()
    mz[null] = intensity[null] = 0.0  # such points are dropped with the padding of other writers
    rt_s, time_note = _andi_times(variables["scan_acquisition_time"], texts)
    starts, counts = _extents(variables, len(rt_s), len(mz), path)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    peaks = np.repeat(starts - offsets[:-1], counts) + np.arange(offsets[-1])
    method = texts.get("test_ionization_mode", "")
    run = Run(
        rt_s=rt_s, offsets=offsets, mz=mz[peaks], intensity=intensity[peaks], format="ANDI/netCDF",
        instrument=_andi_instrument(variables),
        acquired_at=iso_from_andi(texts.get("experiment_date_time_stamp", "")),
        ionization=ionization_name(method),
        polarity="negative" if is_negative(method) else polarity_name(texts.get("test_ionization_polarity")),
    )  # fmt: skip
    facts = FileFacts(
        profile=_declared_profile(texts.get("experiment_type", "")), time_note=time_note,
        electron_energy_ev=_electron_energy(attributes), n_null_points=int(null[peaks].sum()),
    )  # fmt: skip
    sim = "selected ion" in texts.get("test_scan_function", "").lower()
    return scans_of(run, facts, (ScanLabel(sim=sim),))


def _classic(content: bytes) -> tuple[dict[str, _Variable], Mapping[str, Any]]:
    from scipy.io import netcdf_file

    with netcdf_file(io.BytesIO(content), mmap=False) as file:
        # `_attributes` holds what the file says; the public way to it also reaches the reader's own fields.
        variables = {
            name: _Variable(np.array(file.variables[name][...]), dict(file.variables[name]._attributes))
            for name in _WANTED
            if name in file.variables
        }
        return variables, dict(file._attributes)


def _netcdf4(content: bytes) -> tuple[dict[str, _Variable], Mapping[str, Any]]:
    values, attributes, of_file = read_netcdf_hdf5(content, _WANTED)
    return {name: _Variable(values[name], attributes[name]) for name in values}, of_file


def _require_run(texts: Mapping[str, str], path: Path) -> None:
    if "library" in texts.get("experiment_type", "").lower():
        raise InputError(
            path, "is an ANDI library of spectra, not a run",
            "give it to `spectus library`, or to `spectus search --library`",
        )  # fmt: skip


def _require_mass_spectra(variables: Mapping[str, _Variable], path: Path) -> None:
    if "mass_values" not in variables and "ordinate_values" in variables:
        raise InputError(path, "is a chromatogram without masses (ANDI/AIA)", "export the mass spectra, not the TIC")
    missing = [name for name in ("mass_values", "intensity_values", "scan_acquisition_time") if name not in variables]
    if missing:
        raise InputError(
            path, f"is netCDF but lacks {', '.join(missing)} of ANDI/MS", "export the run as ANDI/MS (ASTM E2077)"
        )


def _require_numbers(variables: Mapping[str, _Variable], path: Path) -> None:
    for name in _NUMBERS & variables.keys():
        described = [variables[name].attributes.get(factor, 0.0) for factor in ("scale_factor", "add_offset")]
        arrays = [variables[name].values, *map(np.asarray, described)]
        if any(array.dtype.kind not in "iuf" for array in arrays) or not all(array.size for array in arrays[1:]):
            raise damaged(path, f"{name} holds something else than numbers")


def _andi_times(variable: _Variable, texts: Mapping[str, str]) -> tuple[Floats, str | None]:
    """Return the scan times, (n_scans,), s, and a line about a unit that is not known.

    The standard's unit is the second, and most writers do not repeat it.
    """
    times = variable.scaled().ravel()
    times[variable.null()] = np.nan
    unit = _andi_text(variable.attributes.get("units", b"")) or texts.get("units", "")
    seconds = seconds_in_unit(unit or "seconds")
    return times * (seconds or 1.0), unit_note(unit) if seconds is None else None


def _electron_energy(attributes: Mapping[str, Any]) -> float | None:
    """Return the electron energy, eV, where the file states one."""
    value = np.ravel(np.asarray(attributes.get("test_electron_energy", _NULL)))
    return float(value[0]) if len(value) and value.dtype.kind in "iuf" and 0 < value[0] < 1000 else None


def _extents(variables: Mapping[str, _Variable], n_scans: int, n_points: int, path: Path) -> tuple[Ints, Ints]:
    """Return the first point and the number of points of each scan, from `scan_index`, `point_count` or both."""
    with np.errstate(invalid="ignore"):  # a value that is no number becomes one far outside
        index, counts = (
            variables[name].values.ravel().astype(np.int64) if name in variables else None
            for name in ("scan_index", "point_count")
        )
    if index is None and counts is None:
        raise InputError(path, "has neither scan_index nor point_count", "export the run as ANDI/MS (ASTM E2077)")
    if any(numbers is not None and len(numbers) != n_scans for numbers in (index, counts)):
        raise damaged(path, f"scan_index or point_count do not have one number for each of {n_scans:,} scans")
    if counts is None:
        assert index is not None
        ends = np.append(index, n_points)
        # An empty scan, where some writers put -1, begins and ends where the next begins.
        following = np.minimum.accumulate(np.where(ends < 0, n_points, ends)[::-1])[::-1]
        index, counts = np.where(index < 0, following[:-1], index), np.diff(np.where(ends < 0, following, ends))
    if index is None:
        index = np.cumsum(counts) - counts
    if len(index) and index[0] == 1 and np.array_equal(index - 1, np.cumsum(counts) - counts):  # counted from 1
        index = index - 1
    # The index of a scan without points means nothing; some writers put -1 or the end of the data there.
    index = np.where(counts == 0, 0, index)
    wrong = (counts < 0) | (index < 0) | (index + counts > n_points)
    if wrong.any():
        raise damaged(path, f"scan {wrong.argmax() + 1:,} of {n_scans:,} lies outside the {n_points:,} points")
    if counts.sum() > n_points:
        raise damaged(path, f"the scans have {counts.sum():,} points but the file {n_points:,}")
    return index, counts


def _andi_instrument(variables: Mapping[str, _Variable]) -> str | None:
    """Return maker, model and name, each once."""
    texts = (
        _andi_text(variables[name].values[:1].tobytes())
        for name in ("instrument_mfr", "instrument_model", "instrument_name")
        if name in variables and variables[name].values.dtype.kind == "S"
    )
    return " ".join(dict.fromkeys(text for text in texts if text)) or None


def _declared_profile(experiment_type: str) -> bool | None:
    kind = experiment_type.lower()
    if "continuum" in kind:
        return True
    return False if "centroid" in kind else None


def _andi_text(value: Any) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return text.split("\0")[0].strip()
