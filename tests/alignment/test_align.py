import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from spectus import tables
from spectus.alignment.align import AlignSettings, align_components, group_medians
from spectus.cli import main
from spectus.errors import InputError
from tests.deconvolution.made_components import component, run_table, spectrum, write_runs, write_sheet

Shift = Callable[[np.ndarray], np.ndarray]
COMPOUNDS = np.arange(20)
TIMES = 120.0 + 45.0 * COMPOUNDS


def made_run(run: str, shift: float | Shift = 0.0, compounds: Iterable[int] = COMPOUNDS, ri: bool = False) -> pa.Table:
    """Compounds every 45 s; the number of the compound is the seed of its spectrum."""
    rows = []
    for seed in compounds:
        true = TIMES[seed]
        rt_s = float(true + (shift(true) if callable(shift) else shift))
        index = {"ri": 10 * true, "ri_extrapolated": bool(seed == 19), "ri_scale": "alkane"} if ri else {}
        rows.append(component(rt_s, spectrum(int(seed)), height=1e5 + 1e4 * seed, **index))
    return run_table(run, rows)


class Aligned:
    """The tables that one call writes, as rows."""

    def __init__(
        self, folder: Path, *files: Path, samples: Path | None = None, runs_tables: Iterable[Path] = ()
    ) -> None:
        self.out, self.areas = folder / "features.parquet", folder / "peak_areas.parquet"
        align_components(files, samples, list(runs_tables), AlignSettings(), self.out, self.areas)
        self.features = tables.read(self.out, tables.FEATURES).to_pylist()
        self.peak_areas = tables.read(self.areas, tables.PEAK_AREAS).to_pylist()

    def members(self) -> list[list[tuple[str, int]]]:
        """Run and component of every feature."""
        found: dict[str, list[tuple[str, int]]] = {row["feature"]: [] for row in self.features}
        for row in self.peak_areas:
            if row["component"] is not None:
                found[row["feature"]].append((row["run"], row["component"]))
        return list(found.values())


def test_shifted_runs_share_their_features(tmp_path: Path) -> None:
    path = write_runs(
        tmp_path / "c.parquet", made_run("a"), made_run("b", 6.0), made_run("c", lambda t: 7 * np.sin(t / 200))
    )
    aligned = Aligned(tmp_path, path)
    assert [row["feature"] for row in aligned.features] == [f"F{n:04d}" for n in range(1, 21)]
    assert [row["n_runs"] for row in aligned.features] == [3] * 20
    assert aligned.members() == [[(run, n) for run in "abc"] for n in range(1, 21)]
    assert all(not row["gap_filled"] for row in aligned.peak_areas)
    first = aligned.features[0]
    assert first["rt_s"] == np.median([row["rt_s"] for row in aligned.peak_areas if row["feature"] == "F0001"])
    assert first["ri"] is None
    assert first["mz"] == sorted(spectrum(0))


def test_the_order_of_the_input_does_not_matter(tmp_path: Path) -> None:
    runs = {
        name: made_run(name, shift, range(k, 20))
        for k, (name, shift) in enumerate((("a", 3.0), ("b", -4.0), ("c", 0.0)))
    }
    one = write_runs(tmp_path / "1.parquet", runs["a"], runs["b"])
    two = write_runs(tmp_path / "2.parquet", runs["c"])
    reverse = write_runs(tmp_path / "3.parquet", runs["c"], runs["b"].take(pa.array(range(18, -1, -1))), runs["a"])
    (tmp_path / "x").mkdir()
    (tmp_path / "y").mkdir()
    first, second = Aligned(tmp_path / "x", one, two), Aligned(tmp_path / "y", reverse)
    assert first.features == second.features
    assert first.peak_areas == second.peak_areas
    assert first.out.read_bytes() == second.out.read_bytes()


