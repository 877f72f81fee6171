"""`spectus convert`: raw runs to centroided mzML."""

import argparse
from pathlib import Path

from spectus.cli.arguments import RUNS_HELP, add_names, add_on_bad_run, add_table

EXAMPLE = "spectus convert run_1.D run_2.cdf --out mzml --runs-table runs.parquet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help=RUNS_HELP)
    add_names(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="folder for the mzML files")
    add_table(parser, "--runs-table", "runs")
    add_on_bad_run(parser)


def run(options: argparse.Namespace) -> list[Path]:
    """Convert the runs."""
    from spectus.raw.convert import convert_runs

    options.out.mkdir(parents=True, exist_ok=True)  # a folder without files stands for runs that are all bad
    convert_runs(options.runs, options.name, options.out, options.runs_table, options.on_bad_run)
    return [options.out, options.runs_table]
