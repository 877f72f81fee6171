from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from spectus import tables
from spectus.errors import InputError
from spectus.retention.homologues import ALKANES, FAMES, MIN_CARBON, by_nominal_mass, molecular_ions, series_score
from spectus.retention.ri_standards import Ladder, find_ladder
from tests.deconvolution.made_components import alkane, component, fame, run_table, spectrum


def elution(carbons: int) -> float:
    """Time in s of a homologue in a temperature program."""
    return 60.0 + 900.0 * float(np.log(carbons / 7))


def ladder_run(carbons: list[int], made: Callable[[int], dict] = alkane, others: list[dict] | None = None) -> pa.Table:
    ri_standards = [component(elution(n), made(n), height=1e6 * 0.97**n) for n in carbons]
    return run_table("L1", ri_standards + (others or []))


def carbons_of(ladder: Ladder) -> list[int]:
    return [ri_standard.carbon for ri_standard in ladder.ri_standards]


def test_all_ri_standards_of_an_alkane_ladder() -> None:
    ladder = find_ladder(ladder_run(list(range(8, 41))))
    assert (ladder.run, ladder.series.name, ladder.missing) == ("L1", "alkane", [])
    assert carbons_of(ladder) == list(range(8, 41))
    assert [ri_standard.rt_s for ri_standard in ladder.ri_standards] == [elution(n) for n in range(8, 41)]
    assert all(0.75 <= ri_standard.score <= 1 for ri_standard in ladder.ri_standards)


def test_missing_ri_standards_are_listed_and_the_scale_bridges_them() -> None:
    ladder = find_ladder(ladder_run([10, 11, 12, 15, 16, 20, 24, 28, 32]))
    assert carbons_of(ladder) == [10, 11, 12, 15, 16, 20, 24, 28, 32]
    assert ladder.missing == [13, 14, 17, 18, 19, 21, 22, 23, 25, 26, 27, 29, 30, 31]
    table = ladder.table()
    assert table.schema.names == tables.RI_STANDARDS.names
    assert table["carbon"].to_pylist() == list(range(10, 33))
    assert table["missing"].to_pylist() == [n in ladder.missing for n in range(10, 33)]
    assert table["rt_s"].null_count == len(ladder.missing)
    assert ladder.scale.index((elution(12) + elution(15)) / 2)[0] == pytest.approx(1350)


def test_a_fame_ladder_is_distinguished_from_alkanes() -> None:
    carbons = [8, 9, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30]
    ladder = find_ladder(ladder_run(carbons, fame))
    assert (ladder.series.name, carbons_of(ladder)) == ("fame", carbons)
    assert ladder.table()["ri"].to_pylist()[:3] == [800, 900, 1000]
    with pytest.raises(InputError, match="no ladder of n-alkanes"):
        find_ladder(ladder_run(carbons, fame), "alkane")


def test_ri_standards_without_a_molecular_ion_are_placed_by_their_spacing() -> None:
    """Long chains show no M+ at low amounts, and a scan range may end below it."""
    ri_standards = [component(elution(n), alkane(n, heaviest=300)) for n in range(14, 31)]
    ladder = find_ladder(run_table("L1", ri_standards))
    assert carbons_of(ladder) == list(range(14, 31))


@pytest.mark.parametrize(
    ("carbons", "missing"),
    [
        ([8, 9, 10, 12, 14, 16, 18, 20], []),
        ([8, 10, 12, 14, 18, 20], [9, 16]),
        ([8, 9, 10, 11, 12, 14, 15, 16], [13]),
    ],
    ids=["as it is sold", "two lost", "every acid"],
)
def test_a_fame_ladder_of_even_acids_misses_no_odd_ones(carbons: list[int], missing: list[int]) -> None:
    ladder = find_ladder(run_table("L1", [component(elution(n), fame(n)) for n in carbons]))
    assert (carbons_of(ladder), ladder.missing) == (carbons, missing)


