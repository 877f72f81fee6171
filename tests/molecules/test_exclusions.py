"""The guard against leakage: what is one compound, and where its spectra are left out."""

import gzip
import lzma
from collections.abc import Callable
from hashlib import sha1
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectus import tables
from spectus.cli import main
from spectus.errors import InputError
from spectus.molecules.derivatives import derivatives
from spectus.molecules.exclusions import NO_EXCLUSIONS, Exclusions
from spectus.structures import inchikey14

GLUCOSE, ALANINE = "OCC1OC(O)C(O)C(O)C1O", "CC(N)C(=O)O"

SAME = {
    "stereoisomer": ("C[C@H](N)C(=O)O", ALANINE),
    "another spelling": ("OC(=O)C(C)N", ALANINE),
    "isotopic label": ("[2H]C([2H])([2H])C(N)C(=O)O", ALANINE),
    "salt": ("CC(=O)[O-].[Na+]", "CC(=O)O"),
    "hydrochloride": ("CNC(C)Cc1ccccc1.Cl", "CNC(C)Cc1ccccc1"),
    "zwitterion": ("CC([NH3+])C(=O)[O-]", ALANINE),
    "TMS ester": ("CC(N)C(=O)O[Si](C)(C)C", ALANINE),
    "3 TMS": ("CC(C(=O)O[Si](C)(C)C)N([Si](C)(C)C)[Si](C)(C)C", ALANINE),
    "TBDMS": ("CC(N)C(=O)O[Si](C)(C)C(C)(C)C", ALANINE),
    "methoxime": ("CON=C(C)C", "CC(C)=O"),
    "MeOx TMS of a keto acid": ("CON=C(C)C(=O)O[Si](C)(C)C", "CC(=O)C(=O)O"),
    "silylated lactim": ("C[Si](C)(C)Oc1ccnc(O[Si](C)(C)C)n1", "O=c1cc[nH]c(=O)[nH]1"),
    "silylated azole": ("C[Si](C)(C)n1ccnc1", "c1c[nH]cn1"),
    "MeOx 5 TMS of a sugar that was a ring": (
        "CON=CC(O[Si](C)(C)C)C(O[Si](C)(C)C)C(O[Si](C)(C)C)C(O[Si](C)(C)C)CO[Si](C)(C)C", GLUCOSE,
    ),
    "enol": ("CC(O)=CC(C)=O", "CC(=O)CC(C)=O"),
    "TMS enol ether": ("CC(O[Si](C)(C)C)=CC(C)=O", "CC(=O)CC(C)=O"),
    "lactam and lactim": ("Oc1ccccn1", "O=c1cccc[nH]1"),
    "imine and enamine": ("CC(=N)CC(C)=O", "CC(N)=CC(C)=O"),
}  # fmt: skip
"""Two structures of one compound."""

OTHER = {
    "a homologue": ("CCC(N)C(=O)O", ALANINE),
    "a position isomer": ("NCCC(=O)O", ALANINE),
    "a methyl ester": ("CC(N)C(=O)OC", ALANINE),
    "an acetylated amine": ("CC(=O)NC(C)C(=O)O", ALANINE),
    "an aldehyde and a ketone": ("CCC=O", "CC(C)=O"),
    "an aldose and a ketose": ("OCC(O)C(O)C(O)C(O)C=O", "OCC(=O)C(O)C(O)C(O)CO"),
    "a silane": ("C[Si](C)(C)CO", "CO"),
    "derivatives of water": ("C[Si](C)(C)O[Si](C)(C)C", "C[Si](C)(C)O"),
}
"""Two compounds."""


@pytest.mark.parametrize("pair", SAME.values(), ids=SAME)
def test_two_structures_of_one_compound_exclude_each_other(pair: tuple[str, str]) -> None:
    for listed, asked in (pair, pair[::-1]):
        assert NO_EXCLUSIONS.adding([listed], "a list").reason(asked) == "excluded by a list"


@pytest.mark.parametrize("pair", OTHER.values(), ids=OTHER)
def test_another_compound_stays(pair: tuple[str, str]) -> None:
    for listed, asked in (pair, pair[::-1]):
        assert NO_EXCLUSIONS.adding([listed], "a list").reason(asked) is None


@pytest.mark.parametrize("name", [name for name in SAME if name != "imine and enamine"])
def test_a_sum_of_the_usual_form_excludes_its_other_forms(name: str) -> None:
    """The second structure of each pair is the one that a list of compounds would name."""
    form, usual = SAME[name]
    exclusions = Exclusions(sums={sha1(inchikey14(usual).encode()).hexdigest(): "sums.txt"})
    assert exclusions.reason(form) == exclusions.reason(usual) == "excluded by sums.txt"
    assert exclusions.reason("CCCCCCCC") is None


