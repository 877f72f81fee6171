"""The command `spectus translate`: spectra of a file to ranked structures."""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from spectus import tables
from spectus.denovo.constraints import Target, formula_target, mass_target
from spectus.denovo.encoding import EncodedSpectrum, encode_spectrum, unusable
from spectus.denovo.generation import Hypothesis, beam_search
from spectus.denovo.guide import Guide
from spectus.denovo.inference import bf16_is_faster, ready_for_decoding
from spectus.denovo.memory import batches_side_by_side, fitting_batch, out_of_memory
from spectus.denovo.modeling import SpectusForConditionalGeneration, model_folder
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.errors import InputError
from spectus.library.records import read_spectra
from spectus.structures import flat_smiles, quiet_rdkit

_LEAST_SHARE = 8  # spectra for which a thread more is worth its while
CHUNK = 2048  # spectra read, translated and written at a time
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Constraint:
    """What is known of the answers: a formula, a nominal mass, or that each record's own formula holds."""

    formula: str | None = None
    mass: int | None = None
    own_formula: bool = False

    def target(self) -> Target | None:
        """What all answers are held to, if anything.

        Raises
        ------
        InputError: not a formula or a mass.
        """
        if self.formula is not None:
            return formula_target(self.formula)
        return None if self.mass is None else mass_target(self.mass)

    def targets(self, rows: Sequence[dict[str, Any]]) -> list[Target | InputError | None]:
        """A target for each row of the SPECTRA schema: none for a record without a formula, and what is wrong with one
        that holds something else, which concerns that record only."""
        return [_own_target(row) for row in rows] if self.own_formula else [self.target()] * len(rows)


def translate_queries(
    queries: Path, model: str, out: Path, *, beams: int = 10, batch_size: int = 0,
    device: str = "auto", precision: str = "auto", part: tuple[int, int] = (1, 1),
    grammar: bool = True, constraint: Constraint = Constraint(),
) -> None:  # fmt: skip
    """Translate the spectra of a file and write the table TRANSLATIONS, a chunk at a time.

    Every query keeps at least one row: its structures by falling probability, or none and the reason.

    Raises
    ------
    InputError: an unreadable file or model, a device that is not there, or a constraint that is none.
    """
    if beams < 1:
        raise InputError(f"--beams {beams}", "is not a number of beams", "give 1 or more")
    constraint.target()
    spectra = read_spectra(queries)
    spectra = spectra.take(np.arange(part[0] - 1, len(spectra), part[1]))
    translator = Translator.load(model, device, precision, grammar)
    extra = {"model_sha256": translator.sha256, "precision": translator.precision}
    with (
        tqdm(total=len(spectra), disable=None, unit="spectrum", desc="translate") as bar,
        tables.writing(out, tables.DENOVO_CANDIDATES, extra) as writer,
    ):
        for start in range(0, len(spectra), CHUNK):
            rows = spectra.slice(start, CHUNK).to_pylist()
            answers = translator.translate(rows, beams, batch_size, constraint.targets(rows), bar)
            records = [_records(row["name"], answer, translator) for row, answer in zip(rows, answers, strict=True)]
            writer.append(tables.table(tables.DENOVO_CANDIDATES, [row for some in records for row in some]))


class Answer(NamedTuple):
    """What became of one query: structures with their log-probabilities, best first, or the reason for none."""

    structures: list[tuple[str, float]]
    n_valid: int  # decoded strings that are molecules; strings of the same molecule count each
    n_invalid: int  # decoded strings that are none
    reason: str | None


