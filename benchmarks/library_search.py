"""Library search on replicate spectra: how often the right compound is found, how fast, beside a cosine pair by pair.

Of every compound with several spectra one, drawn by the seed, is the query; the library is all the rest. A hit is
right if the first block of its InChIKey is. The peer is the greedy cosine that matchms and others compute for one pair
after the other, with the same weights; with --matchms, matchms itself, run by the Python that has it. Times are CPU
time, so that they mean something on a busy machine too.

    python benchmarks/library_search.py LIBRARY [--split train] [--weights] [--tile 350000] [--matchms PYTHON]
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from spectus.library.records import read_spectra
from spectus.library.similarity import INTENSITY_POWER, MASS_POWER, cosine_top, weighted_matrix

WEIGHTS = [(0.53, 1.3), (0.5, 1.0), (0.6, 1.0), (0.5, 2.0), (0.6, 3.0), (0.5, 0.0), (1.0, 0.0)]

MATCHMS = """
import json, sys, time
import numpy as np
from matchms import Spectrum
from matchms.similarity import CosineGreedy
data = json.load(open(sys.argv[1]))
spectra = [Spectrum(mz=np.array(m, float), intensities=np.array(i, float), metadata={}) for m, i in data["spectra"]]
measure = CosineGreedy(tolerance=0.5, mz_power=data["mass_power"], intensity_power=data["intensity_power"])
measure.pair(spectra[0], spectra[1])
started = time.process_time()
best = []
for query in data["queries"]:
    scores = [-1.0 if i == query else float(measure.pair(spectra[query], s)["score"]) for i, s in enumerate(spectra)]
    best.append(np.argsort(-np.array(scores), kind="stable")[:10].tolist())
