"""Forward models side by side on spectra of compounds that no training saw: agreement, recall@10, time.

The queries are the spectra of the split valid. With a list of molecules, the ground truth is also sought among 1,000 of its
nominal mass, the same for all models.

    python benchmarks/forward_models.py LIBRARY [MOLECULES] [--model neims --model rassp] [--sought N] [--held-out FILE]
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from spectus.evaluation.fidelity import fidelity
from spectus.files import replacing
from spectus.learning.measured_spectra import read_measured
from spectus.molecules.exclusions import read_held_out
from spectus.molecules.reading import read_molecules
from spectus.prediction.registry import Predictor, load_predictor
from spectus.structures import flat_smiles, quiet_rdkit

_TIMED = 2000


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    candidates = _candidates(options.molecules) if options.molecules else None
    found = dict[str, dict[str, object]]()
    for name in options.model or ["neims", "rassp"]:
        model = load_predictor(name)
        _, valid = read_measured(options.library, model.bins, read_held_out(options.held_out))
        timed = valid.smiles if candidates is None else candidates[:: max(1, len(candidates) // _TIMED)]
        found[name] = {"molecules_per_cpu_s": _speed(model, timed.tolist())}
        found[name] |= fidelity(model, valid, candidates, sought=options.sought).to_dict()
        print(name, json.dumps(found[name], indent=2), flush=True)
        if options.out:
            with replacing(options.out) as temporary:
                temporary.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _candidates(path: Path) -> NDArray[np.str_]:
    with quiet_rdkit():
        flat = {flat_smiles(molecule.smiles) for molecule in read_molecules(path)}
    return np.array(sorted(smiles for smiles in flat if smiles), dtype=np.str_)


def _speed(model: Predictor, smiles: list[str]) -> float:
    """Molecules a CPU second, from SMILES to spectra."""
    model.spectra(smiles[:64])
    started = time.process_time()
    model.spectra(smiles)
    return round(len(smiles) / (time.process_time() - started), 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path, help="spectra with structures and a column `split`")
    parser.add_argument("molecules", type=Path, nargs="?", help="the list of candidates")
    parser.add_argument("--model", action="append", help="a name or a folder; again for more; default: neims, rassp")
    parser.add_argument("--sought", type=int, help="seek the ground truth for so many compounds, drawn; default: all")
    parser.add_argument("--held-out", type=Path, help="sha1 of InChIKey first blocks that are left out")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where the scores go as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
