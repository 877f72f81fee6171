"""Campaigns for the tests: one to plan with, one that was run."""

import shutil
from pathlib import Path

import pytest

from .campaigns import Campaign


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """The example, not run yet."""
    return Campaign.example(tmp_path / "campaign")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """The example with a short list of molecules, run to its end by plain `snakemake`; read only."""
    campaign = Campaign.example(tmp_path_factory.mktemp("example") / "Probe é 1")
    campaign.shorten()
    campaign.run()
    return campaign


@pytest.fixture
def copy(finished: Campaign, tmp_path: Path) -> Campaign:
    """A copy of the finished example, to change."""
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder, symlinks=True)
    return Campaign(folder)
