from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from spectus.identify.seed_search import SeedSearchSettings, _by_loss, search_seeds
from spectus.molecules.exclusions import NO_EXCLUSIONS, Exclusions
from spectus.prediction.library import write_predicted_library

LISTED = ("Cc1ccc(O)cc1", "CCc1ccccc1", "CCCCCCCCO", "CCCCO")
QUERIES = pa.table({"mz": [[77.0, 107.0, 122.0]], "intensity": [[0.2, 1.0, 0.35]]})


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    (folder / "list.smi").write_text("\n".join(LISTED) + "\n")
    write_predicted_library(folder / "list.smi", "neims", folder / "predicted.parquet")
    return folder / "predicted.parquet"


def test_the_likest_molecules_are_found_and_excluded_ones_are_not(library: Path) -> None:
    one = SeedSearchSettings(by_ions=1, by_losses=1)
    (best,) = search_seeds(QUERIES, [library], NO_EXCLUSIONS, one)
    assert 1 <= len(best) <= 2
    assert "Cc1ccc(O)cc1" in best
    assert set(search_seeds(QUERIES, [library], NO_EXCLUSIONS)[0]) == set(LISTED)
    blind = search_seeds(QUERIES, [library], Exclusions().adding(["Cc1ccc(O)cc1"], "me"))
    assert set(blind[0]) == set(LISTED) - {"Cc1ccc(O)cc1"}


def test_libraries_of_measured_spectra_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "measured.msp").write_text("Name: a\nSMILES: CCO\nNum Peaks: 1\n45 999\n\n")
    assert search_seeds(QUERIES, [tmp_path / "measured.msp"], NO_EXCLUSIONS) == [[]]


def test_ions_become_losses_from_the_molecule() -> None:
    ions = csr_array(np.eye(1, 50, 43, dtype=np.float32) + np.eye(1, 50, 49, dtype=np.float32))
    losses = _by_loss(ions, np.array([46])).toarray()
    assert np.flatnonzero(losses).tolist() == [3]