def test_a_ri_standard_missing_among_those_without_a_molecular_ion() -> None:
    carbons = [n for n in range(14, 31) if n != 26]
    ladder = find_ladder(run_table("L1", [component(elution(n), alkane(n, heaviest=300)) for n in carbons]))
    assert (carbons_of(ladder), ladder.missing) == (carbons, [26])


def test_a_molecular_ion_of_another_homologue_is_no_ri_standard() -> None:
    carbons = [n for n in range(10, 28) if n != 21]
    stranger = component(elution(21) - 4, alkane(23), height=5e5)
    assert find_ladder(ladder_run(carbons, others=[stranger])).missing == [21]


def test_tails_impurities_and_branched_alkanes_are_passed_over() -> None:
    branched = alkane(17) | {169: 0.3, 168: 0.2}
    del branched[14 * 17 + 2]
    others = [
        component(elution(16) + 3, alkane(16), height=1e4),
        component(elution(17) - 12, branched, height=8e5),
        component(elution(20) + 8, alkane(23), height=500),
        *(component(100.0 + 37 * seed, spectrum(seed), height=3e6) for seed in range(30)),
    ]
    found = find_ladder(ladder_run(list(range(10, 27)), others=others))
    assert [(ri_standard.carbon, ri_standard.rt_s) for ri_standard in found.ri_standards] == [
        (n, elution(n)) for n in range(10, 27)
    ]


@pytest.mark.parametrize(
    "components",
    [
        [],
        [component(100.0 + seed * 20, spectrum(seed)) for seed in range(20)],
        [component(elution(n), alkane(n)) for n in (12, 13)],
        [component(elution(n), alkane(n, heaviest=200)) for n in range(20, 36)],
        [component(100.0, {})],
    ],
    ids=["no components", "no homologues", "two RI standards", "no molecular ion", "no peaks"],
)
def test_a_run_without_a_ladder(components: list[dict]) -> None:
    with pytest.raises(InputError, match="no ladder of n-alkanes or FAME"):
        find_ladder(run_table("L1", components))


def test_molecular_ions_are_not_isotope_peaks() -> None:
    spectra = by_nominal_mass(run_table("L1", [component(1.0, alkane(16)), component(2.0, fame(16))]))
    assert np.flatnonzero(molecular_ions(spectra, ALKANES)[0]) + MIN_CARBON == [16]
    assert np.flatnonzero(molecular_ions(spectra, FAMES)[1]) + MIN_CARBON == [16]


def test_scores_distinguish_the_series() -> None:
    spectra = by_nominal_mass(
        run_table("L1", [component(1.0, alkane(20)), component(2.0, fame(20)), component(3.0, spectrum(1))])
    )
    assert np.argsort(series_score(spectra, ALKANES))[-1] == 0
    assert np.argsort(series_score(spectra, FAMES))[-1] == 1
    assert series_score(spectra, ALKANES)[1:].max() < 0.7
    assert series_score(spectra, FAMES)[[0, 2]].max() < 0.7


def test_a_branch_lowers_the_score() -> None:
    branched = alkane(17) | {169: 0.3, 168: 0.2}
    spectra = by_nominal_mass(run_table("L1", [component(1.0, alkane(17)), component(2.0, branched)]))
    straight, bent = series_score(spectra, ALKANES)
    assert bent < straight - 0.1


REAL_LADDERS = {
    "pygecko/FKB-FA-060-RI.mzML.gz": ("alkane", list(range(10, 35))),
    "pnnl/GCMS_FAMEs_01.D": ("fame", [8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28]),
    "chemplexity/gcms_alkanes.D": ("alkane", [16, 17, 18, 19, 20, 22, 24, 26]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(REAL_LADDERS))
def test_real_ladders(shared: Path, name: str) -> None:
    from spectus.deconvolution.deconvolve import deconvolve
    from spectus.raw.read import read_run

    series, carbons = REAL_LADDERS[name]
    ladder = find_ladder(deconvolve(read_run(shared / "runs" / name), "ladder"))
    assert ladder.series.name == series
    assert set(carbons) <= set(carbons_of(ladder))
    assert carbons_of(ladder)[0] == carbons[0]
