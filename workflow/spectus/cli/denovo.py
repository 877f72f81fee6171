"""`spectus denovo`: structures for spectra, with SpecTUS."""

import argparse
from pathlib import Path

from spectus.cli.arguments import QUERIES_HELP, add_chunk, add_device, add_settings, add_table, settings_of

EXAMPLE = "spectus denovo unknown.msp --model spectus-open --out denovo.parquet"


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
    parser.add_argument(
        "--no-grammar", dest="grammar", action="store_false", help="allow strings that cannot become valid SMILES"
    )
    add_chunk(parser, "queries")


def run(options: argparse.Namespace) -> list[Path]:
    """Propose structures."""
    from spectus.denovo.elucidate import elucidate_queries
    from spectus.denovo.settings import DenovoSettings

    elucidate_queries(options.queries, options.model, options.out, settings_of(DenovoSettings, options), options.chunk)
    return [options.out]
