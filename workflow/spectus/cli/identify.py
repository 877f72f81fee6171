"""`spectus identify`: candidates of every source in one ranked list."""

import argparse
from pathlib import Path

from spectus.cli.arguments import (
    QUERIES_HELP,
    add_device,
    add_exclude,
    add_libraries,
    add_predicted,
    add_settings,
    add_table,
    library_path,
    settings_of,
)

EXAMPLE = "spectus identify unknown.msp --library library.msp --out candidates.parquet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    from spectus.denovo.editing.settings import DEFAULT_EFFORT, EFFORTS
    from spectus.identify.settings import IdentifySettings

    parser.add_argument("queries", type=Path, metavar="QUERIES", help=QUERIES_HELP)
    add_libraries(parser)
    parser.add_argument(
        "--hits", nargs="+", default=[], type=Path, metavar="PARQUET", help="hits of an earlier `spectus search`"
    )
    add_predicted(parser)
    known = parser.add_mutually_exclusive_group()
    known.add_argument(
        "--denovo", nargs="+", default=[], type=Path, metavar="PARQUET",
        help="de novo candidates of an earlier `spectus denovo`",
    )  # fmt: skip
    known.add_argument("--no-denovo", action="store_true", help="take no de novo candidates")
    parser.add_argument(
        "--model", default="spectus-open", metavar="MODEL", help="de novo model (default: spectus-open)"
    )
    parser.add_argument(
        "--no-editing", dest="editing", action="store_false", help="do not edit structures; saves most of the time"
    )
    parser.add_argument(
        "--effort", choices=list(EFFORTS), default=DEFAULT_EFFORT,
        help=f"how far structures are edited (default: {DEFAULT_EFFORT})",
    )  # fmt: skip
    constraint = parser.add_mutually_exclusive_group()
    constraint.add_argument("--formula", help="molecular formula of the de novo candidates, e.g. C8H10N4O2")
    constraint.add_argument("--mass", type=int, metavar="M", help="nominal mass of the de novo candidates")
    parser.add_argument(
        "--reranker", default="open", metavar="MODEL",
        help="gives the candidates their probabilities: `open`, a folder, or `none` (default: open)",
    )  # fmt: skip
    parser.add_argument(
        "--suspects", nargs="+", default=["priority_pollutants"], metavar="LIST",
        help="flag compounds of these lists: priority_pollutants, which ships, tables with SMILES, InChIKey or CAS, or"
        " `none` (default: priority_pollutants)",
    )  # fmt: skip
    add_exclude(parser)
    add_settings(
        parser, IdentifySettings,
        {
            "top": "candidates to keep for each query",
            "library_score": "lowest score of a library hit that may reach level 2",
            "explained": "first candidates whose peaks are explained by subformulae",
            "ri_window": "largest retention index difference of a level 2a identification, index units",
            "cas_weight": "change of the log-odds of a listed candidate for each decade of its CAS number, at most 0;"
            " 0: the number does not count",
            "free_form_weight": "change of the log-odds of a candidate for each hydroxyl, carboxyl or thiol group,"
            " at most 0, if most spectra look silylated; 0: these groups do not count",
            "listed_share": "expected share of spectra whose compound is in a library or on a list, 0-1; the spectra"
            " correct it",
        },
    )  # fmt: skip
    parser.add_argument(
        "--fixed-share", dest="adapt_share", action="store_false",
        help="take --listed-share as it is; do not estimate it from the spectra",
    )  # fmt: skip
    add_device(parser)
    add_table(parser, "--out", "candidates")


def run(options: argparse.Namespace) -> list[Path]:
    """Collect the candidates of all sources and rank them."""
    from spectus.denovo.editing.settings import EditingSettings
    from spectus.denovo.settings import DenovoSettings
    from spectus.errors import InputError
    from spectus.identify.candidates import identify_queries
    from spectus.identify.settings import IdentifySettings
    from spectus.identify.sources import Sources, collect_sources

    if (options.no_denovo or options.denovo) and (options.formula or options.mass is not None):
        named = "--formula" if options.formula else "--mass"
        raise InputError(
            named, "restricts only de novo candidates that are made now", "leave out --no-denovo, --denovo"
        )
    suspects = [] if options.suspects == ["none"] else options.suspects
    predicted = [] if options.predicted == ["none"] else options.predicted
    reranker = None if options.reranker == "none" else options.reranker
    sources = Sources(
        hits=tuple(options.hits),
        denovo=None if options.no_denovo else tuple(options.denovo),
        libraries=tuple(dict.fromkeys((*options.library, *map(library_path, predicted)))),  # each once
        exclude=tuple(options.exclude),
        model=options.model,
        decoding=settings_of(DenovoSettings, options),
        editing=EditingSettings.of_effort(options.effort) if options.editing else None,
        reranker=reranker,
    )
    with collect_sources(options.queries, sources, options.out.parent) as (hits, denovo):
        settings = settings_of(IdentifySettings, options, suspects=tuple(suspects))
        identify_queries(options.queries, hits, denovo, options.out, settings, reranker)
    return [options.out]
