"""Small raw files in every format, written by the tests themselves, and the scans they hold."""

import base64
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyopenms as oms
from netCDF4 import Dataset
from scipy.io import netcdf_file

from spectus.raw.run import Run

# Time in s and peaks (m/z, counts) of each scan. One scan is empty; one ion is at the ceiling of an Agilent detector.
Scans = Sequence[tuple[float, Sequence[tuple[float, float]]]]
SCANS: Scans = [
    (305.582, [(41.05, 120.0), (57.1, 2048.0), (73.05, 8388096.0)]),
    (305.958, [(43.1, 88.0), (73.0, 1000.0), (207.05, 40000.0)]),
    (306.334, []),
    (306.71, [(44.0, 16383.0)]),
    (307.086, [(55.05, 300.0), (69.1, 30.0), (147.1, 262144.0), (599.9, 1.0)]),
]


def run_of(scans: Scans = SCANS, **about: str | None) -> Run:
    """The run a reader must return for these scans."""
    peaks = np.array([peak for _, scan in scans for peak in scan], dtype=np.float64).reshape(-1, 2)
    return Run(
        rt_s=np.array([time for time, _ in scans], dtype=np.float64),
        offsets=np.concatenate([[0], np.cumsum([len(scan) for _, scan in scans])]).astype(np.int64),
        mz=peaks[:, 0],
        intensity=peaks[:, 1],
        format=about.get("format") or "made for a test",
        instrument=about.get("instrument"),
        acquired_at=about.get("acquired_at"),
    )


