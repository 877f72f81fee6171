"""What libraries confirm of a real run, side by side with other open tools: how many compounds, how clean, how fast.

    python benchmarks/standards_mix.py RUN.D --library massbank_ei.parquet \
        --pymassspec-python PY --corems-python PY

Measured on GC01_0812_066.D of PyMassSpec's own data: a mix of standards as TMS derivatives, 9,865 scans. What is in it
is not known in full, so two counts stand for it. "confirmed": distinct names among the best hits of weighted cosine
>= 0.8 (intensity^0.53 x m/z^1.3) in all libraries. "consistent": distinct names among such hits in the PNNL library
alone whose retention index lies within 40 units of a cubic of time. One cubic holds for all tools: the one that most
hits of all tools together agree with. A fit to each tool's own hits would follow the wrong ones of the tool that has
many.

A spectrum is as clean as its cosine: the median is given of the best hit of each name, and of the names that both
tools have, with the share for which ours is the higher one. Peers are installed as `benchmarks/deconvolution.py` says;
CPU seconds are whole processes, with the start and the reading.
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
from spectus.identify.search import search
from spectus.library.records import read_spectra
from spectus.raw.read import read_run

PNNL = Path(__file__).parents[1] / "resources" / "libraries" / "PNNLMetV20191015.msp"
LEAST_COSINE, WITHIN = 0.8, 40.0
Array = NDArray[np.float64]


def main() -> int:
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
    """Components of the run by every tool, ours first; prints what each took."""
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
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "components.parquet"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "spectus", "deconvolve", run, "--out", out], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"spectus: {seconds:.1f} CPU s, at most {after.ru_maxrss / 1024:.0f} MB", flush=True)
        return tables.read(out, tables.COMPONENTS)


def compare(found: Mapping[str, pa.Table], libraries: list[Path]) -> None:
    spectra = [read_spectra(path) for path in libraries]
    confirmed = {name: best_hits(components, pa.concat_tables(spectra)) for name, components in found.items()}
    known = {name: best_hits(components, spectra[0]) for name, components in found.items()}
    known = {name: hits[np.isfinite(hits.ri)] for name, hits in known.items()}
    pooled = pd.concat(known.values())
    index = consensus_index(pooled.rt_s.to_numpy(), pooled.ri.to_numpy())
    consistent = {name: hits[np.abs(index(hits.rt_s.to_numpy()) - hits.ri) < WITHIN] for name, hits in known.items()}
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
    """The best record of each component that has one of cosine >= 0.8; retention indices are not used."""
    queries = pa.table(
        {
            "mz": components["mz"],
            "intensity": components["intensity"],
            "ri": pa.nulls(len(components), pa.float64()),
        }
    )
    hits = search(queries, library, 1, LEAST_COSINE, 20.0)
    names = library["name"].take(pa.array(hits.entry)).to_pylist()
    return pd.DataFrame(
        {
            "rt_s": components["rt_s"].to_numpy()[hits.query],
            "name": [re.sub(r"#\d+$", "", name).strip().lower() for name in names],
            "cosine": hits.cosine,
            "ri": library["ri"].to_numpy(zero_copy_only=False).astype(float)[hits.entry],
        }
    )


def best_of_names(hits: pd.DataFrame) -> "pd.Series[float]":
    return hits.groupby("name").cosine.max()


def consensus_index(rt_s: Array, ri: Array, tries: int = 4000, seed: int = 1) -> Callable[[Array], Array]:
    """Retention index as a rising cubic of time, the one that passes within 40 units of most points.

    Cubics through four points drawn at random are tried (RANSAC, Fischler and Bolles 1981); the best is fitted again to
    the points near it until they stay.
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
