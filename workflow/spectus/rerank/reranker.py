"""The reranker: how probable each candidate structure of a measured spectrum is, and that none of them is right.

Its folder holds config.json (kind "reranker"), the weights of the dual encoder and of the ranker, and the name and
SHA-256 sum of the prediction model whose spectra the ranker was fitted with.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from safetensors.numpy import load_file, save_file

from spectus.denovo.editing.mass_distribution import MassModel, load_mass_model
from spectus.errors import InputError
from spectus.files import replacing, require_file, resource
from spectus.learning.quantized_weights import load_weights, save_weights
from spectus.molecules.suitability import ELEMENTS, survey
from spectus.prediction.base import PredictionModel, misfit, read_model_config, write_model_config
from spectus.prediction.registry import SHIPPED_MODELS, load_prediction_model
from spectus.prediction.substructures import count_substructures
from spectus.rerank.calibration import ProbabilityCalibration
from spectus.rerank.dual_encoder import DualEncoder, DualEncoderConfig, embed_molecules, embed_spectra, pair_logits
from spectus.rerank.evidence import Formula
from spectus.rerank.pair_features import (
    PAIR_FEATURES,
    QUERY_FEATURES,
    Evidence,
    QueryCandidates,
    pair_features,
)
from spectus.rerank.ranker import RankerWeights
from spectus.structures import quiet_rdkit

OPEN = "open"
"""Name of the reranker that ships."""

_SHIPPED_RERANKER = "models/reranker-open"
_DUAL, _RANKER, _MASS = "dual_encoder.safetensors", "ranker.safetensors", "mass.npz"
_NO_FORMULA: Formula = (0,) * len(ELEMENTS)


class Structures(NamedTuple):
    """Candidate structures as the reranker reads them, each once.

    Attributes
    ----------
    smiles : list of str or None, (n,)
        None stands for a candidate without structure.
    formula : list of tuple of int, (n,)
        Atoms of each element, in the order of `suitability.ELEMENTS`; zeros without structure.
    mass : ndarray of int32, (n,)
        Nominal molecular mass, Da.
    predicted : ndarray of float32, (n, bins)
        Predicted spectra, base peak 1; rows of zeros where none can be predicted.
    usable : ndarray of bool, (n,)
        The spectrum can be predicted.
    embedded, prior : ndarray of float32, (n, E) and (n, 1)
        Of the dual encoder.
    """

    smiles: list[str | None]
    formula: list[Formula]
    mass: NDArray[np.int32]
    predicted: NDArray[np.float32]
    usable: NDArray[np.bool_]
    embedded: NDArray[np.float32]
    prior: NDArray[np.float32]


@dataclass
class Reranker:
    """Probabilities of candidate structures of measured spectra.

    Attributes
    ----------
    name : str
        Name of the folder.
    dual_encoder : DualEncoder
        The network that compares a spectrum with a molecule.
    weights : RankerWeights
        From pair features to scores.
    prediction_model : PredictionModel
        The model whose predicted spectra the weights were fitted with.
    calibration : ProbabilityCalibration
        Of formulae, scaffolds and prediction sets.
    mass_model : MassModel
        How probable a molecular mass is; a folder without one takes the one that ships for structure editing.
    """

    kind: ClassVar[str] = "reranker"
    name: str
    dual_encoder: DualEncoder
    weights: RankerWeights
    prediction_model: PredictionModel
    calibration: ProbabilityCalibration = field(default_factory=ProbabilityCalibration)
    mass_model: MassModel = field(default_factory=load_mass_model)

    @property
    def bins(self) -> int:
        """Columns of a spectrum: nominal masses 0 to bins - 1."""
        return self.dual_encoder.config.bins

    @classmethod
    def load(cls, folder: Path, threads: int = 0) -> Self:
        """Read a folder that `save` wrote.

        Parameters
        ----------
        folder
            The reranker's folder.
        threads
            CPU threads; 0 takes all.

        Raises
        ------
        InputError
            The folder holds no reranker, one of an earlier version or a damaged one, or its prediction model is missing
            or has other weights.
        """
        config = read_model_config(folder)
        if config["kind"] != cls.kind:
            raise InputError(
                folder, f"is of the kind {config['kind']} and holds no reranker", "name a reranker, or open for the one"
                " that ships",
            )  # fmt: skip
        if "weights" in config or not (folder / _RANKER).exists():
            raise InputError(
                folder, "is a reranker of an earlier version", "train it again, or name open for the one that ships"
            )
        state = load_weights(folder / _DUAL)
        try:
            network = DualEncoder(DualEncoderConfig(**config["dual_encoder"]), state["vocabulary"])
            network.load_state_dict(state)
            weights = RankerWeights(**load_file(require_file(folder / _RANKER)))
            if tuple(config["pair_features"]) != PAIR_FEATURES or tuple(config["query_features"]) != QUERY_FEATURES:
                raise ValueError("features of another version")
            weights.check()
            given = config["calibration"]
            calibration = ProbabilityCalibration(
                tuple(given["formula"]), tuple(given["scaffold"]), float(given["set_80"]), float(given["set_90"])
            )
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise misfit(folder, error) from error
        model = _prediction_model_of(folder, config, threads)
        masses = MassModel.read(folder / _MASS) if (folder / _MASS).exists() else load_mass_model()
        return cls(folder.resolve().name, network.eval(), weights, model, calibration, masses)

    def save(self, folder: Path, model: str, more: dict[str, Any] | None = None) -> None:
        """Write the folder.

        Parameters
        ----------
        folder
            Made where it is missing.
        model
            Where to find the prediction model again: a name that ships, or a path from `folder`.
        more
            Further entries of config.json.
        """
        folder.mkdir(parents=True, exist_ok=True)
        save_weights(self.dual_encoder.state_dict(), folder / _DUAL)
        with replacing(folder / _RANKER) as temporary:
            save_file({name: np.ascontiguousarray(part) for name, part in self.weights._asdict().items()}, temporary)
        if self.mass_model is not load_mass_model():
            self.mass_model.write(folder / _MASS)
        config = {
            "kind": self.kind,
            "prediction_model": {
                "name": self.prediction_model.name, "sha256": self.prediction_model.sha256, "model": model,
            },
            "dual_encoder": asdict(self.dual_encoder.config),
            "pair_features": list(PAIR_FEATURES),
            "query_features": list(QUERY_FEATURES),
            "calibration": asdict(self.calibration),
            **(more or {}),
        }  # fmt: skip
        write_model_config(folder, config)

    def describe(self, smiles: Sequence[str | None]) -> Structures:
        """Predict the spectra of structures, and count what the features need.

        Parameters
        ----------
        smiles
            (n,) the structures, each once; None stands for a candidate without structure.
        """
        given = list(smiles)
        counted = count_substructures(given, len(given))
        predicted = fitting_bins(self.prediction_model.predict_counted(counted), self.bins)
        vocabulary = self.dual_encoder.vocabulary.numpy().astype(np.uint64)
        embedded, prior = embed_molecules(self.dual_encoder, counted.matrix(vocabulary))
        with quiet_rdkit():
            formulae = [_formula(text) for text in given]
        usable = np.asarray(predicted.any(axis=1))
        return Structures(given, formulae, counted.mass, predicted, usable, embedded, prior)

    def features(
        self, measured: NDArray[np.float32], structures: Structures, candidates: Sequence[NDArray[np.int64]],
        evidence: Sequence[Evidence],
    ) -> list[NDArray[np.float64]]:  # fmt: skip
        """Compute the pair features of queries.

        Parameters
        ----------
        measured
            (n_queries, bins) intensities, base peak 1.
        structures
            The candidates of all queries.
        candidates
            For each query, rows of `structures`.
        evidence
            For each query, what else speaks for its candidates.

        Returns
        -------
        list of ndarray of float64
            For each query, (n_candidates, len(PAIR_FEATURES)).
        """
        spectra = embed_spectra(self.dual_encoder, measured)
        found = []
        for query, (rows, more) in enumerate(zip(candidates, evidence, strict=True)):
            pairs = np.full(len(rows), query)
            dual = pair_logits(spectra, (structures.embedded, structures.prior), structures.mass, pairs, rows)
            described = QueryCandidates(
                structures.predicted[rows], [structures.formula[row] for row in rows.tolist()], dual,
                self.mass_model.of_masses(measured[query], structures.mass[rows]), structures.usable[rows],
            )  # fmt: skip
            found.append(pair_features(measured[query], described, more))
        return found


def load_reranker(spec: str | Path, threads: int = 0) -> Reranker:
    """Load a reranker.

    Parameters
    ----------
    spec
        `open` for the one that ships, or a folder.
    threads
        CPU threads; 0 takes all.

    Raises
    ------
    InputError
        As `Reranker.load`.
    """
    return Reranker.load(resource(_SHIPPED_RERANKER) if str(spec) == OPEN else Path(spec), threads)


def fitting_bins(spectra: NDArray[np.float32], bins: int) -> NDArray[np.float32]:
    """Return spectra (n, other) with so many columns: cut, or filled with zeros."""
    if spectra.shape[1] >= bins:
        return spectra[:, :bins]
    return np.pad(spectra, ((0, 0), (0, bins - spectra.shape[1])))


def model_spec(spec: str, folder: Path) -> str:
    """Return where to find a prediction model again: names that ship as they are, paths from a folder."""
    return "+".join(part if part in SHIPPED_MODELS else os.path.relpath(part, folder) for part in spec.split("+"))


def _formula(smiles: str | None) -> Formula:
    """Return the atoms of each element; zeros without structure or with an unknown element."""
    _, _, counts = survey(Chem.MolFromSmiles(smiles) if smiles else None)
    return tuple(counts[: len(ELEMENTS)]) or _NO_FORMULA


def _prediction_model_of(folder: Path, config: dict[str, Any], threads: int) -> PredictionModel:
    """Load the prediction model that a reranker's config.json names, and check its weights."""
    named = config.get("prediction_model")
    if not isinstance(named, dict) or not {"name", "sha256", "model"} <= set(named):
        raise InputError(folder, "does not name its prediction model", "copy the model again")
    parts = str(named["model"]).split("+")
    spec = "+".join(part if part in SHIPPED_MODELS else str((folder / part).resolve()) for part in parts)
    model = load_prediction_model(spec, threads)
    if model.sha256 != named["sha256"]:
        raise InputError(
            folder, f"was fitted with other weights of the prediction model {named['name']} ({spec})",
            "train the reranker again, or use the prediction model of that time",
        )  # fmt: skip
    return model
