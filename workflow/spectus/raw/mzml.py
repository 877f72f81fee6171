"""mzML and mzXML, gzipped or not, by pyOpenMS; mzML is also what every run is written as.

pyOpenMS may crash on XML that is not well-formed, and it reads a file whose lists are shorter than it states, or whose
arrays have another length than stated, with no more than a warning. All three are checked here.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
import pyopenms as oms

from spectus import __version__
from spectus.errors import InputError
from spectus.files import replacing
from spectus.raw.content import contents, damaged, first_line
from spectus.raw.run import Run
from spectus.raw.timestamps import iso_or_none

# Names under which our own files keep what has no place of its own in OpenMS's model.
_INSTRUMENT, _ACQUIRED = "instrument name", "acquisition start"
_CENTROID, _PROFILE = oms.SpectrumSettings.SpectrumType.CENTROID, oms.SpectrumSettings.SpectrumType.PROFILE

# PSI-MS terms of raw formats. A source file without one is not named as such: OpenMS would call it mzData.
_FORMAT_TERMS = {
    "ANDI/netCDF": "Andi-MS format",
    "mzML": "mzML format",
    "mzXML": "ISB mzXML format",
    "JCAMP-DX": "text format",
}

# What the text of a file says: number of spectra, the tag of one, its number of points.
_ATTRIBUTE = rb"\s(?:[^>]*?\s)?%s\s*=\s*[\"']\s*(-?\d+)"
_DECLARED = {
    "mzML": re.compile(rb"<spectrumList" + _ATTRIBUTE % b"count"),
    "mzXML": re.compile(rb"<msRun" + _ATTRIBUTE % b"scanCount"),
}
_SPECTRUM = {"mzML": re.compile(rb"<spectrum\s"), "mzXML": re.compile(rb"<scan\s")}
_POINTS = {
    "mzML": re.compile(rb"<spectrum" + _ATTRIBUTE % b"defaultArrayLength"),
    "mzXML": re.compile(rb"<scan" + _ATTRIBUTE % b"peaksCount"),
}
_START = re.compile(rb"<run\s[^>]*?startTimeStamp\s*=\s*[\"']([^\"']*)")


def read_mzml(path: Path, kind: str) -> tuple[Run, bool | None]:
    """The MS1 scans of an mzML or mzXML file, and whether it calls them profile data (None: it does not say).

    Parameters
    ----------
    path: the file; gzip is recognised by content.
    kind: "mzML" or "mzXML".

    Raises
    ------
    InputError: the file is cut short or damaged, or its lists are not as long as it says.
    """
    text = contents(path)
    _require_well_formed(text, path)
    n_points = _stated_points(text, kind, path)
    found = _START.search(text)
    start = iso_or_none(found[1].decode("ascii", "replace")) if found else None
    del text
    experiment = _load(path, kind)
    if experiment.getSize() - sum(c.size() for c in experiment.getChromatograms()) != n_points:
        raise damaged(path, f"its spectra state {n_points:,} points and hold another number")
    return _run(experiment, kind, start)


def write_mzml(run: Run, path: Path, source: str) -> None:
    """Write a run as centroided mzML: zlib, m/z as 64-bit and intensities as 32-bit floats, times in s.

    The same run gives the same bytes. `source` is the name of the raw file, kept in the file's header.

    Raises
    ------
    InputError: the file cannot be written, or not whole.
    """
    experiment = to_experiment(run)
    _describe(experiment, run, source)
    file = oms.MzMLFile()
    options = file.getOptions()
    options.setCompression(True)
    file.setOptions(options)
    try:
        with replacing(path) as temporary, silence():
            file.store(str(temporary), experiment)
            _require_whole(temporary)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise InputError(
            path, f"cannot be written ({reason})", "check the folder, its permissions and the free space"
        ) from error


def to_experiment(run: Run, spectrum_type: Any = _CENTROID) -> "oms.MSExperiment":
    """The run as pyOpenMS holds it; every spectrum of the given type."""
    experiment = oms.MSExperiment()
    experiment.reserveSpaceSpectra(run.n_scans)
    mode = oms.InstrumentSettings()
    mode.setScanMode(oms.InstrumentSettings.ScanMode.MS1SPECTRUM)
    conversion = _conversion()
    bounds = run.offsets.tolist()
    for number, rt_s in enumerate(run.rt_s.tolist()):
        spectrum = oms.MSSpectrum()
        spectrum.setRT(rt_s)
        spectrum.setMSLevel(1)
        spectrum.setType(spectrum_type)
        spectrum.setInstrumentSettings(mode)
        spectrum.setDataProcessing([conversion])
        spectrum.setNativeID(f"scan={number + 1}")
        peaks = slice(bounds[number], bounds[number + 1])
        spectrum.set_peaks(run.mz[peaks], run.intensity[peaks])
        experiment.addSpectrum(spectrum)
    return experiment


def peaks_of(experiment: "oms.MSExperiment") -> dict[str, Any]:
    """`rt_s`, `offsets`, `mz` and `intensity` of the MS1 spectra, as `Run` takes them."""
    views = _ms1_views(experiment)
    peaks = [view.get_peaks() for view in views]
    return {
        "rt_s": np.array([view.getRT() for view in views], dtype=np.float64),
        "offsets": np.concatenate([[0], np.cumsum([len(mz) for mz, _ in peaks])]).astype(np.int64),
        "mz": np.concatenate([np.empty(0), *(mz for mz, _ in peaks)]),
        "intensity": np.concatenate([np.empty(0), *(intensity for _, intensity in peaks)]).astype(np.float64),
    }


def _require_well_formed(text: bytes, path: Path) -> None:
    """OpenMS trusts tags to stand where they belong, and crashes on some that do not."""
    try:
        expat.ParserCreate().Parse(text, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the latter two: an encoding unknown or unsupported
        raise damaged(path, f"XML: {first_line(error)}") from error


def _stated_points(text: bytes, kind: str, path: Path) -> int:
    """Points of all spectra as the file states them, once it proved to hold the spectra it states."""
    declared = _DECLARED[kind].search(text)
    present = sum(1 for _ in _SPECTRUM[kind].finditer(text))
    # The scanCount of mzXML, as OpenMS itself writes it, leaves out scans without peaks.
    if declared and not (0 <= int(declared[1]) <= present if kind == "mzXML" else int(declared[1]) == present):
        raise damaged(path, f"states {int(declared[1]):,} spectra and holds {present:,}")
    return sum(int(points) for points in _POINTS[kind].findall(text))


def _load(path: Path, kind: str) -> "oms.MSExperiment":
    experiment = oms.MSExperiment()
    reader = oms.MzMLFile() if kind == "mzML" else oms.MzXMLFile()
    try:
        with silence():
            reader.load(str(path), experiment)
    except (RuntimeError, ValueError, TypeError, MemoryError, IndexError, OverflowError) as error:
        raise damaged(path, f"{kind}: its spectra cannot be decoded") from error
    return experiment


def _ms1_views(experiment: "oms.MSExperiment") -> list[Any]:
    views = (experiment.spectrum_view(index) for index in range(experiment.getNrSpectra()))
    return [view for view in views if view.getMSLevel() == 1]


def _run(experiment: "oms.MSExperiment", kind: str, start: str | None) -> tuple[Run, bool | None]:
    types = {view.getType() for view in _ms1_views(experiment)}
    profile = types == {_PROFILE} if types in ({_PROFILE}, {_CENTROID}) else None
    instrument = experiment.getInstrument()
    name = (
        str(instrument.getMetaValue(_INSTRUMENT)) if instrument.metaValueExists(_INSTRUMENT) else instrument.getName()
    )
    if experiment.metaValueExists(_ACQUIRED):
        start = str(experiment.getMetaValue(_ACQUIRED))
    return Run(**peaks_of(experiment), format=kind, instrument=name or None, acquired_at=start), profile


def _conversion() -> "oms.DataProcessing":
    software = oms.Software()
    software.setName("spectus")
    software.setVersion(__version__)
    conversion = oms.DataProcessing()
    conversion.setSoftware(software)
    conversion.setProcessingActions({oms.DataProcessing.ProcessingAction.CONVERSION_MZML})
    return conversion


def _describe(experiment: "oms.MSExperiment", run: Run, source: str) -> None:
    instrument = oms.Instrument()
    if run.instrument:
        instrument.setMetaValue(_INSTRUMENT, run.instrument)
    experiment.setInstrument(instrument)
    if run.acquired_at:
        experiment.setMetaValue(_ACQUIRED, run.acquired_at)
        date = oms.DateTime()
        date.set(run.acquired_at[:19].replace("T", " "))
        experiment.setDateTime(date)
    experiment.setMetaValue("raw file", source)
    experiment.setMetaValue("raw format", run.format)
    if run.format in _FORMAT_TERMS:
        origin = oms.SourceFile()
        origin.setNameOfFile(source)
        origin.setFileType(_FORMAT_TERMS[run.format])
        origin.setNativeIDType("scan number only nativeID format")
        experiment.setSourceFiles([origin])


def _require_whole(path: Path) -> None:
    """pyOpenMS does not notice a full disk."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64))
        if not file.read().rstrip().endswith(b"</indexedmzML>"):
            raise OSError("the file was not written to its end")


@contextmanager
def silence() -> Iterator[None]:
    """Keep off the terminal what OpenMS writes there: what matters of it is raised as an error here.

    Its log has a level; what its decoders write to the error stream itself has none.
    """
    oms.LogConfigHandler.getInstance().setLogLevel("NONE")
    try:
        kept = os.dup(2)
    except OSError:  # no error stream at all
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
