"""The plan: chunks, libraries, models, and what becomes of missing runs."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from spectus import plan, tables
from spectus.errors import InputError
from spectus.molecules.suspects import SHIPPED_SUSPECTS
from spectus.samples import Sample


def sample(name: str, folder: Path = Path("raw")) -> Sample:
    return Sample(name, folder / f"{name}.mzML", "sample")


def test_a_run_added_at_the_end_changes_only_the_last_chunk() -> None:
    samples = [sample(str(number)) for number in range(7)]
    before, after = plan.chunks(samples[:6], 4), plan.chunks(samples, 4)
    assert list(after) == ["0001", "0002"]
    assert before["0001"] == after["0001"]
    assert [s.run for s in after["0002"]] == ["4", "5", "6"]


def test_chunks_grow_along_the_sheet() -> None:
    """Few jobs for many runs, and runs added at the end leave all chunks but the last as they are."""
    samples = [sample(str(number)) for number in range(1010)]
    sizes = [len(runs) for runs in plan.chunks(samples, 10).values()]
    assert sizes[:14] == [10] * 4 + [20] * 4 + [40] * 4 + [80] * 2
    assert len(sizes) == 22
    before, after = plan.chunks(samples[:1000], 10), plan.chunks(samples, 10)
    assert [run for runs in before.values() for run in runs] == samples[:1000]
    assert [name for name, runs in after.items() if before.get(name) != runs] == ["0022"]


@pytest.mark.parametrize(
    ("n_runs", "features_per_run", "spectra", "jobs"),
    [(4, 20, 2000, 1), (1, 0.1, 50, 1), (1000, 20, 2000, 2), (10_000, 20, 2000, 10)],
)
def test_denovo_chunks(n_runs: int, features_per_run: float, spectra: int, jobs: int) -> None:
    assert plan.denovo_chunks(n_runs, {"features_per_run": features_per_run, "spectra": spectra}) == jobs


def test_shipped_prediction_models_go_by_name(tmp_path: Path) -> None:
    names = {Path(path).parent.name for path in plan.prediction_model_files("neims+rassp")}
    assert names == {"neims-open", "rassp-open"}
    with pytest.raises(InputError, match="no such folder or model"):
        plan.prediction_model_files("neims+other")
    (tmp_path / "config.json").write_text("{}")
    assert plan.prediction_model_files(str(tmp_path)) == [str(tmp_path / "config.json")]
    assert plan.reranker_files(None) == []
    assert {Path(path).parent.name for path in plan.reranker_files("open")} == {"reranker-open"}


def test_libraries_need_names_of_their_own(tmp_path: Path) -> None:
    for name in ("a.msp", "a.mgf"):
        (tmp_path / name).write_text("x")
    assert plan.libraries([str(tmp_path / "a.msp")]) == {"a": str(tmp_path / "a.msp")}
    with pytest.raises(InputError, match=r"a\.mgf: has the same name as"):
        plan.libraries([str(tmp_path / "a.msp"), str(tmp_path / "a.mgf")])
    with pytest.raises(InputError, match=r"b\.msp: no such file"):
        plan.libraries([str(tmp_path / "b.msp")])


def test_a_model_is_a_folder_or_a_name_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no config\.json"):
        plan.model_files(str(tmp_path))
    for name in ("README.md", "config.json", "model.safetensors"):
        (tmp_path / name).write_text("x")
    assert plan.model_files(str(tmp_path)) == [str(tmp_path / name) for name in ("config.json", "model.safetensors")]
    assert plan.model_files("MS-ML/SpecTUS_pretrained_only") == []
    with pytest.raises(InputError, match="models/of/mine: no such folder"):
        plan.model_files("models/of/mine")


def test_a_model_on_the_hub_should_name_its_commit(tmp_path: Path) -> None:
    assert plan.model_notes(str(tmp_path)) == plan.model_notes("MS-ML/SpecTUS_pretrained_only@1a2b3c") == []
    assert "write MS-ML/SpecTUS_pretrained_only@COMMIT" in plan.model_notes("MS-ML/SpecTUS_pretrained_only")[0]


def test_what_ships_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "root" / "resources").mkdir(parents=True)
    (tmp_path / "root" / "resources" / "a.msp").write_text("shipped")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert plan.shipped("resources/a.msp", tmp_path / "root") == str(tmp_path / "root" / "resources" / "a.msp")
    assert plan.shipped("resources/b.msp", tmp_path / "root") == "resources/b.msp"
    Path("resources").mkdir()
    Path("resources/a.msp").write_text("my own")
    assert plan.shipped("resources/a.msp", tmp_path / "root") == "resources/a.msp"


def test_an_agilent_folder_is_watched_by_the_file_inside(tmp_path: Path) -> None:
    folder = tmp_path / "a run.D"
    folder.mkdir()
    (folder / "DATA.MS").write_bytes(b"x")
    assert plan.raw_files([Sample("a", folder, "sample")], tmp_path) == [str(folder / "DATA.MS")]
    (folder / "DATA.MS").unlink()
    assert plan.raw_files([Sample("a", folder, "sample")], tmp_path) == [str(folder)]


class TestMissingRuns:
    """Three runs in one chunk: `here` is there, `lost` never was, `gone` was converted before it went."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "here.mzML").write_text("x")
        (tmp_path / "results" / "mzml" / "0001").mkdir(parents=True)
        (tmp_path / "results" / "mzml" / "0001" / "gone.mzML").write_text("x")
        return tmp_path

    def table(self, folder: Path, *runs: str) -> None:
        rows = [{"run": run, "path": run, "status": "ok"} for run in runs]
        tables.write(tables.table(tables.RUNS, rows), folder / "results" / "runs" / "0001.parquet", tables.RUNS)

    def check(self, folder: Path, on_bad_run: str, *runs: str) -> None:
        batch = {"0001": [sample(run, folder) for run in runs]}
        plan.check_runs(batch, folder / "results", "samples.tsv", on_bad_run)

    def test_a_lost_run_is_not_watched_and_a_gone_one_is(self, folder: Path) -> None:
        samples = [sample(run, folder) for run in ("here", "lost", "gone")]
        watched = plan.raw_files(samples, folder / "results" / "mzml" / "0001")
        assert watched == [str(folder / "here.mzML"), str(folder / "gone.mzML")]

    def test_a_lost_run_stops_the_campaign_unless_skipped(self, folder: Path) -> None:
        with pytest.raises(InputError, match=r"samples.tsv, run 'lost': no such file .*set on_bad_run: skip"):
            self.check(folder, "fail", "here", "lost")
        self.check(folder, "skip", "here", "lost")

    def test_a_gone_run_stops_nothing(self, folder: Path) -> None:
        self.table(folder, "here", "gone")
        self.check(folder, "fail", "here", "gone")

    @pytest.mark.parametrize("on_bad_run", ["fail", "skip"])
    def test_a_new_run_beside_a_gone_one_is_not_left_out_in_silence(self, folder: Path, on_bad_run: str) -> None:
        self.table(folder, "gone")
        with pytest.raises(InputError, match=r"run 'here': its chunk must be converted again, but .* 'gone' is gone"):
            self.check(folder, on_bad_run, "here", "gone")


