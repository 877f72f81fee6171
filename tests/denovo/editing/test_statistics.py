from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from spectus.denovo.editing.molecule import CLASSES
from spectus.denovo.editing.statistics import EditStatistics, load_statistics
from spectus.errors import InputError
from spectus.files import resource


def test_frequent_fragments_are_more_probable(statistics: EditStatistics) -> None:
    on_aromatic = CLASSES.index("c")
    methyl, methoxime = statistics.fragments["*C"][on_aromatic], statistics.fragments["*C=NOC"][on_aromatic]
    assert methyl > methoxime


def test_edits_that_lead_to_listed_structures_are_more_frequent(statistics: EditStatistics) -> None:
    assert statistics.frequency("add 6 c") > statistics.frequency("add 35 c")
    both = statistics.frequency("add 6 c") + statistics.frequency("add 8 c")
    assert statistics.frequency("add 6 c & add 8 c") == pytest.approx(both)
    assert statistics.frequency("unheard of") == statistics.other_kinds


def test_a_strange_structure_has_a_rare_environment(statistics: EditStatistics) -> None:
    usual, strange = (statistics.rarest(Chem.MolFromSmiles(smiles)) for smiles in ("Cc1ccccc1", "OOSCBr"))
    assert usual > strange
    assert statistics.rarity > 0


def test_fragments_are_found_by_mass(statistics: EditStatistics) -> None:
    fragments, frequencies = statistics.table_of(1, 73)
    found = {fragment.smiles for fragment in fragments}
    assert frequencies.shape == (len(fragments), len(CLASSES))
    assert "*[Si](C)(C)C" in found
    assert not statistics.table_of(1, 999)[0]


def test_tables_are_read_as_they_were_written(statistics: EditStatistics, tmp_path: Path) -> None:
    path = tmp_path / "edits.json.xz"
    statistics.write(path)
    assert EditStatistics.read(path) == statistics


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\xfd7zXZ\x00rubbish"])
def test_a_damaged_table_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "edits.json.xz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"edits\.json\.xz"):
        EditStatistics.read(path)


def test_the_tables_that_ship_know_derivatives() -> None:
    shipped = load_statistics()
    assert {"*[Si](C)(C)C", "*C(C)=O", "*=NOC", "*C"} <= set(shipped.fragments)
    assert len(shipped.environments) > 1000
    assert np.isfinite(list(shipped.kinds.values())).all()
    assert resource("models/editing-open/edits.json.xz").stat().st_size < 2_000_000
