"""Weights as Flax holds them: cells of linen and nnx, with one kernel per gate or for all four."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from lstm_tutorial.convert.states import (
    Direction,
    State,
    as_array,
    as_tensor,
    biases,
    join,
    split,
)

Cell = Mapping[str, Mapping[str, Any]]
Kind = Literal["linen.LSTMCell", "linen.OptimizedLSTMCell", "nnx.LSTMCell", "nnx.OptimizedLSTMCell"]


def from_flax(*layers: Cell | Sequence[Cell]) -> State:
    """Make the state_dict of an ``nn.LSTM`` from the parameters of Flax cells.

    Args:
        layers: for each layer, from the bottom up, the parameters of its cell, or those of its
            forward cell and its backward cell: of ``linen`` the dict in ``variables["params"]``
            that has ``ii`` to ``ho``, of ``nnx`` ``nnx.to_pure_dict(nnx.state(cell, nnx.Param))``.
            ``LSTMCell`` has kernels ``ii``, ``if`` (in nnx ``if_``), ``ig``, ``io`` (H_in, H) and
            ``hi`` to ``ho`` (H, H), these with a bias (H,). So has linen's ``OptimizedLSTMCell``;
            that of nnx has ``dense_i`` (H_in, 4*H) and ``dense_h`` (H, 4*H), gates i, f, g, o.

    Returns:
        The bias is in ``bias_ih``, and ``bias_hh`` is zeros. The states of Flax are (c, h), those
        of PyTorch (h, c).

    Raises:
        ValueError: if the names are not a cell's, or the layers do not make a stack.

    References:
        https://flax.readthedocs.io/en/latest/api_reference/flax.linen/layers.html
        https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/nn/recurrent.html
    """
    pairs = [[layer] if isinstance(layer, Mapping) else list(layer) for layer in layers]
    return join([[_direction(cell) for cell in pair] for pair in pairs])


def to_flax(
    state: Mapping[str, Tensor], kind: Kind = "linen.OptimizedLSTMCell"
) -> list[list[dict[str, dict[str, np.ndarray]]]]:
    """Give the weights of an ``nn.LSTM`` to Flax cells: the reverse of ``from_flax``.

    Args:
        state: ``lstm.state_dict()``; missing biases become zeros, since Flax's cells have one.
        kind: the class of the cells.

    Returns:
        For each layer the parameters of each direction, as ``from_flax`` takes them. Linen takes
        them in ``cell.apply({"params": found}, ...)``, nnx in ``nnx.update(cell, found)``.

    Raises:
        ValueError: if the kind is unknown, the names are not an LSTM's, or it has projections.
    """
    if kind not in get_args(Kind):
        raise ValueError(f"expected kind to be one of {', '.join(get_args(Kind))}, got {kind!r}")
    return [[_cell(one, kind) for one in layer] for layer in split(state)]


def _direction(cell: Cell) -> Direction:
    inputs, hidden = _names("nnx.OptimizedLSTMCell")
    if set(cell) != {*inputs, *hidden}:
        inputs, hidden = _names("nnx.LSTMCell" if "if_" in cell else "linen.LSTMCell")
    if set(cell) != {*inputs, *hidden}:
        raise ValueError(
            f"expected the parameters of a cell, {', '.join((*inputs, *hidden))}, got "
            f"{', '.join(map(str, cell))}: pass the dict of the cell, not that of the model"
        )
    weight_ih, weight_hh, bias = (
        torch.cat([as_tensor(cell[name][part]) for name in names], dim=-1)
        for names, part in ((inputs, "kernel"), (hidden, "kernel"), (hidden, "bias"))
    )
    return Direction(weight_ih.T, weight_hh.T, bias, torch.zeros_like(bias))


def _cell(direction: Direction, kind: Kind) -> dict[str, dict[str, np.ndarray]]:
    inputs, hidden = _names(kind)
    n = len(inputs)
    found = {
        name: {"kernel": as_array(block.T)}
        for names, weight in ((inputs, direction.weight_ih), (hidden, direction.weight_hh))
        for name, block in zip(names, weight.chunk(n), strict=True)
    }
    for name, block in zip(hidden, torch.add(*biases(direction)).chunk(n), strict=True):
        found[name]["bias"] = as_array(block)
    return found


def _names(kind: Kind) -> tuple[list[str], list[str]]:
    """The names of the parameters that multiply the input, and the hidden state."""
    if kind == "nnx.OptimizedLSTMCell":
        return ["dense_i"], ["dense_h"]
    word = "if_" if kind == "nnx.LSTMCell" else "if"  # a word of Python's
    return ["ii", word, "ig", "io"], ["hi", "hf", "hg", "ho"]
