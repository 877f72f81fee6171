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
    folds = parser.add_mutually_exclusive_group()
    folds.add_argument(
        "--folds", type=int, default=0, metavar="N",
        help="build a training library for `spectus train reranker`: the structure of each record is that of the "
        "derivative measured, and the column `fold` deals the laboratories to N folds",
    )  # fmt: skip
    folds.add_argument(
        "--without-fold", type=int, metavar="I",
        help="of a library with folds, leave out fold I and other records of its compounds",
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
    if options.without_fold is not None:
        _leave_out_fold(options)
    elif options.labels is not None:
        _build_training_library(options)
    else:
        _build(options)
    return [options.out]


def _leave_out_fold(options: argparse.Namespace) -> None:
    from spectus.errors import InputError
    from spectus.learning.folds import leave_out_fold

    if len(options.sources) > 1 or options.valid or options.labels or options.exclude:
        raise InputError(
            "--without-fold", "takes one library and no other option", "give the library that --folds made"
        )
    leave_out_fold(options.sources[0], options.without_fold, options.out)


def _build_training_library(options: argparse.Namespace) -> None:
    from spectus.errors import InputError
    from spectus.learning.folds import add_folds
    from spectus.learning.training_library import build_training_library

    if options.valid:
        raise InputError("--valid", "has no effect with --labels", "leave it out; the sources have the column split")
    build_training_library(
        options.sources[0], options.labels, options.sources[1:], options.out, exclude=options.exclude
    )
    if options.folds:
        add_folds(options.out, options.folds)


def _build(options: argparse.Namespace) -> None:
    from spectus.library.build import BuildSettings, build_library
    from spectus.molecules.exclusions import Exclusions, reasons_of_records
    from spectus.molecules.measured_form import with_measured_forms, with_molecules_measured

    exclusions = Exclusions.read(options.exclude)
    build_library(
        options.sources, options.out, BuildSettings(options.valid, options.folds),
        with_molecules_measured if options.folds else with_measured_forms,
        (lambda records: list(reasons_of_records(records, exclusions))) if exclusions else None,
    )  # fmt: skip
