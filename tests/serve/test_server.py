"""The server as a process of its own, met as its users meet it."""

import base64
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pandas as pd
import pytest
import requests

from spectus.cli import main
from spectus.cli.serve import jobs_file
from spectus.denovo.translator import Translator

from ..web.chromium import ROOT, Chromium, needs_chromium

BENZENE = {"mz": [50.0, 51.0, 77.0, 78.0], "intensity": [159.0, 188.0, 155.0, 1000.0]}


@pytest.fixture(scope="module")
def folder(translator: Translator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny"
    translator.model.save_pretrained(path)
    translator.tokenizer.save_pretrained(path)
    return path


@contextmanager
def started(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and the address that it prints."""
    command = [sys.executable, "-m", "spectus", "serve", "--model", str(folder), "--device", "cpu", "--port", "0"]
    command += ["--predicted", "none", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("tiny on cpu: http://127.0.0.1:")
            yield process, line.split()[-1]
        finally:
            process.kill()


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with started(folder) as found:
        yield found


def test_the_published_client_runs_against_it(server: tuple[subprocess.Popen[str], str]) -> None:
    url = server[1] + "/predictions"
    response = requests.post(url, json={**BENZENE, "smiles": "unknown", "num_candidates": 8}, timeout=30)
    assert response.status_code == 202
    name = response.json()["id"]
    for _ in range(300):
        response = requests.get(f"{url}/{name}", timeout=30)
        assert response.status_code == 200
        if response.json()["status"] in ("completed", "failed"):
            break
        time.sleep(0.1)
    assert response.json()["status"] == "completed"
    found = pd.DataFrame(response.json()["result"].items(), columns=["smiles", "confidence"])
    assert len(found) == 8
    assert found["confidence"].is_monotonic_decreasing
    assert found["confidence"].between(0, 1).all()


def test_sigterm_stops_it_whatever_waits(server: tuple[subprocess.Popen[str], str]) -> None:
    with requests.Session() as session:
        for _ in range(100):
            body = {**BENZENE, "num_candidates": 50}
            assert session.post(server[1] + "/predictions", json=body, timeout=30).status_code == 202
        said = stops(server, signal.SIGTERM)
    # A slow machine has not finished every job by now, and then one line says so.
    assert re.fullmatch(r"(\d+ unfinished jobs? (is|are) lost; --jobs FILE keeps (it|them)\n)?", said)


def test_200_requests_at_once_lose_nothing_and_sigterm_keeps_what_waits(folder: Path, tmp_path: Path) -> None:
    """Half of the requests are predictions, half identifications; the server is stopped before it has finished."""
    jobs = str(tmp_path / "jobs.sqlite")

    def send(number: int) -> str:
        spectrum = {"mz": [50.0, 60.0 + number], "intensity": [1.0, 2.0]}
        if number % 2:
            answer = requests.post(f"{url}/predictions", json={**spectrum, "num_candidates": 20}, timeout=60)
            name = answer.json()["id"]
        else:
            text = f"NAME: {number}\nNum Peaks: 2\n50 1; {60 + number} 2\n"
            answer = requests.post(f"{url}/identifications", json={"text": text, "denovo": False}, timeout=60)
            name = answer.json()["jobs"][0]["id"]
        assert answer.status_code == 202
        return f"/{'predictions' if number % 2 else 'identifications'}/{name}"

    with started(folder, "--jobs", jobs) as (process, url), ThreadPoolExecutor(200) as clients:
        paths = list(clients.map(send, range(200)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert len(set(paths)) == 200
    with started(folder, "--jobs", jobs) as (_, url), requests.Session() as session:
        for path in paths:
            for _ in range(600):
                answer = session.get(url + path, timeout=30)
                assert answer.status_code == 200, path
                if answer.json()["status"] in ("completed", "failed"):
                    break
                time.sleep(0.1)
            assert answer.json()["status"] == ("failed" if "identifications" in path else "completed")  # no library


def test_two_servers_do_not_share_their_jobs(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = str(tmp_path / "jobs.sqlite")
    with started(folder, "--jobs", jobs):
        assert main(["serve", "--model", str(folder), "--port", "0", "--jobs", jobs]) == 2
        assert "is used by another server" in capsys.readouterr().err


def test_jobs_are_kept_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert jobs_file(None, 8000) == Path("/state/spectus/jobs-8000.sqlite")
    assert jobs_file("x.sqlite", 8000) == Path("x.sqlite")
    assert jobs_file("memory", 8000) is jobs_file(None, 0) is None


@pytest.mark.slow
def test_ctrl_c_stops_it(folder: Path) -> None:
    with started(folder) as server:
        assert stops(server, signal.SIGINT) == ""


def stops(server: tuple[subprocess.Popen[str], str], stop: signal.Signals) -> str:
    """The process ends well, and nothing listens any more; returns what it said."""
    process, url = server
    process.send_signal(stop)
    assert process.wait(20) == 0
    assert process.stderr is not None
    said = process.stderr.read()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))):
        pass
    return said


def test_an_address_that_cannot_be_had_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "--model", "unread", "--port", port]) == 2
        said = capsys.readouterr().err
        assert f"--port {port}" in said
        assert "in use" in said
        assert said.count("\n") == 1
    assert main(["serve", "--model", "unread", "--port", "70000"]) == 2
    assert main(["serve", "--model", "unread", "--host", "192.0.2.1"]) == 2
    assert main(["serve", "--model", "unread", "--port", "0"]) == 2
    assert "unread: no such model" in capsys.readouterr().err


@needs_chromium
def test_the_page_reads_a_spectrum_and_shows_structures(folder: Path, tmp_path: Path) -> None:
    """The server is one of its own, because another test stops the shared one."""
    browser = Chromium(tmp_path)
    with started(folder) as (_, address), closing(browser):
        for width in (390, 1300):
            browser.open(address, width)
            browser.wait("document.getElementById('example')")
            browser.run("document.getElementById('example').click(); document.getElementById('predict').click();")
            browser.wait("document.querySelector('#structures figure')")
            assert browser.run("return document.getElementById('structures').textContent.includes('SpecTUS alone');")
            assert browser.run("return document.documentElement.scrollWidth;") == width
            browser.run("document.getElementById('peaks').value = 'no'; document.getElementById('submit').click();")
            browser.wait("document.getElementById('state').textContent.startsWith('the spectrum: ')")
            assert browser.run("return document.querySelectorAll('#structures figure').length;") == 0
            assert browser.errors == []
            browser.screenshot(f"service-{width}")
        assert browser.axe() == []
        browser.open(address + "/docs", 390)
        assert browser.run("return document.documentElement.scrollWidth;") == 390
        assert browser.axe() == []


@needs_chromium
def test_the_page_takes_a_raw_run_and_asks_for_a_token(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("a-token-for-this-test\n")
    browser = Chromium(tmp_path / "profile")
    run = base64.b64encode((ROOT / "resources" / "example" / "blank.mzML.gz").read_bytes()).decode()
    with started(folder, "--tokens", str(tmp_path / "tokens")) as (_, address), closing(browser):
        browser.open(address)
        browser.run(f"""
            const bytes = Uint8Array.from(atob("{run}"), one => one.charCodeAt(0)), transfer = new DataTransfer();
            transfer.items.add(new File([bytes], "river 1.mzML.gz"));
            window.drop = () => document.getElementById("peaks").dispatchEvent(
              new DragEvent("drop", {{dataTransfer: transfer, bubbles: true, cancelable: true}}));
            document.getElementById("denovo").checked = false;
            drop();
        """)
        browser.wait("!document.getElementById('access').hidden")
        assert browser.run("return document.getElementById('state').textContent;").startswith(
            "the server needs a token"
        )
        browser.run("document.getElementById('token').value = 'a-token-for-this-test'; drop();")
        browser.wait("document.querySelectorAll('#structures tbody tr').length > 3")
        browser.wait("/identifications ended$/.test(document.querySelector('#structures .soft').textContent)")
        browser.wait("!document.getElementById('submit').disabled")
        assert browser.run("return document.querySelector('#structures h3').textContent;") == "river 1"
        assert browser.errors == []
        browser.screenshot("service-run-1300")
        assert browser.axe() == []
