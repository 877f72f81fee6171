"""Spectra in JSON, in tables with columns for m/z and intensity, and as pairs of numbers."""

import gzip
from pathlib import Path

import pytest

from spectus.errors import InputError
from spectus.library.records import read_spectra


def spectra(path: Path, text: str) -> dict[str, tuple[list[float], list[float]]]:
    path.write_text(text, encoding="utf-8")
    rows = read_spectra(path).to_pylist()
    return {row["name"]: (row["mz"], [round(height, 4) for height in row["intensity"]]) for row in rows}


@pytest.mark.parametrize(
    "text",
    [
        "mz,intensity\n65,110\n91,1000\n", "m/z;Rel. abundance\n65,0;11,0\n91,0;100,0\n", "65 110\n91 1000\n",
        '{"mz": [65, 91], "intensity": [110, 1000]}', "[[65, 110], [91, 1000]]", "Mass\tInt.\n65\t110\n91\t1000\n",
    ],
)  # fmt: skip
def test_a_spectrum_without_a_name_is_called_as_its_file(tmp_path: Path, text: str) -> None:
    assert spectra(tmp_path / "peak 7.csv", text) == {"peak 7": ([65.0, 91.0], [0.11, 1.0])}


@pytest.mark.parametrize("head", ["name", "Query", "ID", "feature", "accession", "compound", "scan"])
def test_lines_of_a_table_with_names_are_several_spectra(tmp_path: Path, head: str) -> None:
    table = f"{head},mz,intensity\n1,65,110\n2,78,5\n1,91,1000\n"
    assert spectra(tmp_path / "all.csv", table) == {"1": ([65.0, 91.0], [0.11, 1.0]), "2": ([78.0], [1.0])}


def test_a_packed_table_and_one_in_another_encoding_are_read(tmp_path: Path) -> None:
    table = "name;mz;intensity\nToluène;65,1;110\nToluène;91,1;1000\n"
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(table.encode()))
    (tmp_path / "b.csv").write_bytes(table.encode("utf-16"))
    for name in ("a.csv.gz", "b.csv"):
        (row,) = read_spectra(tmp_path / name).to_pylist()
        assert row["name"] == "Toluène" and row["mz"] == pytest.approx([65.1, 91.1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mz,intensity\n65,x\n", "has no two numbers in line 2"),
        ("65 110 91\n", "has 3 numbers, which make no pairs"),
        ('{"mz": [65], "intensity": [1, 2]}', "has no lists mz and intensity of one length"),
        ("run,path,type\na,b,sample\n", "no columns or JSON lists mz and intensity"),
    ],
)
def test_a_text_without_a_spectrum_says_why(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        spectra(tmp_path / "bad.csv", text)
    assert str(tmp_path / "bad.csv") in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "table",
    [
        'mz,intensity\n43,"1,080"\n58,300\n73,"9,999"\n', "mz;intensity\n43;1.080,0\n58;300\n73;9.999,0\n",
        "mz;intensity\n43;1'080\n58;300\n73;9'999\n", "mz\tintensity\n43\t1 080\n58\t300\n73\t9 999\n",
    ],
)  # fmt: skip
def test_thousands_in_a_table_are_read_to_their_end(tmp_path: Path, table: str) -> None:
    assert spectra(tmp_path / "s.csv", table) == {"s": ([43.0, 58.0, 73.0], [0.108, 0.03, 1.0])}


def test_decimal_commas_within_quotes_are_kept(tmp_path: Path) -> None:
    table = 'mz,intensity\n43,"9,6"\n58,"100,0"\n73,"12,5"\n'
    assert spectra(tmp_path / "s.csv", table) == {"s": ([43.0, 58.0, 73.0], [0.096, 1.0, 0.125])}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("mz,intensity\n43,1,080\n58,300\n", "has 3 cells in line 2, and 2 in its first line"),
        ('mz,intensity\n43,"1,080"\n58,"9,999"\n61,"8,000.5"\n62,"7,5"\n', "has no two numbers in line 2"),
    ],
)
def test_numbers_that_could_mean_two_things_are_refused(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        spectra(tmp_path / "s.csv", table)
