"""Library search on replicate spectra: how often the right compound is found, how fast, beside three peers.

Of every compound with several spectra one, drawn by the seed, is the query; the library is all the rest. A hit is
right if the first block of its InChIKey is. The peers are the greedy cosine that matchms and others compute for one
pair after the other, with the same weights; with --peers, matchms itself and the entropy similarity of ms_entropy's
Flash entropy search (Li and Fiehn 2023, Nat. Methods 20, 1475), run by a Python that has them. Times are CPU time, so
that they mean something on a busy machine too. The peers get an environment of their own:

    python3.11 -m venv peers && peers/bin/pip install matchms==0.30.2 ms_entropy==1.5.3      # --peers peers/bin/python

With --size, a library of N spectra is written and searched by `spectus search` as a user would, in a process of its
own whose memory is told. Its spectra are those of the library and copies of them with other intensities and
some peaks missing, so that each query has near and far hits as in a large library. With --hybrid, the library is also
searched by modified cosine, part by part from disk, given the masses of all molecules.

    python benchmarks/library_search.py LIBRARY [--split train] [--weights] [--size 350000] [--hybrid] [--peers PYTHON]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcExactMolWt
from scipy.sparse import csr_array, vstack

from spectus import tables
from spectus.library.parquet import PREDICTED_BY
from spectus.library.records import read_spectra
from spectus.library.similarity import (
    INTENSITY_POWER,
    MASS_POWER,
    MEASURED,
    PREDICTED,
    Powers,
    cosine_top,
    weighted_matrix,
)

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


ENTROPY = """
import json, sys, time
import numpy as np
from ms_entropy import FlashEntropySearch
data = json.load(open(sys.argv[1]))
spectra = [np.array([m, i], np.float32).T for m, i in data["spectra"]]
index = FlashEntropySearch()
held = index.build_index([{"id": n, "precursor_mz": 1000.0, "peaks": p.copy()} for n, p in enumerate(spectra)])
number = np.array([entry["id"] for entry in held])
started = time.process_time()
best = []
for query in data["queries"]:
    scores = np.array(index.open_search(peaks=spectra[query].copy(), ms2_tolerance_in_da=0.02))
    order = number[np.argsort(-scores, kind="stable")]
    best.append([int(n) for n in order[:11] if n != query][:10])
