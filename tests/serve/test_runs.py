"""Raw runs over HTTP: sent, deconvoluted in a process of their own, and their components identified."""

import gzip
import io
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from spectus.denovo.translator import Translator
from spectus.serve import identification
from spectus.serve.api import create_app
from spectus.serve.jobs import JobStatus, JobStore
from spectus.serve.limits import ServerLimits
from spectus.serve.runs import RunStore

from .conftest import Start

EXAMPLE = Path(__file__).parents[2] / "resources" / "example" / "blank.mzML.gz"


@pytest.fixture(autouse=True)
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each spectrum is identified at once, as a compound of its own name."""

    def identified(rows: Any, *_: Any) -> Any:
        return [([{"rank": 1, "name": f"found {row['name']}", "probability": 0.5, "level": "3"}], None) for row in rows]

    monkeypatch.setattr(identification, "identify_spectra", identified)


def ended(client: TestClient, name: str) -> dict[str, Any]:
    for _ in range(3000):
        answer: dict[str, Any] = client.get(f"/runs/{name}").json()
        asked = [each for each in answer["components"] or [] if each["identification"]]
        if answer["status"] not in ("queued", "running") and all(each["status"] == "completed" for each in asked):
            return answer
        time.sleep(0.02)
    raise AssertionError(f"no answer: {answer}")


def archive(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for name in names:
            packed.write(EXAMPLE, name)
    return content.getvalue()


def test_a_run_becomes_components_with_names(start: Start) -> None:
    client = start()
    sent = client.post("/runs", params={"name": "river 1", "most": 3}, content=EXAMPLE.read_bytes())
    assert sent.status_code == 202 and sent.json()["name"] == "river 1"
    answer = ended(client, sent.json()["id"])
    assert answer["status"] == "completed" and answer["reason"] is None
    components = answer["components"]
    assert len(components) > 3 and all(each["rt_s"] > 0 and each["n_peaks"] for each in components)
    largest = sorted(components, key=lambda each: -each["area"])[:3]
    assert {each["component"] for each in components if each["name"]} == {each["component"] for each in largest}
    assert largest[0]["name"].startswith("found river 1, ") and largest[0]["level"] == "3"
    assert f"the 3 components with the largest areas of {len(components)} are identified" in answer["note"]
    assert answer["progress"] == f"{len(components)} components, 3 of 3 identifications ended"
    assert client.get(f"/identifications/{largest[0]['identification']}").json()["status"] == "completed"
    assert [each["components"] for each in client.get("/runs").json()["runs"]] == [None]
    assert client.delete(f"/runs/{answer['id']}").status_code == 200
    assert client.get("/runs").json()["runs"] == client.get("/identifications").json()["jobs"] == []
    assert client.get(f"/runs/{answer['id']}").status_code == 404


def test_an_archive_of_a_folder_is_unpacked(start: Start) -> None:
    client = start()
    name = client.post("/runs?most=1", content=archive("day 1/run.mzML.gz", "day 1/notes.txt")).json()["id"]
    assert ended(client, name)["status"] == "completed"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no run at all", "lost run: "),
        (gzip.decompress(EXAMPLE.read_bytes())[:20_000], "lost run: "),
        (archive("a.mzML.gz", "b.mzML.gz"), "is an archive of 2 runs"),
        (archive("notes.txt"), "is an archive without a run"),
        (archive("a.mzML.gz")[:-30], "lost run: "),
    ],
)
def test_what_is_no_run_is_said(start: Start, content: bytes, said: str) -> None:
    client = start()
    answer = ended(client, client.post("/runs?name=lost%20run", content=content).json()["id"])
    assert answer["status"] == "failed" and said in answer["reason"]
    assert not any(word in answer["reason"] for word in ("/tmp", "Traceback", "spectus deconvolve"))
    assert answer["reason"].count("lost run: ") == 1
    assert client.get("/health").json()["status"] == "ok"


def test_an_archive_that_would_fill_the_disk_is_refused(start: Start) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("run.mzML", b"0" * 2_000_000)
    client = start(max_run=1_000_000)
    answer = ended(client, client.post("/runs", content=content.getvalue()).json()["id"])
    assert "holds more than 1000000 bytes" in answer["reason"]
    assert client.post("/runs", content=b"x" * 1_000_001).status_code == 413


@pytest.mark.parametrize(
    ("query", "content", "status"),
    [("", b"", 422), ("?most=0", b"x", 422), ("?name=", b"x", 422), ("?denovo=maybe", b"x", 422)],
)
def test_bad_requests_are_refused(start: Start, query: str, content: bytes, status: int) -> None:
    client = start()
    assert client.post(f"/runs{query}", content=content).status_code == status
    assert client.get("/runs/absent").status_code == client.delete("/runs/absent").status_code == 404
    assert client.get("/health").json()["runs"]["queued"] == 0


def test_runs_survive_a_restart(translator: Translator, tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    store = RunStore(path, 3600)
    file = store.new_file()
    file.write_bytes(EXAMPLE.read_bytes())
    run = store.add("a", file, False, 2)
    assert run and store.take()  # the server ended here
    store.close()
    store.fail(run, "too late")
    with TestClient(create_app(translator, ServerLimits(), jobs=JobStore(path, 3600))) as client:
        assert ended(client, run.id)["status"] == "completed"
        assert not file.exists()


def test_a_run_can_be_cancelled_with_its_identifications() -> None:
    store = RunStore(None, 3600)
    file = store.new_file()
    file.write_bytes(b"x")
    run = store.add("a", file, False, 2, "owner")
    assert run and store.take() == store.get(run.id, "owner")
    assert store.cancel(run.id) is store.get(run.id) is None
    assert store.wanted(run)
    assert (store.cancel(run.id, "owner") or run).status is JobStatus.CANCELLED
    assert not store.wanted(run) and not file.exists()
    store.complete(run, [], None)
    assert (store.get(run.id, "owner") or run).status is JobStatus.CANCELLED
    store.close()
    assert not file.parent.exists()


def test_too_many_runs_wait() -> None:
    store = RunStore(None, 3600)
    added = [store.add(str(number), store.new_file(), False, 1) for number in range(25)]
    assert sum(run is not None for run in added) == 20 and added[-1] is None
    store.close()
