"""Weights as Keras and TensorFlow 1 hold them: transposed kernels, and one bias."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lstm_tutorial.convert.states import (
    Arrays,
    Direction,
    State,
    as_array,
    as_tensor,
    biases,
    join,
    reorder,
    split,
    transposed,
)

TORCH, TENSORFLOW1 = "ifgo", "igfo"  # Keras' order is PyTorch's


def from_keras(*layers: Sequence[Any]) -> State:
    """Make the state_dict of an ``nn.LSTM`` from the weights of Keras layers.

    The layers are to have Keras' default activations. (Keras 2.2 and earlier had another default,
    ``recurrent_activation="hard_sigmoid"``, which no ``nn.LSTM`` computes.)

    Args:
        layers: ``layer.get_weights()`` of each ``LSTM``, or of each ``Bidirectional`` around one
            with ``merge_mode="concat"``, from the bottom up: kernel (H_in, 4*H), recurrent_kernel
            (H, 4*H) and, unless ``use_bias=False``, bias (4*H,), for both directions in turn.

    Returns:
        The bias is in ``bias_ih``, and ``bias_hh`` is zeros, because their sum is what counts.

    Raises:
        ValueError: if the arrays are not those of an LSTM, or the layers do not make a stack.

    References:
        https://github.com/keras-team/keras/blob/v3.15.1/keras/src/layers/rnn/lstm.py
    """
    return join([[_keras_direction(*one) for one in _in_directions(layer)] for layer in layers])


def to_keras(state: Mapping[str, Tensor]) -> list[Arrays]:
    """Give the weights of an ``nn.LSTM`` to Keras layers: the reverse of ``from_keras``.

    Args:
        state: ``lstm.state_dict()``.

    Returns:
        For each layer the arrays that ``layer.set_weights`` takes, with the sum of the biases. The
        layer is to be built already, ``layer.build((None, None, H_in))``.

    Raises:
        ValueError: if the names are not an LSTM's, or it has projections.
    """
    return [
        [array for direction in layer for array in _keras_arrays(direction)]
        for layer in split(state)
    ]


def from_tensorflow1(*layers: Sequence[Any], forget_bias: float = 1.0) -> State:
    """Make the state_dict of an ``nn.LSTM`` from TensorFlow 1's ``BasicLSTMCell`` or ``LSTMCell``.

    Args:
        layers: for each layer, from the bottom up, kernel (H_in + H, 4*H) and bias (4*H,), gates
            i, c, f, o, as a checkpoint names them; of the forward cell, and then of the backward
            cell if there are two. Without peepholes and projection.
        forget_bias: the cell's argument, which it adds to the forget gate in every step.

    Returns:
        The bias is in ``bias_ih``, and ``forget_bias`` in the forget block of ``bias_hh``.

    Raises:
        ValueError: as ``from_keras``.

    References:
        https://github.com/tensorflow/tensorflow/blob/v1.15.0/tensorflow/python/ops/rnn_cell_impl.py
    """
    for arrays in layers:
        if len(arrays) not in (2, 4):
            raise ValueError(
                f"expected kernel and bias of a cell, or of two, for each layer, got "
                f"{len(arrays)} arrays: pass (kernel, bias), (kernel, bias), ..."
            )
    pairs = [[layer[k : k + 2] for k in range(0, len(layer), 2)] for layer in layers]
    return join(
        [[_cell_direction(kernel, bias, forget_bias) for kernel, bias in layer] for layer in pairs]
    )


def to_tensorflow1(state: Mapping[str, Tensor], forget_bias: float = 1.0) -> list[Arrays]:
    """Give the weights of an ``nn.LSTM`` to TensorFlow 1: the reverse of ``from_tensorflow1``.

    Args:
        state: ``lstm.state_dict()``; missing biases become zeros.
        forget_bias: of the cell that will use the weights; subtracted from the forget gate's bias.

    Raises:
        ValueError: if the names are not an LSTM's, or it has projections.
    """
    return [
        [array for direction in layer for array in _cell_arrays(direction, forget_bias)]
        for layer in split(state)
    ]


def _in_directions(arrays: Sequence[Any]) -> list[Sequence[Any]]:
    size = {2: 2, 3: 3, 4: 2, 6: 3}.get(len(arrays))
    if size is None:
        raise ValueError(
            f"expected the 2 or 3 arrays of a Keras LSTM, or the 4 or 6 of a Bidirectional one, "
            f"got {len(arrays)}: pass layer.get_weights() of each LSTM layer, one after the other"
        )
    return [arrays[k : k + size] for k in range(0, len(arrays), size)]


def _keras_direction(kernel: Any, recurrent: Any, bias: Any = None) -> Direction:
    weights = Direction(transposed(kernel), transposed(recurrent))
    if bias is None:
        return weights
    joined = as_tensor(bias)
    return weights._replace(bias_ih=joined, bias_hh=torch.zeros_like(joined))


def _keras_arrays(direction: Direction) -> Arrays:
    found = [direction.weight_ih.T, direction.weight_hh.T]
    if direction.bias_ih is not None:
        found.append(torch.add(*biases(direction)))
    return [as_array(tensor) for tensor in found]


def _cell_direction(kernel: Any, bias: Any, forget_bias: float) -> Direction:
    weight = reorder(transposed(kernel), TENSORFLOW1, TORCH)  # (4*H, H_in + H)
    H = len(weight) // 4
    bias_ih = reorder(as_tensor(bias), TENSORFLOW1, TORCH)
    return Direction(weight[:, :-H], weight[:, -H:], bias_ih, _forget(bias_ih, forget_bias))


def _cell_arrays(direction: Direction, forget_bias: float) -> Arrays:
    bias_ih, bias_hh = biases(direction)
    weight = torch.cat([direction.weight_ih, direction.weight_hh], dim=1)
    kernel = reorder(weight, TORCH, TENSORFLOW1).T
    bias = bias_ih + (bias_hh - _forget(bias_hh, forget_bias))  # exact for from_tensorflow1's
    return [as_array(kernel), as_array(reorder(bias, TORCH, TENSORFLOW1))]


def _forget(like: Tensor, value: float) -> Tensor:
    """A bias (4*H,) with this value for the forget gate, and 0 elsewhere."""
    bias, H = torch.zeros_like(like), len(like) // 4
    bias[H : 2 * H] = value
    return bias
