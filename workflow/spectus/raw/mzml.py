"""Writing mzML by pyOpenMS, scan after scan, so that a run need not be in memory as a whole."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyopenms as oms

from spectus import __version__
from spectus.errors import InputError
from spectus.files import replacing
from spectus.raw.content import first_line
from spectus.raw.mzml_index import ACQUIRED, INSTRUMENT, IONIZATION
from spectus.raw.run import Run

_CENTROID = oms.SpectrumSettings.SpectrumType.CENTROID
_PROFILE = oms.SpectrumSettings.SpectrumType.PROFILE

_FORMAT_TERMS = {
    "ANDI/netCDF": "Andi-MS format",
    "mzML": "mzML format",
    "mzXML": "ISB mzXML format",
    "JCAMP-DX": "text format",
}
"""PSI-MS terms of raw formats. A source file without one is not named as such, since OpenMS would call it mzData."""


class BadOutput(InputError):
    """An mzML file cannot be written, through no fault of the run: the next run would fail too."""


def write_mzml(run: Run, path: Path, source: str, profile: bool = False) -> None:
    """Write a run as mzML: zlib, m/z as 64-bit and intensities as 32-bit floats, times in s.

    The same run gives the same bytes.

    Parameters
    ----------
    run
        The run.
    path
        File to write.
    source
        Name of the raw file, which is kept in the file's header.
    profile
        Whether to declare its spectra as profiles; otherwise they are declared as centroids.

    Raises
    ------
    BadOutput
        The file cannot be written, or not whole.
    """
    write_blocks([run], run.n_scans, path, source, profile)


def write_blocks(blocks: Iterable[Run], n_scans: int, path: Path, source: str, profile: bool = False) -> None:
    """Write blocks of a run one after another, as `write_mzml` does; no block is kept once it is written.

    Parameters
    ----------
    blocks
        Blocks of the run.
    n_scans
        Scans of all blocks.
    path
        File to write.
    source
        Name of the raw file.
    profile
        As for `write_mzml`.
    """
    try:
        with replacing(path) as temporary:
            _store(blocks, n_scans, temporary, source, _PROFILE if profile else _CENTROID)
            _require_whole(temporary)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise BadOutput(
            path, f"cannot be written ({reason})", "check the folder, its permissions and the free space"
        ) from error


def _store(blocks: Iterable[Run], n_scans: int, path: Path, source: str, spectrum_type: Any) -> None:
    writer = oms.PlainMSDataWritingConsumer(str(path))
    options = writer.getOptions()
    options.setCompression(True)
    writer.setOptions(options)
    written = 0
    conversion = _conversion()  # one for all: the writer tells them apart by identity, and declares the first only
    for run in blocks:
        if not written:
            writer.setExpectedSize(n_scans, 0)
            writer.setExperimentalSettings(_description(run, source))
        with silence():
            for spectrum in _spectra(run, spectrum_type, conversion, written):
                writer.consumeSpectrum(spectrum)
        written += run.n_scans
    with silence():
        del writer  # which writes the index and closes the file
    if written != n_scans:
        raise OSError(f"{written:,} of {n_scans:,} scans were written")


def to_experiment(run: Run, spectrum_type: Any) -> "oms.MSExperiment":
    """Return the run as pyOpenMS holds it, with every spectrum of the given type."""
    experiment = oms.MSExperiment()
    experiment.reserveSpaceSpectra(run.n_scans)
    for spectrum in _spectra(run, spectrum_type, _conversion()):
        experiment.addSpectrum(spectrum)
    return experiment


def _spectra(
    run: Run, spectrum_type: Any, conversion: "oms.DataProcessing", first_scan: int = 0
) -> "Iterator[oms.MSSpectrum]":
    mode = oms.InstrumentSettings()
    mode.setScanMode(oms.InstrumentSettings.ScanMode.MS1SPECTRUM)
    if run.polarity:
        polarities = oms.IonSource.Polarity
        mode.setPolarity(polarities.NEGATIVE if run.polarity == "negative" else polarities.POSITIVE)
    bounds = run.offsets.tolist()
    for number, rt_s in enumerate(run.rt_s.tolist()):
        spectrum = oms.MSSpectrum()
        spectrum.setRT(rt_s)
        spectrum.setMSLevel(1)
        spectrum.setType(spectrum_type)
        spectrum.setInstrumentSettings(mode)
        spectrum.setDataProcessing([conversion])
        spectrum.setNativeID(f"scan={first_scan + number + 1}")
        peaks = slice(bounds[number], bounds[number + 1])
        spectrum.set_peaks(run.mz[peaks], run.intensity[peaks])
        yield spectrum


def peaks_of(experiment: "oms.MSExperiment") -> dict[str, Any]:
    """Return `rt_s`, `offsets`, `mz` and `intensity` of the MS1 spectra, as `Run` takes them."""
    views = _ms1_views(experiment)
    peaks = [view.get_peaks() for view in views]
    return {
        "rt_s": np.array([view.getRT() for view in views], dtype=np.float64),
        "offsets": np.concatenate([[0], np.cumsum([len(mz) for mz, _ in peaks])]).astype(np.int64),
        "mz": np.concatenate([np.empty(0), *(mz for mz, _ in peaks)]),
        "intensity": np.concatenate([np.empty(0), *(intensity for _, intensity in peaks)]).astype(np.float64),
    }


def _ms1_views(experiment: "oms.MSExperiment") -> list[Any]:
    views = (experiment.spectrum_view(index) for index in range(experiment.getNrSpectra()))
    return [view for view in views if view.getMSLevel() == 1]


def _conversion() -> "oms.DataProcessing":
    software = oms.Software()
    software.setName("spectus")
    software.setVersion(__version__)
    conversion = oms.DataProcessing()
    conversion.setSoftware(software)
    conversion.setProcessingActions({oms.DataProcessing.ProcessingAction.CONVERSION_MZML})
    return conversion


def _description(run: Run, source: str) -> "oms.ExperimentalSettings":
    experiment = oms.ExperimentalSettings()
    instrument = oms.Instrument()
    if run.instrument:
        instrument.setMetaValue(INSTRUMENT, run.instrument)
    experiment.setInstrument(instrument)
    if run.acquired_at:
        experiment.setMetaValue(ACQUIRED, run.acquired_at)
        date = oms.DateTime()
        date.set(run.acquired_at[:19].replace("T", " "))
        experiment.setDateTime(date)
    if run.ionization:
        experiment.setMetaValue(IONIZATION, run.ionization)
    experiment.setMetaValue("raw file", source)
    experiment.setMetaValue("raw format", run.format)
    if run.format in _FORMAT_TERMS:
        origin = oms.SourceFile()
        origin.setNameOfFile(source)
        origin.setFileType(_FORMAT_TERMS[run.format])
        origin.setNativeIDType("scan number only nativeID format")
        experiment.setSourceFiles([origin])
    return experiment


def _require_whole(path: Path) -> None:
    """Check that the file was written to its end, since pyOpenMS does not notice a full disk."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64))
        if not file.read().rstrip().endswith(b"</indexedmzML>"):
            raise OSError("the file was not written to its end")


@contextmanager
def silence() -> Iterator[None]:
    """Keep off the terminal what OpenMS writes there; this package raises its own errors.

    Its log has a level. Its decoders also write to the error stream itself, which has none.
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