class Translator:
    """A loaded model with its tokenizer.

    `precision` is "fp32" or "bf16"; `grammar` masks tokens that cannot lead to valid SMILES.
    """

    def __init__(
        self, model: SpectusForConditionalGeneration, tokenizer: SmilesTokenizer, name: str, sha256: str,
        precision: str = "fp32", grammar: bool = True,
    ) -> None:  # fmt: skip
        self.model, self.tokenizer, self.name, self.sha256 = model, tokenizer, name, sha256
        self.precision, self.grammar = precision, grammar
        self._guide: Guide | None = None

    @classmethod
    def load(cls, name: str, device: str = "auto", precision: str = "auto", grammar: bool = True) -> "Translator":
        """Load a model by folder or hub name to a device, in bf16 where the device is faster at it, unless told."""
        where = pick_device(device)
        folder = model_folder(name)
        model = SpectusForConditionalGeneration.from_pretrained(folder)
        if precision == "auto":
            precision = "bf16" if bf16_is_faster(model.config, where) else "fp32"
        model = ready_for_decoding(model, where, PRECISIONS[precision])
        tokenizer = SmilesTokenizer.from_pretrained(folder)
        return cls(model, tokenizer, Path(name).name, _weights_sha256(folder), precision, grammar)

    def translate(
        self, rows: Sequence[dict[str, Any]], beams: int, batch_size: int = 0,
        targets: Sequence[Target | InputError | None] | None = None, bar: "tqdm | None" = None,
    ) -> list[Answer]:  # fmt: skip
        """Answers for rows of the SPECTRA schema, in their order; `targets` holds those of a row to a formula or mass,
        or says why it has none.

        Progress is shown on `bar`, or on one of its own.
        """
        config = self.model.config
        held = targets or [None] * len(rows)
        reasons = [
            row["reason"]
            or unusable(row["mz"] or [], config)
            or (str(target) if isinstance(target, InputError) else None)
            for row, target in zip(rows, held, strict=True)
        ]
        usable = [index for index, reason in enumerate(reasons) if reason is None]
        encoded = [encode_spectrum(rows[i]["mz"], rows[i]["intensity"], config) for i in usable]
        wanted = [target for i in usable if not isinstance(target := held[i], InputError)]
        answers = [Answer([], 0, 0, reason) for reason in reasons]
        shown = tqdm(total=len(rows), disable=None, unit="spectrum", desc="translate") if bar is None else bar
        shown.update(len(rows) - len(usable))
        with quiet_rdkit():
            for index, hypotheses in self._side_by_side(encoded, beams, batch_size, wanted):
                answers[usable[index]] = self._answer(hypotheses, wanted[index])
                shown.update()
        if bar is None:
            shown.close()
        return answers

    def _side_by_side(
        self, encoded: list[EncodedSpectrum], beams: int, batch_size: int, targets: list[Target | None]
    ) -> Iterator[tuple[int, list[Hypothesis]]]:
        """`_search`, by several threads at once where the model is too small for all cores to share its products."""
        most = batches_side_by_side(self.model.config, self.model.device)
        threads = min(most, -(-len(encoded) // _LEAST_SHARE))
        guide = self._guide_for(targets)
        if threads <= 1:
            before = torch.get_num_threads()
            torch.set_num_threads(1 if most > 1 else before)
            try:
                yield from self._search(encoded, beams, batch_size, targets, guide)
            finally:
                torch.set_num_threads(before)
            return
        settled: SimpleQueue[tuple[int, list[Hypothesis]] | Exception | None] = SimpleQueue()
        stop = threading.Event()

        def work(share: range) -> None:
            torch.set_num_threads(1)  # of this thread
            try:
                for index, hypotheses in self._search(
                    [encoded[i] for i in share], beams, batch_size, [targets[i] for i in share], guide
                ):
                    settled.put((share[index], hypotheses))
                    if stop.is_set():
                        return
                settled.put(None)
            except Exception as error:
                settled.put(error)

        for first in range(threads):
            threading.Thread(target=work, args=(range(first, len(encoded), threads),), daemon=True).start()
        try:
            working = threads
            while working:
                answer = settled.get()
                if isinstance(answer, Exception):
                    raise answer
                if answer is None:
                    working -= 1
                else:
                    yield answer
        finally:
            stop.set()

    def batch_size(self, beams: int) -> int:
        """Spectra that are decoded together on this device."""
        return fitting_batch(self.model.config, self.model.device, PRECISIONS[self.precision], beams)

    def _search(
        self, encoded: list[EncodedSpectrum], beams: int, batch_size: int, targets: list[Target | None],
        guide: Guide | None,
    ) -> Iterator[tuple[int, list[Hypothesis]]]:  # fmt: skip
        """Beam search that halves its batch when memory runs out; what was settled before stays."""
        size = batch_size or self.batch_size(beams)
        left = list(range(len(encoded)))
        while left:
            done = set()
            some, wanted = [encoded[i] for i in left], [targets[i] for i in left]
            try:
                for index, hypotheses in beam_search(self.model, some, beams, size, guide, wanted if guide else None):
                    done.add(left[index])
                    yield left[index], hypotheses
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                if size == 1:
                    raise InputError(
                        self.name,
                        "one spectrum does not fit into the device's memory",
                        "use fewer beams or --device cpu",
                    ) from error
                size = max(1, size // 2)
                torch.cuda.empty_cache()
            left = [index for index in left if index not in done]

    def _guide_for(self, targets: Sequence[Target | None]) -> Guide | None:
        """The guide, made once; none where nothing is to be masked.

        Raises
        ------
        InputError: a target for a model whose tokens are not single characters.
        """
        constrained = any(target is not None for target in targets)
        if self._guide is None and (constrained or self.grammar):
            if not self.tokenizer.is_by_character():
                if constrained:
                    raise InputError(self.name, "has tokens of several characters", "leave out the formula or mass")
                return None
            self._guide = Guide(self.tokenizer, self.model.config.eos_token_id, self.model.device)
        return self._guide if constrained or self.grammar else None

    def _answer(self, hypotheses: list[Hypothesis], target: Target | None = None) -> Answer:
        """Strings that mean the same molecule are merged: their probabilities add."""
        if not hypotheses:
            length = self.model.config.max_length
            what = "string ended" if target is None else "structure of the formula or mass was found"
            return Answer([], 0, 1, f"no {what} within {length} tokens")
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


def _own_target(row: dict[str, Any]) -> Target | InputError | None:
    try:
        return formula_target(row["formula"]) if row["formula"] else None
    except InputError as error:
        return error


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


def _records(query: str, answer: Answer, translator: Translator) -> list[dict[str, Any]]:
    shared = {"query": query, "n_invalid": answer.n_invalid, "model": translator.name, "reason": answer.reason}
    ranked = enumerate(answer.structures or [(None, None)], start=1)
    return [{**shared, "rank": rank, "smiles": smiles, "log_prob": log_prob} for rank, (smiles, log_prob) in ranked]


def _weights_sha256(folder: Path) -> str:
    files = [folder / name for name in ("model.safetensors", "pytorch_model.bin") if (folder / name).exists()]
    with files[0].open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
