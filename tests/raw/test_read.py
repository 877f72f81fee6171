"""Reading runs: every format, every way of being unusable."""

import gzip
import random
import shutil
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from spectus import tables
from spectus.errors import InputError
from spectus.raw import netcdf_hdf5
from spectus.raw.read import NamedRun, named_runs, raw_file, read_run

from .files import (
    SCANS,
    WRITERS,
    assert_same_scans,
    chemstation,
    chromatogram,
    experiment,
    jcamp,
    run_of,
    write_andi,
    write_chemstation,
    write_mzml,
)

# A netCDF-4 file is read by a process of its own, which takes time to start: left out where nothing depends on it.
QUICK = [kind for kind in WRITERS if kind != "ANDI/netCDF-4"]


def made(kind: str, folder: Path, scans=SCANS) -> Path:
    name, write = WRITERS[kind]
    return write(folder / name, scans)


@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_gives_the_scans(kind: str, tmp_path: Path) -> None:
    run = read_run(made(kind, tmp_path))
    assert_same_scans(run, run_of())
    assert run.format == kind.removesuffix("-4")


@pytest.mark.parametrize("kind", QUICK)
def test_content_decides_not_the_name(kind: str, tmp_path: Path) -> None:
    disguised = raw_file(made(kind, tmp_path)).rename(tmp_path / "Probe 7 µg, Fluß №2.mzML.gz")
    assert_same_scans(read_run(disguised), run_of())


@pytest.mark.parametrize("kind", WRITERS)
def test_gzipped(kind: str, tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(raw_file(made(kind, tmp_path)).read_bytes()))
    assert_same_scans(read_run(packed), run_of())
    packed.write_bytes(packed.read_bytes()[:-4])
    assert "gzip" in refusal(packed)


def test_folder_with_spaces_and_foreign_letters(tmp_path: Path) -> None:
    folder = WRITERS["Agilent ChemStation"][1](tmp_path / "Läufe 2024" / "Wasser № 3.D")
    assert_same_scans(read_run(folder), run_of())
    assert_same_scans(read_run(folder / "DATA.MS"), run_of())


@pytest.mark.parametrize("kind", [kind for kind in WRITERS if kind != "JCAMP-DX"])
def test_cut_short(kind: str, tmp_path: Path) -> None:
    file = raw_file(made(kind, tmp_path))
    whole = file.read_bytes()
    shares = (0.1, 0.9) if kind == "ANDI/netCDF-4" else (0.002, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 0.995)
    for share in shares:
        file.write_bytes(whole[: max(1, int(len(whole) * share))])
        assert "cut short" in refusal(file)


def test_jcamp_cut_anywhere(tmp_path: Path) -> None:
    """A file cut between two pages is a shorter run, since `##END=` is often left out; any other is refused."""
    whole, file = jcamp(), tmp_path / "run.jdx"
    pages = [whole.index(f"##SCAN_NUMBER= {number}") for number in range(1, 6)]
    for length in range(1, len(whole) - 1, 3):
        file.write_text(whole[:length])
        n_scans = sum(length >= start for start in [*pages[1:], whole.index("##END")])
        try:
            assert_same_scans(read_run(file), run_of(SCANS[:n_scans]))
            assert whole[length - 1] == "\n" or "##END" in whole[:length]
        except InputError as error:
            assert "cut short" in str(error) or n_scans < 2


@pytest.mark.parametrize("kind", QUICK)
def test_damage_is_an_input_error_or_harmless(kind: str, tmp_path: Path) -> None:
    file = raw_file(made(kind, tmp_path))
    whole = file.read_bytes()
    chance = random.Random(17)
    for _ in range(60):
        content = bytearray(whole)
        for _ in range(chance.choice([1, 2, 10])):
            content[chance.randrange(len(content))] = chance.choice([0, 255, 127, chance.randrange(256)])
        file.write_bytes(content)
        try:
            assert np.isfinite(read_run(file).intensity).all()
        except InputError as error:
            assert str(file) in str(error) and "\n" not in str(error)


def test_missing_and_empty(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "absent.cdf")
    (tmp_path / "empty.mzML").touch()
    assert "empty" in refusal(tmp_path / "empty.mzML")
    (tmp_path / "empty.gz").write_bytes(gzip.compress(b""))
    assert "nothing" in refusal(tmp_path / "empty.gz")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"retention time\tarea\n1.2\t300\n", "is a table as text"),
        (b"<?xml version='1.0'?><html>not found</html>", "is a web page"),
        (b"<?xml version='1.0'?><pictures/>", "no format that can be read"),
        (b"\x01\xa1F\0i\0n\0n\0i\0g\0a\0n\0" + bytes(500), "ThermoRawFileParser"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "GCMSsolution"),
        (b"PK\x03\x04" + bytes(50), "unpack"),
        (b"\x0281" + bytes(500), "detector file"),
        (b"PAR1" + bytes(50), "Parquet"),
    ],
)
def test_foreign_files_named_mzml(content: bytes, named: str, tmp_path: Path) -> None:
    (tmp_path / "run.mzML").write_bytes(content)
    assert named in refusal(tmp_path / "run.mzML")


