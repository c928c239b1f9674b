"""Read the ``state_dict`` of an ``nn.LSTM`` layer by layer, and write one."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

State = dict[str, Tensor]
Arrays = list[np.ndarray]
PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
SUFFIXES = ("", "_reverse")
NAME = re.compile(r"(weight|bias)_(ih|hh)_l(\d+)(_reverse)?")


class Direction(NamedTuple):
    """The parameters of one direction of one layer, gates i, f, g, o from top to bottom.

    Args:
        weight_ih: float (4*H, H_in).
        weight_hh: float (4*H, H).
        bias_ih: float (4*H,); None without biases, like bias_hh.
        bias_hh: float (4*H,).
    """

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None = None
    bias_hh: Tensor | None = None


def split(state: Mapping[str, Tensor]) -> list[list[Direction]]:
    """Sort a state_dict into layers of one direction or two; raises ``ValueError``."""
    wrong = [name for name in state if not NAME.fullmatch(name)]
    if any("weight_hr" in name for name in wrong):
        raise ValueError(
            "expected an LSTM without projections, got weight_hr: no other framework's layer has "
            "the matrix of proj_size"
        )
    if wrong or "weight_ih_l0" not in state:
        raise ValueError(
            f"expected the names of an nn.LSTM, such as weight_ih_l0, got "
            f"{', '.join(wrong[:3] or ['none'])}: cut prefixes off with convert.renamed"
        )
    ends = SUFFIXES[: 1 + ("weight_ih_l0_reverse" in state)]
    parts = PARTS[: 4 if "bias_ih_l0" in state else 2]
    count = 1 + max(int(NAME.fullmatch(name)[3]) for name in state)  # type: ignore[index]
    wanted = [[[f"{p}_l{k}{end}" for p in parts] for end in ends] for k in range(count)]
    flat = {name for layer in wanted for names in layer for name in names}
    if flat != state.keys():
        odd = ", ".join(sorted(flat ^ state.keys()))
        raise ValueError(
            f"expected all layers and directions to have the same names, not so: {odd}"
        )
    layers = [[Direction(*(state[n].detach() for n in names)) for names in lay] for lay in wanted]
    _check(layers)
    return layers


def join(layers: Sequence[Sequence[Direction]]) -> State:
    """Write layers into a state_dict; raises ``ValueError`` unless one nn.LSTM can hold them."""
    _check(layers)
    return {
        f"{part}_l{k}{end}": tensor.contiguous()
        for k, layer in enumerate(layers)
        for end, direction in zip(SUFFIXES, layer, strict=False)
        for part, tensor in zip(PARTS, direction, strict=True)
        if tensor is not None
    }


def reorder(tensor: Tensor, gates: str, wanted: str) -> Tensor:
    """Move blocks of rows from one order of the gates, such as ``"ifgo"``, into another."""
    if len(tensor) % 4:
        raise ValueError(f"expected the rows of four gates, a multiple of 4, got {len(tensor)}")
    blocks = dict(zip(gates, tensor.chunk(4), strict=True))
    return torch.cat([blocks[gate] for gate in wanted])


def as_tensor(value: Any) -> Tensor:
    """Copy an array of any framework."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    return torch.from_numpy(np.array(value))


def transposed(value: Any) -> Tensor:
    """Copy a kernel (features, gates) as PyTorch's (gates, features); raises ``ValueError``."""
    kernel = as_tensor(value)
    if kernel.dim() != 2:
        raise ValueError(f"expected a kernel with 2 dimensions, got shape {tuple(kernel.shape)}")
    return kernel.T


def as_array(tensor: Tensor) -> np.ndarray:
    """Copy a tensor into an array; raises ``ValueError`` for bfloat16, which numpy lacks."""
    if tensor.dtype == torch.bfloat16:
        raise ValueError("expected weights that numpy can hold, got bfloat16: call .float() first")
    return tensor.detach().cpu().numpy().copy()


def biases(direction: Direction) -> tuple[Tensor, Tensor]:
    """Return both biases, or zeros where there are none."""
    if direction.bias_ih is None or direction.bias_hh is None:
        zeros = direction.weight_ih.new_zeros(len(direction.weight_ih))
        return zeros, zeros
    return direction.bias_ih, direction.bias_hh


def _check(layers: Sequence[Sequence[Direction]]) -> None:
    if not layers:
        raise ValueError("expected the weights of at least one layer, got none")
    first, D = layers[0][0], len(layers[0])
    H, biased = first.weight_hh.shape[-1], first.bias_ih is not None
    H_in = first.weight_ih.shape[-1]
    for k, layer in enumerate(layers):
        if len(layer) != D:
            raise ValueError(f"expected {D} direction(s) in every layer, got {len(layer)} in {k}")
        wanted = [(4 * H, H_in if k == 0 else D * H), (4 * H, H)] + 2 * [(4 * H,)] * biased
        for direction, end in zip(layer, SUFFIXES, strict=False):
            came = [tuple(tensor.shape) for tensor in direction if tensor is not None]
            if came != wanted:
                raise ValueError(
                    f"expected shapes {wanted} in PyTorch's layout for layer {k}{end}, got {came}: "
                    f"the layers of one nn.LSTM have one hidden_size, and each reads all features "
                    f"of the one below"
                )
