import json
import math
import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient

from spectus import __version__
from spectus.denovo.translator import Answer, Translator
from spectus.errors import InputError
from spectus.serve.limits import ServerLimits
from spectus.serve.predictions import Predictions
from spectus.serve.worker import confidences, make_workers

from .conftest import SMALL, Start

BENZENE = {"mz": [51.0, 77.0, 78.0, 50.0], "intensity": [188.0, 155.0, 1000.0, 159.0], "num_candidates": 3}


def finished(client: TestClient, name: str) -> dict[str, Any]:
    """Poll as a client does."""
    for _ in range(1000):
        answer = client.get(f"/predictions/{name}")
        assert answer.status_code == 200
        if answer.json()["status"] not in ("queued", "running"):
            found: dict[str, Any] = answer.json()
            return found
        time.sleep(0.01)
    raise AssertionError("no answer")


def asked(client: TestClient, **body: Any) -> dict[str, Any]:
    accepted = client.post("/predictions", json=body)
    assert accepted.status_code == 202
    return finished(client, accepted.json()["id"])


def test_the_answer_is_what_the_command_line_gives(start: Start, translator: Translator) -> None:
    answer = asked(start(), **BENZENE, smiles="unknown")
    row = {"mz": [50.0, 51.0, 77.0, 78.0], "intensity": [0.159, 0.188, 0.155, 1.0], "reason": None}
    expected = translator.translate([row], 10)[0].structures[:3]
    assert answer["status"] == "completed"
    assert answer["reason"] is None
    assert list(answer["result"]) == [smiles for smiles, _ in expected]
    assert list(answer["result"].values()) == pytest.approx([math.exp(log_prob) for _, log_prob in expected], rel=1e-5)
    assert len(expected) == 3
    assert sorted(answer["result"].values(), reverse=True) == list(answer["result"].values())


def test_older_clients_say_topk(start: Start) -> None:
    body = {"topk": 2, **{key: BENZENE[key] for key in ("mz", "intensity")}}
    assert len(asked(start(), **body)["result"]) == 2


