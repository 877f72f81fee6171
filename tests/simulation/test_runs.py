"""Simulated runs: what was put in is what is there, and each part of the instrument does what it should."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from spectus import tables
from spectus.errors import InputError
from spectus.nominal_mass import to_nominal_mass
from spectus.raw.run import Run
from spectus.simulation.ladder import carbon_numbers
from spectus.simulation.presets import settings_for
from spectus.simulation.runs import SimulatedRun, simulate

QUIET = ["bleed_counts=0", "air_counts=0", "chemical_noise_counts=0", "hump_counts=0", "noise_factor=0"]
SILENT = [*QUIET, "noise_floor_counts=0", "threshold_counts=0"]


def one_run(library: pa.Table, overrides: Sequence[str], preset: str = "benchmark", seed: int = 1) -> SimulatedRun:
    return next(simulate(library, settings_for(preset, overrides), seed))


def trace(run: Run, mass: int) -> NDArray[np.float64]:
    """Ion current of one nominal mass over the scans."""
    chosen = to_nominal_mass(run.mz) == mass
    return np.bincount(run.scan[chosen], weights=run.intensity[chosen], minlength=run.n_scans)


def base_mass(row: dict) -> int:
    return int(row["mz"][int(np.argmax(row["intensity"]))])


def test_a_lone_compound_is_recorded_as_the_ground_truth_says(library: pa.Table) -> None:
    made = one_run(library, ["compounds=1", "run_s=60", "scan_s=0.05", "height_low_counts=1e6", *SILENT])
    (row,) = made.ground_truth.to_pylist()
    base = trace(made.run, base_mass(row))
    assert made.run.rt_s[base.argmax()] == pytest.approx(row["rt_s"], abs=0.05)
    assert base.max() == pytest.approx(row["height"], rel=1e-3)
    above = made.run.rt_s[base >= base.max() / 2]
    assert above[-1] - above[0] == pytest.approx(row["fwhm_s"], abs=0.1)
    assert made.run.tic.sum() * 0.05 == pytest.approx(row["area"], rel=1e-3)
    apex = made.run.scan == base.argmax()
    assert to_nominal_mass(made.run.mz[apex]).tolist() == row["mz"]
    assert made.run.intensity[apex] / made.run.intensity[apex].max() == pytest.approx(row["intensity"], abs=1e-3)
    assert row["nearest_s"] is None


def test_overlapping_compounds_add_up(library: pa.Table) -> None:
    overrides = ["compounds=12", "run_s=60", "scan_s=0.1", *SILENT]
    made = one_run(library, overrides)
    assert made.run.tic.sum() * 0.1 == pytest.approx(np.sum(made.ground_truth["area"].to_numpy()), rel=1e-2)
    rt_s = np.sort(made.ground_truth["rt_s"].to_numpy())
    assert np.min(made.ground_truth["nearest_s"].to_numpy()) == pytest.approx(np.diff(rt_s).min())


def test_same_seed_same_run_other_seed_other_run(library: pa.Table) -> None:
    overrides = ["run_s=100", "compounds=10"]
    first, second, other = (one_run(library, overrides, seed=seed) for seed in (4, 4, 5))
    assert first.ground_truth.equals(second.ground_truth)
    assert np.array_equal(first.run.intensity, second.run.intensity)
    assert np.array_equal(first.run.mz, second.run.mz)
    assert first.ground_truth["name"].to_pylist() != other.ground_truth["name"].to_pylist()


def test_noise_has_the_set_spread(library: pa.Table) -> None:
    level = ["compounds=0", "run_s=300", "air_counts=1e6", "bleed_counts=0", "hump_counts=0", "mz_low=28", "mz_high=29"]
    noisy, clean = one_run(library, level).run, one_run(library, [*level, "noise_factor=0", "noise_floor_counts=0"]).run
    expected = 1.6 * np.sqrt(3 * trace(clean, 28)) + 12
    assert np.std((trace(noisy, 28) - trace(clean, 28)) / expected) == pytest.approx(1.0, abs=0.1)


def test_threshold_and_ceiling_bound_what_is_recorded(library: pa.Table) -> None:
    run = one_run(library, ["run_s=200", "compounds=20", "ceiling_counts=50000", "threshold_counts=70"]).run
    assert run.intensity.min() > 70
    assert run.intensity.max() == 50000
    assert (run.intensity == 50000).sum() > 10
    assert np.array_equal(run.intensity, np.rint(run.intensity))


def test_sweep_reads_high_masses_later_in_the_peak(library: pa.Table) -> None:
    def apexes(skew: int) -> NDArray[np.float64]:
        overrides = ["compounds=1", "run_s=60", "scan_s=0.5", f"skew_scans={skew}", "height_low_counts=1.9e6", *SILENT]
        made = one_run(library, overrides)
        heavy = [m for m in made.ground_truth["mz"][0].as_py() if trace(made.run, int(m)).max() > 2e4]
        means = [np.average(made.run.rt_s, weights=trace(made.run, int(m))) for m in (min(heavy), max(heavy))]
        return np.array([*means, min(heavy), max(heavy)])

    light, heavy, low, high = apexes(1)
    assert light - heavy == pytest.approx(0.5 * (high - low) / 460, abs=0.03)
    assert np.diff(apexes(0)[:2])[0] == pytest.approx(0.0, abs=0.01)


def test_background_is_where_it_belongs(library: pa.Table) -> None:
    run = one_run(library, ["compounds=0", "mz_low=20", "noise_factor=0", "noise_floor_counts=0"]).run
    bleed, air, hump = trace(run, 207), trace(run, 28), trace(run, 57)
    assert bleed[-100:].mean() > 100 * max(bleed[:100].mean(), 1.0)
    assert bleed[-100:].mean() == pytest.approx(6000, rel=0.1)
    assert air.mean() == pytest.approx(30000, rel=0.2)
    assert run.rt_s[hump.argmax()] == pytest.approx(900, abs=100)
    assert trace(run, 60).mean() > trace(run, 150).mean()


def test_campaign_shares_compounds_between_samples(library: pa.Table) -> None:
    made = {run.name: run for run in simulate(library, settings_for("example"), 1)}
    assert {name: run.type for name, run in made.items()} == {
        "ladder": "ladder", "sample_1": "sample", "sample_2": "sample", "blank": "blank",
    }  # fmt: skip
    compounds = {name: set(run.ground_truth["compound"].to_pylist()) for name, run in made.items()}
    assert len(compounds["sample_1"] | compounds["sample_2"]) == 60
    assert 24 <= len(compounds["sample_1"] & compounds["sample_2"]) <= 28
    assert compounds["blank"] < compounds["sample_1"] & compounds["sample_2"]
    assert not compounds["ladder"] & compounds["sample_1"]
    one, two = (
        dict(zip(*made[name].ground_truth.select(["compound", "rt_s"]).to_pydict().values(), strict=True))
        for name in ("sample_1", "sample_2")
    )
    shifts = np.array([one[c] - two[c] for c in one.keys() & two.keys()])
    assert 0.01 < np.abs(shifts).max() < 5.0


def test_elution_follows_the_retention_index_and_the_ladder(library: pa.Table) -> None:
    ladder, sample, *_ = simulate(library, settings_for("example", ["drift_s=0"]), 2)
    ri_standard_ri, ri_standard_rt = ladder.ground_truth["ri"].to_numpy(), ladder.ground_truth["rt_s"].to_numpy()
    assert ri_standard_ri.tolist() == [800, 900, 1000, *range(1200, 2800, 200), 2800, 3000]
    inside = (sample.ground_truth["ri"].to_numpy() > 800) & (sample.ground_truth["ri"].to_numpy() < 3000)
    interpolated = np.interp(sample.ground_truth["rt_s"].to_numpy(), ri_standard_rt, ri_standard_ri)[inside]
    assert np.abs(interpolated - sample.ground_truth["ri"].to_numpy()[inside]).max() < 12


def test_structures_of_a_campaign_are_distinct(library: pa.Table) -> None:
    ground_truth = one_run(library, ["compounds=300"]).ground_truth.to_pylist()
    assert len({(row["inchikey"] or row["name"])[:14] for row in ground_truth}) == 300


def test_dilution_levels_scale_every_compound(library: pa.Table) -> None:
    levels = list(simulate(library, settings_for("dilution", ["compounds=5", "run_s=100"]), 1))
    assert [level.type for level in levels] == ["calibrator"] * 10
    amounts = np.array([level.amount for level in levels])
    assert amounts[[0, -1]] == pytest.approx([1e-3, 1.0])
    areas = np.array([level.ground_truth["area"].to_numpy() for level in levels])
    assert areas / areas[-1] == pytest.approx(np.broadcast_to(amounts[:, None], areas.shape), rel=1e-5)


def test_a_library_with_too_little_in_it_is_named(library: pa.Table) -> None:
    with pytest.raises(InputError, match="the recipe needs 5000"):
        one_run(library, ["compounds=5000"])
    with pytest.raises(InputError, match=r"retention index.*the recipe needs 5"):
        unindexed = library.set_column(library.schema.get_field_index("ri"), "ri", pa.nulls(len(library), pa.float64()))
        one_run(unindexed, ["compounds=5", "elution=index"])
    with pytest.raises(InputError, match="0 RI standards of the alkane ladder"):
        one_run(library.slice(0, 3), ["ladder=alkane"], preset="ladder")
    with pytest.raises(InputError, match="has 0 usable compounds"):
        one_run(library.slice(0, 0), ["compounds=5"])


def test_records_without_peaks_are_left_out(library: pa.Table) -> None:
    good = library.slice(0, 40).to_pylist()
    bad = [row | {"mz": None, "intensity": None, "reason": "no peaks"} for row in good[:20]]
    mixed = pa.Table.from_pylist(bad + good[20:], schema=tables.SPECTRA)
    ground_truth = one_run(mixed, ["compounds=3", "run_s=100"]).ground_truth
    assert set(ground_truth["name"].to_pylist()) <= {row["name"] for row in good[20:]}


@pytest.mark.parametrize(
    ("smiles", "name", "alkane", "fame"),
    [
        ("CCCCCCCCCC", "decane", 10, 0),
        ("CCC(C)CCCC", "3-methylheptane", 0, 0),
        ("CCCCCCCC(=O)OC", "methyl octanoate", 0, 8),
        ("COC(=O)CCCCCCC", "methyl octanoate", 0, 8),
        ("O=C(OC)CCCCCCC", "methyl octanoate", 0, 8),
        ("CCCCCCCC(=O)O", "octanoic acid", 0, 0),
        ("CCC(C)CC(=O)OC", "methyl 3-methylpentanoate", 0, 0),
        (None, "Methyl Lignocerate", 0, 24),
        (None, "Methyl Palmitate#2", 0, 16),
        (None, "methyl salicylate", 0, 0),
    ],
)
def test_ri_standards_are_known_by_structure_or_name(smiles: str | None, name: str, alkane: int, fame: int) -> None:
    row = tables.table(tables.SPECTRA, {"entry": [0], "name": [name], "smiles": [smiles]})
    assert carbon_numbers(row, "alkane").tolist() == [alkane]
    assert carbon_numbers(row, "fame").tolist() == [fame]
