import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from spectus.denovo.encoding import EncodedSpectrum, collate
from spectus.denovo.generation import beam_search
from spectus.denovo.hub import SpectusConfig, SpectusForConditionalGeneration
from spectus.denovo.modeling import SpectusNetwork, SpectusNetworkConfig
from spectus.denovo.training.examples import decoder_inputs
from spectus.errors import InputError

SHIPPED = Path(__file__).parents[2] / "resources" / "models" / "spectus-open"
TOKENS = torch.tensor([[3, 5, 231, 45]])


@torch.no_grad()
@pytest.mark.parametrize("folder", ["small", "spectus-open"])
def test_logits_equal_the_network_s_to_the_bit(folder: str, model_folder: Path, spectra: list[EncodedSpectrum]) -> None:
    path = SHIPPED if folder == "spectus-open" else model_folder
    network, loaded = SpectusNetwork.from_pretrained(path), SpectusForConditionalGeneration.from_pretrained(path)
    batch, tokens = collate(spectra), TOKENS.expand(len(spectra), -1)
    output = loaded(
        input_ids=batch.input_ids, position_ids=batch.position_ids, attention_mask=batch.attention_mask,
        decoder_input_ids=tokens,
    )  # fmt: skip
    assert loaded.dtype == torch.float32  # whatever the file has
    assert torch.equal(output.logits, network(*batch, tokens).logits)
    assert torch.equal(loaded(*batch).logits, network(*batch).logits)
    assert torch.equal(loaded(*collate(spectra[:1])[:2]).logits, network(*collate(spectra[:1])).logits)


def test_it_has_the_published_size_and_keys() -> None:
    """`tests/denovo/test_modeling.py` compares the network's keys with the published ones."""
    with torch.device("meta"):
        ours = SpectusForConditionalGeneration(SpectusConfig())
        network = SpectusNetwork(SpectusNetworkConfig())
    assert {name: value.shape for name, value in ours.state_dict().items()} == {
        name: value.shape for name, value in network.state_dict().items()
    }
    assert len(ours.state_dict()) == 514
    assert ours.num_parameters() == 354_018_304


def test_a_saved_folder_loads_back_in_both_ways(
    model_folder: Path, spectra: list[EncodedSpectrum], tmp_path: Path
) -> None:
    loaded = SpectusForConditionalGeneration.from_pretrained(model_folder)
    loaded.save_pretrained(tmp_path)
    again = SpectusForConditionalGeneration.from_pretrained(tmp_path)
    assert again.config.network() == loaded.config.network() == SpectusNetwork.from_pretrained(tmp_path).config
    for key, value in loaded.state_dict().items():
        assert torch.equal(again.state_dict()[key], value)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "spectus"
    with torch.no_grad():
        logits = [each(*collate(spectra)).logits for each in (again, SpectusNetwork.from_pretrained(tmp_path))]
    assert torch.equal(logits[0], logits[1])


def test_a_published_folder_loads(model: SpectusNetwork, model_folder: Path, tmp_path: Path) -> None:
    """Of model type bart, with a pickle that lacks `final_logits_bias`, as published checkpoints may be."""
    entries = json.loads((model_folder / "config.json").read_text())
    del entries["dtype"]
    entries |= {"model_type": "bart", "torch_dtype": "float32", "encoder_max_position_embeddings": None, "min_len": 0}
    (tmp_path / "config.json").write_text(json.dumps(entries))
    weights = model.state_dict()
    torch.save(
        {key: value for key, value in weights.items() if key != "final_logits_bias"}, tmp_path / "pytorch_model.bin"
    )
    loaded = SpectusForConditionalGeneration.from_pretrained(tmp_path)
    assert not loaded.final_logits_bias.any()
    assert torch.equal(loaded.state_dict()["lm_head.weight"], weights["lm_head.weight"])


