import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from spectus.denovo.modeling import SpectusNetworkConfig
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.denovo.training.examples import (
    Targets,
    decoder_inputs,
    listed_structures,
    read_examples,
    similar_lengths,
)
from spectus.errors import InputError
from spectus.library.splits import read_split
from spectus.molecules.exclusions import NO_EXCLUSIONS, Exclusions
from spectus.molecules.reading import read_molecules
from spectus.structures import inchikey14

CONFIG = SpectusNetworkConfig()
TOKENIZER = SmilesTokenizer.published()


def write_library(path: Path, smiles: list[str], split: list[str], mz: list[list[float]]) -> Path:
    columns = {
        "name": [f"r{at}" for at in range(len(smiles))], "smiles": smiles, "split": split, "mz": mz,
        "intensity": [[1.0] * len(peaks) for peaks in mz], "inchikey": ["WRONGWRONGWRON-UHFFFAOYSA-N"] * len(smiles),
    }  # fmt: skip
    pq.write_table(pa.table(columns), path)
    return path


def test_spectra_that_the_model_cannot_take_are_left_out(tmp_path: Path) -> None:
    smiles = ["CCO", "no molecule", "CCCN", "C" * 101, "C" * 100, "C"]
    mz = [[31.0, 45.0], [43.0], [30.0, 501.0], [43.0], [43.0], [15.0]]
    library = write_library(tmp_path / "a.parquet", smiles, ["train"] * 5 + ["valid"], mz)
    train, valid = read_examples(library, CONFIG, NO_EXCLUSIONS)
    assert train.smiles.tolist() == ["CCO", "C" * 100]
    assert valid.smiles.tolist() == ["C"]


def test_labels_are_source_smiles_end() -> None:
    targets = Targets.of(["CCO", "C"], 5, CONFIG, TOKENIZER)
    assert targets.padded(np.array([1, 0])).tolist() == [[5, 231, 45, 0, -100, -100], [5, 231, 45, 45, 57, 0]]
    inputs = decoder_inputs(torch.from_numpy(targets.padded(np.array([1, 0]))), CONFIG)
    assert inputs.tolist() == [[3, 5, 231, 45, 0, 2], [3, 5, 231, 45, 45, 57]]


def test_spectra_become_rows_of_nominal_masses(tmp_path: Path) -> None:
    library = write_library(tmp_path / "a.parquet", ["CCO", "CC", "C"], ["train", "train", "valid"], [
        [30.9, 31.1, 45.0], [30.0], [15.0],
    ])  # fmt: skip
    train, _ = read_examples(library, CONFIG, NO_EXCLUSIONS)
    dense = train.rounded(np.array([1, 0]), 60)
    assert dense[0].nonzero()[0].tolist() == [30]
    assert dense[1, [31, 45]].tolist() == [1.0, 0.5]  # two peaks at m/z 31 are one


def test_excluded_compounds_are_known_by_structure_not_by_claim(tmp_path: Path) -> None:
    """The record's InChIKey is wrong and its SMILES has stereochemistry; the compound is excluded all the same."""
    exclusions = Exclusions(sums={hashlib.sha1(b"QNAYBMKLOCPYGJ").hexdigest(): "a test"})
    library = write_library(tmp_path / "a.parquet", ["C[C@H](N)C(=O)O", "CCO", "C"], ["train", "train", "valid"], [
        [44.0], [31.0], [15.0],
    ])  # fmt: skip
    assert read_examples(library, CONFIG, exclusions)[0].smiles.tolist() == ["CCO"]
    assert listed_structures(["C[C@H](N)C(=O)O", "OCC", "CCO", None, "no molecule"], exclusions) == ["CCO"]


def test_no_compound_is_in_both_splits(tmp_path: Path) -> None:
    """Neither itself, nor its stereoisomers, nor its derivatives."""
    smiles = ["CCO", "c1ccccc1", "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "CC(N)C(=O)O[Si](C)(C)C"]
    split = ["train", "valid", "train", "valid", "train"]
    library = write_library(tmp_path / "a.parquet", smiles, split, [[40.0]] * 5)
    train, valid = read_examples(library, CONFIG, NO_EXCLUSIONS)
    assert train.smiles.tolist() == ["CCO"]
    assert valid.smiles.tolist() == ["c1ccccc1", "CC(N)C(=O)O"]
    assert listed_structures(smiles, NO_EXCLUSIONS.adding(valid.smiles.tolist(), "valid")) == ["CCO"]


def test_a_library_without_splits_is_named(tmp_path: Path) -> None:
    library = tmp_path / "library.msp"
    library.write_text("Name: a\nSMILES: CCO\nNum Peaks: 1\n45 1\n")
    assert len(read_split(library, None)) == 1
    with pytest.raises(InputError, match="no column `split`"):
        read_split(library, "train")


def test_the_real_splits_and_list_hold_no_excluded_compound(shared: Path, tmp_path: Path) -> None:
    sums = shared / "heldout_compounds.sha1.txt"
    held_out = frozenset(sums.read_text().split())
    whole = pq.read_table(shared / "massbank_ei.parquet")
    split = np.array(whole["split"].to_pylist())
    rows = np.concatenate([np.flatnonzero(split == name)[:400] for name in ("train", "valid")])
    pq.write_table(whole.take(pa.array(rows)), tmp_path / "part.parquet")
    train, valid = read_examples(tmp_path / "part.parquet", CONFIG, Exclusions.read([sums]))
    assert train.n_spectra > 300
    lines = [
        entry.smiles for entry, _ in zip(read_molecules(shared / "molecules_gc.smi.xz"), range(2000), strict=False)
    ]
    also_valid = Exclusions.read([sums]).adding(valid.smiles.tolist(), "valid")
    molecules = listed_structures([*lines, *valid.smiles.tolist()], also_valid)
    assert len(molecules) > 1900
    unseen = {inchikey14(smiles) for smiles in valid.smiles.tolist()}
    for smiles in (*train.smiles.tolist(), *molecules):
        assert hashlib.sha1(inchikey14(smiles).encode()).hexdigest() not in held_out
        assert inchikey14(smiles) not in unseen


def test_a_pass_gives_every_row_once_in_full_batches_of_similar_length() -> None:
    random = np.random.default_rng(0)
    lengths, peaks = random.integers(5, 60, 2003), random.integers(10, 200, 2003)
    one_pass = similar_lengths(lengths, peaks, 10, random, np.arange(2003))
    assert sorted(len(rows) for rows in one_pass) == [3] + [10] * 200
    assert sorted(np.concatenate(one_pass).tolist()) == list(range(2003))
    padding = [np.ptp(lengths[rows]) for rows in one_pass]
    assert np.mean(padding) < 10
    assert one_pass[0].tolist() != similar_lengths(lengths, peaks, 10, random, np.arange(2003))[0].tolist()
