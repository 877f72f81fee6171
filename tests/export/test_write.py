from pathlib import Path

import pytest

from spectus.errors import InputError
from spectus.export.write import EXPORT_FORMATS, export_results


def test_all_formats_are_written_by_default_and_nothing_else(results: Path, tmp_path: Path) -> None:
    written = export_results(results, tmp_path / "out")
    assert sorted(tmp_path.joinpath("out").iterdir()) == sorted(written)
    assert len(written) == len(EXPORT_FORMATS)
    text = {path.suffix: path.read_bytes() for path in written if path.suffix != ".xlsx"}
    again = export_results(results / "report" / "dataset", tmp_path / "again")
    assert {path.suffix: path.read_bytes() for path in again if path.suffix != ".xlsx"} == text


def test_unknown_formats_and_folders_without_results_are_named(results: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--format pdf: is not a format; use csv, xlsx, msp, mgf, sdf, mztab"):
        export_results(results, tmp_path, ["csv", "pdf"])
    with pytest.raises(InputError, match="has no data set of a campaign"):
        export_results(tmp_path, tmp_path / "out")
    assert not list(tmp_path.iterdir())
