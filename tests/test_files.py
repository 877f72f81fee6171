"""Files are written whole or not at all, and what a killed process left is removed."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spectus import files

HOLD = "import sys, time; from pathlib import Path; from spectus.files import replacing\n"
HOLD += "with replacing(Path(sys.argv[1])) as t:\n t.write_text('half'); print('held', flush=True)\n"
HOLD += " for _ in range(600): time.sleep(0.1)"  # a signal that comes just before a sleep begins does not end it


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.parquet"
    with files.replacing(path) as temporary:
        assert temporary.suffix == ".parquet"
        temporary.write_text("new")
        assert names(path.parent) == {temporary.name}
    assert names(path.parent) == {"a.parquet"}
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "new"
    assert names(path.parent) == {"a.parquet"}


def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a b.tar.gz"
    environment = {**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[1])}
    writers = [
        subprocess.Popen([sys.executable, "-c", HOLD, str(path)], env=environment, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline()
    killed, alive = writers
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    for temporary in tmp_path.iterdir():
        os.utime(temporary, (0, time.time() - 3600))
    (tmp_path / ".another.12345678.gz").touch()
    with files.replacing(path) as temporary:
        temporary.write_text("new")
    assert len(names(tmp_path)) == 3  # the new file, that of the writer that lives, and another's
    alive.kill()
    alive.wait()


def test_a_fresh_temporary_file_is_left_alone(tmp_path: Path) -> None:
    """Its writer may not have locked it yet."""
    fresh = tmp_path / ".a.txt.abcdefgh.txt"
    fresh.touch()
    with files.replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert fresh.exists()


@pytest.mark.parametrize("limit_bytes", [0, 1000, 4096, 20_000])
def test_a_full_disk_is_one_line_that_names_the_file(tmp_path: Path, limit_bytes: int) -> None:
    """A limit on the size of files fails as a full disk does, within a write or at the end of it."""
    out = tmp_path / "library.parquet"
    root = Path(files.__file__).parents[2]
    library = str(root / "resources" / "libraries" / "FAMES_REF.msp")
    done = subprocess.run(
        [sys.executable, "-m", "spectus", "library", library, "--out", str(out)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes)),
        env={**os.environ, "PYTHONPATH": str(root / "workflow")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        assert limit_bytes == 20_000
        assert out.stat().st_size <= limit_bytes
        return
    assert done.returncode == 2
    assert f"{out}: cannot be written (the file is larger than the limit); free space on the disk\n" in done.stderr
    assert "Traceback" not in done.stderr
    assert names(tmp_path) == set()


def test_a_time_limit_leaves_no_temporary_file(tmp_path: Path) -> None:
    """A cluster sends SIGTERM some seconds before it kills."""
    script = "import sys; from spectus.cli import main as m; from spectus.cli.main import _end_on_request\n"
    script += "_end_on_request()\n" + HOLD
    environment = {**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[1])}
    writer = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "a.txt")], env=environment, stdout=subprocess.PIPE
    )
    assert writer.stdout
    assert writer.stdout.readline()
    assert names(tmp_path)
    writer.terminate()
    assert writer.wait(10) == 128 + signal.SIGTERM
    assert names(tmp_path) == set()


def test_a_folder_is_named_as_such_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as caught, files.replacing(tmp_path):
        pytest.fail("nothing may be written")
    assert caught.value.filename == str(tmp_path)
