"""Three homologous series with made-up spectra that follow simple rules."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ALKANES = ["C" * n for n in range(3, 11)]
ALCOHOLS = ["C" * n + "O" for n in range(2, 10)]
AMINES = ["C" * n + "N" for n in range(2, 10)]

SETTINGS = """# of version 0.3
seed: 3
choosing_share: 0.2
least_compounds: 2
judge_queries: 500
neims: {bins: 160, width: 32, bottleneck: 16, blocks: 1, dropout: 0.0, input_dropout: 0.0}
neims_plan: {steps: %d, batch_size: 8, learning_rate: 0.01, warmup_steps: 5, checkpoint_every: 10, average_decay: 0.9}
recogniser: {bins: 160, width: 32, embedding: 16, channels: 4, window: 21, dropout: 0.0, input_dropout: 0.0}
recogniser_plan: {steps: 40, batch_size: 8, learning_rate: 0.01, warmup_steps: 5, checkpoint_every: 20}
"""


RERANKER = """kind: reranker
seed: 3
least_compounds: 2
lists: {shortlist: 8, library_hits: 4}
ranker: {networks: 2, hidden: 4, steps: 60, lists_at_once: 16}
dual_encoder: {bins: 160, width: 32, embedding: 16, channels: 4, window: 21, dropout: 0.0, input_dropout: 0.0}
plan: {steps: 40, batch_size: 8, learning_rate: 0.01, warmup_steps: 5, checkpoint_every: 20}
"""


def spectrum(smiles: str) -> tuple[list[float], list[float]]:
    """What the three series have in common with real ones: alkyl ions, m/z 31 of alcohols, m/z 30 of amines, and M."""
    n = smiles.count("C")
    head = {"O": [31.0], "N": [30.0]}.get(smiles[-1], [])
    mass = 14.0 * n + {"O": 18, "N": 17}.get(smiles[-1], 2)
    mz = sorted({*head, *(14.0 * k + 1 for k in range(2, n)), mass})
    return mz, [1.0 if m in head else 0.1 if m == mass else 0.5 for m in mz]


def write_library(path: Path, smiles: list[str], split: list[str], inchikey: list[str] | None = None) -> Path:
    peaks = [spectrum(text) for text in smiles]
    columns = {
        "name": smiles, "smiles": smiles, "split": split, "ionization_energy": ["70 eV", None] * (len(smiles) // 2),
        "inchikey": inchikey or [None] * len(smiles),
        "mz": [mz for mz, _ in peaks], "intensity": [intensity for _, intensity in peaks],
    }  # fmt: skip
    pq.write_table(pa.table(columns), path)
    return path


def write_settings(folder: Path, steps: int) -> Path:
    path = folder / f"{steps}.yaml"
    path.write_text(SETTINGS % steps)
    return path
