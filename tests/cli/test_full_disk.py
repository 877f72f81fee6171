"""Every stage on a full disk: one line that says so, no file of the stage left behind, and a rerun completes."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from spectus.cli.main import main

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "resources" / "libraries" / "PNNLMetV20191015.msp"
PAGE = 4096
"""Unit in which a tmpfs gives space, bytes."""

MOLECULES = "smiles,name,cas\nCCCCCCCCCC,decane,124-18-5\nc1ccc2ccccc2c1,naphthalene,91-20-3\n"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("mount") is None or os.getuid() != 0, reason="needs to mount a small disk"),
]

Words = Callable[[Path, Path], Sequence[object]]
"""The words of a command, from the folder of its inputs and that of its outputs."""


def _report(inputs: Path, out: Path) -> list[object]:
    return [
        "report", "--runs", inputs / "runs.parquet", "--components", inputs / "components.parquet",
        "--ri-standards", inputs / "ri_standards.parquet", "--features", inputs / "features.parquet",
        "--peak-areas", inputs / "peak_areas.parquet",
        "--quantitation", *sorted((inputs / "quantitation").glob("*.parquet")),
        "--hits", inputs / "hits.parquet", "--denovo", inputs / "denovo.parquet",
        "--candidates", inputs / "candidates.parquet", "--samples", inputs / "samples.tsv", "--library", LIBRARY,
        "--out", out / "report",
    ]  # fmt: skip


def _export(kind: str) -> Words:
    return lambda inputs, out: ["export", inputs, "--out", out / "exports", "--format", kind]


STAGES: dict[str, Words] = {
    "convert": lambda inputs, out: [
        "convert", *sorted(inputs.glob("raw/*.mzML")), "--out", out / "mzml", "--runs-table", out / "runs.parquet",
        "--on-bad-run", "skip",
    ],
    "deconvolve": lambda inputs, out: ["deconvolve", inputs / "runs.parquet", "--out", out / "deconvolved.parquet"],
    "calibrate": lambda inputs, out: [
        "calibrate", inputs / "deconvolved.parquet", "--samples", inputs / "samples.tsv",
        "--out", out / "components.parquet", "--ri-standards", out / "ri_standards.parquet",
    ],
    "align": lambda inputs, out: [
        "align", inputs / "components.parquet", "--samples", inputs / "samples.tsv", "--runs-table",
        inputs / "runs.parquet", "--out", out / "features.parquet", "--peak-areas", out / "peak_areas.parquet",
    ],
    "quantify": lambda inputs, out: [
        "quantify", inputs / "features.parquet", inputs / "peak_areas.parquet", "--samples", inputs / "samples.tsv",
        "--runs-table", inputs / "runs.parquet", "--out", out / "quantitation" / "amounts.parquet",
    ],
    "predict": lambda inputs, out: [
        "predict", inputs / "list.csv", "--model", "neims", "--out", out / "predicted.parquet",
    ],
    "search": lambda inputs, out: [
        "search", inputs / "features.parquet", "--library", LIBRARY, "--out", out / "hits.parquet",
    ],
    "denovo": lambda inputs, out: [
        "denovo", inputs / "features.parquet", "--beams", 1, "--no-editing", "--out", out / "denovo.parquet",
    ],
    "identify": lambda inputs, out: [
        "identify", inputs / "features.parquet", "--hits", inputs / "hits.parquet", "--denovo",
        inputs / "denovo.parquet", "--reranker", "none", "--out", out / "candidates.parquet",
    ],
    "report": _report,
    **{f"export {kind}": _export(kind) for kind in ("csv", "xlsx", "msp", "mgf", "sdf", "mztab")},
}  # fmt: skip
"""The stages in their order. The outputs of each are inputs of those after it, in one folder."""


def called(words: Sequence[object]) -> int:
    return main([str(word) for word in words])


@dataclass(frozen=True)
class Campaign:
    """A campaign on a disk with space, and the files that each stage wrote."""

    folder: Path
    written: dict[str, dict[str, bytes]]


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """A short simulated campaign, taken through every stage."""
    folder = tmp_path_factory.mktemp("space")
    settings = ["compounds=8", "samples=1", "contaminants=1", "shared=1", "run_s=150", "solvent_s=10", "gzip=false"]
    fames = LIBRARY.with_name("FAMES_REF.msp")
    simulated = ["simulate", "--library", LIBRARY, fames, "--preset", "example", "--out", folder / "raw"]
    assert called([*simulated, "--set", *settings]) == 0
    shutil.copy(folder / "raw" / "samples.tsv", folder)
    (folder / "list.csv").write_text(MOLECULES, encoding="utf-8")
    written: dict[str, dict[str, bytes]] = {}
    for stage, words in STAGES.items():
        before = files_in(folder).keys()
        assert called(words(folder, folder)) == 0, stage
        written[stage] = {name: content for name, content in files_in(folder).items() if name not in before}
    return Campaign(folder, written)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, whose size can be changed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], check=False).returncode:
        pytest.skip("cannot mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(file: Path, left: int) -> None:
    """Write a file that leaves so many bytes of its disk."""
    with file.open("wb", buffering=0) as out:
        free = shutil.disk_usage(file.parent).free
        out.write(bytes(free - left))


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("share", [0.0, 0.6])
@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk(
    campaign: Campaign, disk: Path, capfd: pytest.CaptureFixture[str], stage: str, share: float
) -> None:
    """The disk has space for nothing, or for a part of what the stage writes."""
    words, whole = STAGES[stage](campaign.folder, disk), campaign.written[stage]
    size = sum(-(-len(content) // PAGE) * PAGE for content in whole.values())
    fill(disk / "filler", int(share * size) // PAGE * PAGE)
    capfd.readouterr()

    assert called(words) == 2
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert "Exception" not in said
    last = said.splitlines()[-1]
    assert last.startswith(f"spectus {words[0]}: ")
    # pyOpenMS, which writes mzML, does not say why the file is incomplete.
    assert "no space left on" in last or "not written to its end" in last
    assert "free space" in last
    (disk / "filler").unlink()
    damaged = {name for name, content in files_in(disk).items() if whole.get(name) != content}
    assert damaged == set()

    assert called(words) == 0
    assert files_in(disk).keys() == whole.keys()
