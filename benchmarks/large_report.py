"""Builds the report of a very large campaign from simulated tables, and measures its size and how fast it opens.

The compounds, their spectra and all candidates are those of a library (the one of named compounds that ships), with
scattered intensities. Each feature has 20 candidates and "none of these", hits in predicted libraries, and an area in
every run; a fifth of the areas are detected, the others gap-filled. The bars of the project are 40 MB and 1 s until the
largest part of the page is painted (LCP), in Chromium, which Debian has as the package chromium.

    python benchmarks/large_report.py --features 10000 --runs 500
"""

import argparse
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.web.chromium import EXECUTABLE, Chromium  # noqa: E402

from spectus import tables  # noqa: E402
from spectus.raw.mzml import write_mzml  # noqa: E402
from spectus.raw.run import Run  # noqa: E402
from spectus.report.campaign import CampaignResults  # noqa: E402
from spectus.report.write import write_report  # noqa: E402

NAMED = ROOT / "resources" / "libraries" / "named.parquet"
CANDIDATES, HITS, EXPLAINED, EXPLAINED_PEAKS = 20, 110, 5, 12
"""Rows of a feature: candidates, library hits, candidates whose peaks are explained, and such peaks. As the defaults of
`spectus search` and `spectus identify` give them in the example."""
IONS = 4
"""Ions of a feature in the raw files: as many as the page draws."""
TRACED = 4_000
"""Features with peaks in the raw files. Chosen: more than those whose traces the page draws."""
RUN_S, SCAN_S = 2400.0, 0.5
"""Length of a run and of a scan, s. Chosen: 40 minutes, as of a screening run."""
DISTINCT_RUNS = 8
"""Different raw files; the runs take turns. Chosen: compression does not find one again, 32 kB further on."""
DETECTED = 0.2
"""Share of the features that a run has. Chosen."""