@pytest.mark.parametrize("workers", [1, 3])
def test_answers_do_not_depend_on_what_else_waits(start: Start, workers: int) -> None:
    client = start(workers=workers)
    bodies = [
        {"mz": [30 + i, 60 + 2 * i], "intensity": [1, 2 + i], "num_candidates": 1 + (7 * i) % 23} for i in range(30)
    ]
    together = [client.post("/predictions", json=body).json()["id"] for body in bodies]
    for body, name in zip(bodies, together, strict=True):
        alone, answer = asked(client, **body)["result"], finished(client, name)["result"]
        assert answer == pytest.approx(alone, rel=1e-4)
        assert 0 < len(answer) <= body["num_candidates"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"mz": [50, 51], "intensity": [1]}, "mz holds 2 values, intensity 1"),
        ({"mz": [], "intensity": []}, "mz: "),
        ({"mz": [50]}, "intensity: Field required"),
        ({"mz": [50, 51], "intensity": [1, 0]}, "intensity, value 2: .*greater than 0"),
        ({"mz": [50, 51], "intensity": [1, -3]}, "intensity, value 2: .*greater than 0"),
        ({"mz": [50, 51], "intensity": [1, float("nan")]}, "intensity, value 2: .*finite"),
        ({"mz": [50, 51], "intensity": [float("inf"), 2]}, "intensity, value 1: .*finite"),
        ({"mz": [50, 51], "intensity": [1e39, 2]}, "finite"),
        ({"mz": [50, 51], "intensity": [True, "a"]}, r"intensity, value 1: .*valid number \(and 1 more errors\)"),
        ({"mz": [0, 51], "intensity": [1, 2]}, "mz, value 1: .*greater than 0"),
        ({"mz": [501, 502], "intensity": [1, 2]}, "all peaks lie above the model's limit of m/z 500"),
        ({"mz": list(range(1, 202)), "intensity": [1] * 201}, "201 peaks are more than this server accepts"),
        ({**BENZENE, "num_candidates": 0}, "num_candidates: .*greater than or equal to 1"),
        ({**BENZENE, "num_candidates": 51}, "num_candidates is 51; this server returns at most 50"),
        ({**BENZENE, "num_candidates": 2.5}, "num_candidates: .*integer"),
        ([1, 2], "body: "),
    ],
)
def test_bad_input_is_refused_with_the_reason(start: Start, body: Any, said: str) -> None:
    client = start(max_peaks=200)
    answer = client.post("/predictions", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert set(answer.json()) == {"detail"}
    assert re.search(said, answer.json()["detail"])
    assert client.get("/health").json()["waiting"] == 0


def test_a_body_that_is_no_json_or_too_large_is_refused(start: Start) -> None:
    client = start(max_body=1000)
    header = {"Content-Type": "application/json"}
    answer = client.post("/predictions", content="mz=50", headers=header)
    assert (answer.status_code, answer.json()["detail"][:21]) == (422, "the body is not valid")
    answer = client.post("/predictions", content=b"[" * 1000, headers=header)
    assert 400 <= answer.status_code < 500
    large = json.dumps(BENZENE).encode() + b" " * 1000
    for content in (large, iter([large])):  # announced by its length, and in pieces
        answer = client.post("/predictions", content=content, headers=header)
        assert (answer.status_code, "1000 bytes" in answer.json()["detail"]) == (413, True)
    assert asked(client, **BENZENE)["status"] == "completed"


class Moody:
    """A translator that waits for `go` and fails at peaks of some m/z, each in its own way."""

    def __init__(self, real: Translator) -> None:
        self.model, self.tokenizer, self.name, self.sha256 = real.model, real.tokenizer, real.name, real.sha256
        self.real, self.go, self.sizes = real, threading.Event(), list[int]()

    def batch_size(self, beams: int) -> int:
        return self.real.batch_size(beams)

    def translate(self, rows: list[dict[str, Any]], beams: int, batch_size: int, *more: Any) -> list[Answer]:
        self.go.wait(10)
        self.sizes.append(len(rows))
        if any(66.0 in row["mz"] for row in rows):
            raise RuntimeError("out of order")
        if any(67.0 in row["mz"] for row in rows):
            raise InputError("tiny", "one spectrum does not fit", "use fewer beams")
        if any(68.0 in row["mz"] for row in rows):
            return [Answer([], 0, 4, "none of the 4 decoded strings is a molecule")] * len(rows)
        return self.real.translate(rows, beams, batch_size, *more)


def started(client: TestClient, name: str) -> None:
    """Wait until a request has left the queue."""
    while client.get(f"/predictions/{name}").json()["status"] == "queued":
        time.sleep(0.01)


def test_a_request_that_fails_fails_alone(start: Start, translator: Translator) -> None:
    moody = Moody(translator)
    client = start(moody, workers=1)
    names = {}
    for mass in (60, 65, 66, 67, 69):
        names[mass] = client.post("/predictions", json={"mz": [mass], "intensity": [1]}).json()["id"]
        started(client, names[60])
    assert client.get(f"/predictions/{names[65]}").json()["status"] == "queued"
    assert client.get(f"/predictions/{names[60]}").json()["result"] is None
    moody.go.set()
    answers = {mass: finished(client, name) for mass, name in names.items()}
    assert moody.sizes[:2] == [1, 4]
    assert [answers[mass]["status"] for mass in (60, 65, 69)] == ["completed"] * 3
    assert answers[66] == {
        "id": names[66], "status": "failed", "result": None, "reason": "error in the server: RuntimeError",
        "note": None,
    }  # fmt: skip
    assert "use fewer beams" in answers[67]["reason"]
    assert asked(client, mz=[68], intensity=[1])["reason"] == "none of the 4 decoded strings is a molecule"
    assert client.get("/health").json()["status"] == "ok"


def test_a_full_queue_says_when_to_come_again(start: Start, translator: Translator) -> None:
    moody = Moody(translator)
    client = start(moody, max_waiting=2, workers=1)
    answers = [client.post("/predictions", json=BENZENE)]
    started(client, answers[0].json()["id"])
    answers += [client.post("/predictions", json=BENZENE) for _ in range(3)]
    refused = answers[-1]
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) >= 1
    assert "the queue is full (2 requests)" in refused.json()["detail"]
    moody.go.set()
    for answer in answers:
        if answer.status_code == 202:
            assert finished(client, answer.json()["id"])["status"] == "completed"
    assert asked(client, **BENZENE)["status"] == "completed"


def test_answers_can_be_held_to_a_formula_or_a_mass(start: Start) -> None:
    client = start()
    assert set(asked(client, **BENZENE, formula="CH5N")["result"]) == {"CN"}
    assert set(asked(client, **BENZENE, mass=16)["result"]) == {"C"}
    free = asked(client, **BENZENE)
    assert len(free["result"]) > 1
    for wrong, reason in (({"formula": "Xx2"}, "no element Xx"), ({"mass": 0}, "nominal mass"),
                          ({"formula": "CH4", "mass": 16}, "not both")):  # fmt: skip
        answer = client.post("/predictions", json={**BENZENE, **wrong})
        assert (answer.status_code, reason in answer.json()["detail"]) == (422, True)


