"""Spectra decoded per second, with the same weights and spectra in one run, on one machine:

(a) one spectrum at a time without a cache, as the published loop does;
(b) transformers' BART with its cache and a right mask, at the best of the given batch sizes;
(c) this package, at the best of the given batch sizes.

    python benchmarks/decoding.py --library LIBRARY --model resources/models/spectus-open --spectra 64
    python benchmarks/decoding.py --library LIBRARY --spectra 8 --alone 1       # 354 M parameters, random weights

With random weights no string ends by itself, so all three decode --max-length tokens of every spectrum.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from peers.bart import as_bart, generate
from spectus.library.records import read_spectra
from spectus.model.encoding import EncodedSpectrum, collate, encode_spectrum, unusable
from spectus.model.generation import beam_search
from spectus.model.modeling import SpectusConfig, SpectusForConditionalGeneration
from spectus.model.translate import pick_device


def main() -> None:
    options = parse()
    torch.manual_seed(0)
    device = pick_device(options.device)
    model = load(options).to(device, torch.bfloat16 if options.precision == "bf16" else torch.float32).eval()
    spectra = read(options.library, options.spectra, model.config)
    bart, beams = as_bart(model).to(model.lm_head.weight.dtype), options.beams
    weights = sum(parameter.numel() for parameter in model.parameters())
    print(f"{weights / 1e6:.1f} M parameters, {len(spectra)} spectra, {beams} beams, {device}, {options.precision}")

    alone = spectra[:: max(1, len(spectra) // options.alone)][: options.alone]
    published = rate(alone, lambda some: [generate(model, bart, collate([s], device), beams, False) for s in some])
    print(f"(a) one at a time, no cache        {published:8.3f} spectra/s  ({len(alone)} spectra)", flush=True)

    def in_batches(some: Sequence[EncodedSpectrum], size: int) -> None:
        longest_first = sorted(some, key=lambda spectrum: -len(spectrum.mz))
        for start in range(0, len(some), size):
            generate(model, bart, collate(longest_first[start : start + size], device), beams, True)

    best = {"b": 0.0, "c": 0.0}
    for size in options.batch_sizes:
        peer = rate(spectra, lambda some, size=size: in_batches(some, size))
        ours = rate(spectra, lambda some, size=size: list(beam_search(model, some, beams, size)))
        best = {"b": max(best["b"], peer), "c": max(best["c"], ours)}
        print(
            f"batch {size:4}: (b) transformers, cache {peer:8.3f}   (c) this package {ours:8.3f} spectra/s", flush=True
        )
    print(f"best (c) is {best['c'] / published:.1f} times (a) and {best['c'] / best['b']:.1f} times best (b)")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path("resources/libraries/PNNLMetV20191015.msp")
    parser.add_argument("--library", type=Path, default=default, help="spectra to decode")
    parser.add_argument("--model", help="folder of a model; without it, the published size with random weights")
    parser.add_argument("--spectra", type=int, default=32)
    parser.add_argument("--alone", type=int, default=4, help="spectra for (a), evenly from the others")
    parser.add_argument("--beams", type=int, default=10)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--max-length", type=int, help="tokens; default: the model's own")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    return parser.parse_args()


def load(options: argparse.Namespace) -> SpectusForConditionalGeneration:
    if options.model is None:
        model = SpectusForConditionalGeneration(replace(SpectusConfig(), max_length=options.max_length or 42))
        model.final_logits_bias[:, model.config.eos_token_id] = -1e4
        return model
    model = SpectusForConditionalGeneration.from_pretrained(options.model)
    if options.max_length:
        model.config = replace(model.config, max_length=options.max_length)
    return model


def read(library: Path, count: int, config: SpectusConfig) -> list[EncodedSpectrum]:
    """Usable spectra, evenly from the whole library."""
    rows = [row for row in read_spectra(library).to_pylist() if not row["reason"] and not unusable(row["mz"], config)]
    chosen = rows[:: max(1, len(rows) // count)][:count]
    return [encode_spectrum(row["mz"], row["intensity"], config) for row in chosen]


def rate(spectra: Sequence[EncodedSpectrum], decode: Callable[[Sequence[EncodedSpectrum]], object]) -> float:
    """Spectra per second, after a first go with one of them."""
    decode(spectra[:1])
    synchronise()
    start = time.perf_counter()
    decode(spectra)
    synchronise()
    return len(spectra) / (time.perf_counter() - start)


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