def main() -> None:
    """Build the report and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--out", type=Path, help="folder to keep; a temporary one by default")
    parser.add_argument("--opened", type=int, default=5, help="times the page is opened (default: 5)")
    options = parser.parse_args()
    if options.opened and EXECUTABLE is None:
        parser.error("needs Chromium (Debian: apt install chromium); --opened 0 measures the size alone")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        files = make_tables(folder, options.features, options.runs)
        start = time.process_time()
        sheet = make_sheet(folder / "samples.tsv", options.runs)
        write_report(CampaignResults.read(files, sheet, [NAMED]), folder / "report", "Large campaign")
        page = folder / "report" / "report.html"
        print(f"{options.features:,} features, {options.runs:,} runs")
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"page {page.stat().st_size / 1e6:.1f} MB; made in {time.process_time() - start:.0f} CPU s, {memory:.1f} GB"
        )
        opened = [painted(page, Path(temporary) / f"profile-{number}") for number in range(options.opened)]
        for what, times in zip(("largest part painted", "page ready"), zip(*opened, strict=True), strict=False):
            spread = f"median of {len(times)}, {min(times):.0f} to {max(times):.0f}"
            print(f"{what}: {statistics.median(times):.0f} ms ({spread})")


def make_tables(folder: Path, n_features: int, n_runs: int) -> dict[str, list[Path]]:
    """Write the tables of a campaign; return the files by name."""
    rng = np.random.default_rng(1)
    library = pq.read_table(NAMED).combine_chunks()
    library = library.filter(pc.and_(pc.is_valid(library["smiles"]), pc.is_valid(library["mz"]))).combine_chunks()
    picked = library.take(rng.integers(0, len(library), n_features)).combine_chunks()
    names = np.array([f"F{number:05d}" for number in range(1, n_features + 1)])
    runs = [f"run_{number:03d}" for number in range(n_runs)]
    rt_s = np.sort(rng.uniform(200, RUN_S - 60, n_features))
    heights = rng.lognormal(10, 2, n_features)
    detected = rng.random((n_features, n_runs)) < DETECTED
    detected[np.arange(n_features), rng.integers(0, n_runs, n_features)] = True
    component = np.where(detected, np.cumsum(detected, axis=0), 0)
    made = {
        "runs": run_rows(folder, runs, picked, rt_s, heights, rng),
        "components": component_rows(picked, runs, detected, rt_s, heights, rng),
        "ri_standards": tables.table(tables.RI_STANDARDS, []),
        "features": feature_rows(picked, names, runs, component, rt_s, rng),
        "peak_areas": area_rows(names, runs, component, rt_s, heights, rng),
        "library_hits": hit_rows(library, names, rng),
        "denovo_candidates": tables.table(tables.DENOVO_CANDIDATES, []),
        "candidates": candidate_rows(library, picked, names, rng),
    }
    files = {}
    for name, rows in made.items():
        files[name] = [folder / f"{name}.parquet"]
        schema = getattr(tables, name.upper())
        tables.write(rows, files[name][0], schema)
    return files


def filled(schema: pa.Schema, n: int, **columns: object) -> pa.Table:
    """Return a table of a schema; columns that are not given are null."""
    arrays = []
    for field in schema:
        given = columns.get(field.name)
        arrays.append(pa.nulls(n, field.type) if given is None else _cast(given, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _cast(values: object, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    array = values if isinstance(values, pa.Array) else pa.array(values)
    return array.cast(kind)


def scattered(spectra: pa.Table, rng: np.random.Generator) -> tuple[pa.Array, pa.Array]:
    """Return m/z and intensity of spectra with scatter, the base peak 1."""
    mz, intensity = (spectra[name].combine_chunks() for name in ("mz", "intensity"))
    values = intensity.values.to_numpy() * rng.lognormal(0, 0.15, len(intensity.values))
    starts = intensity.offsets.to_numpy()
    tops = np.maximum.reduceat(values, starts[:-1])
    values = np.maximum(values / np.repeat(tops, np.diff(starts)), 1e-3)
    return mz, pa.ListArray.from_arrays(intensity.offsets, pa.array(values.astype(np.float32)))


def run_rows(
    folder: Path, runs: list[str], picked: pa.Table, rt_s: np.ndarray, heights: np.ndarray, rng: np.random.Generator
) -> pa.Table:
    """Write the mzML files, with four ions of each feature, and return the table RUNS."""
    scans = np.arange(100.0, RUN_S, SCAN_S)
    tops = [np.argsort(spectrum.as_py())[::-1][:IONS] for spectrum in picked["intensity"]]
    ions = np.array([np.resize(np.array(mz.as_py())[top], IONS) for mz, top in zip(picked["mz"], tops, strict=True)])
    paths = []
    for number in range(min(DISTINCT_RUNS, len(runs))):
        path = folder / f"run_{number}.mzML"
        write_mzml(simulated_run(scans, ions, rt_s, heights * rng.lognormal(0, 0.5, len(rt_s)), rng), path, "raw")
        paths.append(str(path))
    rows = [
        {"run": run, "path": f"raw/{run}.cdf", "format": "ANDI/netCDF", "sha256": f"{number:064x}",
         "instrument": "Simulated", "acquired_at": "2026-11-26T09:30:00", "n_scans": len(scans), "rt_min_s": 100.0,
         "rt_max_s": RUN_S, "mz_min": 40.0, "mz_max": 500.0, "status": "ok", "mzml": paths[number % len(paths)]}
        for number, run in enumerate(runs)
    ]  # fmt: skip
    return tables.table(tables.RUNS, rows)


def simulated_run(
    scans: np.ndarray, ions: np.ndarray, rt_s: np.ndarray, heights: np.ndarray, rng: np.random.Generator
) -> Run:
    """Return a run in which each ion of the tallest features has a peak, and each scan some noise."""
    tallest = np.argsort(-heights)[:TRACED]
    ions, rt_s, heights = ions[tallest], rt_s[tallest], heights[tallest]
    near = np.arange(-7, 8)
    scan = np.clip(np.searchsorted(scans, rt_s)[:, None] + near, 0, len(scans) - 1)
    shape = np.exp(-0.5 * ((scans[scan] - rt_s[:, None]) / 1.3) ** 2) * rng.lognormal(0, 0.03, scan.shape)
    counts = heights[:, None, None] * shape[:, None, :] * rng.random((len(rt_s), IONS, 1))
    background = np.repeat(np.arange(len(scans)), 4)
    where = np.concatenate([np.broadcast_to(scan[:, None, :], counts.shape).ravel(), background])
    bleed = np.tile([44.0, 73.0, 149.0, 207.0], len(scans))
    mz = np.concatenate([np.broadcast_to(ions[:, :, None], counts.shape).ravel(), bleed])
    height = np.concatenate([counts.ravel(), rng.normal(700, 60, len(background))])
    key = where * 10_000 + np.rint(mz * 10).astype(int)
    unique, inverse = np.unique(key, return_inverse=True)
    summed = np.bincount(inverse, weights=height)
    offsets = np.searchsorted(unique // 10_000, np.arange(len(scans) + 1))
    return Run(scans, offsets, (unique % 10_000) / 10, np.maximum(summed, 1), "mzML")


def component_rows(
    picked: pa.Table, runs: list[str], detected: np.ndarray, rt_s: np.ndarray, heights: np.ndarray,
    rng: np.random.Generator,
) -> pa.Table:  # fmt: skip
    """Return the table COMPONENTS, without most peaks: the report reads spectra from the features."""
    run, feature = np.nonzero(detected.T)
    n, offsets = len(run), np.linspace(-4, 4, 21)
    number = np.concatenate([np.arange(1, count + 1) for count in detected.sum(axis=0)])
    height = heights[feature] * rng.lognormal(0, 0.5, n)
    times = rt_s[feature] + rng.normal(0, 0.3, n)
    profile_rt = (times[:, None] + offsets).astype(np.float32).ravel()
    profile = np.tile(np.exp(-0.5 * (offsets / 1.3) ** 2), n) * rng.lognormal(0, 0.02, n * len(offsets))
    points = pa.array(np.arange(n + 1, dtype=np.int32) * len(offsets))
    single = pa.array(np.arange(n + 1, dtype=np.int32))
    return filled(
        tables.COMPONENTS, n, run=np.array(runs)[run], component=number, rt_s=times, rt_start_s=times - 4,
        rt_end_s=times + 4, area=height * 3.2, height=height, snr=height / 60, purity=rng.random(n),
        confidence=rng.random(n), n_peaks=np.full(n, 40), saturated=np.zeros(n, dtype=bool),
        mz=pa.ListArray.from_arrays(single, pa.array(np.full(n, 73.0))),
        intensity=pa.ListArray.from_arrays(single, pa.array(np.ones(n, dtype=np.float32))),
        profile_rt_s=pa.ListArray.from_arrays(points, pa.array(profile_rt)),
        profile=pa.ListArray.from_arrays(points, pa.array(profile.astype(np.float32))),
    )  # fmt: skip


def feature_rows(
    picked: pa.Table, names: np.ndarray, runs: list[str], component: np.ndarray, rt_s: np.ndarray,
    rng: np.random.Generator,
) -> pa.Table:  # fmt: skip
    """Return the table FEATURES."""
    n, best = len(names), component.argmax(axis=1)
    mz, intensity = scattered(picked, rng)
    return filled(
        tables.FEATURES, n, feature=names, rt_s=rt_s, ri=600 + rt_s, ri_extrapolated=np.zeros(n, dtype=bool),
        ri_scale=np.full(n, "alkane"), n_runs=(component > 0).sum(axis=1), best_run=np.array(runs)[best],
        best_component=component[np.arange(n), best], snr=rng.lognormal(4, 1, n), purity=rng.random(n),
        confidence=rng.random(n), mz=mz, intensity=intensity,
    )  # fmt: skip


def area_rows(
    names: np.ndarray, runs: list[str], component: np.ndarray, rt_s: np.ndarray, heights: np.ndarray,
    rng: np.random.Generator,
) -> pa.Table:  # fmt: skip
    """Return the table PEAK_AREAS: every feature in every run."""
    n_features, n_runs = component.shape
    flat = component.ravel()
    area = np.repeat(heights, n_runs) * 3.2 * rng.lognormal(0, 0.5, flat.size) * np.where(flat > 0, 1, 0.02)
    return filled(
        tables.PEAK_AREAS, flat.size, feature=np.repeat(names, n_runs), run=np.tile(np.array(runs), n_features),
        component=pa.array(flat, mask=flat == 0), rt_s=np.repeat(rt_s, n_runs), area=area, gap_filled=flat == 0,
    )  # fmt: skip


def _named(library: pa.Table, rows: np.ndarray) -> dict[str, pa.Array]:
    taken = library.select(["name", "smiles", "inchikey", "formula", "cas"]).take(rows)
    return {name: taken[name].combine_chunks() for name in taken.column_names}


def hit_rows(library: pa.Table, names: np.ndarray, rng: np.random.Generator) -> pa.Table:
    """Return the table LIBRARY_HITS."""
    n = len(names) * HITS
    rows = rng.integers(0, len(library), n)
    score = np.sort(rng.random((len(names), HITS)), axis=1)[:, ::-1].ravel()
    return filled(
        tables.LIBRARY_HITS, n, query=np.repeat(names, HITS), rank=np.tile(np.arange(1, HITS + 1), len(names)),
        library=np.full(n, "named"), entry=library["entry"].combine_chunks().take(pa.array(rows)), score=score,
        cosine=score, predicted=np.ones(n, dtype=bool), **_named(library, rows),
    )  # fmt: skip


def candidate_rows(library: pa.Table, picked: pa.Table, names: np.ndarray, rng: np.random.Generator) -> pa.Table:
    """Return the table CANDIDATES: the listed ones, then "none of these"."""
    n_features, each = len(names), CANDIDATES + 1
    n = n_features * each
    rank = np.tile(np.arange(1, each + 1), n_features)
    none = rank == each
    share = rng.dirichlet(np.full(each, 0.2), n_features)
    share[:, :-1] = -np.sort(-share[:, :-1], axis=1)
    named = _named(library, rng.integers(0, len(library), n))
    named = {name: pc.if_else(pa.array(none), None, values) for name, values in named.items()}
    named["name"] = pc.if_else(pa.array(none), "none of these", named["name"])
    source = np.where(none, "none", rng.choice(["predicted", "model", "edit", "predicted+model"], n))
    explained = np.where((rank <= EXPLAINED) & ~none, EXPLAINED_PEAKS, 0)
    peaks = int(explained.sum())
    starts = pa.array(np.concatenate([[0], np.cumsum(explained)]).astype(np.int32))
    masses = np.sort(rng.integers(30, 300, (peaks // EXPLAINED_PEAKS, EXPLAINED_PEAKS)), axis=1).ravel().astype(float)
    formulas = [f"C{mass // 14}H{mass % 14 + 5}O{mass % 3}" for mass in masses.astype(int).tolist()]
    return filled(
        tables.CANDIDATES, n, query=np.repeat(names, each), rank=rank, source=source, probability=share.ravel(),
        formula_probability=np.minimum(1, share.ravel() * 1.2), scaffold_probability=np.minimum(1, share.ravel() * 1.5),
        in_set_80=rank < 4, in_set_90=rank < 7, level=np.where(rank == 1, "3", "5"),
        predicted_score=rng.random(n), explained=rng.random(n), log_prob=-rng.random(n) * 20,
        ri_predicted=600 + 2000 * rng.random(n), explained_mz=pa.ListArray.from_arrays(starts, pa.array(masses)),
        explained_formula=pa.ListArray.from_arrays(starts, pa.array(formulas)), **named,
    )  # fmt: skip


def make_sheet(path: Path, n_runs: int) -> Path:
    """Write the sample sheet: every tenth run a blank, every tenth a pooled QC sample."""
    kinds = ["blank" if k % 10 == 0 else "pooled_qc" if k % 10 == 5 else "sample" for k in range(n_runs)]
    lines = [f"run_{k:03d}\traw/run_{k:03d}.cdf\t{kind}" for k, kind in enumerate(kinds)]
    path.write_text("\n".join(["run\tpath\ttype", *lines]) + "\n", encoding="utf-8")
    return path


def painted(page: Path, profile: Path) -> tuple[float, float]:
    """Open a page in a new browser; return when its largest part was painted and when it was ready, ms."""
    observe = """
        window.largest = 0;
        new PerformanceObserver(list => { for (const entry of list.getEntries()) window.largest = entry.startTime; })
          .observe({type: "largest-contentful-paint", buffered: true});
    """
    browser = Chromium(profile)
    try:
        browser.open(page.resolve().as_uri(), early=observe)
        browser.wait("document.querySelector('#detail svg') && document.querySelector('#heatmap image')")
        found = browser.run("return [window.largest, performance.now()];")
        assert browser.errors == []
        return float(found[0]), float(found[1])
    finally:
        browser.close()


if __name__ == "__main__":
    main()
