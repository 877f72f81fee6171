"""`spectus search`: spectra against spectral libraries."""

import argparse
from pathlib import Path

from spectus.cli.arguments import (
    EXCLUDE_HELP,
    QUERIES_HELP,
    SEARCHED_HELP,
    add_exclude,
    add_settings,
    add_table,
    library_path,
    settings_of,
)

EXAMPLE = "spectus search unknown.msp --library library.msp --out hits.parquet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    from spectus.identify.settings import SearchSettings

    parser.add_argument("queries", type=Path, metavar="QUERIES", help=QUERIES_HELP)
    parser.add_argument("--library", nargs="+", required=True, type=library_path, metavar="LIB", help=SEARCHED_HELP)
    add_table(parser, "--out", "hits")
    add_settings(
        parser, SearchSettings,
        {
            "top": "hits in measured libraries to keep for each query",
            "top_predicted": "hits in predicted libraries to keep for each query",
            "min_score": "lowest score of a hit in a measured library",
            "ri_tolerance": "scale of the retention index penalty, index units",
        },
    )  # fmt: skip
    parser.add_argument(
        "--reranker",
        metavar="MODEL",
        help="rerank the hits in predicted libraries: `open`, a folder, or `none` (default: none)",
    )
    parser.add_argument(
        "--any-ionization", action="store_true", help="search spectra that are not from electron ionization, too"
    )
    add_exclude(parser, f"in measured libraries, {EXCLUDE_HELP}; predicted spectra may still find them")


def run(options: argparse.Namespace) -> list[Path]:
    """Search the libraries."""
    from spectus.identify.search import search_libraries
    from spectus.identify.settings import SearchSettings

    settings = settings_of(SearchSettings, options)
    reranker = None if options.reranker == "none" else options.reranker
    search_libraries(options.queries, options.library, options.out, settings, reranker, options.exclude)
    return [options.out]
