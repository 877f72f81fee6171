"""What a campaign costs with its number of runs: time to plan it, jobs, and CPU time per run.

    python benchmarks/scale.py                           plan 10 to 10,000 runs
    python benchmarks/scale.py --execute 10 30 100       also run these campaigns up to the features, 5 to 10 s per run
    python benchmarks/scale.py --sizes results           time and memory of each stage of a campaign that was run

The runs are copies of a simulated run of the example. The table is printed; the plot goes to build/bench/scale.svg.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
PLANNED = (10, 100, 1000, 10_000)
ADDED = 10
"""Runs that are added at the end of a sheet."""
STAGES = {
    "convert": "run", "deconvolve": "run", "align": "run", "quantify": "run", "search": "feature",
    "denovo": "feature", "identify": "feature", "report": "feature",
}  # fmt: skip
"""What the time of each stage grows with."""


def campaign(folder: Path, runs: int) -> None:
    """Write configuration and sheet; `resources` of the checkout is linked."""
    shutil.copytree(ROOT / "config", folder / "config", dirs_exist_ok=True)
    if not (folder / "resources").exists():
        (folder / "resources").symlink_to(ROOT / "resources")
    example = "resources/example"
    rows = [f"ladder\t{example}/ladder.mzML.gz\tladder"]
    rows += [f"run_{number}\t{example}/sample_{number % 2 + 1}.mzML.gz\tsample" for number in range(1, runs)]
    (folder / "config" / "samples.tsv").write_text("\n".join(["run\tpath\ttype", *rows]) + "\n", encoding="utf-8")


def snakemake(folder: Path, *arguments: str) -> tuple[str, float, float]:
    """Run Snakemake; returns what it said, the CPU time of all its processes in s, and its memory in MB."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([*command, *arguments], stdout=said, stderr=subprocess.STDOUT, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        said.seek(0)
        text = said.read()
    if status:
        raise SystemExit(text)
    return text, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


def planned(folder: Path, runs: int) -> dict[str, Any]:
    """Plan a campaign."""
    campaign(folder, runs)
    said, seconds, megabytes = snakemake(folder, "--dry-run", "--quiet", "rules", "reason", "host")
    jobs = int(re.search(r"^total +(\d+)$", said, re.MULTILINE)[1]) - 1  # the target `all` is no job
    return {"runs": runs, "jobs": jobs, "plan_cpu_s": round(seconds, 2), "plan_mb": round(megabytes)}


def executed(folder: Path, runs: int) -> dict[str, Any]:
    """Run a campaign up to its features, and count what runs again when runs are added at the end."""
    campaign(folder, runs)
    _, seconds, _ = snakemake(folder, "align", "--quiet", "all")
    campaign(folder, runs + ADDED)
    said, _, _ = snakemake(folder, "align", "--dry-run", "--quiet", "rules", "reason", "host")
    first_table = said.partition("\ntotal")[0]  # a dry run prints it again at its end
    again = sum(int(count) for count in re.findall(r"^(?:convert|deconvolve)_chunk +(\d+)$", first_table, re.MULTILINE))
    return {"runs": runs, "cpu_s_per_run": round(seconds / runs, 2), "chunk_jobs_for_10_more": again}


def measured_sizes(results: Path) -> list[dict[str, Any]]:
    """Read what the stages of a finished campaign took, by run or by feature."""
    runs = sum(pq.read_metadata(file).num_rows for file in (results / "runs").glob("*.parquet"))
    features = pq.read_metadata(results / "features.parquet").num_rows
    rows = []
    for stage, unit in STAGES.items():
        files = sorted((results / "benchmarks").glob(f"{stage}.jsonl")) + sorted(
            (results / "benchmarks" / stage).glob("*.jsonl")
        )
        jobs = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
        if jobs:
            seconds = sum(job["cpu_time"] for job in jobs)
            count = runs if unit == "run" else features
            rows.append(
                {
                    "stage": stage, "unit": unit, "units": count, "jobs": len(jobs), "cpu_s": round(seconds, 1),
                    "cpu_s_per_unit": round(seconds / count, 3), "units_in_10_min": int(600 * count / seconds),
                    "memory_mb": round(max(job["max_rss"] for job in jobs)),
                }
            )  # fmt: skip
    return rows


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw jobs and CPU time of the plan, and CPU time per run, over the runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
    for axis, (key, label) in zip(
        axes,
        [("jobs", "jobs"), ("plan_cpu_s", "CPU time of the plan, s"), ("cpu_s_per_run", "CPU time per run, s")],
        strict=True,
    ):
        points = [(row["runs"], row[key]) for row in rows if key in row]
        axis.plot(*zip(*points, strict=True), "o-") if points else axis.set_axis_off()
        axis.set(xscale="log", xlabel="runs", ylabel=label)
        axis.set_ylim(bottom=0)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="+", type=int, default=PLANNED, help="campaigns to plan")
    parser.add_argument("--execute", nargs="*", type=int, default=[], help="campaigns to run")
    parser.add_argument("--sizes", type=Path, metavar="RESULTS", help="only measure the stages of this campaign")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench" / "scale.svg")
    options = parser.parse_args()
    if options.sizes:
        for row in measured_sizes(options.sizes):
            print(json.dumps(row))
        return
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        for measure, sizes in ((planned, options.runs), (executed, options.execute)):
            for runs in sizes:
                rows.append(measure(Path(name) / f"{measure.__name__}_{runs}", runs))
                print(json.dumps(rows[-1]), flush=True)
    plot(rows, options.out)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
