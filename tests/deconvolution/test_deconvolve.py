"""Deconvolution as a user relies on it: what was put into a run comes out, and nothing else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from spectus.deconvolution.deconvolve import deconvolve
from spectus.deconvolution.settings import DeconvolutionSettings
from spectus.library.records import read_spectra
from spectus.raw.read import read_run
from spectus.raw.run import Run
from spectus.simulation import presets
from spectus.simulation.runs import simulate
from spectus.simulation.scoring import ion_errors, match, score
from tests.deconvolution.made_runs import FWHM_S, MASSES, SCAN_S, Eluting, made_run, spectrum

LIBRARY = Path(__file__).parents[2] / "resources" / "libraries" / "PNNLMetV20191015.msp"


def components(run: Run, settings: DeconvolutionSettings | None = None) -> pd.DataFrame:
    return deconvolve(run, "r", settings or DeconvolutionSettings()).to_pandas()


def cosine(row: pd.Series, ground_truth: dict[int, float]) -> float:
    """Plain cosine of square-root intensities."""
    found = dict(zip(np.rint(row.mz).astype(int).tolist(), row.intensity, strict=True))
    masses = sorted({*found, *ground_truth})
    a, b = (np.sqrt([side.get(mass, 0.0) for mass in masses]) for side in (found, ground_truth))
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def best(table: pd.DataFrame, compound: Eluting) -> tuple[pd.Series, float]:
    """The component most like a compound within one peak width of it, and the cosine."""
    near = table[(table.rt_s - compound.rt_s).abs() <= FWHM_S]
    likeness = [cosine(row, compound.spectrum) for _, row in near.iterrows()]
    return near.iloc[int(np.argmax(likeness))], max(likeness)


def test_one_compound() -> None:
    compound = Eluting(spectrum(1), 90.1, 1e5)
    table = components(made_run([compound]))
    assert len(table) == 1
    row, likeness = best(table, compound)
    assert likeness > 0.99
    assert row.rt_s == pytest.approx(90.1, abs=0.1)
    assert row.rt_start_s < row.rt_s < row.rt_end_s
    true_area = 1e5 * sum(compound.spectrum.values()) * FWHM_S * np.sqrt(np.pi / np.log(2)) / 2
    assert row.area == pytest.approx(true_area, rel=0.05)
    assert row.purity > 0.9
    assert row.n_peaks == len(row.mz) == len(row.intensity)
    assert max(row.intensity) == 1.0
    assert (np.diff(row.mz) > 0).all()
    assert np.isnan(row.ri)
    assert not row.saturated


@pytest.mark.parametrize(("distance", "least"), [(0.5, 0.95), (0.3, 0.9)])
@pytest.mark.parametrize("ratio", [1.0, 0.2])
def test_co_eluting_compounds_are_separated(distance: float, least: float, ratio: float) -> None:
    pair = [Eluting(spectrum(2), 90.0, 1e5), Eluting(spectrum(3), 90.0 + distance * FWHM_S, ratio * 1e5)]
    table = components(made_run(pair))
    assert len(table) == 2
    assert all(best(table, compound)[1] > least for compound in pair)
    assert table.rt_s.diff().iloc[1] == pytest.approx(distance * FWHM_S, abs=0.2)


def test_ions_that_two_compounds_share_are_divided_between_them() -> None:
    shared = {mass: 0.8 for mass in (73, 147, 207)}
    pair = [Eluting(spectrum(4) | shared, 90.0, 1e5), Eluting(spectrum(5) | shared, 91.8, 5e4)]
    table = components(made_run(pair))
    assert all(best(table, compound)[1] > 0.95 for compound in pair)


def test_noise_and_a_hump_hold_no_components() -> None:
    assert len(components(made_run([]))) == 0
    assert len(components(made_run([], hump=1e3))) <= 1


def test_a_peak_on_a_hump_is_found_without_the_hump() -> None:
    compound = Eluting(spectrum(6), 85.0, 5e4)
    row, likeness = best(components(made_run([compound], hump=1e3)), compound)
    assert likeness > 0.97
    assert row.area == pytest.approx(best(components(made_run([compound])), compound)[0].area, rel=0.15)


def test_areas_follow_the_amount() -> None:
    heights = np.geomspace(1e3, 1e6, 7)
    areas = [
        best(components(made_run([Eluting(spectrum(1), 90.0, h)])), Eluting(spectrum(1), 90.0, h))[0].area
        for h in heights
    ]
    assert np.allclose(areas / heights, areas[-1] / heights[-1], rtol=0.05)


def r_squared(x: np.ndarray, y: np.ndarray) -> float:
    slope, intercept = np.polyfit(x, y, 1)
    return 1 - float(np.var(y - slope * x - intercept) / np.var(y))


@pytest.mark.parametrize(("distance", "least"), [(3.0, 0.999), (0.5, 0.99)])
def test_areas_are_linear_over_four_decades(distance: float, least: float) -> None:
    """Beside a neighbor of constant amount, isolated from it or at half a width; small amounts count too."""
    neighbor = Eluting(spectrum(2), 90.0, 3e4)
    heights = np.geomspace(1e3, 1e7, 9)
    areas = np.array(
        [
            best(components(made_run([compound, neighbor])), compound)[0].area
            for compound in (Eluting(spectrum(1), 90.0 - distance * FWHM_S, height) for height in heights)
        ]
    )
    assert r_squared(heights, areas) > least
    assert r_squared(np.log10(heights), np.log10(areas)) > least


@pytest.mark.parametrize("late_s", [0.0, 0.5, 1.0])
def test_a_peak_wider_than_the_others_stays_one_component(late_s: float) -> None:
    """As where a compound sticks to the column: twice as wide as all others, its heavy ions late."""
    others = [Eluting(spectrum(seed), 15.0 + 12.0 * seed, 2e5) for seed in range(5)]
    late = spectrum(20, 60)
    parts = [(mass, share, late_s * (mass - MASSES[0]) / np.ptp(MASSES)) for mass, share in late.items()]
    wide = [Eluting({mass: share}, 140.0 + delay, 2.5e4) for mass, share, delay in parts]
    table = components(made_run([*others, *wide], widths=[FWHM_S] * len(others) + [2 * FWHM_S] * len(wide)))
    near = table[(table.rt_s - 140.0).abs() < 2 * FWHM_S].sort_values("area", ascending=False)
    assert near.area.iloc[0] > 0.9 * near.area.sum()
    assert cosine(near.iloc[0], late) > 0.97


def test_a_saturated_compound_is_flagged_and_its_spectrum_restored() -> None:
    """The detector clips the six strongest ions; the masked points are not used, so their heights come back."""
    compound = Eluting(spectrum(7), 90.0, 1e6)
    clipped = made_run([compound], ceiling=5e5)
    table = components(clipped)
    row, likeness = best(table, compound)
    assert row.saturated
    assert likeness > 0.97
    assert len(table) == 1


def test_skew_is_found_and_undone() -> None:
    compounds = [Eluting(spectrum(seed, 40), 20.0 + 12.0 * seed, 2e5) for seed in range(12)]
    table = components(made_run(compounds, skew_scans=1.0))
    assert len(table) == len(compounds)
    assert min(best(table, compound)[1] for compound in compounds) > 0.98


def test_too_few_ions_are_no_component() -> None:
    run = made_run([Eluting({91: 1.0, 92: 0.6}, 90.0, 1e5)])
    assert len(components(run)) == 0
    assert len(components(run, DeconvolutionSettings(min_ions=2))) == 1


def test_a_run_of_weak_peaks_alone() -> None:
    """As in a blank: no strong peak tells how wide peaks are."""
    compounds = [Eluting(spectrum(seed), 30.0 + 30.0 * seed, 1.5e3) for seed in range(4)]
    table = components(made_run(compounds))
    assert len(table) == 4
    assert min(best(table, compound)[1] for compound in compounds) > 0.85


@pytest.mark.parametrize("n_scans", [2, 5, 12, 30])
def test_short_runs_do_not_fail(n_scans: int) -> None:
    deconvolve(made_run([Eluting(spectrum(1), 2.0, 1e5)], n_scans=n_scans), "short")


def test_peaks_at_the_ends_of_the_run() -> None:
    compounds = [Eluting(spectrum(1), 0.0, 1e5), Eluting(spectrum(2), 90.0, 1e5), Eluting(spectrum(3), 179.7, 1e5)]
    table = components(made_run(compounds))
    assert best(table, compounds[1])[1] > 0.98
    assert table.rt_start_s.min() >= 0
    assert table.rt_end_s.max() <= 179.8


def test_a_gap_in_the_scans() -> None:
    """The detector was off for a minute: peaks on both sides are found, none in between."""
    times = np.concatenate([SCAN_S * np.arange(300), 150.0 + SCAN_S * np.arange(300)])
    compounds = [Eluting(spectrum(1), 60.0, 1e5), Eluting(spectrum(2), 200.0, 1e5)]
    table = components(made_run(compounds, times=times))
    assert sorted(table.rt_s.round()) == [60.0, 200.0]


def test_the_same_run_gives_the_same_components() -> None:
    run = made_run([Eluting(spectrum(seed), 30.0 + 7 * seed, 1e4 * (seed + 1)) for seed in range(15)])
    assert deconvolve(run, "r").equals(deconvolve(run, "r"))


def test_the_simulated_benchmark() -> None:
    """Seed 101 was not used to set anything; the bars are those of a regression, below what is reached."""
    library = read_spectra(LIBRARY)
    settings = presets.settings_for("benchmark", ["compounds=80", "run_s=900"])
    (simulated,) = simulate(library, settings, seed=101)
    result = score(deconvolve(simulated.run, simulated.name), simulated.ground_truth)
    assert result.recall_80 > 0.85
    assert result.false <= 12


@pytest.fixture(scope="module")
def crowd() -> tuple[pa.Table, pa.Table]:
    """Components and ground truth of a simulated run whose seed was not used to set anything."""
    (simulated,) = simulate(read_spectra(LIBRARY), presets.settings_for("benchmark", ["run_s=1000"]), seed=102)
    return deconvolve(simulated.run, simulated.name), simulated.ground_truth


def test_pure_components_have_true_spectra(crowd: tuple[pa.Table, pa.Table]) -> None:
    found = match(*crowd)
    purity = crowd[0]["purity"].to_numpy()[found.component]
    assert np.median(found.cosine[(found.component >= 0) & (purity > 0.9)]) > 0.97


def test_relative_intensity_error_is_the_size_of_the_errors(crowd: tuple[pa.Table, pa.Table]) -> None:
    """About 68 % of the intensities lie within their standard error of the ground truth."""
    reported, errors = ion_errors(*crowd)
    assert len(reported) > 2000
    for low, high in ((0.0, 0.05), (0.05, 0.2), (0.2, 1.01)):
        chosen = (reported >= low) & (reported < high)
        assert 0.55 < np.mean(errors[chosen] <= reported[chosen]) < 0.85


def test_etizolam_follows_a_quadratic_curve(shared: Path) -> None:
    """Calibrators of 25 to 250 ug/mL against the internal standard predict the check standards of 40 and 125 ug/mL."""
    folder = shared / "runs" / "etizolam"
    sheet = pd.read_csv(folder / "samples.tsv", sep="\t", dtype={"run": str})
    standards = sheet[sheet.type.isin(["calibrator", "check"])]
    ratios = [area_ratio(components(read_run(folder / f"{run}.D"))) for run in standards.run]
    known = standards.assign(ratio=ratios).rename(columns={"etizolam_ug_per_ml": "amount"})
    calibrators, checks = (known[known.type == kind] for kind in ("calibrator", "check"))
    curve = np.polyfit(calibrators.amount, calibrators.ratio, 2, w=1 / np.sqrt(calibrators.amount))
    for check in checks.itertuples():
        roots = np.roots(curve - [0, 0, check.ratio])
        predicted = min(root.real for root in roots if abs(root.imag) < 1e-9 and root.real > 0)
        assert predicted == pytest.approx(check.amount, rel=0.1)


def area_ratio(table: pd.DataFrame) -> float:
    """Area of etizolam over that of its internal standard: the largest component at the time of each."""
    drug, standard = (table[table.rt_s.between(*times)].area.max() for times in ((610.0, 622.0), (386.0, 395.0)))
    return float(drug / standard)


def test_a_real_run(shared: Path) -> None:
    run = read_run(shared / "runs" / "tms_mix" / "GC01_0812_066.D")
    table = deconvolve(run, "gc01")
    assert isinstance(table, pa.Table)
    assert 250 < table.num_rows < 700
    assert set(np.unique(np.diff(table["component"].to_numpy()))) == {1}
    assert (np.diff(table["rt_s"].to_numpy()) >= 0).all()


@pytest.mark.parametrize("name", ["eley/ELEY_2_SUBTRACT.JDX", "gasoline/agilent-gcms.cdf"])
def test_other_real_runs(shared: Path, name: str) -> None:
    assert deconvolve(read_run(shared / "runs" / name), "r").num_rows > 5
