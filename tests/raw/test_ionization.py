"""Ionization other than electron ionization at 70 eV is said in one line and kept in the runs table and in mzML."""

from pathlib import Path

import pytest

from spectus import tables
from spectus.raw.convert import convert_runs
from spectus.raw.ionization import ionization_name, ionization_note
from spectus.raw.read import read_run

from .files import SCANS, jcamp, term, write_andi, write_labeled_mzml, write_mzxml


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Electron Impact", "EI"), ("Electron ionisation", "EI"), ("EI+", "EI"), ("EI", "EI"), ("MS:1000389", "EI"),
        ("Chemical Ionization", "CI"), ("NCI", "CI"), ("PCI", "CI"), ("MS:1000071", "CI"), ("CI-", "CI"),
        ("Electrospray Ionization", "ESI"), ("NSI", "ESI"), ("MS:1000073", "ESI"), ("MS:1000398", "ESI"),
        ("Atmospheric Pressure Chemical Ionization", "APCI"), ("APCI", "APCI"), ("MALDI", "MALDI"),
        ("Field Desorption", "FD"), ("Fast Atom Bombardment", "FAB"), ("Other Ionization", "Other Ionization"),
        ("odd\x01\n", "odd?"),
        ("", None), ("  ", None), (None, None),
    ],
)  # fmt: skip
def test_names(text: str | None, name: str | None) -> None:
    assert ionization_name(text) == name


def test_notes() -> None:
    assert ionization_note(None, None, None) is ionization_note("EI", "positive", 70.0) is None
    assert ionization_note("EI", None, 60.0) is None
    assert "20 eV" in ionization_note("EI", "positive", 20.0)
    assert "ionization CI, negative polarity" in ionization_note("CI", "negative", None)
    assert "negative polarity" in ionization_note(None, "negative", None)


ANDI = {
    "CI": ({"test_ionization_mode": "Chemical Ionization"}, ("CI", None)),
    "ESI": (
        {"test_ionization_mode": "Electrospray Ionization", "test_ionization_polarity": "Positive Polarity"},
        ("ESI", "positive"),
    ),
    "negative CI": (
        {"test_ionization_mode": "Chemical Ionization", "test_ionization_polarity": "Negative Polarity"},
        ("CI", "negative"),
    ),
    "negative EI": (
        {"test_ionization_mode": "Electron Impact", "test_ionization_polarity": "Negative Polarity"},
        ("EI", "negative"),
    ),
}


@pytest.mark.parametrize("kind", ANDI)
def test_andi(kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    attributes, found = ANDI[kind]
    path = write_andi(tmp_path / "run.cdf", attributes=attributes)
    convert_runs([path], None, tmp_path / "out", tmp_path / "runs.parquet", "fail")
    (row,) = tables.read(tmp_path / "runs.parquet", tables.RUNS).to_pylist()
    assert (row["ionization"], row["polarity"]) == found
    (message,) = caplog.messages
    assert message == f"{path}: {row['note']}"
    assert found[0] in message and "positive electron ionization (EI) at 70 eV" in message
    # The mzML that is written says it too.
    back = read_run(tmp_path / "out" / "run.mzML")
    assert (back.ionization, back.polarity) == found
    assert len(caplog.messages) == 2


def test_usual_runs_are_silent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    usual = {"test_ionization_mode": "Electron Impact", "test_ionization_polarity": "Positive Polarity"}
    run = read_run(write_andi(tmp_path / "run.cdf", attributes=usual))
    assert (run.ionization, run.polarity) == ("EI", "positive") and caplog.messages == []


@pytest.mark.parametrize(
    ("source", "terms", "found"),
    [
        ("MS:1000071", "", ("CI", None)), ("MS:1000389", "", ("EI", None)),
        ("MS:1000389", term("MS:1000129"), ("EI", "negative")), ("MS:1000073", term("MS:1000130"), ("ESI", "positive")),
        ("", term("MS:1000512", "FTMS - p CI Full ms [50.0-600.0]"), ("CI", "negative")),
        ("", term("MS:1000512", "+ p EI Full ms [50.0-600.0]"), ("EI", "positive")),
        ("", "", (None, None)),
    ],
)  # fmt: skip
def test_mzml(
    source: str, terms: str, found: tuple[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = read_run(
        write_labeled_mzml(tmp_path / "run.mzML", SCANS, source=term(source) if source else "", terms=[terms])
    )
    assert (run.ionization, run.polarity) == found
    assert len(caplog.messages) == (found[0] not in ("EI", None) or found[1] == "negative")
    assert run.instrument is None  # the ion source is not its model


def test_mzxml(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_mzxml(tmp_path / "run.mzXML")
    text = path.read_text()
    assert text.count("<dataProcessing") == 1
    instrument = '<msInstrument><msModel value="X"/><msIonisation category="msIonisation" value="CI"/></msInstrument>'
    path.write_text(text.replace("<dataProcessing", instrument + "<dataProcessing").replace('"any"', '"-"'))
    run = read_run(path)
    assert (run.ionization, run.polarity) == ("CI", "negative")
    assert "ionization CI, negative polarity" in caplog.text


@pytest.mark.parametrize(("value", "found"), [("EI+", ("EI", "positive")), ("CI-", ("CI", "negative"))])
def test_jcamp(value: str, found: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "run.jdx").write_text(jcamp().replace("##SCAN", f"##.IONIZATION MODE= {value}\n##SCAN", 1))
    run = read_run(tmp_path / "run.jdx")
    assert (run.ionization, run.polarity) == found
