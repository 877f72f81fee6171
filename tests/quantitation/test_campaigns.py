"""The commands from raw runs to amounts: a public forensic batch, and a simulated dilution series."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spectus.cli import main
from spectus.nominal_mass import to_nominal_mass
from spectus.raw.read import read_run

ROOT = Path(__file__).parents[2]


def run(*words: object) -> None:
    assert main([*map(str, words), "-q"]) == 0


def quantified(folder: Path, sheet: Path, raw: list[Path], *options: object) -> dict[str, pd.DataFrame]:
    """Convert, deconvolve, align and quantify; return the tables of the last stage."""
    tables = {name: folder / f"{name}.parquet" for name in ("runs", "components", "features", "peak_areas")}
    run("convert", *raw, "--out", folder / "mzml", "--runs-table", tables["runs"])
    run("deconvolve", tables["runs"], "--out", tables["components"])
    run(
        "align", tables["components"], "--samples", sheet, "--runs-table", tables["runs"],
        "--out", tables["features"], "--peak-areas", tables["peak_areas"],
    )  # fmt: skip
    run(
        "quantify", tables["features"], tables["peak_areas"], "--samples", sheet, "--runs-table", tables["runs"],
        "--out", folder / "amounts.parquet", *options,
    )  # fmt: skip
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in NAMES}


NAMES = ("amounts", "calibration_curves", "calibration_points", "blank_verdicts", "qc_runs")


@pytest.mark.slow
def test_the_etizolam_batch(shared: Path, tmp_path: Path) -> None:
    folder = shared / "runs" / "etizolam"
    with (folder / "samples.tsv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    sheet = tmp_path / "samples.csv"
    lines = [f"{r['run']},{folder / r['run']}.D,{r['type'].upper()},{r['etizolam_ug_per_ml'] or ''}" for r in rows]
    sheet.write_text("\n".join(["run,path,type,amount", *lines]), encoding="utf-8")
    raw = [folder / f"{row['run']}.D" for row in rows]
    found = quantified(tmp_path, sheet, raw, "--internal-standard", "390", "--unit", "ug/mL")
    (curve,) = found["calibration_curves"].to_dict("records")
    assert 610 < curve["rt_s"] < 620
    assert curve["r2"] > 0.999 and curve["weighted_r2"] > 0.998
    amounts = found["amounts"].set_index("run")
    for row in rows:
        amount, flag = amounts.loc[row["run"], ["amount", "flag"]]
        if row["type"] == "blank":
            assert pd.isna(amount) and flag == "not detected"
        else:
            assert amount > 0 and pd.isna(flag), row["run"]
        if row["type"] == "check":
            assert amount == pytest.approx(float(row["etizolam_ug_per_ml"]), rel=0.05)
    by_hand = amounts_by_hand(rows, tmp_path / "mzml")
    for row in rows:
        if row["type"] == "sample":
            assert amounts.loc[row["run"], "amount"] == pytest.approx(by_hand[row["run"]], rel=0.04)
    assert found["qc_runs"]["flag"].isna().all()
    assert (found["qc_runs"]["injection_source"] == "acquired_at").all()
    verdicts = found["blank_verdicts"].set_index("feature")
    assert verdicts.loc[curve["feature"], "verdict"] == "absent in blanks"


def amounts_by_hand(rows: list[dict[str, str]], mzml: Path) -> dict[str, float]:
    """Sum m/z 342 from 605 to 660 s over m/z 140 from 383 to 398 s, and fit a quadratic curve without weights."""
    ratio = {}
    for row in rows:
        raw = read_run(mzml / f"{row['run']}.mzML")
        mass, rt_s = to_nominal_mass(raw.mz), raw.rt_s[raw.scan]
        drug = raw.intensity[(mass == 342) & (rt_s > 605) & (rt_s < 660)].sum()
        ratio[row["run"]] = drug / raw.intensity[(mass == 140) & (rt_s > 383) & (rt_s < 398)].sum()
    known = {r["run"]: float(r["etizolam_ug_per_ml"]) for r in rows if r["type"] == "calibrator"}
    curve = np.polyfit(list(known.values()), [ratio[name] for name in known], 2)
    found = {}
    for name, value in ratio.items():
        roots = [r.real for r in np.roots(curve - [0, 0, value]) if abs(r.imag) < 1e-9 and r.real > 0]
        found[name] = max(roots, default=float("nan"))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", [52, 907])
def test_a_simulated_dilution_series(tmp_path: Path, seed: int) -> None:
    out = tmp_path / "simulated"
    library = ROOT / "resources" / "libraries" / "PNNLMetV20191015.msp"
    changes = ["compounds=10", "samples=8", "dilution_decades=1.5", "run_s=300", "height_low_counts=1e5"]
    run("simulate", "--library", library, "--preset", "dilution", "--seed", seed, "--out", out, "--set", *changes)
    sheet = pd.read_csv(out / "samples.tsv", sep="\t")
    sheet.loc[[2, 5], "type"] = "qc"
    sheet.to_csv(tmp_path / "sheet.csv", index=False)
    found = quantified(tmp_path, tmp_path / "sheet.csv", sorted(out.glob("*.mzML")))
    curves, points = found["calibration_curves"], found["calibration_points"]
    assert len(curves) >= 9  # of ten compounds
    assert (curves["r2"] > 0.999).all()
    assert points.loc[points["type"] == "qc", "relative_error"].abs().max() < 0.05
    assert not curves["quantifier_mz"].isin([73, 147]).any()
