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
    blocks,
    decoder_inputs,
    listed,
    measured,
    read_examples,
    similar_lengths,
)
from spectus.errors import InputError
from spectus.library.splits import read_split
from spectus.molecules.exclusions import is_held_out, read_held_out
from spectus.molecules.reading import read_molecules
from spectus.structures import inchikey14

CONFIG = SpectusNetworkConfig()
TOKENIZER = SmilesTokenizer.published()


def row(smiles: str, mz: tuple[float, ...] = (43.0, 57.0)) -> dict[str, object]:
    return {"smiles": smiles, "mz": list(mz), "intensity": [1.0] * len(mz), "inchikey": "WRONG"}


def test_rows_the_model_cannot_take_are_left_out() -> None:
    rows = [row("CCO"), row("no molecule"), row("CCO", (43.0, 501.0)), row("C" * 101), row("C" * 100)]
    assert measured(rows, CONFIG).smiles == ["CCO", "C" * 100]


def test_labels_are_source_smiles_end() -> None:
    targets = Targets.of(["CCO", "C"], 5, CONFIG, TOKENIZER)
    assert targets.padded(np.array([1, 0])).tolist() == [[5, 231, 45, 0, -100, -100], [5, 231, 45, 45, 57, 0]]
    inputs = decoder_inputs(torch.from_numpy(targets.padded(np.array([1, 0]))), CONFIG)
    assert inputs.tolist() == [[3, 5, 231, 45, 0, 2], [3, 5, 231, 45, 45, 57]]


def test_spectra_become_rows_of_nominal_masses() -> None:
    spectra = measured([row("CCO", (30.9, 31.1, 45.0)), row("CC", (30.0,))], CONFIG)
    dense = spectra.rows(np.array([1, 0]), 60)
    assert dense[0].nonzero()[0].tolist() == [30]
    assert dense[1, [31, 45]].tolist() == [1.0, 0.5]  # two peaks at m/z 31 are one


def test_held_out_compounds_are_known_by_structure_not_by_claim() -> None:
    """The record's InChIKey is wrong and its SMILES has stereochemistry; the compound is held out all the same."""
    held_out = frozenset([hashlib.sha1(b"QNAYBMKLOCPYGJ").hexdigest()])
    assert is_held_out("QNAYBMKLOCPYGJ-REOHCLBHSA-N", held_out)
    assert measured([row("C[C@H](N)C(=O)O"), row("CCO")], CONFIG, held_out).smiles == ["CCO"]
    assert listed(["C[C@H](N)C(=O)O", "OCC", "CCO", None, "no molecule"], held_out) == ["CCO"]


def test_no_compound_is_in_both_splits(tmp_path: Path) -> None:
    library = tmp_path / "library.parquet"
    smiles = ["CCO", "c1ccccc1", "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"]
    columns = {
        "name": ["a", "b", "c", "d"], "smiles": smiles, "split": ["train", "valid", "train", "valid"],
        "mz": [[40.0]] * 4, "intensity": [[1.0]] * 4,
    }  # fmt: skip
    pq.write_table(pa.table(columns), library)
    train, valid = read_examples(library, CONFIG, frozenset())
    assert train.smiles == ["CCO"]
    assert valid.smiles == ["c1ccccc1", "CC(N)C(=O)O"]
    assert listed(smiles, frozenset(), blocks(valid.smiles)) == ["CCO"]


def test_a_library_without_splits_is_named(tmp_path: Path) -> None:
    library = tmp_path / "library.msp"
    library.write_text("Name: a\nSMILES: CCO\nNum Peaks: 1\n45 1\n")
    assert len(read_split(library, None)) == 1
    with pytest.raises(InputError, match="no column `split`"):
        read_split(library, "train")


def test_the_real_splits_and_list_hold_no_held_out_compound(shared: Path) -> None:
    held_out = read_held_out(shared / "heldout_compounds.sha1.txt")
    assert len(held_out) > 1000
    train = measured(read_split(shared / "massbank_ei.parquet", "train")[:500], CONFIG, held_out)
    assert len(train.smiles) > 400
    valid = measured(read_split(shared / "massbank_ei.parquet", "valid")[:500], CONFIG, held_out)
    lines = [
        entry.smiles for entry, _ in zip(read_molecules(shared / "molecules_gc.smi.xz"), range(2000), strict=False)
    ]
    unseen = blocks(valid.smiles)
    molecules = listed([*lines, *valid.smiles], held_out, unseen)
    assert len(molecules) > 1900
    for smiles in (*train.smiles, *molecules):
        assert not is_held_out(inchikey14(smiles), held_out)
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
