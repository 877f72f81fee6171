"""The reranker: how well each candidate structure explains a measured spectrum, as a posterior probability.

Its folder holds config.json (kind "reranker"), the dual encoder's weights, and the name and SHA-256 sum of the
prediction model with which the weights of the pair features were fitted.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.files import resource
from spectus.learning.quantized_weights import load_weights, save_weights
from spectus.prediction.base import (
    CONFIG,
    LEGACY_NEIMS,
    PredictionModel,
    misfit,
    read_model_config,
    write_model_config,
)
from spectus.prediction.registry import SHIPPED_MODELS, load_prediction_model
from spectus.prediction.substructures import SubstructureCounts
from spectus.rerank.dual_encoder import DualEncoder, DualEncoderConfig, embed_molecules, embed_spectra, pair_logits
from spectus.rerank.pair_features import PAIR_FEATURES, Pairs, PairWeights, spectral_pair_features

OPEN = "open"
"""Name of the reranker that ships."""

_SHIPPED_RERANKER = "models/reranker-open"
_WEIGHTS, _LEGACY_WEIGHTS = "dual_encoder.safetensors", "recogniser.safetensors"
_SUBFOLDER = "reranker"
_DIGITS = 6
"""Decimals of the weights of pair features in config.json; they are near 1 to 10."""


@dataclass
class Reranker:
    """Scores of pairs of a measured spectrum and a candidate structure.

    Attributes
    ----------
    name : str
        Name of the folder.
    dual_encoder : DualEncoder
        The network that compares a spectrum with a molecule.
    weights : PairWeights
        Weights of the pair features.
    known : ndarray of int64, (n,)
        `compound_number` of the compounds from which the models learned, ascending.
    prediction_model : PredictionModel
        The model whose predicted spectra the weights were fitted with.
    """

    kind: ClassVar[str] = "reranker"
    name: str
    dual_encoder: DualEncoder
    weights: PairWeights
    known: NDArray[np.int64]
    prediction_model: PredictionModel

    @property
    def bins(self) -> int:
        """Columns of a spectrum: nominal masses 0 to bins - 1."""
        return self.dual_encoder.config.bins

    @classmethod
    def load(cls, folder: Path, threads: int = 0) -> Self:
        """Read a folder that `save` wrote, or one of version 0.3 that holds NEIMS too.

        Parameters
        ----------
        folder
            The reranker's folder, or that of a prediction model with a folder `reranker` in it.
        threads
            CPU threads; 0 takes all.

        Raises
        ------
        InputError
            The folder holds no reranker or a damaged one, or its prediction model is missing or has other weights.
        """
        config = read_model_config(folder)
        if config["kind"] not in (cls.kind, LEGACY_NEIMS):
            if (folder / _SUBFOLDER / CONFIG).is_file():
                return cls.load(folder / _SUBFOLDER, threads)
            raise InputError(
                folder, f"is of the kind {config['kind']} and holds no reranker", "name a reranker, or open for the one"
                " that ships",
            )  # fmt: skip
        legacy = config["kind"] == LEGACY_NEIMS
        state = load_weights(folder / (_LEGACY_WEIGHTS if legacy else _WEIGHTS))
        try:
            known = state.pop("known").numpy()
            network = DualEncoder(
                DualEncoderConfig(**config["recogniser" if legacy else "dual_encoder"]), state["vocabulary"]
            )
            network.load_state_dict(state)
            values = np.array(config["judge" if legacy else "weights"], dtype=np.float64)
            if values.shape != (2, len(PAIR_FEATURES) + 1):
                raise TypeError(f"weights of the shape {values.shape}")
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise misfit(folder, error) from error
        model = load_prediction_model(folder, threads) if legacy else _prediction_model_of(folder, config, threads)
        return cls(folder.resolve().name, network.eval(), PairWeights(values), known, model)

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
        state = self.dual_encoder.state_dict() | {"known": torch.from_numpy(self.known)}
        save_weights(state, folder / _WEIGHTS)
        config = {
            "kind": self.kind,
            "prediction_model": {
                "name": self.prediction_model.name, "sha256": self.prediction_model.sha256, "model": model,
            },
            "dual_encoder": asdict(self.dual_encoder.config),
            "pair_features": [*PAIR_FEATURES, "constant"],
            "weights": self.weights.values.round(_DIGITS).tolist(),
            **(more or {}),
        }  # fmt: skip
        write_model_config(folder, config)

    def pairs(
        self, measured: NDArray[np.float32], candidates: "Candidates", query: NDArray[np.int64],
        candidate: NDArray[np.int64],
    ) -> Pairs:  # fmt: skip
        """Compute the features of pairs of a measured spectrum and a candidate.

        Parameters
        ----------
        measured
            (n_queries, bins) intensities, base peak 1.
        candidates
            The structures, with their predicted spectra.
        query, candidate
            (n_pairs,) rows of both; grouped by query.

        Returns
        -------
        Pairs
        """
        molecules, predicted = candidates.molecules, candidates.predicted
        vocabulary = self.dual_encoder.vocabulary.numpy().astype(np.uint64)
        logits = pair_logits(
            embed_spectra(self.dual_encoder, measured),
            embed_molecules(self.dual_encoder, molecules.matrix(vocabulary)),
            molecules.mass, query, candidate,
        )  # fmt: skip
        starts = np.flatnonzero(np.diff(query, prepend=-1))
        groups = zip(starts, [*starts[1:], len(query)], strict=True) if len(query) else []
        spectral = [
            spectral_pair_features(
                measured[query[start]], predicted[candidate[start:stop]], molecules.mass[candidate[start:stop]]
            )
            for start, stop in groups
        ]
        features = np.concatenate([np.zeros((0, len(PAIR_FEATURES) - 1)), *spectral])
        known = np.isin([compound_number(key) for key in candidates.inchikey14], self.known)
        return Pairs(query, candidate, np.concatenate([features, logits[:, None]], axis=1), known[candidate])


@dataclass(frozen=True)
class Candidates:
    """Structures to compare with spectra.

    Attributes
    ----------
    molecules : SubstructureCounts
        (n,) their substructures.
    inchikey14 : sequence of str or None, (n,)
        First block of the InChIKey.
    predicted : ndarray of float32, (n, bins)
        Their predicted spectra as a library keeps them, base peak 1.
    """

    molecules: SubstructureCounts
    inchikey14: Sequence[str | None]
    predicted: NDArray[np.float32]


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


def compound_number(inchikey14: str | None) -> int:
    """Return a 63-bit number for the first block of an InChIKey; 0 for none."""
    digest = hashlib.sha1((inchikey14 or "").encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big") >> 1 if inchikey14 else 0


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
