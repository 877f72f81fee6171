"""The whole stage on a small campaign with known amounts, through the command line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spectus.cli import main
from spectus.quantitation.plots import plot_series
from spectus.quantitation.quantify import TABLES

from .synthetic import SyntheticRun, write_campaign

LEVELS = (5.0, 10.0, 25.0, 50.0, 100.0, 200.0)
SAMPLES = {"s1": 8.0, "s2": 33.0, "s3": 140.0}


def drug(amount: float, standard: float) -> float:
    """Height of the drug: a slightly bent response that follows the standard."""
    return (900 * amount - 0.6 * amount**2) * standard / 1e5


def runs() -> list[SyntheticRun]:
    rng = np.random.default_rng(21)
    heights = iter(1e5 * np.exp(rng.normal(0, 0.2, 30)))
    made = []
    for number, amount in enumerate(LEVELS, 1):
        standard = next(heights)
        made.append(SyntheticRun(f"cal{number}", "calibrator", standard, drug(amount, standard), amount))
        made.append(SyntheticRun(f"blank{number}", "blank", next(heights), 0.0))
    for name, amount in SAMPLES.items():
        standard = next(heights)
        made.append(SyntheticRun(name, "sample", standard, drug(amount, standard), shift_s=0.8))
    for amount in (15.0, 120.0):
        standard = next(heights)
        made.append(SyntheticRun(f"qc{amount:g}", "qc", standard, drug(amount, standard), amount))
    standard = next(heights)
    made.append(SyntheticRun("bad_ratio", "sample", standard, drug(50, standard), ratios={313: 1.8}))
    made.append(SyntheticRun("no_standard", "sample", 0.0, drug(50, 1e5)))
    made.append(SyntheticRun("too_high", "sample", standard, drug(300, standard)))
    made.append(SyntheticRun("negative", "sample", standard, 0.0))
    return made


@pytest.fixture(scope="session")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_campaign(tmp_path_factory.mktemp("quantified"), runs())


Quantify = Callable[..., dict[str, pd.DataFrame]]


@pytest.fixture
def quantify(campaign: dict[str, Path], tmp_path: Path) -> Quantify:
    def run(*options: str, **changed: Path) -> dict[str, pd.DataFrame]:
        files = {**campaign, **changed}
        out = tmp_path / "amounts.parquet"
        code = main(
            [
                "quantify", str(files["features"]), str(files["peak_areas"]), "--samples", str(files["samples"]),
                "--runs-table", str(files["runs"]), "--out", str(out), "--chunk-runs", "50", *options,
            ]
        )  # fmt: skip
        assert code == 0
        return {name: pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("amounts", *TABLES)}

    return run


def test_the_amounts_are_found_without_naming_the_compound(quantify: Quantify) -> None:
    found = quantify("--internal-standard", "390", "--unit", "ng/mL")
    amounts = found["amounts"].set_index("run")
    assert set(amounts["compound"]) == {"F0002"}
    assert set(amounts["unit"]) == {"ng/mL"}
    for run, amount in SAMPLES.items():
        row = amounts.loc[run]
        assert row["amount"] == pytest.approx(amount, rel=0.04)
        assert row["amount_low"] < row["amount"] < row["amount_high"]
        # One interval in twenty misses the amount, so only a gross error is looked for here.
        assert 0.99 * row["amount_low"] < amount < 1.01 * row["amount_high"]
        assert row["flag"] is None or pd.isna(row["flag"])
    (curve,) = found["calibration_curves"].to_dict("records")
    assert curve["r2"] > 0.999
    assert (curve["quantifier_mz"], curve["standard"]) == (342.0, "390")
    assert set(curve["qualifier_mz"]) == {313.0, 266.0}
    points = found["calibration_points"]
    assert points[points["type"] == "qc"]["relative_error"].abs().max() < 0.05
    assert points["used"].sum() == len(LEVELS)


def test_the_flags_say_what_is_wrong(quantify: Quantify) -> None:
    amounts = quantify("--internal-standard", "F0001")["amounts"].set_index("run")
    assert amounts.loc["bad_ratio", "flag"] == "qualifier ratio"
    assert amounts.loc["bad_ratio", "qualifier_error"] == pytest.approx(0.8, abs=0.05)
    assert amounts.loc["no_standard", "flag"] == "standard missing"
    assert pd.isna(amounts.loc["no_standard", "amount"])
    assert amounts.loc["too_high", "flag"] == "above the calibrators"
    assert amounts.loc["too_high", "amount"] == pytest.approx(300, rel=0.1)
    for run in ["negative", *(f"blank{number}" for number in range(1, 7))]:
        assert amounts.loc[run, "flag"] == "not detected"
        assert pd.isna(amounts.loc[run, "amount"])
        assert amounts.loc[run, "amount_low"] == 0.0
        assert 0 < amounts.loc[run, "amount_high"] < LEVELS[0]


def test_without_a_standard_the_areas_count(quantify: Quantify) -> None:
    found = quantify()
    assert found["amounts"]["standard_area"].isna().all()
    assert found["calibration_curves"]["loo_error"][0] > 0.08  # the injections scatter by 20 %
    assert found["qc_runs"]["standard_area"].isna().all()


def test_compounds_ions_and_standards_can_be_named(quantify: Quantify, tmp_path: Path) -> None:
    table = tmp_path / "compounds.csv"
    table.write_text("name,rt_s,quantifier,qualifiers,internal_standard\netizolam,614,313,266 344,390\nghost,450,,,\n")
    found = quantify("--compounds", str(table), "--internal-standard", "none")
    curves = found["calibration_curves"].set_index("compound")
    assert curves.loc["etizolam", "quantifier_mz"] == 313.0
    assert list(curves.loc["etizolam", "qualifier_mz"]) == [266.0, 344.0]
    assert curves.loc["etizolam", "standard"] == "390"
    assert curves.loc["ghost", "reason"] == "no feature or ion was found for the compound"
    flags = found["amounts"].set_index(["compound", "run"])["flag"]
    assert set(flags["ghost"]) == {"compound not found; no curve"}
    amounts = found["amounts"].set_index(["compound", "run"])["amount"]
    assert amounts["etizolam", "s3"] == pytest.approx(140, rel=0.05)


def test_a_compound_without_feature_is_sought_at_its_time(quantify: Quantify, tmp_path: Path) -> None:
    from spectus import tables

    one = tables.table(
        tables.FEATURES, [{"feature": "F0001", "rt_s": 390.0, "n_runs": 1, "mz": [140.0], "intensity": [1.0]}]
    )
    tables.write(one, tmp_path / "one.parquet", tables.FEATURES)
    areas = tables.table(
        tables.PEAK_AREAS,
        [
            {"feature": "F0001", "run": run.name, "component": 1, "rt_s": 390.0 + run.shift_s, "area": 1e5}
            for run in runs()
        ],
    )
    tables.write(areas, tmp_path / "one_areas.parquet", tables.PEAK_AREAS)
    table = tmp_path / "compounds.tsv"
    table.write_text("name\trt_s\tquantifier\tqualifiers\netizolam\t615\t342\t313\n")
    found = quantify(
        "--compounds", str(table), "--internal-standard", "F0001",
        features=tmp_path / "one.parquet", peak_areas=tmp_path / "one_areas.parquet",
    )  # fmt: skip
    amounts = found["amounts"].set_index("run")
    assert amounts["feature"].isna().all()
    assert amounts.loc["s2", "amount"] == pytest.approx(33, rel=0.05)


def test_the_dilution_multiplies_the_amount(quantify: Quantify, campaign: dict[str, Path], tmp_path: Path) -> None:
    lines = campaign["samples"].read_text(encoding="utf-8").splitlines()
    diluted = [f"{lines[0]}\tdilution", *(f"{line}\t{10 if line.startswith('s2') else ''}" for line in lines[1:])]
    (tmp_path / "diluted.tsv").write_text("\n".join(diluted), encoding="utf-8")
    row = quantify("--internal-standard", "390", samples=tmp_path / "diluted.tsv")["amounts"].set_index("run").loc["s2"]
    assert row["amount"] == pytest.approx(330, rel=0.05)
    assert row["amount_low"] < 330 < row["amount_high"]


def test_blanks_and_qc_are_written(quantify: Quantify) -> None:
    found = quantify("--internal-standard", "390")
    verdicts = found["blank_verdicts"].set_index("feature")
    assert verdicts.loc["F0002", "verdict"] == "absent in blanks"
    assert pd.isna(verdicts.loc["F0001", "verdict"])
    assert verdicts.loc["F0001", "reason"] == "internal standard"
    corrected = found["corrected_areas"]
    assert len(corrected) == 2 * len(runs())
    assert corrected[corrected["run"].str.startswith("blank")]["above_blanks"].isna().all()
    qc = found["qc_runs"].set_index("run")
    assert qc.loc["no_standard", "flag"] == "standard missing"
    assert (qc["injection_source"] == "rows").all()
    assert found["qc_features"]["reason"].str.contains("pooled QC samples").all()


def test_subtraction_takes_the_blanks_out(campaign: dict[str, Path], quantify: Quantify, tmp_path: Path) -> None:
    dirty = [
        SyntheticRun(run.name, run.type, run.standard, run.drug + 0.03 * run.standard, run.amount, run.shift_s)
        for run in runs()
        if run.name not in ("no_standard", "bad_ratio")
    ]
    folder = tmp_path / "dirty"
    folder.mkdir()
    paths = write_campaign(folder, dirty)
    kept, subtracted = (
        quantify("--internal-standard", "390", "--compounds", str(_named(tmp_path)), "--blanks", action, **paths)
        for action in ("flag", "subtract")
    )
    # The lowest sample has 2.4 times the response of the blanks.
    assert "like blanks" in kept["amounts"].set_index("run").loc["s1", "flag"]
    amounts = subtracted["amounts"].set_index("run")["amount"]
    assert amounts["s3"] == pytest.approx(140, rel=0.05)
    assert subtracted["calibration_curves"]["intercept"][0] == pytest.approx(0.0, abs=0.02)
    areas = subtracted["corrected_areas"].set_index(["feature", "run"])["corrected_area"]
    assert areas["F0002", "negative"] < 0.3 * areas["F0002", "s1"]


def _named(folder: Path) -> Path:
    path = folder / "named.tsv"
    path.write_text("name\tfeature\nF0002\tF0002\n")
    return path


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--internal-standard", "F0099"], "internal standard 'F0099': no feature of the campaign is it"),
        (["--internal-standard", "500"], "internal standard '500': no feature of the campaign is it"),
        (["--curve", "cubic"], "--curve cubic: is not known"),
        (["--chunk-runs", "0"], "--chunk-runs 0: is below 1"),
        (["--compounds", "none.tsv"], "none.tsv: no such file"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(
    campaign: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    files = [str(campaign[name]) for name in ("features", "peak_areas")]
    arguments = ["quantify", *files, "--samples", str(campaign["samples"]), "--out", str(tmp_path / "a.parquet")]
    assert main([*arguments, *options]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert words in said[-1]
    assert not (tmp_path / "a.parquet").exists()


def test_without_runs_tables_the_rest_is_still_written(campaign: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "amounts.parquet"
    files = [str(campaign[name]) for name in ("features", "peak_areas")]
    assert main(["quantify", *files, "--samples", str(campaign["samples"]), "--out", str(out), "-q"]) == 0
    amounts = pd.read_parquet(out)
    assert amounts["amount"].isna().all()
    assert set(amounts["flag"]) == {"run not measured; no curve"}
    # 20 runs are a chunk; the other five have one blank, and take all of the campaign.
    assert set(pd.read_parquet(tmp_path / "blank_verdicts.parquet")["blank_group"]) == {"chunk 0001", "campaign"}


def test_the_tables_do_not_depend_on_the_order_of_the_rows(
    campaign: dict[str, Path], quantify: Quantify, tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    first = quantify("--internal-standard", "390")
    for name in ("features", "peak_areas"):
        table = pq.read_table(campaign[name])
        pq.write_table(table.take(list(range(table.num_rows))[::-1]), tmp_path / f"{name}_r.parquet")
    second = quantify(
        "--internal-standard", "390", features=tmp_path / "features_r.parquet",
        peak_areas=tmp_path / "peak_areas_r.parquet",
    )  # fmt: skip
    pd.testing.assert_frame_equal(first["amounts"], second["amounts"])


def test_the_series_of_the_plots_hold_no_nan(quantify: Quantify, tmp_path: Path) -> None:
    import json

    import pyarrow.parquet as pq

    quantify("--internal-standard", "390")
    read = {name: pq.read_table(tmp_path / f"{name}.parquet") for name in ("amounts", *TABLES)}
    series = plot_series(read)
    json.dumps(series, allow_nan=False)
    (curve,) = series["calibration"]
    assert curve["points"]["run"][:2] == ["cal1", "cal2"]
    assert set(SAMPLES) <= set(curve["samples"]["run"])
    assert all(low < high for low, high in zip(curve["curve"]["low"], curve["curve"]["high"], strict=True))
    at_known = np.interp(curve["points"]["known"], curve["curve"]["amount"], curve["curve"]["response"])
    assert np.allclose(at_known[:6], curve["points"]["response"][:6], rtol=0.1, atol=0.01)
    assert series["blanks"]["feature"] == ["F0002"]
    assert series["qc"]["runs"]["injection"] == list(range(1, len(runs()) + 1))
    assert plot_series({}) == {
        "calibration": [],
        "blanks": plot_series({})["blanks"],
        "qc": plot_series({})["qc"],
    }


def sheet_with(campaign: dict[str, Path], path: Path, **columns: dict[str, object]) -> Path:
    """Write the sheet with more columns, whose cells are given by run."""
    lines = campaign["samples"].read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    for name, cells in columns.items():
        rows[0].append(name.replace("_", " "))
        for row in rows[1:]:
            row.append(str(cells.get(row[0], "")))
    path.write_text("\n".join("\t".join(row) for row in rows) + "\n", encoding="utf-8")
    return path


def test_a_diluted_calibrator_holds_its_amount_over_the_dilution(
    campaign: dict[str, Path], quantify: Quantify, tmp_path: Path
) -> None:
    lines = campaign["samples"].read_text(encoding="utf-8").splitlines()
    of_run = {line.split("\t")[0]: line.split("\t") for line in lines}
    of_run["cal3"][3] = "250"  # diluted 1 in 10
    of_run["run"].append("dilution")
    for name, cells in of_run.items():
        if name != "run":
            cells.append("10" if name == "cal3" else "")
    sheet = tmp_path / "diluted.tsv"
    sheet.write_text("\n".join("\t".join(cells) for cells in of_run.values()), encoding="utf-8")
    found = quantify("--internal-standard", "390", samples=sheet)
    points = found["calibration_points"].set_index("run")
    assert points.loc["cal3", "known_amount"] == 250.0
    assert points.loc["cal3", "amount"] == pytest.approx(250.0, rel=0.05)
    assert points.loc["cal3", "used"] and pd.isna(points.loc["cal3", "flag"])
    assert found["calibration_curves"]["r2"][0] > 0.999


def test_blanks_without_standard_count_with_the_standard_of_the_other_runs(quantify: Quantify, tmp_path: Path) -> None:
    made = [
        SyntheticRun(run.name, run.type, 0.0 if run.type == "blank" else run.standard, run.drug + 2000.0, run.amount)
        for run in runs()
        if run.name not in ("no_standard", "bad_ratio")
    ]
    folder = tmp_path / "solvent"
    folder.mkdir()
    paths = write_campaign(folder, made)
    options = ["--internal-standard", "390", "--compounds", str(_named(tmp_path))]
    amounts = quantify(*options, **paths)["amounts"].set_index("run")
    assert "like blanks" in amounts.loc["negative", "flag"]
    subtracted = quantify(*options, "--blanks", "subtract", **paths)
    assert subtracted["amounts"].set_index("run").loc["negative", "response"] < 0.01
    assert amounts.loc["negative", "response"] == pytest.approx(0.02, rel=0.3)


def test_the_drift_of_the_amounts_is_corrected_if_so_set(quantify: Quantify, tmp_path: Path) -> None:
    """The compound's signal halves along the sequence, and that of the standard does not."""
    rng = np.random.default_rng(4)
    kinds = [("pooled_qc", None)]
    for level in LEVELS:
        kinds += [("calibrator", level), ("sample", 60.0), ("sample", 60.0), ("pooled_qc", None)]
    made = []
    for place, (kind, amount) in enumerate(kinds):
        factor = 2.0 ** -(place / len(kinds)) * np.exp(rng.normal(0, 0.01))
        height = 900 * (40.0 if kind == "pooled_qc" else amount) * factor
        known = amount if kind == "calibrator" else None
        made.append(SyntheticRun(f"r{place}", kind, 1e5, height, known))
    folder = tmp_path / "drifting"
    folder.mkdir()
    paths = write_campaign(folder, made)
    options = ["--internal-standard", "390", "--compounds", str(_named(tmp_path)), "--curve", "linear"]
    plain, corrected = (quantify(*options, "--drift", action, **paths) for action in ("areas", "amounts"))
    samples = [run.name for run in made if run.type == "sample"]
    spread = {
        name: found["amounts"].set_index("run").loc[samples, "amount"].astype(float)
        for name, found in (("plain", plain), ("corrected", corrected))
    }
    assert np.abs(spread["plain"] / 60 - 1).max() > 0.2
    assert np.abs(spread["corrected"] / 60 - 1).max() < 0.07
    assert plain["amounts"]["drift_factor"].isna().all()
    factors = corrected["amounts"].set_index("run")["drift_factor"]
    assert factors.iloc[0] / factors.iloc[-1] == pytest.approx(2.0, rel=0.1)
    assert "pooled QC samples" in corrected["calibration_curves"]["drift"][0]
    assert pd.isna(plain["calibration_curves"]["drift"][0])


