"""Files damaged by chance or made to harm: each is refused with one line, or read as a sound run, in bounded time."""

import base64
import gzip
import os
import random
import re
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from spectus.errors import InputError
from spectus.raw.read import raw_file, read_run

from .files import WRITERS, write_andi, write_mzml, write_mzxml
from .fuzz import SECONDS, mutants, outcome

# A netCDF-4 file is read by a process of its own, which takes time to start.
FAST = {kind: 40 for kind in WRITERS if kind != "ANDI/netCDF-4"}


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    """No test of this module may hang."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError(f"longer than {SECONDS} s")

    before = signal.signal(signal.SIGPROF, stop)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


def refusal(path: Path) -> str:
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    with pytest.raises(InputError) as caught:
        read_run(path)
    signal.setitimer(signal.ITIMER_PROF, 0)
    message = str(caught.value)
    # A folder's error names the file in it that is at fault.
    assert message.startswith(str(path)) and "; " in message and "\n" not in message
    return message


@pytest.mark.parametrize("kind", FAST)
def test_damaged(kind: str, tmp_path: Path) -> None:
    name, write = WRITERS[kind]
    file = raw_file(write(tmp_path / name))
    refused = 0
    for content in mutants(file.read_bytes(), 11, FAST[kind]):
        file.write_bytes(content)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        refused += outcome(file) != "read"
    assert refused >= 10


def test_damaged_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(write_mzml(tmp_path / "run.mzML").read_bytes(), mtime=0)
    file = tmp_path / "run.mzML.gz"
    for content in mutants(packed, 12, 60):
        file.write_bytes(content)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        outcome(file)


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRITERS)
def test_damaged_at_length(kind: str) -> None:
    """In a process of its own: a crash there is a failure here, and its memory is limited."""
    number = 100 if kind == "ANDI/netCDF-4" else 4000
    command = [sys.executable, "-m", "tests.raw.fuzz", kind, str(number), "5"]
    root = Path(__file__).parents[2]
    paths = {"PYTHONPATH": os.pathsep.join([str(root / "workflow"), str(root)])}
    done = subprocess.run(command, cwd=root, env=os.environ | paths, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(re.search(r", (\d+) MB", done.stdout)[1]) < 700


@pytest.mark.parametrize("kind", ["mzML", "ANDI/netCDF", "JCAMP-DX"])
def test_gzip_that_unpacks_without_end(kind: str, tmp_path: Path) -> None:
    """A proper beginning, so that the format is known, and then 100 MB that pack to 100 kB."""
    name, write = WRITERS[kind]
    start = raw_file(write(tmp_path / name)).read_bytes()
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(2**20) if not start.startswith(b"<?xml") else b" " * 2**20
    content = packer.compress(start) + b"".join(packer.compress(zeros) for _ in range(100)) + packer.flush()
    (tmp_path / "bomb").write_bytes(content)
    assert "unpacks to more than 100 times its size" in refusal(tmp_path / "bomb")


def test_array_that_unpacks_without_end(tmp_path: Path) -> None:
    """8 million zeros in 64 kB: no more are unpacked than the file states; stated or not, they are no peaks."""
    bomb = base64.b64encode(zlib.compress(bytes(8 * 2**23), 9))
    content = write_mzml(tmp_path / "run.mzML").read_bytes()
    content = re.sub(rb"<binary>[^<]*</binary>", b"<binary>" + bomb + b"</binary>", content, count=2)
    content = content.replace(b"MS:1000576", b"MS:1000574", 2).replace(b"MS:1000521", b"MS:1000523", 1)
    (tmp_path / "run.mzML").write_bytes(content)
    assert "more than it states" in refusal(tmp_path / "run.mzML")
    stated = b'defaultArrayLength="%d"' % 2**23
    (tmp_path / "run.mzML").write_bytes(content.replace(b'defaultArrayLength="3"', stated, 1))
    assert np.diff(read_run(tmp_path / "run.mzML").offsets).tolist() == [0, 3, 0, 1, 4]
    stated = b'defaultArrayLength="%d"' % (2**23 + 1)
    (tmp_path / "run.mzML").write_bytes(content.replace(b'defaultArrayLength="3"', stated, 1))
    assert "states 8388609 points" in refusal(tmp_path / "run.mzML")


def test_entities_that_grow_without_end(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    text = f'<?xml version="1.0"?><!DOCTYPE mzML [<!ENTITY e0 "spectrum">{levels}]><mzML><run>&e11;</run></mzML>'
    (tmp_path / "run.mzML").write_text(text)
    assert "XML" in refusal(tmp_path / "run.mzML")


def test_xml_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run.mzML").write_bytes(b"<mzML>" + b"<run>" * 300_000)
    assert "elements within each other" in refusal(tmp_path / "run.mzML")
    (tmp_path / "run.mzXML").write_bytes(b"<mzXML><msRun>" + b"<scan peaksCount='0'>" * 300_000)
    assert "elements within each other" in refusal(tmp_path / "run.mzXML")
    (tmp_path / "run.mzML").write_bytes(b"<mzML><run id='" + b"x" * 20_000_000)
    assert "a tag without end" in refusal(tmp_path / "run.mzML")
    monkeypatch.setattr("spectus.raw.xml_index._MOST_SCANS", 4)
    assert "more than 4 scans" in refusal(write_mzml(tmp_path / "run.mzML"))


def test_netcdf_that_states_absurd_sizes(tmp_path: Path) -> None:
    whole = write_andi(tmp_path / "run.cdf").read_bytes()
    for place in range(4, 240, 4):
        for word in (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"):
            (tmp_path / "run.cdf").write_bytes(whole[:place] + word + whole[place + 4 :])
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            outcome(tmp_path / "run.cdf")


def test_folders_in_place_of_files_and_files_in_place_of_folders(tmp_path: Path) -> None:
    for name in ("run.mzML", "run.cdf", "run.D/data.ms", "run.D/AcqData", "run.raw/_FUNC001.DAT", "run.qgd"):
        (tmp_path / "folders" / name).mkdir(parents=True)
        (tmp_path / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "files" / name).write_bytes(b"no run")
    for root in (tmp_path / "folders", tmp_path / "files"):
        for path in sorted(root.rglob("*")):
            refusal(path)
    os.mkfifo(tmp_path / "pipe.mzML")
    refusal(tmp_path / "pipe.mzML")


@pytest.mark.parametrize("name", ["run.cdf", "run.mzML", "run.mzXML", "run.mzML.gz", "run.jdx", "run.raw", "run.qgd"])
def test_wrong_content_behind_a_right_name(name: str, tmp_path: Path) -> None:
    chance = random.Random(4)
    for content in (
        b"\0", b"\n", b"##", b"CDF\x01", b"CDF\x02" + bytes(40), b"\x89HDF\r\n\x1a\n", b"\x1f\x8b",
        b"\x1f\x8b\x08" + bytes(20), b"<mzML>", b"<mzML/>", b"<mzXML/>", b"<indexedmzML><mzML/></indexedmzML>",
        b"\x01\x32\0\0", b"\x01\x32\0\0" + bytes(500), b"\x89PNG\r\n\x1a\n" + bytes(100), b"%PDF-1.4",
        "Zeit;Fläche\n1;2\n".encode(), "<mzML>".encode("utf-16"), b"<?xml version='1.0' encoding='utf-7'?><mzML/>",
        *(chance.randbytes(1000) for _ in range(20)),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(content)
        refusal(tmp_path / name)


def test_pyopenms_is_no_longer_trusted_with_valid_looking_files(tmp_path: Path) -> None:
    """An array without its terms, and a scan within the peaks of another: reading these crashes pyOpenMS 3.6."""
    content = write_mzml(tmp_path / "run.mzML").read_bytes()
    for term in (b"MS:1000514", b"MS:1000515", b"MS:1000523", b"MS:1000521"):
        (tmp_path / "run.mzML").write_bytes(re.sub(rb"<cvParam[^>]*" + term + rb"[^>]*/>", b"", content, count=1))
        refusal(tmp_path / "run.mzML")
    content = write_mzxml(tmp_path / "run.mzXML").read_bytes()
    (tmp_path / "run.mzXML").write_bytes(re.sub(rb"(<peaks[^>]*>)", rb"\1<scan/>", content, count=1))
    refusal(tmp_path / "run.mzXML")


def test_counts_of_points_are_honest(tmp_path: Path) -> None:
    """A float32 run read as float64, or with its bytes in the other order, must not pass for a run."""
    content = write_mzml(tmp_path / "run.mzML").read_bytes()
    for old, new in ((b"MS:1000523", b"MS:1000521"), (b"MS:1000521", b"MS:1000523"), (b"MS:1000576", b"MS:1000574")):
        (tmp_path / "run.mzML").write_bytes(content.replace(old, new))
        assert re.search("numbers|zlib", refusal(tmp_path / "run.mzML"))
    assert np.isfinite(read_run(write_mzml(tmp_path / "run.mzML")).mz).all()
