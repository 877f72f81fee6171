"""The commands `spectus train pretrain` and `spectus train finetune`: SpecTUS, from spectra to structures.

The recipe is that of SpecTUS (arXiv 2502.05114): first on spectra that prediction models predict for a long molecule
list, then on measured ones. Predicted spectra are read from predicted libraries or made while training; in finetuning
some may be mixed in.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from spectus.denovo.modeling import SpectusNetwork, SpectusNetworkConfig
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.denovo.training.examples import listed_structures, read_examples
from spectus.denovo.training.settings import Stage, TrainingSettings
from spectus.denovo.training.stored import StoredSpectra
from spectus.denovo.training.synthesis import PredictedSpectra, Synthesizer
from spectus.denovo.training.task import Examples, TranslationTask, nominal_masses
from spectus.errors import InputError
from spectus.learning.fit import Fit, FitRecord, training_identity
from spectus.learning.inputs import TrainingInputs
from spectus.molecules.exclusions import Exclusions
from spectus.molecules.reading import read_molecules
from spectus.prediction.base import set_threads


def pretrain(inputs: TrainingInputs) -> None:
    """Train on spectra predicted for a molecule list, tuned by the measured ones of the split valid.

    The folder receives config.json, tokenizer.json and model.safetensors (averaged weights of the step whose loss on
    valid was lowest so far, fp32), log.parquet, loss.svg, and checkpoint.pt and best.pt. A training can be stopped at
    any time. A second call resumes; different settings or data are refused. Excluded compounds and those of valid are
    dropped from the list.

    Parameters
    ----------
    inputs
        `settings` is YAML with the keys of `TrainingSettings`. Either `predicted` is needed or both `molecules` and
        `prediction_models`; each spectrum comes then from one of the models at random. `start` is the folder of a model
        of the same sizes; None: random weights.

    Raises
    ------
    InputError
        A library without structures or splits, an unreadable list or model, a file that is no predicted library,
        mistyped settings, a list that gives no molecule, or a checkpoint of another training.
    """
    settings = TrainingSettings.read(inputs.settings)
    _need_predictions(inputs, "pretraining learns from predicted spectra", "")
    _train(inputs, settings, settings.pretrain, "pretrain")


def finetune(inputs: TrainingInputs) -> None:
    """Train on the split train of measured spectra, as `pretrain` does on predicted ones.

    Parameters
    ----------
    inputs
        As for `pretrain`. Predicted spectra are needed only if the settings mix some in.

    Raises
    ------
    InputError
        As of `pretrain`, or a model to start from that has other sizes.
    """
    settings = TrainingSettings.read(inputs.settings)
    if settings.finetune.synthesis.per_measured > 0:
        _need_predictions(
            inputs, "mixes predicted spectra into finetuning", ", or set finetune.synthesis.per_measured: 0"
        )
    else:
        inputs = dataclasses.replace(inputs, molecules=None, prediction_models=(), predicted=())
    _train(inputs, settings, settings.finetune, "finetune")


def _need_predictions(inputs: TrainingInputs, why: str, otherwise: str) -> None:
    """Check that predicted spectra come from one place: stored ones, or models and a molecule list."""
    if inputs.predicted and (inputs.molecules is not None or inputs.prediction_models):
        raise InputError(
            inputs.predicted[0], "is given together with --molecules or --prediction-model", "give one of them only"
        )
    if not inputs.predicted and (inputs.molecules is None or not inputs.prediction_models):
        raise InputError(
            inputs.settings, why, f"add --predicted, or both --molecules and --prediction-model{otherwise}"
        )


def _train(inputs: TrainingInputs, settings: TrainingSettings, stage: Stage, name: str) -> None:
    set_threads(inputs.threads)
    torch.manual_seed(settings.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = _network(settings.model, stage, inputs.start).to(device)
    exclusions = Exclusions.read(inputs.exclude)
    train, valid = read_examples(inputs.library, settings.model, exclusions)
    also_valid = exclusions.adding(valid.smiles.tolist(), "the split valid")
    synthesizer = _synthesizer(inputs, also_valid, settings.model.max_mz, device)
    examples = Examples(
        None if name == "pretrain" else train, synthesizer, valid, nominal_masses(train.smiles.tolist())
    )
    task = TranslationTask(network, examples, stage)
    weights = synthesizer.sha256 if synthesizer else []
    made_of = training_identity(
        (settings.seed, settings.model, stage, weights),
        [inputs.library, *inputs.exclude, inputs.molecules, *inputs.predicted, inputs.start],
    )
    record = FitRecord(inputs.out, made_of, settings.seed)
    fit = Fit(name, task, stage.plan, record, _keeper(settings.model, inputs.out, name))
    SmilesTokenizer.published().save_pretrained(inputs.out)
    fit.run()


def _network(config: SpectusNetworkConfig, stage: Stage, start: Path | None) -> SpectusNetwork:
    """Return the network, with the weights of the model to start from."""
    network = SpectusNetwork(dataclasses.replace(config, dropout=stage.dropout))
    if start is not None:
        weights = SpectusNetwork.from_pretrained(start)
        if dataclasses.replace(weights.config, dropout=config.dropout) != config:
            raise InputError(start, "has other sizes than the settings", "pretrain with the same settings")
        network.load_state_dict(weights.state_dict())
    return network


def _synthesizer(
    inputs: TrainingInputs, exclusions: Exclusions, max_mz: int, device: torch.device
) -> PredictedSpectra | None:
    """Return what gives the predicted spectra, from libraries or a molecule list; None without either."""
    made: PredictedSpectra
    if inputs.predicted:
        place, made = inputs.predicted[0], StoredSpectra(inputs.predicted, exclusions, max_mz, device, inputs.out)
    elif inputs.molecules is not None:
        place = inputs.molecules
        smiles = listed_structures((entry.smiles for entry in read_molecules(place)), exclusions)
        made = Synthesizer(inputs.prediction_models, smiles, max_mz, device)
    else:
        return None
    if not made.smiles:
        raise InputError(place, "gives no molecule that may be learned and can be predicted", "give a longer list")
    return made


def _keeper(config: SpectusNetworkConfig, out: Path, name: str) -> Callable[[nn.Module], None]:
    """Return what writes the model: in fp32 where a finetuning starts from it, else in bf16."""
    dtype = torch.float32 if name == "pretrain" else torch.bfloat16

    def keep(network: nn.Module) -> None:
        assert isinstance(network, SpectusNetwork)
        network.config = config
        network.save_pretrained(out, dtype)

    return keep
