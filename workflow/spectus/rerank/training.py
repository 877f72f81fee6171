"""The command `spectus train forward`: a forward model from measured spectra with structures.

Two rounds. The first keeps a share of the train split's compounds to choose with: the numbers of steps are those that
did best on them, and the reranker is fitted on how they and a list of other molecules are told apart. The second fits the
networks on the whole split for those numbers of steps; they ship, with the reranker of the first round. The split valid
takes no part, so scores on it are honest.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.learning.fit import Fit, Plan, identity, write_log
from spectus.learning.measured_spectra import Measured, choosing, read_measured
from spectus.molecules.exclusions import is_held_out, read_held_out
from spectus.molecules.reading import read_molecules
from spectus.prediction.base import CONFIG, read_model_config
from spectus.prediction.neims.model import NeimsModel
from spectus.prediction.rassp.training import is_of_rassp, train_rassp
from spectus.prediction.registry import load_prediction_model
from spectus.prediction.substructures import SubstructureCounts, count_substructures, frequent_substructures
from spectus.rerank.calibration import calibrated_weights
from spectus.rerank.pair_features import PAIR_FEATURES, PairWeights
from spectus.rerank.reranker import Reranker, compound_number
from spectus.rerank.settings import ForwardSettings
from spectus.rerank.tasks import Described, DualEncoderTask, NeimsTask
from spectus.structures import flat_smiles, hashed, inchikey14, quiet_rdkit

_NOBODY = np.zeros(0, np.int64)


def train_forward(
    library: Path, settings_file: Path, held_out: Path | None, out: Path, threads: int = 0, others: Path | None = None
) -> None:
    """Fit a forward model on the split `train` and write its folder.

    `out` receives config.json, neims.safetensors, dual encoder.safetensors, log.parquet, loss.svg, and the folder
    `fitting` with what is needed to go on after a stop, the model of the first round among it (`fitting/first`). A
    second call goes on; different settings or data are refused.

    Parameters
    ----------
    library: spectra with structures and a column `split`.
    settings_file: YAML with the keys of `ForwardSettings`, or of `RasspSettings`, which has `rassp`: see `train_rassp`.
    held_out: sha1 of InChIKey first blocks that no training may see, neither as a spectrum nor as a molecule.
    others: a list of molecules; half of it serves as wrong answers to the dual encoder, all of it as candidates when the
        reranker is fitted. None: the library's own molecules only.
    threads: CPU threads; 0: all.

    Raises
    ------
    InputError: a library without structures or splits, mistyped settings, or a checkpoint of another training.
    """
    if is_of_rassp(settings_file):
        train_rassp(library, settings_file, held_out, out, threads)
        return
    settings = ForwardSettings.read(settings_file)
    if settings.neims.bins != settings.dual_encoder.bins:
        raise InputError(settings_file, "neims.bins and dual encoder.bins differ", "give both the same")
    if threads:
        torch.set_num_threads(threads)
    hidden = read_held_out(held_out)
    train, valid = read_measured(library, settings.neims.bins, hidden)
    made_of = identity(settings, [library, held_out, others])
    data = Described.of(train)
    usable = data.usable()
    part = choosing(train, settings.choosing_share, settings.seed)
    learnt, watched = np.flatnonzero(~part & usable), np.flatnonzero(part & usable)
    if not len(learnt) or not len(watched):
        raise InputError(library, "leaves no compound to learn from or none to choose with", "give a larger library")
    listed = candidates_of(others, train, valid, hidden)
    candidates = count_substructures(listed.tolist(), len(listed))
    without = half(listed) & ~np.isin(listed, train.smiles)
    rounds = Rounds(settings, data, candidates.at(np.flatnonzero(without)), made_of, out / "fitting")
    first, steps = rounds.fit("choosing", learnt, watched, None)
    weights = fitted_weights(out / "fitting" / "first", made_of)
    if weights is None:
        weights = calibrated_weights(first, data, learnt, watched, candidates, listed, settings)
        first.weights = weights
        save_both(first, out / "fitting" / "first", {"identity": made_of, "steps": steps})
    second, _ = rounds.fit("whole", np.flatnonzero(usable), _NOBODY, steps)
    second.weights = weights
    n_compounds = len(set(train.block[usable].tolist()))
    save_both(second, out, {"steps": steps, "train_spectra": int(usable.sum()), "train_compounds": n_compounds})
    write_log(rounds.log, out)


class Rounds:
    """The two fittings of both networks on given spectra."""

    def __init__(
        self, settings: ForwardSettings, data: Described, others: SubstructureCounts, identity: str, folder: Path
    ) -> None:
        self.settings, self.data, self.identity, self.folder = settings, data, identity, folder
        self.others = others if len(others.mass) else None
        self.log: list[dict[str, object]] = []

    def fit(
        self, name: str, learnt: NDArray[np.int64], watched: NDArray[np.int64], steps: dict[str, int] | None
    ) -> tuple[Reranker, dict[str, int]]:
        """Networks fitted on the spectra `learnt`, for the steps that do best on `watched` or for the given ones."""
        settings = self.settings
        features = frequent_substructures(
            self.data.molecules, np.unique(self.data.row[learnt]), settings.least_compounds
        )
        if not len(features):
            raise InputError("least_compounds", "no feature is in so many training compounds", "give a smaller number")
        torch.manual_seed(settings.seed)
        neims = NeimsTask(self.data, learnt, watched, features, settings.neims)
        dual_encoder = DualEncoderTask(
            self.data, learnt, watched, features, settings.dual_encoder, settings.augmentation, self.others
        )
        best = {
            kind: self._run(f"{name} {kind}", task, plan, steps[kind] if steps else None)
            for kind, task, plan in (
                ("neims", neims, settings.neims_plan), ("dual_encoder", dual_encoder, settings.dual_encoder_plan),
            )
        }  # fmt: skip
        known = sorted({compound_number(block) for block in self.data.measured.block[learnt].tolist()})
        model = Reranker(
            name, dual_encoder.network.eval(), PairWeights(np.zeros((2, len(PAIR_FEATURES) + 1))),
            np.array(known, dtype=np.int64), NeimsModel(name, "", neims.network.eval()),
        )  # fmt: skip
        return model, best

    def _run(self, name: str, task: NeimsTask | DualEncoderTask, plan: Plan, steps: int | None) -> int:
        fit = Fit(name, task, plan, self.folder / name.replace(" ", "_"), self.identity, self.settings.seed)
        task.network.load_state_dict(fit.run(steps))
        self.log += fit.log
        return fit.best_step


def save_both(model: Reranker, folder: Path, more: dict[str, Any]) -> None:
    """Write the prediction model to a folder and the reranker to `reranker` in it."""
    model.prediction_model.save(folder, more)
    model.prediction_model = load_prediction_model(folder)
    model.save(folder / "reranker", "..", more)


def fitted_weights(folder: Path, identity: str) -> PairWeights | None:
    """Return the weights of a first round that was finished before, if it is of this training."""
    if not (folder / "reranker" / CONFIG).exists():
        return None
    if read_model_config(folder / "reranker").get("identity") != identity:
        return None
    return Reranker.load(folder).weights


def candidates_of(others: Path | None, train: Measured, valid: Measured, held_out: frozenset[str]) -> NDArray[np.str_]:
    """Canonical SMILES, ascending, of the train split and of a list without compounds of valid and held-out ones."""
    unseen = frozenset(valid.block.tolist())
    kept = set(train.smiles.tolist())
    with quiet_rdkit():
        for molecule in read_molecules(others) if others else []:
            flat = flat_smiles(molecule.smiles)
            if flat is None or flat in kept:
                continue
            block = inchikey14(flat)
            if block not in unseen and not is_held_out(block, held_out):
                kept.add(flat)
    return np.array(sorted(kept), dtype=np.str_)


def half(smiles: NDArray[np.str_]) -> NDArray[np.bool_]:
    """(n,) which molecules are in the half of a list that the dual encoder may meet, by a hash of their SMILES."""
    return np.array([hashed(text) < 0.5 for text in smiles.tolist()], bool)
