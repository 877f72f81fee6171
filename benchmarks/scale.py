"""What a campaign costs with its number of runs: time to plan it, jobs, and CPU time of each stage.

    python benchmarks/scale.py                             plan 10 to 10,000 runs
    python benchmarks/scale.py --execute 10 100 1000       also run these campaigns to their reports
    python benchmarks/scale.py --sizes results             time and memory of each stage of a campaign that was run

The runs that are planned are copies of a run of the example. Those that are run are short, so that 1,000 of them take
minutes: 45 s with 10 compounds. 20 of them are simulated and repeated. Two in 20 are blanks, one in 10 is a pooled QC
sample, and six are calibrators of five compounds with an internal standard. The compounds are the same in all
campaigns, and with them the work of the stages that grows with the features. De novo candidates come from one beam
without editing, and nothing is reranked. The table is printed; the plot goes to build/bench/scale.svg.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import pyarrow.parquet as pq
import yaml

ROOT = Path(__file__).parents[1]
PLANNED = (10, 100, 1000, 10_000)
ADDED = 10
"""Runs that are added at the end of a sheet."""
STAGES = {
    "convert": "run", "deconvolve": "run", "align": "run", "quantify": "run", "search": "feature",
    "denovo": "feature", "identify": "feature", "report": "feature",
}  # fmt: skip
"""What the time of each stage grows with."""
TARGETS = {
    "convert": "convert", "deconvolve": "deconvolve", "calibrate": "calibrate", "align": "align",
    "library": "library", "search": "search", "quantify": "quantify", "denovo": "denovo", "identify": "identify",
    "report": "all",
}  # fmt: skip
"""The target of Snakemake that ends with each stage, in their order."""
SIMULATED = 20
"""Short runs that are simulated; a campaign repeats them."""
SETTINGS = (
    "compounds=10", f"samples={SIMULATED}", "shared=1", "blanks=1", "contaminants=1", "run_s=45", "solvent_s=5",
)  # fmt: skip
"""Settings of the recipe `example` for the short runs."""
COMPOUNDS = 5
"""Compounds that are quantified."""


def folder_of(folder: Path) -> None:
    """Make the folder of a campaign with the example's configuration; `resources` of the checkout is linked."""
    shutil.copytree(ROOT / "config", folder / "config", dirs_exist_ok=True)
    if not (folder / "resources").exists():
        (folder / "resources").symlink_to(ROOT / "resources")


def campaign(folder: Path, runs: int) -> None:
    """Write a campaign of runs of the example."""
    folder_of(folder)
    example = "resources/example"
    rows = [f"ladder\t{example}/ladder.mzML.gz\tladder"]
    rows += [f"run_{number}\t{example}/sample_{number % 2 + 1}.mzML.gz\tsample" for number in range(1, runs)]
    (folder / "config" / "samples.tsv").write_text("\n".join(["run\tpath\ttype", *rows]) + "\n", encoding="utf-8")


def simulate(folder: Path) -> None:
    """Simulate the short runs."""
    libraries = sorted((ROOT / "resources" / "libraries").glob("*.msp"))
    words = ["simulate", "--library", *map(str, libraries), "--preset", "example", "--seed", "1", "--out", str(folder)]
    subprocess.run([sys.executable, "-m", "spectus", *words, "--quiet", "--set", *SETTINGS], check=True)


def short_campaign(folder: Path, simulated: Path, runs: int) -> None:
    """Write a campaign of short runs."""
    folder_of(folder)
    header = "run\tpath\ttype\tamount"
    (folder / "config" / "samples.tsv").write_text(
        "\n".join([header, *sheet_rows(simulated, runs)]) + "\n", encoding="utf-8"
    )
    times = common_times(simulated / "ground_truth.parquet")
    lines = [f"compound {number}\t{rt_s:.1f}" for number, rt_s in enumerate(times[1:], start=1)]
    (folder / "config" / "compounds.tsv").write_text("\n".join(["name\trt_s", *lines]) + "\n", encoding="utf-8")
    file = folder / "config" / "config.yaml"
    settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    settings["quantify"] |= {"compounds": "config/compounds.tsv", "internal_standard": round(times[0], 1)}
    settings["denovo"] |= {"editing": False, "device": "cpu", "beams": 1}
    settings["identify"]["reranker"] = None
    settings["predict"]["molecules"] = None
    settings["report"]["ground_truth"] = None
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")


def sheet_rows(simulated: Path, runs: int) -> Iterator[str]:
    """Yield the rows of the sheet: a ladder, and blanks, QC samples, calibrators and samples."""
    yield f"ladder\t{simulated}/ladder.mzML.gz\tladder\t"
    for number in range(1, runs):
        path = f"{simulated}/sample_{number % SIMULATED + 1}.mzML.gz"
        if number % 20 in (1, 2):
            yield f"run_{number}\t{simulated}/blank.mzML.gz\tblank\t"
        elif number % 10 == 0:
            yield f"run_{number}\t{path}\tpooled_qc\t"
        elif number in range(3, 9):
            yield f"run_{number}\t{path}\tcalibrator\t{number - 2}"
        else:
            yield f"run_{number}\t{path}\tsample\t"


