"""SpecTUS: an encoder-decoder transformer that reads the peaks of an EI mass spectrum and writes SMILES.

Hájek et al. 2025, arXiv 2502.05114. The network is a post-LayerNorm BART (Lewis et al. 2020, arXiv 1910.13461) whose
encoder has no order: a peak is the sum of an embedding of its integer m/z and one of its binned intensity. Parameter
names and shapes are those of the published checkpoints, so these load as they are. One class serves every size.

The classes here import torch only. `spectus.denovo.hub` has the same network as a model of the transformers library,
which takes three seconds more to import.

Shapes: B spectra, S peaks, K beams of a spectrum, T tokens, D model width, H heads, V vocabulary.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectus.denovo.folders import WEIGHT_FILES, model_folder
from spectus.errors import InputError
from spectus.files import replacing, require_file

POSITION_OFFSET = 2
"""Rows of a position table that BART leaves unused at its beginning."""

_FEW = 64
"""Queries up to which two products are faster than torch's tiled attention on a CPU. Chosen: a decoding step has as
many queries as beams, at most 50; an encoder pass as many as peaks, up to 300."""

_FIXED_ENTRIES: dict[str, Any] = {
    "architectures": ["SpectusForConditionalGeneration"],
    "model_type": "spectus",
    "activation_function": "gelu",
    "dtype": "float32",
    "is_encoder_decoder": True,
    "scale_embedding": False,
    "separate_encoder_decoder_embeds": True,
    "tie_word_embeddings": False,
}
"""Entries of config.json that transformers and the published code read and that never change."""


@dataclass(frozen=True)
class SpectusNetworkConfig:
    """Sizes and special tokens; the defaults are those of the published 354 M model's config.json.

    Attributes
    ----------
    vocab_size
        Tokens of the decoder.
    max_mz
        Highest m/z of a peak, Th.
    max_log_id
        Intensity bin of the base peak; the lowest bin is 0.
    log_base
        Ratio of the intensities of two neighboring bins.
    d_model
        Model width.
    encoder_layers, decoder_layers
        Numbers of layers.
    encoder_attention_heads, decoder_attention_heads
        Heads of a layer.
    encoder_ffn_dim, decoder_ffn_dim
        Widths of the feed-forward layers.
    decoder_max_position_embeddings
        Positions that the decoder knows; a string has at most as many tokens.
    dropout
        Probability of dropping a value while training.
    init_std
        Standard deviation of the random weights of a new network.
    max_length
        Tokens of a decoded string, the start token among them.
    max_peaks
        Peaks of a spectrum.
    eos_token_id, pad_token_id, bos_token_id, decoder_start_token_id
        Special tokens of the decoder.
    source_token_id
        Token that says which kind of spectra the model was trained on, here measured ones (`<nist>`); it follows the
        start token.
    """

    vocab_size: int = 267
    max_mz: int = 500
    max_log_id: int = 29
    log_base: float = 1.28
    d_model: int = 1024
    encoder_layers: int = 12
    decoder_layers: int = 12
    encoder_attention_heads: int = 16
    decoder_attention_heads: int = 16
    encoder_ffn_dim: int = 4096
    decoder_ffn_dim: int = 4096
    decoder_max_position_embeddings: int = 200
    dropout: float = 0.2
    init_std: float = 0.02
    max_length: int = 200
    max_peaks: int = 300
    eos_token_id: int = 0
    pad_token_id: int = 2
    bos_token_id: int = 3
    decoder_start_token_id: int = 3
    source_token_id: int = 5

    @classmethod
    def read(cls, path: Path) -> "SpectusNetworkConfig":
        """Read a config.json in transformers' format.

        Parameters
        ----------
        path
            The file. Entries of other models and of training are ignored.

        Returns
        -------
        SpectusNetworkConfig
            Its sizes; an entry that is absent or null keeps its default.

        Raises
        ------
        InputError
            No such file, no JSON, or a model that does not take intensities.
        """
        try:
            entries = json.loads(require_file(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(path, f"is not JSON ({error})", "copy the model again") from error
        if not isinstance(entries, dict):
            raise InputError(path, "is not a JSON object", "copy the model again")
        return cls.of_entries(entries, path)

    @classmethod
    def of_entries(cls, entries: dict[str, Any], where: str | Path) -> "SpectusNetworkConfig":
        """Take the sizes from the entries of a config.json.

        Parameters
        ----------
        entries
            Key and value of each entry.
        where
            What the error names.

        Returns
        -------
        SpectusNetworkConfig
            The sizes.

        Raises
        ------
        InputError
            A model that does not take intensities, or one of another architecture.
        """
        if entries.get("encoder_max_position_embeddings"):
            raise InputError(where, "is of an ablation without intensities", "use a model with max_log_id")
        if entries.get("model_type") not in (None, "spectus", "bart"):  # published checkpoints say bart
            raise InputError(where, f"is of a model of type {entries['model_type']}", "use a SpecTUS model")
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in entries.items() if key in known and value is not None})

    def write(self, path: Path) -> None:
        """Write config.json so that transformers, the published code and `read` understand it.

        Parameters
        ----------
        path
            The file.
        """
        entries = _FIXED_ENTRIES | {"forced_eos_token_id": self.eos_token_id} | asdict(self)
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n", encoding="utf-8")


class NetworkOutput(NamedTuple):
    """What a forward pass returns.

    Attributes
    ----------
    logits
        Unnormalized log-probabilities of the next token, (B, T, V).
    """

    logits: Tensor


class Attention(nn.Module):
    """Multi-head attention with a bias in every projection; scores are scaled by head width ** -0.5.

    Parameters
    ----------
    width
        Model width D.
    heads
        Number of heads H.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Project x (B, T, D) to keys and values, (B, H, T, D / H) each."""
        return self._split(self.k_proj(x)), self._split(self.v_proj(x))

    def attend(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, causal: bool = False) -> Tensor:
        """Mix values by their keys' products with queries.

        Parameters
        ----------
        x
            What the queries are made of, (B, T, D).
        keys, values
            (B, H, S, D / H) each.
        mask
            Added to the scores, (B, 1, T or 1, S); None: nothing is masked.
        causal
            A position sees itself and those before it.

        Returns
        -------
        Tensor
            (B, T, D).
        """
        queries = self._split(self.q_proj(x))
        if x.device.type == "cpu" and (torch.is_grad_enabled() or (x.shape[1] <= _FEW and not causal)):
            mixed = _plain_attention(queries, keys, values, _causal_mask(x) if causal else mask)
        else:
            mask = None if mask is None else mask.to(queries.dtype)
            mixed = F.scaled_dot_product_attention(queries, keys, values, mask, is_causal=causal)
        projected: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))  # (B, H, T, D / H) -> (B, T, D)
        return projected

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], self.heads, -1).transpose(1, 2)  # (B, T, D) -> (B, H, T, D / H)


def _plain_attention(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """Attention by two products; for few queries, and for gradients, on a CPU faster than torch's tiled kernel."""
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-1, -2)  # (B, H, T, S)
    if mask is not None:
        scores += mask
    mixed: Tensor = scores.softmax(-1) @ values
    return mixed


