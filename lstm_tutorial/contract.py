"""What ``torch.nn.LSTM`` and ``torch.nn.LSTMCell`` refuse, in torch 2.13's own words.

A reader who meets an error here can search for the same words and find the same cause. Checks that
the arithmetic makes by itself (a matrix product of unequal sizes, say) are left to it.
"""

import numbers
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

ONEDNN_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def check_dropout(dropout: Any, num_layers: Any, stacklevel: int) -> None:
    """Refuse a dropout that is no probability; warn where it would do nothing.

    Args:
        dropout: the constructor's argument.
        num_layers: the constructor's argument.
        stacklevel: whose line the warning names, counted from here.

    Raises:
        ValueError: if dropout is not a number in [0, 1].
    """
    if (
        not isinstance(dropout, numbers.Number)
        or not 0 <= dropout <= 1
        or isinstance(dropout, bool)
    ):
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
        TypeError: if a size is no int or a flag no bool.
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


def check_padded(lstm: nn.Module, input: Tensor, hx: Any) -> None:
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
    if hx is not None:
        n = 1 if dims == 2 else input.size(batch_dim)
        _check_sizes_of_states(lstm, hx, n)
        check_pair(hx)
    _check_devices(lstm, input, hx)
    if input.size(1 - batch_dim if dims == 3 else 0) == 0:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    if hx is not None and input.numel() > 0:
        _check_dtypes_of_states(lstm, input, hx)


def check_packed(lstm: nn.Module, input: PackedSequence, hx: tuple[Tensor, Tensor] | None) -> None:
    """Refuse states that do not fit a packed input; its sizes are left to the matrix products.

    torch 2.13 reports a wrong batch size of hx from deep in its kernel, in words that depend on the
    lengths, and reads past the end of a c_0 with too few layers: both get a message here.

    Raises:
        RuntimeError, TypeError, IndexError: where torch raises them.
    """
    if hx is not None:
        check_pair(hx)
    _check_devices(lstm, input.data, hx)
    if hx is None:
        return
    layers = lstm.num_layers * (2 if lstm.bidirectional else 1)
    _check_projection(lstm, layers, hx)
    if hx[0].size(0) != layers or hx[1].size(0) != layers:
        raise RuntimeError("Expected more hidden states in stacked_rnn")
    n = int(input.batch_sizes[0])
    for k, state in enumerate(hx):
        if state.size(1) != n:
            expected = (layers, n, state.size(2))
            raise RuntimeError(f"Expected hidden[{k}] size {expected}, got {list(state.size())}")


def check_pair(hx: Any) -> None:
    """Refuse initial states that are not a tuple or list of two tensors.

    Raises:
        TypeError: if hx is something else, one tensor for example.
        RuntimeError: if there are not two states.
    """
    if not isinstance(hx, tuple | list):
        raise TypeError(
            "lstm() received an invalid combination of arguments - got an hx of type "
            f"{type(hx).__name__}, but expected a tuple of two tensors (h_0, c_0)"
        )
    if len(hx) != 2:
        raise RuntimeError("lstm expects two hidden states")


def check_cell_arguments(cell: nn.Module, input: Tensor, hx: Any) -> None:
    """Refuse what ``torch.nn.LSTMCell`` refuses.

    Args:
        cell: the module that is called.
        input: what should be float (N, H_in) or (H_in,).
        hx: what should be None or a pair of float (N, H_cell) or (H_cell,).

    Raises:
        ValueError, RuntimeError, TypeError, AttributeError: where torch raises them.
    """
    if input.dim() not in (1, 2):
        raise ValueError(f"LSTMCell: Expected input to be 1D or 2D, got {input.dim()}D instead")
    for k, state in enumerate(() if hx is None else hx):
        if state.dim() not in (1, 2):
            raise ValueError(
                f"LSTMCell: Expected hx[{k}] to be 1D or 2D, got {state.dim()}D instead"
            )
    if hx is not None and not isinstance(hx, tuple | list):
        raise TypeError(
            "lstm_cell(): argument 'hx' (position 2) must be tuple of Tensors, "
            f"not {type(hx).__name__}"
        )
    if hx is not None and len(hx) != 2:
        raise RuntimeError("lstm_cell expects two hidden states")
    n = input.size(0) if input.dim() == 2 else 1
    if input.size(-1) != cell.input_size:
        raise RuntimeError(
            f"input has inconsistent input_size: got {input.size(-1)} expected {cell.input_size}"
        )
    for k, state in enumerate(() if hx is None else hx):
        state = state if input.dim() == 2 else state.unsqueeze(0)
        if state.size(0) != n:
            raise RuntimeError(
                f"Input batch size {n} doesn't match hidden{k} batch size {state.size(0)}"
            )
        if state.size(1) != cell.hidden_size:
            raise RuntimeError(
                f"hidden{k} has inconsistent hidden_size: "
                f"got {state.size(1)}, expected {cell.hidden_size}"
            )


def _check_features(lstm: nn.Module, input: Tensor) -> None:
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


def _check_sizes_of_states(lstm: nn.Module, hx: Any, n: int) -> None:
    layers = lstm.num_layers * (2 if lstm.bidirectional else 1)
    for k, width in enumerate((lstm.proj_size or lstm.hidden_size, lstm.hidden_size)):
        size = tuple(hx[k].size())
        size = size if len(size) == 3 else (size[0], 1, size[1])
        if size != (layers, n, width):
            raise RuntimeError(f"Expected hidden[{k}] size {(layers, n, width)}, got {list(size)}")


def _check_projection(lstm: nn.Module, layers: int, hx: tuple[Tensor, Tensor]) -> None:
    """torch takes an h narrower than c for the sign of a projection, and counts the weights."""
    if (hx[0].size(2) != hx[1].size(2)) == (lstm.proj_size > 0):
        return
    weights = 4 if lstm.bias else 2
    each = weights + 1 if lstm.proj_size == 0 else weights  # as torch sees it
    groups, left = divmod(layers * (weights + (lstm.proj_size > 0)), each)
    if left == 0 and lstm.bidirectional and groups % 2 == 1:
        raise RuntimeError("Odd number of params or hiddens given to a bidirectional RNN")
    raise RuntimeError("got an incorrect number of RNN parameters")


def _check_devices(lstm: nn.Module, input: Tensor, hx: Any) -> None:
    for kind, tensors in (("hidden", hx or ()), ("parameter", (lstm.weight_ih_l0,))):
        for tensor in tensors:
            if tensor.device != input.device:
                raise RuntimeError(
                    f"Input and {kind} tensors are not at the same device, found input tensor at "
                    f"{input.device} and {kind} tensor at {tensor.device}"
                )


def _check_dtypes_of_states(lstm: nn.Module, input: Tensor, hx: Any) -> None:
    """Say of states in another dtype what oneDNN says, where torch would call oneDNN."""
    onednn = torch.backends.mkldnn.is_available() and input.device.type == "cpu"
    if not onednn or lstm.proj_size or input.dtype not in (torch.float32, torch.bfloat16):
        return
    for state in hx:
        if state.dtype not in ONEDNN_DTYPES:
            raise RuntimeError("get_mkldnn_dtype: unsupported data type")
    if any(state.dtype != input.dtype for state in hx) and not torch.is_autocast_enabled("cpu"):
        raise RuntimeError(
            "could not create a primitive descriptor for the LSTM forward propagation primitive. "
            "Run workload with environment variable ONEDNN_VERBOSE=all to get additional "
            "diagnostic information."
        )
