"""Retention indices as fields write them, and the scales they are on."""

import pytest

from spectus.library.ri_scales import (
    RiScale,
    fiehn_to_fame,
    parse_retention_index,
    scale_of_file,
    scale_of_pnnl_record,
    to_alkane,
)

ALKANE, FAME = RiScale.ALKANE, RiScale.FAME


@pytest.mark.parametrize(
    ("text", "index", "scale"),
    [
        ("986,97", 986.97, None),
        ("1,158.3", 1158.3, None),
        ("1 234.5", 1234.5, None),
        ("1'234.5", 1234.5, None),
        ("1,158", 1158, None),  # 1.158 is no index
        ("986,970", 986.97, None),  # 986,970 is none either
        ("1234 (DB-5)", 1234, None),
        ("1104/3/9", 1104, None),
        ("1120.9 (based on 9 n-alkanes (C10-C36))", 1120.9, ALKANE),
        ("1840 Kovats", 1840, ALKANE),
        ("1600 (FAME)", 1600, FAME),
        ("SemiStdNP=1840/9/70 StdNP=1794/12/18", 1840, ALKANE),
        ("747420", 1800, FAME),  # the Fiehn scale's methyl stearate
        ("StdPolar=3013/26/8", None, ALKANE),
        ("1234-1240", None, None),
        ("1234abc", None, None),
        ("10,123", None, None),
        ("0", None, None),
        ("-1", None, None),
        ("12", None, None),
        ("nan", None, None),
    ],
)
def test_the_text_of_an_index_is_read_to_its_end(text: str, index: float | None, scale: RiScale | None) -> None:
    assert parse_retention_index(text) == (None if index is None else pytest.approx(index), scale)


def test_conversion_goes_through_the_methyl_esters() -> None:
    """Methyl octanoate, palmitate and stearate on DB-5: 1122-1126, 1926-1927, 2128-2132 in the NIST compilation."""
    assert to_alkane([800, 1600, 1800]) == pytest.approx([1122, 1927, 2132])
    assert float(to_alkane(700)) == pytest.approx(1022)
    assert float(to_alkane(1100)) == pytest.approx(1425)
    assert fiehn_to_fame(262_320) == pytest.approx(800)
    assert fiehn_to_fame(1_113_100) == pytest.approx(3000)


def test_a_file_shows_its_scale_by_alkanes_and_methyl_esters() -> None:
    assert scale_of_file("a.msp", [("Methyl palmitate", None, 1600.0), ("x", "CCO", 427.0)]) is FAME
    assert scale_of_file("a.msp", [(None, "COC(=O)CCCCCCC", 1123.0)]) is ALKANE
    assert scale_of_file("a.msp", [("n-decane", None, 1000.0)]) is ALKANE
    assert scale_of_file("a.msp", [("decane", None, 1000.0), ("methyl laurate", None, 1200.0)]) is None
    assert scale_of_file("a.msp", [("glycine, 3 TMS", None, 1000.0)]) is None
    assert scale_of_file("PNNLMetV20191015.msp", [("glycine", None, 1000.0)]) is FAME


def test_a_copied_record_of_pnnl_with_another_index_is_not_on_the_fame_scale() -> None:
    usi = "EMSL:YMK-GC-20191015:NA:RT17.723:FLIACVVOZYBSBS-UHFFFAOYSA-N"  # methyl palmitate
    assert scale_of_pnnl_record(usi, 1600.0) is FAME
    assert scale_of_pnnl_record(usi, 1926.0) is ALKANE
    assert scale_of_pnnl_record(usi, 1200.0) is None
    assert scale_of_pnnl_record("MSBNK-1", 1600.0) is None
