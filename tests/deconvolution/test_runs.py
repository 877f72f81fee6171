"""The command `spectus deconvolve`."""

from pathlib import Path

import pytest

from spectus import tables
from spectus.deconvolution.runs import deconvolve_runs
from spectus.deconvolution.settings import DeconvolutionSettings
from spectus.errors import InputError
from spectus.raw.convert import convert_runs
from spectus.raw.mzml import write_mzml
from tests.deconvolution.made_runs import Eluting, made_run, spectrum


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two good runs with a broken one between them."""
    folder = tmp_path / "Läufe vom Montag"
    folder.mkdir()
    paths = [folder / f"{name}.mzML" for name in ("one", "broken", "two")]
    for seed, path in enumerate(paths):
        write_mzml(made_run([Eluting(spectrum(seed), 60.0, 1e5)]), path, "made")
    paths[1].write_text("<mzML>", encoding="utf-8")
    return paths


def names(out: Path) -> list[str]:
    return tables.read(out, tables.COMPONENTS)["run"].to_pylist()


def test_a_broken_run_stops_the_command_or_is_left_out(
    runs: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "components.parquet"
    with pytest.raises(InputError, match=r"broken\.mzML"):
        deconvolve_runs(runs, None, out, DeconvolutionSettings(), "fail")
    assert not out.exists()
    deconvolve_runs(runs, None, out, DeconvolutionSettings(), "skip")
    assert names(out) == ["one", "two"]
    assert "broken.mzML" in caplog.text


def test_a_runs_table_stands_for_its_good_runs(runs: list[Path], tmp_path: Path) -> None:
    convert_runs(runs, ["a", "b", "c"], tmp_path / "mzml", tmp_path / "runs.parquet", "skip")
    deconvolve_runs([tmp_path / "runs.parquet"], None, tmp_path / "components.parquet", DeconvolutionSettings(), "fail")
    assert names(tmp_path / "components.parquet") == ["a", "c"]


def test_nothing_but_broken_runs_gives_an_empty_table(runs: list[Path], tmp_path: Path) -> None:
    deconvolve_runs(runs[1:2], None, tmp_path / "components.parquet", DeconvolutionSettings(), "skip")
    assert names(tmp_path / "components.parquet") == []


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_wrong_settings_are_named(value: float) -> None:
    with pytest.raises(InputError, match="--min-snr"):
        DeconvolutionSettings(min_snr=value)


def test_min_snr_bounds_what_is_found(tmp_path: Path) -> None:
    """In both rounds, and in the column `snr`: nothing is left at 1e9."""
    crowd = [Eluting(spectrum(seed), 30.0 + 2.0 * seed, 10.0 ** (3 + seed % 4)) for seed in range(40)]
    write_mzml(made_run(crowd), tmp_path / "run.mzML", "made")
    counts = []
    for min_snr in (4.0, 30.0, 1e9):
        settings = DeconvolutionSettings(min_snr=min_snr)
        deconvolve_runs([tmp_path / "run.mzML"], None, tmp_path / "out.parquet", settings, "fail")
        snr = tables.read(tmp_path / "out.parquet", tables.COMPONENTS)["snr"].to_numpy()
        assert snr.min(initial=min_snr) >= min_snr
        counts.append(len(snr))
    assert counts[0] > counts[1] > counts[2] == 0


def test_a_run_without_components_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture, runs: list[Path]) -> None:
    silent = tmp_path / "silent.mzML"
    write_mzml(made_run([]), silent, "made")
    out = tmp_path / "components.parquet"
    deconvolve_runs([silent, runs[0]], None, out, DeconvolutionSettings(), "fail")
    assert names(out) and set(names(out)) == {"one"}
    assert caplog.messages == [f"{silent}: no components were found"]