def test_coeluting_compounds_stay_apart_and_may_swap(tmp_path: Path) -> None:
    a = run_table("a", [component(300.0, spectrum(1)), component(300.6, spectrum(2)), component(500.0, spectrum(3))])
    b = run_table("b", [component(300.5, spectrum(1)), component(300.1, spectrum(2)), component(500.2, spectrum(3))])
    aligned = Aligned(tmp_path, write_runs(tmp_path / "c.parquet", a, b))
    assert sorted(aligned.members()) == [[("a", 1), ("b", 2)], [("a", 2), ("b", 1)], [("a", 3), ("b", 3)]]


def test_beyond_the_widest_shift_nothing_pairs(tmp_path: Path) -> None:
    a = run_table("a", [component(300.0, spectrum(1))])
    b = run_table("b", [component(330.0, spectrum(1))])
    assert len(Aligned(tmp_path, write_runs(tmp_path / "c.parquet", a, b)).features) == 2


def test_retention_index_leads_where_there_is_one(tmp_path: Path) -> None:
    """A column cut by 40 s of retention changes the times of a batch, not its indices."""
    path = write_runs(tmp_path / "c.parquet", made_run("a", ri=True), made_run("b", 40.0, ri=True))
    aligned = Aligned(tmp_path, path)
    assert aligned.members() == [[("a", n), ("b", n)] for n in range(1, 21)]
    assert [row["ri"] for row in aligned.features] == list(10 * TIMES)
    assert [row["ri_extrapolated"] for row in aligned.features] == [False] * 19 + [True]
    assert {row["ri_scale"] for row in aligned.features} == {"alkane"}


