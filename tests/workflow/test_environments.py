"""The conda environments hold the versions that pyproject.toml pins."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from .campaigns import ROOT

CONDA_NAMES = {"torch": ("pytorch-cpu", "pytorch-gpu")}
# The environments are for the jobs; these belong to the process that starts them.
NOT_IN_JOBS = {"snakemake", "snakemake-executor-plugin-slurm"}


def pinned() -> dict[str, Version | None]:
    """Name as conda has it, and the exact version; None where only a lowest one is asked for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: dict[str, Version | None] = {}
    for requirement in map(Requirement, project["dependencies"]):
        exact = [Version(item.version) for item in requirement.specifier if item.operator == "=="]
        found[requirement.name.lower()] = Version(exact[0].base_version) if exact else None
    return found


def extra(name: str) -> list[str]:
    """What an extra of the package asks for; the rule `molecule_list` reads what `molecules` installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["optional-dependencies"][name])


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_the_pins_agree(kind: str) -> None:
    environment = yaml.safe_load((ROOT / "envs" / f"{kind}.yaml").read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge", "bioconda", "nodefaults"]
    told: dict[str, Version | None] = {}
    from_pypi = [line for part in environment["dependencies"] if isinstance(part, dict) for line in part["pip"]]
    assert from_pypi == ([line.replace("==", " ==") for line in extra("molecules")] if kind == "cpu" else [])
    for line in (part for part in environment["dependencies"] if isinstance(part, str)):
        name, version = re.fullmatch(r"([a-z0-9-]+) (?:=|>=)([0-9.]+)", line).groups()
        told[name] = None if ">=" in line else Version(version)
    assert told.pop("python") == Version("3.11")
    assert bool(from_pypi) == ("pip" in told)
    told.pop("pip", None)
    torch = told.pop(f"pytorch-{kind}")
    expected = {name: version for name, version in pinned().items() if name not in NOT_IN_JOBS}
    assert torch == expected.pop("torch")
    assert told == expected
