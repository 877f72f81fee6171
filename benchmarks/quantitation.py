"""How the rules of the quantitation were chosen: curves, drift, silylated compounds, contaminants.

    python benchmarks/quantitation.py curves --seed 1 --trials 400
    python benchmarks/quantitation.py drift --seed 5
    python benchmarks/quantitation.py ions ../shared/data/massbank_ei.parquet ../shared/data/extra_ei.parquet

`curves` simulates calibrations of five shapes (straight, quadratic, power, loss of a constant amount, saturation) with
three kinds of noise, and prints the mean relative error of 60 unknown amounts for fixed curves and for the rule.
`drift` prints the error of the signal before and after the correction, and the share of features that are corrected.
`ions` counts the spectra of silylated and other compounds for which m/z 73 and 147 are candidates, and those that are
named as a contaminant.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from spectus.nominal_mass import to_nominal_mass
from spectus.quantitation import drift
from spectus.quantitation.calibration import Curve, choose_curve, fit_curve
from spectus.quantitation.contaminants import contaminant_of
from spectus.quantitation.ions import candidate_ions

SHAPES = ("line", "line", "quadratic", "power", "loss", "saturation")
Response = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    """Run one of the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("curves", "drift"):
        command = commands.add_parser(name)
        command.add_argument("--seed", type=int, default=1)
        command.add_argument("--trials", type=int, default=200)
    commands.add_parser("ions").add_argument("spectra", nargs="+", type=Path)
    options = parser.parse_args()
    if options.command == "curves":
        curves(np.random.default_rng(options.seed), options.trials)
    elif options.command == "drift":
        drifts(np.random.default_rng(options.seed), options.trials)
    else:
        ions(options.spectra)


def shape(kind: str, rng: np.random.Generator) -> Response:
    """Draw a response of amounts from 0 to 1."""
    bend, power = rng.uniform(-0.3, 0.3), rng.uniform(1.2, 1.7)
    loss, saturation = rng.uniform(0.02, 0.1), rng.uniform(0.2, 1.0)
    made: dict[str, Response] = {
        "line": lambda x: x,
        "quadratic": lambda x: x * (1 + bend * x),
        "power": lambda x: x**power,
        "loss": lambda x: np.maximum(x - loss, 0.001),
        "saturation": lambda x: x / (1 + saturation * x),
    }
    return made[kind]


def curves(rng: np.random.Generator, trials: int) -> None:
    """Print the mean error of amounts by method and shape."""
    errors: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for _ in range(trials):
        kind, noise = str(rng.choice(SHAPES)), str(rng.choice(["proportional", "mixed", "constant"]))
        response, scatter = shape(kind, rng), float(rng.choice([0.01, 0.03, 0.06]))
        deviation = {
            "proportional": lambda x, f=response, s=scatter: s * f(x),
            "mixed": lambda x, f=response, s=scatter: np.hypot(s * f(x), 0.03 * s),
            "constant": lambda x, s=scatter: np.full_like(x, 0.1 * s),
        }[noise]
        lowest, levels = 1 / float(rng.choice([10, 20, 100])), int(rng.integers(5, 9))
        amounts = np.geomspace(lowest, 1, levels) if rng.random() < 0.5 else np.linspace(lowest, 1, levels)
        amounts = np.repeat(amounts, rng.integers(1, 3))
        measured = response(amounts) + rng.normal(size=len(amounts)) * deviation(amounts)
        unknown = rng.uniform(lowest, 1, 60) if rng.random() < 0.5 else np.exp(rng.uniform(np.log(lowest), 0, 60))
        found = response(unknown) + rng.normal(size=60) * deviation(unknown)
        tried = {
            f"{model} {weighting}": fit_curve(amounts, measured, model, weighting)
            for model in ("linear", "quadratic") for weighting in ("equal", "1/x", "1/x2")
        }  # fmt: skip
        for name, curve in [*tried.items(), ("the rule", choose_curve(amounts, measured))]:
            errors[name][kind].append(amount_error(curve, unknown, found))
    for name, by_kind in errors.items():
        mean = np.mean([error for found in by_kind.values() for error in found])
        print(f"{name:16} {mean:.4f}  ", *(f"{kind} {np.mean(found):.4f}" for kind, found in sorted(by_kind.items())))


def amount_error(curve: Curve | None, amounts: np.ndarray, responses: np.ndarray) -> float:
    """Return the mean relative error of amounts; 1 at most for each."""
    if curve is None or not curve.rises:
        return 1.0
    found = np.array([curve.amount(float(response)) for response in responses])
    return float(np.minimum(np.nan_to_num(np.abs(found / amounts - 1), nan=1.0), 1.0).mean())


def drifts(rng: np.random.Generator, n_features: int) -> None:
    """Print the error of the logarithm of the signal before and after, and the share of features corrected."""
    kinds: dict[str, Response] = {
        "none": lambda t: 0 * t,
        "line": lambda t: 0.4 * (t - 0.5),
        "curve": lambda t: 0.3 * np.sin(3 * t),
        "decay": lambda t: 0.5 * np.exp(-4 * t),
        "wave": lambda t: 0.35 * np.sin(7 * t),
    }
    for n_qc in (5, 7, 10, 20):
        n_runs = 6 * n_qc
        qc = np.zeros(n_runs, dtype=bool)
        qc[np.linspace(0, n_runs - 1, n_qc).round().astype(int)] = True
        injection = np.arange(1, n_runs + 1)
        for name, kind in kinds.items():
            for scatter in (0.05, 0.15):
                signal = kind(injection / n_runs)
                found = drift.drift_of(
                    1e5 * np.exp(signal + rng.normal(0, scatter, (n_features, n_runs))), injection, qc
                )
                left = signal - np.log(found.factor)
                before, after = (
                    np.sqrt(np.mean((e - np.median(e, axis=-1, keepdims=True)) ** 2)) for e in (signal, left)
                )
                share = np.mean([reason is None for reason in found.reason])
                print(
                    f"{n_qc:3} QC, {name:6} scatter {scatter:.2f}: {before:.3f} -> {after:.3f}, corrected {share:.2f}"
                )


def ions(paths: list[Path]) -> None:
    """Print for which spectra m/z 73 and 147 are candidates, and which contaminants are named."""
    counts: Counter[str] = Counter()
    named: dict[str, Counter[str]] = defaultdict(Counter)
    for path in paths:
        for row in pd.read_parquet(path).itertuples():
            if not len(row.mz):
                continue
            mz, intensity = np.asarray(row.mz, dtype=float), np.asarray(row.intensity, dtype=float)
            kind = "silylated" if "[Si](C)(C)" in str(row.smiles) or "TMS" in str(row.name) else "other"
            heights = np.bincount(to_nominal_mass(mz), weights=intensity / intensity.max())
            strong = {mass for mass in (73, 147) if len(heights) > mass and heights[mass] >= 0.05}
            taken = strong & set(candidate_ions(mz, intensity / intensity.max()))
            counts[f"{kind} with 73 or 147"] += bool(strong)
            counts[f"{kind} that may be quantified by them"] += bool(taken)
            found = contaminant_of(mz, intensity)
            if found:
                named[found.name][row.name] += 1
    for words, count in counts.items():
        print(f"{count:6} {words}")
    for name, names in named.items():
        print(f"{name}: {sum(names.values())}:", "; ".join(f"{n} ({c})" for n, c in names.most_common(6)))


if __name__ == "__main__":
    main()
