"""`spectus deconvolve`: runs to components."""

import argparse
from pathlib import Path

from spectus.cli.arguments import RUNS_HELP, add_names, add_on_bad_run, add_settings, add_table, settings_of

EXAMPLE = "spectus deconvolve run.D --out components.parquet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    from spectus.deconvolution.settings import DeconvolutionSettings

    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help=RUNS_HELP)
    add_names(parser)
    add_table(parser, "--out", "components")
    add_settings(
        parser, DeconvolutionSettings,
        {
            "min_snr": "lowest apex of an ion, in units of its noise",
            "min_ions": "fewest ions of a component",
        },
    )  # fmt: skip
    add_on_bad_run(parser)


def run(options: argparse.Namespace) -> list[Path]:
    """Deconvolve the runs."""
    from spectus.deconvolution.runs import deconvolve_runs
    from spectus.deconvolution.settings import DeconvolutionSettings

    deconvolve_runs(
        options.runs, options.name, options.out, settings_of(DeconvolutionSettings, options), options.on_bad_run
    )
    return [options.out]
