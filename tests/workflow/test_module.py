"""The campaign as part of another workflow."""

import shutil
from pathlib import Path

import pytest

from .campaigns import PLAIN, ROOT, Campaign

IMPORTER = """
module gcms:
    snakefile: {snakefile!r}
    config: {config}
    {where}

use rule * from gcms as gcms_*

rule mine:
    default_target: True
    input: rules.gcms_report.output.page
    output: "done.html"
    shell: "cp {{input}} {{output}}"
"""


@pytest.fixture
def importer(tmp_path: Path) -> Campaign:
    """A folder with runs whose path has spaces and non-ASCII characters, and an own name for the sheet."""
    campaign = Campaign(tmp_path / "Großes Labor", tmp_path / "Großes Labor" / "Snakefile")
    runs = campaign.folder / "Läufe 2026"
    runs.mkdir(parents=True)
    for name in ("ladder", "blank"):
        shutil.copy(ROOT / "resources" / "example" / f"{name}.mzML.gz", runs / f"{name} µ.mzML.gz")
    rows = [f"{name}\tLäufe 2026/{name} µ.mzML.gz\t{name}" for name in ("ladder", "blank")]
    (campaign.folder / "sheet.tsv").write_text("\n".join(["run\tpath\ttype", *rows]), encoding="utf-8")
    return campaign


@pytest.mark.parametrize(
    ("where", "results"), [('pathvars: results="out/gcms"', "out/gcms"), ('prefix: "pre"', "pre/results")]
)
def test_an_importing_workflow_says_where_the_results_go(importer: Campaign, where: str, results: str) -> None:
    text = IMPORTER.format(snakefile=str(ROOT / "Snakefile"), config={"samples": "sheet.tsv"}, where=where)
    importer.snakefile.write_text(text, encoding="utf-8")
    expected = {"mine" if rule == "all" else f"gcms_{rule}": count for rule, count in PLAIN.items()}
    assert importer.planned() == expected
    importer.run("gcms_convert", "--cores", "2")
    written = {path.name for path in (importer.folder / results / "mzml" / "0001").glob("*.mzML")}
    assert written == {"ladder.mzML", "blank.mzML"}
    assert importer.planned("gcms_convert") == {}
