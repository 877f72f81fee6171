"""The command that builds the training library."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectus.cli import main
from spectus.errors import InputError
from spectus.learning.measured_spectra import read_measured
from spectus.learning.training_library import build_training_library
from spectus.molecules.exclusions import NO_EXCLUSIONS

ROWS = [
    {"accession": "M1", "smiles": "CCCO", "split": "train"},
    {"accession": "M2", "smiles": "CC(N)C(=O)O", "split": "train"},  # its spectrum is of the TMS ester
    {"accession": "M3", "smiles": "CCCCO", "split": "train"},  # its spectrum is of something else
    {"accession": "M4", "smiles": "CCN", "split": "valid"},
    {"accession": "M5", "smiles": "CCN[Si](C)(C)C", "split": "train"},  # a derivative of a compound of valid
    {"accession": "M6", "smiles": "OCC(O)CO", "split": "valid"},
    {"accession": "M7", "smiles": None, "split": "train"},
    {"accession": "M8", "smiles": "CCS", "split": None},
]
EXTRA: list[dict[str, Any]] = [
    {"accession": "E1", "smiles": "CCCC", "split": "train", "source": "A"},
    {"accession": "E2", "smiles": "CCCS[Si](C)(C)C", "split": "train", "source": "A", "label_assumed": True},
    {"accession": "E3", "smiles": "C[Si](C)(C)OC(C)=O", "split": "train", "source": "A", "parent_smiles": "OCCO"},
    {"accession": "E1", "smiles": "CCCCC", "split": "train", "source": "B"},
]
LABELS = "accession,smiles_of_spectrum\nM2,CC(N)C(=O)O[Si](C)(C)C\nM3,\nM99,CC\n"


def write(path: Path, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Path:
    table = {name: [row.get(name) for row in rows] for name in columns}
    table |= {"name": [row["accession"] for row in rows], "mz": [[40.0, 41.0]] * len(rows)}
    pq.write_table(pa.table(table | {"intensity": [[1.0, 0.5]] * len(rows)}), path)
    return path


@pytest.fixture
def sources(tmp_path: Path) -> tuple[Path, Path, Path, Path]:
    labels, exclude = tmp_path / "labels.csv", tmp_path / "exclude.smi"
    labels.write_text(LABELS)
    exclude.write_text("OCC(O)CO glycerol\nOCCO glycol\n")
    massbank = write(tmp_path / "massbank.parquet", ROWS, ("accession", "smiles", "split"))
    keys = ("accession", "smiles", "split", "source", "parent_smiles", "label_assumed")
    return massbank, labels, write(tmp_path / "extra.parquet", EXTRA, keys), exclude


def test_a_library_has_the_structures_of_its_spectra_and_nothing_excluded(
    sources: tuple[Path, Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    massbank, labels, extra, exclude = sources
    counts = build_training_library(massbank, labels, [extra], tmp_path / "out.parquet", [exclude])
    rows = {row["accession"]: row for row in pq.read_table(tmp_path / "out.parquet").to_pylist()}
    assert list(rows) == ["M1", "M2", "M4", "E1"]
    assert rows["M2"]["smiles"] == "CC(N)C(=O)O[Si](C)(C)C"
    assert rows["M2"]["parent_smiles"] == "CC(N)C(=O)O"
    assert rows["E1"]["smiles"] == "CCCC"
    assert [rows[name]["source"] for name in ("M1", "E1")] == ["MassBank", "A"]
    assert counts.kept == {("MassBank", "train"): 2, ("MassBank", "valid"): 1, ("A", "train"): 1}
    assert counts.left_out == {
        ("MassBank", "the structure of the spectrum is not known"): 1,
        ("MassBank", "in train, but of a compound of the split valid"): 1,
        ("MassBank", "excluded by exclude.smi"): 1,
        ("MassBank", "no structure"): 1,
        ("MassBank", "in neither split"): 1,
        ("A", "the derivative was assumed"): 1,
        ("A", "excluded by exclude.smi"): 1,
        ("B", "an accession that was read before"): 1,
    }
    printed = capsys.readouterr().out
    assert "all            3       1" in printed
    assert "1 structures corrected" in printed
    train, valid = read_measured(tmp_path / "out.parquet", NO_EXCLUSIONS)
    assert (train.n_spectra, valid.n_spectra) == (3, 1)


def test_the_command_line_takes_all_sources(sources: tuple[Path, Path, Path, Path], tmp_path: Path) -> None:
    massbank, labels, extra, exclude = sources
    out = tmp_path / "out.parquet"
    options = ["--labels", str(labels), "--exclude", str(exclude), "--out", str(out)]
    assert main(["library", str(massbank), str(extra), *options]) == 0
    assert len(pq.read_table(out)) == 4


def test_assumed_labels_are_kept_if_wanted(sources: tuple[Path, Path, Path, Path], tmp_path: Path) -> None:
    massbank, labels, extra, _ = sources
    counts = build_training_library(massbank, labels, [extra], tmp_path / "out.parquet", assumed=True)
    assert counts.kept["A", "train"] == 3


def test_what_cannot_be_used_is_named(sources: tuple[Path, Path, Path, Path], tmp_path: Path) -> None:
    massbank, labels, _, exclude = sources
    out = tmp_path / "out.parquet"
    with pytest.raises(InputError, match="has no column smiles_of_spectrum"):
        (tmp_path / "other.csv").write_text("accession,smiles\nM1,C\n")
        build_training_library(massbank, tmp_path / "other.csv", [], out)
    with pytest.raises(InputError, match="has no column split"):
        build_training_library(write(tmp_path / "a.parquet", ROWS, ("accession", "smiles")), labels, [], out)
    with pytest.raises(InputError, match="is no Parquet table"):
        build_training_library(exclude, labels, [], out)
    with pytest.raises(InputError, match="leaves no record"):
        only = write(tmp_path / "b.parquet", ROWS[5:6], ("accession", "smiles", "split"))
        build_training_library(only, labels, [], out, [exclude])
    assert not out.exists()


def test_the_real_sources_give_the_training_library(shared: Path, tmp_path: Path) -> None:
    """387 of the 1,207 listed MassBank records have no structure of their spectrum; 315 further labels are assumed."""
    counts = build_training_library(
        shared / "massbank_ei.parquet", shared / "massbank_derivative_labels.csv", [shared / "extra_ei.parquet"],
        tmp_path / "out.parquet", [shared / "heldout_compounds.sha1.txt"],
    )  # fmt: skip
    assert counts.corrected == 820
    assert counts.left_out["MassBank", "the structure of the spectrum is not known"] == 387
    assert sum(n for (_, reason), n in counts.left_out.items() if reason == "the derivative was assumed") == 315
    assert sum(counts.kept.values()) == 12_610
