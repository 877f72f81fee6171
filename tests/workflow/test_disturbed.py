"""Whatever disturbs a campaign, its tables are those of an undisturbed one, byte for byte."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from spectus import tables

from .campaigns import ROOT, Campaign

pytestmark = pytest.mark.slow

TARGET = "align"
EXAMPLE = ROOT / "resources" / "example"


def prepared(folder: Path, runs: int = 3) -> Campaign:
    """A campaign of a ladder and blanks in chunks of one run."""
    campaign = Campaign.example(folder, {"chunks": {"runs": 1}})
    rows = [("ladder", EXAMPLE / "ladder.mzML.gz", "ladder")]
    rows += [(f"blank_{number}", EXAMPLE / "blank.mzML.gz", "blank") for number in range(1, runs)]
    campaign.write_sheet(*rows)
    return campaign


def contents(campaign: Campaign) -> dict[str, bytes]:
    results = campaign.folder / "results"
    found = {str(path.relative_to(results)): path.read_bytes() for path in results.rglob("*.parquet")}
    assert {"features.parquet", "peak_areas.parquet", "components.parquet"} <= found.keys()
    return found


def command(campaign: Campaign, *arguments: str) -> list[str]:
    return [
        sys.executable, "-m", "snakemake", TARGET, "--snakefile", str(campaign.snakefile), "--directory",
        str(campaign.folder), *arguments,
    ]  # fmt: skip


def started(campaign: Campaign, more: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.Popen(
        command(campaign, "--cores", "2"), env={**environment, **(more or {})}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    campaign = prepared(tmp_path_factory.mktemp("undisturbed"))
    campaign.run(TARGET, "--cores", "1")
    return contents(campaign)


@pytest.fixture(scope="module")
def sizes_kb(undisturbed: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Sizes of a disk, kB, that is full in each stage of the campaign; a file takes whole pages of 4 kB."""
    results = tmp_path_factory.getbasetemp() / "undisturbed0" / "results"
    pages = {path.relative_to(results): -(-path.stat().st_size // 4096) * 4 for path in results.rglob("*")}
    mzml = sum(size for path, size in pages.items() if path.suffix == ".mzML")
    last = {name: pages[Path(f"{name}.parquet")] for name in ("components", "features", "peak_areas", "ri_standards")}
    whole = sum(size for path, size in pages.items() if (results / path).is_file())
    return {
        "first run": 100, "second run": mzml // 2, "third run": int(0.9 * mzml), "deconvolve": mzml + 60,
        "calibrate": whole - sum(last.values()), "align": whole - last["features"] - last["peak_areas"],
    }  # fmt: skip


def test_two_cores(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    campaign = prepared(tmp_path / "c")
    campaign.run(TARGET, "--cores", "2")
    assert contents(campaign) == undisturbed


@pytest.mark.parametrize(
    "setting", [{"PYTHONHASHSEED": "7", "LC_ALL": "C"}, {"LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Tokyo"}]
)
def test_hash_seeds_and_locales(undisturbed: dict[str, bytes], tmp_path: Path, setting: dict[str, str]) -> None:
    campaign = prepared(tmp_path / "c")
    assert started(campaign, setting).wait(600) == 0
    assert contents(campaign) == undisturbed


def test_killed_ten_times(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    """All processes of the campaign are killed at random moments; each time the next call unlocks and goes on."""
    campaign = prepared(tmp_path / "c")
    moments = random.Random(1)
    for _ in range(10):
        process = started(campaign)
        time.sleep(moments.uniform(2, 15))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        campaign.run(TARGET, "--unlock")
    campaign.run(TARGET, "--cores", "2")
    assert contents(campaign) == undisturbed
    assert campaign.planned(TARGET) == {}


def test_two_campaigns_at_once(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    campaigns = [prepared(tmp_path / name) for name in ("a b", "ü'$(x)")]
    processes = [started(campaign) for campaign in campaigns]
    assert [process.wait(900) for process in processes] == [0, 0]
    for campaign in campaigns:
        assert contents(campaign) == undisturbed


def test_two_calls_in_one_campaign(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    """Snakemake's lock stops one of them; the other is not disturbed."""
    campaign = prepared(tmp_path / "c")
    processes = [started(campaign) for _ in range(2)]
    assert 0 in [process.wait(900) for process in processes]
    assert contents(campaign) == undisturbed


def test_one_corrupt_run_among_a_hundred(tmp_path: Path) -> None:
    campaign = Campaign.example(tmp_path / "c", {"on_bad_run": "skip"})
    bad = campaign.folder / "bad.mzML.gz"
    bad.write_bytes((EXAMPLE / "blank.mzML.gz").read_bytes()[:100_000])
    rows = [(f"run_{number}", EXAMPLE / "blank.mzML.gz", "sample") for number in range(100)]
    rows[57] = ("run_57", bad, "sample")
    campaign.write_sheet(*rows)
    campaign.run("convert", "--cores", "2")
    files = sorted((campaign.folder / "results" / "runs").glob("*.parquet"))
    status = {row["run"]: row["status"] for file in files for row in tables.read(file, tables.RUNS).to_pylist()}
    assert len(status) == 100
    assert [run for run, said in status.items() if said != "ok"] == ["run_57"]


MAY_MOUNT = shutil.which("mount") is not None and os.getuid() == 0


def mounted(*arguments: object) -> bool:
    """Mount something, and tell whether that is possible here."""
    return subprocess.run(["mount", *map(str, arguments)], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not MAY_MOUNT, reason="needs to mount a small disk")
@pytest.mark.parametrize("stage", ["first run", "second run", "third run", "deconvolve", "calibrate", "align"])
def test_a_full_disk(undisturbed: dict[str, bytes], sizes_kb: dict[str, int], tmp_path: Path, stage: str) -> None:
    """The campaign stops with a line that says so, and goes on when there is space."""
    campaign = prepared(tmp_path / "c")
    results = campaign.folder / "results"
    results.mkdir()
    if not mounted("-t", "tmpfs", "-o", f"size={sizes_kb[stage]}k", "tmpfs", results):
        pytest.skip("cannot mount a small disk")
    try:
        done = campaign.snakemake(TARGET, "--cores", "1")
        assert done.returncode != 0
        assert "space" in done.stdout + done.stderr
        subprocess.run(["mount", "-o", "remount,size=200m", str(results)], check=True)
        campaign.run(TARGET, "--cores", "1")
        assert contents(campaign) == undisturbed
    finally:
        subprocess.run(["umount", "--lazy", str(results)], check=False)


@pytest.mark.skipif(not MAY_MOUNT, reason="needs to mount a folder that cannot be written")
def test_a_read_only_checkout_and_read_only_inputs(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    """A checkout that others own, and an archive of raw runs: nothing is written into either."""
    checkout, archive = tmp_path / "checkout", tmp_path / "archive"
    campaign = prepared(tmp_path / "c")
    for folder, source in ((checkout, ROOT), (archive, EXAMPLE)):
        folder.mkdir()
        if not mounted("--bind", source, folder):
            pytest.skip("cannot mount a folder")
    try:
        for folder in (checkout, archive):
            assert mounted("-o", "remount,bind,ro", folder)
            with pytest.raises(OSError, match="Read-only"):
                (folder / "written").touch()
        sheet = campaign.folder / "config" / "samples.tsv"
        sheet.write_text(sheet.read_text(encoding="utf-8").replace(str(EXAMPLE), str(archive)), encoding="utf-8")
        Campaign(campaign.folder, checkout / "Snakefile").run(TARGET, "--cores", "2")
        found = contents(campaign)
    finally:
        for folder in (checkout, archive):
            subprocess.run(["umount", "--lazy", str(folder)], check=False)
    # The tables of runs name the raw files, whose place is another one here.
    assert {name: data for name, data in found.items() if not name.startswith("runs/")} == {
        name: data for name, data in undisturbed.items() if not name.startswith("runs/")
    }