def assert_same_scans(read: Run, expected: Run) -> None:
    """Times to 1 ms, m/z to 1e-4, intensities exactly."""
    np.testing.assert_array_equal(read.offsets, expected.offsets)
    np.testing.assert_allclose(read.rt_s, expected.rt_s, rtol=0, atol=1e-3)
    np.testing.assert_allclose(read.mz, expected.mz, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(read.intensity, expected.intensity)


def chemstation(scans: Scans = SCANS, instrument: str = "GCMSD_2", date: str = "17 Mar 20   4:46 pm") -> bytes:
    """The bytes of a data.ms: peaks in descending m/z, directory at the end."""
    records, directory, at = b"", b"", 0x1000
    for time, peaks in scans:
        words = [word for mz, counts in reversed(peaks) for word in (round(mz * 20), _packed(counts))]
        record_ms, total = round(time * 1000), round(sum(counts for _, counts in peaks))
        head = struct.pack(">HIHHHH", 14 + len(words), record_ms, 6 + len(words), 1, 0, len(peaks))
        record = head + struct.pack(f">HH{len(words)}HHHHI", 0, 0, *words, 5, 4, 0, total)
        directory += struct.pack(">III", at // 2 + 1, record_ms, total)
        records, at = records + record, at + len(record)
    header = bytearray(0x1000)
    header[:2] = b"\x012"
    for place, text in ((0x04, "GC / MS Data File"), (0xB2, date), (0xD0, instrument)):
        header[place : place + 1 + len(text)] = bytes([len(text)]) + text.encode("cp1252")
    struct.pack_into(">I", header, 0x104, at // 2 + 1)
    struct.pack_into(">I", header, 0x116, len(scans))
    return bytes(header) + records + directory


def _packed(counts: float) -> int:
    """14 bits of mantissa, two of an exponent to base 8."""
    exponent = next(power for power in range(4) if counts < 0x4000 * 8**power)
    return int(counts // 8**exponent) | exponent << 14


def write_chemstation(path: Path, scans: Scans = SCANS) -> Path:
    path.mkdir(parents=True)
    (path / "DATA.MS").write_bytes(chemstation(scans))
    return path


def write_andi(
    path: Path,
    scans: Scans = SCANS,
    *,
    netcdf4: bool = False,
    without: Sequence[str] = (),
    variables: Mapping[str, np.ndarray] | None = None,
    scale: Mapping[str, float] | None = None,
    units: str = "Seconds",
    kind: str = "Centroided Mass Spectrum",
    types: Mapping[str, str] | None = None,
    offset: Mapping[str, float] | None = None,
    attributes: Mapping[str, str] | None = None,
) -> Path:
    """ANDI/MS with the variables of the standard.

    `scale` divides a variable's values and `offset` is taken from them, and the file states both; `types` are netCDF
    types other than the usual, `attributes` others of the file.
    """
    run = run_of(scans)
    counts = np.diff(run.offsets)
    content = {
        "scan_acquisition_time": run.rt_s,
        "scan_index": run.offsets[:-1].astype(np.int32),
        "point_count": counts.astype(np.int32),
        "mass_values": run.mz,
        "intensity_values": run.intensity,
        **(variables or {}),
    }
    with Dataset(path, "w") if netcdf4 else netcdf_file(path, "w") as file:
        file.experiment_type = kind
        file.experiment_date_time_stamp = "20070923040800+0200"
        for name, text in (attributes or {}).items():
            setattr(file, name, text)
        file.createDimension("_32_byte_string", 32)
        file.createDimension("instrument_number", 1)
        for name in content.keys() - set(without):
            values = np.asarray(content[name])
            factor, added = ((told or {}).get(name, neutral) for told, neutral in ((scale, 1.0), (offset, 0.0)))
            dimension = f"{name}_number"
            file.createDimension(dimension, len(values))
            usual = values.dtype.str[1:] if values.dtype.kind == "i" else "f8"
            form = np.dtype((types or {}).get(name, usual))
            kept = file.createVariable(name, form.str[1:], (dimension,))
            if netcdf4:
                kept.set_auto_maskandscale(False)
            stored = (values - added) / factor if (factor, added) != (1.0, 0.0) else values
            kept[:] = np.round(stored) if form.kind in "iu" else stored
            kept.scale_factor = factor
            kept.add_offset = added
            kept.units = units if name == "scan_acquisition_time" else "M/Z"
        name = file.createVariable(
            "instrument_name", "S1" if netcdf4 else "c", ("instrument_number", "_32_byte_string")
        )
        name[:] = np.array([list("Gas Chromatograph".ljust(32, "\0"))], dtype="S1")
    return path


def jcamp(scans: Scans = SCANS, separator: str = ", ", per_line: int = 1, table: str = "XYDATA") -> str:
    """JCAMP-DX with a page a scan."""
    lines = ["##TITLE= made for a test", "##SPECTROMETER/DATA SYSTEM= GCMSD", "##LONGDATE= 2019/03/06 13:43:00"]
    for number, (time, peaks) in enumerate(scans, 1):
        lines += [f"##SCAN_NUMBER= {number}", f"##PAGE=   T={time}", f"##NPOINTS= {len(peaks)}"]
        lines += [f"##{table}= (XY..XY) $$ pairs of m/z and counts"]
        pairs = [f"{mz}{separator}{counts}" for mz, counts in peaks]
        lines += ["; ".join(pairs[start : start + per_line]) for start in range(0, len(pairs), per_line)]
    return "\n".join([*lines, "##END="]) + "\n"


def write_jcamp(path: Path, scans: Scans = SCANS) -> Path:
    path.write_text(jcamp(scans))
    return path


def experiment(
    scans: Scans = SCANS,
    level: int = 1,
    kind: oms.SpectrumSettings.SpectrumType = oms.SpectrumSettings.SpectrumType.CENTROID,
) -> oms.MSExperiment:
    made = oms.MSExperiment()
    for number, (time, peaks) in enumerate(scans, 1):
        spectrum = oms.MSSpectrum()
        spectrum.setRT(time)
        spectrum.setMSLevel(level)
        spectrum.setType(kind)
        spectrum.setNativeID(f"scan={number}")
        pairs = np.array(peaks, dtype=np.float64).reshape(-1, 2)
        spectrum.set_peaks(pairs[:, 0], pairs[:, 1])
        made.addSpectrum(spectrum)
    return made


_SPECTRUM = (
    '<spectrum index="{index}" id="{identifier}" defaultArrayLength="{n_points}">'
    '<cvParam cvRef="MS" accession="MS:1000511" name="ms level" value="1"/>{terms}'
    '<scanList count="1"><scan>{time}{window}</scan></scanList>'
    '<binaryDataArrayList count="2">{arrays}</binaryDataArrayList></spectrum>\n'
)
_ARRAY = (
    '<binaryDataArray encodedLength="{length}"><cvParam cvRef="MS" accession="MS:1000523" name="64-bit float"/>'
    '<cvParam cvRef="MS" accession="MS:1000576" name="no compression"/><cvParam cvRef="MS" accession="{kind}" name=""/>'
    "<binary>{text}</binary></binaryDataArray>"
)
SECONDS = 'unitCvRef="UO" unitAccession="UO:0000010" unitName="second"'


def term(accession: str, value: object = "", more: str = "") -> str:
    """An mzML term."""
    return f'<cvParam cvRef="MS" accession="{accession}" name="" value="{value}" {more}/>'


def write_labeled_mzml(
    path: Path,
    scans: Scans,
    *,
    identifiers: Sequence[str] = (),
    terms: Sequence[str] = (),
    windows: Sequence[tuple[float, float]] = (),
    unit: str = SECONDS,
    per_second: float = 1.0,
    time: str = "MS:1000016",
    source: str = "",
) -> Path:
    """mzML as plain text, whose spectra have these native identifiers, terms and mass windows, repeated as needed.

    Times are written times `per_second` with the attributes `unit`; `source` is a term of the ion source.
    """

    def repeated(values: Sequence[object], number: int) -> object:
        return values[number % len(values)] if values else None

    spectra = []
    for index, (seconds, peaks) in enumerate(scans):
        pairs = np.array(peaks, dtype=np.float64).reshape(-1, 2)
        texts = [base64.b64encode(column.astype("<f8").tobytes()).decode() for column in pairs.T]
        arrays = "".join(
            _ARRAY.format(length=len(text), kind=kind, text=text)
            for text, kind in zip(texts, ("MS:1000514", "MS:1000515"), strict=True)
        )
        window = repeated(windows, index)
        spectra.append(_SPECTRUM.format(
            index=index, identifier=repeated(identifiers, index) or f"scan={index + 1}", n_points=len(pairs),
            terms=repeated(terms, index) or "", time=term(time, seconds * per_second, unit), arrays=arrays,
            window="" if window is None else (
                '<scanWindowList count="1"><scanWindow>'
                + term("MS:1000501", window[0]) + term("MS:1000500", window[1]) + "</scanWindow></scanWindowList>"
            ),
        ))  # fmt: skip
    path.write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<mzML xmlns="http://psi.hupo.org/ms/mzml" version="1.1.0">'
        '<instrumentConfigurationList count="1"><instrumentConfiguration id="IC1"><componentList count="1">'
        f'<source order="1">{source}</source></componentList></instrumentConfiguration></instrumentConfigurationList>'
        f'<run id="r"><spectrumList count="{len(spectra)}">\n{"".join(spectra)}</spectrumList></run></mzML>\n'
    )
    return path


def chromatogram(n_scans: int = 60, step: float = 0.5, ions: Sequence[float] = (), seed: int = 1) -> Scans:
    """Full scans of background and one compound, whose apex is in the middle.

    All scans hold the ions of air, bleed and of the compound at intensities that follow its peak, and some noise.
    """
    chance = np.random.default_rng(seed)
    background = {28.05: 3000.0, 32.0: 900.0, 44.05: 400.0, 73.1: 600.0, 207.05: 1500.0, 281.1: 700.0}
    compound = dict.fromkeys(ions, 2000.0) or {
        43.1: 9000.0,
        57.15: 20000.0,
        91.05: 8000.0,
        134.1: 4000.0,
        178.2: 2000.0,
    }
    scans = []
    for number in range(n_scans):
        height = np.exp(-0.5 * ((number - n_scans / 2) / 3) ** 2)
        peaks = {mz: counts * chance.uniform(0.8, 1.2) for mz, counts in background.items()}
        peaks |= {mz: counts * height for mz, counts in compound.items() if counts * height > 5}
        peaks |= {
            float(mz) + 0.3: chance.uniform(20, 80) for mz in chance.choice(np.arange(35, 340), 12, replace=False)
        }
        scans.append((100 + step * number, sorted((mz, float(round(counts))) for mz, counts in peaks.items())))
    return scans


def write_mzml(path: Path, scans: Scans = SCANS) -> Path:
    oms.MzMLFile().store(str(path), experiment(scans))
    return path


def write_mzxml(path: Path, scans: Scans = SCANS) -> Path:
    oms.MzXMLFile().store(str(path), experiment(scans))
    return path


def write_andi_hdf5(path: Path, scans: Scans = SCANS) -> Path:
    return write_andi(path, scans, netcdf4=True)


WRITERS: dict[str, tuple[str, Callable[..., Path]]] = {
    "ANDI/netCDF": ("run.cdf", write_andi),
    "ANDI/netCDF-4": ("run4.cdf", write_andi_hdf5),
    "mzML": ("run.mzML", write_mzml),
    "mzXML": ("run.mzXML", write_mzxml),
    "JCAMP-DX": ("run.jdx", write_jcamp),
    "Agilent ChemStation": ("run.D", write_chemstation),
}
