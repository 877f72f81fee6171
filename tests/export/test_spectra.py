from pathlib import Path

import numpy as np
import pytest

from spectus.export.spectra import one_line
from spectus.export.write import export_results
from spectus.library.records import read_spectra
from tests.report.synthetic import Rows


@pytest.mark.parametrize("form", ["msp", "mgf"])
def test_spectra_come_back(results: Path, rows: Rows, tmp_path: Path, form: str) -> None:
    (path,) = export_results(results, tmp_path, [form])
    found = read_spectra(path).to_pylist()
    assert [row["name"] for row in found] == [row["feature"] for row in rows.features]
    for row, feature in zip(found, rows.features, strict=True):
        assert row["reason"] is None
        assert row["ri"] == pytest.approx(feature["ri"], abs=0.006)
        seen = np.array(feature["intensity"]) * 1000 >= 0.00005
        assert row["mz"] == pytest.approx(np.array(feature["mz"])[seen].tolist(), abs=1e-4)
        assert row["intensity"] == pytest.approx(np.array(feature["intensity"])[seen].tolist(), abs=1e-6)


def test_a_candidate_is_not_stated_as_the_compound(results: Path, tmp_path: Path) -> None:
    """The spectrum is measured, so a library made of it must not claim a structure that may be wrong."""
    export_results(results, tmp_path, ["msp"])
    text = (tmp_path / "spectra.msp").read_text(encoding="utf-8")
    assert "Comment: first candidate at level 2a is Toluene\n" in text
    assert all(row["smiles"] is None for row in read_spectra(tmp_path / "spectra.msp").to_pylist())


def test_retention_times_have_the_unit_of_their_format(results: Path, rows: Rows, tmp_path: Path) -> None:
    export_results(results, tmp_path, ["msp", "mgf"])
    rt_s = rows.features[0]["rt_s"]
    assert f"RETENTIONTIME: {rt_s / 60:.4f}\n" in (tmp_path / "spectra.msp").read_text()
    assert f"RTINSECONDS={rt_s:.3f}\n" in (tmp_path / "spectra.mgf").read_text()


def test_a_text_is_brought_onto_one_line() -> None:
    assert one_line(" a\tb\r\nc\x00d ") == "a b c d"
