"""Prediction models side by side on spectra of compounds that no training saw: agreement, recall@10, time.

The queries are the spectra of the split valid. With a molecule list, the right molecule is also sought among 1,000 of
its nominal mass, the same for all models.

    python benchmarks/prediction_models.py LIBRARY [MOLECULES] [--model neims --model rassp] [--sought N] [--exclude
    FILE]
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from spectus.evaluation.fidelity import measure_fidelity
from spectus.files import replacing
from spectus.learning.measured_spectra import read_measured
from spectus.molecules.exclusions import Exclusions
from spectus.molecules.reading import read_molecules
from spectus.prediction.base import PredictionModel
from spectus.prediction.registry import SHIPPED_MODELS, load_prediction_model
from spectus.structures import flat_smiles, quiet_rdkit

_TIMED = 2000
"""Molecules whose prediction is timed."""

_WARM_UP = 64
"""Molecules that are predicted before."""


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    candidates = read_structures(options.molecules) if options.molecules else None
    _, valid = read_measured(options.library, Exclusions.read(options.exclude))
    found = dict[str, dict[str, object]]()
    for name in options.model or SHIPPED_MODELS:
        model = load_prediction_model(name)
        timed = valid.smiles if candidates is None else candidates[:: max(1, len(candidates) // _TIMED)]
        found[name] = {"molecules_per_cpu_s": _speed(model, timed.tolist())}
        found[name] |= measure_fidelity(model, valid, candidates, sought=options.sought).to_dict()
        print(name, json.dumps(found[name], indent=2), flush=True)
        if options.out:
            with replacing(options.out) as temporary:
                temporary.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def read_structures(path: Path) -> NDArray[np.str_]:
    """Return the distinct canonical SMILES of a molecule list, ascending."""
    with quiet_rdkit():
        flat = {flat_smiles(molecule.smiles) for molecule in read_molecules(path)}
    return np.array(sorted(smiles for smiles in flat if smiles), dtype=np.str_)


def _speed(model: PredictionModel, smiles: list[str]) -> float:
    """Return the molecules of a CPU second, from SMILES to spectra."""
    model.predict(smiles[:_WARM_UP])
    started = time.process_time()
    model.predict(smiles)
    return round(len(smiles) / (time.process_time() - started), 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path, help="spectra with structures and a column `split`")
    parser.add_argument("molecules", type=Path, nargs="?", help="the candidates")
    parser.add_argument("--model", action="append", help="a name or a folder; may be repeated (default: neims, rassp)")
    parser.add_argument("--sought", type=int, help="seek the right molecule of so many drawn compounds (default: all)")
    parser.add_argument("--exclude", nargs="+", default=[], type=Path, help="files that name compounds to leave out")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    parser.add_argument("--out", type=Path, help="JSON file for the scores")
    return parser.parse_args()


if __name__ == "__main__":
    main()
