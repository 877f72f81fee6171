import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from spectus import tables
from spectus.denovo.training.stored import StoredSpectra
from spectus.errors import InputError
from spectus.molecules.exclusions import NO_EXCLUSIONS, Exclusions
from spectus.structures import inchikey14
from spectus.tables import SPECTRA

SMILES = ["OCC", "CCCCO", "C[Xx]", "CCN", "CCCCCCCCCCCC"]
PEAKS = [([31.0, 45.0], [1.0, 0.5]), ([56.0, 31.2], [0.4, 0.2]), None, ([30.0, 700.0], [1.0, 0.3]), ([43.0], [1.0])]


def write_predicted(
    path: Path, model: str = "rassp-open", sha256: str = "a", smiles: list[str] = SMILES, peaks: list = PEAKS
) -> Path:
    n = len(smiles)
    columns = {
        "entry": range(n), "name": [f"entry {at}" for at in range(n)], "smiles": smiles,
        "mz": [pair[0] if pair else [] for pair in peaks], "intensity": [pair[1] if pair else [] for pair in peaks],
        "reason": [None if pair else "not a molecule" for pair in peaks],
    }  # fmt: skip
    with tables.writing(path, SPECTRA, {"predicted_by": model, "model_sha256": sha256}) as writer:
        writer.append(tables.table(SPECTRA, columns))
    return path


def stored(
    tmp_path: Path, *libraries: Path, exclusions: Exclusions = NO_EXCLUSIONS, max_mz: int = 160
) -> StoredSpectra:
    return StoredSpectra(libraries, exclusions, max_mz, torch.device("cpu"), tmp_path / "notes")


def spectra(source: StoredSpectra, rows: list[int]) -> tuple[np.ndarray, list[int]]:
    made, tokens = source.spectra(np.array(rows), True, np.random.default_rng(0))
    return made.numpy(), tokens.tolist()


def test_rows_are_the_stored_spectra(tmp_path: Path) -> None:
    """A refused molecule and one beyond the highest m/z are left out; the base peak is scaled to 1."""
    source = stored(tmp_path, write_predicted(tmp_path / "a.parquet"))
    assert source.smiles == ["CCO", "CCCCO", "CCN"]
    assert source.mass.tolist() == [46, 74, 45]
    made, tokens = spectra(source, [1, 0, 2])
    assert made.shape == (3, 161)
    assert tokens == [6, 6, 6]
    assert made[0, [56, 31]].tolist() == [1.0, 0.5]
    assert made[1, [31, 45]].tolist() == [1.0, 0.5]
    assert made[2].nonzero()[0].tolist() == [30]  # m/z 700 is beyond the model


def test_a_spectrum_without_peaks_in_range_is_its_molecular_ion(tmp_path: Path) -> None:
    library = write_predicted(tmp_path / "a.parquet", smiles=["CCO"], peaks=[([300.0], [1.0])])
    made, _ = spectra(stored(tmp_path, library), [0])
    assert made[0].nonzero()[0].tolist() == [46]


def test_models_are_told_apart_by_the_metadata(tmp_path: Path) -> None:
    """Each model's spectrum of a molecule is an example; a second one by the same model is not."""
    rassp = write_predicted(tmp_path / "a.parquet")
    again = write_predicted(tmp_path / "b.parquet", smiles=["C[C@H](O)CC", "CCO"], peaks=[PEAKS[0], PEAKS[1]])
    neims = write_predicted(tmp_path / "c.parquet", "neims-open", "b", ["CCO"], [([29.0], [1.0])])
    source = stored(tmp_path, rassp, again, neims)
    assert source.smiles == ["CCO", "CCCCO", "CCN", "CCC(C)O", "CCO"]
    made, tokens = spectra(source, [0, 4])
    assert tokens == [6, 4]
    assert made[:, 29].tolist() == [0.0, 1.0]


def test_excluded_compounds_are_left_out_also_with_notes_of_others(tmp_path: Path) -> None:
    library = write_predicted(tmp_path / "a.parquet")
    assert len(stored(tmp_path, library).smiles) == 3
    valid = NO_EXCLUSIONS.adding(["CCCCO[Si](C)(C)C"], "valid")  # the list holds its parent
    assert stored(tmp_path, library, exclusions=valid).smiles == ["CCO", "CCN"]
    held_out = Exclusions(sums={hashlib.sha1(inchikey14("CCO").encode()).hexdigest(): "a test"})
    assert stored(tmp_path, library, exclusions=held_out).smiles == ["CCCCO", "CCN"]
    assert len(list((tmp_path / "notes").iterdir())) == 3


def test_notes_spare_the_comparison_with_the_exclusions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = write_predicted(tmp_path / "a.parquet")
    exclusions = NO_EXCLUSIONS.adding(["CCN"], "valid")
    first = stored(tmp_path, library, exclusions=exclusions)
    monkeypatch.setattr(Exclusions, "reason", lambda *_: pytest.fail("compared again"))
    second = stored(tmp_path, library, exclusions=exclusions)
    assert first.smiles == second.smiles == ["CCO", "CCCCO"]
    np.testing.assert_array_equal(spectra(first, [0, 1])[0], spectra(second, [0, 1])[0])


def test_files_that_are_no_predicted_library_are_named(tmp_path: Path) -> None:
    text = tmp_path / "a.parquet"
    text.write_text("Name: a\n")
    with pytest.raises(InputError, match="is no Parquet library"):
        stored(tmp_path, text)
    plain = tmp_path / "b.parquet"
    pq.write_table(pa.table({"smiles": ["CCO"], "mz": [[31.0]], "intensity": [[1.0]]}), plain)
    with pytest.raises(InputError, match="does not say which prediction model made it"):
        stored(tmp_path, plain)
    with pytest.raises(InputError, match="no such file"):
        stored(tmp_path, tmp_path / "absent.parquet")


def test_libraries_of_different_weights_of_one_model_are_refused(tmp_path: Path) -> None:
    one, other = write_predicted(tmp_path / "a.parquet"), write_predicted(tmp_path / "b.parquet", sha256="other")
    with pytest.raises(InputError, match="is of other weights of rassp-open than"):
        stored(tmp_path, one, other)
