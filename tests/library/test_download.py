"""Downloading a release from a local server that breaks off, does not resume, or sends something else."""

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from spectus.cli import main
from spectus.errors import InputError
from spectus.library.download import LIBRARIES, download_library
from spectus.library.records import read_spectra

RECORD = """ACCESSION: MSBNK-Lab-{number}
RECORD_TITLE: toluene; {kind}; MS
LICENSE: CC BY-SA
CH$NAME: toluene
CH$FORMULA: C7H8
CH$SMILES: Cc1ccccc1
CH$LINK: CAS 108-88-3
AC$INSTRUMENT_TYPE: {kind}
AC$CHROMATOGRAPHY: RETENTION_INDEX 765
MS$FOCUSED_ION: DERIVATIVE_TYPE {derivative}
PK$NUM_PEAK: 2
PK$PEAK: m/z int. rel.int.
  91.0 100 999
  92.0 60 599
//
"""


def archive() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("MassBank-data/Lab/1.txt", RECORD.format(number=1, kind="GC-EI-TOF", derivative="2 TMS"))
        file.writestr("MassBank-data/Lab/2.txt", RECORD.format(number=2, kind="LC-ESI-QTOF", derivative="N/A"))
        file.writestr("MassBank-data/README.txt", "About the records")
        file.writestr("padding.bin", bytes(200_000))
    return data.getvalue()


class Server:
    """What the server has, and how it behaves."""

    def __init__(self) -> None:
        self.data, self.sent = archive(), archive()
        self.breaks_after: int | None = None
        self.resumes = True
        self.requests: list[str | None] = []
        self.url = ""
        self.form = "record"

    def record(self) -> bytes:
        links = {"self": f"{self.url}/content"}
        checksum = f"md5:{hashlib.md5(self.data).hexdigest()}"
        file = {"key": "MassBank/MassBank-data-1.zip", "size": len(self.data), "checksum": checksum, "links": links}
        if self.form == "entries":  # the newer form of InvenioRDM, whose `self` is no file
            file |= {"links": {"self": f"{self.url}/gone", "content": f"{self.url}/content"}}
            return json.dumps({"files": {"entries": {file["key"]: file}}}).encode()
        record = {"files": [file]}
        return json.dumps({"hits": {"hits": [record], "total": 1}} if self.form == "search" else record).encode()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/gone":
                self.send_error(404)
                return
            if self.path == "/record":
                self.answer(200, state.record())
                return
            asked = self.headers.get("Range")
            state.requests.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and state.resumes else 0
            self.answer(206 if start else 200, state.sent[start:], state.breaks_after)

        def answer(self, status: int, data: bytes, most: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:most])

        def log_message(self, format: str, *args: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield state
    listening.shutdown()
    listening.server_close()
    thread.join()


def test_a_release_becomes_a_library_with_license_and_source(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "massbank.parquet"
    command = ["library", "download", "massbank", "--url", f"{server.url}/record", "--out", str(out)]
    assert main(command) == 0
    rows = read_spectra(out).to_pylist()
    assert [(row["source"], row["license"], row["cas"], row["ionization"], row["ri"]) for row in rows] == [
        ("MSBNK-Lab-1", "CC BY-SA", "108-88-3", "EI", 765)
    ]
    assert rows[0]["derivative"] == "2 TMS", "as a field of the record says"
    assert main(command) == 0
    assert server.requests == [None], "the file is there already"


def test_a_download_that_broke_off_goes_on(server: Server, tmp_path: Path) -> None:
    server.breaks_after = 30_000
    with pytest.raises(InputError, match=r"broke off after 150,000 of 20\d,\d+ bytes"):
        download_library("massbank", tmp_path, f"{server.url}/record")
    assert not list(tmp_path.glob("*.zip"))
    server.breaks_after = None
    path = download_library("massbank", tmp_path, f"{server.url}/record")
    assert path.read_bytes() == server.data and path.name == "MassBank-data-1.zip"
    assert server.requests == [None, *(f"bytes={n}-" for n in (30_000, 60_000, 90_000, 120_000, 150_000))]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_server_that_does_not_resume_begins_anew(server: Server, tmp_path: Path) -> None:
    server.breaks_after, server.resumes = 30_000, False
    with pytest.raises(InputError, match="broke off after 30,000 of"):
        download_library("massbank", tmp_path, f"{server.url}/record")
    server.breaks_after = None
    assert download_library("massbank", tmp_path, f"{server.url}/record").read_bytes() == server.data


def test_a_damaged_file_is_not_kept(server: Server, tmp_path: Path) -> None:
    server.sent = server.data[:-1] + b"x"
    with pytest.raises(InputError, match="came damaged: its MD5 sum is"):
        download_library("massbank", tmp_path, f"{server.url}/record")
    assert not list(tmp_path.iterdir())


def test_addresses_that_are_no_release(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no record of a release"):
        download_library("massbank", tmp_path, f"{server.url}/content")
    with pytest.raises(InputError, match="is no web address"):
        download_library("massbank", tmp_path, "file:///etc/hosts")
    with pytest.raises(InputError, match="no such library; take of massbank"):
        download_library("nist", tmp_path)
    url = server.url.rpartition(":")[0] + ":9/record"
    with pytest.raises(InputError, match=r"cannot be reached .*github.com/MassBank/MassBank-data/releases"):
        download_library("massbank", tmp_path, url)


def test_the_second_address_counts_where_the_first_is_gone(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zenodo answers 404 for the number that all releases share, at times."""
    addresses = (f"{server.url}/gone", f"{server.url}/record")
    monkeypatch.setitem(LIBRARIES, "massbank", LIBRARIES["massbank"]._replace(records=addresses))
    assert download_library("massbank", tmp_path).name == "MassBank-data-1.zip"
    monkeypatch.setitem(LIBRARIES, "massbank", LIBRARIES["massbank"]._replace(records=addresses[:1]))
    with pytest.raises(InputError, match=r"gone: cannot be reached \(.*Not Found"):
        download_library("massbank", tmp_path)


@pytest.mark.parametrize("form", ["search", "entries"])
def test_other_forms_of_the_record(server: Server, tmp_path: Path, form: str) -> None:
    server.form = form
    assert download_library("massbank", tmp_path, f"{server.url}/record").read_bytes() == server.data


def test_an_archive_without_records_of_electron_ionization(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("2.txt", RECORD.format(number=2, kind="LC-ESI-QTOF", derivative="N/A"))
    with pytest.raises(InputError, match="without MassBank records from electron ionization"):
        read_spectra(tmp_path / "a.zip")
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04 and nothing")
    with pytest.raises(InputError, match="zip"):
        read_spectra(tmp_path / "b.zip")
