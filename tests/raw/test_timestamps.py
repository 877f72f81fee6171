"""Dates as instruments write them."""

import pytest

from spectus.raw.timestamps import iso_from_andi, iso_from_chemstation, iso_from_jcamp, iso_or_none


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("27 Jan 11  10:25 pm", "2011-01-27T22:25:00"),
        ("17 SEP 104  10:28   ", "2004-09-17T10:28:00"),
        ("23 Feb 22  12:05 am", "2022-02-23T00:05:00"),
        ("23 Feb 22  12:05 pm", "2022-02-23T12:05:00"),
        (" 3-Mar-1998 14:05:09", "1998-03-03T14:05:09"),
        ("17 Mar 85   4:46 pm", "1985-03-17T16:46:00"),
        ("31 Feb 22  02:30 pm", None),
        ("17 Mrz 20   4:46 pm", None),
        ("", None),
    ],
)
def test_chemstation(text: str, iso: str | None) -> None:
    assert iso_from_chemstation(text) == iso


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("20070923040800+0200", "2007-09-23T04:08:00+02:00"),
        ("20070923040800-0500\0", "2007-09-23T04:08:00-05:00"),
        ("20070923040800", "2007-09-23T04:08:00"),
        ("20071323040800+0200", None),
        ("19900130131300-7000", "1990-01-30T13:13:00"),
        ("yesterday", None),
    ],
)
def test_andi(text: str, iso: str | None) -> None:
    assert iso_from_andi(text.strip("\0")) == iso


@pytest.mark.parametrize(
    ("date", "time", "iso"),
    [
        ("2019-03-06", "13:43", "2019-03-06T13:43:00"),
        ("99/12/31", "", "1999-12-31T00:00:00"),
        ("2019/03/06 13:43:21", "", "2019-03-06T13:43:21"),
        ("6 March", "13:43", None),
    ],
)
def test_jcamp(date: str, time: str, iso: str | None) -> None:
    assert iso_from_jcamp(date, time) == iso


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2023-08-11T04:49:00.000-04:00", "2023-08-11T04:49:00-04:00"),
        ("2023-08-11T04:49:00Z", "2023-08-11T04:49:00+00:00"),
        ("11.08.2023", None),
        ("", None),
    ],
)
def test_mzml(text: str, iso: str | None) -> None:
    assert iso_or_none(text) == iso
