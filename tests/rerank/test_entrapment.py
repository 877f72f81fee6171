"""Entrapment: structures that cannot be right stand among the candidates, and must get next to no probability."""

import numpy as np
from rdkit import Chem

from spectus.files import resource
from spectus.library.records import read_spectra
from spectus.molecules.measured_form import with_measured_forms
from spectus.molecules.suitability import survey
from spectus.prediction.library import shipped_library
from spectus.rerank.pair_features import Evidence
from spectus.rerank.reranker import load_reranker
from spectus.rerank.scoring import Spectrum, rank_candidates
from spectus.structures import quiet_rdkit

QUERIES, OTHERS, TRAPS = 24, 20, 20
FAR = 40
"""Da between a trap and the right molecule: the molecular ion and the ions above it exclude it."""


def mass(smiles: str) -> int:
    return survey(Chem.MolFromSmiles(smiles))[1]


def test_impossible_structures_get_no_probability() -> None:
    """Measured spectra of derivatives, on which the shares of traps and of right structures are compared."""
    random = np.random.default_rng(5)
    records = with_measured_forms(read_spectra(resource("libraries/PNNLMetV20191015.msp"))).to_pylist()
    with quiet_rdkit():
        known = [row for row in records if row["smiles_measured"] and len(row["mz"]) > 20]
        asked = [known[at] for at in random.choice(len(known), QUERIES, replace=False)]
        drawn = [row["smiles"] for row in read_spectra(shipped_library()).slice(0, 20_000).to_pylist()[::10]]
        masses = np.array([mass(smiles) for smiles in drawn])
        candidates = []
        for row in asked:
            own = mass(row["smiles_measured"])
            near = random.choice(np.argsort(np.abs(masses - own))[:60], OTHERS, replace=False)
            far = random.choice(np.flatnonzero(np.abs(masses - own) > FAR), TRAPS, replace=False)
            candidates.append([row["smiles_measured"], *(drawn[at] for at in near), *(drawn[at] for at in far)])
    spectra = [Spectrum(row["mz"], row["intensity"]) for row in asked]
    evidence = [Evidence.of_list(1 + OTHERS + TRAPS) for _ in asked]
    ranked = rank_candidates(load_reranker("open"), spectra, candidates, evidence)
    right = np.array([found.probability[0] for found in ranked])
    trapped = np.array([found.probability[1 + OTHERS :].sum() for found in ranked])
    assert trapped.mean() < 0.05
    assert right.mean() > 5 * trapped.mean()
    first = np.array([found.probability.argmax() > OTHERS for found in ranked])
    said = np.array([found.probability.max() for found in ranked])
    assert (first & (said > 0.5)).sum() == 0  # no trap is more probable than not
