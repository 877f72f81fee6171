"""`spectus predict`: molecules to a library of predicted spectra."""

import argparse
from pathlib import Path

from spectus.cli.arguments import add_chunk, add_settings, add_table, settings_of

EXAMPLE = "spectus predict molecules.smi --model rassp --out predicted.parquet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    from spectus.prediction.settings import PredictSettings

    parser.add_argument(
        "molecules", type=Path, metavar="MOLECULES",
        help=".smi, .csv, .tsv (also .gz or .xz) or .parquet with SMILES, and where known names and CAS numbers",
    )  # fmt: skip
    parser.add_argument(
        "--model", required=True, metavar="MODEL",
        help="neims or rassp, which ship; neims+rassp for their mean; or the folder of a prediction model",
    )  # fmt: skip
    add_table(parser, "--out", "library of predicted spectra")
    add_settings(parser, PredictSettings, {"peaks": "most peaks of a spectrum"})
    add_chunk(parser, "molecules")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 takes all (default: 0)")


def run(options: argparse.Namespace) -> list[Path]:
    """Predict the spectra."""
    from spectus.prediction.library import write_predicted_library
    from spectus.prediction.settings import PredictSettings

    write_predicted_library(options.molecules, options.model, options.out, settings_of(PredictSettings, options))
    return [options.out]
