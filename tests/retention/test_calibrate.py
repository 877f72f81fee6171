from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectus import tables
from spectus.cli import main
from spectus.errors import InputError
from spectus.retention.calibrate import calibrate_components, nearest_ladders
from spectus.samples import Sample
from tests.deconvolution.made_components import alkane, component, fame, run_table, spectrum, write_runs, write_sheet


def ladder(run: str, shift_s: float = 0.0, carbons: range = range(10, 21)) -> pa.Table:
    return run_table(run, [component(30.0 * n + shift_s, alkane(n)) for n in carbons])


def sample(run: str, *times: float) -> pa.Table:
    return run_table(run, [component(rt_s, spectrum(seed)) for seed, rt_s in enumerate(times)])


def indices(path: Path) -> dict[str, list[float | None]]:
    rows = tables.read(path, tables.COMPONENTS).to_pylist()
    return {run: [row["ri"] for row in rows if row["run"] == run] for run in {row["run"] for row in rows}}


def test_a_given_ladder_calibrates_every_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write_runs(tmp_path / "a.parquet", sample("s1", 315.0, 900.0), sample("s2", 585.0))
    second = write_runs(tmp_path / "b.parquet", sample("s3", 301.5))
    ri_standards = write_runs(tmp_path / "ladder.parquet", ladder("L", carbons=range(10, 20, 3)))
    out = tmp_path / "out.parquet"
    calibrate_components([first, second], [ri_standards], None, "auto", out, tmp_path / "ri_standards.parquet")
    found = indices(out)
    assert found["s1"] == [pytest.approx(1050), None]
    np.testing.assert_allclose(found["s2"] + found["s3"], [1950, 1005])
    assert tables.read(out, tables.COMPONENTS)["ri_scale"].to_pylist() == ["alkane", None, "alkane", "alkane"]
    assert tables.read(out, tables.COMPONENTS)["ri_extrapolated"].to_pylist() == [False, True, True, False]
    assert pq.ParquetFile(out).num_row_groups == 3
    assert tables.read(tmp_path / "ri_standards.parquet", tables.RI_STANDARDS)["missing"].to_pylist()[:4] == [
        False,
        True,
        True,
        False,
    ]
    error = capsys.readouterr().err
    assert "L: n-alkanes C10 to C19, 4 RI standards found, missing C11, C12, C14, C15, C17, C18" in error


def test_all_other_columns_pass_unchanged(tmp_path: Path) -> None:
    path = write_runs(tmp_path / "a.parquet", sample("s1", 315.0, 400.0), ladder("L"))
    out = tmp_path / "out.parquet"
    sheet = write_sheet(tmp_path / "s.tsv", ("s1", "sample"), ("L", "ladder"))
    calibrate_components([path], None, sheet, "alkane", out, tmp_path / "ri_standards.parquet")
    before, after = tables.read(path, tables.COMPONENTS), tables.read(out, tables.COMPONENTS)
    others = [name for name in before.schema.names if name not in ("ri", "ri_extrapolated", "ri_scale")]
    assert after.select(others).equals(before.select(others))
    assert set(after["ri_scale"].to_pylist()) == {"alkane"}
    np.testing.assert_allclose(indices(out)["L"], 100.0 * np.arange(10, 21), rtol=1e-12)


def test_two_ladder_runs_make_one_scale(tmp_path: Path) -> None:
    """The light and the heavy alkanes are often injected separately."""
    path = write_runs(tmp_path / "a.parquet", sample("s1", 30.0 * 20.5))
    light = write_runs(tmp_path / "light.parquet", ladder("light", carbons=range(10, 21)))
    heavy = write_runs(tmp_path / "heavy.parquet", ladder("heavy", carbons=range(20, 31)))
    out = tmp_path / "out.parquet"
    calibrate_components([path], [light, heavy], None, "auto", out, tmp_path / "ri_standards.parquet")
    assert indices(out)["s1"] == [pytest.approx(2050)]
    assert not tables.read(out, tables.COMPONENTS)["ri_extrapolated"].to_pylist()[0]
    other = write_runs(tmp_path / "fame.parquet", run_table("F", [component(40.0 * n, fame(n)) for n in range(8, 20)]))
    with pytest.raises(InputError, match="FAME and n-alkanes"):
        calibrate_components([path], [light, other], None, "auto", out, tmp_path / "ri_standards.parquet")


def test_two_kinds_of_ladder_in_one_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fames = run_table("F", [component(40.0 * n, fame(n)) for n in range(8, 20)])
    path = write_runs(tmp_path / "a.parquet", ladder("L"), fames, sample("s1", 330.0))
    sheet = write_sheet(tmp_path / "s.tsv", ("L", "ladder"), ("F", "ladder"), ("s1", "sample"))
    out, ri_standards = tmp_path / "out.parquet", tmp_path / "ri_standards.parquet"
    with pytest.raises(InputError, match=r"L, F: are ladders of FAME and n-alkanes.*--series"):
        calibrate_components([path], None, sheet, "auto", out, ri_standards)
    calibrate_components([path], None, sheet, "alkane", out, ri_standards)
    assert indices(out)["s1"] == [pytest.approx(1100)]
    assert "F: shows no ladder of n-alkanes" in capsys.readouterr().err


