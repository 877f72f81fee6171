"""The examples of the documentation run, and the site builds."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spectus import tables
from spectus.cli import build_parser

from .pages import DOCS, ROOT, blocks

ROWS = [
    {"query": "F0001", "rank": 1, "name": "phenol", "smiles": "Oc1ccccc1", "level": "2a"},
    {"query": "F0001", "rank": 2, "name": "anisole", "smiles": "COc1ccccc1", "level": "3"},
    {"query": "F0002", "rank": 1, "level": "5", "reason": "no library has a hit"},
]


@pytest.mark.parametrize("package", ["pandas", "polars", "duckdb"])
def test_the_table_can_be_read_with(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(package)
    folder = tmp_path / "results" / "report" / "dataset"
    folder.mkdir(parents=True)
    tables.write(tables.table(tables.CANDIDATES, ROWS), folder / "candidates.parquet", tables.CANDIDATES)
    monkeypatch.chdir(tmp_path)
    code = next(code for code in blocks(DOCS / "reference" / "tables.md", "python") if f"import {package}" in code)
    names: dict[str, object] = {}
    exec(code, names)
    best = names["best"]
    assert len(best) == 2  # type: ignore[arg-type]


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs R with the package arrow")
def test_the_table_can_be_read_with_r(tmp_path: Path) -> None:
    if subprocess.run(["Rscript", "-e", "library(arrow)"], capture_output=True, check=False).returncode:
        pytest.skip("needs the R package arrow")
    folder = tmp_path / "results" / "report" / "dataset"
    folder.mkdir(parents=True)
    tables.write(tables.table(tables.CANDIDATES, ROWS), folder / "candidates.parquet", tables.CANDIDATES)
    (code,) = blocks(DOCS / "reference" / "tables.md", "r")
    script = f"{code}\nstopifnot(nrow(best) == 2)\n"
    done = subprocess.run(["Rscript", "-e", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian: systemd)")
def test_the_unit_of_the_service_is_valid(tmp_path: Path) -> None:
    (text,) = blocks(DOCS / "service.md", "ini")
    command = re.search(r"^ExecStart=(\S+) (.*)$", text, re.MULTILINE)
    assert command
    build_parser(command[2].split()).parse_args(command[2].split())
    unit = tmp_path / "spectus.service"
    unit.write_text(text.replace(command[1], sys.executable), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert str(unit.name) not in done.stderr, done.stderr


def test_the_quick_start_runs(tmp_path: Path) -> None:
    script = "\n".join(blocks(DOCS / "quickstart.md", "bash")).replace(". .venv/bin/activate\n", "set -e\n")
    (tmp_path / "resources").symlink_to(ROOT / "resources")
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    spectus = bin_folder / "spectus"
    spectus.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m spectus "$@"\n', encoding="utf-8")
    spectus.chmod(0o755)
    environment = os.environ | {
        "PATH": os.pathsep.join([str(bin_folder), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT / "workflow"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    best = re.search(r"^0 +1 +(\S+)", done.stdout, re.MULTILINE)
    assert best and best[1].startswith("2-piperidone")
    for name in ("candidates", "combined"):
        candidates = tables.read(tmp_path / f"{name}.parquet", tables.CANDIDATES)
        assert candidates["inchikey"].to_pylist()[0].startswith("XUWHAWMETYGRKB")


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("material")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r'(?:<script[^>]*src|<link[^>]*rel="stylesheet"[^>]*href)="https?:', page)


def test_the_python_interface_does_what_its_page_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    for code in blocks(DOCS / "python.md", "python"):
        exec(code, names)
    assert names["hits"]["name"][0].startswith("2-piperidone")
    assert len(set(names["candidates"]["query"])) == 3
