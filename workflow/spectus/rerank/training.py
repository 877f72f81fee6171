"""Training a reranker: the dual encoder, then the ranker on queries from sources that the models did not learn from.

A collection of spectra from one laboratory flatters a model that learned from it. So the ranker is fitted on folds:
sources that a prediction model and a dual encoder of their own left out, with all their compounds. The dual encoder
that ships learns from all sources. Leave-one-source-out then leaves each laboratory out of the fitting of the ranker,
too; its scores are calibrated on these.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from rdkit import Chem

from spectus.denovo.editing.mass_distribution import MassModel
from spectus.denovo.editing.mass_training import MassTraining, compound_weights, train_mass_model
from spectus.denovo.editing.molecule import nominal_mass
from spectus.errors import InputError
from spectus.files import require_file
from spectus.learning.fit import FitRecord, training_identity, write_log
from spectus.learning.inputs import TrainingInputs
from spectus.learning.measured_spectra import STANDARD_EV, MeasuredSpectra, dense
from spectus.library.records import read_spectra
from spectus.molecules.exclusions import Exclusions
from spectus.prediction.base import PredictionModel, set_threads
from spectus.prediction.neims.task import CountedSpectra
from spectus.prediction.registry import load_prediction_model
from spectus.prediction.substructures import SubstructureCounts, count_substructures, frequent_substructures
from spectus.prediction.training import NOTHING, run_fit
from spectus.rerank.dual_encoder import DualEncoder
from spectus.rerank.fitting import calibrated_ranker
from spectus.rerank.pair_features import PAIR_FEATURES, QUERY_FEATURES
from spectus.rerank.query_lists import QueryPairs, Records, drawn_queries, query_pairs, read_records
from spectus.rerank.ranker import NO_AGREEMENT, UNSCALED, RankerWeights
from spectus.rerank.reranker import Reranker, model_spec
from spectus.rerank.settings import RerankerSettings
from spectus.rerank.stored_pairs import QUERIES, write_pairs
from spectus.rerank.tasks import DualEncoderTask
from spectus.structures import flat_smiles, hashed, inchikey14, quiet_rdkit

_HALF = 0.5


def train_reranker(inputs: TrainingInputs) -> None:
    """Fit a reranker and write its folder.

    The folder receives config.json, dual_encoder.safetensors, ranker.safetensors, log.parquet, loss.svg, and the folder
    `fitting` with what is needed to resume after a stop. A second call resumes; different settings or data are refused.

    Parameters
    ----------
    inputs
        `settings` is YAML with the keys of `RerankerSettings`. `predicted` are libraries of predicted spectra that the
        first of `prediction_models` made of a molecule list. The further prediction models did not learn from the
        records whose column `fold` is 1, 2, and so on, nor from other records of their compounds.

    Raises
    ------
    InputError
        A library without structures or splits, an unreadable list or model, mistyped settings, or a checkpoint of
        another training.
    """
    settings = RerankerSettings.read(inputs.settings)
    set_threads(inputs.threads)
    if not inputs.predicted:
        raise InputError("--predicted", "is missing", "give a library of predicted spectra of a molecule list")
    exclusions = Exclusions.read(inputs.exclude)
    records = read_records(inputs.library, exclusions, settings.dual_encoder.bins)
    listed = pa.concat_tables([read_spectra(require_file(path)) for path in inputs.predicted])
    listed = listed.filter(pc.is_null(listed["reason"]))
    specs = [str(model) for model in inputs.prediction_models] or ["rassp"]
    if len(specs) - 1 != int(records.fold.max(initial=0)):
        raise InputError(
            inputs.library, f"has {int(records.fold.max(initial=0))} folds", "give as many prediction models after the"
            " first one",
        )  # fmt: skip
    made_of = training_identity((settings, specs), [inputs.library, *inputs.exclude, *inputs.predicted])
    trainer = _Trainer(settings, records, listed, FitRecord(inputs.out / "fitting", made_of, settings.seed))
    pairs, shipped = list[QueryPairs](), None
    for fold, spec in enumerate(specs):
        reranker = trainer.unweighted(fold, load_prediction_model(spec))
        shipped = shipped or reranker
        queries = drawn_queries(records, fold, settings.lists)
        pairs += query_pairs(records, queries, listed, reranker, settings.lists)
    assert shipped is not None
    write_pairs(pairs, inputs.out / "fitting" / QUERIES)
    shipped.weights, shipped.calibration = calibrated_ranker(pairs, settings.situations, settings.ranker)
    more = {"queries": len(pairs), "settings": asdict(settings)}
    shipped.save(inputs.out, model_spec(specs[0], inputs.out), more)
    write_log(trainer.log, inputs.out)


class _Trainer:
    """Fits the dual encoders of the folds."""

    def __init__(self, settings: RerankerSettings, records: Records, listed: pa.Table, record: FitRecord) -> None:
        self.settings, self.records, self.record = settings, records, record
        self.log = list[dict[str, Any]]()
        self.others = self._others(listed)

    def unweighted(self, fold: int, model: PredictionModel) -> Reranker:
        """Return a reranker whose dual encoder did not learn from a fold; its weights are zero."""
        settings, records = self.settings, self.records
        kept = learned_records(records, fold)
        train = records.at(kept)
        peaks = list(zip(train.mz, train.intensity, strict=True))
        spectra = MeasuredSpectra.of_peaks(
            train.smiles.tolist(), train.inchikey14.tolist(), [STANDARD_EV] * len(kept), peaks
        )
        data = CountedSpectra.of(spectra, settings.dual_encoder.bins)
        learned = np.flatnonzero(data.usable())
        vocabulary = frequent_substructures(data.molecules, np.unique(data.row[learned]), settings.least_compounds)
        if not len(vocabulary):
            raise InputError(
                f"least_compounds: {settings.least_compounds}", "no substructure is in so many compounds",
                "give a smaller number",
            )  # fmt: skip
        torch.manual_seed(settings.seed)
        counts, keys = self.others
        allowed = np.flatnonzero(~np.isin(keys, records.inchikey14))
        others = counts.at(allowed) if len(allowed) else None
        task = DualEncoderTask(data, learned, NOTHING, vocabulary, settings, others)
        fit = run_fit(f"dual_encoder fold {fold}", task, settings.plan, self.record, None)
        self.log += fit.log
        network: DualEncoder = task.network.eval()
        return Reranker("", network, _no_weights(), model, mass_model=self._mass_model(train))

    def _mass_model(self, train: Records) -> MassModel:
        """Return a perceptron that finds the molecular mass in a spectrum."""
        intensity = dense(train.mz, train.intensity, self.settings.dual_encoder.bins)
        masses = np.array([nominal_mass(Chem.MolFromSmiles(smiles)) for smiles in train.smiles.tolist()])
        return train_mass_model(intensity, masses, compound_weights(train.inchikey14.tolist()), MassTraining())

    def _others(self, listed: pa.Table) -> tuple[SubstructureCounts, NDArray[np.str_]]:
        """Return molecules of half of the list, as wrong answers, and their InChIKey blocks."""
        kept, keys = list[str](), list[str]()
        with quiet_rdkit():
            for text in listed["smiles"].to_pylist():
                flat = flat_smiles(text)
                if flat is not None and hashed(flat) < _HALF:
                    kept.append(flat)
                    keys.append(inchikey14(flat))
        return count_substructures(kept, len(kept)), np.array(keys)


def learned_records(records: Records, fold: int) -> NDArray[np.int64]:
    """Return rows of the records from which the models of a fold learn.

    None is of a compound of the fold or of the split valid.
    """
    left_out = records.split == "valid"
    if fold:
        left_out |= records.fold == fold
    return np.flatnonzero(~np.isin(records.inchikey14, records.inchikey14[left_out]))


def _no_weights() -> RankerWeights:
    """Return weights of zero."""
    pair, query = np.zeros(len(PAIR_FEATURES), np.float32), np.zeros(len(QUERY_FEATURES), np.float32)
    return RankerWeights(
        pair, pair + 1, pair[None], pair[None, :, None], np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32),
        query, query + 1, np.zeros((1, len(query) + 1), np.float32), UNSCALED, NO_AGREEMENT,
    )  # fmt: skip
