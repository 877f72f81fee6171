"""Writing mzML and reading it back; mzML and mzXML that others wrote."""

import gzip
from pathlib import Path

import numpy as np
import pyopenms as oms
import pytest

from spectus.errors import InputError
from spectus.raw import mzml
from spectus.raw.mzml import write_mzml
from spectus.raw.read import read_run

from .files import SCANS, assert_same_scans, experiment, run_of
from .files import write_mzml as write_plain


def test_what_is_written_is_read(tmp_path: Path) -> None:
    run = run_of(instrument='GC/MSD Nº 2 "Änne" <質>', acquired_at="2007-09-23T04:08:00+02:00")
    write_mzml(run, tmp_path / "Läufe" / "Probe 7 µg.mzML", "Probe 7 µg.D")
    back = read_run(tmp_path / "Läufe" / "Probe 7 µg.mzML")
    assert_same_scans(back, run)
    np.testing.assert_array_equal(back.mz, run.mz)
    assert (back.instrument, back.acquired_at, back.format) == (run.instrument, run.acquired_at, "mzML")
    assert [path.name for path in (tmp_path / "Läufe").iterdir()] == ["Probe 7 µg.mzML"]


def test_date_without_zone_and_run_without_either(tmp_path: Path) -> None:
    for about in ({"acquired_at": "2011-01-27T22:25:00"}, {}):
        write_mzml(run_of(**about), tmp_path / "run.mzML", "run.cdf")
        back = read_run(tmp_path / "run.mzML")
        assert (back.acquired_at, back.instrument) == (about.get("acquired_at"), None)


def test_large_counts_and_close_masses_are_kept(tmp_path: Path) -> None:
    scans = [(0.001, [(73.0468, 8388096.0), (73.04685, 199655424.0)]), (4007.722, [(599.9, 16777215.0)])]
    write_mzml(run_of(scans), tmp_path / "run.mzML", "run.cdf")
    assert_same_scans(read_run(tmp_path / "run.mzML"), run_of(scans))


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_mzml(run_of(), tmp_path / f"{name}.mzML", "run.cdf")
    content = (tmp_path / "a.mzML").read_bytes()
    assert content == (tmp_path / "b.mzML").read_bytes()
    assert b"zlib compression" in content and b"centroid spectrum" in content and b"64-bit float" in content


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "run.mzML"
    target.write_text("old")

    def stop_halfway(file: object, path: str, made: oms.MSExperiment) -> None:
        Path(path).write_text("<indexedmzML>")

    monkeypatch.setattr(oms.MzMLFile, "store", stop_halfway)
    with pytest.raises(InputError, match=r"cannot be written .*not written to its end.*; .*free space"):
        write_mzml(run_of(), target, "run.cdf")
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_mzml(run_of(), tmp_path / "file" / "run.mzML", "run.cdf")


def test_nothing_on_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_mzml(run_of(), tmp_path / "run.mzML", "run.cdf")
    read_run(tmp_path / "run.mzML")
    content = (tmp_path / "run.mzML").read_bytes()
    for old, new in ((b"<binary>", b"<binary>!!!"), (b'defaultArrayLength="3"', b'defaultArrayLength="7"')):
        (tmp_path / "bad.mzML").write_bytes(content.replace(old, new))
        with pytest.raises(InputError):
            read_run(tmp_path / "bad.mzML")
    assert capfd.readouterr() == ("", "")


def test_minutes_single_quotes_and_declared_encoding(tmp_path: Path) -> None:
    """As other writers put it."""
    content = write_plain(tmp_path / "run.mzML").read_bytes()
    for time, _ in SCANS:
        seconds = b'value="%s" unitAccession="UO:0000010" unitName="second"' % str(time).encode()
        assert seconds in content
        minutes = b"value='%s' unitAccession='UO:0000031' unitName='minute'" % str(time / 60).encode()
        content = content.replace(seconds, minutes)
    content = content.replace(b'spectrumList count="5"', b"spectrumList count = '5'").replace(b"ISO-8859-1", b"UTF-8")
    (tmp_path / "run.mzML").write_bytes(content)
    assert_same_scans(read_run(tmp_path / "run.mzML"), run_of())


def test_start_time_and_model_of_others(tmp_path: Path) -> None:
    made = experiment()
    instrument = oms.Instrument()
    instrument.setName("TSQ 8000 Evo")
    made.setInstrument(instrument)
    oms.MzMLFile().store(str(tmp_path / "run.mzML"), made)
    content = (tmp_path / "run.mzML").read_bytes()
    stamped = content.replace(b"<run ", b'<run startTimeStamp="2023-08-11T04:49:00.000-04:00" ')
    (tmp_path / "run.mzML").write_bytes(stamped)
    run = read_run(tmp_path / "run.mzML")
    assert (run.instrument, run.acquired_at) == ("TSQ 8000 Evo", "2023-08-11T04:49:00-04:00")


def test_only_ms1(tmp_path: Path) -> None:
    mixed = experiment()
    for spectrum in experiment([(306.0, [(91.0, 5.0)]), (307.0, [(92.0, 5.0)])], level=2).getSpectra():
        mixed.addSpectrum(spectrum)
    oms.MzMLFile().store(str(tmp_path / "run.mzML"), mixed)
    assert_same_scans(read_run(tmp_path / "run.mzML"), run_of())


def test_chromatograms_beside_the_spectra(tmp_path: Path) -> None:
    made, tic = experiment(), oms.MSChromatogram()
    tic.set_peaks((np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    made.setChromatograms([tic])
    oms.MzMLFile().store(str(tmp_path / "run.mzML"), made)
    assert_same_scans(read_run(tmp_path / "run.mzML"), run_of())
    packed = gzip.compress((tmp_path / "run.mzML").read_bytes())
    (tmp_path / "run.mzML").write_bytes(packed)
    assert_same_scans(read_run(tmp_path / "run.mzML"), run_of())


def test_profile_is_told_by_all_spectra(tmp_path: Path) -> None:
    kinds = oms.SpectrumSettings.SpectrumType
    for kind, profile in ((kinds.PROFILE, True), (kinds.CENTROID, False), (kinds.UNKNOWN, None)):
        oms.MzMLFile().store(str(tmp_path / "run.mzML"), experiment(kind=kind))
        assert mzml.read_mzml(tmp_path / "run.mzML", "mzML")[1] is profile


def test_zeros_between_peaks_are_dropped(tmp_path: Path) -> None:
    with_zeros = [(time, [*peaks, (700.0, 0.0)]) for time, peaks in SCANS]
    write_plain(tmp_path / "run.mzML", with_zeros)
    assert_same_scans(read_run(tmp_path / "run.mzML"), run_of())


def test_every_real_run_survives(shared: Path, tmp_path: Path) -> None:
    paths = [path for path in sorted((shared / "runs").glob("*/*")) if path.suffix != ".tsv"]
    assert len(paths) >= 22
    for path in paths:
        run = read_run(path)
        write_mzml(run, tmp_path / "run.mzML", path.name)
        back = read_run(tmp_path / "run.mzML")
        assert_same_scans(back, run)
        assert (back.instrument, back.acquired_at) == (run.instrument, run.acquired_at)
