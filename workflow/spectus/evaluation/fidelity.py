"""How alike predicted and measured spectra are, for any forward model: what `evaluate` measures without a judge."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from tqdm import tqdm

from spectus.evaluation.prediction import NOT_FOUND, TIE, cosines, drawn_of_mass
from spectus.learning.measured_spectra import Measured
from spectus.library.similarity import PREDICTED, Powers
from spectus.molecules.suitability import survey
from spectus.prediction.base import PredictionModel
from spectus.prediction.compact import compacted
from spectus.rerank.shortlist import weighted
from spectus.structures import quiet_rdkit

_AT_ONCE = 1024


@dataclass(frozen=True)
class Fidelity:
    """Means over spectra: `cosine` of intensities, `weighted_cosine` of I^0.5 m, at 70 eV and at the energy the record
    names; `recall_10_of_1000` how often the ground truth, sought for `n_sought` spectra, is among the ten best of 1,000
    molecules of its nominal mass (None without candidates). `n_refused` spectra are of molecules that the model cannot
    take; they count with 0."""

    n_spectra: int
    n_refused: int
    cosine: float
    cosine_at_its_energy: float
    weighted_cosine: float
    weighted_cosine_at_its_energy: float
    n_sought: int
    recall_10_of_1000: float | None

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


def fidelity(
    model: PredictionModel, queries: Measured, candidates: NDArray[np.str_] | None = None, seed: int = 0,
    sought: int | None = None,
) -> Fidelity:  # fmt: skip
    """Scores of `model` on spectra it has not learnt from.

    Parameters
    ----------
    candidates: canonical SMILES without stereochemistry of the molecules among which the ground truth is sought; the queries'
        are added. The same ones are drawn for every model; one that a model cannot take never stands before the ground truth.
    seed: of the 1,000 molecules drawn where more have one nominal mass, and of the compounds sought.
    sought: the ground truth is sought for so many compounds, drawn; None: for all.
    """
    at_standard, reasons = model.predict(queries.smiles.tolist())
    at_own = at_energies(model, queries)
    plain, heavy = Powers(1.0, 0.0), Powers(0.5, 1.0)

    def mean(spectra: NDArray[np.float32], powers: Powers) -> float:
        return float(cosines(spectra, queries.intensity, powers).mean())

    refused = np.array([reason is not None for reason in reasons])
    recall, n_sought = None, 0
    if candidates is not None:
        at = drawn_compounds(queries.block, sought, seed)
        recall = _recall(model, queries.at(at), at_standard[at], refused[at], candidates, queries.smiles, seed)
        n_sought = int(at.sum())
    return Fidelity(
        n_spectra=len(refused),
        n_refused=int(refused.sum()),
        cosine=mean(at_standard, plain),
        cosine_at_its_energy=mean(at_own, plain),
        weighted_cosine=mean(at_standard, heavy),
        weighted_cosine_at_its_energy=mean(at_own, heavy),
        n_sought=n_sought,
        recall_10_of_1000=recall,
    )


def drawn_compounds(block: NDArray[np.str_], number: int | None, seed: int) -> NDArray[np.bool_]:
    """(n,) which spectra are of `number` compounds, drawn."""
    compounds = np.unique(block)
    if number is None or number >= len(compounds):
        return np.ones(len(block), bool)
    return np.isin(block, np.random.default_rng(seed).choice(compounds, number, replace=False))


def at_energies(model: PredictionModel, queries: Measured) -> NDArray[np.float32]:
    """(n, bins) predicted spectra of the queries' molecules at the energies their records name."""
    spectra = np.zeros_like(queries.intensity)
    for energy in np.unique(queries.energy):
        at = np.flatnonzero(queries.energy == energy)
        spectra[at] = model.predict(queries.smiles[at].tolist(), float(energy))[0]
    return spectra


def _recall(
    model: PredictionModel, queries: Measured, predicted: NDArray[np.float32], refused: NDArray[np.bool_],
    candidates: NDArray[np.str_], of_all: NDArray[np.str_], seed: int,
) -> float:  # fmt: skip
    """`of_all`: molecules that are added to the candidates, so that those drawn do not depend on who is sought."""
    listed = np.unique(np.concatenate([candidates, of_all]))
    ground_truth = np.searchsorted(listed, queries.smiles)
    with quiet_rdkit():
        surveyed = [survey(Chem.MolFromSmiles(smiles)) for smiles in listed.tolist()]
    mass = np.array([nominal if reason is None else -1 for reason, nominal, _ in surveyed])
    rows = np.flatnonzero(
        np.isin(mass, mass[ground_truth]) & drawn_of_mass(mass, np.random.default_rng(seed)) & (mass > 0)
    )
    rows = rows[np.argsort(mass[rows], kind="stable")]
    measured = weighted(queries.intensity, PREDICTED)
    of_ground_truth = cosines(compacted(predicted), queries.intensity, PREDICTED)
    better = np.zeros(len(ground_truth), np.int64)
    for part in _parts(rows):
        spectra = weighted(compacted(model.predict(listed[part].tolist())[0]), PREDICTED)
        near = np.flatnonzero(np.isin(mass[ground_truth], mass[part]))
        above = measured[near] @ spectra.T >= of_ground_truth[near, None] - TIE
        above &= (
            (part != ground_truth[near, None]) & (mass[part] == mass[ground_truth[near], None]) & spectra.any(axis=1)
        )
        better[near] += above.sum(axis=1)
    better[refused | (mass[ground_truth] < 0)] = NOT_FOUND
    return float((better < 10).mean())


def _parts(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    starts: Sequence[int] = range(0, len(rows), _AT_ONCE)
    for start in tqdm(starts, desc="candidates", unit=" thousand", disable=None, leave=False):
        yield rows[start : start + _AT_ONCE]
