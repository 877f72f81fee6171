"""The command's files: readable, complete, the same for the same seed."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from spectus import tables
from spectus.cli import main
from spectus.raw.read import read_run
from spectus.samples import read_samples
from spectus.simulation.presets import settings_for
from spectus.simulation.runs import simulate

from .conftest import LIBRARIES

SMALL = ["compounds=8", "run_s=120", "least_gap_fwhm=0", "mz_high=300"]


def run_command(out: Path, *options: str) -> int:
    return main(["simulate", "--library", *map(str, LIBRARIES), "--out", str(out), *options])


def test_example_recipe_writes_runs_ground_truth_and_sheet(tmp_path: Path) -> None:
    out = tmp_path / "a folder, größer"
    assert run_command(out, "--preset", "example", "--set", *SMALL) == 0
    samples = read_samples(out / "samples.tsv")
    assert [(sample.run, sample.type) for sample in samples] == [
        ("ladder", "ladder"), ("sample_1", "sample"), ("sample_2", "sample"), ("blank", "blank"),
    ]  # fmt: skip
    ground_truth = tables.read(out / "ground_truth.parquet", tables.GROUND_TRUTH)
    assert set(ground_truth["run"].to_pylist()) == {sample.run for sample in samples}
    for sample in samples:
        run = read_run(sample.path)
        assert sample.path.name == f"{sample.run}.mzML.gz"
        assert run.n_scans == 343
        assert run.intensity.max() > 1e4


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        assert run_command(tmp_path / name, "--preset", "example", "--seed", "3", "--set", *SMALL) == 0
    for path in (tmp_path / "first").glob("*.mzML.gz"):
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()
    first, second = (
        tables.read(tmp_path / name / "ground_truth.parquet", tables.GROUND_TRUTH) for name in ("first", "second")
    )
    assert first.equals(second)


def test_a_dilution_has_its_amounts_in_the_sheet(tmp_path: Path) -> None:
    assert run_command(tmp_path, "--preset", "dilution", "--set", "compounds=2", "run_s=60", "samples=3") == 0
    samples = read_samples(tmp_path / "samples.tsv")
    assert [sample.amount for sample in samples] == pytest.approx([0.001, 0.0316228, 1.0])
    assert {sample.type for sample in samples} == {"calibrator"}


def test_written_and_read_again_a_run_is_the_same(tmp_path: Path, library: pa.Table) -> None:
    overrides = ["compounds=4", "run_s=60"]
    assert run_command(tmp_path, "--seed", "9", "--set", *overrides) == 0
    made = next(simulate(library, settings_for("benchmark", overrides), 9)).run
    read = read_run(tmp_path / "sample_1.mzML")
    assert np.allclose(read.rt_s, made.rt_s)
    assert np.allclose(read.mz, made.mz)
    assert np.allclose(read.intensity, made.intensity)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--preset", "nonsense"], "no such recipe"),
        (["--set", "colour=red"], "no setting 'colour'"),
        (["--seed", "-1"], "is negative"),
    ],
)
def test_bad_options_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], complaint: str
) -> None:
    assert run_command(tmp_path / "out", *options) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_missing_library_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--library", str(tmp_path / "none.msp"), "--out", str(tmp_path / "out")]) == 2
    assert "none.msp" in capsys.readouterr().err


def test_example_in_resources_is_what_its_command_makes(library: pa.Table) -> None:
    example = Path(__file__).parents[2] / "resources" / "example"
    ground_truth = tables.read(example / "ground_truth.parquet", tables.GROUND_TRUTH)
    for made in simulate(library, settings_for("example"), 1):
        shipped = read_run(example / f"{made.name}.mzML.gz")
        assert np.array_equal(shipped.offsets, made.run.offsets), made.name
        assert np.allclose(shipped.intensity, made.run.intensity, atol=1.0), made.name
        of_run = ground_truth.filter(pc.equal(ground_truth["run"], made.name))
        for column in of_run.schema:  # types of CPU differ in the last bits of numbers
            ours, theirs = of_run[column.name], made.ground_truth[column.name]
            if pa.types.is_floating(column.type):
                assert np.allclose(ours.to_numpy(), theirs.to_numpy(), equal_nan=True), column.name
            else:
                assert ours.equals(theirs), column.name
    assert sum(path.stat().st_size for path in example.glob("*.mzML.gz")) < 4_000_000
