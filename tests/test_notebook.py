"""The notebooks run from top to bottom, their own assertions included.

The one from a raw run to names is kept with its outputs, for readers who do not run it; the other one without.
"""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
DEMO = NOTEBOOKS / "demo.ipynb"


def test_the_demo_is_kept_without_outputs() -> None:
    cells = nbformat.read(DEMO, as_version=4).cells
    assert cells
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def test_the_way_from_a_raw_run_to_names_is_kept_with_its_outputs() -> None:
    cells = [cell for cell in nbformat.read(NOTEBOOKS / "api.ipynb", as_version=4).cells if cell.cell_type == "code"]
    shown = [output["data"]["text/plain"] for cell in cells for output in cell.outputs]
    assert len(shown) == 4 and "confidence" in shown[0] and "probability" in shown[2] and "base_peak" in shown[3]
    assert not any(word in text for text in shown for word in ("/home", "/work", "/tmp"))


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
