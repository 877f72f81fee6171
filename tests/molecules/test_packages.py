"""Compounds of installed packages, which are found without being imported."""

import gzip
from pathlib import Path

import pytest

from spectus.errors import InputError
from spectus.molecules.packages import read_package
from spectus.molecules.reading import Listed


def row(number: int, cas: str, smiles: str, *names: str) -> str:
    return "\t".join([str(number), cas, "F", "1.0", smiles, "InChI", "KEY", *names]) + "\n"


def install(folder: Path, module: str, file: str, content: bytes) -> None:
    """A package whose import would fail, as that of molsets without what it asks for."""
    (folder / module / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / module / "__init__.py").write_text("raise ImportError('what it depends on is missing')\n")
    (folder / module / file).write_bytes(content)


def test_chemicals_is_read_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    common, others = (
        row(1, "64-17-5", "CCO", "ethanol", "alcohol", "ethyl alcohol"),
        row(2, "56-40-6", "NCC(=O)O", "glycine"),
    )
    third = row(3, "124-18-5", "CCCCCCCCCC", "decane")
    for part, table in (("pubchem small", common), ("pubchem large", others), ("example user db", third)):
        install(tmp_path, "chemicals", f"Identifiers/chemical identifiers {part}.tsv", table.encode())
    assert list(read_package("chemicals")) == [
        Listed("CCO", "alcohol", "64-17-5"), Listed("NCC(=O)O", "glycine", "56-40-6"),
        Listed("CCCCCCCCCC", "decane", "124-18-5"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("common", "name"),
    [
        ("alcohol", "alcohol"),
        ("ac1l3o0l", "ethanol"),
        ("brn 1134289", "ethanol"),
        ("einecs 257-716-3", "ethanol"),
        ("616-55-7", "ethanol"),
    ],
)
def test_a_number_of_a_catalog_is_no_name(tmp_path: Path, common: str, name: str) -> None:
    (tmp_path / "table.tsv").write_text(row(1, "64-17-5", "CCO", "ethanol", common))
    assert [listed.name for listed in read_package("chemicals", tmp_path / "table.tsv")] == [name]


def test_the_list_has_the_compounds_that_every_analyst_meets() -> None:
    """Version 0.4 had no n-alkane, no biphenyl and no cumene: they are in a table of their own."""
    listed = {compound.cas for compound in read_package("chemicals")}
    everyday = {"124-18-5": "decane", "544-76-3": "hexadecane", "108-88-3": "toluene", "98-82-8": "cumene",
                "92-52-4": "biphenyl", "91-20-3": "naphthalene", "208-96-8": "acenaphthylene"}  # fmt: skip
    assert not everyday.keys() - listed


def test_molsets_is_read_without_what_it_depends_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for part, smiles in (("train", "CCO"), ("test", "CCN"), ("test_scaffolds", "CCS")):
        text = f"SMILES\n{smiles}\n" if part == "train" else f"SMILES,SPLIT\n{smiles},{part}\n"
        install(tmp_path, "moses", f"dataset/data/{part}.csv.gz", gzip.compress(text.encode()))
    assert [listed.smiles for listed in read_package("molsets")] == ["CCO", "CCN", "CCS"]
    install(tmp_path, "moses", "dataset/data/test.csv.gz", gzip.compress(b"CCO\n"))
    with pytest.raises(InputError, match="does not begin with SMILES"):
        list(read_package("molsets"))


@pytest.mark.parametrize(("source", "module"), [("chemicals", "chemicals"), ("molsets", "moses")])
def test_a_package_that_is_not_installed_says_how(
    source: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, module, "something_else.txt", b"")
    with pytest.raises(InputError, match=f"is not installed; install it with `pip install --no-deps {source}=="):
        list(read_package(source))


def test_what_is_no_source_or_no_such_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="source nist: no such source; take of chemicals, molsets"):
        read_package("nist")
    (tmp_path / "table.tsv").write_text("a\tb\n")
    with pytest.raises(InputError, match="has a row of 2 columns"):
        list(read_package("chemicals", tmp_path / "table.tsv"))
    with pytest.raises(InputError, match="no such file"):
        list(read_package("chemicals", tmp_path / "none.tsv"))
