from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
from rdkit.DataStructs import TanimotoSimilarity

from spectus.denovo.editing.mass_distribution import MassModel
from spectus.denovo.editing.molecule import nominal_mass
from spectus.denovo.editing.scoring import CANNOT, Scorers
from spectus.denovo.editing.search import EDIT, HIT, MODEL, EditSearch, Found, Tools
from spectus.denovo.editing.settings import EditingSettings
from spectus.denovo.editing.statistics import EditStatistics

SETTINGS = EditingSettings(rounds=2, parents=6, proposals=40, scored=60)
_PRINTS = GetMorganGenerator(radius=2)


class Likeness:
    """A scorer that knows the answer: the similarity to it; iodine cannot be predicted."""

    def __init__(self, answer: str) -> None:
        self.answer = _PRINTS.GetFingerprint(Chem.MolFromSmiles(answer))
        self.n_scored = 0

    def query(self, intensity: NDArray[np.float32]) -> "Likeness":
        return self

    def scores(self, smiles: Sequence[str]) -> NDArray[np.float64]:
        self.n_scored = len(smiles)
        prints = [_PRINTS.GetFingerprint(Chem.MolFromSmiles(text)) for text in smiles]
        found = np.array([20 * TanimotoSimilarity(self.answer, print_) for print_ in prints])
        found[["I" in text for text in smiles]] = CANNOT
        return found


def searched(
    answer: str, hits: Sequence[str], tools: tuple[EditStatistics, MassModel], settings: EditingSettings = SETTINGS,
    model: Sequence[tuple[str, float]] = (), **more: object,
) -> list[Found]:  # fmt: skip
    mass = nominal_mass(Chem.MolFromSmiles(answer))
    intensity = np.zeros(300, np.float32)
    intensity[[mass, mass - 15]] = 1.0, 0.5
    search = EditSearch(intensity, Tools(Scorers(Likeness(answer)), *tools), settings, **more)  # type: ignore[arg-type]
    return search.run(hits, model)


@pytest.fixture
def tools(statistics: EditStatistics, masses: MassModel) -> tuple[EditStatistics, MassModel]:
    return statistics, masses


@pytest.mark.parametrize(
    ("answer", "hit"),
    [
        ("Cc1cccc(Cl)c1", "Cc1ccccc1Cl"),  # one edit
        ("CCc1cccc(O)c1", "Cc1ccc(O)cc1"),  # two
        ("Cc1cccc(O[Si](C)(C)C)c1", "Oc1ccccc1"),  # a group and an atom
    ],
)
def test_a_structure_that_no_seed_has_is_found(answer: str, hit: str, tools: tuple[EditStatistics, MassModel]) -> None:
    found = searched(answer, [hit, "CCCCO"], tools)
    assert found[0].smiles == answer
    assert found[0].sources == {EDIT}
    assert found[0].parent is not None
    totals = [one.total for one in found]
    assert totals == sorted(totals, reverse=True)


def test_the_search_is_deterministic(tools: tuple[EditStatistics, MassModel]) -> None:
    once, again = (searched("CCc1cccc(O)c1", ["Cc1ccc(O)cc1", "CCCO"], tools) for _ in range(2))
    assert [(one.smiles, one.total) for one in once] == [(one.smiles, one.total) for one in again]


def test_sources_of_a_structure_are_told(tools: tuple[EditStatistics, MassModel]) -> None:
    found = searched("Cc1cccc(Cl)c1", ["Cc1ccccc1Cl"], tools, model=[("CCO", -2.0), ("Cc1ccccc1Cl", -1.0)])
    by_smiles = {one.smiles: one for one in found}
    assert by_smiles["Cc1ccccc1Cl"].sources == {HIT, MODEL}
    assert by_smiles["Cc1ccccc1Cl"].log_prob == -1.0
    assert by_smiles["CCO"].sources == {MODEL}


def test_constraints_are_kept(tools: tuple[EditStatistics, MassModel]) -> None:
    pattern = Chem.MolFromSmarts("c1ccccc1")
    found = searched(
        "CCc1cccc(O)c1", ["Cc1ccc(O)cc1", "CCCO"], tools, mass=122,
        wanted=lambda smiles: Chem.MolFromSmiles(smiles).HasSubstructMatch(pattern),
    )  # fmt: skip
    assert found[0].smiles == "CCc1cccc(O)c1"
    assert {one.mass for one in found} == {122}
    assert all("c1" in one.smiles for one in found)


def test_without_a_seed_nothing_is_found(tools: tuple[EditStatistics, MassModel]) -> None:
    assert searched("CCO", [], tools) == []
    assert searched("CCO", ["[Na]C", "C[NH3+]"], tools) == []


def test_the_reader_orders_what_the_spectrum_does_not(tools: tuple[EditStatistics, MassModel]) -> None:
    answer = "Cc1cccc(Cl)c1"
    mass = nominal_mass(Chem.MolFromSmiles(answer))
    intensity = np.zeros(300, np.float32)
    intensity[mass] = 1.0
    settings = replace(SETTINGS, log_prob_weight=100.0)
    search = EditSearch(intensity, Tools(Scorers(Likeness(answer)), *tools), settings)
    found = search.run(["Cc1ccccc1Cl"], [], lambda smiles: np.array([-1.0 if "Cl" in s else -9.0 for s in smiles]))
    assert "Cl" in found[0].smiles
    assert found[0].log_prob == -1.0


def test_a_screen_chooses_what_is_scored(tools: tuple[EditStatistics, MassModel]) -> None:
    """A screen that knows the answer saves scores; one that refuses all leaves the seeds."""
    answer, hits = "CCc1cccc(O)c1", ["Cc1ccc(O)cc1"]
    few = replace(SETTINGS, scored=5, rounds=2)
    intensity = np.zeros(300, np.float32)
    intensity[122] = 1.0
    scorer = Likeness(answer)
    found = EditSearch(intensity, Tools(Scorers(scorer, Likeness(answer)), *tools), few).run(hits, [])
    assert found[0].smiles == answer
    assert scorer.n_scored <= len(hits) + 2 * few.scored

    class Refusing(Likeness):
        def scores(self, smiles: Sequence[str]) -> NDArray[np.float64]:
            return np.full(len(smiles), CANNOT)

    found = EditSearch(intensity, Tools(Scorers(scorer, Refusing(answer)), *tools), few).run(hits, [])
    assert {one.smiles for one in found} == set(hits)


def test_relatives_are_chosen_among_the_hits_whatever_their_places_and_masses_are(
    tools: tuple[EditStatistics, MassModel],
) -> None:
    """The first hit alone is edited; without knowledge of kinship that is the wrong one."""
    answer, hits = "C[Si](C)(C)Oc1ccccc1", ["CCCCCCO", "CCCCCCN", "Oc1ccccc1"]
    intensity = np.zeros(300, np.float32)
    intensity[[166, 151]] = 1.0, 0.5
    settings = replace(SETTINGS, seeds=1, rounds=1)
    parents = []
    for kin in (Likeness(answer), None):
        found = EditSearch(intensity, Tools(Scorers(Likeness(answer), kin=kin), *tools), settings).run(hits, [])
        parents.append({one.parent for one in found if one.sources == {EDIT}})
    assert parents == [{"Oc1ccccc1"}, {"CCCCCCO"}]
