"""Join RASSP models to one whose spectra are the mean of theirs: rassp-open consists of two trainings.

    python scripts/join_networks.py FIRST SECOND [MORE ...] --out FOLDER

The models must have the same sizes and limits, since they share the preparation of a molecule.
"""

import argparse
from pathlib import Path

from spectus.prediction.rassp.model import RasspModel


def main() -> None:
    """Read the models, check that they fit, and write their networks to one folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, help="folders of models of the kind rassp")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    options = parser.parse_args()
    models = [RasspModel.load(folder) for folder in options.models]
    first = models[0]
    for folder, model in zip(options.models, models, strict=True):
        if model.limits != first.limits or model.bins != first.bins:
            raise SystemExit(f"{folder}: has other limits or sizes than {options.models[0]}; train it with the same")
    networks = tuple(network for model in models for network in model.networks)
    RasspModel("", "", first.limits, networks).save(options.out)


if __name__ == "__main__":
    main()
