"""The command `spectus report`: the data set and the page of a campaign."""

from pathlib import Path

from spectus.files import replacing
from spectus.report.campaign import Campaign, summary
from spectus.report.dataset import write_dataset
from spectus.report.page import render


def write_report(campaign: Campaign, out: Path, title: str) -> str:
    """Write the data set to `out`/dataset and the page to `out`/report.html; the same campaign gives the same bytes.

    Returns
    -------
    A few lines that say where the report is and what was found.
    """
    write_dataset(campaign.parts, out / "dataset")
    page = render(campaign, title)
    with replacing(out / "report.html") as temporary:
        temporary.write_text(page, encoding="utf-8")
    return "\n".join([f"report: {out / 'report.html'}", *summary(campaign)])
