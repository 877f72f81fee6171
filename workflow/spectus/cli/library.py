"""`spectus library`: spectral libraries to one Parquet library."""

import argparse
from pathlib import Path

from spectus.cli.arguments import LIBRARY_HELP, add_exclude, add_table, finite_number

EXAMPLE = "spectus library nist20.msp --valid 0.1 --out nist20.parquet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "sources", nargs="+", type=Path, metavar="LIB",
        help=f"{LIBRARY_HELP}; or `download massbank` for the latest public release, kept beside the table",
    )  # fmt: skip
    add_table(parser, "--out", "library")
    parser.add_argument(
        "--valid", type=finite_number, default=0.0, metavar="SHARE",
        help="add the column `split`, with this share of the compounds as valid and the others as train",
    )  # fmt: skip
    parser.add_argument(
        "--labels", type=Path, metavar="CSV",
        help="build a training library: corrected structures (accession, smiles_of_spectrum) of the first source",
    )  # fmt: skip
    parser.add_argument("--url", help="record of the release to download (default: Zenodo's of the latest)")
    add_exclude(parser)


def run(options: argparse.Namespace) -> list[Path]:
    """Read the libraries and write one."""
    if str(options.sources[0]) == "download" and not options.sources[0].exists():
        from spectus.library.download import download_library

        options.sources = [
            download_library(str(name), options.out.parent, options.url) for name in options.sources[1:] or ["massbank"]
        ]
    if options.labels is not None:
        from spectus.learning.training_library import build_training_library

        build_training_library(
            options.sources[0], options.labels, options.sources[1:], options.out, exclude=options.exclude
        )
        return [options.out]
    from spectus.library.build import build_library
    from spectus.molecules.measured_form import with_measured_forms

    build_library(options.sources, options.out, options.valid, with_measured_forms)
    return [options.out]
