"""The notebook runs from top to bottom, its own assertions included, and is kept without outputs."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

DEMO = Path(__file__).parents[1] / "notebooks" / "demo.ipynb"


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = nbformat.read(DEMO, as_version=4).cells
    assert cells
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPECTUS_MODEL", "SPECTUS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    book = nbformat.read(DEMO, as_version=4)
    NotebookClient(book, timeout=180, resources={"metadata": {"path": str(DEMO.parent)}}).execute()
    shown = book.cells[-1].outputs[-1]["data"]["image/svg+xml"]
    assert "<svg" in shown
    assert shown.count("<path") > 50
