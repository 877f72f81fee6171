"""Lists of molecules: what is in them, what is not, and what no list for training may hold."""

from hashlib import sha1
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectus.cli import main
from spectus.errors import InputError
from spectus.molecules.exclusions import Exclusions
from spectus.molecules.reading import Listed, read_molecules
from spectus.structures import flat_smiles, inchikey14

from .test_packages import row

TABLE = (
    row(1, "64-17-5", "CCO", "ethanol", "alcohol", "ethyl alcohol")
    + row(2, "1-1-1", "OCC", "ethanol again")
    + row(3, "7440-23-5", "[Na]", "sodium")
    + row(4, "2-2-2", "CC.O", "a hydrate")
    + row(5, "3-3-3", "C[N+](C)(C)C", "an ion", "tma")
    + row(6, "4-4-4", "C" * 40, "tetracontane")
    + row(7, "5-5-5", "C[C@H](N)C(=O)O", '2-"amino"propanoic acid')
    + row(8, "67-64-1", "CC(C)=O", "acetone")
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "table.tsv").write_text(TABLE)
    return tmp_path / "table.tsv"


def build(table: Path, *options: str | Path) -> list[Listed]:
    out = table.parent / "list.csv"
    assert main(["molecules", "--out", str(out), "--table", str(table), *map(str, options)]) == 0
    return list(read_molecules(out))


