"""Jobs in containers: on Kubernetes, where Snakemake sends only its own files, and with Apptainer."""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from .campaigns import PLAIN, ROOT, Campaign

PLUGINS = ("snakemake_executor_plugin_kubernetes", "snakemake_storage_plugin_s3")


def test_rules_without_the_package_beside_them_find_it(
    campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pod, SPECTUS_WORKFLOW names the checkout of the image."""
    sent = tmp_path / "sent"
    shutil.copytree(ROOT / "workflow" / "rules", sent / "workflow" / "rules")
    shutil.copy(ROOT / "Snakefile", sent)
    for name in ("envs", "workflow/report"):
        shutil.copytree(ROOT / name, sent / name)
    (campaign.folder / "resources").unlink()
    raw = ROOT / "resources" / "example" / "blank.mzML.gz"
    campaign.write_sheet(("a", raw, "sample"))
    campaign.change({"report": {"ground_truth": None}, "search": {"exclude": None}})
    monkeypatch.setenv("SPECTUS_WORKFLOW", str(ROOT))
    assert Campaign(campaign.folder, sent / "Snakefile").planned("library") == {"library_table": 1, "library": 1}


def test_the_image_has_the_versions_of_the_lock() -> None:
    recipe = (ROOT / "envs" / "Containerfile").read_text(encoding="utf-8")
    assert "FROM docker.io/library/python:3.11-slim" in recipe
    for name in re.findall(r"^COPY (\S+) ", recipe, re.MULTILINE):
        assert (ROOT / name).exists()
    assert "--requirement requirements.lock" in recipe
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    profile = yaml.safe_load((ROOT / "profiles" / "kubernetes" / "profile.yaml").read_text(encoding="utf-8"))
    assert version
    assert profile["container-image"].endswith(f":{version[1]}")


# The Debian packages of what the wheel of RDKit needs of the system.
PACKAGES = {"libexpat.so.1": "libexpat1", "libXext.so.6": "libxext6", "libXrender.so.1": "libxrender1"}
# These come with libxext6.
PACKAGES |= {"libX11.so.6": "libxext6", "libxcb.so.1": "libxext6"}


def test_the_image_has_the_libraries_that_draw_structures() -> None:
    """The wheel of RDKit has its own cairo, but not what that needs of X11."""
    folder = Path(find_spec("rdkit").origin).parents[1] / "rdkit.libs"  # type: ignore[union-attr, arg-type]
    files = [path for path in folder.glob("*.so*") if re.match(r"lib(cairo|fontconfig|freetype)", path.name)]
    if not files:
        pytest.skip("RDKit is no wheel for Linux here")
    of_the_system = re.compile(rb"\0(lib(?:X\w*|xcb\w*|expat|SM|ICE|GL\w*)\.so\.\d+)(?=\0)")
    needed = {name.decode() for path in files for name in of_the_system.findall(path.read_bytes())}
    assert "libXrender.so.1" in needed
    recipe = (ROOT / "envs" / "Containerfile").read_text(encoding="utf-8")
    for name in needed:
        assert PACKAGES[name] in recipe, name


def test_the_image_gets_every_file_of_the_repository_and_nothing_else() -> None:
    """What `.dockerignore` leaves out is not tracked."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a clone")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tracked = {part for path in map(Path, listed.splitlines()) for part in [path, *path.parents]}
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    ignored = [line for line in lines if line and not line.startswith("#")]
    assert {".git", ".venv", "results", "build"} <= set(ignored)
    for pattern in ignored:
        name = pattern.removeprefix("**/")
        assert not [path for path in tracked if (path.match(name) if name != pattern else str(path) == pattern)]


@pytest.mark.skipif(any(find_spec(name) is None for name in PLUGINS), reason="needs the plugins kubernetes and s3")
def test_the_kubernetes_profile_plans_the_example(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        command = [
            sys.executable, "-m", "snakemake", "--dry-run", "--snakefile", str(ROOT / "Snakefile"),
            "--workflow-profile", str(ROOT / "profiles" / "kubernetes"), "--storage-s3-endpoint-url",
            f"http://{host}:{port}",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=campaign.folder, capture_output=True, text=True, check=False)
    finally:
        server.stop()
    assert done.returncode == 0, done.stdout + done.stderr
    planned = re.findall(r"^(\w+) +1$", done.stdout, re.MULTILINE)
    assert set(PLAIN) <= set(planned)
