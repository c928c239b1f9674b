"""The inputs that ``torch.nn.LSTM`` refuses, with torch 2.13's messages.

A reader who meets an error here can search for torch's words and find the cause. Errors that the
arithmetic raises by itself, such as for a matrix product of unequal sizes, are left to it.
"""

import numbers
import warnings
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from lstm_tutorial.contract.cell import are_tensors


class AnyLSTM(Protocol):
    """The attributes that ``torch.nn.LSTM`` and ``lstm_tutorial.LSTM`` share."""

    input_size: int
    hidden_size: int
    num_layers: int
    bias: bool
    batch_first: bool
    dropout: float
    bidirectional: bool
    proj_size: int
    training: bool
    weight_ih_l0: Tensor

    @property
    def all_weights(self) -> Sequence[Sequence[Tensor]]:
        """The parameters as a list for each layer and direction."""


def check_dropout(dropout: Any, num_layers: Any, stacklevel: int) -> None:
    """Refuse a dropout that is not a probability; warn if it has no effect.

    Args:
        dropout: the constructor's argument.
        num_layers: the constructor's argument.
        stacklevel: of the warning, counted from here.

    Raises:
        ValueError: if dropout is not a number in [0, 1].
    """
    is_number = isinstance(dropout, numbers.Number) and not isinstance(dropout, bool)
    if not is_number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] "
            "representing the probability of an element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and "
            f"num_layers={num_layers}",
            stacklevel=stacklevel,
        )


def check_sizes(
    input_size: Any, hidden_size: Any, num_layers: Any, bias: Any, batch_first: Any, proj_size: Any
) -> None:
    """Refuse constructor arguments of the wrong type or range, in torch's order.

    Raises:
        TypeError: if a size is not an int or a flag not a bool.
        ValueError: if a size is out of range.
    """
    for name, flag in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(flag, bool):
            raise TypeError(f"{name} should be of type bool, got: {type(flag).__name__}")
    for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(size, int):
            raise TypeError(f"{name} should be of type int, got: {type(size).__name__}")
        if size <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


def check_padded(lstm: AnyLSTM, input: Tensor, hx: Any) -> None:
    """Refuse a padded or unbatched input, or states, of the wrong rank, size, type or device.

    Args:
        lstm: the module that is called.
        input: what should be float (L, N, H_in), (N, L, H_in) or (L, H_in).
        hx: what should be None or a pair of states.

    Raises:
        ValueError, RuntimeError, IndexError, TypeError, AttributeError: where torch raises them.
    """
    if input.dim() not in (2, 3):
        raise ValueError(f"LSTM: Expected input to be 2D or 3D, got {input.dim()}D instead")
    dims = input.dim()
    if hx is not None and (hx[0].dim() != dims or hx[1].dim() != dims):
        kind = "batched 3-D" if dims == 3 else "unbatched 2-D"
        raise RuntimeError(
            f"For {kind} input, hx and cx should "
            f"also be {dims}-D but got ({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
        )
    _check_features(lstm, input)
    batch_dim = 0 if lstm.batch_first else 1
    if dims == 2:
        input = input.unsqueeze(batch_dim)
        hx = None if hx is None else (hx[0].unsqueeze(1), hx[1].unsqueeze(1))
    if hx is not None:
        _check_sizes_of_states(lstm, hx, input.size(batch_dim))
        _check_pair(lstm, hx, input, batch_first=lstm.batch_first)
    _check_devices(lstm, input, hx)
    if input.size(1 - batch_dim) == 0:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")


def check_packing(lstm: AnyLSTM, input: PackedSequence) -> None:
    """Refuse a PackedSequence built by hand from parts that do not fit together.

    torch 2.13 refuses some of these deep in its kernel, and computes with others.

    Args:
        lstm: the module that is called.
        input: its data should be float (sum(batch_sizes), H_in), batch_sizes int64 (L,).

    Raises:
        RuntimeError: if the data is not a matrix, or batch_sizes does not describe it.
        IndexError: if batch_sizes is empty.
    """
    data, batch_sizes = input.data, input.batch_sizes
    batch_sizes[0]  # an IndexError where it is empty
    if data.dim() != 2 and data.size(-1) == lstm.input_size:
        raise RuntimeError(f"input must have 2 dimensions, got {data.dim()}")
    steps = batch_sizes.to(torch.int64)
    falling = bool((steps.diff() <= 0).all()) and steps[-1] >= 0
    if batch_sizes.dtype != steps.dtype or not falling or steps.sum() != len(data):
        raise RuntimeError(
            f"expected int64 batch_sizes that never grow and sum to {len(data)}, got "
            f"{batch_sizes.dtype} {batch_sizes.tolist()}: let pack_padded_sequence pack the input"
        )


