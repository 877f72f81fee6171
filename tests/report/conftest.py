"""The made-up campaign, written once; tests that change it make their own."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from spectus.report.campaign import CampaignResults

from .synthetic import Rows, make_library, make_rows, make_sheet


@dataclass(frozen=True)
class Made:
    """The files of a campaign."""

    rows: Rows
    files: dict[str, list[Path]]
    sheet: Path
    library: Path
    settings: Path

    def read(self, ground_truth: Path | None = None) -> CampaignResults:
        return CampaignResults.read(self.files, self.sheet, [self.library], ground_truth, self.settings)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("campaign")
    rows = make_rows(folder)
    settings = folder / "config.yaml"
    settings.write_text("libraries: [known.msp]  # <b>bold</b>\n", encoding="utf-8")
    sheet = make_sheet(folder / "samples.tsv")
    return Made(rows, rows.write(folder), sheet, make_library(folder / "known.msp", rows), settings)
