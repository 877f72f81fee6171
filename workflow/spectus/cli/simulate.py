"""`spectus simulate`: runs with a known ground truth."""

import argparse
from pathlib import Path

from spectus.cli.arguments import LIBRARY_HELP

EXAMPLE = "spectus simulate --library library.msp --preset benchmark --seed 1 --out simulated"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--library", nargs="+", required=True, type=Path, metavar="LIB", help=LIBRARY_HELP)
    parser.add_argument("--preset", default="benchmark", help="recipe of the runs (default: benchmark)")
    parser.add_argument("--seed", type=int, default=1, help="seed: the same seed gives the same runs (default: 1)")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FOLDER",
        help="folder for the mzML files, ground_truth.parquet and samples.tsv",
    )  # fmt: skip
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of the recipe to change: compounds=400"
    )


def run(options: argparse.Namespace) -> list[Path]:
    """Simulate the runs."""
    from spectus.simulation.campaign import simulate_campaign

    simulate_campaign(options.library, options.preset, options.set, options.seed, options.out)
    return [options.out]
