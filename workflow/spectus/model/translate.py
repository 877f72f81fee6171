"""The command `spectus translate`: spectra of a file to ranked structures."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from spectus import tables
from spectus.errors import InputError
from spectus.library.records import read_spectra
from spectus.model.encoding import EncodedSpectrum, encode_spectrum, unusable
from spectus.model.generation import Hypothesis, beam_search
from spectus.model.modeling import SpectusConfig, SpectusForConditionalGeneration, model_folder
from spectus.model.tokenizer import SmilesTokenizer
from spectus.structures import flat_smiles, quiet_rdkit

CPU_BATCH = 16  # spectra; from 8 on, more gain nothing on two cores (benchmarks/decoding.py)
_GPU_SHARE = 0.5  # of the free memory that the token and peak caches may take


def translate_queries(
    queries: Path, model: str, out: Path, *, beams: int = 10, batch_size: int = 0,
    device: str = "auto", precision: str = "auto", part: tuple[int, int] = (1, 1),
) -> None:  # fmt: skip
    """Translate the spectra of a file and write the table TRANSLATIONS.

    Every query keeps at least one row: its structures by falling probability, or none and the reason.

    Raises
    ------
    InputError: an unreadable file or model, or a device that is not there.
    """
    if beams < 1:
        raise InputError(f"--beams {beams}", "is not a number of beams", "give 1 or more")
    spectra = read_spectra(queries)
    rows = spectra.take(np.arange(part[0] - 1, len(spectra), part[1])).to_pylist()
    translator = Translator.load(model, device, precision)
    found = translator.translate(rows, beams, batch_size)
    records = [
        record for row, answer in zip(rows, found, strict=True) for record in _records(row["name"], answer, translator)
    ]
    tables.write(
        tables.table(tables.TRANSLATIONS, records), out, tables.TRANSLATIONS, {"model_sha256": translator.sha256}
    )


class Answer(NamedTuple):
    """What became of one query: structures with their log-probabilities, best first, or the reason for none."""

    structures: list[tuple[str, float]]
    n_valid: int  # decoded strings that are molecules; strings of the same molecule count each
    n_invalid: int  # decoded strings that are none
    reason: str | None


class Translator:
    """A loaded model with its tokenizer."""

    def __init__(
        self, model: SpectusForConditionalGeneration, tokenizer: SmilesTokenizer, name: str, sha256: str
    ) -> None:
        self.model, self.tokenizer, self.name, self.sha256 = model, tokenizer, name, sha256

    @classmethod
    def load(cls, name: str, device: str = "auto", precision: str = "auto") -> "Translator":
        """Load a model by folder or hub name to a device, in bf16 on a GPU and fp32 on a CPU unless told."""
        where = pick_device(device)
        folder = model_folder(name)
        model = SpectusForConditionalGeneration.from_pretrained(folder)
        dtype = (
            torch.bfloat16 if precision == "bf16" or (precision == "auto" and where.type == "cuda") else torch.float32
        )
        tokenizer = SmilesTokenizer.from_pretrained(folder)
        return cls(model.to(where, dtype), tokenizer, Path(name).name, _weights_sha256(folder))

    def translate(self, rows: Sequence[dict[str, Any]], beams: int, batch_size: int = 0) -> list[Answer]:
        """Answers for rows of the SPECTRA schema, in their order."""
        config = self.model.config
        reasons = [row["reason"] or unusable(row["mz"] or [], config) for row in rows]
        usable = [index for index, reason in enumerate(reasons) if reason is None]
        encoded = [encode_spectrum(rows[i]["mz"], rows[i]["intensity"], config) for i in usable]
        answers = [Answer([], 0, 0, reason) for reason in reasons]
        with tqdm(total=len(usable), disable=None, unit="spectrum", desc="translate") as bar, quiet_rdkit():
            for index, hypotheses in self._search(encoded, beams, batch_size):
                answers[usable[index]] = self._answer(hypotheses)
                bar.update()
        return answers

    def _search(
        self, encoded: list[EncodedSpectrum], beams: int, batch_size: int
    ) -> Iterator[tuple[int, list[Hypothesis]]]:
        """Beam search that halves its batch when memory runs out; what was settled before stays."""
        size = batch_size or fitting_batch(self.model.config, self.model.device, self.model.lm_head.weight.dtype, beams)
        left = list(range(len(encoded)))
        while left:
            done = set()
            try:
                for index, hypotheses in beam_search(self.model, [encoded[i] for i in left], beams, size):
                    done.add(left[index])
                    yield left[index], hypotheses
            except torch.OutOfMemoryError as error:
                if size == 1:
                    raise InputError(
                        self.name,
                        "one spectrum does not fit into the device's memory",
                        "use fewer beams or --device cpu",
                    ) from error
                size = max(1, size // 2)
                torch.cuda.empty_cache()
            left = [index for index in left if index not in done]

    def _answer(self, hypotheses: list[Hypothesis]) -> Answer:
        """Strings that mean the same molecule are merged: their probabilities add."""
        if not hypotheses:
            return Answer([], 0, 1, f"no string ended within {self.model.config.max_length} tokens")
        merged: dict[str, float] = {}
        n_invalid = 0
        for text, hypothesis in zip(self.tokenizer.decode([h.tokens for h in hypotheses]), hypotheses, strict=True):
            smiles = flat_smiles(text)
            if smiles is None:
                n_invalid += 1
            else:
                merged[smiles] = float(np.logaddexp(merged.get(smiles, -np.inf), hypothesis.log_prob))
        if not merged:
            return Answer([], 0, n_invalid, f"none of the {n_invalid} decoded strings is a molecule")
        ranked = sorted(merged.items(), key=lambda item: (-item[1], item[0]))
        return Answer(ranked, len(hypotheses) - n_invalid, n_invalid, None)


def pick_device(name: str) -> torch.device:
    """The device of a name, `auto` being the first GPU if there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"--device {name}", "is not on this machine", "use auto or cpu") from error
    return device


def fitting_batch(config: SpectusConfig, device: torch.device, dtype: torch.dtype, beams: int) -> int:
    """Spectra whose caches fit into half of a GPU's free memory; a fixed number on a CPU."""
    if device.type != "cuda":
        return CPU_BATCH
    free, _ = torch.cuda.mem_get_info(device)
    columns = config.max_length * beams + config.max_peaks
    per_spectrum = (
        2 * config.decoder_layers * config.d_model * dtype.itemsize * columns + 16 * config.vocab_size * beams
    )
    return max(1, min(1024, int(_GPU_SHARE * free / per_spectrum)))


def _records(query: str, answer: Answer, translator: Translator) -> list[dict[str, Any]]:
    shared = {"query": query, "n_invalid": answer.n_invalid, "model": translator.name, "reason": answer.reason}
    ranked = enumerate(answer.structures or [(None, None)], start=1)
    return [{**shared, "rank": rank, "smiles": smiles, "log_prob": log_prob} for rank, (smiles, log_prob) in ranked]


def _weights_sha256(folder: Path) -> str:
    files = [folder / name for name in ("model.safetensors", "pytorch_model.bin") if (folder / name).exists()]
    with files[0].open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
