"""A forward model as a folder: config.json and the weights of its networks, in both directions."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.files import replacing, require_file
from spectus.learning.measured_spectra import STANDARD_EV
from spectus.learning.quantized_weights import load_weights, save_weights
from spectus.prediction.neims.features import Molecules, describe
from spectus.prediction.neims.network import Neims, NeimsConfig, predict
from spectus.rerank.dual_encoder import DualEncoder, DualEncoderConfig, embed_molecules, embed_spectra, pair_logits
from spectus.rerank.reranker import Pairs, Reranker, spectral_pair_features

FORWARD, RASSP = "spectus-forward", "spectus-rassp"
_CONFIG, _NEIMS, _DUAL_ENCODER = "config.json", "neims.safetensors", "dual_encoder.safetensors"


@dataclass
class ForwardModel:
    """Structure to spectrum (`neims`), and what reranks candidates of a measured spectrum (the rest).

    `name` is the folder's; `sha256` that of the weights of `neims`. `known` (n,) int64, ascending: `compound_number` of
    the compounds it was trained on.
    """

    name: str
    sha256: str
    neims: Neims
    dual_encoder: DualEncoder
    reranker: Reranker
    known: NDArray[np.int64]

    @classmethod
    def load(cls, folder: Path, threads: int = 0) -> "ForwardModel":
        """Read a folder that `save` wrote.

        Raises
        ------
        InputError: no such folder, a file missing or damaged, or weights that do not fit the configuration.
        """
        config = read_config(folder)
        if threads:
            torch.set_num_threads(threads)
        forward, backward = load_weights(folder / _NEIMS), load_weights(folder / _DUAL_ENCODER)
        try:
            known = backward.pop("known").numpy()
            neims = Neims(NeimsConfig(**config["neims"]), forward["vocabulary"])
            neims.load_state_dict(forward)
            dual_encoder = DualEncoder(DualEncoderConfig(**config["dual_encoder"]), backward["vocabulary"])
            dual_encoder.load_state_dict(backward)
            reranker = Reranker(np.array(config["reranker"], dtype=np.float64))
        except (KeyError, TypeError, RuntimeError) as error:
            raise InputError(
                folder, f"weights and config.json do not fit ({str(error).splitlines()[0]})", "copy the model again"
            ) from error
        name = folder.resolve().name
        return cls(name, sha256(folder / _NEIMS), neims.eval(), dual_encoder.eval(), reranker, known)

    def save(self, folder: Path, more: dict[str, Any] | None = None) -> None:
        """Write the folder; `more` goes into config.json."""
        folder.mkdir(parents=True, exist_ok=True)
        save_weights(self.neims.state_dict(), folder / _NEIMS)
        save_weights(self.dual_encoder.state_dict() | {"known": torch.from_numpy(self.known)}, folder / _DUAL_ENCODER)
        config = {
            "kind": FORWARD, "neims": asdict(self.neims.config), "dual_encoder": asdict(self.dual_encoder.config),
            "reranker": self.reranker.weights.round(6).tolist(), **(more or {}),
        }  # fmt: skip
        with replacing(folder / _CONFIG) as temporary:
            temporary.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def predict(self, molecules: Molecules, energy: float = STANDARD_EV) -> NDArray[np.float32]:
        """Spectra (n, bins) float32, base peak 1; rows of zeros for molecules that cannot be predicted."""
        known = self.neims.vocabulary.numpy().astype(np.uint64)
        spectra = predict(self.neims, molecules.matrix(known), molecules.mass, energy)
        spectra[[reason is not None for reason in molecules.reasons]] = 0
        return spectra

    @property
    def bins(self) -> int:
        return self.neims.config.bins

    def spectra(
        self, smiles: Sequence[str | None], energy: float = STANDARD_EV
    ) -> tuple[NDArray[np.float32], list[str | None]]:
        """Spectra (n, bins) as of `predict` of molecules given as SMILES, and why one cannot be predicted."""
        molecules = describe(smiles, len(smiles))
        return self.predict(molecules, energy), molecules.reasons

    def pairs(
        self, measured: NDArray[np.float32], molecules: Molecules, blocks: Sequence[str | None],
        predicted: NDArray[np.float32], query: NDArray[np.int64], candidate: NDArray[np.int64],
    ) -> Pairs:  # fmt: skip
        """What speaks for and against pairs of a measured spectrum and a molecule.

        Parameters
        ----------
        measured: (n_queries, bins), base peak 1.
        molecules, blocks, predicted: of n_molecules: features, first blocks of the InChIKeys, spectra (n, bins).
        query, candidate: (n_pairs,) rows of both; grouped by query.
        """
        known = self.dual_encoder.vocabulary.numpy().astype(np.uint64)
        logits = pair_logits(
            embed_spectra(self.dual_encoder, measured),
            embed_molecules(self.dual_encoder, molecules.matrix(known)),
            molecules.mass, query, candidate,
        )  # fmt: skip
        starts = np.flatnonzero(np.diff(query, prepend=-1))
        groups = zip(starts, [*starts[1:], len(query)], strict=True) if len(query) else []
        pair_features = [
            spectral_pair_features(
                measured[query[start]], predicted[candidate[start:stop]], molecules.mass[candidate[start:stop]]
            )
            for start, stop in groups
        ]
        spectral = np.concatenate([np.zeros((0, 5)), *pair_features])
        is_known = np.isin([compound_number(block) for block in blocks], self.known)
        return Pairs(query, candidate, np.concatenate([spectral, logits[:, None]], axis=1), is_known[candidate])


def compound_number(block: str | None) -> int:
    """A 63-bit number for the first block of an InChIKey; 0 for none."""
    digest = hashlib.sha1((block or "").encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big") >> 1 if block else 0


def read_config(folder: Path, *kinds: str) -> dict[str, Any]:
    """What config.json says; an `InputError` if it is none of a forward model of these kinds (none given: of NEIMS)."""
    path = folder / _CONFIG
    if not folder.is_dir():
        raise InputError(folder, "no such folder", "name the folder of a forward model")
    try:
        config = json.loads(require_file(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(path, "is not JSON", "copy the model again") from error
    kind = config.get("kind") if isinstance(config, dict) else None
    if kind == RASSP and kind not in kinds:
        raise InputError(
            folder, "is a forward model without a reranker", "name one with a reranker, such as forward-open"
        )
    if kind not in (kinds or (FORWARD,)):
        raise InputError(folder, "is no forward model", "name a folder that `spectus train forward` wrote")
    assert isinstance(config, dict)
    return config


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
