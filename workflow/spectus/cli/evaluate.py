"""`spectus evaluate`: scores of a de novo model, or of the whole identification, on spectra of known structure."""

import argparse
from pathlib import Path

from spectus.cli.arguments import add_exclude, add_masses, add_settings, settings_of
from spectus.cli.renamed import EVALUATIONS

EXAMPLE = "spectus evaluate denovo spectus-open library.parquet --split valid --out scores.json"

_HELP = {
    "denovo": "score a de novo model, beside library searches",
    "identification": "score a reranker on laboratories from which nothing was learned",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    commands = {
        kind: kinds.add_parser(kind, help=_HELP[kind], description=_HELP[kind][0].upper() + _HELP[kind][1:] + ".")
        for kind in EVALUATIONS
    }
    _add_denovo(commands["denovo"])
    _add_identification(commands["identification"])


def _add_denovo(parser: argparse.ArgumentParser) -> None:
    from spectus.evaluation.settings import EvaluationSettings

    parser.add_argument("model", metavar="MODEL", help="folder of the model, or its name on the hub")
    parser.add_argument("library", type=Path, metavar="LIBRARY", help=".msp or .parquet with structures")
    parser.add_argument("--split", help="only records with this value in the column `split`")
    parser.add_argument(
        "--reference", type=Path, metavar="LIB", help="library to search with the same queries, for comparison"
    )
    parser.add_argument("--reference-split", metavar="SPLIT", help="only records of the reference with this `split`")
    add_exclude(parser)
    add_settings(parser, EvaluationSettings, {"beams": "beams, and most candidates of a query"})
    add_masses(parser)
    parser.add_argument(
        "--given", choices=["formula", "mass"], help="restrict the candidates to the true formula or nominal mass"
    )
    parser.add_argument(
        "--no-grammar", dest="grammar", action="store_false", help="allow strings that cannot become valid SMILES"
    )
    parser.add_argument("--reranker", metavar="MODEL", help="rerank the candidates: `open` or a folder")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--out", type=Path, metavar="JSON", help="file for the scores; a table is printed in any case")
    parser.add_argument("--details", type=Path, metavar="PARQUET", help="table of the candidates of each query")


def _add_identification(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "reranker", type=Path, metavar="FOLDER", help="folder that `spectus train reranker` wrote, `fitting` included"
    )
    parser.add_argument("--out", type=Path, metavar="JSON", help="file for the scores; a table is printed in any case")
    parser.add_argument("--plot", type=Path, metavar="SVG", help="file for reliability diagrams")


def run(options: argparse.Namespace) -> list[Path]:
    """Score the model or the reranker."""
    if options.kind == "identification":
        from spectus.evaluation.identification import evaluate_identification

        evaluate_identification(options.reranker, options.out, options.plot)
        return [path for path in (options.out, options.plot) if path]
    from spectus.evaluation.denovo import evaluate_denovo
    from spectus.evaluation.settings import EvaluationSettings

    settings = settings_of(EvaluationSettings, options)
    evaluate_denovo(options.model, options.library, settings, options.out, options.details)
    return [path for path in (options.out, options.details) if path]
