"""How similar predicted and measured spectra are, for any prediction model."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from tqdm import tqdm

from spectus.learning.measured_spectra import MeasuredSpectra
from spectus.library.similarity import PREDICTED, Powers
from spectus.molecules.suitability import survey
from spectus.prediction.base import PredictionModel
from spectus.prediction.compact import compacted
from spectus.rerank.shortlist import weighted_unit
from spectus.structures import quiet_rdkit

PLAIN, HEAVY = Powers(1.0, 0.0), Powers(0.5, 1.0)
"""Exponents of the two cosines: intensities, and I^0.5 m as in NEIMS (Wei et al. 2019)."""

NOT_FOUND = 10**9
"""Rank of a molecule that was not found."""

TIE = 1e-6
"""Cosines this near are equal; more than the rounding error of float32."""

OF_ONE_MASS = 1000
"""Molecules of one nominal mass among which the right one is sought, as in NEIMS (Wei et al. 2019)."""

_MOLECULES_AT_ONCE = 1024
"""Chosen: some MB of spectra."""


@dataclass(frozen=True)
class Fidelity:
    """Means over spectra.

    Attributes
    ----------
    n_spectra, n_refused : int
        Spectra, and those of molecules that the model cannot take; these count with 0.
    cosine, cosine_at_its_energy : float
        Cosine of intensities, predicted at 70 eV and at the energy that the record names.
    weighted_cosine, weighted_cosine_at_its_energy : float
        The same of I^0.5 m.
    n_sought : int
        Spectra for which the right molecule was sought.
    recall_10_of_1000 : float or None
        Share of these for which it is among the ten best of (at most) 1,000 molecules of its nominal mass; None without
        candidates.
    """

    n_spectra: int
    n_refused: int
    cosine: float
    cosine_at_its_energy: float
    weighted_cosine: float
    weighted_cosine_at_its_energy: float
    n_sought: int
    recall_10_of_1000: float | None

    def to_dict(self) -> dict[str, object]:
        """Return the scores by name."""
        return asdict(self)


def measure_fidelity(
    model: PredictionModel, queries: MeasuredSpectra, candidates: NDArray[np.str_] | None = None, seed: int = 0,
    sought: int | None = None,
) -> Fidelity:  # fmt: skip
    """Score a prediction model on spectra from which it has not learned.

    Parameters
    ----------
    model
        The model.
    queries
        The spectra.
    candidates
        Canonical SMILES without stereochemistry of the molecules among which the right one is sought; those of the
        queries are added. The same ones are drawn for every model; one that a model cannot take never stands before the
        right one. None: nothing is sought.
    seed
        Of the molecules drawn where more than 1,000 have one nominal mass, and of the compounds sought.
    sought
        The right molecule is sought for so many compounds, drawn; None: for all.

    Returns
    -------
    Fidelity
    """
    measured = queries.dense(model.bins)
    at_standard, reasons = model.predict(queries.smiles.tolist())
    at_own = predicted_at_energies(model, queries)
    refused = np.array([reason is not None for reason in reasons])
    recall, n_sought = None, 0
    if candidates is not None:
        at = drawn_compounds(queries.inchikey14, sought, seed)
        asked = _Sought(queries.smiles[at], measured[at], at_standard[at], refused[at])
        recall = _recall(model, asked, np.unique(np.concatenate([candidates, queries.smiles])), seed)
        n_sought = int(at.sum())
    return Fidelity(
        n_spectra=len(refused),
        n_refused=int(refused.sum()),
        cosine=mean_cosine(at_standard, measured, PLAIN),
        cosine_at_its_energy=mean_cosine(at_own, measured, PLAIN),
        weighted_cosine=mean_cosine(at_standard, measured, HEAVY),
        weighted_cosine_at_its_energy=mean_cosine(at_own, measured, HEAVY),
        n_sought=n_sought,
        recall_10_of_1000=recall,
    )


def drawn_compounds(inchikey14: NDArray[np.str_], number: int | None, seed: int) -> NDArray[np.bool_]:
    """Return which spectra are of `number` drawn compounds, (n,); None: of all."""
    compounds = np.unique(inchikey14)
    if number is None or number >= len(compounds):
        return np.ones(len(inchikey14), bool)
    return np.isin(inchikey14, np.random.default_rng(seed).choice(compounds, number, replace=False))


def predicted_at_energies(model: PredictionModel, queries: MeasuredSpectra) -> NDArray[np.float32]:
    """Return predicted spectra of the queries' molecules at the energies that their records name, (n, bins)."""
    spectra = np.zeros((queries.n_spectra, model.bins), np.float32)
    for energy in np.unique(queries.energy):
        at = np.flatnonzero(queries.energy == energy)
        spectra[at] = model.predict(queries.smiles[at].tolist(), float(energy))[0]
    return spectra