def test_indices_of_two_scales_are_not_averaged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The same compounds have other indices on a FAME scale; the runs are compared by time."""
    rows = made_run("b", ri=True).to_pylist()
    other = tables.table(tables.COMPONENTS, [row | {"ri": row["ri"] - 300, "ri_scale": "fame"} for row in rows[:19]])
    aligned = Aligned(tmp_path, write_runs(tmp_path / "c.parquet", made_run("a", ri=True), other))
    assert [row["n_runs"] for row in aligned.features] == [2] * 19 + [1]
    assert [row["ri"] for row in aligned.features] == [None] * 19 + [10 * TIMES[19]]
    assert [row["ri_scale"] for row in aligned.features] == [None] * 19 + ["alkane"]
    assert caplog.text.count("of several scales (alkane, fame)") == 1


def test_components_too_far_beyond_the_ladder_join_those_of_other_runs(tmp_path: Path) -> None:
    """Their index is null in one run; that run keeps its widest shift, index units."""
    rows = made_run("b", 40.0, ri=True).to_pylist()
    some = tables.table(
        tables.COMPONENTS, [row | ({"ri": None, "ri_scale": None} if k > 17 else {}) for k, row in enumerate(rows)]
    )
    aligned = Aligned(tmp_path, write_runs(tmp_path / "c.parquet", made_run("a", ri=True), some))
    assert aligned.members() == [[("a", n), ("b", n)] for n in range(1, 21)]
    assert [row["ri"] for row in aligned.features] == list(10 * TIMES)


def test_a_run_without_index_joins_by_time(tmp_path: Path) -> None:
    path = write_runs(tmp_path / "c.parquet", made_run("a", ri=True), made_run("b", 4.0, ri=True), made_run("c", -3.0))
    aligned = Aligned(tmp_path, path)
    assert aligned.members() == [[("a", n), ("b", n), ("c", n)] for n in range(1, 21)]


def test_the_best_component_has_the_highest_snr_times_purity(tmp_path: Path) -> None:
    best = {"snr": 500.0, "purity": 0.8}
    rows = {"a": {"snr": 900.0, "purity": 0.4}, "b": best, "c": {"snr": 3000.0, "purity": 0.9, "saturated": True}}
    runs = [
        run_table(run, [component(300.0, spectrum(1) | {300 + len(run): 0.01}, **row)]) for run, row in rows.items()
    ]
    feature = Aligned(tmp_path, write_runs(tmp_path / "c.parquet", *runs)).features[0]
    assert feature["n_runs"] == 3
    assert (feature["best_run"], feature["snr"], feature["purity"]) == ("b", 500.0, 0.8)


def test_replicates_that_lack_a_feature_lower_its_confidence(tmp_path: Path) -> None:
    weak, strong = (component(rt_s, spectrum(seed), confidence=0.8) for rt_s, seed in ((300.0, 1), (400.0, 2)))
    runs = [run_table(run, [weak, strong] if run == "a" else [strong]) for run in "abc"]
    path = write_runs(tmp_path / "c.parquet", *runs)
    sheet = tmp_path / "s.tsv"
    confidence = {}
    for column in ("note", "replicate_of"):
        lines = [f"run\tpath\ttype\t{column}", *(f"{run}\t{run}.D\tsample\tx" for run in "abc")]
        sheet.write_text("\n".join(lines) + "\n")
        confidence[column] = [row["confidence"] for row in Aligned(tmp_path, path, samples=sheet).features]
    alone, everywhere = zip(confidence["note"], confidence["replicate_of"], strict=True)
    assert everywhere[0] == everywhere[1] > 0.8
    assert alone[1] < alone[0] < everywhere[0]


def test_ladders_are_left_out_and_blanks_stay(tmp_path: Path) -> None:
    path = write_runs(
        tmp_path / "c.parquet", made_run("blank", compounds=[0]), made_run("L"), made_run("s", compounds=[0, 1])
    )
    sheet = write_sheet(tmp_path / "s.tsv", ("L", "ladder"), ("blank", "blank"), ("s", "sample"))
    aligned = Aligned(tmp_path, path, samples=sheet)
    assert [row["n_runs"] for row in aligned.features] == [2, 1]
    columns = ("feature", "run", "component", "area", "gap_filled")
    assert [tuple(row[name] for name in columns) for row in aligned.peak_areas] == [
        ("F0001", "blank", 1, 3e5, False), ("F0002", "blank", None, None, False),
        ("F0001", "s", 1, 3e5, False), ("F0002", "s", 2, pytest.approx(3.3e5), False),
    ]  # fmt: skip


def test_one_run_and_no_components(tmp_path: Path) -> None:
    aligned = Aligned(tmp_path, write_runs(tmp_path / "c.parquet", made_run("a")))
    assert [row["n_runs"] for row in aligned.features] == [1] * 20
    assert len(aligned.peak_areas) == 20
    empty = Aligned(tmp_path, write_runs(tmp_path / "none.parquet"))
    assert empty.features == empty.peak_areas == []


def write_raw(path: Path, peaks: Iterable[tuple[float, dict[int, float], float]]) -> Path:
    """An mzML with Gaussian peaks on a flat background."""
    from spectus.raw.mzml import write_mzml
    from spectus.raw.run import Run

    rt_s = np.arange(200.0, 400.0, 0.5)
    masses = np.arange(40, 400)
    signal = np.random.default_rng(3).normal(100, 10, (len(rt_s), len(masses)))
    for apex, ions, height in peaks:
        for mass, value in ions.items():
            signal[:, mass - 40] += height * value / max(ions.values()) * np.exp(-0.5 * ((rt_s - apex) / 1.3) ** 2)
    offsets = np.arange(len(rt_s) + 1) * len(masses)
    run = Run(rt_s, offsets, np.tile(masses.astype(float), len(rt_s)), signal.clip(0).ravel(), "made")
    write_mzml(run, path, "made")
    return path


def runs_table(path: Path, **mzml: Path | None) -> Path:
    rows = [
        {"run": run, "path": run, "status": "ok" if file else "failed", "mzml": str(file) if file else None}
        for run, file in mzml.items()
    ]
    tables.write(tables.table(tables.RUNS, rows), path, tables.RUNS)
    return path


def test_gaps_are_read_from_the_raw_runs(tmp_path: Path) -> None:
    """In b the compound is too small to be perceived; c has no component at all; d could not be read."""
    path = write_runs(
        tmp_path / "c.parquet",
        run_table("a", [component(300.0, spectrum(1)), component(350.0, spectrum(2)), component(190.0, spectrum(3))]),
        run_table("b", [component(352.0, spectrum(2))]),
    )
    small = write_raw(tmp_path / "b.mzML", [(302.0, spectrum(1), 1000.0), (352.0, spectrum(2), 1e5)])
    blank = write_raw(tmp_path / "blank.mzML", [])
    runs = runs_table(tmp_path / "runs.parquet", a=blank, b=small, c=blank, d=None)
    found = {(r["feature"], r["run"]): r for r in Aligned(tmp_path, path, runs_tables=[runs]).peak_areas}
    assert {run for _, run in found} == {"a", "b", "c"}
    expected = 1000.0 * sum(spectrum(1).values()) / max(spectrum(1).values()) * 1.3 * np.sqrt(2 * np.pi)
    gap = found["F0002", "b"]
    assert gap["gap_filled"]
    assert gap["component"] is None
    assert gap["area"] == pytest.approx(expected, rel=0.1)
    assert gap["rt_s"] == pytest.approx(302.0, abs=0.7)
    assert found["F0002", "c"]["gap_filled"]
    assert found["F0002", "c"]["area"] < 0.05 * expected
    outside = found["F0001", "b"]
    assert (outside["area"], outside["gap_filled"]) == (None, False)


def test_wrong_input_leaves_no_output(tmp_path: Path) -> None:
    one = write_runs(tmp_path / "1.parquet", made_run("a"))
    two = write_runs(tmp_path / "2.parquet", made_run("a"))
    with pytest.raises(InputError, match=r"2\.parquet: run 'a' is also in .*1\.parquet"):
        Aligned(tmp_path, one, two)
    with pytest.raises(InputError, match="run 'a' is not in the sheet"):
        Aligned(tmp_path, one, samples=write_sheet(tmp_path / "s.tsv", ("b", "sample")))
    with pytest.raises(InputError, match="run 'a' is in no runs table"):
        Aligned(tmp_path, one, runs_tables=[runs_table(tmp_path / "r.parquet", b=one)])
    with pytest.raises(InputError, match=r"gone\.mzML: no such file"):
        Aligned(tmp_path, one, runs_tables=[runs_table(tmp_path / "r.parquet", a=tmp_path / "gone.mzML")])
    assert not (tmp_path / "features.parquet").exists()


def test_settings_out_of_range(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["align", "c.parquet", "--out", str(tmp_path / "f"), "--peak-areas", str(tmp_path / "a")]
    for option, value in (("--min-similarity", "1.5"), ("--max-rt-shift", "0"), ("--max-ri-shift", "-3")):
        assert main([*arguments, option, value]) == 2
        assert f"{option} {float(value)}" in capsys.readouterr().err


def test_group_medians() -> None:
    values, label = np.array([3.0, 1.0, np.nan, 5.0, np.nan]), np.array([0, 0, 0, 2, 1])
    np.testing.assert_array_equal(group_medians(values, label), [2.0, np.nan, 5.0])
    assert len(group_medians(np.empty(0), np.empty(0, dtype=int))) == 0


def drifting_campaign(n_runs: int, n_compounds: int, seed: int) -> tuple[list[pa.Table], dict[tuple[str, int], int]]:
    """Runs with about 70 % of the compounds, each drifting by up to 10 s, with noise; and the ground truth."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(200, 1700, n_compounds))
    ions = [spectrum(1000 * seed + compound, 40) for compound in range(n_compounds)]
    runs, ground_truth = [], {}
    for number in range(n_runs):
        phase, bends = rng.uniform(0, 2 * np.pi, 2), rng.uniform(1, 2.5, 2)
        shift = 5 * sum(np.sin(bend * 2 * np.pi * times / 1700 + p) for bend, p in zip(bends, phase, strict=True))
        rows = []
        for compound in np.flatnonzero(rng.random(n_compounds) < 0.7):
            noisy = {mass: value * float(np.exp(rng.normal(0, 0.2))) for mass, value in ions[compound].items()}
            kept = {mass: value for mass, value in noisy.items() if value > 0.05}
            rt_s = float(times[compound] + shift[compound] + rng.normal(0, 0.15))
            rows.append((component(rt_s, kept, height=10 ** rng.uniform(3.5, 6)), int(compound)))
        rows.sort(key=lambda row: row[0]["rt_s"])
        run = f"r{number:03d}"
        runs.append(run_table(run, [row for row, _ in rows]))
        ground_truth |= {(run, place): compound for place, (_, compound) in enumerate(rows, 1)}
    return runs, ground_truth