print(json.dumps({"seconds": time.process_time() - started, "best": best}))
"""


def main() -> None:
    options = _options()
    started = time.perf_counter()
    spectra = read_spectra(options.library)
    print(f"read {len(spectra):,} spectra of {options.library.name} in {time.perf_counter() - started:.2f} s")
    if options.split:
        split = pq.read_table(options.library, columns=["split"])["split"]
        spectra = spectra.filter(pc.equal(split, options.split))
    compound = np.array([key[:14] for key in spectra["inchikey"].to_pylist()])
    queries = _one_each(compound, options.seed)
    print(f"{len(queries):,} queries, {len(spectra):,} spectra, {len(np.unique(compound)):,} compounds")
    for powers in WEIGHTS if options.weights else [(INTENSITY_POWER, MASS_POWER)]:
        matrix = weighted_matrix(spectra["mz"], spectra["intensity"], intensity_power=powers[0], mass_power=powers[1])
        best, seconds = _search(matrix, queries)
        name = f"intensity^{powers[0]} mass^{powers[1]}"
        print(f"{name}: {_accuracy(best, compound, queries)}, {_per_query(seconds, queries)}")
    matrix = weighted_matrix(spectra["mz"], spectra["intensity"])
    few = queries[: options.peer_queries]
    best, ours = _search(matrix, queries)
    _compare("greedy cosine, pair by pair", *_greedy(spectra, few), best, compound, few, ours / len(queries))
    if options.matchms:
        _compare(
            "matchms CosineGreedy", *_matchms(spectra, few, options.matchms), best, compound, few, ours / len(queries)
        )
    if options.tile:
        _tiled(matrix, queries, options.tile)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path, help="spectra with InChIKeys, several of some compounds")
    parser.add_argument("--split", help="only records with this value in the column `split`")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--weights", action="store_true", help="compare exponents")
    parser.add_argument("--peer-queries", type=int, default=10, help="queries given to the peers")
    parser.add_argument("--matchms", type=Path, metavar="PYTHON", help="an interpreter that has matchms")
    parser.add_argument("--tile", type=int, default=0, metavar="N", help="also time a library repeated to N spectra")
    return parser.parse_args()


def _one_each(compound: NDArray[np.str_], seed: int) -> NDArray[np.int64]:
    """The row of one spectrum of every compound that has several."""
    shuffled = np.random.default_rng(seed).permutation(len(compound))
    _, first, count = np.unique(compound[shuffled], return_index=True, return_counts=True)
    return shuffled[first[count > 1]]


def _search(matrix: csr_array, queries: NDArray[np.int64]) -> tuple[list[list[int]], float]:
    """The ten best rows of each query but itself, and the CPU seconds it took."""
    started = time.process_time()
    hits = cosine_top(csr_array(matrix[queries]), matrix, 11)
    seconds = time.process_time() - started
    best: list[list[int]] = [[] for _ in queries]
    for query, entry in zip(hits.query, hits.entry, strict=True):
        if entry != queries[query]:
            best[query].append(int(entry))
    return [rows[:10] for rows in best], seconds


def _accuracy(best: list[list[int]], compound: NDArray[np.str_], queries: NDArray[np.int64]) -> str:
    right = [compound[rows] == compound[query] for rows, query in zip(best, queries, strict=False)]
    shares = [np.mean([found[:k].any() for found in right]) for k in (1, 5, 10)]
    return "top-1/5/10 " + " / ".join(f"{share:.3f}" for share in shares)


def _greedy(spectra: pa.Table, queries: NDArray[np.int64]) -> tuple[list[list[int]], float]:
    mz = [np.array(values) for values in spectra["mz"].to_pylist()]
    weights = [
        np.array(values) ** INTENSITY_POWER * masses**MASS_POWER
        for values, masses in zip(spectra["intensity"].to_pylist(), mz, strict=True)
    ]
    norms = [float(np.linalg.norm(values)) for values in weights]

    def pair(a: int, b: int) -> float:
        i, j = np.nonzero(np.abs(mz[a][:, None] - mz[b][None, :]) <= 0.5)
        product = weights[a][i] * weights[b][j]
        used_a, used_b, total = set(), set(), 0.0
        for at in np.argsort(-product, kind="stable").tolist():
            if i[at] not in used_a and j[at] not in used_b:
                used_a.add(i[at])
                used_b.add(j[at])
                total += product[at]
        return total / (norms[a] * norms[b])

    started = time.process_time()
    best = []
    for query in queries.tolist():
        scores = np.array([-1.0 if row == query else pair(query, row) for row in range(len(mz))])
        best.append(np.argsort(-scores, kind="stable")[:10].tolist())
    return best, time.process_time() - started


def _matchms(spectra: pa.Table, queries: NDArray[np.int64], python: Path) -> tuple[list[list[int]], float]:
    pairs = list(zip(spectra["mz"].to_pylist(), spectra["intensity"].to_pylist(), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "spectra.json"
        task = {
            "spectra": pairs,
            "queries": queries.tolist(),
            "mass_power": MASS_POWER,
            "intensity_power": INTENSITY_POWER,
        }
        given.write_text(json.dumps(task))
        done = subprocess.run([python, "-c", MATCHMS, given], check=True, capture_output=True, text=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["best"], answer["seconds"]


def _compare(
    name: str, best: list[list[int]], seconds: float, ours: list[list[int]],
    compound: NDArray[np.str_], queries: NDArray[np.int64], our_seconds: float,
) -> None:  # fmt: skip
    print(f"{name}, first {len(queries)} queries: {_accuracy(best, compound, queries)}, {_per_query(seconds, queries)}")
    print(f"spectus, the same queries: {_accuracy(ours[: len(queries)], compound, queries)}")
    print(f"ratio: spectus is {seconds / len(queries) / our_seconds:,.0f} times as fast a query")


def _tiled(matrix: csr_array, queries: NDArray[np.int64], n: int) -> None:
    tiled = csr_array(vstack([matrix] * (n // matrix.shape[0] + 1)).tocsr()[:n])
    for some in (queries[:512], queries[:1]):
        wall, cpu = time.perf_counter(), time.process_time()
        cosine_top(csr_array(matrix[some]), tiled, 10, min_score=0.5)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(
            f"{n:,} spectra ({tiled.nnz / n:.0f} peaks each), {len(some)} queries at once: "
            f"{_per_query(wall, some)} wall, {_per_query(cpu, some)} CPU"
        )


def _per_query(seconds: float, queries: NDArray[np.int64]) -> str:
    return f"{seconds / len(queries) * 1e3:,.2f} ms a query"


if __name__ == "__main__":
    main()
