"""Writing mzML and reading it back; mzML and mzXML that others wrote."""

import gzip
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyopenms as oms
import pytest

from spectus import tables
from spectus.errors import InputError
from spectus.raw import mzml
from spectus.raw.convert import convert_runs
from spectus.raw.mzml import write_blocks, write_mzml
from spectus.raw.read import open_run, read_run
from spectus.raw.xml_run import open_xml

from .files import SCANS, assert_same_scans, experiment, jcamp, run_of
from .files import write_mzml as write_plain
from .large import write_large_mzml


def test_what_is_written_is_read(tmp_path: Path) -> None:
    run = run_of(instrument='GC/MSD Nº 2 "Änne" <質>', acquired_at="2007-09-23T04:08:00+02:00")
    write_mzml(run, tmp_path / "Läufe" / "Probe 7 µg.mzML", "Probe 7 µg.D")
    back = read_run(tmp_path / "Läufe" / "Probe 7 µg.mzML")
    assert_same_scans(back, run)
    np.testing.assert_array_equal(back.mz, run.mz)
    assert (back.instrument, back.acquired_at, back.format) == (run.instrument, run.acquired_at, "mzML")
    assert [path.name for path in (tmp_path / "Läufe").iterdir()] == ["Probe 7 µg.mzML"]


def test_an_instrument_that_cannot_be_written(tmp_path: Path) -> None:
    """Control characters, which XML does not know, and a name without end, from a damaged file."""
    (tmp_path / "run.jdx").write_text(jcamp().replace("GCMSD", "GC\x01MS\x0cD" + 500 * "x"))
    run = read_run(tmp_path / "run.jdx")
    assert run.instrument == "GC?MS?D" + 193 * "x" + "..."
    write_mzml(run, tmp_path / "run.mzML", "run.jdx")
    assert read_run(tmp_path / "run.mzML").instrument == run.instrument


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

    def stop_halfway(blocks: object, n_scans: int, path: Path, source: str, *_: object) -> None:
        path.write_text("<indexedmzML>")

    monkeypatch.setattr(mzml, "_store", stop_halfway)
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
    for old, new in ((b"<binary>", b"<binary>AAAA"), (b'defaultArrayLength="3"', b'defaultArrayLength="7"')):
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
        with open_xml(tmp_path / "run.mzML", "mzML", tmp_path / "run.mzML") as scans:
            assert scans.facts.profile is profile


def test_zeros_between_peaks_are_dropped(tmp_path: Path) -> None:
    with_zeros = [(time, [*peaks, (700.0, 0.0)]) for time, peaks in SCANS]
    write_plain(tmp_path / "run.mzML", with_zeros)
    assert_same_scans(read_run(tmp_path / "run.mzML"), run_of())


def test_precision_others_write(tmp_path: Path) -> None:
    """64-bit intensities, 32-bit m/z, integers, zlib or none, Numpress: read as pyOpenMS wrote them."""
    for change in ("plain", "narrow", "LINEAR", "PIC"):
        file = oms.MzMLFile()
        options = file.getOptions()
        options.setIntensity32Bit(change == "narrow")
        options.setMz32Bit(change == "narrow")
        if change in ("LINEAR", "PIC"):
            config = oms.NumpressConfig()
            config.np_compression = getattr(oms.MSNumpressCoder.NumpressCompression, change)
            config.estimate_fixed_point = True
            options.setCompression(change == "PIC")
            (
                options.setNumpressConfigurationMassTime if change == "LINEAR"
                else options.setNumpressConfigurationIntensity
            )(config)  # fmt: skip
        file.setOptions(options)
        file.store(str(tmp_path / "run.mzML"), experiment())
        content = (tmp_path / "run.mzML").read_bytes()
        assert (b"Numpress" in content or b"numpress" in content) == (change in ("LINEAR", "PIC"))
        assert_same_scans(read_run(tmp_path / "run.mzML"), run_of())


def test_terms_in_groups(tmp_path: Path) -> None:
    """As ProteoWizard writes what all spectra, or all instruments, have in common."""
    content = write_plain(tmp_path / "run.mzML").read_text("latin-1")
    level = next(line for line in content.splitlines() if "MS:1000511" in line).strip()
    group = (
        f'<referenceableParamGroupList count="2"><referenceableParamGroup id="common">{level}</referenceableParamGroup>'
        '<referenceableParamGroup id="ic"><cvParam cvRef="MS" accession="MS:1002525" name="TSQ 8000 Evo" value=""/>'
        "</referenceableParamGroup></referenceableParamGroupList><softwareList"
    )
    content = content.replace(level, '<referenceableParamGroupRef ref="common"/>').replace("<softwareList", group, 1)
    content = re.sub(
        r"(<instrumentConfiguration [^>]*>)", r'\1<referenceableParamGroupRef ref="ic"/>', content, count=1
    )
    (tmp_path / "run.mzML").write_text(content, "latin-1")
    run = read_run(tmp_path / "run.mzML")
    assert_same_scans(run, run_of())
    assert run.instrument == "TSQ 8000 Evo"


def test_spectra_of_light_and_of_fragments_are_left_out(tmp_path: Path) -> None:
    content = write_plain(tmp_path / "run.mzML").read_text("latin-1")
    level = 'name="ms level" value="1" />'
    assert level in content
    light = content.replace(level, level + '<cvParam cvRef="MS" accession="MS:1000804" name="EMR spectrum" />')
    (tmp_path / "light.mzML").write_text(light, "latin-1")
    with pytest.raises(InputError, match="no MS1 scans"):
        read_run(tmp_path / "light.mzML")


