"""Scans of several kinds in turn: the main kind is kept and the rest counted, by labels or by the data."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyopenms as oms
import pytest

from spectus import tables
from spectus.errors import InputError
from spectus.raw.convert import convert_runs
from spectus.raw.read import read_run
from spectus.raw.run import Run
from spectus.raw.scans import FileFacts, scans_of
from spectus.raw.turns import kinds_in_turn

from .files import (
    Scans,
    assert_same_scans,
    chromatogram,
    experiment,
    run_of,
    term,
    write_andi,
    write_chemstation,
    write_jcamp,
    write_labeled_mzml,
    write_mzxml,
)

POSITIVE, NEGATIVE = term("MS:1000130"), term("MS:1000129")
LOCK = [(164.05, 30000.0), (264.0, 90000.0), (414.0, 20000.0)]


def noise(n_scans: int, ions: int = 60, seed: int = 3) -> Scans:
    """Scans of ions at random, as of negative polarity where nothing ionizes."""
    chance = np.random.default_rng(seed)
    masses = [np.sort(chance.choice(np.arange(62, 600), ions, replace=False)) for _ in range(n_scans)]
    return [(0.0, [(float(mz), float(chance.integers(5, 60))) for mz in scan]) for scan in masses]


def interleaved(first: Scans, second: Scans, step: float = 0.25) -> Scans:
    both = [peaks for pair in zip(first, second, strict=True) for _, peaks in pair]
    return [(100 + step * number, peaks) for number, peaks in enumerate(both)]


def with_lock_mass(scans: Scans, every: int = 10) -> tuple[Scans, list[int]]:
    """A lock-mass scan after every so many scans, and the places of the scans."""
    mixed, kept = [], []
    for number, (_, peaks) in enumerate(scans):
        kept.append(len(mixed))
        mixed.append(peaks)
        if number % every == every - 1:
            mixed.append(LOCK)
    return [(100 + 0.25 * place, peaks) for place, peaks in enumerate(mixed)], kept


def halves(scans: Scans, cut: float) -> Scans:
    """The lower masses of every second scan and the higher ones of the others, as two mass windows in turn give."""
    return [
        (time, [(mz, counts) for mz, counts in peaks if (mz < cut) == (number % 2 == 0)])
        for number, (time, peaks) in enumerate(scans)
    ]


def apexes(run: Run) -> list[tuple[float, int]]:
    from spectus.deconvolution import deconvolve as room

    settings = getattr(room, "DeconvolutionSettings", None) or room.Settings
    rows = room.deconvolve(run, "run", settings()).to_pylist()
    return [(row["rt_s"], row["n_peaks"]) for row in rows]


def test_the_positive_scans_are_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mixed = interleaved(chromatogram(), noise(60))
    for terms, kept in (([POSITIVE, NEGATIVE], 0), ([NEGATIVE, POSITIVE], 1)):
        caplog.clear()
        run = read_run(write_labeled_mzml(tmp_path / "run.mzML", mixed, terms=terms))
        assert_same_scans(run, run_of(mixed[kept::2]))
        assert run.polarity is None or run.polarity == "positive"
        assert "left out: 60 of 120 scans, which are negative; the positive scans are used" in caplog.messages[0]


def test_few_positive_scans_among_negative_ones_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scans = chromatogram()
    read_run(write_labeled_mzml(tmp_path / "run.mzML", scans, terms=[NEGATIVE] * 5 + [POSITIVE]))
    assert "left out: 10 of 60 scans, which are positive; the negative scans are used" in caplog.text
    assert "negative polarity" not in caplog.messages[0]


@pytest.mark.parametrize("label", ["polarity", "filterLine"])
def test_polarity_in_mzxml(label: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mixed = interleaved(chromatogram(), noise(60))
    path = write_mzxml(tmp_path / "run.mzXML", mixed)
    parts = path.read_text().split("<scan ")
    assert len(parts) == 121 and 'polarity="any" ' in parts[1]
    for number in range(1, 121):
        sign = "+-"[(number - 1) % 2]
        text = sign if label == "polarity" else f"FTMS {sign} p EI Full ms [50.0000-600.0000]"
        parts[number] = f'{label}="{text}" ' + parts[number].replace('polarity="any" ', "")
    path.write_text("<scan ".join(parts))
    assert_same_scans(read_run(path), run_of(mixed[::2]))
    assert "left out: 60 of 120 scans, which are negative" in caplog.text


@pytest.mark.parametrize("identifier", ["function={} process=0 scan={}", "sample=1 period=1 cycle={1} experiment={0}"])
@pytest.mark.parametrize("shift", [0, 4])
def test_a_lock_mass_function(identifier: str, shift: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mixed, kept = with_lock_mass(chromatogram(80))
    identifiers = [identifier.format(1 if number in kept else 2, number + 1) for number in range(len(mixed))]
    run = read_run(write_labeled_mzml(tmp_path / "run.mzML", mixed[shift:], identifiers=identifiers[shift:]))
    assert_same_scans(run, run_of([mixed[number] for number in kept if number >= shift]))
    assert "left out: 8 of" in caplog.text and "(function 2); function 1 is used" in caplog.text


def test_functions_one_after_another_are_one_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scans = chromatogram()
    identifiers = [f"function={1 + (number >= 25)} process=0 scan={number}" for number in range(60)]
    windows = [(35.0, 350.0)] * 25 + [(50.0, 600.0)] * 35
    assert_same_scans(
        read_run(write_labeled_mzml(tmp_path / "run.mzML", scans, identifiers=identifiers)), run_of(scans)
    )
    assert_same_scans(read_run(write_labeled_mzml(tmp_path / "run.mzML", scans, windows=windows)), run_of(scans))
    assert caplog.messages == []


def test_functions_at_the_same_times(tmp_path: Path) -> None:
    mixed = [
        (100 + 0.5 * (number // 2), peaks) for number, (_, peaks) in enumerate(interleaved(chromatogram(), noise(60)))
    ]
    identifiers = [f"function={1 + number % 2} process=0 scan={number // 2}" for number in range(120)]
    run = read_run(write_labeled_mzml(tmp_path / "run.mzML", mixed, identifiers=identifiers))
    assert_same_scans(run, run_of(mixed[::2]))


def test_a_narrow_window_in_turn_with_a_wide_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    wide = chromatogram()
    narrow = [(time, [(mz, counts) for mz, counts in peaks if 50 < mz < 60]) for time, peaks in wide]
    for mixed, windows, kept in (
        (interleaved(wide, narrow), [(30.0, 350.0), (50.0, 60.0)], 0),
        (interleaved(narrow, wide), [(50.0, 60.0), (30.0, 350.0)], 1),
    ):
        caplog.clear()
        assert_same_scans(
            read_run(write_labeled_mzml(tmp_path / "run.mzML", mixed, windows=windows)), run_of(mixed[kept::2])
        )
        assert "left out: 60 of 120 scans" in caplog.text and "(m/z 50-60); m/z 30-350 is used" in caplog.text


def test_observed_ranges_are_no_windows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scans = chromatogram()
    windows = [(peaks[0][0], peaks[-1][0]) for _, peaks in scans]
    assert len(set(windows)) > 20
    assert_same_scans(read_run(write_labeled_mzml(tmp_path / "run.mzML", scans, windows=windows)), run_of(scans))
    near = [(35.0 + number % 3, 340.0 - number % 2) for number in range(60)]
    assert_same_scans(read_run(write_labeled_mzml(tmp_path / "run.mzML", scans, windows=near)), run_of(scans))
    assert caplog.messages == []


@pytest.mark.parametrize("labeled", [True, False])
@pytest.mark.parametrize("write", [write_labeled_mzml, write_andi, write_chemstation, write_jcamp])
def test_windows_that_complete_each_other_are_joined(
    write, labeled: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scans = chromatogram(120, step=0.2)
    windows = {"windows": [(30.0, 90.0), (90.0, 350.0)]} if labeled and write is write_labeled_mzml else {}
    divided = read_run(write(tmp_path / "divided.D", halves(scans, 90.0), **windows))
    assert divided.n_scans == 60
    message = next(message for message in caplog.messages if "come in turn" in message)
    assert "120 scans are joined to 60" in message and "-90 and m/z 9" in message.replace("-89", "-90")
    whole = read_run(write(tmp_path / "whole.D", scans))
    ((rt_s, n_peaks),), ((whole_s, whole_peaks),) = apexes(divided), apexes(whole)
    assert rt_s == pytest.approx(whole_s, abs=0.2) and n_peaks == whole_peaks


def test_joined_windows_keep_all_ions(tmp_path: Path) -> None:
    """Intensities of the ends of the interpolation add up: the mean current stays."""
    scans = chromatogram(200)
    divided = read_run(write_andi(tmp_path / "run.cdf", halves(scans, 90.0)))
    whole = run_of(scans)
    for low, high in ((0, 90), (90, 400)):
        chosen, expected = ((run.mz > low) & (run.mz < high) for run in (divided, whole))
        mean = divided.intensity[chosen].sum() / divided.n_scans
        assert mean == pytest.approx(whole.intensity[expected].sum() / whole.n_scans, rel=0.03)


@pytest.mark.parametrize("write", [write_andi, write_mzxml, write_jcamp])
@pytest.mark.parametrize("every", [1, 3, 10])
def test_unlabeled_scans_of_another_kind_are_left_out(
    write, every: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mixed, kept = with_lock_mass(chromatogram(80), every)
    run = read_run(write(tmp_path / "run", mixed))
    assert_same_scans(run, run_of([mixed[number] for number in kept]))
    assert f"left out: {len(mixed) - 80} of {len(mixed)} scans, which are of another kind" in caplog.text


def test_unlabeled_scans_at_an_uneven_interval(tmp_path: Path) -> None:
    """Some scans are missing from the middle, so that the phase changes."""
    mixed, kept = with_lock_mass(chromatogram(200), 5)
    lost = [83, 84, 85, 130]
    run = read_run(write_andi(tmp_path / "run.cdf", [scan for number, scan in enumerate(mixed) if number not in lost]))
    assert_same_scans(run, run_of([mixed[number] for number in kept if number not in lost]))


def test_unlabeled_kinds_in_a_run_of_many_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spectus.raw.scans._BLOCK_POINTS", 1200)
    mixed, kept = with_lock_mass(chromatogram(200), 5)
    run = read_run(write_andi(tmp_path / "run.cdf", mixed))
    assert_same_scans(run, run_of([mixed[number] for number in kept]))


@pytest.mark.parametrize("seed", range(5))
def test_runs_of_one_kind_are_left_alone(seed: int) -> None:
    sparse = [(float(number), peaks[:2]) for number, (_, peaks) in enumerate(noise(100, 3, seed))]
    for scans in (chromatogram(100, seed=seed), noise(100, 60, seed), noise(100, 3, seed), sparse, noise(19, 5, seed)):
        timed = [(float(number), peaks) for number, (_, peaks) in enumerate(scans)]
        run = run_of(timed)
        assert kinds_in_turn(scans_of(run, FileFacts()), run) is None


def test_no_real_run_has_kinds_in_turn(shared: Path) -> None:
    names = [
        "etizolam/220223001.D",
        "chemplexity/gcms_alkanes.D",
        "gasoline/agilent-gcms.cdf",
        "tms_mix/GC01_0812_066.D",
    ]
    for name in names:
        run = read_run(shared / "runs" / name)
        assert kinds_in_turn(scans_of(run, FileFacts()), run) is None, name


def ms2(scans: Scans) -> list[oms.MSSpectrum]:
    return experiment(scans, level=2).getSpectra()


def test_fragment_scans_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mixed = experiment()
    for spectrum in ms2([(306.0, [(91.0, 5.0)]), (307.0, [(92.0, 5.0)])]):
        mixed.addSpectrum(spectrum)
    oms.MzMLFile().store(str(tmp_path / "run.mzML"), mixed)
    assert_same_scans(read_run(tmp_path / "run.mzML"), run_of())
    assert "left out: 2 of 7 scans, which are MS/MS scans" in caplog.text
    oms.MzMLFile().store(str(tmp_path / "ms2.mzML"), experiment(level=2))
    with pytest.raises(InputError, match="no MS1 scans, only 5 MS/MS scans"):
        read_run(tmp_path / "ms2.mzML")


def test_srm_scans_of_mzxml_are_fragment_scans(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_mzxml(tmp_path / "run.mzXML")
    text = path.read_text()
    text = text.replace("<scan ", '<scan scanType="SRM" ', 1)
    path.write_text(text)
    assert read_run(path).n_scans == 4 and "left out: 1 of 5 scans, which are MS/MS" in caplog.text


def test_what_is_left_out_is_in_the_runs_table(tmp_path: Path) -> None:
    scans = with_bad_points(chromatogram())
    mixed = interleaved(scans, noise(60))
    path = write_labeled_mzml(tmp_path / "run.mzML", mixed, terms=[POSITIVE, NEGATIVE])
    convert_runs([path], None, tmp_path / "out", tmp_path / "runs.parquet", "fail")
    (row,) = tables.read(tmp_path / "runs.parquet", tables.RUNS).to_pylist()
    assert (row["n_scans"], row["n_scans_left_out"], row["n_points_left_out"]) == (60, 60, 2)
    assert row["polarity"] in (None, "positive")
    assert row["note"].startswith(
        "left out: 60 of 120 scans, which are negative; the positive scans are used; left out: 2"
    )


def with_bad_points(scans: Scans) -> Scans:
    bad: Sequence[tuple[float, float]] = [(55.0, -3.0), (0.0, 12.0)]
    return [*scans[:5], (scans[5][0], [*scans[5][1], *bad]), *scans[6:]]


def test_one_bad_point_does_not_refuse_the_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scans = chromatogram()
    for name, write in (("a", write_andi), ("b", write_labeled_mzml), ("c", write_mzxml), ("d", write_jcamp)):
        caplog.clear()
        run = read_run(write(tmp_path / name, with_bad_points(scans)))
        assert_same_scans(dataclasses.replace(run), run_of(scans))
        assert "left out: 2 points whose m/z or intensity" in caplog.text
