import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from spectus.denovo import translator as translator_module
from spectus.denovo.generation import Hypothesis
from spectus.denovo.modeling import SpectusNetwork, SpectusNetworkConfig
from spectus.denovo.tokenizer import SmilesTokenizer
from spectus.denovo.translator import GROUP, LEAST_GROUP, Translator, pick_device, work_groups
from spectus.errors import InputError


@pytest.fixture
def translator() -> Translator:
    config = SpectusNetworkConfig(
        d_model=8, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=8, decoder_ffn_dim=8, encoder_attention_heads=1,
        decoder_attention_heads=1,
    )  # fmt: skip
    return Translator(SpectusNetwork(config).eval(), SmilesTokenizer.published(), "tiny", "")


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
    real = translator_module.beam_search

    def greedy_for_memory(model, spectra, beams, batch_size, *more):  # type: ignore[no-untyped-def]
        sizes.append(batch_size)
        for count, found in enumerate(real(model, spectra, beams, batch_size, *more)):
            if count and batch_size > 4:
                raise torch.OutOfMemoryError
            if count and batch_size > 2:
                torch.empty(1 << 60)
            yield found

    monkeypatch.setattr(translator_module, "beam_search", greedy_for_memory)
    rows = [{"mz": [mass], "intensity": [1.0], "reason": None} for mass in range(40, 46)]
    whole = [answer.structures for answer in translator.translate(rows, 2, 8)]
    assert sizes == [8, 4, 2]
    monkeypatch.undo()
    assert whole == [answer.structures for answer in translator.translate(rows, 2, 8)]


def test_the_groups_of_a_job_hold_every_spectrum_once() -> None:
    for n in (0, 1, 7, 8, 9, 63, 64, 65, 300, 2048):
        lengths = np.random.default_rng(n).integers(1, 300, n).tolist()
        groups = work_groups(lengths)
        assert sorted(index for group in groups for index in group) == list(range(n))
        assert all(len(group) <= GROUP for group in groups)
        assert all(len(group) >= min(n, LEAST_GROUP) for group in groups[:-1])
        falling = [lengths[index] for group in groups for index in group]
        assert falling == sorted(falling, reverse=True)


def random_rows(n: int) -> list[dict[str, object]]:
    random = np.random.default_rng(8)
    masses = [np.sort(random.choice(np.arange(20, 400), random.integers(1, 60), replace=False)) for _ in range(n)]
    return [{"mz": mz.tolist(), "intensity": random.random(len(mz)).tolist(), "reason": None} for mz in masses]


@pytest.mark.parametrize("cores", [1, 2, 3])
def test_cores_change_no_bit(model_folder: Path, monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    """With one batch for each core, as in version 0.3, log_prob differed by 1e-5."""
    translator, rows = Translator.load(str(model_folder), "cpu", "fp32"), random_rows(75)
    monkeypatch.setattr(translator_module, "batches_side_by_side", lambda config, device: 1)
    alone = translator.translate(rows, 4)
    monkeypatch.setattr(translator_module, "batches_side_by_side", lambda config, device: cores)
    assert translator.translate(rows, 4) == alone


_DECODE = """
import sys
from pathlib import Path
from spectus.denovo.elucidate import elucidate_queries
from spectus.denovo.settings import DenovoSettings
elucidate_queries(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), DenovoSettings(beams=5, device="cpu"))
"""


def test_tables_are_byte_identical_with_one_core_and_with_two(model_folder: Path, tmp_path: Path) -> None:
    """In processes of their own, where the number of threads is what the environment says."""
    queries = tmp_path / "queries.msp"
    records = [
        f"Name: {i}\nNum Peaks: {len(row['mz'])}\n"  # type: ignore[arg-type]
        + " ".join(f"{m} {1000 * h:.3f};" for m, h in zip(row["mz"], row["intensity"], strict=True))  # type: ignore[call-overload]
        for i, row in enumerate(random_rows(40))
    ]
    queries.write_text("\n\n".join(records) + "\n")
    written = []
    for cores in ("1", "2"):
        out = tmp_path / f"{cores}.parquet"
        environment = os.environ | {"OMP_NUM_THREADS": cores, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", _DECODE, str(queries), str(model_folder), str(out)]
        subprocess.run(command, check=True, env=environment, capture_output=True)
        written.append(out.read_bytes())
    assert written[0] == written[1]


def test_the_batch_changes_no_structure(model_folder: Path) -> None:
    translator, rows = Translator.load(str(model_folder), "cpu", "fp32"), random_rows(25)
    found = [[smiles for smiles, _ in answer.structures] for answer in translator.translate(rows, 4, 3)]
    alone = [[smiles for smiles, _ in translator.translate([row], 4, 1)[0].structures] for row in rows]
    assert found == alone


def test_what_fails_in_a_thread_is_raised(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise InputError("model", "is broken", "mend it")

    translator = Translator.load(str(model_folder), "cpu")
    monkeypatch.setattr(translator_module, "batches_side_by_side", lambda config, device: 2)
    monkeypatch.setattr(translator_module, "beam_search", broken)
    with pytest.raises(InputError, match="is broken"):
        translator.translate([{"mz": [40.0], "intensity": [1.0], "reason": None}] * 20, 2)


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="--device teapot"):
        pick_device("teapot")
