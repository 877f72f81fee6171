"""`spectus denovo`: structures for spectra, with SpecTUS and structure editing."""

import argparse
from pathlib import Path

from spectus.cli.arguments import (
    QUERIES_HELP,
    SEARCHED_HELP,
    add_chunk,
    add_device,
    add_exclude,
    add_masses,
    add_settings,
    add_table,
    finite_number,
    library_path,
    settings_of,
)

EXAMPLE = "spectus denovo unknown.msp --hits hits.parquet --out denovo.parquet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    from spectus.denovo.settings import DenovoSettings

    parser.add_argument("queries", type=Path, metavar="QUERIES", help=QUERIES_HELP)
    parser.add_argument(
        "--model", default="spectus-open", metavar="MODEL",
        help="folder of the model, its name on the Hugging Face hub, or spectus-open (default)",
    )  # fmt: skip
    add_table(parser, "--out", "de novo candidates")
    add_settings(
        parser, DenovoSettings,
        {
            "beams": "beams of the search, and most candidates of a query",
            "batch_size": "spectra decoded together; 0 chooses by memory",
        },
    )  # fmt: skip
    add_device(parser)
    known = parser.add_mutually_exclusive_group()
    known.add_argument("--formula", help="molecular formula of the candidates, e.g. C8H10N4O2; `record`: each record's")
    known.add_argument("--mass", type=int, metavar="M", help="nominal mass of the candidates")
    add_masses(parser)
    parser.add_argument(
        "--no-grammar", dest="grammar", action="store_false", help="allow strings that cannot become valid SMILES"
    )
    _add_editing(parser)
    add_chunk(parser, "queries")


def _add_editing(parser: argparse.ArgumentParser) -> None:
    from spectus.denovo.editing.settings import DEFAULT_EFFORT, EFFORTS, EditingSettings

    editing = parser.add_argument_group("structure editing, for compounds on no list")
    editing.add_argument(
        "--hits", nargs="+", default=[], type=Path, metavar="PARQUET",
        help="hits of an earlier `spectus search`, in libraries of predicted spectra above all: they are edited",
    )  # fmt: skip
    editing.add_argument(
        "--library", nargs="+", default=[], type=library_path, metavar="LIB",
        help=f"libraries to search for structures to edit: {SEARCHED_HELP}",
    )  # fmt: skip
    editing.add_argument(
        "--no-editing", dest="editing", action="store_false", help="only the structures that the model writes"
    )
    editing.add_argument(
        "--effort", choices=list(EFFORTS), default=DEFAULT_EFFORT,
        help=f"how far structures are edited; high also edits the model's own without hits (default: {DEFAULT_EFFORT})",
    )  # fmt: skip
    editing.add_argument(
        "--library-score", type=finite_number, default=EditingSettings.library_score, metavar="N",
        help="a query with a measured hit of this score is not edited (default: %(default)s)",
    )  # fmt: skip
    editing.add_argument("--substructure", metavar="SMARTS", help="edited candidates hold this substructure")
    editing.add_argument(
        "--reranker", default="open", metavar="MODEL",
        help="scores edited structures: `open`, a folder, or `none` for RASSP's spectra alone (default: open)",
    )  # fmt: skip
    add_exclude(editing)


def run(options: argparse.Namespace) -> list[Path]:
    """Propose structures."""
    from spectus.denovo.editing.settings import EditingSettings
    from spectus.denovo.settings import DenovoSettings
    from spectus.identify.elucidation import EditingSources, elucidate_with_editing

    sources = EditingSources(
        hits=tuple(options.hits),
        libraries=tuple(options.library),
        exclude=tuple(options.exclude),
        reranker=None if options.reranker == "none" else options.reranker,
        settings=EditingSettings.of_effort(
            options.effort, library_score=options.library_score, substructure=options.substructure
        ),
    )
    elucidate_with_editing(
        options.queries, options.model, options.out, settings_of(DenovoSettings, options),
        sources if options.editing else None, options.chunk,
    )  # fmt: skip
    return [options.out]
