"""Numbers in the ways that programs and locales write them."""

import pytest

from spectus.library.numbers import Comma, comma_meaning, parse_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12), ("12.", 12), (".5", 0.5), ("-1.5e3", -1500), (" 7 ", 7),
        ("986,97", 986.97), ("0,096", 0.096), ("100,0", 100), ("1,5e3", 1500), ("10800,125", 10800.125),
        ("1,158.3", 1158.3), ("1,234,567", 1234567), ("1.158,3", 1158.3), ("1.234.567", 1234567),
        ("1 234.5", 1234.5), ("1'234.5", 1234.5), ("1\u2019234,5", 1234.5), ("1\u202f234", 1234),
        ("1\u00a0234,5", 1234.5),
    ],
)  # fmt: skip
def test_a_number_that_can_be_only_one(text: str, value: float) -> None:
    assert parse_number(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["1,080", "", "x", "12x", "1-2", "1,2,3", "12,34.5", "1 23", "1.2.3", ",", "--1"])
def test_no_number_or_an_ambiguous_one(text: str) -> None:
    assert parse_number(text) is None


def test_a_meaning_of_the_comma_resolves_ambiguity() -> None:
    assert parse_number("1,080", Comma.THOUSANDS) == 1080
    assert parse_number("1,080", Comma.DECIMAL) == 1.08
    assert parse_number("9,6", Comma.THOUSANDS) == 9.6
    assert parse_number("0,096", Comma.THOUSANDS) == 0.096


@pytest.mark.parametrize(
    ("numbers", "meaning"),
    [
        (["960", "1,080", "9,999"], Comma.THOUSANDS),
        (["1,080", "9,6"], Comma.DECIMAL),
        (["0,096", "1,000"], Comma.DECIMAL),
        (["12,345", "2500"], Comma.DECIMAL),
        (["1,080", "73.05"], Comma.THOUSANDS),
        (["1,080.5", "9,6"], None),
        (["9,6", "73.05"], None),
        (["12", "13"], None),
        (["1,2,3"], None),
    ],
)
def test_what_the_other_numbers_say_about_the_comma(numbers: list[str], meaning: Comma | None) -> None:
    assert comma_meaning(numbers) is meaning