def runs_of_sheet(*rows: str) -> list[Sample]:
    cells = [row.split() for row in rows]
    return [Sample(row[0], Path(row[0]), row[1], None, row[2] if len(row) > 2 else None) for row in cells]


def test_which_ladder_a_run_uses() -> None:
    sheet = runs_of_sheet(
        "s0 sample", "L1 ladder A", "s1 sample A", "s2 sample B", "L2 ladder A", "s3 sample A", "L3 ladder B",
        "s4 sample", "s5 sample C",
    )  # fmt: skip
    assert nearest_ladders(sheet, ["L3", "L2", "L1"]) == {
        "s0": "L1", "L1": "L1", "s1": "L1", "s2": "L3", "L2": "L2", "s3": "L2", "L3": "L3", "s4": "L3", "s5": "L3",
    }  # fmt: skip
    assert nearest_ladders(sheet, ["L2"])["s0"] == "L2"
    assert nearest_ladders(sheet, []) == {}


def test_batches_use_their_own_ladder(tmp_path: Path) -> None:
    path = write_runs(
        tmp_path / "a.parquet", ladder("L1"), sample("s1", 330.0), ladder("L2", shift_s=15.0), sample("s2", 330.0)
    )
    sheet = write_sheet(
        tmp_path / "s.tsv", ("L1", "ladder", "A"), ("L2", "ladder", "B"), ("s1", "sample", "A"), ("s2", "sample", "B")
    )
    out, ri_standards = tmp_path / "out.parquet", tmp_path / "ri_standards.parquet"
    calibrate_components([path], None, sheet, "auto", out, ri_standards)
    found = indices(out)
    assert (found["s1"], found["s2"]) == ([pytest.approx(1100)], [pytest.approx(1050)])
    assert tables.read(ri_standards, tables.RI_STANDARDS)["run"].unique().to_pylist() == ["L1", "L2"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("s1", "sample")], "no ladder run among the components"),
        ([("s1", "sample"), ("L", "ladder")], "L: the ladder run has no components and is not used"),
        ([("s1", "ladder")], "s1: shows no ladder of n-alkanes or FAME"),
    ],
    ids=["none in the sheet", "failed run", "no ladder in the ladder run"],
)
def test_without_a_ladder_the_components_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[tuple[str, ...]], words: str
) -> None:
    path = write_runs(tmp_path / "a.parquet", sample("s1", 315.0, 400.0))
    out, ri_standards = tmp_path / "out.parquet", tmp_path / "ri_standards.parquet"
    arguments = ["calibrate", str(path), "--samples", str(write_sheet(tmp_path / "s.tsv", *rows))]
    assert main([*arguments, "--out", str(out), "--ri-standards", str(ri_standards)]) == 0
    assert indices(out) == {"s1": [None, None]}
    assert tables.read(ri_standards, tables.RI_STANDARDS).num_rows == 0
    error = capsys.readouterr().err
    assert words in error
    assert "retention indices stay empty" in error


def test_runs_without_components(tmp_path: Path) -> None:
    tables.write(tables.COMPONENTS.empty_table(), tmp_path / "a.parquet", tables.COMPONENTS)
    sheet = write_sheet(tmp_path / "s.tsv", ("s1", "sample"))
    calibrate_components([tmp_path / "a.parquet"], None, sheet, "auto", tmp_path / "o.parquet", tmp_path / "r.parquet")
    assert tables.read(tmp_path / "o.parquet", tables.COMPONENTS).num_rows == 0
    with pytest.raises(InputError, match="holds no components"):
        calibrate_components(
            [tmp_path / "a.parquet"],
            [tmp_path / "a.parquet"],
            None,
            "auto",
            tmp_path / "o.parquet",
            tmp_path / "r.parquet",
        )


def test_wrong_input_leaves_no_output(tmp_path: Path) -> None:
    out, ri_standards = tmp_path / "out.parquet", tmp_path / "ri_standards.parquet"
    first = write_runs(tmp_path / "a.parquet", sample("s1", 315.0), ladder("L"))
    again = write_runs(tmp_path / "b.parquet", sample("s1", 315.0))
    with pytest.raises(InputError, match=r"b\.parquet: run 's1' is also in .*a\.parquet"):
        calibrate_components([first, again], [first], None, "auto", out, ri_standards)
    with pytest.raises(InputError, match="given twice"):
        calibrate_components([again, again], [first], None, "auto", out, ri_standards)
    with pytest.raises(InputError, match="run 'L' is not in the sheet"):
        calibrate_components(
            [first], None, write_sheet(tmp_path / "s.tsv", ("s1", "sample")), "auto", out, ri_standards
        )
    with pytest.raises(InputError, match="s1: shows no ladder"):
        calibrate_components([first], [again], None, "auto", out, ri_standards)
    with pytest.raises(InputError, match="no such file"):
        calibrate_components([tmp_path / "none.parquet"], [first], None, "auto", out, ri_standards)
    assert not out.exists()
    assert not ri_standards.exists()
