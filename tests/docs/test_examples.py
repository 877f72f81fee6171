"""The examples of the documentation run, and the site builds."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spectus import tables

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
    candidates = tables.read(tmp_path / "candidates.parquet", tables.CANDIDATES)
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
