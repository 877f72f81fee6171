from pathlib import Path

import pyarrow as pa
import pytest
import torch

from spectus import tables
from spectus.errors import InputError
from spectus.model import translate
from spectus.model.generation import Hypothesis
from spectus.model.modeling import SpectusConfig, SpectusForConditionalGeneration
from spectus.model.tokenizer import SmilesTokenizer
from spectus.model.translate import Translator, fitting_batch, pick_device, translate_queries

MSP = """Name: one
Num Peaks: 2
15 40; 43 999

Name: over the mass limit
Num Peaks: 2
43 999; 501 2

Name: no peaks
Num Peaks: 0

Name: last
Num Peaks: 1
78 999
"""


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    path = tmp_path / "Abwasser Süd.msp"
    path.write_text(MSP, encoding="utf-8")
    return path


def test_every_query_keeps_a_row(model_folder: Path, queries: Path, tmp_path: Path) -> None:
    out = tmp_path / "translations.parquet"
    translate_queries(queries, str(model_folder), out, beams=3, device="cpu")
    rows = tables.read(out, tables.TRANSLATIONS).to_pylist()
    reasons = {row["query"]: row["reason"] for row in rows}
    assert list(reasons) == ["one", "over the mass limit", "no peaks", "last"]
    assert "m/z 501" in reasons["over the mass limit"]
    assert "peak" in reasons["no peaks"]
    assert all(row["smiles"] is not None or row["reason"] for row in rows)
    assert {row["model"] for row in rows} == {"small"}
    again = tmp_path / "again.parquet"
    translate_queries(queries, str(model_folder), again, beams=3, device="cpu", batch_size=1)
    assert tables.read(again, tables.TRANSLATIONS)["smiles"] == tables.read(out, tables.TRANSLATIONS)["smiles"]


def test_parts_make_up_the_whole(model_folder: Path, queries: Path, tmp_path: Path) -> None:
    def names(part: tuple[int, int]) -> list[str]:
        translate_queries(queries, str(model_folder), tmp_path / "part.parquet", beams=1, device="cpu", part=part)
        return tables.read(tmp_path / "part.parquet", tables.TRANSLATIONS)["query"].to_pylist()

    assert names((1, 2)) + names((2, 2)) == ["one", "no peaks", "over the mass limit", "last"]
    assert names((5, 5)) == []


@pytest.fixture
def translator() -> Translator:
    config = SpectusConfig(
        d_model=8, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=8, decoder_ffn_dim=8, encoder_attention_heads=1,
        decoder_attention_heads=1,
    )  # fmt: skip
    return Translator(SpectusForConditionalGeneration(config).eval(), SmilesTokenizer.published(), "tiny", "")


def test_strings_of_one_molecule_are_merged_and_invalid_ones_counted(translator: Translator) -> None:
    encode = translator.tokenizer.encode
    answer = translator._answer(
        [Hypothesis(encode(text), p) for text, p in (("CCN", -1.0), ("OCC", -1.2), ("C(C", -1.3), ("CCO", -1.4))]
    )
    assert [smiles for smiles, _ in answer.structures] == ["CCO", "CCN"]
    assert answer.structures[0][1] == pytest.approx(float(torch.logaddexp(torch.tensor(-1.2), torch.tensor(-1.4))))
    assert (answer.n_valid, answer.n_invalid) == (3, 1)


def test_out_of_memory_halves_the_batch(translator: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    real = translate.beam_search

    def greedy_for_memory(model, spectra, beams, batch_size):  # type: ignore[no-untyped-def]
        sizes.append(batch_size)
        for count, found in enumerate(real(model, spectra, beams, batch_size)):
            if count and batch_size > 2:
                raise torch.OutOfMemoryError
            yield found

    monkeypatch.setattr(translate, "beam_search", greedy_for_memory)
    rows = [{"mz": [mass], "intensity": [1.0], "reason": None} for mass in range(40, 46)]
    whole = [answer.structures for answer in translator.translate(rows, 2, 8)]
    assert sizes == [8, 4, 2]
    monkeypatch.undo()
    assert whole == [answer.structures for answer in translator.translate(rows, 2, 8)]


def test_wrong_input_is_named(model_folder: Path, queries: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    with pytest.raises(InputError, match="no such file"):
        translate_queries(tmp_path / "absent.msp", str(model_folder), out)
    with pytest.raises(InputError, match="no such model folder"):
        translate_queries(queries, str(tmp_path / "absent"), out)
    with pytest.raises(InputError, match="--beams 0"):
        translate_queries(queries, str(model_folder), out, beams=0)
    with pytest.raises(InputError, match="--device teapot"):
        pick_device("teapot")
    assert not out.exists()


def test_batch_on_a_cpu_does_not_depend_on_memory() -> None:
    assert fitting_batch(SpectusConfig(), torch.device("cpu"), torch.float32, 50) == translate.CPU_BATCH


def test_the_table_has_the_model_s_hash(model_folder: Path, queries: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    translate_queries(queries, str(model_folder), out, beams=1, device="cpu")
    assert len(pa.parquet.read_schema(out).metadata[b"model_sha256"]) == 64
