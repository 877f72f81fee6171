"""Tests of the reader of Shimadzu .qgd, with files made from the description of the format."""

import gzip
import logging
import random
from pathlib import Path

import pytest

from spectus.errors import InputError
from spectus.raw.read import read_run

from .files import SCANS, assert_same_scans, run_of
from .qgd_files import qgd_streams, write_qgd

_CHANCE = random.Random(1)
MANY = [
    (
        305.0 + 0.3 * number,
        [
            (float(mz), float(_CHANCE.randint(100, 60_000)))
            for mz in sorted(_CHANCE.sample(range(40, 140), _CHANCE.randint(1, 6)))
        ],
    )
    for number in range(700)
]
"""Streams of more than 4 KB lie elsewhere in a compound document than smaller ones."""


@pytest.mark.parametrize("widths", [(4,), (3,), (4, 3)])
def test_scans_are_read_as_they_were_written(tmp_path: Path, widths: tuple[int, ...]) -> None:
    run = read_run(write_qgd(tmp_path / "run.qgd", qgd_streams(widths=widths)))
    assert_same_scans(run, run_of())
    assert (run.format, run.acquired_at) == ("Shimadzu .qgd", "2020-03-17T15:26:40+00:00")


def test_long_runs_and_narrow_intensities_are_read(tmp_path: Path) -> None:
    assert_same_scans(read_run(write_qgd(tmp_path / "run.qgd", qgd_streams(MANY, widths=(2, 3)))), run_of(MANY))


def test_a_gzipped_run_and_one_with_another_name_are_read(tmp_path: Path) -> None:
    content = write_qgd(tmp_path / "run.qgd").read_bytes()
    (tmp_path / "run.gz").write_bytes(gzip.compress(content))
    assert_same_scans(read_run(tmp_path / "run.gz"), run_of())


def test_the_user_is_told_that_the_reader_is_unproven(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        read_run(write_qgd(tmp_path / "run.qgd"))
    assert "compare one run with an ANDI export of GCMSsolution" in caplog.text


def test_the_length_of_a_scan_is_believed_where_its_stated_width_contradicts_it(tmp_path: Path) -> None:
    streams = qgd_streams(widths=(3,))
    data = bytearray(streams["MS Raw Data"])
    data[20] = 4
    streams["MS Raw Data"] = bytes(data)
    assert_same_scans(read_run(write_qgd(tmp_path / "run.qgd", streams)), run_of())


def test_peaks_in_any_order_are_sorted(tmp_path: Path) -> None:
    backwards = [(time, peaks[::-1]) for time, peaks in SCANS]
    assert_same_scans(read_run(write_qgd(tmp_path / "run.qgd", qgd_streams(backwards))), run_of())


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_run(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_mz_of_another_scale_are_refused(tmp_path: Path) -> None:
    odd = [(time, [(41.0, 500.0), (57.0, 900.0), (72.0, 300.0)]) for time, _ in SCANS]
    assert "a scale not known here" in refusal(write_qgd(tmp_path / "run.qgd", qgd_streams(odd, steps=10.0)))
    assert read_run(write_qgd(tmp_path / "right.qgd", qgd_streams(odd))).n_scans == len(odd)


def test_peaks_that_do_not_add_up_to_the_stated_current_are_refused(tmp_path: Path) -> None:
    streams = qgd_streams() | {
        "TIC Data": qgd_streams([(t, [(50.0, 9e9)]) for t, _ in SCANS[:1]] * 5, widths=(5,))["TIC Data"]
    }
    assert "times the ion current the file states" in refusal(write_qgd(tmp_path / "run.qgd", streams))


def test_intensities_of_a_width_that_nobody_checked_are_refused(tmp_path: Path) -> None:
    assert "intensities of 5 bytes" in refusal(write_qgd(tmp_path / "run.qgd", qgd_streams(widths=(5,))))


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("Retention Time", lambda stream: stream[:-4], "4 times for 5 scans"),
        ("Retention Time", lambda stream: stream[:4] + stream[:4] + stream[8:], "scan 2 of 5 has two different times"),
        ("Spectrum Index", lambda stream: stream[:4] + b"\xff\xff\xff\x7f" + stream[8:], "lies outside the file"),
        ("MS Raw Data", lambda stream: stream[:-5], "scan 5 of 5 has another length than its peaks need"),
        ("MS Raw Data", lambda stream: b"", "without the stream 'MS Raw Data'"),
    ],
)
def test_streams_that_contradict_each_other_are_refused(tmp_path: Path, name: str, change, said: str) -> None:
    streams = qgd_streams()
    assert said in refusal(write_qgd(tmp_path / "run.qgd", streams | {name: change(streams[name])}))


@pytest.mark.parametrize("acquired", [0, 2**63, 5])
def test_a_time_that_cannot_be_is_left_out(tmp_path: Path, acquired: int) -> None:
    assert read_run(write_qgd(tmp_path / "run.qgd", acquired=acquired)).acquired_at is None


def test_damaged_files_give_one_line_or_the_right_scans(tmp_path: Path) -> None:
    whole, chance, path = write_qgd(tmp_path / "run.qgd").read_bytes(), random.Random(3), tmp_path / "damaged.qgd"
    for _ in range(300):
        content = bytearray(whole[: chance.choice([len(whole), chance.randrange(len(whole))])])
        for _ in range(chance.randrange(4)):
            if content:
                content[chance.randrange(len(content))] = chance.randrange(256)
        path.write_bytes(content)
        try:
            read_run(path)
        except InputError as error:
            assert "\n" not in str(error)
