"""Suspect lists: the dialects of NORMAN and the EPA, salts, CAS numbers alone, and clear errors."""

import csv
import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdkit import Chem

from spectus.errors import InputError
from spectus.files import resource
from spectus.library.fields import cas_number
from spectus.molecules.suspects import Suspect, Suspects
from spectus.structures import inchikey14

ATRAZINE = "CCNc1nc(Cl)nc(NC(C)C)n1"


def listed(folder: Path, text: str, name: str = "mine.csv") -> Suspects:
    (folder / name).write_text(text)
    return Suspects.read([folder / name])


def test_a_list_of_smiles_with_names_and_notes(tmp_path: Path) -> None:
    suspects = listed(tmp_path, f"SMILES,Name,Notes\n{ATRAZINE},Atrazine,herbicide\nOCC,ethanol,\n")
    key = inchikey14(ATRAZINE)
    assert suspects.names(key) == suspects.names(f"{key}-UHFFFAOYSA-N") == ["mine"]
    assert suspects.entries(key) == [Suspect("mine", "Atrazine", "herbicide", Chem.CanonSmiles(ATRAZINE), None)]
    assert suspects.names("AAAAAAAAAAAAAA") == suspects.names(None) == []
    assert suspects.smiles() == [Chem.CanonSmiles(ATRAZINE), "CCO"]


@pytest.mark.parametrize(
    "text",
    [
        "Norman_SusDat_ID,Name,CAS_RN,StdInChIKey\nN1,Atrazine,CAS_RN: 1912-24-9,MXWJVTOOROXGIU-UHFFFAOYSA-N\n",
        "DTXSID;PREFERRED_NAME;CASRN;INCHIKEY\nDTXSID9020112;Atrazine;1912-24-9;MXWJVTOOROXGIU-UHFFFAOYSA-N\n",
        "name\tInChI\nAtrazine\tInChI=1S/C8H14ClN5/c1-4-10-7-12-6(9)13-8(14-7)11-5(2)3/h5H,4H2,1-3H3,(H2,10,11,12,13,14)\n",
        "sep=;\nMS_READY_SMILES;NAME\nCCNc1nc(Cl)nc(NC(C)C)n1;Atrazine\n",
    ],
)
def test_dialects(tmp_path: Path, text: str) -> None:
    suspects = listed(tmp_path, text)
    assert [entry.name for entry in suspects.entries(inchikey14(ATRAZINE))] == ["Atrazine"]


def test_a_cas_number_alone_is_found_by_it(tmp_path: Path) -> None:
    suspects = listed(tmp_path, "cas,name\n1912-24-9,atrazine\n")
    assert suspects.names(inchikey14(ATRAZINE)) == [] and suspects.names(inchikey14(ATRAZINE), "1912-24-9") == ["mine"]


def test_a_salt_is_found_as_its_acid(tmp_path: Path) -> None:
    suspects = listed(tmp_path, "smiles\n[Na+].[O-]C(=O)c1ccccc1\n")
    assert suspects.names(inchikey14("OC(=O)c1ccccc1")) == ["mine"]


def test_a_compound_of_two_lists_has_both_names(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("smiles\tname\nCCO\tethanol\n")
    with gzip.open(tmp_path / "b.csv.gz", "wt") as file:
        file.write("smiles\nOCC\n")
    pq.write_table(pa.table({"InChIKey": ["LFQSCWFLJHTTHZ-UHFFFAOYSA-N"]}), tmp_path / "c.parquet")
    suspects = Suspects.read([tmp_path / "a.tsv", tmp_path / "b.csv.gz", tmp_path / "c.parquet"])
    assert suspects.names(inchikey14("CCO")) == ["a", "b", "c"]
    assert not Suspects() and suspects


def test_rows_that_name_no_compound_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = "smiles,name,cas\nCCO,ethanol,\nC(C,broken,\n,typing error,1912-24-8\n,nothing,\nC(C,with CAS,1912-24-9\n"
    suspects = listed(tmp_path, text)
    assert suspects.names(None, "1912-24-9") == ["mine"]
    assert "a SMILES that cannot be read in 2 rows: line 3 (broken), line 6 (with CAS)" in caplog.text
    assert "a CAS number that is none, or whose check digit is wrong, in 1 rows: line 4 (typing error)" in caplog.text
    assert "no structure and no CAS number in 1 rows: line 5 (nothing)" in caplog.text


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("l.csv", "", "the file is empty"),
        ("l.csv", "compound,amount\nx,1\n", "has no column for SMILES, InChIKeys or CAS numbers among 'compound'"),
        ("l.csv", "smiles\nnothing here\n", "names no compound"),
        ("l.parquet", "PAR1", "cannot be read"),
    ],
)
def test_files_that_are_no_list(tmp_path: Path, name: str, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        listed(tmp_path, text, name)


def test_lists_of_the_same_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for folder in (tmp_path, tmp_path / "other"):
        (folder / "l.csv").write_text("smiles\nCCO\n")
    with pytest.raises(InputError, match="has the same name as the list"):
        Suspects.read([tmp_path / "l.csv", tmp_path / "other" / "l.csv"])


def test_the_list_that_ships_is_right() -> None:
    suspects = Suspects.read(["priority_pollutants"])
    assert suspects.names(inchikey14("c1ccc2ccccc2c1")) == ["priority_pollutants"]
    with resource("suspects/priority_pollutants.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 70 and len({row["cas"] for row in rows}) == len(rows)
    for row in rows:
        assert Chem.CanonSmiles(row["smiles"]) == row["smiles"] and cas_number(row["cas"]) == row["cas"]
        assert row["name"] and row["note"]


def test_the_list_that_ships_has_all_hydrocarbons_of_the_epa() -> None:
    shipped = list(Suspects.read(["priority_pollutants"]))
    assert sum(entry.note == "EPA 16 PAH" for entry in shipped) == 16
    assert {"pyrene", "lindane", "PCB 153"} <= {entry.name for entry in shipped}