@pytest.mark.parametrize(
    ("inside", "named"),
    [
        ("AcqData/MSScan.bin", "MassHunter"),
        ("_FUNC001.DAT", "Waters"),
        ("analysis.baf", "Bruker"),
        ("note.txt", "data.ms"),
    ],
)
def test_foreign_folders(inside: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "run.D" / inside).parent.mkdir(parents=True)
    (tmp_path / "run.D" / inside).write_bytes(b"1234")
    assert named in refusal(tmp_path / "run.D")


@pytest.mark.parametrize("kind", QUICK)
def test_one_scan(kind: str, tmp_path: Path) -> None:
    assert "one scan only" in refusal(made(kind, tmp_path, SCANS[:1]))


@pytest.mark.parametrize("kind", QUICK)
def test_all_zero(kind: str, tmp_path: Path) -> None:
    silent = [(time, [(mz, 0.0) for mz, _ in peaks]) for time, peaks in SCANS]
    assert "all intensities are zero" in refusal(made(kind, tmp_path, silent))


@pytest.mark.parametrize("kind", [kind for kind in QUICK if kind != "Agilent ChemStation"])
@pytest.mark.parametrize(("wrong", "said"), [(-5.0, "negative"), (np.nan, "no finite number")])
def test_intensities_that_mean_nothing(kind: str, wrong: float, said: str, tmp_path: Path) -> None:
    scans = [*SCANS[:3], (306.71, [(44.0, 100.0), (45.0, wrong), (46.0, wrong)])]
    message = refusal(made(kind, tmp_path, scans))
    assert said in message and "scan 4" in message


def test_no_ms1_scans(tmp_path: Path) -> None:
    import pyopenms as oms

    oms.MzMLFile().store(str(tmp_path / "ms2.mzML"), experiment(level=2))
    assert "no MS1 scans" in refusal(tmp_path / "ms2.mzML")
    oms.MzMLFile().store(str(tmp_path / "none.mzML"), oms.MSExperiment())
    assert "no MS1 scans" in refusal(tmp_path / "none.mzML")
    (tmp_path / "none.ms").write_bytes(chemstation([]))
    assert "no MS1 scans" in refusal(tmp_path / "none.ms")


@pytest.mark.parametrize("count", [b"9" * 12, b"-4", b"4", b"6"])
def test_mzml_states_another_number_of_spectra(count: bytes, tmp_path: Path) -> None:
    file = write_mzml(tmp_path / "run.mzML")
    file.write_bytes(file.read_bytes().replace(b'spectrumList count="5"', b'spectrumList count="%s"' % count))
    assert "spectra and holds 5" in refusal(file)


@pytest.mark.parametrize("count", [b"2000000000", b"2"])
def test_mzml_states_another_number_of_points(count: bytes, tmp_path: Path) -> None:
    file = write_mzml(tmp_path / "run.mzML")
    file.write_bytes(file.read_bytes().replace(b'defaultArrayLength="3"', b'defaultArrayLength="%s"' % count))
    assert "numbers" in refusal(file) or "points" in refusal(file)


def test_mzml_with_a_tag_out_of_place(tmp_path: Path) -> None:
    file = write_mzml(tmp_path / "run.mzML")
    file.write_bytes(file.read_bytes().replace(b"<binaryDataArray ", b"<bin\xffryDataArray ", 1))
    assert "XML" in refusal(file)


@pytest.mark.parametrize(
    ("place", "value"),
    [(0x116, 0xFFFFFFFF), (0x116, 6), (0x104, 0xFFFFFFFF), (0x104, 0), (0x1000 + 2, 99), (0x1000 + 10, 0xFFFF0000)],
)
def test_data_ms_with_absurd_numbers(place: int, value: int, tmp_path: Path) -> None:
    content = bytearray(chemstation())
    struct.pack_into(">I", content, place, value)
    (tmp_path / "data.ms").write_bytes(content)
    assert "damaged" in refusal(tmp_path / "data.ms")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("point_count", [3, 3, 0, 1, 2_000_000_000]),
        ("point_count", [3, 3, 0, 1, -4]),
        ("scan_index", [0, 3, 6, 2_000_000_000, 7]),
        ("scan_index", [0, 3, 6]),
        ("intensity_values", [1.0, 2.0, 3.0]),
    ],
)
def test_andi_with_absurd_numbers(name: str, values: list[float], tmp_path: Path) -> None:
    kind = np.float64 if name == "intensity_values" else np.int32
    file = write_andi(tmp_path / "run.cdf", variables={name: np.array(values, kind)})
    assert "damaged" in refusal(file)