@pytest.mark.parametrize("smiles", [GLUCOSE, ALANINE, "O=c1cc[nH]c(=O)[nH]1", "CC(=O)c1ccc(O)cc1", "NCCc1ccc(O)c(O)c1"])
def test_every_virtual_derivative_has_its_parent(smiles: str) -> None:
    made = derivatives(smiles, partial=True, max_mass=1000)
    assert len(made) > 0
    exclusions = NO_EXCLUSIONS.adding([smiles], "a list")
    assert all(exclusions.reason(derivative.smiles) for derivative in made)


def test_real_derivatives_have_their_parents(shared: Path) -> None:
    """The silyl derivatives of hydrogen sulfide have no parent; one structure is charged so that it cannot have one."""
    rows = pq.read_table(shared / "extra_ei.parquet", columns=["smiles", "parent_smiles", "derivative"]).to_pylist()
    pairs = {(row["smiles"], row["parent_smiles"]) for row in rows if row["derivative"] and row["parent_smiles"]}
    missed = [pair for pair in pairs if NO_EXCLUSIONS.adding([pair[1]], "a").reason(pair[0]) is None]
    assert len(pairs) > 800
    assert len(missed) <= 2


def test_what_is_no_molecule_is_not_excluded() -> None:
    exclusions = NO_EXCLUSIONS.adding(["CCO", "no molecule"], "a list")
    assert exclusions
    assert [exclusions.reason(text) for text in ("nope", "", None)] == [None, None, None]
    assert exclusions.reason(None, f"{inchikey14('CCO')}-UHFFFAOYSA-N") == "excluded by a list"
    assert exclusions.reason("CCC", f"{inchikey14('CCO')}-UHFFFAOYSA-N") is None  # the structure decides
    assert not NO_EXCLUSIONS
    assert NO_EXCLUSIONS.reason("CCO") is None


def _sums(path: Path) -> Path:
    path.write_text("\n".join(sha1(inchikey14(text).encode()).hexdigest() for text in ("CCO", "CCN")) + "\n")
    return path


def _text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _gzipped(path: Path) -> Path:
    path.write_bytes(gzip.compress(b"CCO ethanol\nCCN\n"))
    return path


def _xz(path: Path) -> Path:
    path.write_bytes(lzma.compress(b"smiles,name\nCCO,ethanol\nCCN,\n"))
    return path


def _parquet(path: Path, spectra: bool) -> Path:
    columns: dict[str, list[object]] = {"name": ["a", "b", "c"], "smiles": ["CCO", "CCN", "CCC"], "split": list("xxy")}
    if spectra:
        columns |= {"mz": [[1.0]] * 3, "intensity": [[1.0]] * 3}
    pq.write_table(pa.table(columns).slice(0, 3 if spectra else 2), path)
    return path


MSP = "Name: a\nSMILES: CCO\nNum Peaks: 1\n31 1\n\nName: b\nInChIKey: {key}-UHFFFAOYSA-N\nNum Peaks: 1\n30 1\n"
FILES: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "sums": ("a.txt", _sums),
    "sums of any name": ("held_out.sha1", _sums),
    "smi": ("a.smi", lambda path: _text(path, "CCO ethanol\n# a comment\nCCN\n")),
    "smi in txt": ("a.txt", lambda path: _text(path, "CCO ethanol\nCCN\n")),
    "csv": ("a.csv", lambda path: _text(path, "name;SMILES\nethanol;CCO\nethylamine;CCN\n")),
    "gzip": ("a.smi.gz", _gzipped),
    "xz": ("a.csv.xz", _xz),
    "list in Parquet": ("a.parquet", lambda path: _parquet(path, spectra=False)),
    "library in Parquet": ("a.parquet", lambda path: _parquet(path, spectra=True)),
    "MSP": ("a.msp", lambda path: _text(path, MSP.format(key=inchikey14("CCN")))),
    "MSP in txt": ("a.txt", lambda path: _text(path, MSP.format(key=inchikey14("CCN")))),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_are_known_by_their_content(kind: str, tmp_path: Path) -> None:
    name, write = FILES[kind]
    exclusions = Exclusions.read([write(tmp_path / name)])
    assert exclusions.reason("CCO") == exclusions.reason("NCC") == f"excluded by {name}"
    assert exclusions.reason("CCCC") is None


