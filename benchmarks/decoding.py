"""Measures the spectra decoded per second, with the same weights and spectra in one run, on one machine.

(a) one spectrum at a time without a cache, as the published loop does, in fp32;
(b) transformers' BART with its cache and a right mask, in each precision at the best of the given batch sizes;
(c) this package, likewise;

Also: on how many spectra the first candidates of (c) in bf16 and in fp32 are the same; with --model what it costs (c)
to mask invalid SMILES and to restrict the answers to each record's own formula or nominal mass; and with --groups the
time of whole jobs that are cut into groups of these sizes.

    python benchmarks/decoding.py --library LIBRARY --model resources/models/spectus-open --spectra 64
    python benchmarks/decoding.py --library LIBRARY --spectra 16 --alone 1      # 354 M parameters, random weights

With random weights no string ends by itself, so all decode --max-length tokens of every spectrum.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch

from peers.bart import as_bart, generate
from spectus.denovo import translator
from spectus.denovo.constraints import Target, formula_target, mass_target
from spectus.denovo.encoding import EncodedSpectrum, collate, encode_spectrum, exceeded_limits
from spectus.denovo.generation import beam_search
from spectus.denovo.guide import Guide
from spectus.denovo.inference import ready_for_decoding
from spectus.denovo.modeling import SpectusNetwork, SpectusNetworkConfig
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.library.records import read_spectra
from spectus.structures import quiet_rdkit

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def main() -> None:
    """Measure what the options say, and print it."""
    options = parse()
    if options.groups:
        time_groups(options)
        return
    torch.manual_seed(0)
    if options.threads:
        torch.set_num_threads(options.threads)
    device, beams = translator.pick_device(options.device), options.beams
    model = load(options).eval()
    spectra, targets = read(options.library, options.spectra, model.config)
    weights = sum(parameter.numel() for parameter in model.parameters())
    print(f"{weights / 1e6:.1f} M parameters, {len(spectra)} spectra, {beams} beams, {device}")

    alone = spectra[:: max(1, len(spectra) // options.alone)][: options.alone]
    published = rate(alone, in_transformers(model, torch.float32, device, beams, 1, cached=False))
    print(f"(a) fp32, one at a time, no cache  {published:8.3f} spectra/s  ({len(alone)} spectra)", flush=True)
    peer = {}
    for name in options.peer_precisions:
        rates = {
            size: rate(spectra, in_transformers(model, PRECISIONS[name], device, beams, size, cached=True))
            for size in options.batch_sizes
        }
        peer[name] = show(f"(b) {name}, transformers with cache", rates)
    first: dict[str, dict[int, list[int] | None]] = {}
    for name in options.precisions:
        ready = ready_for_decoding(deepcopy(model), device, PRECISIONS[name])

        def decode(some: Sequence[EncodedSpectrum], size: int, name: str = name, ready=ready) -> None:  # type: ignore[no-untyped-def]
            answers = dict(beam_search(ready, some, beams, size))
            first[name] = {index: found[0].tokens if found else None for index, found in answers.items()}

        best = show(f"(c) {name}, this package", {
            size: rate(spectra, lambda some, size=size: decode(some, size)) for size in options.batch_sizes
        })  # fmt: skip
        ratios = ", ".join(f"{best / rate_b:.1f} times (b) in {name_b}" for name_b, rate_b in peer.items())
        print(f"    {best / published:.1f} times (a), {ratios}", flush=True)
    if len(first) == 2:
        same = sum(first["fp32"][index] == first["bf16"][index] for index in range(len(spectra)))
        print(f"first candidates equal in bf16 and fp32: {same} of {len(spectra)} ({same / len(spectra):.1%})")
    if options.model:
        with quiet_rdkit():
            constrained(options, ready_for_decoding(deepcopy(model), device, torch.float32), spectra, targets)


def constrained(
    options: argparse.Namespace, ready: SpectusNetwork, spectra: Sequence[EncodedSpectrum],
    targets: Sequence[Target],
) -> None:  # fmt: skip
    """Print the time of masked and of restricted decoding, as a multiple of free decoding in the same batches."""
    guide = Guide(SmilesTokenizer.from_pretrained(Path(options.model)), ready.config.eos_token_id, ready.device)
    masses = [mass_target(target.nominal_mass()) for target in targets]
    ways = {"free": (None, None), "grammar": (guide, None), "formula": (guide, targets), "mass": (guide, masses)}
    size, free = options.batch_sizes[-1], 0.0
    for name, (masks, held) in ways.items():
        speed = rate(
            spectra,
            lambda some, m=masks, h=held: list(
                beam_search(ready, some, options.beams, size, m, h[: len(some)] if h else None)
            ),
        )
        free = free or speed
        print(
            f"(c) fp32, {name:24} {speed:8.3f} spectra/s, {free / speed:.2f} times the time of free decoding",
            flush=True,
        )


def in_transformers(
    model: SpectusNetwork, precision: torch.dtype, device: torch.device, beams: int, size: int,
    cached: bool,
) -> Callable[[Sequence[EncodedSpectrum]], None]:  # fmt: skip
    """Make a function that decodes spectra by transformers' generate, the longest first."""
    model = deepcopy(model).to(device, precision)
    bart = as_bart(model).to(precision)

    def decode(some: Sequence[EncodedSpectrum]) -> None:
        longest_first = sorted(some, key=lambda spectrum: -len(spectrum.mz))
        for start in range(0, len(some), size):
            generate(model, bart, collate(longest_first[start : start + size], device), beams, cached)

    return decode


