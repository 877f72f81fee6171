"""The notebooks run from top to bottom, their own assertions included, and are kept without outputs."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
DEMO = NOTEBOOKS / "demo.ipynb"


@pytest.mark.parametrize("name", ["demo", "api"])
def test_a_notebook_is_kept_without_outputs(name: str) -> None:
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
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


def test_the_notebook_of_the_python_interface_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    book = nbformat.read(NOTEBOOKS / "api.ipynb", as_version=4)
    NotebookClient(book, timeout=180, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
    assert "base_peak" in book.cells[-1].outputs[-1]["data"]["text/plain"]