def test_andi_states_a_giant_dimension(tmp_path: Path) -> None:
    file = write_andi(tmp_path / "run.cdf")
    content = file.read_bytes()
    place = content.index(b"mass_values_number") + 20
    file.write_bytes(content[:place] + struct.pack(">i", 2**31 - 1) + content[place + 4 :])
    assert "damaged" in refusal(file)


def test_hdf5_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_andi(tmp_path / "run.cdf", netcdf4=True)
    monkeypatch.setattr(netcdf_hdf5, "_SECONDS", 0.0)
    monkeypatch.setattr(netcdf_hdf5, "_BYTES_PER_SECOND", 1e12)
    assert "does not end" in refusal(file)


def test_jcamp_states_absurd_points(tmp_path: Path) -> None:
    (tmp_path / "run.jdx").write_text(jcamp().replace("##NPOINTS= 4", "##NPOINTS= 400000000000"))
    assert "states 400000000000 points and has 4" in refusal(tmp_path / "run.jdx")


def test_names_come_from_the_files(tmp_path: Path) -> None:
    paths = [Path(name) for name in ("a/B 1.mzML.gz", "v1.2.cdf", "x.D", "y.D/data.ms", "220223001.D/", "plain")]
    assert [run.name for run in named_runs(paths)] == ["B 1", "v1.2", "x", "y", "220223001", "plain"]
    assert named_runs(paths[:1], ["other"]) == [NamedRun("other", paths[0])]


@pytest.mark.parametrize(
    ("paths", "names", "said"),
    [
        (["a/1.cdf", "b/1.mzML"], None, "has the name '1', as has a/1.cdf"),
        (["1.cdf", "2.cdf"], ["x", "x"], "has the name 'x'"),
        (["1.cdf", "2.cdf"], ["x"], "1 names for 2 runs"),
        (["1.cdf"], [" "], "empty"),
    ],
)
def test_names_that_do_not_fit(paths: list[str], names: list[str] | None, said: str) -> None:
    with pytest.raises(InputError, match=said):
        named_runs([Path(path) for path in paths], names)


def test_runs_table_stands_for_its_good_runs(tmp_path: Path) -> None:
    rows = [
        {"run": "a", "path": "raw/a.D", "status": "ok", "mzml": "mzml/a.mzML"},
        {"run": "b", "path": "raw/b.D", "status": "failed", "error": "gone"},
    ]
    table = tmp_path / "runs.parquet"
    tables.write(tables.table(tables.RUNS, rows), table, tables.RUNS)
    assert named_runs([table, Path("c.cdf")]) == [NamedRun("a", Path("mzml/a.mzML")), NamedRun("c", Path("c.cdf"))]
    with pytest.raises(InputError, match="leave out --name"):
        named_runs([table], ["x"])
    shutil.copy(table, tmp_path / "no suffix")
    assert named_runs([tmp_path / "no suffix"]) == [NamedRun("a", Path("mzml/a.mzML"))]


def test_runs_table_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        named_runs([tmp_path / "absent.parquet"])
    pa.parquet.write_table(pa.table({"run": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(InputError, match="lacks the columns status, mzml"):
        named_runs([tmp_path / "other.parquet"])


def refusal(path: Path) -> str:
    """The one line a user sees, which must name the file and a remedy."""
    with pytest.raises(InputError) as caught:
        read_run(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "; " in message and "\n" not in message
    return message


def test_whole_runs_that_are_doubted_or_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scans = [(time, [(20 * mz, counts) for mz, counts in peaks]) for time, peaks in chromatogram()]
    read_run(write_andi(tmp_path / "times_20.cdf", scans))
    assert "the m/z are perhaps stored times a factor" in caplog.text
    relative = [
        (time, [(mz, 100 * counts / max(height for _, height in peaks)) for mz, counts in peaks])
        for time, peaks in chromatogram()
    ]
    with pytest.raises(InputError, match="intensities are relative to each scan"):
        read_run(write_andi(tmp_path / "relative.cdf", relative))


def test_selected_ions_of_a_chemstation_folder(tmp_path: Path) -> None:
    (write_chemstation(tmp_path / "run.D") / "DATA.MS").rename(tmp_path / "run.D" / "dataSim.ms")
    with pytest.raises(InputError, match=r"holds dataSim\.ms.*and no data\.ms with full scans"):
        read_run(tmp_path / "run.D")
