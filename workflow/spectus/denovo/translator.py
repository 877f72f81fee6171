"""SpecTUS with its weights and tokenizer: decodes structures for spectra, in batches that fit the machine."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from spectus.denovo.constraints import Target
from spectus.denovo.encoding import EncodedSpectrum, encode_spectrum, trim_peaks, untranslatable
from spectus.denovo.folders import WEIGHT_FILES, model_folder, model_ships
from spectus.denovo.generation import Hypothesis, beam_search
from spectus.denovo.guide import Guide
from spectus.denovo.inference import bf16_is_faster, ready_for_decoding
from spectus.denovo.memory import batches_side_by_side, decodes_on_one_core, fitting_batch, out_of_memory
from spectus.denovo.modeling import SpectusNetwork
from spectus.denovo.rescoring import rescored
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.errors import InputError
from spectus.structures import flat_smiles, quiet_rdkit

GROUP = 16
"""Spectra that one thread decodes in one go, unless larger batches are asked for. It does not depend on the number of
cores, so neither do the batches nor the rounding in them. Measured with benchmarks/decoding.py --groups on 128 spectra
of the PNNL library, 10 beams: 8, 16, 32 and 64 take 10.6, 10.1, 12.0 and 11.4 CPU s; a group for each core, 11.4."""

LEAST_GROUP = 8
"""Spectra of a group, at least; see `GROUP`."""

GROUPS = 8
"""Groups that a small job is cut into. Chosen: so up to 8 cores share it."""

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Answer(NamedTuple):
    """What became of one query.

    Attributes
    ----------
    structures
        Canonical SMILES without stereochemistry and natural log-probabilities, most probable first; none if there is a
        reason.
    n_valid
        Decoded strings that are molecules; strings of the same molecule count each.
    n_invalid
        Decoded strings that are no molecules.
    reason
        Why there is no structure; None if there is one.
    note
        What was left out of the spectrum; None if nothing was.
    scores
        What orders the structures, the larger the better; None: their log-probabilities.
    """

    structures: list[tuple[str, float]]
    n_valid: int
    n_invalid: int
    reason: str | None
    note: str | None = None
    scores: list[float] | None = None


class Translator:
    """A loaded model with its tokenizer.

    Parameters
    ----------
    model
        The network, ready to decode.
    tokenizer
        The tokenizer of the model.
    name
        Name of the model, for tables and errors.
    sha256
        Hash of the file with the weights, as hexadecimal digits.
    precision
        `fp32` or `bf16`.
    grammar
        Mask tokens that cannot lead to valid SMILES.

    Attributes
    ----------
    ships : bool
        The model is one of those that ship.
    exact : SpectusNetwork or None
        The network in double precision, which calculates the log-probabilities; None: those of the search count.
    """

    def __init__(
        self, model: SpectusNetwork, tokenizer: SmilesTokenizer, name: str, sha256: str, precision: str = "fp32",
        grammar: bool = True,
    ) -> None:  # fmt: skip
        self.model, self.tokenizer, self.name, self.sha256 = model, tokenizer, name, sha256
        self.precision, self.grammar, self.ships = precision, grammar, False
        self.exact: SpectusNetwork | None = None
        self._guide: Guide | None = None

    @classmethod
    def load(
        cls, name: str, device: str = "auto", precision: str = "auto", grammar: bool = True, exact: bool = False
    ) -> "Translator":
        """Load a model to a device.

        Parameters
        ----------
        name
            Folder of the model, its name on the Hugging Face hub, or the name of a model that ships.
        device, precision, grammar
            See `DenovoSettings`.
        exact
            Calculate log-probabilities in double precision, for a small model on a CPU. This adds 70 to 80 % to the
            time of decoding (measured on 12 features of the example) and makes types of CPU agree.

        Returns
        -------
        Translator
            The model, ready to decode.

        Raises
        ------
        InputError
            No such model or device, or damaged files.
        """
        where = pick_device(device)
        folder = model_folder(name)
        model = SpectusNetwork.from_pretrained(folder)
        if precision == "auto":
            precision = "bf16" if bf16_is_faster(model.config, where) else "fp32"
        model = ready_for_decoding(model, where, PRECISIONS[precision])
        tokenizer = SmilesTokenizer.from_pretrained(folder)
        translator = cls(model, tokenizer, Path(name).name, _weights_sha256(folder), precision, grammar)
        translator.ships = model_ships(folder)
        if exact and precision == "fp32" and decodes_on_one_core(model.config, where):
            translator.exact = SpectusNetwork.from_pretrained(folder).double().eval()
        return translator

    def translate(
        self, rows: Sequence[dict[str, Any]], beams: int, batch_size: int = 0,
        targets: Sequence[Target | InputError | None] | None = None, bar: "tqdm | None" = None,
    ) -> list[Answer]:  # fmt: skip
        """Decode structures for spectra.

        Parameters
        ----------
        rows
            Rows of the SPECTRA schema, (n,). Only `mz`, `intensity` and `reason` are read.
        beams
            Beams of the search, and the largest number of structures of a query.
        batch_size
            Spectra decoded together; 0 takes as many as fit into the memory.
        targets
            Formula or mass that the structures of a row must have, (n,); an error says why a row has none.
        bar
            Progress bar; None makes one.

        Returns
        -------
        list of Answer
            One for each row, in the order of the rows.

        Raises
        ------
        InputError
            One spectrum does not fit into the memory, or the model's tokens do not allow targets.
        """
        config = self.model.config
        wanted = list(targets or [None] * len(rows))
        reasons = [
            row["reason"] or untranslatable(row["mz"] or [], config) or (str(t) if isinstance(t, InputError) else None)
            for row, t in zip(rows, wanted, strict=True)
        ]
        usable = [index for index, reason in enumerate(reasons) if reason is None]
        trimmed = [trim_peaks(rows[i]["mz"], rows[i]["intensity"], config) for i in usable]
        encoded = [encode_spectrum(peaks.mz, peaks.intensity, config) for peaks in trimmed]
        restricted = [target for i in usable if not isinstance(target := wanted[i], InputError)]
        answers = [Answer([], 0, 0, reason) for reason in reasons]
        shown = tqdm(total=len(rows), disable=None, unit="spectrum", desc="denovo") if bar is None else bar
        shown.update(len(rows) - len(usable))
        with quiet_rdkit():
            for index, hypotheses in self._side_by_side(encoded, beams, batch_size, restricted):
                answer = self._answer(hypotheses, restricted[index])
                answers[usable[index]] = answer._replace(note=trimmed[index].note)
                shown.update()
        if bar is None:
            shown.close()
        return answers

    def batch_size(self, beams: int) -> int:
        """Return how many spectra are decoded together on this device.

        Parameters
        ----------
        beams
            Beams of the search.
        """
        return fitting_batch(self.model.config, self.model.device, PRECISIONS[self.precision], beams)

    def _side_by_side(
        self, encoded: list[EncodedSpectrum], beams: int, batch_size: int, targets: list[Target | None]
    ) -> Iterator[tuple[int, list[Hypothesis]]]:
        """Search group by group: several groups at once, each on one core, or one after another on all cores.

        The groups and the arithmetic in each do not depend on the number of cores.
        """
        guide = self._guide_for(targets)
        one_core = decodes_on_one_core(self.model.config, self.model.device)
        lengths = [len(spectrum.mz) for spectrum in encoded]
        groups = work_groups(lengths, max(GROUP, batch_size)) if one_core else [list(range(len(encoded)))]

        def search(group: list[int]) -> Iterator[tuple[int, list[Hypothesis]]]:
            some, wanted = [encoded[i] for i in group], [targets[i] for i in group]
            for index, hypotheses in self._search(some, beams, batch_size, wanted, guide):
                yield group[index], rescored(self.exact, some[index], hypotheses) if self.exact else hypotheses

        threads = min(batches_side_by_side(self.model.config, self.model.device), len(groups))
        if threads > 1:
            yield from _in_threads(search, groups, threads)
            return
        before = torch.get_num_threads()
        torch.set_num_threads(1 if one_core else before)
        try:
            for group in groups:
                yield from search(group)
        finally:
            torch.set_num_threads(before)

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
        """Return the guide, made once; None where nothing is to be masked.

        Raises
        ------
        InputError
            A target for a model whose tokens are not single characters.
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
        """Merge strings that mean the same molecule: their probabilities add."""
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


