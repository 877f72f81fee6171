import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from spectus.denovo.translator import Translator
from spectus.errors import InputError
from spectus.serve import identification
from spectus.serve.api import create_app
from spectus.serve.identification import IdentificationSources, identify_spectra
from spectus.serve.jobs import JobStore
from spectus.serve.limits import ServerLimits

from .conftest import Start

TWO = "NAME: a\nNum Peaks: 1\n50 1\n\nNAME: b\nNum Peaks: 1\n51 1\n"
LIBRARY = """NAME: benzene
SMILES: c1ccccc1
Num Peaks: 4
50 159; 51 188; 77 155; 78 1000

NAME: toluene
SMILES: Cc1ccccc1
Num Peaks: 3
65 120; 91 1000; 92 750
"""


def ended(client: TestClient, name: str) -> dict[str, Any]:
    for _ in range(1000):
        answer: dict[str, Any] = client.get(f"/identifications/{name}").json()
        if answer["status"] not in ("queued", "running"):
            return answer
        time.sleep(0.01)
    raise AssertionError("no answer")


def test_a_library_identifies_a_spectrum(tmp_path: Path) -> None:
    """Without a reranker and without de novo candidates: the library hit and its score."""
    (tmp_path / "known.msp").write_text(LIBRARY)
    sources = IdentificationSources((tmp_path / "known.msp",), "absent", None)
    row = {"name": "x", "entry": 5, "mz": [50.0, 51.0, 77.0, 78.0], "intensity": [0.159, 0.188, 0.155, 1.0]}
    ((candidates, note),) = identify_spectra([row], sources, denovo=False)
    assert candidates[0]["name"] == "benzene" and candidates[0]["library_score"] == pytest.approx(1.0)
    assert note is None and "query" not in candidates[0]


def test_each_record_is_a_job_with_its_candidates_and_note(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def identified(rows: Any, sources: Any, denovo: bool) -> Any:
        return [([{"rank": 1, "name": f"{row['name']} found", "source": "library"}], "trimmed") for row in rows]

    monkeypatch.setattr(identification, "identify_spectra", identified)
    client = start()
    accepted = client.post("/identifications", json={"text": TWO})
    assert accepted.status_code == 202
    answers = [ended(client, job["id"]) for job in accepted.json()["jobs"]]
    assert [answer["name"] for answer in answers] == ["a", "b"]
    assert answers[1]["candidates"] == [{"rank": 1, "name": "b found", "source": "library"}]
    assert answers[0]["note"] == "trimmed" and answers[0]["reason"] is None
    listed = client.get("/identifications").json()["jobs"]
    assert [job["name"] for job in listed] == ["b", "a"] and listed[0]["candidates"] is None
    assert client.get("/health").json()["identifications"]["completed"] == 2


def test_a_spectrum_that_fails_fails_alone(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def identified(rows: Any, sources: Any, denovo: bool) -> Any:
        if any(row["name"] == "a" for row in rows):
            raise InputError("a", "is bad", "give another")
        return [([], None) for _ in rows]

    monkeypatch.setattr(identification, "identify_spectra", identified)
    client = start()
    jobs = client.post("/identifications", json={"text": TWO}).json()["jobs"]
    first, second = (ended(client, job["id"]) for job in jobs)
    assert first["status"] == "failed" and first["reason"] == "a: is bad; give another"
    assert second["status"] == "completed"


def test_jobs_are_answered_after_a_restart(
    translator: Translator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identification, "identify_spectra", lambda rows, *_: [([], None) for _ in rows])
    store = JobStore(tmp_path / "jobs.sqlite", 3600)
    (job,) = store.add([{"name": "a", "mz": [50.0], "intensity": [1.0], "reason": None}], True, 10) or []
    store.take(1)  # the server ended here
    app = create_app(translator, ServerLimits(), None, JobStore(tmp_path / "jobs.sqlite", 3600))
    with TestClient(app) as client:
        assert ended(client, job.id)["status"] == "completed"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"text": "hello"}, "the spectrum: "),
        ({"text": ""}, "text: "),
        ({"text": "50 1", "denovo": 0}, "denovo: "),
        ({}, "text: Field required"),
    ],
)
def test_what_is_no_spectrum_is_refused(start: Start, body: Any, said: str) -> None:
    answer = start().post("/identifications", json=body)
    assert answer.status_code == 422 and answer.json()["detail"].startswith(said)


def test_spectra_can_be_read_without_a_job(start: Start) -> None:
    client = start()
    answer = client.post("/spectra", json={"text": TWO})
    assert [each["name"] for each in answer.json()["spectra"]] == ["a", "b"]
    assert answer.json()["spectra"][1] == {"name": "b", "mz": [51.0], "intensity": [1.0], "reason": None}
    assert client.post("/spectra", json={"text": "[]"}).json()["spectra"][0]["reason"] == "no peaks"
    assert client.post("/spectra", json={"text": "hello"}).status_code == 422
    assert client.get("/identifications").json() == {"jobs": []}


def test_unknown_and_ended_jobs(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identification, "identify_spectra", lambda rows, *_: [([], None) for _ in rows])
    client = start()
    assert client.get("/identifications/absent").status_code == 404
    assert client.delete("/identifications/absent").status_code == 404
    name = client.post("/identifications", json={"text": "50 1"}).json()["jobs"][0]["id"]
    ended(client, name)
    assert client.delete(f"/identifications/{name}").json()["status"] == "completed"
    assert client.get(f"/identifications/{name}").status_code == 404


def test_too_many_jobs_are_refused(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = start(max_waiting=1).post("/identifications", json={"text": TWO})
    assert answer.status_code == 422 and "more than this server accepts" in answer.json()["detail"]
