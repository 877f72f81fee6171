"""Small files of weights: matrices as 8-bit integers with one scale for each row, other floats in half precision.

The rounding error of an entry is at most 1/254 of the largest one in its row. Benchmarks score models as they are
loaded from these files, so their figures are those of the rounded weights.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from spectus.errors import InputError
from spectus.files import replacing, require_file

_SCALE = ".scale"
"""What the name of a matrix gets for the name of its scales."""


def save_weights(state: dict[str, Tensor], path: Path, eight_bits: bool = True) -> None:
    """Write a state dict.

    Parameters
    ----------
    state
        Tensors by name; integers are written as they are.
    path
        The safetensors file.
    eight_bits
        Write matrices of floats in 8 bits with their scales; otherwise all floats as float16.
    """
    packed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        value = tensor.detach().cpu().contiguous()
        if eight_bits and value.is_floating_point() and value.ndim == 2:
            scale = (value.abs().amax(dim=1, keepdim=True) / 127).clamp(min=1e-12)
            packed[name] = torch.round(value / scale).to(torch.int8)
            packed[name + _SCALE] = scale.to(torch.float32)
        else:
            packed[name] = value.to(torch.float16) if value.is_floating_point() else value
    with replacing(path) as temporary:
        save_file(packed, temporary)


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read the state dict that `save_weights` wrote, as float32 and integers.

    Raises
    ------
    InputError
        The file is missing or no safetensors file.
    """
    try:
        packed = load_file(require_file(path))
    except InputError:
        raise
    except Exception as error:  # safetensors raises its own type, which it does not export in every release
        raise InputError(path, f"cannot be read ({str(error).splitlines()[0]})", "copy the model again") from error
    scales = {name: tensor for name, tensor in packed.items() if name.endswith(_SCALE)}
    return {
        name: tensor.float() * scales[name + _SCALE] if name + _SCALE in scales else _whole(tensor)
        for name, tensor in packed.items()
        if name not in scales
    }


def _whole(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