def work_groups(lengths: Sequence[int], most: int = GROUP) -> list[list[int]]:
    """Cut a job into groups of spectra of similar length, each for one core.

    Parameters
    ----------
    lengths
        Number of peaks of each spectrum, (n,).
    most
        Largest number of spectra in a group.

    Returns
    -------
    list of list of int
        Numbers of the spectra, the longest first. The cut does not depend on the number of cores.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    size = min(most, max(LEAST_GROUP, -(-len(order) // GROUPS)))
    return [order[start : start + size] for start in range(0, len(order), size)]


def pick_device(name: str) -> torch.device:
    """Return the device of a name.

    Parameters
    ----------
    name
        `auto` (the first GPU, if there is one), `cpu`, `cuda` or `cuda:N`.

    Raises
    ------
    InputError
        No such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"--device {name}", "is not on this machine", "use auto or cpu") from error
    return device


_Found = tuple[int, list[Hypothesis]]


def _in_threads(
    search: Callable[[list[int]], Iterator[_Found]], groups: Sequence[list[int]], threads: int
) -> Iterator[_Found]:
    """Search the groups in threads of one core each; an exception in a thread is raised here."""
    waiting, settled = SimpleQueue[list[int]](), SimpleQueue[_Found | Exception | None]()
    for group in groups:
        waiting.put(group)
    stop = threading.Event()

    def work() -> None:
        torch.set_num_threads(1)  # of this thread
        try:
            while not stop.is_set():
                for found in search(waiting.get_nowait()):
                    settled.put(found)
                    if stop.is_set():
                        return
        except Empty:
            settled.put(None)
        except Exception as error:
            settled.put(error)

    for _ in range(threads):
        threading.Thread(target=work, daemon=True).start()
    working = threads
    try:
        while working:
            found = settled.get()
            if isinstance(found, Exception):
                raise found
            if found is None:
                working -= 1
            else:
                yield found
    finally:
        stop.set()


def _weights_sha256(folder: Path) -> str:
    files = [folder / name for name in WEIGHT_FILES if (folder / name).exists()]
    with files[0].open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
