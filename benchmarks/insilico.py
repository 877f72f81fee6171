"""A forward model in use: how often it names compounds it has not seen, among a whole list of molecules.

The queries are the spectra of the split valid, of compounds that no training saw; the candidates are all molecules of
the list and theirs. By cosine alone, and as the model's judge sees the 300 best by cosine.

    python benchmarks/insilico.py LIBRARY MOLECULES [--model DIR] [--held-out FILE] [--out JSON]
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from spectus.evaluation.prediction import evaluate_forward
from spectus.files import replacing
from spectus.learning.measured_spectra import read_measured
from spectus.molecules.exclusions import read_held_out
from spectus.molecules.reading import read_molecules
from spectus.prediction.neims.features import describe
from spectus.prediction.neims.model import ForwardModel
from spectus.structures import flat_smiles, quiet_rdkit

ROOT = Path(__file__).parents[1]


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    model = ForwardModel.load(options.model)
    _, valid = read_measured(options.library, model.neims.config.bins, read_held_out(options.held_out))
    with quiet_rdkit():
        flat = {flat_smiles(molecule.smiles) for molecule in read_molecules(options.molecules)}
    candidates = np.array(sorted(smiles for smiles in flat if smiles), dtype=np.str_)
    started = time.process_time()
    scores = evaluate_forward(model, valid, candidates)
    print(json.dumps(scores.to_dict(), indent=2))
    print(f"{time.process_time() - started:.0f} CPU s for all scores")
    _print_speed(model, candidates[:: max(1, len(candidates) // 20_000)])
    if options.out:
        with replacing(options.out) as temporary:
            temporary.write_text(json.dumps(scores.to_dict(), indent=2) + "\n", encoding="utf-8")


def _print_speed(model: ForwardModel, smiles: np.ndarray) -> None:
    started = time.process_time()
    molecules = describe(smiles.tolist(), len(smiles))
    fingerprints = time.process_time() - started
    started = time.process_time()
    model.predict(molecules)
    spectra = time.process_time() - started
    n = len(smiles)
    print(f"{n / fingerprints:,.0f} fingerprints and {n / spectra:,.0f} spectra a CPU second, of {n:,} molecules")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path, help="spectra with structures and a column `split`")
    parser.add_argument("molecules", type=Path, help="the list of candidates")
    parser.add_argument("--model", type=Path, default=ROOT / "resources/models/forward-open")
    parser.add_argument("--held-out", type=Path, help="sha1 of InChIKey first blocks that are left out")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where the scores go as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
