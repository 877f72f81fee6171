"""The command `spectus train reranker`: a reranker from measured spectra with structures and a prediction model.

The dual encoder is fitted twice, as `prediction.training` does with prediction models. The weights of the pair features
are fitted on the tuning set, with the dual encoder of the first fitting and the prediction model of its first fitting,
since both must not have learned from the tuning set. The reranker that is written has the dual encoder of the second
fitting, these weights, and the prediction model.
"""

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.files import resource
from spectus.learning.fit import FitRecord, training_identity, write_log
from spectus.learning.inputs import TrainingInputs
from spectus.learning.measured_spectra import MeasuredSpectra, below, read_measured, tuning_set
from spectus.molecules.exclusions import Exclusions
from spectus.molecules.reading import read_molecules
from spectus.prediction.base import CONFIG, PredictionModel, read_model_config, set_threads
from spectus.prediction.neims.task import CountedSpectra
from spectus.prediction.registry import SHIPPED_MODELS, load_prediction_model
from spectus.prediction.substructures import SubstructureCounts, count_substructures, frequent_substructures
from spectus.prediction.training import (
    NOTHING,
    TUNED,
    n_compounds,
    read_prediction_settings,
    run_fit,
    train_prediction_model,
)
from spectus.rerank.calibration import calibrated_weights
from spectus.rerank.dual_encoder import DualEncoder
from spectus.rerank.pair_features import PAIR_FEATURES, PairWeights
from spectus.rerank.reranker import Reranker, compound_number
from spectus.rerank.settings import RerankerSettings
from spectus.rerank.tasks import DualEncoderTask
from spectus.structures import flat_smiles, hashed, quiet_rdkit

_LOG = logging.getLogger("spectus")
_HALF = 0.5


def train_forward(inputs: TrainingInputs) -> None:
    """Fit NEIMS and a reranker, as version 0.3 did, or RASSP alone if the settings are of RASSP.

    The folder `out` receives the prediction model, and `out/reranker` the reranker.

    Parameters
    ----------
    inputs
        `settings` is YAML with the keys of `NeimsSettings` and `RerankerSettings`, or of `RasspSettings`.

    Raises
    ------
    InputError
        As of `train_prediction_model` and `train_reranker`.
    """
    of_reranker = read_prediction_settings(inputs.settings).kind == "neims"
    if of_reranker:
        RerankerSettings.read(inputs.settings)  # a mistyped key is told before the first fitting
    train_prediction_model(inputs)
    if of_reranker:
        train_reranker(replace(inputs, prediction_models=(inputs.out,), out=inputs.out / "reranker"))


def train_reranker(inputs: TrainingInputs) -> None:
    """Fit a reranker on the split train and write its folder.

    The folder receives config.json, dual_encoder.safetensors, log.parquet, loss.svg, and the folder `fitting` with what
    is needed to resume after a stop. A second call resumes; different settings or data are refused.

    Parameters
    ----------
    inputs
        `settings` is YAML with the keys of `RerankerSettings`. `molecules` is a list of which half serves as wrong
        answers of the dual encoder, and all as candidates; None: the library's own molecules only. `prediction_models`
        is the model whose spectra the reranker compares, by default neims; of several, the mean.

    Raises
    ------
    InputError
        A library without structures or splits, an unreadable list or model, mistyped settings, or a checkpoint of
        another training.
    """
    settings = RerankerSettings.read(inputs.settings)
    set_threads(inputs.threads)
    spec = "+".join(str(model) for model in inputs.prediction_models) or "neims"
    model = load_prediction_model(spec)
    exclusions = Exclusions.read(inputs.exclude)
    bins = settings.dual_encoder.bins
    train, valid = read_measured(inputs.library, exclusions, below(bins))
    data = CountedSpectra.of(train, bins)
    usable, in_tuning_set = data.usable(), tuning_set(train, settings.tuning_share, settings.seed)
    learned, tuning = np.flatnonzero(usable & ~in_tuning_set), np.flatnonzero(usable & in_tuning_set)
    if not len(learned) or not len(tuning):
        raise InputError(
            inputs.library, "leaves no compound to learn from or none for the tuning set", "give a larger library"
        )
    listed = candidates_of(inputs.molecules, train, exclusions.adding(valid.smiles.tolist(), "the split valid"))
    made_of = training_identity(
        (settings, model.sha256), [inputs.library, *inputs.exclude, *([inputs.molecules] if inputs.molecules else [])]
    )
    fittings = _Fittings(settings, data, listed, FitRecord(inputs.out / "fitting", made_of, settings.seed))
    network, steps = fittings.fit("tuning", learned, tuning, None)
    tuned = _reranker(network, data, learned, _without_tuning_set(spec, settings), None)
    weights = calibrated_weights(tuned, data, learned, tuning, listed, settings)
    rows = np.flatnonzero(usable)
    network, _ = fittings.fit("whole", rows, NOTHING, steps)
    more = {"steps": steps, "train_spectra": len(rows), "train_compounds": n_compounds(train, rows)}
    _reranker(network, data, rows, model, weights).save(inputs.out, _from_folder(spec, inputs.out), more)
    write_log(fittings.log, inputs.out)


