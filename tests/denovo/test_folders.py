import logging
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from spectus.denovo.folders import model_folder
from spectus.errors import InputError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """What is asked of a hub that has every repository."""
    calls: list[tuple[str, str | None]] = []

    def snapshot_download(repository: str, revision: str | None = None, **_: Any) -> str:
        calls.append((repository, revision))
        return str(tmp_path / "snapshots" / COMMIT)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return calls


def test_a_revision_is_pinned(asked: list[tuple[str, str | None]], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "spectus"):
        assert model_folder(f"MS-ML/SpecTUS@{COMMIT}").name == COMMIT
        model_folder("MS-ML/SpecTUS", revision="v1")
    assert asked == [("MS-ML/SpecTUS", COMMIT), ("MS-ML/SpecTUS", "v1")]
    assert not caplog.records


def test_without_a_revision_the_one_used_is_told(
    asked: list[tuple[str, str | None]], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "spectus"):
        model_folder("MS-ML/SpecTUS")
    assert asked == [("MS-ML/SpecTUS", None)]
    assert f"write MS-ML/SpecTUS@{COMMIT} to pin it" in caplog.text


def test_folders_come_before_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert model_folder("spectus-open").parts[-3:] == ("resources", "models", "spectus-open")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spectus-open").mkdir()
    assert model_folder("spectus-open") == Path("spectus-open")


@pytest.mark.parametrize("name", ["absent", "./a/b", "/a/b", "a/b/c", "../b@c"])
def test_what_is_no_model_is_named(name: str) -> None:
    with pytest.raises(InputError, match="no such model folder"):
        model_folder(name)


def test_a_hub_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> str:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(InputError, match=r"cannot be fetched from the hub \(no route\)"):
        model_folder("MS-ML/SpecTUS")
