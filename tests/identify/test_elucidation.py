from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from spectus import tables
from spectus.denovo.editing.scoring import Scorers
from spectus.denovo.editing.settings import EditingSettings
from spectus.denovo.modeling import SpectusNetwork, SpectusNetworkConfig
from spectus.denovo.settings import DenovoSettings
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.errors import InputError
from spectus.identify import elucidation
from spectus.identify.elucidation import EditingSources, elucidate_with_editing
from spectus.prediction.library import write_predicted_library
from spectus.tables import DENOVO_CANDIDATES

SIZES = SpectusNetworkConfig(
    d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4, decoder_attention_heads=4,
    encoder_ffn_dim=64, decoder_ffn_dim=64, max_length=40, decoder_max_position_embeddings=50,
)  # fmt: skip
SMALL = EditingSettings(rounds=1, parents=3, proposals=15, scored=25)
ETHYLPHENOL = "Name: q\nNum Peaks: 5\n107 999; 122 350; 77 200; 108 80; 123 30\n\n"


class Equal:
    """A scorer to which all structures are equal."""

    def query(self, intensity: NDArray[np.float32]) -> "Equal":
        return self

    def scores(self, smiles: Sequence[str]) -> NDArray[np.float64]:
        return np.zeros(len(smiles))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("models") / "small"
    SpectusNetwork(SIZES).save_pretrained(folder)
    SmilesTokenizer.published().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    (folder / "list.smi").write_text("Cc1ccc(O)cc1\nCCc1ccccc1\nCc1ccccc1O\nCCCCO\n")
    write_predicted_library(folder / "list.smi", "neims", folder / "predicted.parquet")
    return folder / "predicted.parquet"


def elucidated(folder: Path, model: Path, sources: EditingSources | None) -> list[dict[str, Any]]:
    (folder / "q.msp").write_text(ETHYLPHENOL)
    decoding = DenovoSettings(beams=2, device="cpu")
    elucidate_with_editing(folder / "q.msp", str(model), folder / "new" / "out.parquet", decoding, sources)
    rows: list[dict[str, Any]] = tables.read(folder / "new" / "out.parquet", DENOVO_CANDIDATES).to_pylist()
    return rows


def test_hits_of_a_library_are_edited(
    tmp_path: Path, model: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elucidation, "load_scorers", lambda reranker: Scorers(Equal()))
    sources = EditingSources(libraries=(library,), settings=SMALL)
    rows = elucidated(tmp_path, model, sources)
    edited = {row["smiles"]: row["parent"] for row in rows if row["method"] == "edit"}
    assert {"CCc1ccccc1O", "CCc1ccc(O)cc1"} & set(edited)
    assert set(edited.values()) <= {"Cc1ccc(O)cc1", "CCc1ccccc1", "Cc1ccccc1O", "CCCCO", *edited}
    (tmp_path / "excluded.smi").write_text("Cc1ccc(O)cc1\n")
    blind = elucidated(tmp_path, model, replace(sources, exclude=(tmp_path / "excluded.smi",)))
    assert "Cc1ccc(O)cc1" not in {row["parent"] for row in blind}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".denovo")]


def test_without_hits_the_model_s_structures_stay_as_they_are(tmp_path: Path, model: Path) -> None:
    plain = elucidated(tmp_path, model, None)
    assert elucidated(tmp_path, model, EditingSources()) == plain
    assert {row["method"] for row in plain} <= {"model", None}


def test_a_wrong_substructure_is_named_before_the_work(tmp_path: Path, model: Path, library: Path) -> None:
    settings = replace(SMALL, substructure="rubbish(")
    with pytest.raises(InputError, match="--substructure"):
        elucidated(tmp_path, model, EditingSources(libraries=(library,), settings=settings))
    assert not (tmp_path / "out.parquet").exists()