class _Fittings:
    """The two fittings of a dual encoder."""

    def __init__(
        self, settings: RerankerSettings, data: CountedSpectra, listed: SubstructureCounts, record: FitRecord
    ) -> None:
        smiles = np.array(listed.smiles, dtype=np.str_)
        without_spectra = half_of(smiles) & ~np.isin(smiles, data.measured.smiles)
        self.settings, self.data, self.record = settings, data, record
        self.others = listed.at(np.flatnonzero(without_spectra)) if without_spectra.any() else None
        self.log = list[dict[str, Any]]()

    def fit(
        self, name: str, learned: NDArray[np.int64], tuning: NDArray[np.int64], steps: int | None
    ) -> tuple[DualEncoder, int]:
        """Return a dual encoder fitted on some spectra, and its number of steps."""
        settings, least = self.settings, self.settings.least_compounds
        vocabulary = frequent_substructures(self.data.molecules, np.unique(self.data.row[learned]), least)
        if not len(vocabulary):
            raise InputError(
                f"least_compounds: {least}", "no substructure is in so many compounds", "give a smaller number"
            )
        torch.manual_seed(settings.seed)
        task = DualEncoderTask(self.data, learned, tuning, vocabulary, settings, self.others)
        fit = run_fit(f"{name} dual encoder", task, settings.plan, self.record, steps)
        self.log += fit.log
        return task.network.eval(), fit.best_step


def _reranker(
    network: DualEncoder, data: CountedSpectra, learned: NDArray[np.int64], model: PredictionModel,
    weights: PairWeights | None,
) -> Reranker:  # fmt: skip
    """Return a reranker whose models learned from some spectra; None: weights of 0."""
    known = sorted({compound_number(key) for key in data.measured.inchikey14[learned].tolist()})
    nothing = PairWeights(np.zeros((2, len(PAIR_FEATURES) + 1)))
    return Reranker("", network, weights or nothing, np.array(known, dtype=np.int64), model)


def _without_tuning_set(spec: str, settings: RerankerSettings) -> PredictionModel:
    """Return the prediction model that did not learn from the tuning set, as far as there is one."""
    folders = [_folder(part) for part in spec.split("+")]
    found = list[str]()
    for part, folder in zip(spec.split("+"), folders, strict=True):
        tuned = folder / TUNED
        tuning = read_model_config(folder).get("tuning_set", {})
        same = (tuning.get("seed"), tuning.get("share")) == (settings.seed, settings.tuning_share)
        if same and tuning.get("learned") and (tuned / CONFIG).exists():
            found.append(str(tuned))
            continue
        if not same or tuning.get("learned"):
            _LOG.warning(
                "%s: may have learned from the tuning set; the posterior probabilities will be too confident", part
            )
        found.append(part)
    return load_prediction_model("+".join(found))


def _folder(part: str) -> Path:
    """Return the folder of a prediction model."""
    return resource(SHIPPED_MODELS[part]) if part in SHIPPED_MODELS else Path(part)


def _from_folder(spec: str, folder: Path) -> str:
    """Return where to find the prediction model again: names as they are, paths from a folder."""
    return "+".join(part if part in SHIPPED_MODELS else os.path.relpath(part, folder) for part in spec.split("+"))


def candidates_of(molecules: Path | None, train: MeasuredSpectra, exclusions: Exclusions) -> SubstructureCounts:
    """Return the molecules of the train split and of a list, by ascending canonical SMILES.

    Parameters
    ----------
    molecules
        The list; None: none.
    train
        The train split.
    exclusions
        Compounds of the list to leave out, those of the split valid among them.
    """
    kept = set(train.smiles.tolist())
    with quiet_rdkit():
        for molecule in read_molecules(molecules) if molecules else []:
            flat = flat_smiles(molecule.smiles)
            if flat is not None and flat not in kept and exclusions.reason(flat) is None:
                kept.add(flat)
    return count_substructures(sorted(kept), len(kept))


def half_of(smiles: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Return which molecules of a list the dual encoder may meet: half of them, by a hash of the SMILES, (n,)."""
    return np.array([hashed(text) < _HALF for text in smiles.tolist()], bool)
