import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectus.errors import InputError
from spectus.model.modeling import SpectusConfig
from spectus.model.tokenizer import SmilesTokenizer
from spectus.structures import first_block
from spectus.training.data import augment, batches, examples, is_held_out, read_held_out, read_split
from spectus.training.settings import Augmentation, TrainingSettings
from spectus.training.train import read_examples

CONFIG = SpectusConfig()
TOKENIZER = SmilesTokenizer.published()
PLAIN = Augmentation(0, 0, 0, 0, 0)


def row(smiles: str, mz: tuple[float, ...] = (43.0, 57.0)) -> dict[str, object]:
    return {"smiles": smiles, "mz": list(mz), "intensity": [1.0] * len(mz), "inchikey": "WRONG"}


def test_rows_the_model_cannot_take_are_left_out() -> None:
    rows = [row("CCO"), row("no molecule"), row("CCO", (43.0, 501.0)), row("C" * 101), row("C" * 100)]
    assert [example.smiles for example in examples(rows, CONFIG, TOKENIZER)] == ["CCO", "C" * 100]


def test_labels_are_source_smiles_end() -> None:
    (example,) = examples([row("OCC")], CONFIG, TOKENIZER)
    assert example.labels == [5, 231, 45, 45, 57, 0]


def test_held_out_compounds_are_known_by_structure_not_by_claim() -> None:
    """The record's InChIKey is wrong and its SMILES has stereochemistry; the compound is held out all the same."""
    held_out = frozenset([hashlib.sha1(b"QNAYBMKLOCPYGJ").hexdigest()])
    assert is_held_out("QNAYBMKLOCPYGJ-REOHCLBHSA-N", held_out)
    rows = [row("C[C@H](N)C(=O)O"), row("CCO")]
    assert [example.smiles for example in examples(rows, CONFIG, TOKENIZER, held_out)] == ["CCO"]


def test_no_compound_is_in_both_splits(tmp_path: Path) -> None:
    library = tmp_path / "library.parquet"
    smiles = ["CCO", "c1ccccc1", "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"]
    columns = {
        "name": ["a", "b", "c", "d"], "smiles": smiles, "split": ["train", "valid", "train", "valid"],
        "mz": [[40.0]] * 4, "intensity": [[1.0]] * 4,
    }  # fmt: skip
    pq.write_table(pa.table(columns), library)
    train, valid = read_examples(library, TrainingSettings(), TOKENIZER, frozenset())
    assert [example.smiles for example in train] == ["CCO"]
    assert [example.smiles for example in valid] == ["c1ccccc1", "CC(N)C(=O)O"]


def test_a_library_without_splits_is_named(tmp_path: Path) -> None:
    library = tmp_path / "library.msp"
    library.write_text("Name: a\nSMILES: CCO\nNum Peaks: 1\n45 1\n")
    assert len(read_split(library, None)) == 1
    with pytest.raises(InputError, match="no column `split`"):
        read_split(library, "train")


def test_the_real_splits_hold_no_held_out_compound(shared: Path) -> None:
    held_out = read_held_out(shared / "heldout_compounds.sha1.txt")
    assert len(held_out) > 1000
    rows = read_split(shared / "massbank_ei.parquet", "train")[:500]
    kept = examples(rows, CONFIG, TOKENIZER, held_out)
    assert len(kept) > 400
    assert not any(is_held_out(first_block(example.smiles), held_out) for example in kept)


def test_augmentation_keeps_the_base_peak_and_the_order() -> None:
    random = np.random.default_rng(0)
    mz, intensity = np.arange(30.0, 130.0), np.linspace(0.001, 1.0, 100)
    how = Augmentation(intensity_jitter=0.1, drop_share=1.0, background_peaks=5, background_height=0.02, low_mass_cut=1)
    seen = set()
    for _ in range(20):
        masses, heights = augment(mz, intensity, how, random)
        assert (np.diff(masses) > 0).all()
        assert (heights > 0).all()
        assert mz[intensity > 0.9][0] in masses
        seen.add(len(masses))
    assert len(seen) > 5


def test_no_augmentation_changes_nothing() -> None:
    mz, intensity = np.array([41.0, 43.0]), np.array([0.2, 1.0])
    masses, heights = augment(mz, intensity, PLAIN, np.random.default_rng(0))
    assert masses.tolist() == mz.tolist()
    assert heights == pytest.approx(intensity)


def test_a_pass_gives_every_example_once_in_full_batches() -> None:
    data = examples([row("C" * (1 + n % 30), tuple(range(40, 41 + n % 50))) for n in range(203)], CONFIG, TOKENIZER)
    one_pass = list(batches(data, 10, CONFIG, PLAIN, np.random.default_rng(0)))
    assert sorted(len(batch.labels) for batch in one_pass) == [3] + [10] * 20
    lengths = np.concatenate([(batch.labels != -100).sum(1).numpy() for batch in one_pass])
    assert sorted(lengths) == sorted(len(example.labels) for example in data)
    batch = one_pass[0]
    assert (batch.decoder_input_ids[:, 0] == 3).all()
    assert (batch.decoder_input_ids[:, 1] == 5).all()
    assert (batch.decoder_input_ids >= 0).all()