def test_unknown_and_dropped_answers_are_not_found(start: Start) -> None:
    client = start(max_kept=1, workers=1)  # answers come in the order of arrival
    first, second = (client.post("/predictions", json=BENZENE).json()["id"] for _ in range(2))
    assert finished(client, second)["status"] == "completed"
    for name in (first, "absent"):
        answer = client.get(f"/predictions/{name}")
        assert (answer.status_code, "at most 1 answers, each for 4 h" in answer.json()["detail"]) == (404, True)


def test_health_says_what_answers(start: Start) -> None:
    assert start(max_peaks=900).get("/health").json() == {
        "status": "ok", "version": __version__, "model": "tiny", "sha256": "0" * 64,
        "device": "cpu", "max_mz": SMALL.max_mz, "max_peaks": SMALL.max_peaks, "max_candidates": 50,
        "waiting": 0, "running": 0, "kept": 0,
        "identifications": {"queued": 0, "running": 0, "completed": 0, "failed": 0, "cancelled": 0},
        "runs": {"queued": 0, "running": 0, "completed": 0, "failed": 0, "cancelled": 0},
    }  # fmt: skip


def test_health_says_that_nothing_is_decoded_any_more(start: Start) -> None:
    client = start()
    client.app.state.workers.append(threading.Thread())  # type: ignore[attr-defined]  # one that does not run
    answer = client.get("/health")
    client.app.state.workers.pop()  # type: ignore[attr-defined]
    assert (answer.status_code, answer.json()["status"]) == (503, "failed")


def test_there_are_as_many_workers_as_cores(translator: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    for told, number in (("1", 1), ("64", min(4, len(os.sched_getaffinity(0))))):
        monkeypatch.setenv("OMP_NUM_THREADS", told)
        assert len(make_workers(translator, Predictions(ServerLimits()), ServerLimits())) == number
    assert len(make_workers(translator, Predictions(ServerLimits()), ServerLimits(workers=7))) == 7


def test_the_interface_describes_itself(start: Start) -> None:
    described = start().get("/openapi.json").json()
    body = described["components"]["schemas"]["PredictionRequest"]
    assert set(body["properties"]) == {"mz", "intensity", "num_candidates", "formula", "mass"}
    example = body["examples"][0]
    assert asked(start(), **example)["status"] == "completed"
    assert set(described["paths"]["/predictions"]["post"]["responses"]) == {
        "202",
        "400",
        "401",
        "408",
        "413",
        "415",
        "422",
        "429",
        "503",
    }
    assert set(described["paths"]["/predictions/{id}"]["get"]["responses"]) >= {"200", "404"}


def test_a_wrong_method_is_told_the_right_ones(start: Start) -> None:
    client = start()
    for path, allowed in (("/identifications", "GET, POST"), ("/runs/x", "DELETE, GET"), ("/health", "GET")):
        answer = client.put(path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


def test_the_page_needs_nothing_from_elsewhere(start: Start) -> None:
    client = start()
    answer = client.get("/")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", answer.text)
    assert not re.search(r"\{\{\w+\}\}|@import|url\(http", answer.text)
    for address in ("openapi.json", "health"):
        assert f'href="{address}"' in answer.text
        assert client.get(f"/{address}").status_code == 200


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to check the script's syntax")
def test_the_script_is_well_formed(start: Start, tmp_path: Path) -> None:
    script = re.search(r"<script>(.*)</script>", start().get("/").text, re.DOTALL)
    assert script
    (tmp_path / "page.js").write_text(script[1], encoding="utf-8")
    done = subprocess.run(["node", "--check", tmp_path / "page.js"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_structures_are_drawn(start: Start) -> None:
    client = start()
    answer = client.get("/structures.svg", params={"smiles": "C/C=C/C#N"})
    assert answer.headers["Content-Type"] == "image/svg+xml"
    root = ElementTree.fromstring(answer.text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert any(element.tag.endswith("path") for element in root)
    for wrong in ("c1ccc", "C" * 501, ""):
        assert client.get("/structures.svg", params={"smiles": wrong}).status_code == 422


def test_confidences_are_probabilities() -> None:
    assert confidences(Answer([("C", 1e-9), ("N", -1.0), ("O", -2000.0)], 3, 0, None), 3) == {
        "C": 1.0, "N": pytest.approx(math.exp(-1)), "O": 0.0,
    }  # fmt: skip
    assert list(confidences(Answer([("C", -1.0), ("N", -2.0)], 2, 0, None), 1)) == ["C"]
