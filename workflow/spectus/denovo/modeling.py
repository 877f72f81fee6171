"""SpecTUS: an encoder-decoder transformer that reads the peaks of an EI mass spectrum and writes SMILES.

Hájek et al. 2025, arXiv 2502.05114. The network is a post-LayerNorm BART (Lewis et al. 2020) whose encoder has no
order: a peak is the sum of an embedding of its integer m/z and one of its binned intensity. Parameter names and
shapes are those of the published checkpoints, so they load as they stand. One class serves every size.

Shapes: B spectra, S peaks, K beams of a spectrum, T tokens, D model width, H heads, V vocabulary.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectus.errors import InputError
from spectus.files import require_file

POSITION_OFFSET = 2  # BART keeps the first two rows of a position table unused
_FEW = 64  # queries


@dataclass(frozen=True)
class SpectusConfig:
    """Sizes and special tokens; the defaults are the published 354 M model's config.json."""

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
    def read(cls, path: Path) -> "SpectusConfig":
        """Read a config.json in transformers' format; keys of other models and of training are ignored."""
        try:
            entries = json.loads(require_file(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(path, f"is not JSON ({error})", "copy the model again") from error
        if entries.get("encoder_max_position_embeddings"):
            raise InputError(path, "is of an ablation without intensities", "use a model with max_log_id")
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in entries.items() if key in known and value is not None})

    def write(self, path: Path) -> None:
        """Write config.json so that transformers, the published code and `read` understand it."""
        entries = {
            "architectures": ["SpectusForConditionalGeneration"],
            "model_type": "bart",
            "activation_function": "gelu",
            "is_encoder_decoder": True,
            "scale_embedding": False,
            "separate_encoder_decoder_embeds": True,
            "tie_word_embeddings": False,
            "forced_eos_token_id": self.eos_token_id,
            **asdict(self),
        }
        path.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n", encoding="utf-8")


class SpectusOutput(NamedTuple):
    """What a forward pass returns: logits (B, T, V)."""

    logits: Tensor


class Attention(nn.Module):
    """Multi-head attention with a bias in every projection; scores are scaled by head width ** -0.5."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, T, D) -> (B, H, T, D / H)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.split(self.k_proj(x)), self.split(self.v_proj(x))

    def attend(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, causal: bool = False) -> Tensor:
        """Mix the values (B, H, S, D / H) for x (B, T, D); `mask` is added to the scores."""
        queries = self.split(self.q_proj(x))
        if x.device.type == "cpu" and (torch.is_grad_enabled() or (x.shape[1] <= _FEW and not causal)):
            mixed = _plain_attention(queries, keys, values, _causal_mask(x) if causal else mask)
        else:
            mask = None if mask is None else mask.to(queries.dtype)
            mixed = F.scaled_dot_product_attention(queries, keys, values, mask, is_causal=causal)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))  # (B, H, T, D / H) -> (B, T, D)


def _plain_attention(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """Attention by two products; for few queries, and for gradients, on a CPU faster than torch's tiled kernel."""
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-1, -2)  # (B, H, T, S)
    if mask is not None:
        scores += mask
    return scores.softmax(-1) @ values


def _causal_mask(x: Tensor) -> Tensor:
    """(T, T) to add to scores of x (B, T, D): a token sees itself and those before it."""
    n = x.shape[1]
    return additive(torch.ones(n, n, dtype=torch.bool, device=x.device).tril())


class EncoderLayer(nn.Module):
    def __init__(self, config: SpectusConfig) -> None:
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
        mixed = self.self_attn.attend(x, *self.self_attn.keys_values(x), mask)
        x = self.self_attn_layer_norm(x + self.dropout(mixed))
        return self.final_layer_norm(x + self.dropout(self.fc2(self.activation(self.fc1(x)))))


class DecoderLayer(nn.Module):
    def __init__(self, config: SpectusConfig) -> None:
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
        self,
        x: Tensor,  # (B, T, D)
        own: tuple[Tensor, Tensor],  # keys and values of the tokens so far
        own_mask: Tensor | None,
        peaks: tuple[Tensor, Tensor],  # keys and values of the encoded peaks
        peaks_mask: Tensor,
        causal: bool = False,
    ) -> Tensor:
        x = self.self_attn_layer_norm(x + self.dropout(self.self_attn.attend(x, *own, own_mask, causal)))
        x = self.encoder_attn_layer_norm(x + self.dropout(self.encoder_attn.attend(x, *peaks, peaks_mask)))
        return self.final_layer_norm(x + self.dropout(self.fc2(self.activation(self.fc1(x)))))


class Encoder(nn.Module):
    def __init__(self, config: SpectusConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.max_mz + 1, config.d_model)
        self.embed_positions = nn.Embedding(config.max_log_id + 1 + POSITION_OFFSET, config.d_model)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))
        self.layernorm_embedding = nn.LayerNorm(config.d_model)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, input_ids: Tensor, position_ids: Tensor, mask: Tensor) -> Tensor:
        x = self.embed_tokens(input_ids) + self.embed_positions(position_ids + POSITION_OFFSET)  # (B, S, D)
        x = self.dropout(self.layernorm_embedding(x))
        for layer in self.layers:
            x = layer(x, mask)
        return x


