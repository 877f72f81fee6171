import os
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from spectus import tables
from spectus.denovo import elucidate, memory
from spectus.denovo.elucidate import Constraint, Translator, pick_device, translate_queries
from spectus.denovo.generation import Hypothesis
from spectus.denovo.modeling import SpectusConfig, SpectusForConditionalGeneration
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.errors import InputError

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
    out = tmp_path / "denovo_candidates.parquet"
    translate_queries(queries, str(model_folder), out, beams=3, device="cpu")
    rows = tables.read(out, tables.DENOVO_CANDIDATES).to_pylist()
    reasons = {row["query"]: row["reason"] for row in rows}
    assert list(reasons) == ["one", "over the mass limit", "no peaks", "last"]
    assert "m/z 501" in reasons["over the mass limit"]
    assert "peak" in reasons["no peaks"]
    assert all(row["smiles"] is not None or row["reason"] for row in rows)
    assert {row["model"] for row in rows} == {"small"}
    again = tmp_path / "again.parquet"
    translate_queries(queries, str(model_folder), again, beams=3, device="cpu", batch_size=1)
    assert (
        tables.read(again, tables.DENOVO_CANDIDATES)["smiles"] == tables.read(out, tables.DENOVO_CANDIDATES)["smiles"]
    )


def test_parts_make_up_the_whole(model_folder: Path, queries: Path, tmp_path: Path) -> None:
    def names(part: tuple[int, int]) -> list[str]:
        translate_queries(queries, str(model_folder), tmp_path / "part.parquet", beams=1, device="cpu", part=part)
        return tables.read(tmp_path / "part.parquet", tables.DENOVO_CANDIDATES)["query"].to_pylist()

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
    real = elucidate.beam_search

    def greedy_for_memory(model, spectra, beams, batch_size, *more):  # type: ignore[no-untyped-def]
        sizes.append(batch_size)
        for count, found in enumerate(real(model, spectra, beams, batch_size, *more)):
            if count and batch_size > 4:
                raise torch.OutOfMemoryError
            if count and batch_size > 2:
                torch.empty(1 << 60)
            yield found

    monkeypatch.setattr(elucidate, "beam_search", greedy_for_memory)
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


def test_the_batch_is_what_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    sizes = []
    for free in (1 << 40, 1 << 32, 1):
        monkeypatch.setattr(memory, "free_memory", lambda free=free: free)
        sizes.append(memory.fitting_batch(SpectusConfig(), cpu, torch.float32, 50))
    assert sizes[0] == memory.CPU_BATCH
    assert sizes[0] > sizes[1] > sizes[2] == 1


def test_free_memory_is_some_but_not_more_than_there_is() -> None:
    assert 1 << 20 < memory.free_memory() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_a_long_file_is_written_in_chunks(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = tmp_path / "many.msp", tmp_path / "out.parquet"
    path.write_text("".join(f"Name: {i}\nNum Peaks: 1\n{40 + i} 1\n\n" for i in range(7)), encoding="utf-8")
    translate_queries(path, str(model_folder), tmp_path / "whole.parquet", beams=2, device="cpu")
    monkeypatch.setattr(elucidate, "CHUNK", 3)
    translate_queries(path, str(model_folder), out, beams=2, device="cpu")
    assert pa.parquet.ParquetFile(out).num_row_groups == 3
    whole = tables.read(tmp_path / "whole.parquet", tables.DENOVO_CANDIDATES)
    assert tables.read(out, tables.DENOVO_CANDIDATES).drop("log_prob") == whole.drop("log_prob")


def test_structures_are_held_to_a_formula(model_folder: Path, queries: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    translate_queries(queries, str(model_folder), out, device="cpu", constraint=Constraint(formula="C2H6O"))
    rows = tables.read(out, tables.DENOVO_CANDIDATES).to_pylist()
    assert {row["smiles"] for row in rows} - {None} <= {"CCO", "COC"}
    assert all(row["smiles"] or row["reason"] for row in rows)
    for wrong in (Constraint(formula="rubbish"), Constraint(mass=0), Constraint(formula="")):
        with pytest.raises(InputError):
            translate_queries(queries, str(model_folder), out, device="cpu", constraint=wrong)


def test_each_record_s_own_formula_holds(model_folder: Path, tmp_path: Path) -> None:
    """A formula that is none concerns its record only."""
    queries, out = tmp_path / "queries.msp", tmp_path / "out.parquet"
    formulae = {"methane": "Formula: CH4\n", "wrong": "Formula: CH4.x\n", "without": ""}
    queries.write_text("".join(f"Name: {n}\n{f}Num Peaks: 1\n15 9\n\n" for n, f in formulae.items()), encoding="utf-8")
    translate_queries(queries, str(model_folder), out, device="cpu", constraint=Constraint(own_formula=True))
    rows = tables.read(out, tables.DENOVO_CANDIDATES).to_pandas().set_index("query")
    assert rows.loc["wrong", "reason"].startswith("formula CH4.x: is no molecular formula")
    assert set(rows.loc[["methane"], "smiles"].dropna()) <= {"C"}
    assert len(rows.loc["without"]) > 1


@pytest.mark.parametrize("cores", [1, 3])
def test_cores_change_no_answer(model_folder: Path, monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    translator = Translator.load(str(model_folder), "cpu", "fp32")
    rows = [{"mz": [40.0 + i, 60.0 + i], "intensity": [1.0, 0.5], "reason": None} for i in range(25)]
    monkeypatch.setattr(elucidate, "batches_side_by_side", lambda config, device: cores)
    found = [[smiles for smiles, _ in answer.structures] for answer in translator.translate(rows, 4, 3)]
    alone = [[smiles for smiles, _ in translator.translate([row], 4, 1)[0].structures] for row in rows]
    assert found == alone


def test_what_fails_in_a_thread_is_raised(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise InputError("model", "is broken", "mend it")

    translator = Translator.load(str(model_folder), "cpu")
    monkeypatch.setattr(elucidate, "batches_side_by_side", lambda config, device: 2)
    monkeypatch.setattr(elucidate, "beam_search", broken)
    with pytest.raises(InputError, match="is broken"):
        translator.translate([{"mz": [40.0], "intensity": [1.0], "reason": None}] * 20, 2)


def test_bf16_and_fp32_find_the_same(model_folder: Path, queries: Path, tmp_path: Path) -> None:
    for precision in ("fp32", "bf16"):
        out = tmp_path / f"{precision}.parquet"
        translate_queries(queries, str(model_folder), out, device="cpu", precision=precision)
        assert pa.parquet.read_schema(out).metadata[b"precision"] == precision.encode()
    found = [
        tables.read(tmp_path / f"{precision}.parquet", tables.DENOVO_CANDIDATES).to_pandas().groupby("query").first()
        for precision in ("fp32", "bf16")
    ]
    assert found[0]["smiles"].equals(found[1]["smiles"])


def test_the_table_has_the_model_s_hash(model_folder: Path, queries: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    translate_queries(queries, str(model_folder), out, beams=1, device="cpu")
    assert len(pa.parquet.read_schema(out).metadata[b"model_sha256"]) == 64
