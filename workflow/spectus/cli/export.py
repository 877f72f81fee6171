"""`spectus export`: the results of a campaign in the formats of other programs."""

import argparse
from pathlib import Path

from spectus.cli.arguments import words

EXAMPLE = "spectus export results --out exports --format xlsx,msp"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("results", type=Path, metavar="RESULTS", help="results folder of a campaign, or its data set")
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="folder for the files")
    parser.add_argument(
        "--format", type=words, default=[], metavar="A,B",
        help="formats to write: csv, xlsx, msp, mgf, sdf, mztab (default: all)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> list[Path]:
    """Write the files."""
    from spectus.export.write import export_results

    return export_results(options.results, options.out, options.format)
