"""`spectus init`: the folder of a new campaign."""

import argparse
from pathlib import Path

from spectus.cli.arguments import LIBRARY_HELP

EXAMPLE = "spectus init campaign --runs /data/2026-11 --library nist.msp"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder of the campaign; it is made if need be")
    parser.add_argument(
        "--runs", nargs="+", required=True, type=Path, metavar="PATH", help="raw runs, and folders that hold them"
    )
    parser.add_argument(
        "--library", nargs="+", default=[], type=Path, metavar="LIB", help=f"libraries to search: {LIBRARY_HELP}"
    )
    parser.add_argument("--title", default="", help="heading of the report (default: name of the folder)")


def run(options: argparse.Namespace) -> list[Path]:
    """Write the sample sheet and the configuration."""
    from spectus.campaign_folder import CONFIGURATION, SHEET, make_campaign_folder

    print(make_campaign_folder(options.folder, options.runs, options.library, options.title))
    return [options.folder / SHEET, options.folder / CONFIGURATION]
