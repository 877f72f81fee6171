"""Results of the workflow on real runs whose contents are known.

    python benchmarks/real_runs.py --data FOLDER

FOLDER holds pnnl/ (a FAME ladder and a TMS tissue extract, Agilent .D), pygecko/ (an n-alkane ladder and a sample,
mzML), etizolam/ (a batch of blanks, calibrators, check standards and case samples with samples.tsv, Agilent .D).
"""

import argparse
import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

LIBRARY = Path(__file__).parents[1] / "resources" / "libraries" / "PNNLMetV20191015.msp"
THIOETHER = {"M+.": 234, "M+. of 37Cl": 236, "base of the acrylate loss": 147}  # CN1C(SCCC(OC)=O)=C(Cl)N=C1
ETIZOLAM_S = (608.0, 624.0)
"""Time window of etizolam, s."""

STANDARD_S = (382.0, 398.0)
"""Time window of the internal standard, s."""

ETIZOLAM_ION = 342  # M+. of etizolam, C17H15ClN4S
CONFIDENT = 0.5
"""Confidence from which a feature is reported as a compound."""


def main() -> None:
    """Evaluate all runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    data = options.data
    with tempfile.TemporaryDirectory() as name:
        for work in (tissue_extract, alkane_ladder, etizolam_batch):
            print(f"== {work.__name__.replace('_', ' ')}", flush=True)
            work(data, Path(name))


def spectus(*arguments: object) -> None:
    """Run one command of the project."""
    subprocess.run([sys.executable, "-m", "spectus", *map(str, arguments)], check=True)


def calibrated(run: Path, ladder: Path, folder: Path) -> tuple[Path, pd.DataFrame]:
    """Deconvolve and calibrate a run; return its components table and the RI standards of its ladder."""
    parts = {name: folder / f"{name}.parquet" for name in ("ladder", "sample", "calibrated", "ri_standards")}
    spectus("deconvolve", ladder, "--name", "ladder", "--out", parts["ladder"])
    spectus("deconvolve", run, "--name", "sample", "--out", parts["sample"])
    spectus(
        "calibrate",
        parts["sample"],
        "--ladder",
        parts["ladder"],
        "--out",
        parts["calibrated"],
        "--ri-standards",
        parts["ri_standards"],
    )
    return parts["calibrated"], pd.read_parquet(parts["ri_standards"])


def tissue_extract(data: Path, folder: Path) -> None:
    """Search the tissue extract and count the hits whose retention index agrees."""
    path, ri_standards = calibrated(data / "pnnl" / "3hr_10cGy_10r.D", data / "pnnl" / "GCMS_FAMEs_01.D", folder)
    print("FAME RI standards found:", *(f"C{n}" for n in ri_standards.carbon[~ri_standards.missing]))
    spectus("search", path, "--library", LIBRARY, "--out", folder / "hits.parquet")
    components, hits = pd.read_parquet(path), pd.read_parquet(folder / "hits.parquet")
    largest = components.nlargest(50, "area")
    names = largest.run + "/" + largest.component.astype(str)
    hits = hits[hits["query"].isin(names) & (hits.cosine >= 0.8)]
    print(f"{len(components)} components; of the 50 largest, {hits['query'].nunique()} with cosine >= .8")
    for window in (20, 30):
        near = hits[hits.ri_delta.abs() <= window]
        first = near[near["rank"] == 1]["query"].nunique()
        print(f"  and within {window} index units: {near['query'].nunique()}, at rank 1: {first}")


def alkane_ladder(data: Path, folder: Path) -> None:
    """Print the ladder, and the heights of the known thioether."""
    path, ri_standards = calibrated(
        data / "pygecko" / "FKB-FA-060-A1.mzML.gz", data / "pygecko" / "FKB-FA-060-RI.mzML.gz", folder
    )
    found, missing = ri_standards[~ri_standards.missing], ri_standards[ri_standards.missing]
    print(
        f"n-alkanes C{found.carbon.min()} to C{found.carbon.max()}: "
        f"{len(found)} RI standards found, {len(missing)} missing"
    )
    for row in pd.read_parquet(path).itertuples():
        ions = dict(zip(np.rint(row.mz).astype(int), row.intensity, strict=True))
        if all(ions.get(mass, 0) > 0.02 for mass in THIOETHER.values()):
            heights = ", ".join(f"{mass}: {ions[mass]:.2f}" for mass in THIOETHER.values())
            print(f"CN1C(SCCC(OC)=O)=C(Cl)N=C1 at {row.rt_s:.1f} s, RI {row.ri:.0f}: {heights}")


def etizolam_batch(data: Path, folder: Path) -> None:
    """Align and quantify the batch; print its features, areas of drug and internal standard, and the amounts."""
    with (data / "etizolam" / "samples.tsv").open(encoding="utf-8", newline="") as stream:
        sheet = list(csv.DictReader(stream, delimiter="\t"))
    runs = [data / "etizolam" / f"{row['run']}.D" for row in sheet]
    spectus("convert", *runs, "--out", folder / "mzml", "--runs-table", folder / "runs.parquet")
    spectus("deconvolve", folder / "runs.parquet", "--out", folder / "components.parquet")
    out = ["--out", folder / "features.parquet", "--peak-areas", folder / "peak_areas.parquet"]
    spectus("align", folder / "components.parquet", "--runs-table", folder / "runs.parquet", *out)
    features, peak_areas = pd.read_parquet(folder / "features.parquet"), pd.read_parquet(folder / "peak_areas.parquet")
    confident = features[features.confidence >= CONFIDENT]
    print(f"{len(features)} features in {len(runs)} runs, {len(confident)} with confidence >= {CONFIDENT}")
    for name, window in {"etizolam": (604.0, 632.0), "internal standard": STANDARD_S}.items():
        print(
            f"  at the time of the {name} ({window[0]:g}-{window[1]:g} s): "
            f"{features.rt_s.between(*window).sum()} features, {confident.rt_s.between(*window).sum()} of them"
        )
    drug = np.array([ETIZOLAM_ION in np.rint(mz) for mz in features.mz])
    chosen = {
        "etizolam": features[features.rt_s.between(*ETIZOLAM_S) & drug],
        "internal standard": features[features.rt_s.between(*STANDARD_S)],
    }
    kinds = {row["run"]: f"{row['type']} {row['etizolam_ug_per_ml']}".strip() for row in sheet}
    for name, rows in chosen.items():
        best = rows.sort_values(["n_runs", "snr"], ascending=False).head(1)
        for feature, rt_s in zip(best.feature, best.rt_s, strict=True):
            of_it = peak_areas[peak_areas.feature == feature].set_index("run")
            print(f"{name}: {feature} at {rt_s:.1f} s; area (gap-filled ones in brackets)")
            for run, kind in kinds.items():
                area, filled = of_it.area[run], of_it.gap_filled[run]

                print(f"  {run} {kind:18} {f'({area:.3g})' if filled else f'{area:.3g}'}")
    quantify(folder, sheet, data / "etizolam")


def quantify(folder: Path, sheet: list[dict[str, str]], data: Path) -> None:
    """Print the curve of the stage quantify, and the amounts of all runs that have one."""
    lines = [f"{r['run']},{data / r['run']}.D,{r['type']},{r['etizolam_ug_per_ml'] or ''}" for r in sheet]
    (folder / "samples.csv").write_text("\n".join(["run,path,type,amount", *lines]), encoding="utf-8")
    tables = [folder / "features.parquet", folder / "peak_areas.parquet", "--samples", folder / "samples.csv"]
    options = ["--runs-table", folder / "runs.parquet", "--internal-standard", 390.5, "--unit", "ug/mL"]
    spectus("quantify", *tables, *options, "--out", folder / "amounts.parquet")
    for row in pd.read_parquet(folder / "calibration_curves.parquet").itertuples():
        print(f"{row.compound}: m/z {row.quantifier_mz:g}, {row.model}, weights {row.weighting}, R2 {row.r2:.5f}")
    amounts = pd.read_parquet(folder / "amounts.parquet").merge(pd.DataFrame(sheet), on="run")
    for row in amounts.dropna(subset="amount").itertuples():
        interval = f"{row.amount_low:.1f} to {row.amount_high:.1f}"
        known = row.etizolam_ug_per_ml or ""
        print(f"  {row.run} {row.type:10} {known:6} {row.amount:6.1f} ({interval}) {row.flag or ''}")


if __name__ == "__main__":
    main()