def test_nearly_all_pairs_are_right_under_drift(tmp_path: Path) -> None:
    runs, ground_truth = drifting_campaign(12, 150, seed=4)
    members = Aligned(tmp_path, write_runs(tmp_path / "c.parquet", *runs)).members()
    sizes = np.bincount(list(ground_truth.values()))
    together = [np.unique([ground_truth[member] for member in feature], return_counts=True)[1] for feature in members]
    right = sum(int((counts * (counts - 1)).sum()) for counts in together)
    claimed = sum(int(counts.sum() * (counts.sum() - 1)) for counts in together)
    assert right / claimed > 0.99
    assert right / (sizes * (sizes - 1)).sum() > 0.99


@pytest.mark.slow
def test_etizolam_batch(shared: Path, tmp_path: Path) -> None:
    """Etizolam is in every calibrator, check and case sample of this batch, and in no blank."""
    from spectus.deconvolution.deconvolve import deconvolve
    from spectus.raw.mzml import write_mzml
    from spectus.raw.read import read_run

    folder = shared / "runs" / "etizolam"
    with (folder / "samples.tsv").open() as handle:
        kind = {row["run"]: row["type"] for row in csv.DictReader(handle, delimiter="\t")}
    components, mzml = [], {}
    for run in kind:
        raw = read_run(folder / f"{run}.D")
        mzml[run] = tmp_path / f"{run}.mzML"
        write_mzml(raw, mzml[run], run)
        components.append(deconvolve(raw, run))
    sheet = write_sheet(tmp_path / "s.tsv", *kind.items())
    path = write_runs(tmp_path / "c.parquet", *components)
    aligned = Aligned(tmp_path, path, samples=sheet, runs_tables=[runs_table(tmp_path / "runs.parquet", **mzml)])
    perceived: dict[str, set[str]] = {}
    areas: dict[str, dict[str, float]] = {}
    for row in aligned.peak_areas:
        areas.setdefault(row["feature"], {})[row["run"]] = row["area"]
        if row["component"] is not None:
            perceived.setdefault(row["feature"], set()).add(row["run"])
    positive = {run for run, type_ in kind.items() if type_ != "blank"}
    near = {row["feature"]: row["rt_s"] for row in aligned.features}
    etizolam = [name for name, rt_s in near.items() if 612 < rt_s < 619 and perceived[name] >= positive]
    assert len(etizolam) == 1
    assert perceived[etizolam[0]] == positive
    lowest = min(areas[etizolam[0]][run] for run in positive)
    assert max(areas[etizolam[0]][run] for run in kind.keys() - positive) < 0.05 * lowest
    assert any(389 < rt_s < 392 and perceived[name] == set(kind) for name, rt_s in near.items())
    assert sum(row["confidence"] >= 0.5 for row in aligned.features) <= 25
    beside = [row for row in aligned.features if 600 < row["rt_s"] < 640 or 385 < row["rt_s"] < 396]
    assert [row["feature"] for row in beside if row["confidence"] >= 0.5 and row["n_runs"] < 10] == []
    assert len(beside) <= 4
