"""What libraries confirm of a real run, side by side with other open tools: number of compounds, purity, speed.

    python benchmarks/standards_mix.py RUN.D --library massbank_ei.parquet --pymassspec-python PY --corems-python PY

Measured on GC01_0812_066.D of PyMassSpec's own data: a mix of standards as TMS derivatives, 9,865 scans. Its contents
are not known in full, so two counts serve as substitutes. "Confirmed" are distinct names among the best hits of
weighted cosine >= 0.8 (intensity^0.53 x m/z^1.3) in all libraries. "Consistent" are distinct names among such hits in
the PNNL library alone whose retention index lies within 40 units of a cubic of time. One cubic is used for all tools:
the one that agrees with most hits of all tools together. A fit to each tool's own hits would follow the wrong ones of
the tool that has many.

The median cosine of the best hit of each name measures the purity of the spectra. It is also given for the names that
both tools have, with the fraction for which ours is higher. The other tools are installed as in
`benchmarks/deconvolution.py`. CPU seconds are whole processes, with the start and the reading.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from peers.handover import peer_components, process_seconds
from spectus import tables
from spectus.errors import InputError
from spectus.library.records import read_spectra
from spectus.library.similarity import cosine_top, weighted_matrix
from spectus.raw.read import read_run

PNNL = Path(__file__).parents[1] / "resources" / "libraries" / "PNNLMetV20191015.msp"
LEAST_COSINE = 0.8
"""Weighted cosine from which a hit counts. Chosen."""

WITHIN = 40.0
"""Distance from the cubic, index units. Chosen."""

CONFIDENT = 0.5
"""Confidence from which a component of this project is reported as a compound."""

Array = NDArray[np.float64]


def main() -> int:
    """Compare the tools on one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--library", type=Path, nargs="*", default=[], help="spectra to search beside those of PNNL")
    parser.add_argument("--pymassspec-python", type=Path, help="interpreter that has PyMassSpec")
    parser.add_argument("--pymassspec-cutoff", nargs="+", default=["noise"], help="counts, or noise")
    parser.add_argument("--corems-python", type=Path, help="interpreter that has CoreMS")
    parser.add_argument(
        "--corems-threshold", nargs="+", default=["default", "0.01", "0.001"], help="per cent, or default"
    )
    options = parser.parse_args()
    try:
        compare(found_by(options), [PNNL, *options.library])
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def found_by(options: argparse.Namespace) -> dict[str, pa.Table]:
    """Deconvolve the run with every tool, this project first, and print the time of each."""
    peers = [
        (f"{name} {setting}", python, script, setting)
        for name, python, script, settings in (
            ("PyMassSpec", options.pymassspec_python, "pymassspec_peaks.py", options.pymassspec_cutoff),
            ("CoreMS", options.corems_python, "corems_peaks.py", options.corems_threshold),
        )
        if python
        for setting in settings
    ]
    found = {"spectus": ours(options.run)}
    run = read_run(options.run)
    for name, python, script, setting in peers:
        with tempfile.TemporaryDirectory() as folder:
            seconds = process_seconds(python, script, run, Path(folder), setting)
            with np.load(Path(folder) / "peaks.npz") as peaks:
                found[name] = peer_components(name, peaks)
        print(f"{name}: {seconds:.1f} CPU s", flush=True)
    return found


