"""The commands `spectus train pretrain` and `spectus train finetune`: a translator from spectra to structures.

The recipe of SpecTUS (arXiv 2502.05114): first on spectra that forward models predict for a long list of molecules,
then on measured ones. Predicted spectra are made while training; in finetuning some may be mixed in.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from spectus.denovo.modeling import SpectusNetwork, SpectusNetworkConfig
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.denovo.training.examples import Measured, blocks, listed, read_examples
from spectus.denovo.training.settings import Stage, TrainingSettings
from spectus.denovo.training.synthesis import Synthesiser
from spectus.denovo.training.task import TranslationTask, nominal_masses
from spectus.errors import InputError
from spectus.learning.fit import Fit, identity
from spectus.molecules.exclusions import read_held_out
from spectus.molecules.reading import read_molecules


def pretrain(
    library: Path,
    settings_file: Path,
    held_out: Path | None,
    out: Path,
    molecules: Path,
    forward: Sequence[Path],
    threads: int = 0,
) -> None:
    """Train on spectra predicted for a list of molecules; watch the measured ones of the split `valid`.

    `out` receives config.json, tokenizer.json and model.safetensors (averaged weights of the step whose loss on `valid`
    was the lowest so far, fp32), log.parquet, and checkpoint.pt and best.pt to go on from. So a training can be stopped
    at any time. A second call goes on; different settings or data are refused. Compounds of the split `valid` and of
    `held_out` are dropped from the list.

    Parameters
    ----------
    library: measured spectra with structures and a column `split`.
    settings_file: YAML with the keys of `TrainingSettings`.
    held_out: sha1 of InChIKey first blocks that no training may see, neither as a spectrum nor as a molecule.
    molecules: a file that `forward.molecules.read_molecules` reads.
    forward: folders of forward models; each spectrum comes from one of them at random.
    threads: CPU threads; 0: all.

    Raises
    ------
    InputError: a library without structures or splits, an unreadable list or model, mistyped settings, a list that
        gives no molecule, or a checkpoint of another training.
    """
    settings = TrainingSettings.read(settings_file)
    _train(settings, settings.pretrain, "pretrain", library, held_out, out, (molecules, forward), None, threads)


def finetune(
    library: Path, settings_file: Path, held_out: Path | None, out: Path, start: Path | None = None,
    molecules: Path | None = None, forward: Sequence[Path] = (), threads: int = 0,
) -> None:  # fmt: skip
    """Train on the split `train` of measured spectra, as `pretrain` does on predicted ones.

    Parameters
    ----------
    start: folder of a pretrained model to begin with, whose sizes must be those of the settings; None: from nothing.
    molecules, forward: as for `pretrain`; needed where the settings mix predicted spectra in.
    """
    settings = TrainingSettings.read(settings_file)
    mixed = None
    if settings.finetune.synthesis.per_measured > 0:
        if molecules is None or not forward:
            raise InputError(
                settings_file, "mixes predicted spectra into finetuning",
                "add --molecules and --forward, or set finetune.synthesis.per_measured: 0",
            )  # fmt: skip
        mixed = (molecules, forward)
    _train(settings, settings.finetune, "finetune", library, held_out, out, mixed, start, threads)


def _train(
    settings: TrainingSettings, stage: Stage, name: str, library: Path, held_out: Path | None, out: Path,
    mixed: tuple[Path, Sequence[Path]] | None, start: Path | None, threads: int,
) -> None:  # fmt: skip
    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(settings.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = _network(settings.model, stage, start).to(device)
    train, valid = read_examples(library, settings.model, read_held_out(held_out))
    synthesiser = _synthesiser(mixed, valid, held_out, settings.model.max_mz, device) if mixed else None
    spread = nominal_masses(train.smiles)
    task = TranslationTask(network, None if name == "pretrain" else train, synthesiser, valid, stage, spread)
    inputs = [library, held_out, *([mixed[0], *mixed[1]] if mixed else []), start]
    fit = Fit(
        name,
        task,
        stage.plan,
        out,
        identity((settings.seed, settings.model, stage), inputs),
        settings.seed,
        _keeper(settings.model, out, name),
    )
    SmilesTokenizer.published().save_pretrained(out)
    fit.run()


def _network(config: SpectusNetworkConfig, stage: Stage, start: Path | None) -> SpectusNetwork:
    network = SpectusNetwork(dataclasses.replace(config, dropout=stage.dropout))
    if start is not None:
        weights = SpectusNetwork.from_pretrained(start)
        if dataclasses.replace(weights.config, dropout=config.dropout) != config:
            raise InputError(start, "has other sizes than the settings", "pretrain with the same settings")
        network.load_state_dict(weights.state_dict())
    return network


def _synthesiser(
    mixed: tuple[Path, Sequence[Path]], valid: Measured, held_out: Path | None, max_mz: int, device: torch.device
) -> Synthesiser:
    molecules, forward = mixed
    smiles = listed(
        (entry.smiles for entry in read_molecules(molecules)), read_held_out(held_out), blocks(valid.smiles)
    )
    synthesiser = Synthesiser(forward, smiles, max_mz, device)
    if not synthesiser.smiles:
        raise InputError(molecules, "gives no molecule that may be learnt and can be predicted", "give a longer list")
    return synthesiser


def _keeper(config: SpectusNetworkConfig, out: Path, name: str) -> Callable[[nn.Module], None]:
    """What writes the model: in full where a finetuning goes on from it, in half the bytes where it is done."""
    dtype = torch.float32 if name == "pretrain" else torch.bfloat16

    def keep(network: nn.Module) -> None:
        assert isinstance(network, SpectusNetwork)
        network.config = config
        network.save_pretrained(out, dtype)

    return keep
