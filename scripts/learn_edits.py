"""Learn the tables of structure editing from a molecule list, without excluded compounds.

    python scripts/learn_edits.py LIST --exclude FILE [FILE ...] --out resources/models/editing-open/edits.json.xz

LIST is a molecule list, FILE what `--exclude` of every command takes. 60,000 molecules take 5 CPU minutes.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from spectus.denovo.editing.learning import LearningSizes, learn_statistics
from spectus.molecules.exclusions import Exclusions
from spectus.molecules.reading import read_molecules
from spectus.structures import flat_smiles, quiet_rdkit


def main() -> None:
    options = _options()
    started = time.process_time()
    with quiet_rdkit():
        listed = [found.smiles for found in read_molecules(options.list)]
        order = np.random.default_rng(options.seed).permutation(len(listed))[: options.molecules].tolist()
        drawn = sorted({smiles for place in order if (smiles := flat_smiles(listed[place]))})
        exclusions = Exclusions.read(options.exclude)
        kept = [smiles for smiles in drawn if exclusions.reason(smiles) is None]
    statistics = learn_statistics(kept, LearningSizes(), options.seed)
    statistics.write(options.out)
    print(
        f"{options.out}: {len(kept):,} of {len(drawn):,} molecules, {len(statistics.fragments):,} fragments, "
        f"{len(statistics.environments):,} environments, {len(statistics.kinds):,} kinds of edits, "
        f"{time.process_time() - started:.0f} CPU s; scales {statistics.scales}, rarity {statistics.rarity}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path)
    parser.add_argument("--exclude", nargs="+", type=Path, default=[])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--molecules", type=int, default=50_000, help="drawn from the list (default: 50000)")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