def common_times(ground_truth: Path) -> list[float]:
    """Return the times of the strongest compounds that are in every sample, s: the internal standard's first."""
    rows = pq.read_table(ground_truth).to_pandas()
    found = rows.groupby("compound").agg(n=("run", "nunique"), rt_s=("rt_s", "median"), height=("height", "median"))
    strongest = found[found["n"] == SIMULATED].nlargest(COMPOUNDS + 1, "height")
    return [float(rt_s) for rt_s in strongest["rt_s"]]


def snakemake(folder: Path, *arguments: str) -> tuple[str, float, float]:
    """Run Snakemake; returns what it said, CPU time of all its processes in s, and the memory of the largest in MB."""
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


def executed(folder: Path, simulated: Path, runs: int) -> dict[str, Any]:
    """Run a campaign stage by stage, and count the chunks that run again when runs are added at the end."""
    short_campaign(folder, simulated, runs)
    _, planning, _ = snakemake(folder, "--dry-run", "--quiet", "all")
    row: dict[str, Any] = {"runs": runs}
    memory = {}
    for stage, target in TARGETS.items():
        _, seconds, megabytes = snakemake(folder, target, "--quiet", "all")
        row[stage] = round(seconds - planning, 1)
        memory[stage] = round(megabytes)
    row["cpu_s_per_run"] = round(sum(row[stage] for stage in TARGETS) / runs, 2)
    short_campaign(folder, simulated, runs + ADDED)
    said, _, _ = snakemake(folder, "align", "--dry-run", "--quiet", "rules", "reason", "host")
    first_table = said.partition("\ntotal")[0]  # a dry run prints it again at its end
    again = sum(int(count) for count in re.findall(r"^(?:convert|deconvolve)_chunk +(\d+)$", first_table, re.MULTILINE))
    return row | {"chunk_jobs_for_10_more": again, "memory_mb": memory}


def marginal(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what each run more costs from one campaign to the next, CPU ms by stage."""
    for fewer, more in pairwise(rows):
        added = more["runs"] - fewer["runs"]
        costs = {stage: round(1000 * (more[stage] - fewer[stage]) / added) for stage in TARGETS}
        yield {"from": fewer["runs"], "to": more["runs"], "ms_per_run_more": sum(costs.values())} | costs


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


def plot(plans: list[dict[str, Any]], campaigns: list[dict[str, Any]], path: Path) -> None:
    """Draw jobs and CPU time of the plan, and CPU time per run by stage, over the runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(1, 3, figsize=(12, 3), layout="constrained")
    for axis, (key, label) in zip(axes[:2], [("jobs", "jobs"), ("plan_cpu_s", "CPU time of the plan, s")], strict=True):
        axis.plot([row["runs"] for row in plans], [row[key] for row in plans], "o-")
        axis.set(xscale="log", xlabel="runs", ylabel=label)
        axis.set_ylim(bottom=0)
    if campaigns:
        runs = [row["runs"] for row in campaigns]
        per_run = [[row[stage] / row["runs"] for row in campaigns] for stage in TARGETS]
        for stage, values in zip(TARGETS, per_run, strict=True):
            axes[2].plot(runs, values, "o-", label=stage)
        axes[2].plot(runs, [row["cpu_s_per_run"] for row in campaigns], "ko--", label="all")
        axes[2].set(xscale="log", yscale="log", xlabel="runs", ylabel="CPU time per run, s")
        axes[2].legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
    else:
        axes[2].set_axis_off()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="+", type=int, default=PLANNED, help="campaigns to plan")
    parser.add_argument("--execute", nargs="*", type=int, default=[], help="campaigns to run")
    parser.add_argument("--sizes", type=Path, metavar="RESULTS", help="only measure the stages of this campaign")
    parser.add_argument("--folder", type=Path, help="existing folder for the campaigns, which are deleted at the end")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench" / "scale.svg")
    options = parser.parse_args()
    if options.sizes:
        for row in measured_sizes(options.sizes):
            print(json.dumps(row))
        return
    plans: list[dict[str, Any]] = []
    campaigns: list[dict[str, Any]] = []
    place = options.folder and options.folder.resolve()  # Snakemake runs in the folder of each campaign
    with tempfile.TemporaryDirectory(dir=place) as name:
        for runs in options.runs:
            plans.append(planned(Path(name) / f"planned_{runs}", runs))
            print(json.dumps(plans[-1]), flush=True)
        if options.execute:
            simulate(Path(name) / "simulated")
        for runs in options.execute:
            campaigns.append(executed(Path(name) / f"executed_{runs}", Path(name) / "simulated", runs))
            print(json.dumps(campaigns[-1]), flush=True)
        for row in marginal(campaigns):
            print(json.dumps(row))
    plot(plans, campaigns, options.out)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