class Decoder(nn.Module):
    def __init__(self, config: SpectusConfig) -> None:
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
        x = self.embed_tokens(tokens) + self.embed_positions(positions + POSITION_OFFSET)
        return self.dropout(self.layernorm_embedding(x))

    def forward(self, tokens: Tensor, encoded: Tensor, peaks_mask: Tensor) -> Tensor:
        x = self.embed(tokens, torch.arange(tokens.shape[1], device=tokens.device))  # (B, T, D)
        for layer in self.blocks:
            own, peaks = layer.self_attn.keys_values(x), layer.encoder_attn.keys_values(encoded)
            x = layer(x, own, None, peaks, peaks_mask, causal=True)
        return x


class SpectusModel(nn.Module):
    def __init__(self, config: SpectusConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)


class SpectusForConditionalGeneration(nn.Module):
    """The translator. Call it for logits; `spectus.denovo.elucidate.Translator` decodes.

    >>> model = SpectusForConditionalGeneration.from_pretrained("resources/models/spectus-open")  # doctest: +SKIP
    """

    final_logits_bias: Tensor

    def __init__(self, config: SpectusConfig) -> None:
        super().__init__()
        self.config = config
        self.model = SpectusModel(config)
        self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.register_buffer("final_logits_bias", torch.zeros(1, config.vocab_size))
        self.apply(self._initialise)

    def forward(
        self,
        input_ids: Tensor,  # (B, S) integer m/z
        position_ids: Tensor,  # (B, S) intensity bins
        attention_mask: Tensor | None = None,  # (B, S) 1 for a peak, 0 for padding; None: no padding
        decoder_input_ids: Tensor | None = None,  # (B, T); None: the start token alone
    ) -> SpectusOutput:
        mask = peak_mask(input_ids, attention_mask)
        if decoder_input_ids is None:
            decoder_input_ids = torch.full_like(input_ids[:, :1], self.config.decoder_start_token_id)
        encoded = self.model.encoder(input_ids, position_ids, mask)
        return SpectusOutput(self.logits(self.model.decoder(decoder_input_ids, encoded, mask)))

    def logits(self, x: Tensor) -> Tensor:
        return self.lm_head(x) + self.final_logits_bias

    @property
    def device(self) -> torch.device:
        return self.final_logits_bias.device

    def _initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.init_std)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            nn.init.zeros_(module.weight[module.padding_idx])

    @classmethod
    def from_pretrained(cls, name: str | Path) -> "SpectusForConditionalGeneration":
        """Load a folder with config.json and model.safetensors or pytorch_model.bin, or such a repository on the hub.

        Raises
        ------
        InputError: no such model, or weights that do not belong to its config.json.
        """
        folder = model_folder(name)
        with torch.device("meta"):  # no numbers are drawn that the weights replace at once
            model = cls(SpectusConfig.read(folder / "config.json"))
        weights = read_weights(folder)
        weights.setdefault("final_logits_bias", torch.zeros(1, model.config.vocab_size))
        try:
            model.load_state_dict(weights, assign=True)
        except RuntimeError as error:
            detail = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
            raise InputError(folder, f"weights and config.json disagree ({detail})", "copy the model again") from error
        return model.eval()

    def save_pretrained(self, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        """Write config.json and model.safetensors; `from_pretrained` loads them back."""
        from safetensors.torch import save_file

        from spectus.files import replacing

        folder.mkdir(parents=True, exist_ok=True)
        self.config.write(folder / "config.json")
        weights = {name: value.detach().to("cpu", dtype).contiguous() for name, value in self.state_dict().items()}
        with replacing(folder / "model.safetensors") as temporary:
            save_file(weights, temporary, metadata={"format": "pt"})


def peak_mask(input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
    """(B, 1, 1, S) to add to scores: 0 at a peak, else minus infinity. Never derived from the ids: every m/z may be a
    real peak."""
    if attention_mask is None:
        attention_mask = torch.ones_like(input_ids)
    return additive(attention_mask.bool()[:, None, None, :])


def additive(seen: Tensor) -> Tensor:
    """A mask to add to attention scores: 0 where `seen`, else minus infinity."""
    return torch.zeros(seen.shape, device=seen.device).masked_fill(~seen, -torch.inf)


def model_folder(name: str | Path) -> Path:
    """The folder of a model given as a folder or as a repository name on the Hugging Face hub."""
    folder = Path(name)
    if folder.is_dir():
        return folder
    if folder.exists() or str(name).count("/") != 1 or str(name).startswith((".", "/")):
        raise InputError(name, "no such model folder", "name a folder with config.json, or a hub model OWNER/NAME")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(str(name), ignore_patterns=["optimizer*", "scheduler*", "rng_state*"]))
    except Exception as error:  # the hub's client raises many kinds, all of which mean the same to the user
        reason = str(error).splitlines()[0]
        raise InputError(name, f"cannot be fetched from the hub ({reason})", "name a local folder instead") from error


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The state dict of a model folder as fp32; a pickle is read with `weights_only`, so that it runs no code."""
    safe, pickled = folder / "model.safetensors", folder / "pytorch_model.bin"
    try:
        if safe.exists():
            from safetensors.torch import load_file

            weights = load_file(safe)
        elif pickled.exists():
            weights = torch.load(pickled, map_location="cpu", weights_only=True)
        else:
            raise InputError(folder, "holds no model.safetensors or pytorch_model.bin", "name a model's folder")
    except InputError:
        raise
    except Exception as error:  # damaged files surface as many kinds of exception
        raise InputError(
            folder, f"weights cannot be read ({str(error).splitlines()[0]})", "copy the model again"
        ) from error
    return {name: value.float() for name, value in weights.items()}
