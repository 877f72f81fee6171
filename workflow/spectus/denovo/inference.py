"""Makes a trained network ready to decode: matrix products in the layout and precision that the device is fastest at.

In bf16 only the products with weights are, and on a GPU the attention; the residual stream, the normalizations, the
embeddings and the logits stay fp32, as in mixed-precision training (Micikevicius et al. 2018, arXiv 1710.03740). On a
CPU the attention stays fp32, too, which costs nothing there and halves the share of first answers that rounding
changes. There the weights are packed once into the blocks that oneDNN multiplies, instead of at every product.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectus.denovo.memory import WIDE
from spectus.denovo.modeling import SpectusNetwork, SpectusNetworkConfig

_PACKED_FOR = 160
"""Rows of a product that the packing is chosen for: 16 spectra (`memory.CPU_BATCH`) of 10 beams."""


def bf16_is_faster(config: SpectusNetworkConfig, device: torch.device) -> bool:
    """Say whether a model decodes faster in bf16: on a GPU, and a wide model on a CPU with AVX-512 BF16 or AMX.

    Parameters
    ----------
    config
        Sizes of the model.
    device
        Where it decodes.
    """
    if device.type != "cpu":
        return True
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return bool(native) and config.d_model >= WIDE


def ready_for_decoding(network: SpectusNetwork, device: torch.device, precision: torch.dtype) -> SpectusNetwork:
    """Move a network to a device and replace the linear layers of its blocks; it can only decode afterwards.

    Parameters
    ----------
    network
        Used up: its weights are released layer by layer, so that two copies are never held.
    device
        Where it decodes.
    precision
        Number format of the products.

    Returns
    -------
    SpectusNetwork
        The same object.
    """
    network.requires_grad_(False).eval()
    for block in (*network.model.encoder.layers, *network.model.decoder.layers):
        for parent in block.modules():
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.Linear):
                    setattr(parent, name, DecodingLinear(child, device, precision, gelu=name == "fc1"))
        block.activation = nn.Identity()  # fc1 has it built in
    return network.to(device)


class DecodingLinear(nn.Module):
    """x W^T + b with fixed weights, followed by an exact GELU if asked for; x of any dtype.

    The result is fp32 on a CPU, unless it goes through the GELU to the next product.

    Parameters
    ----------
    linear
        The layer with the weights.
    device
        Where it computes.
    precision
        Number format of the product.
    gelu
        Apply the GELU.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, linear: nn.Linear, device: torch.device, precision: torch.dtype, gelu: bool) -> None:
        super().__init__()
        self.precision, self.gelu = precision, gelu
        self.packed = device.type == "cpu" and _can_pack(precision)
        weight = linear.weight.detach().to(device, precision)
        if self.packed:
            weight = torch.ops.mkldnn._reorder_linear_weight(weight, _PACKED_FOR)
        self.weight, self.bias = weight, linear.bias.detach().to(device, precision)

    def forward(self, x: Tensor) -> Tensor:
        """Compute (..., out) from x (..., in)."""
        x = x.to(self.precision)
        product: Tensor
        if self.packed:
            after, kind = ("gelu", "none") if self.gelu else ("none", "")
            product = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, after, [], kind)
        else:
            product = F.linear(x, self.weight, self.bias)
            product = F.gelu(product) if self.gelu else product
        return product.float() if x.device.type == "cpu" and not self.gelu else product

    def extra_repr(self) -> str:
        """Describe the layer in the network's repr."""
        return f"precision={self.precision}, gelu={self.gelu}, packed={self.packed}"


def _can_pack(precision: torch.dtype) -> bool:
    """Say whether torch has oneDNN's packed product, which torch's own compiler calls; else the product is plain."""
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not (available and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return False
    return precision == torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
