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
