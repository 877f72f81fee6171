"""`spectus calibrate`: retention indices from an alkane or FAME ladder."""

import argparse
from pathlib import Path

from spectus.cli.arguments import add_table

EXAMPLE = (
    "spectus calibrate sample_components.parquet --ladder ladder_components.parquet "
    "--out components.parquet --ri-standards ri_standards.parquet"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("components", nargs="+", type=Path, metavar="COMPONENTS", help="tables of components")
    ladder = parser.add_mutually_exclusive_group(required=True)
    ladder.add_argument("--ladder", nargs="+", type=Path, metavar="COMPONENTS", help="components of the ladder runs")
    ladder.add_argument("--samples", type=Path, metavar="SHEET", help="sample sheet; its runs of type ladder are used")
    parser.add_argument(
        "--series", choices=["auto", "alkane", "fame"], default="auto",
        help="compounds of the ladder; auto takes the series that explains more of the run (default: auto)",
    )  # fmt: skip
    add_table(parser, "--out", "components with retention index")
    add_table(parser, "--ri-standards", "RI standards that were found")


def run(options: argparse.Namespace) -> list[Path]:
    """Find the RI standards and calibrate the components."""
    from spectus.retention.calibrate import calibrate_components

    calibrate_components(
        options.components, options.ladder, options.samples, options.series, options.out, options.ri_standards
    )
    return [options.out, options.ri_standards]
