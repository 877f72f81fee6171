"""SpecTUS as a model of the transformers library: the same network, weights and keys as `spectus.denovo.modeling`.

>>> from spectus.denovo import SpectusForConditionalGeneration
>>> model = SpectusForConditionalGeneration.from_pretrained("resources/models/spectus-open")  # doctest: +SKIP

The commands of this package do not import this module, since transformers takes seconds to import.
"""

from dataclasses import asdict
from os import PathLike
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import initialization as init
from transformers.modeling_outputs import Seq2SeqLMOutput
from transformers.modeling_utils import PreTrainedModel

from spectus.denovo.encoding import EncodedSpectrum
from spectus.denovo.folders import model_folder
from spectus.denovo.generation import beam_search
from spectus.denovo.hub_config import SpectusConfig
from spectus.denovo.modeling import EncoderDecoder, SpectusNetwork, SpectusNetworkConfig, peak_mask
from spectus.errors import InputError

__all__ = ["SpectusConfig", "SpectusForConditionalGeneration"]

_IGNORED_LABEL = -100  # the value that torch's cross-entropy ignores, and by which transformers marks padding


class SpectusForConditionalGeneration(PreTrainedModel):  # type: ignore[no-untyped-call]
    """The network with transformers' `from_pretrained`, `save_pretrained` and Auto classes.

    Parameters
    ----------
    config
        Sizes of the network. Its weights are random; `from_pretrained` loads trained ones.
    """

    config_class = SpectusConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    _keys_to_ignore_on_load_missing = ["final_logits_bias"]  # noqa: RUF012 (as in PreTrainedModel)
    _no_split_modules = ["EncoderLayer", "DecoderLayer"]  # noqa: RUF012

    config: SpectusConfig
    final_logits_bias: Tensor

    def __init__(self, config: SpectusConfig) -> None:
        super().__init__(config)
        sizes = config.network()
        self.model = EncoderDecoder(sizes)
        self.lm_head = nn.Linear(sizes.d_model, sizes.vocab_size, bias=False)
        self.register_buffer("final_logits_bias", torch.zeros(1, sizes.vocab_size))
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self, input_ids: Tensor, position_ids: Tensor, attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None, labels: Tensor | None = None, **_: Any,
    ) -> Seq2SeqLMOutput:  # fmt: skip
        """Compute the logits of the next tokens, and the loss if labels are given.

        Parameters
        ----------
        input_ids, position_ids
            Integer m/z and intensity bins, (B, S) each.
        attention_mask
            1 for a peak and 0 for padding, (B, S); None: no padding.
        decoder_input_ids
            Tokens so far, (B, T); None: the labels shifted by the start token, or the start token alone.
        labels
            Tokens to predict, (B, T), -100 where there is none.
        **_
            Other arguments of transformers are ignored.

        Returns
        -------
        Seq2SeqLMOutput
            `logits` (B, T, V), `encoder_last_hidden_state` (B, S, D), and `loss`, the mean cross-entropy in nats.
        """
        mask = peak_mask(input_ids, attention_mask)
        if decoder_input_ids is None:
            decoder_input_ids = self._shifted(input_ids[:, :1] if labels is None else labels)
        encoded = self.model.encoder(input_ids, position_ids, mask)
        logits = self.lm_head(self.model.decoder(decoder_input_ids, encoded, mask)) + self.final_logits_bias
        loss = None
        if labels is not None:
            loss = nn.functional.cross_entropy(logits.flatten(0, 1).float(), labels.flatten())
        return Seq2SeqLMOutput(loss=loss, logits=logits, encoder_last_hidden_state=encoded)

    @torch.inference_mode()
    def generate(
        self, input_ids: Tensor, position_ids: Tensor, attention_mask: Tensor | None = None, num_beams: int = 10
    ) -> Tensor:
        """Decode strings by this package's beam search; see `spectus.denovo.generation`.

        Parameters
        ----------
        input_ids, position_ids
            Integer m/z and intensity bins, (B, S) each.
        attention_mask
            1 for a peak and 0 for padding, (B, S); None: no padding.
        num_beams
            Beams K of a spectrum, and the largest number of its strings.

        Returns
        -------
        Tensor
            Tokens, (B * K, T): the strings of each spectrum, most probable first. A string begins with the start token
            and the source token and is padded after its end token; a row without a string is all padding.
        """
        config = self.config.network()
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        spectra = [
            EncodedSpectrum(mz[seen].cpu().numpy(), bins[seen].cpu().numpy())
            for mz, bins, seen in zip(input_ids, position_ids, mask.bool(), strict=True)
        ]
        found = dict(beam_search(self.network(), spectra, num_beams, len(spectra)))
        prompt, end = [config.decoder_start_token_id, config.source_token_id], [config.eos_token_id]
        rows = [[prompt + h.tokens + end for h in found[index]] for index in range(len(spectra))]
        length = max((len(row) for of_spectrum in rows for row in of_spectrum), default=0)
        tokens = torch.full((len(spectra), num_beams, length), config.pad_token_id, device=input_ids.device)
        for spectrum, of_spectrum in enumerate(rows):
            for place, row in enumerate(of_spectrum):
                tokens[spectrum, place, : len(row)] = torch.tensor(row)
        return tokens.flatten(0, 1)

    def network(self) -> SpectusNetwork:
        """Return the network as this package's decoder takes it; it shares the weights."""
        with torch.device("meta"):
            network = SpectusNetwork(self.config.network())
        network.model, network.lm_head = self.model, self.lm_head
        network.final_logits_bias = self.final_logits_bias
        return network.train(self.training)

    @classmethod
    def from_pretrained(  # type: ignore[override]  # transformers lists the keywords
        cls, name: str | PathLike[str], *args: Any, **kwargs: Any
    ) -> Any:
        """Load a model.

        Parameters
        ----------
        name
            See `model_folder`. The folder holds config.json and model.safetensors or pytorch_model.bin.
        *args, **kwargs
            Arguments of transformers' `from_pretrained`. `revision` is a commit of a repository on the hub; `dtype` is
            torch.float32 unless given, whatever the file has.

        Returns
        -------
        SpectusForConditionalGeneration
            The model, ready for inference; with `output_loading_info` a pair of it and a dict.

        Raises
        ------
        InputError
            No such model, or weights that do not belong to its config.json.
        """
        folder = model_folder(Path(name), kwargs.pop("revision", None))
        if kwargs.get("config") is None:
            kwargs["config"] = SpectusConfig(**asdict(SpectusNetworkConfig.read(folder / "config.json")))
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = torch.float32
        with_info = kwargs.pop("output_loading_info", False)
        try:
            loaded: Any = super().from_pretrained(folder, *args, output_loading_info=True, **kwargs)
        except (OSError, RuntimeError, SafetensorError, UnpicklingError) as error:
            problem = f"weights cannot be loaded ({_first_line(error)})"
            raise InputError(folder, problem, "copy the model again") from error
        model, info = loaded
        missing = sorted({*info["missing_keys"], *info["unexpected_keys"]} - {"final_logits_bias"})
        if missing:
            raise InputError(folder, f"weights and config.json disagree ({missing[0]})", "copy the model again")
        return (model, info) if with_info else model

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)  # type: ignore[no-untyped-call]
        if module is self:
            init.zeros_(self.final_logits_bias)

    def _shifted(self, labels: Tensor) -> Tensor:
        """Return the start token and all labels (B, T) but the last, padding where they are ignored."""
        inputs = labels.new_full(labels.shape, self.config.decoder_start_token_id)
        inputs[:, 1:] = labels[:, :-1]
        return inputs.masked_fill(inputs == _IGNORED_LABEL, self.config.pad_token_id)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
