"""`spectus align`: components of all runs to features."""

import argparse
from pathlib import Path

from spectus.cli.arguments import add_settings, add_table, settings_of

EXAMPLE = "spectus align components.parquet --out features.parquet --peak-areas peak_areas.parquet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    from spectus.alignment.align import AlignSettings

    parser.add_argument("components", nargs="+", type=Path, metavar="COMPONENTS", help="tables of components")
    parser.add_argument("--samples", type=Path, metavar="SHEET", help="sample sheet; ladder runs are left out")
    parser.add_argument(
        "--runs-table", nargs="+", type=Path, default=[], metavar="PARQUET",
        help="tables of runs; missing areas are read from their mzML",
    )  # fmt: skip
    add_settings(
        parser, AlignSettings,
        {
            "max_ri_shift": "largest shift of a run from the median of the campaign, index units",
            "max_rt_shift": "the same in s, for runs without retention index",
            "min_similarity": "lowest weighted cosine of two spectra of one feature",
        },
    )  # fmt: skip
    add_table(parser, "--out", "features")
    add_table(parser, "--peak-areas", "peak areas")


def run(options: argparse.Namespace) -> list[Path]:
    """Align the components."""
    from spectus.alignment.align import AlignSettings, align_components

    settings = settings_of(AlignSettings, options)
    align_components(options.components, options.samples, options.runs_table, settings, options.out, options.peak_areas)
    return [options.out, options.peak_areas]