def test_a_run_on_a_server_is_fetched_and_found_among_the_inputs() -> None:
    far, near = Sample("a", Path("s3://bucket/raw/a b.mzML"), "sample"), sample("b")
    assert plan.remote_files([far, near]) == ["s3://bucket/raw/a b.mzML"]
    assert plan.raw_files([far], Path("mzml")) == []
    inputs = ["raw/b.mzML", ".snakemake/storage/s3/bucket/raw/a b.mzML"]
    assert plan.raw_places([far, near], inputs) == [inputs[1], "raw/b.mzML"]
    plan.check_runs({"0001": [far]}, Path("results"), "samples.tsv", "fail")


def test_options_are_those_with_a_value() -> None:
    given = plan.options(ground_truth=["a"], exclude=[], split=None, derivatives="", model=["a", "b"])
    assert given == ["--ground-truth", "a", "--model", "a", "b"]


def test_suspect_lists_are_names_that_ship_or_files() -> None:
    assert set(plan.SHIPPED_SUSPECT_LISTS) == set(SHIPPED_SUSPECTS)
    assert plan.suspect_files(["priority_pollutants", "own.csv"]) == ["own.csv"]
    assert plan.suspect_options(["own.csv", "priority_pollutants"], ["a b.csv"]) == [
        "--suspects", "priority_pollutants", "a b.csv",
    ]  # fmt: skip
    assert plan.suspect_options([], []) == ["--suspects", "none"]


@pytest.mark.parametrize(
    ("standard", "compounds", "column", "needed"),
    [
        (None, None, None, False),
        (390.5, None, None, False),
        ("F0018", None, "caffeine-d9", False),  # the configuration counts
        ("none", None, None, False),
        ("caffeine-d9", None, None, True),
        (None, None, "caffeine-d9", True),
        (None, None, "390.5", False),
        (None, "compounds.tsv", None, True),
    ],
)
def test_hits_are_needed_only_to_find_compounds_by_name(
    standard: object, compounds: str | None, column: str | None, needed: bool
) -> None:
    sample = Sample("a", Path("a"), "sample", extra={"Internal_Standard": column} if column else {})
    settings = {"internal_standard": standard, "compounds": compounds}
    assert plan.named_compounds(settings, [sample]) is needed


def test_settings_of_quantify_that_are_null_are_no_options() -> None:
    assert plan.quantify_values({"compounds": "c.csv", "unit": "ug/mL", "limit": 0.5, "standard": None}) == {
        "unit": "ug/mL", "limit": "0.5",
    }  # fmt: skip


@pytest.mark.skipif(shutil.which("flock") is None, reason="needs flock of util-linux")
def test_no_two_jobs_that_run_at_a_time_have_one_gpu(tmp_path: Path) -> None:
    """Jobs 1 and 3 would both begin with the first GPU; job 3 starts while job 1 runs, and takes the other one."""
    (tmp_path / ".snakemake").mkdir()

    def started(number: int, command: str) -> "subprocess.Popen[str]":
        script = f"set -euo pipefail; {plan.gpu_choice(number, ['2', '5'])} sh -c '{command}'"
        return subprocess.Popen(
            ["bash", "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    say = "echo $CUDA_VISIBLE_DEVICES"
    first = started(1, f"{say}; sleep 60")
    try:
        assert first.stdout is not None and first.stdout.readline() == "2\n"
        assert started(3, say).communicate(timeout=30)[0] == "5\n"
        assert started(2, say).communicate(timeout=30)[0] == "5\n"
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    assert started(3, say).communicate(timeout=30)[0] == "2\n"


def test_without_locks_the_gpus_are_taken_in_turn(tmp_path: Path) -> None:
    (tmp_path / ".snakemake").mkdir()
    for number, device in ((1, "0"), (2, "1"), (3, "0")):
        choice = plan.gpu_choice(number, ["0", "1"])
        script = f"set -euo pipefail; flock() {{ return 1; }}; {choice} printenv CUDA_VISIBLE_DEVICES"
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout == f"{device}\n"
