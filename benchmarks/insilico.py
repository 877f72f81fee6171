"""A reranker in use: how often it names compounds that no training saw, among a whole molecule list.

The queries are the spectra of the split valid; the candidates are all molecules of the list and theirs. The search is
by cosine alone, and with the 300 best by cosine reranked.

    python benchmarks/insilico.py LIBRARY MOLECULES [--reranker open] [--exclude FILE] [--out JSON]
"""

import argparse
import json
import time
from pathlib import Path

import torch

from prediction_models import read_structures
from spectus.evaluation.prediction import evaluate_reranker
from spectus.files import replacing
from spectus.learning.measured_spectra import read_measured
from spectus.molecules.exclusions import Exclusions
from spectus.prediction.base import PredictionModel
from spectus.prediction.substructures import count_substructures
from spectus.rerank.reranker import load_reranker

_TIMED = 20_000
"""Molecules whose prediction is timed."""


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    reranker = load_reranker(options.reranker)
    _, valid = read_measured(options.library, Exclusions.read(options.exclude))
    candidates = read_structures(options.molecules)
    started = time.process_time()
    scores = evaluate_reranker(reranker, valid, candidates)
    print(json.dumps(scores.to_dict(), indent=2))
    print(f"{time.process_time() - started:.0f} CPU s for all scores")
    _print_speed(reranker.prediction_model, candidates[:: max(1, len(candidates) // _TIMED)].tolist())
    if options.out:
        with replacing(options.out) as temporary:
            temporary.write_text(json.dumps(scores.to_dict(), indent=2) + "\n", encoding="utf-8")


def _print_speed(model: PredictionModel, smiles: list[str]) -> None:
    started = time.process_time()
    molecules = count_substructures(smiles, len(smiles))
    counted = time.process_time() - started
    started = time.process_time()
    model.predict_counted(molecules)
    spectra = time.process_time() - started
    n = len(smiles)
    print(
        f"a CPU second counts the substructures of {n / counted:,.0f} molecules and predicts {n / spectra:,.0f} spectra"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path, help="spectra with structures and a column `split`")
    parser.add_argument("molecules", type=Path, help="the candidates")
    parser.add_argument("--reranker", default="open", help="open or a folder (default: open)")
    parser.add_argument("--exclude", nargs="+", default=[], type=Path, help="files that name compounds to leave out")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    parser.add_argument("--out", type=Path, help="JSON file for the scores")
    return parser.parse_args()


if __name__ == "__main__":
    main()
