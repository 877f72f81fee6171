"""Ionization from the fields of many dialects."""

import pytest

from spectus.library.ionization import describe_ionization, is_electron_ionization


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, None),
        ({"instrument type": "GC-EI-TOF", "ms level": "MS", "ion mode": "POSITIVE"}, "EI"),
        ({"instrument type": "EI-B"}, "EI"),
        ({"ionization": "Electron impact"}, "EI"),
        ({"ionization": "EI+"}, "EI"),
        ({"instrument type": "LC-ESI-QQ", "ms level": "MS2", "ion mode": "POSITIVE"}, "ESI MS2"),
        ({"instrument type": "LC-ESI-ITFT", "ms level": "MS2", "ion mode": "NEGATIVE"}, "ESI MS2 negative"),
        ({"comment instrument type": "LC-APCI-ITFT", "comment ms level": "MS3"}, "APCI MS2"),
        ({"instrument type": "CI-B"}, "CI"),
        ({"ionization": "NCI"}, "CI negative"),
        ({"ionization": "chemical ionization", "ion mode": "N"}, "CI negative"),
        ({"instrument type": "FAB-EBEB"}, "FAB"),
        ({"instrument": "Bruker MALDI TOF"}, "MALDI"),
        ({"instrument": "Finnigan FI-200"}, None),
        ({"adduct": "[M+H]+"}, "soft ionization"),
        ({"adduct": "[M-H]-"}, "soft ionization negative"),
        ({"adduct": "[M]+."}, None),
        ({"adduct": "[M-CH3]+"}, None),
        ({"ms level": "2"}, "MS2"),
        ({"ms level": "1"}, None),
        ({"instrument type": "HPLC-TOF"}, "LC"),
        ({"ion mode": "P"}, None),
    ],
)
def test_what_the_fields_say(fields: dict[str, str], kind: str | None) -> None:
    assert describe_ionization(fields) == kind
    assert is_electron_ionization(kind) == (kind in (None, "EI"))