def test_wrong_folders_are_named(model_folder: Path, model: SpectusNetwork, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such model folder"):
        SpectusForConditionalGeneration.from_pretrained(tmp_path / "absent")
    with pytest.raises(InputError, match=r"config\.json: no such file"):
        SpectusForConditionalGeneration.from_pretrained(tmp_path)
    model.config.write(tmp_path / "config.json")
    with pytest.raises(InputError, match="weights cannot be loaded"):
        SpectusForConditionalGeneration.from_pretrained(tmp_path)
    weights = {key: value for key, value in model.state_dict().items() if key != "lm_head.weight"}
    torch.save(weights, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"disagree \(lm_head\.weight\)"):
        SpectusForConditionalGeneration.from_pretrained(tmp_path)
    torch.save(weights | {"lm_head.weight": torch.zeros(9, 32)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"cannot be loaded|disagree"):
        SpectusForConditionalGeneration.from_pretrained(tmp_path)


def test_the_loss_is_that_of_the_labels(model_folder: Path, spectra: list[EncodedSpectrum]) -> None:
    loaded = SpectusForConditionalGeneration.from_pretrained(model_folder)
    batch = collate(spectra[:2])
    labels = torch.tensor([[5, 231, 45, 0], [5, 231, 0, -100]])
    output = loaded(*batch, labels=labels)
    logits = loaded(*batch, decoder_inputs(labels, loaded.config.network())).logits
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
    assert output.loss.item() == pytest.approx(expected.item(), abs=1e-6)
    output.loss.backward()
    assert loaded.lm_head.weight.grad is not None


def test_generate_gives_the_strings_of_the_beam_search(model_folder: Path, spectra: list[EncodedSpectrum]) -> None:
    loaded = SpectusForConditionalGeneration.from_pretrained(model_folder)
    found = dict(beam_search(loaded.network(), spectra[:3], 4, 3))
    rows = loaded.generate(*collate(spectra[:3]), num_beams=4)
    assert rows.shape[0] == 3 * 4
    for index, hypotheses in found.items():
        for place, hypothesis in enumerate(hypotheses):
            row = rows[4 * index + place].tolist()
            wanted = [3, 5, *hypothesis.tokens, 0]
            assert row[: len(wanted)] == wanted
            assert set(row[len(wanted) :]) <= {2}


def test_the_configuration_has_the_network_s_defaults() -> None:
    assert SpectusConfig().network() == SpectusNetworkConfig()
    assert SpectusConfig(d_model=64, max_length=None).network() == SpectusNetworkConfig(d_model=64)
    assert SpectusConfig(d_model=64).hidden_size == 64


_PROGRAM = """
import sys
{imports}
from transformers import AutoConfig, AutoModel, AutoModelForSeq2SeqLM
from spectus.denovo import SpectusConfig, SpectusForConditionalGeneration
folder = sys.argv[1]
assert type(AutoConfig.from_pretrained(folder)) is SpectusConfig
for auto_class in (AutoModel, AutoModelForSeq2SeqLM):
    assert type(auto_class.from_pretrained(folder)) is SpectusForConditionalGeneration
"""


@pytest.mark.parametrize(
    "imports",
    [
        "import spectus.denovo; assert 'transformers' not in sys.modules",
        "import spectus.denovo; from transformers import PreTrainedModel",
        "import spectus.denovo; from transformers import BartForConditionalGeneration",
        "from transformers import AutoModel; import spectus.denovo",
    ],
)
def test_the_auto_classes_load_it_in_any_order_of_imports(imports: str, model_folder: Path) -> None:
    paths = f"sys.path[:] = {sys.path!r}; "
    program = _PROGRAM.format(imports=paths + imports)
    result = subprocess.run([sys.executable, "-c", program, str(model_folder)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "module", ["spectus.denovo", "spectus.cli", "spectus.denovo.elucidate", "spectus.evaluation.denovo"]
)
def test_nothing_imports_transformers_before_it_is_used(module: str) -> None:
    program = f"import sys; sys.path[:] = {sys.path!r}; import {module}; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_the_old_import_path_gives_the_same_classes() -> None:
    import spectus.model

    assert spectus.model.SpectusForConditionalGeneration is SpectusForConditionalGeneration
    assert spectus.model.SpectusConfig is SpectusConfig