def test_a_library_may_exclude_one_split_only(tmp_path: Path) -> None:
    library = _parquet(tmp_path / "a.parquet", spectra=True)
    for exclusions in (Exclusions.read([library], "y"), Exclusions.read([f"{library}:y"])):
        assert exclusions.reason("CCC")
        assert exclusions.reason("CCO") is None
    both = Exclusions.read([f"{library}:y", _sums(tmp_path / "sums.txt")])
    assert both.reason("CCC") == "excluded by a.parquet"
    assert both.reason("CCO") == "excluded by sums.txt"
    with pytest.raises(InputError, match="is of no library"):
        Exclusions.read([tmp_path / "sums.txt"], "y")
    with pytest.raises(InputError, match="of the split z"):
        Exclusions.read([library], "z")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.smi", "CCO\nC1CC broken\n", "'C1CC' is no molecule"),
        ("a.txt", "0" * 40 + "\n" + "1" * 39 + "\n" + "2" * 40 + "\n", "is no"),
        ("a.csv", "name,cas\nethanol,64-17-5\n", "no column smiles"),
        ("a.smi", "", "the file is empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, name: str, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        Exclusions.read([_text(tmp_path / name, text)])
    with pytest.raises(InputError, match="no such file"):
        Exclusions.read([tmp_path / "absent.txt"])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "# toluene\nYXFVVABEGXRONW-UHFFFAOYSA-N\n\nLFQSCWFLJHTTHZ-UHFFFAOYSA-N ethanol\n"),
        ("a.csv", "Name,InChIKey\ntoluene,YXFVVABEGXRONW-UHFFFAOYSA-N\nethanol,LFQSCWFLJHTTHZ-UHFFFAOYSA-N\n"),
        ("a.csv", "InChI Key;CAS\r\nYXFVVABEGXRONW-UHFFFAOYSA-N;108-88-3\r\nLFQSCWFLJHTTHZ-UHFFFAOYSA-N;\r\n"),
    ],
)
def test_inchikeys_are_read_from_a_list_or_a_table(tmp_path: Path, name: str, text: str) -> None:
    exclusions = Exclusions.read([_text(tmp_path / name, text)])
    assert exclusions.reason("Cc1ccccc1") and exclusions.reason("CCO[Si](C)(C)C")
    assert exclusions.reason("c1ccccc1") is None
    with pytest.raises(InputError, match="'benzene' has no InChIKey"):
        Exclusions.read([_text(tmp_path / "b.txt", "YXFVVABEGXRONW-UHFFFAOYSA-N\nbenzene\n")])
    with pytest.raises(InputError, match="by InChIKeys, but not by names or CAS numbers"):
        Exclusions.read([_text(tmp_path / "c.txt", "benzene\n")])


RECORD = "Name: {name}\n{identity}\nNum Peaks: 3\n50 {peak}; 77 60; 91 100\n\n"


def library(path: Path, *records: tuple[str, str]) -> Path:
    path.write_text("".join(RECORD.format(name=n, identity=i, peak=at + 1) for at, (n, i) in enumerate(records)))
    return path


def search(folder: Path, molecules: str, *libraries: Path) -> list[str]:
    (folder / "list.smi").write_text(molecules)
    query = library(folder / "query.msp", ("query", "SMILES: CCO"))
    options = ["--library", *map(str, libraries), "--out", str(folder / "hits.parquet")]
    assert main(["search", str(query), *options, "--exclude", str(folder / "list.smi")]) == 0
    return [row["name"] for row in tables.read(folder / "hits.parquet", tables.LIBRARY_HITS).to_pylist()]


def test_records_of_a_molecule_are_left_out_by_inchikey_or_structure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = library(
        tmp_path / "measured.msp",
        ("by key", "InChIKey: QNAYBMKLOCPYGJ-REOHCLBHSA-N"),  # L-alanine: a stereoisomer is the same compound here
        ("by structure", "SMILES: C[C@H](N)C(=O)O"),
        ("its derivative", "SMILES: CC(N)C(=O)O[Si](C)(C)C\nInChIKey: QTLDIHNYQFRLFZ-UHFFFAOYSA-N"),
        ("another", "SMILES: CCO"),
        ("without either", "Comment: nothing"),
    )
    assert set(search(tmp_path, "CC(N)C(O)=O alanine\n", measured)) == {"another", "without either"}
    assert "3 measured records of excluded compounds are left out" in capsys.readouterr().err


def test_predicted_spectra_of_it_stay(tmp_path: Path) -> None:
    (tmp_path / "molecules.smi").write_text("Cc1ccccc1 toluene\n")
    root = Path(__file__).parents[2] / "resources" / "models" / "neims-open"
    predicted = tmp_path / "predicted.parquet"
    assert main(["forward", str(tmp_path / "molecules.smi"), "--model", str(root), "--out", str(predicted)]) == 0
    measured = library(tmp_path / "measured.msp", ("measured toluene", "SMILES: Cc1ccccc1"))
    assert search(tmp_path, "Cc1ccccc1\n", measured, predicted) == ["toluene"]
    assert search(tmp_path, "CCO\n", measured, predicted)[0] == "measured toluene"


def test_all_records_may_go(tmp_path: Path) -> None:
    measured = library(tmp_path / "measured.msp", ("ethanol", "SMILES: CCO"))
    assert search(tmp_path, "CCO\n", measured) == [None]


def test_a_line_that_is_no_molecule_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = library(tmp_path / "query.msp", ("query", "SMILES: CCO"))
    (tmp_path / "list.smi").write_text("CCO ethanol\nC1CC broken\n")
    command = ["search", str(query), "--library", str(query), "--out", str(tmp_path / "hits.parquet")]
    assert main([*command, "--exclude", str(tmp_path / "list.smi")]) == 2
    assert "'C1CC' is no molecule; correct the SMILES" in capsys.readouterr().err
    assert not (tmp_path / "hits.parquet").exists()