def _causal_mask(x: Tensor) -> Tensor:
    """(T, T) to add to scores of x (B, T, D): a token sees itself and those before it."""
    n = x.shape[1]
    return additive(torch.ones(n, n, dtype=torch.bool, device=x.device).tril())


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward layer, each with a residual connection and a LayerNorm after it.

    Parameters
    ----------
    config
        Sizes of the network.
    """

    def __init__(self, config: SpectusNetworkConfig) -> None:
        super().__init__()
        width = config.d_model
        self.self_attn = Attention(width, config.encoder_attention_heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, config.encoder_ffn_dim)
        self.activation: nn.Module = nn.GELU()
        self.fc2 = nn.Linear(config.encoder_ffn_dim, width)
        self.final_layer_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Compute (B, S, D) from peaks x (B, S, D), masked by `peak_mask`."""
        mixed = self.self_attn.attend(x, *self.self_attn.keys_values(x), mask)
        x = self.self_attn_layer_norm(x + self.dropout(mixed))
        mixed = self.dropout(self.fc2(self.activation(self.fc1(x))))
        normalized: Tensor = self.final_layer_norm(x + mixed)
        return normalized


class DecoderLayer(nn.Module):
    """Self-attention, attention to the peaks and a feed-forward layer, each with a residual and a LayerNorm after it.

    Parameters
    ----------
    config
        Sizes of the network.
    """

    def __init__(self, config: SpectusNetworkConfig) -> None:
        super().__init__()
        width = config.d_model
        self.self_attn = Attention(width, config.decoder_attention_heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.encoder_attn = Attention(width, config.decoder_attention_heads)
        self.encoder_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, config.decoder_ffn_dim)
        self.activation: nn.Module = nn.GELU()
        self.fc2 = nn.Linear(config.decoder_ffn_dim, width)
        self.final_layer_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Tensor, own: tuple[Tensor, Tensor], own_mask: Tensor | None, peaks: tuple[Tensor, Tensor],
        peaks_mask: Tensor, causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """Compute (B, T, D) from tokens.

        Parameters
        ----------
        x
            The tokens, (B, T, D).
        own
            Keys and values of the tokens so far, (B, H, C, D / H) each.
        own_mask
            Added to the scores of `own`; None: nothing is masked.
        peaks
            Keys and values of the encoded peaks, (B, H, S, D / H) each.
        peaks_mask
            Added to the scores of `peaks`, from `peak_mask`.
        causal
            A token sees itself and those before it.

        Returns
        -------
        Tensor
            (B, T, D).
        """
        x = self.self_attn_layer_norm(x + self.dropout(self.self_attn.attend(x, *own, own_mask, causal)))
        x = self.encoder_attn_layer_norm(x + self.dropout(self.encoder_attn.attend(x, *peaks, peaks_mask)))
        mixed = self.dropout(self.fc2(self.activation(self.fc1(x))))
        normalized: Tensor = self.final_layer_norm(x + mixed)
        return normalized


