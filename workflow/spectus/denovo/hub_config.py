"""The sizes of SpecTUS as a configuration of the transformers library."""

from dataclasses import asdict, fields
from typing import Any, ClassVar

from transformers.configuration_utils import PreTrainedConfig

from spectus.denovo.modeling import SpectusNetworkConfig


class SpectusConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """Sizes and special tokens, with the fields and defaults of `SpectusNetworkConfig`.

    Parameters
    ----------
    **kwargs
        Fields of `SpectusNetworkConfig`, and of transformers' `PreTrainedConfig`. None stands for the default.

    Attributes
    ----------
    model_type
        The name by which transformers' Auto classes know the model. Published checkpoints say `bart`; they load by
        this class, not by the Auto classes.
    """

    model_type: ClassVar[str] = "spectus"
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "d_model",
        "num_attention_heads": "encoder_attention_heads",
        "num_hidden_layers": "encoder_layers",
    }
    # A size of the network here, not one of transformers' parameters of generation: as a declared field it is saved.
    max_length: int | None = None
    is_encoder_decoder: bool = True
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        """Set the fields of the network, then those of transformers."""
        names = [field.name for field in fields(SpectusNetworkConfig)]
        entries = {name: kwargs.pop(name, None) for name in names} | {
            "max_length": self.max_length,
            "encoder_max_position_embeddings": kwargs.pop("encoder_max_position_embeddings", None),
        }
        for name, value in asdict(SpectusNetworkConfig.of_entries(entries, "the configuration")).items():
            setattr(self, name, value)
        kwargs.pop("model_type", None)
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]

    def network(self) -> SpectusNetworkConfig:
        """Return the same sizes as the network takes them."""
        return SpectusNetworkConfig(**{field.name: getattr(self, field.name) for field in fields(SpectusNetworkConfig)})
