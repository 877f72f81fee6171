"""Writing the report: the data set and the page of a campaign."""

from pathlib import Path

from spectus.files import replacing
from spectus.report.campaign import CampaignResults, findings_line, summary_lines
from spectus.report.dataset import write_dataset
from spectus.report.notices import suggestions
from spectus.report.page import render_report


def write_report(campaign: CampaignResults, out: Path, title: str) -> str:
    """Write the data set to `out`/dataset and the page to `out`/report.html. The same campaign gives the same bytes.

    Parameters
    ----------
    campaign : CampaignResults
        The results.
    out : Path
        Folder of the report.
    title : str
        Heading of the page.

    Returns
    -------
    str
        A few lines for the log. The last one has the findings as the page counts them, and the absolute path of the
        page.
    """
    write_dataset(campaign.parts, out / "dataset")
    page = render_report(campaign, title)
    path = out / "report.html"
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    lines = [*summary_lines(campaign), *suggestions(campaign)]
    return "\n".join([*lines, f"{findings_line(campaign)}; report: {path.resolve()}"])
