"""`spectus report`: the data set and the HTML report of a campaign."""

import argparse
from pathlib import Path

from spectus.cli.arguments import SEARCHED_HELP, library_path

EXAMPLE = (
    "spectus report --runs runs.parquet --components components.parquet --ri-standards ri_standards.parquet "
    "--features features.parquet --peak-areas peak_areas.parquet --hits hits.parquet --denovo denovo.parquet "
    "--candidates candidates.parquet --out report"
)

TABLES = {
    "runs": "runs",
    "components": "components",
    "ri_standards": "ri_standards",
    "features": "features",
    "peak_areas": "peak_areas",
    "hits": "library_hits",
    "denovo": "denovo_candidates",
    "candidates": "candidates",
}
"""Option of each table and the table's name in the data set."""

OPTIONAL = {"ri_standards", "hits", "denovo", "candidates"}
"""Options of the tables that a campaign may lack."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    for option, table in TABLES.items():
        parser.add_argument(
            f"--{option.replace('_', '-')}", nargs="+", required=option not in OPTIONAL, type=Path, metavar="PARQUET",
            help=f"tables of {table.replace('_', ' ').replace('ri ', 'RI ').replace('denovo', 'de novo')}",
        )  # fmt: skip
    parser.add_argument(
        "--quantitation", nargs="+", default=[], type=Path, metavar="PARQUET",
        help="tables written by `spectus quantify`, by their file names: amounts.parquet, qc_runs.parquet ...",
    )  # fmt: skip
    parser.add_argument("--samples", type=Path, metavar="SHEET", help="sample sheet, for the types of the runs")
    parser.add_argument(
        "--library",
        nargs="*",
        default=[],
        type=library_path,
        metavar="LIB",
        help=f"libraries of the hits: {SEARCHED_HELP}",
    )
    parser.add_argument(
        "--ground-truth", type=Path, metavar="PARQUET", help="ground truth of simulated runs, to say what was found"
    )
    parser.add_argument("--settings", type=Path, metavar="YAML", help="configuration to show with the provenance")
    parser.add_argument(
        "--curation",
        type=Path,
        metavar="JSON",
        help="decisions of an analyst, exported from the page of an earlier report",
    )
    parser.add_argument("--title", default="GC-MS campaign", help="heading of the page (default: GC-MS campaign)")
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="folder for the data set and page")


def run(options: argparse.Namespace) -> list[Path]:
    """Write the data set and the page."""
    from spectus.report.campaign import CampaignResults
    from spectus.report.write import write_report

    files = {table: getattr(options, option) or [] for option, table in TABLES.items()}
    files |= {path.stem: [path] for path in options.quantitation}
    campaign = CampaignResults.read(files, options.samples, options.library, options.ground_truth, options.settings)
    if options.curation:
        campaign = campaign.curated(options.curation)
    print(write_report(campaign, options.out, options.title))
    return []
