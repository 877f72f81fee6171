"""Write requirements.lock: one exact version of every package that pyproject.toml asks for, and of what those need.

    python scripts/lock.py             # keep the versions that are locked where pyproject.toml still allows them
    python scripts/lock.py --upgrade   # take the newest versions that pyproject.toml allows

pip resolves the packages and installs nothing. The CUDA libraries of PyTorch are left out: PyTorch asks for exact
versions of them by itself, and only where its build for GPUs is installed.
"""

import argparse
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
EXTRAS = ("dev", "docs", "molecules")
CUDA_LIBRARY = re.compile(r"(nvidia|cuda)-.*|triton")
HEADER = f"""\
# Made by `make lock` from pyproject.toml (extras {", ".join(EXTRAS)}); do not edit.
# Resolved with Python 3.11, for Python 3.11 to 3.13: no package is needed by a later Python alone.
"""


def asked_for() -> list[str]:
    """Return the requirements of the package and of the extras that `make install` installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["dependencies"] + [line for name in EXTRAS for line in project["optional-dependencies"][name]]


def resolved(upgrade: bool) -> dict[str, str]:
    """Return the name and the version of every package that pip would install."""
    command = [sys.executable, "-m", "pip", "install", "-qq", "--dry-run", "--ignore-installed", "--report", "-"]
    if LOCK.is_file() and not upgrade:
        command += ["--constraint", str(LOCK)]
    report = json.loads(subprocess.run([*command, *asked_for()], check=True, stdout=subprocess.PIPE).stdout)
    return {item["metadata"]["name"]: item["metadata"]["version"] for item in report["install"]}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Write requirements.lock from pyproject.toml.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that pyproject.toml allows")
    versions = resolved(parser.parse_args().upgrade)
    lines = [
        f"{name}=={version.partition('+')[0]}\n"  # PyTorch's +cpu or +cu126 names the build, not the version
        for name, version in sorted(versions.items(), key=lambda item: item[0].lower())
        if not CUDA_LIBRARY.fullmatch(name.lower())
    ]
    LOCK.write_text(HEADER + "".join(lines), encoding="utf-8")
    print(f"{LOCK.name}: {len(lines)} packages")


if __name__ == "__main__":
    main()
