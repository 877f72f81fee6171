"""The lock holds what pyproject.toml asks for, and the conda environments the versions of the lock."""

import re
import tomllib
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from .campaigns import ROOT

# The environments are for the jobs; these belong to the process that starts them.
NOT_IN_JOBS = {"snakemake", "snakemake-executor-plugin-slurm"}


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def locked() -> dict[str, Version]:
    """Name in lower case, and the exact version."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = (line.split("==") for line in lines if not line.startswith("#"))
    return {canonicalize_name(name): Version(version) for name, version in pins}


def expected() -> dict[str, Version]:
    """What a conda environment has to hold: the package's own dependencies, as the lock has them."""
    names = [Requirement(line).name for line in project()["dependencies"]]
    return {
        name.lower(): Version(locked()[canonicalize_name(name)].base_version)
        for name in names if name not in NOT_IN_JOBS
    }  # fmt: skip


def test_the_lock_holds_what_is_asked_for() -> None:
    asked = project()["dependencies"] + [
        line for extra in ("dev", "docs", "molecules") for line in project()["optional-dependencies"][extra]
    ]
    for requirement in map(Requirement, asked):
        assert locked()[canonicalize_name(requirement.name)] in requirement.specifier, f"{requirement}: make lock"


def test_the_lock_can_be_installed_anywhere() -> None:
    """Neither paths nor addresses, nor libraries that only the CUDA build of PyTorch needs."""
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        assert line.startswith("#") or re.fullmatch(r"(?!nvidia|cuda|triton)[A-Za-z0-9._-]+==[a-z0-9.]+", line)


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_the_pins_agree(kind: str) -> None:
    environment = yaml.safe_load((ROOT / "envs" / f"{kind}.yaml").read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge", "bioconda", "nodefaults"]
    told: dict[str, Version] = {}
    from_pypi = [line for part in environment["dependencies"] if isinstance(part, dict) for line in part["pip"]]
    # The rule `molecule_list` reads what the extra `molecules` installs.
    molecules = [line.replace("==", " ==") for line in project()["optional-dependencies"]["molecules"]]
    assert from_pypi == (molecules if kind == "cpu" else [])
    for line in (part for part in environment["dependencies"] if isinstance(part, str)):
        name, version = re.fullmatch(r"([a-z0-9_-]+) (?:=|>=)([0-9.]+)", line).groups()
        told[name] = Version(version)
    assert told.pop("python") == Version("3.11")
    assert bool(from_pypi) == ("pip" in told)
    told.pop("pip", None)
    told["torch"] = told.pop(f"pytorch-{kind}")
    assert told == expected()