def test_two_compounds_in_one_peak_are_flagged(quantify: Quantify, tmp_path: Path) -> None:
    table = tmp_path / "compounds.csv"
    table.write_text("name,rt_s,quantifier\netizolam,615,342\nanother,614,342\nstandard,390,140\n")
    amounts = quantify("--compounds", str(table))["amounts"]
    shared = amounts[amounts["flag"].str.contains("shared peak", na=False)]
    assert set(shared["compound"]) == {"etizolam", "another"}
    detected = amounts[(amounts["compound"] == "etizolam") & amounts["rt_s"].notna()]
    assert set(detected["run"]) == set(shared["run"])


def test_an_amount_of_a_compound_that_is_unknown_is_said(
    campaign: dict[str, Path], quantify: Quantify, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sheet = sheet_with(campaign, tmp_path / "sheet.tsv", amount_etizolm={"cal1": 5.0})
    quantify("--internal-standard", "390", samples=sheet)
    assert "the column 'amount etizolm' holds amounts of a compound that is not quantified" in caplog.text


def test_one_calibrator_is_enough_for_a_response_factor(
    campaign: dict[str, Path], quantify: Quantify, tmp_path: Path
) -> None:
    lines = campaign["samples"].read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(("cal", "qc")) or line.startswith("cal4")]
    sheet = tmp_path / "one.tsv"
    sheet.write_text("\n".join(kept), encoding="utf-8")
    areas = tmp_path / "areas.parquet"
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from spectus import tables

    table = pq.read_table(campaign["peak_areas"])
    wanted = [line.split("\t")[0] for line in kept[1:]]
    tables.write(table.filter(pc.is_in(table["run"], pc.cast(wanted, "string"))), areas, tables.PEAK_AREAS)
    options = ["--internal-standard", "390", "--compounds", str(_named(tmp_path))]
    auto = quantify(*options, samples=sheet, peak_areas=areas)["calibration_curves"]
    assert auto["reason"][0] == "calibrators with a response have 1 amounts, 3 are needed (1 for a proportional curve)"
    found = quantify(*options, "--curve", "proportional", samples=sheet, peak_areas=areas)
    amounts = found["amounts"].set_index("run")
    assert amounts.loc["s2", "amount"] == pytest.approx(33, rel=0.05)
    assert amounts.loc["s2", ["amount_low", "amount_high"]].isna().all()
    (curve,) = found["calibration_curves"].to_dict("records")
    assert (curve["model"], curve["freedom"], curve["intercept"]) == ("proportional", 0, 0.0)
    read = {name: pq.read_table(tmp_path / f"{name}.parquet") for name in ("amounts", *TABLES)}
    (series,) = plot_series(read)["calibration"]
    assert series["equation"].startswith("y = 0.00") and series["curve"]["low"] == series["curve"]["high"]
