"""The synthetic campaign of the report's tests with its data set, as the exports read it."""

from pathlib import Path

import pytest

from spectus.report.campaign import CampaignResults
from spectus.report.write import write_report
from tests.report.synthetic import Rows, make_rows, make_sheet


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return make_rows(tmp_path_factory.mktemp("exported_runs"))


@pytest.fixture(scope="session")
def results(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    write_report(CampaignResults.read(rows.write(folder), make_sheet(folder / "samples.tsv")), folder / "report", "x")
    return folder
