"""Weights as an ONNX ``LSTM`` node holds them: W, R and B, both directions in each."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lstm_tutorial.convert.states import (
    Direction,
    State,
    as_array,
    as_tensor,
    join,
    reorder,
    split,
)

TORCH, ONNX = "ifgo", "iofg"


def from_onnx(*layers: Mapping[str, Any]) -> State:
    """Make the state_dict of an ``nn.LSTM`` from the inputs of ONNX ``LSTM`` nodes.

    Args:
        layers: for each layer, from the bottom up, ``W`` (D, 4*H, H_in), ``R`` (D, 4*H, H) and, if
            there are biases, ``B`` (D, 8*H), gates i, o, f, c. From a file, they are
            ``onnx.numpy_helper.to_array(initializer)`` of the node's second, third and fourth
            input. The node is to have the default activations.

    Returns:
        The first half of ``B`` is in ``bias_ih``, the second in ``bias_hh``.

    Raises:
        ValueError: if there are other inputs, such as peepholes ``P``, or the layers do not make a
            stack.

    References:
        https://onnx.ai/onnx/operators/onnx__LSTM.html
    """
    for k, layer in enumerate(layers):
        if not {"W", "R"} <= set(layer) <= {"W", "R", "B"}:
            raise ValueError(
                f"expected W, R and perhaps B for layer {k}, got {', '.join(layer)}: leave out "
                f"lengths and states; an nn.LSTM has no peepholes P"
            )
    return join([_directions(layer) for layer in layers])


def to_onnx(state: Mapping[str, Tensor]) -> list[dict[str, np.ndarray]]:
    """Give the weights of an ``nn.LSTM`` to ONNX nodes: the reverse of ``from_onnx``.

    Args:
        state: ``lstm.state_dict()``.

    Returns:
        For each layer ``W``, ``R`` and, if there are biases, ``B``.

    Raises:
        ValueError: if the names are not an LSTM's, or it has projections.
    """
    return [_inputs(layer) for layer in split(state)]


def _directions(layer: Mapping[str, Any]) -> list[Direction]:
    found = [as_tensor(layer[name]) for name in ("W", "R", "B") if name in layer]
    if [tensor.dim() for tensor in found] != [3, 3, 2][: len(found)]:
        came = [tuple(tensor.shape) for tensor in found]
        raise ValueError(f"expected W and R with 3 dimensions, directions first, B with 2: {came}")
    return [_direction(*one) for one in zip(*found, strict=True)]


def _direction(w: Tensor, r: Tensor, b: Tensor | None = None) -> Direction:
    biases = () if b is None else b.chunk(2)
    return Direction(*(reorder(tensor, ONNX, TORCH) for tensor in (w, r, *biases)))


def _inputs(layer: list[Direction]) -> dict[str, np.ndarray]:
    moved = [[reorder(t, TORCH, ONNX) for t in one if t is not None] for one in layer]
    found = {"W": [one[0] for one in moved], "R": [one[1] for one in moved]}
    if layer[0].bias_ih is not None:
        found["B"] = [torch.cat(one[2:]) for one in moved]
    return {name: as_array(torch.stack(tensors)) for name, tensors in found.items()}