class Encoder(nn.Module):
    """From peaks to vectors. The order of the peaks changes nothing.

    Parameters
    ----------
    config
        Sizes of the network.
    """

    def __init__(self, config: SpectusNetworkConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.max_mz + 1, config.d_model)
        self.embed_positions = nn.Embedding(config.max_log_id + 1 + POSITION_OFFSET, config.d_model)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))
        self.layernorm_embedding = nn.LayerNorm(config.d_model)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, input_ids: Tensor, position_ids: Tensor, mask: Tensor) -> Tensor:
        """Encode peaks.

        Parameters
        ----------
        input_ids, position_ids
            Integer m/z and intensity bins, (B, S) each.
        mask
            From `peak_mask`.

        Returns
        -------
        Tensor
            (B, S, D).
        """
        x: Tensor = self.embed_tokens(input_ids) + self.embed_positions(position_ids + POSITION_OFFSET)  # (B, S, D)
        x = self.dropout(self.layernorm_embedding(x))
        for layer in self.layers:
            x = layer(x, mask)
        return x


class Decoder(nn.Module):
    """From encoded peaks and the tokens so far to vectors of the next tokens.

    Parameters
    ----------
    config
        Sizes of the network.
    """

    def __init__(self, config: SpectusNetworkConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.d_model, padding_idx=config.pad_token_id)
        self.embed_positions = nn.Embedding(config.decoder_max_position_embeddings + POSITION_OFFSET, config.d_model)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.layernorm_embedding = nn.LayerNorm(config.d_model)
        self.dropout = nn.Dropout(config.dropout)

    @property
    def blocks(self) -> Iterator[DecoderLayer]:
        """The layers, as the type they are."""
        yield from self.layers  # type: ignore[misc]

    def embed(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Embed tokens (B, T) at positions that broadcast to them: (B, T, D)."""
        x = self.embed_tokens(tokens) + self.embed_positions(positions + POSITION_OFFSET)
        embedded: Tensor = self.dropout(self.layernorm_embedding(x))
        return embedded

    def forward(self, tokens: Tensor, encoded: Tensor, peaks_mask: Tensor) -> Tensor:
        """Decode whole strings at once.

        Parameters
        ----------
        tokens
            (B, T).
        encoded
            What the encoder gives, (B, S, D).
        peaks_mask
            From `peak_mask`.

        Returns
        -------
        Tensor
            (B, T, D).
        """
        x = self.embed(tokens, torch.arange(tokens.shape[1], device=tokens.device))  # (B, T, D)
        for layer in self.blocks:
            own, peaks = layer.self_attn.keys_values(x), layer.encoder_attn.keys_values(encoded)
            x = layer(x, own, None, peaks, peaks_mask, causal=True)
        return x


class EncoderDecoder(nn.Module):
    """Encoder and decoder, the part of the network that the published keys call `model`.

    Parameters
    ----------
    config
        Sizes of the network.
    """

    def __init__(self, config: SpectusNetworkConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)


class SpectusNetwork(nn.Module):
    """The whole network. Call it for logits; `spectus.denovo.translator.Translator` decodes.

    Parameters
    ----------
    config
        Sizes of the network. Its weights are random; `from_pretrained` loads trained ones.
    """

    final_logits_bias: Tensor

    def __init__(self, config: SpectusNetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.model = EncoderDecoder(config)
        self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.register_buffer("final_logits_bias", torch.zeros(1, config.vocab_size))
        self.apply(self._initialize)

    def forward(
        self, input_ids: Tensor, position_ids: Tensor, attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
    ) -> NetworkOutput:  # fmt: skip
        """Compute the logits of the next tokens.

        Parameters
        ----------
        input_ids, position_ids
            Integer m/z and intensity bins, (B, S) each.
        attention_mask
            1 for a peak and 0 for padding, (B, S); None: no padding.
        decoder_input_ids
            Tokens so far, (B, T); None: the start token alone.

        Returns
        -------
        NetworkOutput
            Logits (B, T, V).
        """
        mask = peak_mask(input_ids, attention_mask)
        if decoder_input_ids is None:
            decoder_input_ids = torch.full_like(input_ids[:, :1], self.config.decoder_start_token_id)
        encoded = self.model.encoder(input_ids, position_ids, mask)
        return NetworkOutput(self.logits(self.model.decoder(decoder_input_ids, encoded, mask)))

    def logits(self, x: Tensor) -> Tensor:
        """Logits (B, T, V) of what the decoder gives, x (B, T, D)."""
        logits: Tensor = self.lm_head(x) + self.final_logits_bias
        return logits

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.final_logits_bias.device

    def _initialize(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.init_std)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            nn.init.zeros_(module.weight[module.padding_idx])

    @classmethod
    def from_pretrained(cls, name: str | Path) -> "SpectusNetwork":
        """Load a model in fp32, ready for inference.

        Parameters
        ----------
        name
            See `model_folder`. The folder holds config.json and model.safetensors or pytorch_model.bin.

        Returns
        -------
        SpectusNetwork
            The network with its weights.

        Raises
        ------
        InputError
            No such model, or weights that do not belong to its config.json.
        """
        folder = model_folder(name)
        with torch.device("meta"):  # no random numbers are drawn, since the weights replace them at once
            network = cls(SpectusNetworkConfig.read(folder / "config.json"))
        weights = read_weights(folder)
        weights.setdefault("final_logits_bias", torch.zeros(1, network.config.vocab_size))
        try:
            network.load_state_dict(weights, assign=True)
        except RuntimeError as error:
            detail = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
            raise InputError(folder, f"weights and config.json disagree ({detail})", "copy the model again") from error
        return network.eval()

    def save_pretrained(self, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        """Write config.json and model.safetensors; `from_pretrained` loads them.

        Parameters
        ----------
        folder
            Made if it does not exist.
        dtype
            Number format of the weights in the file.
        """
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        self.config.write(folder / "config.json")
        weights = {name: value.detach().to("cpu", dtype).contiguous() for name, value in self.state_dict().items()}
        with replacing(folder / WEIGHT_FILES[0]) as temporary:
            save_file(weights, temporary, metadata={"format": "pt"})


def peak_mask(input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
    """Make the mask that is added to attention scores of peaks.

    It is never derived from the ids, since every m/z may be a real peak.

    Parameters
    ----------
    input_ids
        Integer m/z, (B, S).
    attention_mask
        1 for a peak and 0 for padding, (B, S); None: no padding.

    Returns
    -------
    Tensor
        (B, 1, 1, S): 0 at a peak, else minus infinity.
    """
    if attention_mask is None:
        attention_mask = torch.ones_like(input_ids)
    return additive(attention_mask.bool()[:, None, None, :])


def additive(seen: Tensor) -> Tensor:
    """Make a mask to add to attention scores: 0 where `seen`, else minus infinity; of the same shape."""
    return torch.zeros(seen.shape, device=seen.device).masked_fill(~seen, -torch.inf)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Read the state dict of a model folder as fp32.

    A pickle is read with `weights_only`, so that it runs no code.

    Parameters
    ----------
    folder
        Holds one of `WEIGHT_FILES`.

    Returns
    -------
    dict of str to Tensor
        Name and value of each weight, on the CPU.

    Raises
    ------
    InputError
        No such file, or a damaged one.
    """
    safe, pickled = (folder / name for name in WEIGHT_FILES)
    try:
        if safe.exists():
            from safetensors.torch import load_file

            weights: dict[str, Tensor] = load_file(safe)
        elif pickled.exists():
            weights = torch.load(pickled, map_location="cpu", weights_only=True)
        else:
            raise InputError(folder, f"holds no {' or '.join(WEIGHT_FILES)}", "name the folder of a model")
    except InputError:
        raise
    except Exception as error:  # damaged files surface as many kinds of exception
        raise InputError(
            folder, f"weights cannot be read ({str(error).splitlines()[0]})", "copy the model again"
        ) from error
    return {name: value.float() for name, value in weights.items()}