def check_packed(lstm: AnyLSTM, input: PackedSequence, hx: Any) -> None:
    """Refuse states that do not fit a packed input; other dtypes fail in the matrix products.

    torch 2.13 reports a wrong batch size of hx deep in its kernel, with a message that depends on
    the lengths, and reads past the end of a c_0 with too few layers: both get an error here.

    Args:
        lstm: the module that is called.
        input: sequences of steps of H_in features.
        hx: None or a pair of states, rows in the order of the data.

    Raises:
        RuntimeError, TypeError, IndexError: where torch raises them.
    """
    device = input.data.device
    if lstm.weight_ih_l0.device != device:
        other = lstm.weight_ih_l0.device
        raise RuntimeError(f"Tensor on device {other} is not on the expected device {device}!")
    if hx is not None:
        _check_pair(lstm, hx, *input[:2])
        _check_packed_states(lstm, hx, int(input.batch_sizes[0]))


def check_rows(hx: tuple[Tensor, Tensor], n: int) -> None:
    """Refuse states for more or fewer than n sequences, with the message for padded input."""
    for k, state in enumerate(hx):
        if state.size(1) != n:
            expected = (state.size(0), n, state.size(2))
            raise RuntimeError(f"Expected hidden[{k}] size {expected}, got {list(state.size())}")


def _check_features(lstm: AnyLSTM, input: Tensor) -> None:
    dtype = lstm.weight_ih_l0.dtype
    if input.dtype != dtype and not torch._C._is_any_autocast_enabled():
        raise ValueError(
            f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). "
            f"Convert input: input.to({dtype}), or convert model: model.to({input.dtype})"
        )
    if input.size(-1) != lstm.input_size:
        raise RuntimeError(
            f"input.size(-1) must be equal to input_size. "
            f"Expected {lstm.input_size}, got {input.size(-1)}"
        )


def _check_sizes_of_states(lstm: AnyLSTM, hx: Any, n: int) -> None:
    layers = lstm.num_layers * (2 if lstm.bidirectional else 1)
    for k, width in enumerate((lstm.proj_size or lstm.hidden_size, lstm.hidden_size)):
        expected = (layers, n, width)
        if hx[k].size() != expected:
            raise RuntimeError(f"Expected hidden[{k}] size {expected}, got {list(hx[k].size())}")


def _check_pair(lstm: AnyLSTM, hx: Any, *input: Tensor, **batch_first: bool) -> None:
    """Refuse initial states that are not two tensors in a tuple or list."""
    if not are_tensors(hx):  # torch's argument parser says it in its own words
        weights = [weight for group in lstm.all_weights for weight in group]
        flags = (lstm.bias, lstm.num_layers, lstm.dropout, lstm.training, lstm.bidirectional)
        torch.lstm(*input, hx, weights, *flags, *batch_first.values())  # type: ignore[call-overload]  # raises
    if len(hx) != 2:
        raise RuntimeError("lstm expects two hidden states")


def _check_packed_states(lstm: AnyLSTM, hx: tuple[Tensor, Tensor], n: int) -> None:
    """Count layers and weights as torch does, which takes an h narrower than c for a projection."""
    layers = lstm.num_layers * (2 if lstm.bidirectional else 1)
    each = 4 if lstm.bias else 2
    weights = layers * (each + (lstm.proj_size > 0))
    groups, left = divmod(weights, each + (hx[0].size(2) != hx[1].size(2)))
    if left > 0:
        raise RuntimeError("got an incorrect number of RNN parameters")
    if lstm.bidirectional and (groups % 2 == 1 or hx[0].size(0) % 2 == 1):
        raise RuntimeError("Odd number of params or hiddens given to a bidirectional RNN")
    if hx[0].size(0) != layers or hx[1].size(0) != layers:
        raise RuntimeError("Expected more hidden states in stacked_rnn")
    if groups != layers:
        raise RuntimeError("Expected more weights in stacked_rnn")
    check_rows(hx, n)


def _check_devices(lstm: AnyLSTM, input: Tensor, hx: Any) -> None:
    for kind, tensors in (("hidden", hx or ()), ("parameter", (lstm.weight_ih_l0,))):
        for tensor in tensors:
            if tensor.device != input.device:
                raise RuntimeError(
                    f"Input and {kind} tensors are not at the same device, found input tensor at "
                    f"{input.device} and {kind} tensor at {tensor.device}"
                )