print(json.dumps({"seconds": time.process_time() - started, "best": best}))
"""

SEARCH = """
import resource, sys, time
from pathlib import Path
from spectus.identify.search import search_libraries
started = time.process_time()
search_libraries(Path(sys.argv[1]), [Path(sys.argv[2])], Path(sys.argv[3]))
print(time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


HYBRID = """
import resource, sys, time
from pathlib import Path
import numpy as np
from spectus.library.hybrid import MassSpectra, hybrid_top
from spectus.library.similarity import Powers
from spectus.library.stored import StoredLibrary
queries, library, masses, out = map(Path, sys.argv[1:])
asked_mass, mass = np.load(masses).values()
plain = Powers(1.0, 0.0)
started = time.process_time()
def parts():
    first = 0
    for peaks in StoredLibrary.open(library).matrices(plain):
        yield MassSpectra(peaks, mass[first : first + peaks.shape[0]])
        first += peaks.shape[0]
asked = next(StoredLibrary.open(queries).matrices(plain))
hits = hybrid_top(MassSpectra(asked, asked_mass), parts(), 10)
seconds = time.process_time() - started
np.savez(out, *hits)
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def main() -> None:
    options = _options()
    started = time.process_time()
    spectra = read_spectra(options.library)
    print(f"read {len(spectra):,} spectra of {options.library.name} in {time.process_time() - started:.2f} CPU s")
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
    if options.peers:
        for name, code in (("matchms CosineGreedy", MATCHMS), ("ms_entropy Flash entropy search", ENTROPY)):
            _compare(name, *_peer(spectra, few, options.peers, code), best, compound, few, ours / len(queries))
    if options.size:
        _large(spectra, matrix, queries, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path, help="spectra with InChIKeys, several of some compounds")
    parser.add_argument("--split", help="only records with this value in the column `split`")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--weights", action="store_true", help="compare exponents")
    parser.add_argument("--peer-queries", type=int, default=10, help="queries given to the peers")
    parser.add_argument("--peers", type=Path, metavar="PYTHON", help="an interpreter that has matchms and ms_entropy")
    parser.add_argument("--size", type=int, default=0, metavar="N", help="also search a library of N spectra")
    parser.add_argument("--hybrid", action="store_true", help="search that library by modified cosine, too")
    parser.add_argument("--predicted", action="store_true", help="search that library as one of predicted spectra")
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


def _peer(spectra: pa.Table, queries: NDArray[np.int64], python: Path, code: str) -> tuple[list[list[int]], float]:
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
        done = subprocess.run([python, "-c", code, given], check=True, capture_output=True, text=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["best"], answer["seconds"]


def _compare(
    name: str, best: list[list[int]], seconds: float, ours: list[list[int]],
    compound: NDArray[np.str_], queries: NDArray[np.int64], our_seconds: float,
) -> None:  # fmt: skip
    print(f"{name}, first {len(queries)} queries: {_accuracy(best, compound, queries)}, {_per_query(seconds, queries)}")
    print(f"spectus, the same queries: {_accuracy(ours[: len(queries)], compound, queries)}")
    print(f"ratio: spectus is {seconds / len(queries) / our_seconds:,.0f} times as fast a query")


def _large(spectra: pa.Table, matrix: csr_array, queries: NDArray[np.int64], options: argparse.Namespace) -> None:
    """Search a library of many spectra, as the command does, with 1 and with 512 queries."""
    with tempfile.TemporaryDirectory() as folder:
        library, out = Path(folder) / "library.parquet", Path(folder) / "hits.parquet"
        said = {PREDICTED_BY: "copies"} if options.predicted else {}
        with tables.writing(library, tables.SPECTRA, said) as writer:
            for start in range(0, options.size, len(spectra)):
                writer.append(_varied(spectra, start).slice(0, options.size - start))
        _timed(SEARCH, "cosine", library, spectra, queries, out)
        if options.hybrid:
            _timed(
                HYBRID, "hybrid", library, spectra, queries, Path(folder) / "hits.npz", _masses(spectra, options.size)
            )
    repeats = options.size // matrix.shape[0] + 1
    powers, k, least = (PREDICTED, 100, 0.0) if options.predicted else (MEASURED, 10, 0.5)
    width = matrix.shape[1]
    parts = [_matrix_of(_varied(spectra, number), powers, width) for number in range(repeats)]
    held = csr_array(vstack(parts).tocsr()[: options.size])
    asked_matrix = _matrix_of(spectra.take(pa.array(queries[:512])), powers, width)
    started = time.process_time()
    cosine_top(asked_matrix, held, k, min_score=least)
    print(f"of these the comparison alone: {_per_query(time.process_time() - started, queries[:512])}")


def _timed(
    code: str, name: str, library: Path, spectra: pa.Table, queries: NDArray[np.int64], out: Path,
    masses: NDArray[np.int64] | None = None,
) -> None:  # fmt: skip
    """Search for 512 and for 1 of the queries in processes of their own, and tell what a further query costs."""
    size = pq.read_metadata(library).num_rows
    seconds = []
    for some in (queries[:512], queries[:1]):
        asked, given = out.with_name("queries.parquet"), out.with_name("masses.npz")
        tables.write(spectra.take(pa.array(some)), asked, tables.SPECTRA)
        if masses is not None:
            np.savez(given, masses[some], masses)
        inputs = [asked, library, *([] if masses is None else [given]), out]
        done = subprocess.run([sys.executable, "-c", code, *inputs], check=True, capture_output=True, text=True)
        took, memory = map(float, done.stdout.split())
        seconds.append(took)
        print(
            f"{name}, {size:,} spectra, {len(some)} queries: {took:.1f} CPU s, "
            f"{_per_query(took, some)} with reading, {memory / 1024:,.0f} MB"
        )
    further = (seconds[0] - seconds[1]) / (len(queries[:512]) - 1)
    print(f"{name}, a further query: {further * 1e3:.2f} ms")


def _masses(spectra: pa.Table, size: int) -> NDArray[np.int64]:
    """The nominal masses of the molecules of a library of `size` copies."""
    known = {smiles: round(CalcExactMolWt(Chem.MolFromSmiles(smiles))) for smiles in set(spectra["smiles"].to_pylist())}
    return np.resize([known[smiles] for smiles in spectra["smiles"].to_pylist()], size)


def _matrix_of(spectra: pa.Table, powers: Powers, width: int) -> csr_array:
    return weighted_matrix(spectra["mz"], spectra["intensity"], n_masses=width, **powers._asdict())


def _varied(spectra: pa.Table, seed: int) -> pa.Table:
    """The spectra with intensities times exp(0.6 x normal), and 15 % of the peaks missing; themselves with seed 0."""
    if not seed:
        return spectra
    random = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(pc.fill_null(pc.list_value_length(spectra["mz"]), 0).to_numpy())])
    mz, intensity = (pc.list_flatten(spectra[name]).to_numpy() for name in ("mz", "intensity"))
    intensity = intensity * np.exp(0.6 * random.standard_normal(len(mz))).astype(np.float32)
    kept = (random.random(len(mz)) > 0.15) | (intensity > 0.5)
    offsets = np.concatenate([[0], np.cumsum(kept)])[offsets]
    columns = {"mz": mz[kept], "intensity": np.minimum(intensity[kept], 1.0)}
    for name, values in columns.items():
        made = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values))
        spectra = spectra.set_column(spectra.column_names.index(name), tables.SPECTRA.field(name), made)
    return spectra


def _per_query(seconds: float, queries: NDArray[np.int64]) -> str:
    return f"{seconds / len(queries) * 1e3:,.2f} ms a query"


if __name__ == "__main__":
    main()
