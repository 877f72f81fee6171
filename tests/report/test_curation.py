import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from spectus.errors import InputError
from spectus.report.campaign import findings_line
from spectus.report.curation import Curation
from spectus.report.write import write_report

from .conftest import Made
from .pages import read_page


def write_decisions(path: Path, features: dict[str, Any], **more: Any) -> Path:
    path.write_text(json.dumps({"format": "spectus-curation", "version": 1, "features": features} | more))
    return path


def test_decisions_change_what_counts_and_reach_the_data_set(made: Made, tmp_path: Path) -> None:
    """An accepted candidate becomes the first one with its own level; a rejected feature is unknown."""
    second = next(row for row in made.rows.candidates if row["query"] == "F0001" and row["rank"] == 2)
    path = write_decisions(
        tmp_path / "decisions.json",
        {
            "F0001": {"verdict": "accepted", "inchikey": second["inchikey"], "smiles": second["smiles"], "comment": ""},
            "F0002": {"verdict": "rejected", "comment": "bleed"},
            "F0003": {"comment": "check"},
        },
    )
    assert findings_line(made.read()).startswith("8 identified (level 1 or 2), 2 tentative (level 3), 2 unknown")
    campaign = made.read().curated(path)
    assert findings_line(campaign).startswith("6 identified (level 1 or 2), 3 tentative (level 3), 3 unknown")
    write_report(campaign, tmp_path, "A campaign")
    page = read_page(tmp_path)
    assert page.document["features"]["smiles"][:2] == [second["smiles"], None]
    assert page.document["curation"]["F0002"]["verdict"] == "rejected"
    assert "1 accepted, 1 rejected" in page.text
    rows = pq.ParquetFile(tmp_path / "dataset" / "features.parquet").read().to_pylist()
    assert [row["verdict"] for row in rows[:4]] == ["accepted", "rejected", None, None]
    assert rows[0]["verdict_smiles"] == second["smiles"] and rows[1]["comment"] == "bleed"


def test_a_campaign_without_decisions_has_no_such_columns(made: Made, tmp_path: Path) -> None:
    write_report(made.read(), tmp_path, "A campaign")
    assert "verdict" not in pq.read_schema(tmp_path / "dataset" / "features.parquet").names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a file of decisions"),
        ('{"format": "spectus-curation", "version": 9, "features": {}}', "version"),
        ('{"format": "spectus-curation", "version": 1, "features": []}', "no object"),
        ('{"format": "spectus-curation", "version": 1, "features": {"F1": 3}}', "not an object"),
        ('{"format": "spectus-curation", "version": 1, "features": {"F1": {"verdict": "maybe"}}}', "'maybe'"),
        ('{"format": "spectus-curation", "version": 1, "features": {"F1": {"comment": 5}}}', "comment of 'F1'"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "decisions.json").write_text(text)
    with pytest.raises(InputError, match=said):
        Curation.read(tmp_path / "decisions.json")


def test_decisions_of_another_campaign_are_refused(made: Made, tmp_path: Path) -> None:
    path = write_decisions(tmp_path / "decisions.json", {"F9999": {"verdict": "rejected"}})
    with pytest.raises(InputError, match="'F9999', which is no feature of this campaign"):
        made.read().curated(path)