def test_compounds_that_a_forward_model_can_take(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(table) == [
        Listed("CCO", "alcohol", "64-17-5"), Listed("CC(N)C(=O)O", '2-"amino"propanoic acid', "5-5-5"),
        Listed("CC(C)=O", "acetone", "67-64-1"),
    ]  # fmt: skip
    printed = capsys.readouterr().out
    assert "3 compounds\n" in printed
    assert "1 left out: a structure that was listed before" in printed
    assert printed.count("left out") == 5


def test_derivatives_follow_the_compounds_and_are_called_after_them(table: Path) -> None:
    made = build(table, "--derivatives", "tms,meox")
    assert [listed.name for listed in made] == [
        "alcohol", '2-"amino"propanoic acid', "acetone",
        "alcohol, TMS", '2-"amino"propanoic acid, 3 TMS', "acetone, MeOx",
    ]  # fmt: skip
    assert made[3] == Listed(flat_smiles("CCO[Si](C)(C)C"), "alcohol, TMS", None)
    partial = [listed.name for listed in build(table, "--derivatives", "tms", "--partial")]
    assert '2-"amino"propanoic acid, 2 TMS' in partial
    assert "acetone, MeOx" not in partial


def test_a_derivative_that_is_a_compound_of_the_list_stands_once_under_its_own_name(table: Path) -> None:
    with table.open("a") as file:
        file.write(row(9, "1825-62-3", "CCO[Si](C)(C)C", "ethoxytrimethylsilane"))
    made = build(table, "--derivatives", "tms")
    silane = [listed for listed in made if listed.smiles == flat_smiles("CCO[Si](C)(C)C")]
    assert [(listed.name, listed.cas) for listed in silane] == [("ethoxytrimethylsilane", "1825-62-3")]
    assert len({listed.smiles for listed in made}) == len(made)


def write_library(path: Path, smiles: list[str], split: list[str]) -> Path:
    n = len(smiles)
    columns = {
        "name": [f"compound {place}" for place in range(n)], "smiles": smiles, "split": split,
        "inchikey": ["AAAAAAAAAAAAAA-UHFFFAOYSA-N"] * n,  # a claim that is wrong: the structure decides
        "mz": [[50.0, 51.0]] * n, "intensity": [[1.0, 0.5]] * n,
    }  # fmt: skip
    pq.write_table(pa.table(columns), path)
    return path


def test_no_list_holds_what_training_may_not_see(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Held-out compounds and those of the valid split, as compounds, as parents, and as derivatives."""
    held_out = table.parent / "held_out.txt"
    hidden = [inchikey14("CCO"), inchikey14("CON=C(C)C")]  # ethanol, and the methoxime of acetone
    held_out.write_text("\n".join(sha1(block.encode()).hexdigest() for block in hidden) + "\n")
    library = write_library(table.parent / "library.parquet", ["N[C@@H](C)C(O)=O", "CC(C)=O"], ["valid", "train"])
    options = ["--derivatives", "tms,meox", "--partial", "--exclude", held_out, library]
    assert build(table, *options, "--split", "valid") == [Listed("CC(C)=O", "acetone", "67-64-1")]
    printed = capsys.readouterr().out
    assert "2 left out: excluded by held_out.txt" in printed  # the table has ethanol twice
    assert "1 left out: excluded by library.parquet" in printed
    blocks = {inchikey14(listed.smiles) for listed in build(table, *options, "--split", "valid") if listed.smiles}
    assert not blocks & {*hidden, inchikey14("CC(N)C(=O)O")}
    assert Exclusions.read([library]).reason("CC(C)=O") is not None  # without a split, all of the library


def test_real_lists_hold_nothing_that_training_may_not_see(tmp_path: Path, shared: Path) -> None:
    """The same for a table made of the very compounds that are hidden."""
    library, held_out = shared / "massbank_ei.parquet", shared / "heldout_compounds.sha1.txt"
    rows = pq.read_table(library, columns=["smiles", "split"]).slice(0, 600).to_pylist()
    text = "".join(row(at, f"{at}-0", listed["smiles"], f"c{at}") for at, listed in enumerate(rows))
    (tmp_path / "table.tsv").write_text(text)
    valid = {inchikey14(flat_smiles(listed["smiles"]) or "") for listed in rows if listed["split"] == "valid"}
    assert len(valid) > 10
    options = ["--derivatives", "tms,meox", "--exclude", held_out, library, "--split", "valid"]
    built = build(tmp_path / "table.tsv", *options)
    assert len(built) > 300
    blocks = [inchikey14(listed.smiles) for listed in built if listed.smiles]
    assert not valid & set(blocks)
    sums = set(held_out.read_text().split())
    assert not [block for block in blocks if sha1(block.encode()).hexdigest() in sums]


def test_a_sample_is_drawn_by_its_seed(table: Path) -> None:
    drawn = build(table, "--sample", "2", "--seed", "4")
    assert len(drawn) == 2
    assert drawn == build(table, "--sample", "2", "--seed", "4")
    assert len({tuple(build(table, "--sample", "2", "--seed", str(seed))) for seed in range(6)}) > 1
    assert sorted(build(table, "--sample", "3")) == sorted(build(table))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--sample", "4"], "chemicals: gives 3 compounds ("),
        (["--sample", "-1"], "are negative"),
        (["--sources", "nist"], "no such source"),
        (["--sources", ","], "names no source"),
        (["--derivatives", "acetyl"], "no such kind"),
        (["--split", "valid"], "is of no library"),
        (["--max-mass", "20"], "gives 0 compounds"),
        (["--exclude", "none.txt"], "no such file"),
    ],
)
def test_what_cannot_be_built_is_one_line(
    table: Path, options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = table.parent / "list.csv"
    assert main(["molecules", "--out", str(out), "--table", str(table), *options]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_library_that_hides_nothing_is_named(table: Path) -> None:
    library = write_library(table.parent / "library.parquet", ["CCO"], ["train"])
    with pytest.raises(InputError, match="has no record of the split valid with a structure"):
        Exclusions.read([library], "valid")
    pq.write_table(pq.read_table(library).drop_columns(["split"]), library)
    with pytest.raises(InputError, match="has no column `split`"):
        Exclusions.read([library], "valid")


def test_the_name_says_csv(table: Path) -> None:
    assert main(["molecules", "--out", str(table.parent / "list.smi"), "--table", str(table)]) == 2
