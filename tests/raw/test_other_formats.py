"""Formats that cannot be read are named, with the program that converts them."""

import io
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pytest
from netCDF4 import Dataset

from spectus.errors import InputError
from spectus.raw.read import read_run

from .files import SCANS, write_andi, write_labeled_mzml


def archive(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name in names:
            file.writestr(name, "1.5")
    return made.getvalue()


CONTENTS = {
    "OpenChrom .ocb": (archive("SELECTEDFORMAT/VERSION", "CHROMATOGRAM/SCANS"), "export it as mzML"),
    "zip archive": (archive("run.mzML"), "unpack it first"),
    "Excel workbook": (archive("xl/workbook.xml"), "give ANDI/netCDF"),
    "zip archive of an Agilent .D": (archive("run.D/data.ms"), "unpack it first"),
    "Varian Saturn .SMS": (b"\x1c\0\x09\x03\0\0\x28\0SATURNWS" + bytes(2000), "with OpenChrom"),
    "AnIML": (b"<?xml version='1.0' encoding='utf-8'?>\r\n<AnIML version='0.90'>\r\n<SampleSet/>", "with OpenChrom"),
    "mzData": (b"<?xml version='1.0'?><mzData version='1.05'></mzData>", "msconvert"),
    "imzML": (
        b"<?xml version='1.0'?><mzML version='1.1'><cvParam accession='IMS:1000080' value='{1}'/></mzML>",
        "give the runs of a chromatograph",
    ),
    "tar archive": (b"run.D/".ljust(257, b"\0") + b"ustar" + bytes(300), "unpack it first"),
    "PDF": (b"%PDF-1.4\n", "give ANDI/netCDF"),
    "MSP": (b"NAME: toluene\nMW: 92\nNum Peaks: 2\n91 999; 92 500\n", "spectus search"),
    "MGF": (b"BEGIN IONS\nPEPMASS=92\n91 999\nEND IONS\n", "spectus search"),
    "a table as text": (b"time;area\n1.2;300\n", "export the run as ANDI/netCDF"),
    "no format that can be read": (b"area 300, unit 2\n1.2\n", "OpenChrom"),
}


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_run(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message


@pytest.mark.parametrize("name", ["run.mzML", "run.cdf", "run"])
@pytest.mark.parametrize("kind", CONTENTS)
def test_named_whatever_the_name(kind: str, name: str, tmp_path: Path) -> None:
    content, remedy = CONTENTS[kind]
    (tmp_path / name).write_bytes(content)
    message = refusal(tmp_path / name)
    assert kind in message and remedy in message
    assert "damaged" not in message


@pytest.mark.parametrize(
    ("table", "said"), [("bounding_box", "is mzDB; convert it to mzML with mzdb2mzml"), ("other", "SQLite database")]
)
def test_sqlite(table: str, said: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "run.mzDB") as base:
        base.execute(f"CREATE TABLE {table} (id INTEGER)")
    base.close()
    assert said in refusal(tmp_path / "run.mzDB")


def hdf5(path: Path, names: dict[str, bytes]) -> Path:
    with Dataset(path, "w") as file:
        for name, content in names.items():
            file.createDimension(f"{name}_length", len(content))
            file.createVariable(name, "u1", (f"{name}_length",))[:] = np.frombuffer(content, np.uint8)
    return path


def test_mz5_and_mzmlb_are_no_damaged_files(tmp_path: Path) -> None:
    mz5 = hdf5(tmp_path / "run.mz5", {"SpectrumMetaData": b"1234", "SpectrumIntensity": b"1234"})
    assert "is mz5; convert it to mzML with ProteoWizard (msconvert" in refusal(mz5)
    text = write_labeled_mzml(tmp_path / "run.mzML", SCANS).read_bytes()
    mzmlb = hdf5(tmp_path / "run.mzMLb", {"mzML": text, "mzML_spectrumIndex": b"1234"})
    assert "is mzMLb; convert it to mzML with ProteoWizard (msconvert" in refusal(mzmlb)
    assert read_run(write_andi(tmp_path / "run.cdf", netcdf4=True)).n_scans == 5


def test_a_folder_of_runs_names_the_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "day 1"
    for name in ("a.D", "b.D", "c.d", "notes.txt", ".hidden.D"):
        (folder / name).mkdir(parents=True)
    (folder / "std.CDF").touch()
    message = refusal(folder)
    assert "is a folder of 4 runs, not a run itself; to read them all, give " in message
    quoted = f"'{folder}'"
    assert message.endswith(f"give {quoted}/*.D {quoted}/*.d {quoted}/*.CDF")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.mzML.gz").touch()
    assert f"a folder of 1 run, not a run itself; to read them all, give {tmp_path / 'one'}/*.mzML.gz" in refusal(
        tmp_path / "one"
    )