def cosines(a: NDArray[np.float32], b: NDArray[np.float32], powers: Powers) -> NDArray[np.float64]:
    """Return the cosines of spectra, both (n, bins), row by row, (n,)."""
    found: NDArray[np.float64] = np.einsum("ij,ij->i", weighted_unit(a, powers), weighted_unit(b, powers))
    return found.astype(np.float64)


def mean_cosine(a: NDArray[np.float32], b: NDArray[np.float32], powers: Powers) -> float:
    """Return the mean of the cosines of spectra, both (n, bins), row by row."""
    return float(cosines(a, b, powers).mean())


def drawn_of_mass(mass: NDArray[np.int32], random: np.random.Generator) -> NDArray[np.bool_]:
    """Return which molecules are among the (at most) 1,000 drawn of their mass, (n,)."""
    shuffled = random.permutation(len(mass))
    order = shuffled[np.argsort(mass[shuffled], kind="stable")]
    starts = np.flatnonzero(np.diff(mass[order], prepend=-2))
    place = np.arange(len(order)) - np.repeat(starts, np.diff([*starts, len(order)]))
    drawn = np.zeros(len(mass), dtype=bool)
    drawn[order[place < OF_ONE_MASS]] = True
    return drawn


@dataclass(frozen=True)
class _Sought:
    """Spectra whose molecules are sought: SMILES, measured and predicted spectra (n, bins), and who is refused."""

    smiles: NDArray[np.str_]
    measured: NDArray[np.float32]
    predicted: NDArray[np.float32]
    refused: NDArray[np.bool_]


def _recall(model: PredictionModel, sought: _Sought, listed: NDArray[np.str_], seed: int) -> float:
    """Return the share of the spectra whose molecule is among the ten best; `listed`: all molecules, ascending."""
    right = np.searchsorted(listed, sought.smiles)
    with quiet_rdkit():
        surveyed = [survey(Chem.MolFromSmiles(smiles)) for smiles in listed.tolist()]
    mass = np.array([nominal if reason is None else -1 for reason, nominal, _ in surveyed])
    rows = np.flatnonzero(np.isin(mass, mass[right]) & drawn_of_mass(mass, np.random.default_rng(seed)) & (mass > 0))
    rows = rows[np.argsort(mass[rows], kind="stable")]
    measured = weighted_unit(sought.measured, PREDICTED)
    of_right = cosines(compacted(sought.predicted), sought.measured, PREDICTED)
    better = np.zeros(len(right), np.int64)
    for part in _parts(rows):
        spectra = weighted_unit(compacted(model.predict(listed[part].tolist())[0]), PREDICTED)
        near = np.flatnonzero(np.isin(mass[right], mass[part]))
        above = measured[near] @ spectra.T >= of_right[near, None] - TIE
        above &= (part != right[near, None]) & (mass[part] == mass[right[near], None]) & spectra.any(axis=1)
        better[near] += above.sum(axis=1)
    better[sought.refused | (mass[right] < 0)] = NOT_FOUND
    return float((better < 10).mean())


def _parts(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    starts: Sequence[int] = range(0, len(rows), _MOLECULES_AT_ONCE)
    for start in tqdm(starts, desc="candidates", unit=" thousand", disable=None, leave=False):
        yield rows[start : start + _MOLECULES_AT_ONCE]
