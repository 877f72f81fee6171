"""SpecTUS with the mass of the molecule: more beam searches, each restricted to a probable mass.

A small SpecTUS model writes plausible structures, but its first one often has one CH2 group too many or too few. A
perceptron reads the molecular mass from the spectrum (`editing.mass_distribution`). Structures of the most probable
masses are decoded beside those of the unrestricted search, and all are ranked by the sum of two logarithms: the
probability that the model gives the string, and the probability of its mass.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rdkit import Chem

from spectus.denovo.constraints import Target, mass_target
from spectus.denovo.editing.mass_distribution import load_mass_model
from spectus.denovo.editing.molecule import nominal_mass
from spectus.denovo.settings import DenovoSettings
from spectus.denovo.translator import Answer, Translator
from spectus.errors import InputError
from spectus.learning.measured_spectra import dense

if TYPE_CHECKING:
    from tqdm import tqdm

_BINS = 1024
"""Nominal masses that the perceptron may read, u. Chosen: heavier molecules do not pass a GC column."""

SHIPPED_MASSES = 2
"""Masses that are searched with the model that ships. Measured on 300 spectra of the split valid, with the weights
before the present ones; first answers right: none 7.0 %, 1 mass 15.7 %, 2 and 3 masses 16.0 %."""


def translate_by_mass(
    translator: Translator, rows: Sequence[dict[str, Any]], settings: DenovoSettings,
    targets: Sequence[Target | InputError | None] | None = None, bar: "tqdm | None" = None,
) -> list[Answer]:  # fmt: skip
    """Decode structures for spectra, also such of the most probable masses of the molecule.

    A row with a target is decoded once, since its mass is known. Without masses to search (`searched_masses`), this is
    `Translator.translate`.

    Parameters
    ----------
    translator
        The model.
    rows
        Rows of the SPECTRA schema, (n,).
    settings
        Beams, batch size, and the number of masses.
    targets
        Formula or mass that the structures of a row must have, (n,).
    bar
        Progress bar; it moves on by one for each beam search.

    Returns
    -------
    list of Answer
        One for each row. `structures` are in the order of `scores`, at most as many as beams; counts of valid and
        invalid strings are those of all searches.

    Raises
    ------
    InputError
        As of `Translator.translate`.
    """
    wanted = list(targets or [None] * len(rows))
    n_masses = searched_masses(settings, translator)
    open_rows = [index for index, row in enumerate(rows) if n_masses and wanted[index] is None and _has_peaks(row)]
    weights = _mass_weights(rows, open_rows)
    more = [(index, mass) for index, of_row in weights.items() for mass in _most_probable(of_row, n_masses)]
    if bar is not None:
        bar.total += len(more)
    answers = translator.translate(
        [*rows, *(rows[index] for index, _ in more)], settings.beams, settings.batch_size,
        [*wanted, *(mass_target(mass) for _, mass in more)], bar,
    )  # fmt: skip
    restricted = dict[int, list[Answer]]()
    for (index, _), answer in zip(more, answers[len(rows) :], strict=True):
        restricted.setdefault(index, []).append(answer)
    found = answers[: len(rows)]
    for index, others in restricted.items():
        if found[index].n_valid or found[index].n_invalid:
            # A restricted search without a structure says only that the mass was wrong.
            others = [answer for answer in others if answer.structures]
            found[index] = _merged([found[index], *others], weights[index], settings.beams)
    return found


def searched_masses(settings: DenovoSettings, translator: Translator) -> int:
    """Return for how many masses structures are decoded separately; see `DenovoSettings.masses`."""
    if settings.masses is not None:
        return settings.masses
    return SHIPPED_MASSES if translator.ships else 0


def _has_peaks(row: dict[str, Any]) -> bool:
    return row["reason"] is None and bool(row["mz"])


def _mass_weights(rows: Sequence[dict[str, Any]], chosen: Sequence[int]) -> dict[int, dict[int, float]]:
    """Return the logarithm of the probability of each nominal mass, for some rows."""
    model = load_mass_model()
    spectra = dense([rows[index]["mz"] for index in chosen], [rows[index]["intensity"] for index in chosen], _BINS)
    found = {}
    for index, spectrum in zip(chosen, spectra, strict=True):
        masses, logarithms = model.log_probabilities(spectrum)
        found[index] = dict(zip(masses.tolist(), logarithms.tolist(), strict=True))
    return found


def _most_probable(weights: dict[int, float], number: int) -> list[int]:
    return sorted(weights, key=lambda mass: (-weights[mass], mass))[:number]


def _merged(answers: Sequence[Answer], weights: dict[int, float], most: int) -> Answer:
    """Join the answers of one spectrum, and rank their structures by log-probability plus that of the mass."""
    log_probs = dict[str, float]()
    for answer in answers:
        for smiles, log_prob in answer.structures:
            # Searches find different strings of one molecule. The larger sum is the better estimate of all of them.
            log_probs[smiles] = max(log_prob, log_probs.get(smiles, -np.inf))
    unseen = min(weights.values())
    scores = {
        smiles: log_prob + weights.get(nominal_mass(Chem.MolFromSmiles(smiles)), unseen)
        for smiles, log_prob in log_probs.items()
    }
    ranked = sorted(log_probs, key=lambda smiles: (-scores[smiles], smiles))[:most]
    return Answer(
        [(smiles, log_probs[smiles]) for smiles in ranked], sum(answer.n_valid for answer in answers),
        sum(answer.n_invalid for answer in answers), None if ranked else answers[0].reason, answers[0].note,
        [scores[smiles] for smiles in ranked],
    )  # fmt: skip