def test_a_run_of_many_blocks_is_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file of gigabytes is read: a few scans at a time, in order of time."""
    monkeypatch.setattr("spectus.raw.scans._BLOCK_POINTS", 3)
    for number, scans in enumerate((SCANS, list(reversed(SCANS)))):
        path = write_plain(tmp_path / f"{number}.mzML", scans)
        with open_run(path) as run:
            blocks = list(run.blocks)
        assert [block.n_scans for block in blocks] == [1, 2, 1, 1]
        assert_same_scans(read_run(path), run_of())
        write_mzml(run_of(), tmp_path / "whole.mzML", "run.cdf")
        blocks = [replace(block, format="made for a test") for block in blocks]
        write_blocks(blocks, run.n_scans, tmp_path / "blocks.mzML", "run.cdf")
        assert (tmp_path / "whole.mzML").read_bytes() == (tmp_path / "blocks.mzML").read_bytes()


def test_what_is_wrong_is_found_in_any_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spectus.raw.scans._BLOCK_POINTS", 3)
    write_plain(tmp_path / "run.mzML", [*SCANS[:3], (306.71, [(44.0, 100.0), (45.0, -5.0), (46.0, -5.0)])])
    with pytest.raises(InputError, match="negative intensities, first in scan 4"):
        read_run(tmp_path / "run.mzML")
    with pytest.raises(InputError, match="negative intensities, first in scan 4"):
        convert_runs([tmp_path / "run.mzML"], None, tmp_path / "out", tmp_path / "runs.parquet", "fail")
    assert list((tmp_path / "out").iterdir()) == []
    write_plain(tmp_path / "run.mzML", [(time, [(mz, 0.0) for mz, _ in peaks]) for time, peaks in SCANS])
    with pytest.raises(InputError, match="all intensities are zero"):
        convert_runs([tmp_path / "run.mzML"], None, tmp_path / "out", tmp_path / "runs.parquet", "fail")


def survives(path: Path, tmp_path: Path) -> None:
    """Reading our mzML gives the scans read from the raw file: times to 1 ms, m/z to 1e-4, intensities exactly."""
    run = read_run(path)
    convert_runs([path], ["run"], tmp_path, tmp_path / "runs.parquet", "fail")
    back = read_run(tmp_path / "run.mzML")
    assert_same_scans(back, run)
    assert (back.instrument, back.acquired_at) == (run.instrument, run.acquired_at)
    row = tables.read(tmp_path / "runs.parquet", tables.RUNS).to_pylist()[0]
    assert (row["n_scans"], row["rt_min_s"], row["rt_max_s"]) == (run.n_scans, run.rt_s[0], run.rt_s[-1])
    assert (row["mz_min"], row["mz_max"], row["format"]) == (run.mz.min(), run.mz.max(), run.format)


@pytest.mark.parametrize("name", ["etizolam/220223001.D", "pygecko/FKB-FA-060-A1.mzML.gz", "eley/ELEY_2_SUBTRACT.JDX"])
def test_real_run_survives(name: str, shared: Path, tmp_path: Path) -> None:
    survives(shared / "runs" / name, tmp_path)


@pytest.mark.slow
def test_every_real_run_survives(shared: Path, tmp_path: Path) -> None:
    paths = [
        path for path in sorted((shared / "runs").glob("*/*")) if path.suffix != ".tsv" and path.parent.suffix != ".D"
    ]
    assert len(paths) >= 22
    for path in paths:
        survives(path, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("profile", [True, False])
def test_memory_is_bounded(profile: bool, tmp_path: Path) -> None:
    """150 MB of mzML convert in what 15 MB take, give or take 150 MB: a gigabyte then does too."""
    used = []
    for n_bytes in (15_000_000, 150_000_000):
        n_scans = write_large_mzml(tmp_path / "large.mzML", n_bytes, profile)
        command = [sys.executable, "-c", _CONVERT, str(tmp_path / "large.mzML"), str(tmp_path)]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "workflow"), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        used.append(int(done.stdout) / 1024)
        row = tables.read(tmp_path / "runs.parquet", tables.RUNS).to_pylist()[0]
        assert (row["status"], row["n_scans"]) == ("ok", n_scans)
    assert max(used) < 400 and used[1] - used[0] < 150, used


_CONVERT = """
import resource, sys
from pathlib import Path
from spectus.raw.convert import convert_runs
folder = Path(sys.argv[2])
convert_runs([Path(sys.argv[1])], ["made"], folder, folder / "runs.parquet", "fail")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("form", ["mzML", "mzXML"])
def test_names_that_are_not_utf8_as_the_file_says(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"run.{form}"
    write_plain(path) if form == "mzML" else oms.MzXMLFile().store(str(path), experiment())
    text = path.read_text(encoding="latin-1")
    start = text.index("<indexedmzML" if form == "mzML" else "<mzXML")
    path.write_bytes(('<?xml version="1.0" encoding="UTF-8"?>\n<!-- Gerät -->' + text[start:]).encode("latin-1"))
    assert_same_scans(read_run(path), run_of())
    path.write_bytes(path.read_bytes().replace(b"<run ", b"<run \xff<", 1).replace(b"<msRun ", b"<msRun \xff<", 1))
    with pytest.raises(InputError, match="damaged"):
        read_run(path)