def ours(run: Path) -> pa.Table:
    """Deconvolve the run with this project's command and print its time and memory."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "components.parquet"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "spectus", "deconvolve", run, "--out", out], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"spectus: {seconds:.1f} CPU s, at most {after.ru_maxrss / 1024:.0f} MB", flush=True)
        return tables.read(out, tables.COMPONENTS)


def compare(found: Mapping[str, pa.Table], libraries: list[Path]) -> None:
    """Print confirmed and consistent compounds of every tool."""
    spectra = [read_spectra(path) for path in libraries]
    confirmed = {name: best_hits(components, pa.concat_tables(spectra)) for name, components in found.items()}
    known = {name: best_hits(components, spectra[0]) for name, components in found.items()}
    known = {name: hits[np.isfinite(hits.ri)] for name, hits in known.items()}
    pooled = pd.concat(known.values())
    index = consensus_index(pooled.rt_s.to_numpy(), pooled.ri.to_numpy())
    consistent = {name: hits[np.abs(index(hits.rt_s.to_numpy()) - hits.ri) < WITHIN] for name, hits in known.items()}
    confident = found["spectus"]["confidence"].to_numpy() >= CONFIDENT
    hit = np.zeros(len(confident), dtype=bool)
    hit[confirmed["spectus"].component] = True
    print(
        f"spectus: {confident.sum()} of {len(confident)} components with confidence >= {CONFIDENT}; "
        f"of {hit.sum()} with a hit {(hit & confident).sum()}, of {(~hit).sum()} without {(~hit & confident).sum()}"
    )
    print(f"{sum(map(len, spectra))} library spectra, {len(spectra[0])} of them of PNNL")
    for title, hits in {"confirmed": confirmed, "consistent": consistent}.items():
        first = best_of_names(hits["spectus"])
        for name, of_tool in hits.items():
            best = best_of_names(of_tool)
            both = first.index.intersection(best.index)
            print(
                f"{title:11} {name:17} {len(found[name]):5} components, {len(of_tool):4} hits, {len(best):4} names, "
                f"median cosine {best.median():.3f}; {len(both):3} as ours: {best[both].median():.3f}, "
                f"ours {first[both].median():.3f}, higher for {np.mean(first[both] > best[both]):.2f}"
            )


def best_hits(components: pa.Table, library: pa.Table) -> pd.DataFrame:
    """Find the best record of each component that has one of cosine >= 0.8, without retention indices."""
    queries = components.select(["mz", "intensity"])
    asked, held = (weighted_matrix(spectra["mz"], spectra["intensity"]) for spectra in (queries, library))
    hits = cosine_top(asked, held, 1, min_score=LEAST_COSINE)
    names = library["name"].take(pa.array(hits.entry)).to_pylist()
    return pd.DataFrame(
        {
            "component": hits.query,
            "rt_s": components["rt_s"].to_numpy()[hits.query],
            "name": [re.sub(r"#\d+$", "", name).strip().lower() for name in names],
            "cosine": hits.cosine,
            "ri": library["ri"].to_numpy(zero_copy_only=False).astype(float)[hits.entry],
        }
    )


def best_of_names(hits: pd.DataFrame) -> "pd.Series[float]":
    """Return the highest cosine of each name."""
    return hits.groupby("name").cosine.max()


def consensus_index(rt_s: Array, ri: Array, tries: int = 4000, seed: int = 1) -> Callable[[Array], Array]:
    """Fit the retention index as a rising cubic of time that passes within 40 units of most points.

    Cubics through four points drawn at random are tried (RANSAC, Fischler and Bolles 1981). The best is fitted again to
    the points near it until these stay the same.
    """
    middle, span = rt_s.mean(), float(np.ptp(rt_s))

    def columns(times: Array) -> Array:
        return np.vander((times - middle) / span, 4)

    rows, drawn = columns(rt_s), np.random.default_rng(seed).integers(0, len(rt_s), (tries, 4))
    cubics = np.einsum("nij,nj->ni", np.linalg.pinv(rows[drawn]), ri[drawn])
    grid = columns(np.linspace(rt_s.min(), rt_s.max(), 50))
    rising = (np.diff(cubics @ grid.T, axis=1) > 0).all(axis=1)
    agreeing = np.count_nonzero(np.abs(cubics @ rows.T - ri) < WITHIN, axis=1)
    cubic = cubics[np.argmax(np.where(rising, agreeing, -1))]
    for _ in range(10):
        near = np.abs(rows @ cubic - ri) < WITHIN
        cubic = np.linalg.lstsq(rows[near], ri[near])[0]
    return lambda times: columns(times) @ cubic


if __name__ == "__main__":
    raise SystemExit(main())
