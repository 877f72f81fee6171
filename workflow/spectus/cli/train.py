"""`spectus train`: a prediction model, a reranker, or SpecTUS."""

import argparse
from pathlib import Path

from spectus.cli.arguments import EXCLUDE_HELP, add_exclude

EXAMPLE = "spectus train prediction library.parquet --settings config/training/rassp-open.yaml --out model"

KINDS = {
    "prediction": "train a prediction model: structure to spectrum",
    "reranker": "train a reranker: spectrum and candidates to scores",
    "pretrain": "train SpecTUS on predicted spectra of a molecule list",
    "finetune": "train SpecTUS on measured spectra",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind, summary in KINDS.items():
        command = kinds.add_parser(kind, help=summary, description=summary[0].upper() + summary[1:] + ".")
        command.add_argument(
            "library", type=Path, metavar="LIB", help="spectra with structures; the column `split` says train or valid"
        )
        command.add_argument(
            "--settings", required=True, type=Path, metavar="YAML", help="sizes and schedule; see config/training"
        )
        add_exclude(command)
        command.add_argument(
            "--out", required=True, type=Path, metavar="FOLDER",
            help="folder for checkpoints and the model; a training that was stopped goes on there",
        )  # fmt: skip
        command.add_argument("--threads", type=int, default=0, help="CPU threads; 0 takes all (default: 0)")
        if kind in ("pretrain", "finetune"):
            command.add_argument("--molecules", type=Path, metavar="MOLECULES", help="list of molecules")
        if kind in ("reranker", "pretrain", "finetune"):
            command.add_argument(
                "--prediction-model", nargs="+", default=[], metavar="MODEL",
                help="neims, rassp or folders: models that share the molecules; for a reranker the model that it comes"
                " with, then those that did not learn from fold 1, 2, ...",
            )  # fmt: skip
            command.add_argument(
                "--predicted", nargs="+", default=[], type=Path, metavar="LIB",
                help="libraries that spectus predict wrote, in place of --molecules and --prediction-model",
            )  # fmt: skip
        if kind in ("pretrain", "finetune"):
            command.add_argument(
                "--from",
                dest="start",
                type=Path,
                metavar="FOLDER",
                help="model to begin with (default: random weights)",
            )
    _add_ri(kinds)


def _add_ri(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the training of a model of retention indices, which has no settings and no library."""
    summary = "train a model of retention indices, and tell its errors leave one source out"
    command = kinds.add_parser("ri", help=summary, description=summary[0].upper() + summary[1:] + ".")
    command.add_argument(
        "tables", nargs="+", type=Path, metavar="TABLE",
        help="CSV or Parquet: smiles, ri, and if known source, column_class and ri_scale (alkane or fame)",
    )  # fmt: skip
    command.add_argument("--exclude", action="extend", nargs="+", default=[], metavar="FILE[:SPLIT]", help=EXCLUDE_HELP)
    command.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="folder for the model")


def run(options: argparse.Namespace) -> list[Path]:
    """Train the model."""
    if options.kind == "ri":
        from spectus.retention.ri_training import train_ri_model

        train_ri_model(options.tables, options.out, options.exclude)
        return [options.out]
    from spectus.learning.inputs import TrainingInputs

    inputs = TrainingInputs(
        library=options.library, settings=options.settings, out=options.out, exclude=tuple(options.exclude),
        threads=options.threads, molecules=getattr(options, "molecules", None),
        prediction_models=tuple(getattr(options, "prediction_model", ())),
        predicted=tuple(getattr(options, "predicted", ())), start=getattr(options, "start", None),
    )  # fmt: skip
    if options.kind == "prediction":
        from spectus.prediction.training import train_prediction_model

        train_prediction_model(inputs)
    elif options.kind == "reranker":
        from spectus.rerank.training import train_reranker

        train_reranker(inputs)
    else:
        from spectus.denovo.training.train import finetune, pretrain

        (pretrain if options.kind == "pretrain" else finetune)(inputs)
    return [options.out]