def show(what: str, rates: dict[int, float]) -> float:
    """Print the rates by batch size; returns the best."""
    by_size = "  ".join(f"{size}: {value:.3f}" for size, value in rates.items())
    print(f"{what:34} {max(rates.values()):8.3f} spectra/s  (by batch size {by_size})", flush=True)
    return max(rates.values())


def time_groups(options: argparse.Namespace) -> None:
    """Print wall and CPU time of a job by the size of its groups; see `translator.GROUP`."""
    rows = [row for row in read_spectra(options.library).to_pylist() if not row["reason"]]
    chosen = rows[:: max(1, len(rows) // options.spectra)][: options.spectra]
    model = translator.Translator.load(options.model or "spectus-open", options.device, "fp32")
    model.translate(chosen[:1], options.beams)  # makes the tables of the grammar
    for size in options.groups:
        translator.GROUP = translator.LEAST_GROUP = size
        wall, cpu = time.perf_counter(), time.process_time()
        model.translate(chosen, options.beams)
        print(
            f"groups of {size:4d}  {time.perf_counter() - wall:7.1f} s, {time.process_time() - cpu:7.1f} CPU s",
            flush=True,
        )


def parse() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path("resources/libraries/PNNLMetV20191015.msp")
    parser.add_argument("--library", type=Path, default=default, help="spectra to decode")
    parser.add_argument("--model", help="folder of a model; without it, the published size with random weights")
    parser.add_argument("--spectra", type=int, default=32)
    parser.add_argument("--alone", type=int, default=4, help="spectra for (a), evenly from the others")
    parser.add_argument("--beams", type=int, default=10)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--max-length", type=int, help="tokens; default: the model's own")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precisions", nargs="+", choices=list(PRECISIONS), default=list(PRECISIONS))
    parser.add_argument("--peer-precisions", nargs="+", choices=list(PRECISIONS), default=["fp32"])
    parser.add_argument("--groups", type=int, nargs="+", help="time these sizes of `translator.GROUP`, nothing else")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: torch's own choice")
    return parser.parse_args()


def load(options: argparse.Namespace) -> SpectusNetwork:
    """Load the model of the options, or one of the published size with random weights."""
    if options.model is None:
        model = SpectusNetwork(replace(SpectusNetworkConfig(), max_length=options.max_length or 42))
        model.final_logits_bias[:, model.config.eos_token_id] = -1e4
        return model
    model = SpectusNetwork.from_pretrained(options.model)
    if options.max_length:
        model.config = replace(model.config, max_length=options.max_length)
    return model


def read(library: Path, count: int, config: SpectusNetworkConfig) -> tuple[list[EncodedSpectrum], list[Target]]:
    """Usable spectra with a formula, evenly from the whole library, and their formulae."""
    rows = [
        row
        for row in read_spectra(library).to_pylist()
        if row["formula"] and not row["reason"] and not exceeded_limits(row["mz"], config)
    ]
    chosen = rows[:: max(1, len(rows) // count)][:count]
    encoded = [encode_spectrum(row["mz"], row["intensity"], config) for row in chosen]
    return encoded, [formula_target(row["formula"]) for row in chosen]


def rate(spectra: Sequence[EncodedSpectrum], decode: Callable[[Sequence[EncodedSpectrum]], object]) -> float:
    """Spectra per second; on a GPU after a first go with one of them, which compiles and allocates."""
    if torch.cuda.is_available():
        decode(spectra[:1])
    synchronize()
    start = time.perf_counter()
    decode(spectra)
    synchronize()
    return len(spectra) / (time.perf_counter() - start)


def synchronize() -> None:
    """Wait for the GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
