import numpy as np
import pytest
import torch
from rdkit import Chem

from spectus.denovo.modeling import SpectusNetwork, SpectusNetworkConfig
from spectus.denovo.training.settings import Stage, Synthesis
from spectus.denovo.training.task import Examples, TranslationTask, nominal_masses, random_smiles
from spectus.learning.measured_spectra import MeasuredSpectra

CONFIG = SpectusNetworkConfig(
    d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
    encoder_ffn_dim=64, decoder_ffn_dim=64, dropout=0.0,
)  # fmt: skip


class Drawn:
    """A prediction model of two molecules whose spectra are one peak each."""

    def __init__(self) -> None:
        self.smiles, self.mass = ["CCCC", "CCCCO"], np.array([58, 74], np.int32)
        self.asked: list[bool] = []
        self.mixed = False

    def spectra(
        self, rows: np.ndarray, uncertain: bool, random: np.random.Generator
    ) -> tuple[torch.Tensor, np.ndarray]:
        self.asked.append(uncertain)
        made = torch.zeros(len(rows), 501)
        made[np.arange(len(rows)), self.mass[rows]] = 1.0
        return made, np.full(len(rows), 6 if self.mixed else 4)


@pytest.fixture
def examples():
    peaks = [([mz], [1.0]) for mz in (45.0, 44.0, 16.0)]
    return MeasuredSpectra.of_peaks(["CCO", "CCN", "C"], ["A", "B", "C"], [70.0] * 3, peaks)


def task(examples, synthesis: Synthesis, with_measured: bool = True) -> TranslationTask:
    network = SpectusNetwork(CONFIG)
    drawn = Examples(examples if with_measured else None, Drawn(), examples, nominal_masses(["CCO"]))
    return TranslationTask(network, drawn, Stage(synthesis=synthesis))


def test_a_pass_mixes_as_the_settings_say(examples) -> None:
    rows = np.concatenate(task(examples, Synthesis(per_measured=2.0)).one_pass(4, np.random.default_rng(0)))
    assert sorted(rows[rows < 3]) == [0, 1, 2]
    assert len(rows) == 9
    alone = np.concatenate(task(examples, Synthesis(), False).one_pass(4, np.random.default_rng(0)))
    assert len(alone) == 2


def test_the_loss_is_that_of_the_rows_answers(examples) -> None:
    """Measured and predicted rows in one batch give the mean of their tokens' losses, whatever their order."""
    mixed = task(examples, Synthesis(per_measured=1.0))
    random = np.random.default_rng(0)
    with torch.no_grad():
        one, other = (mixed.loss(np.array([0, 3]), random).item() for _ in range(2))
        parts = [mixed.loss(np.array([row]), random).item() for row in (0, 3)]
    assert one == pytest.approx(other)
    n_tokens = mixed.targets.lengths[[0, 3]]
    assert one == pytest.approx(np.average(parts, weights=n_tokens), rel=0.02)


def test_sources_are_told_apart(examples) -> None:
    mixed = task(examples, Synthesis(per_measured=1.0))
    assert mixed.targets.padded(np.array([0, 3]))[:, 0].tolist() == [5, 4]


def test_the_source_of_a_predicted_spectrum_is_part_of_its_answer(examples) -> None:
    mixed = task(examples, Synthesis(per_measured=1.0))
    with torch.no_grad():
        before = mixed.loss(np.array([3]), np.random.default_rng(0)).item()
        mixed.translator.final_logits_bias[0, 6] = 5.0
        unlikely = mixed.loss(np.array([3]), np.random.default_rng(0)).item()
        mixed.synthesizer.mixed = True
        likely = mixed.loss(np.array([3]), np.random.default_rng(0)).item()
    assert likely < unlikely
    assert before < unlikely


def test_the_choice_does_not_hang_on_the_source_which_is_given(examples) -> None:
    """In pretraining the source of measured spectra is never an answer and grows ever less likely."""
    mixed = task(examples, Synthesis())
    with torch.no_grad():
        before = mixed.tuning_loss(mixed.translator)
        mixed.translator.final_logits_bias[0, CONFIG.source_token_id] = -30.0
        assert mixed.tuning_loss(mixed.translator) <= before


def test_answers_may_be_written_at_random(examples) -> None:
    mixed = task(examples, Synthesis(per_measured=1.0, random_smiles=1.0))
    targets, rows = mixed._targets(np.array([0, 4]), np.random.default_rng(1))
    answers = mixed.tokenizer.decode([[t for t in row if t >= 0] for row in targets.padded(rows).tolist()])
    assert answers[0] == "CCO"
    assert Chem.CanonSmiles(answers[1]) == "CCCCO"
    written = {random_smiles("CCCCO", np.random.default_rng(n)) for n in range(20)}
    assert len(written) > 2
    assert {Chem.CanonSmiles(text) for text in written} == {"CCCCO"}


def test_uncertain_predictions_are_asked_for_as_often_as_set(examples) -> None:
    mixed, random = task(examples, Synthesis(per_measured=1.0, uncertain=0.25)), np.random.default_rng(0)
    with torch.no_grad():
        for _ in range(200):
            mixed.loss(np.array([3]), random)
    assert np.mean(mixed.synthesizer.asked) == pytest.approx(0.25, abs=0.07)


def test_nominal_masses_are_of_the_most_common_isotopes() -> None:
    assert nominal_masses(["CCO", "BrC(Br)Br", "C[Si](C)(C)Cl"]).tolist() == [46, 250, 108]
