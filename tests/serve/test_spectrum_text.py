import pytest

from spectus.errors import InputError
from spectus.serve.spectrum_text import spectra_of

BENZENE = [50.0, 51.0, 77.0, 78.0]


@pytest.mark.parametrize(
    "text",
    [
        "NAME: benzene\nNum Peaks: 4\n50 159; 51 188; 77 155; 78 1000\n",
        "BEGIN IONS\nTITLE=benzene\n50 159\n51 188\n77 155\n78 1000\nEND IONS\n",
        '{"mz": [50, 51, 77, 78], "intensity": [159, 188, 155, 1000]}',
        '[{"name": "benzene", "mz": [50, 51, 77, 78], "intensity": [159, 188, 155, 1000]}]',
        "[[50, 159], [51, 188], [77, 155], [78, 1000]]",
        "[50, 159; 51, 188; 77, 155; 78, 1000]",
        "50 159\n51 188\n77 155\n78 1000",
        "50,159\n51,188\n77,155\n78,1000",
        "50;159\n51;188\n77;155\n78;1000\n",
        "50 159 51 188 77 155 78 1000",
        "50:159 51:188 77:155 78:1000",
        "(50,159) (51,188) (77,155) (78,1000)",
        "50,159;51,188;77,155;78,1000",
        "m/z,Intensity\n50,159\n51,188\n77,155\n78,1000\n",
        'scan;"Mass";"Rel. abundance"\n1;50,0;15,9\n1;51,0;18,8\n1;77,0;15,5\n1;78,0;100\n',
        "mz intensity\n50 159\n51 188\n77 155\n78 1000\n",
        '{"peaks": [[50, 159], [51, 188], [77, 155], [78, 1000]]}',
    ],
)
def test_a_spectrum_can_be_given_in_many_ways(text: str) -> None:
    (row,) = spectra_of(text)
    assert row["mz"] == BENZENE
    assert row["intensity"] == pytest.approx([0.159, 0.188, 0.155, 1.0])


def test_a_decimal_comma_is_understood() -> None:
    (row,) = spectra_of("50,5 159\n51,5 188,5\n78 1000\n")
    assert row["mz"] == [50.5, 51.5, 78.0] and row["intensity"][1] == pytest.approx(0.1885)


def test_half_a_character_in_a_name_does_no_harm() -> None:
    (row,) = spectra_of('{"name": "a\\ud800", "mz": [50, 51], "intensity": [1, 2]}')
    assert row["name"] == "a?" and row["mz"] == [50.0, 51.0]


def test_several_records_are_several_spectra() -> None:
    rows = spectra_of("NAME: a\nNum Peaks: 1\n50 1\n\nNAME: b\nRETENTIONINDEX: 1100\nNum Peaks: 1\n51 1\n")
    assert [(row["name"], row["ri"]) for row in rows] == [("a", None), ("b", 1100.0)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "hello",
        "50 1 2",
        '{"mz": [1]}',
        '{"mz": [1], "intensity": ["a"]}',
        "[1, 2, 3]",
        "{",
        "[[1]]",
        "null",
        "mz,intensity\n50,x\n",
        "mz,intensity\n50\n",
        "[" * 100_000,
        '{"mz": [1' + "0" * 400 + '], "intensity": [1]}',
        "[1" + "0" * 5000 + "]",
    ],
)
def test_a_text_without_a_spectrum_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"the spectrum: .*; give MSP"):
        spectra_of(text)
