"""Advice on how to fix each refused call: one or two sentences with the reader's own sizes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from lstm_tutorial.contract.lstm import AnyLSTM

LENGTHS_OF_PACKED = "leave lengths out: a PackedSequence holds them as batch_sizes."
STATES_AS_LENGTHS = "leave hx out, and compare its shapes with the rows h_0 and c_0 of the table."


def on_module(module: Any, inside: Sequence[str]) -> str:
    """Advise on a module that is not an LSTM; ``inside`` names the LSTMs that it contains."""
    if isinstance(module, type):
        return f"build it first, such as {module.__name__}(128, 256)."
    if isinstance(module, torch.ao.nn.quantized.dynamic.LSTM):
        return (
            "its weights are packed in 8 bits; inputs, outputs and states have the shapes of the "
            f"LSTM that quantize_dynamic was given: describe torch.nn.{_unquantized(module)}."
        )
    if inside:
        names = ", ".join(f"model.{name}" for name in inside[:3])
        return f"describe the LSTM inside your model: {names}."
    return "describe an LSTM, such as torch.nn.LSTM(128, 256)."


def _unquantized(module: Any) -> str:
    options = {"num_layers": 1, "bias": True, "batch_first": False, "bidirectional": False}
    changed = [
        f"{k}={getattr(module, k)}" for k, usual in options.items() if getattr(module, k) != usual
    ]
    sizes = [str(module.input_size), str(module.hidden_size)]
    return f"LSTM({', '.join(sizes + changed)})"


def on_no_tensor(module: AnyLSTM) -> str:
    """Advise on an input that is neither a tensor nor a shape."""
    h_in = module.input_size
    shape = f"(32, 10, {h_in})" if module.batch_first else f"(10, 32, {h_in})"
    return (
        f"give a tensor, a PackedSequence, or a shape in whole numbers from 0, such as {shape}; "
        "torch.as_tensor makes a tensor from a list or an array."
    )


def on_padded(module: AnyLSTM, input: Tensor) -> str:
    """Advise if ``module(input)`` raises, in the order in which torch checks."""
    if input.dim() not in (2, 3):
        return on_rank(module, input)
    if input.dtype != module.weight_ih_l0.dtype and not torch._C._is_any_autocast_enabled():
        return on_dtype(module, input)
    if input.size(-1) != module.input_size:
        return on_features(module, input.shape)
    if input.device != module.weight_ih_l0.device:
        return on_device(module)
    if input.dim() == 3 and not module.batch_first:
        return (
            "axis 0 is time and has no steps: leave empty input out. If axis 0 is the batch, "
            "build the LSTM with batch_first=True."
        )
    axis = 1 if input.dim() == 3 else 0
    return f"axis {axis} is time and has no steps: leave empty input out."


def on_rank(module: AnyLSTM, input: Tensor) -> str:
    """Advise on an input with fewer than 2 or more than 3 axes."""
    layout = "(N, L, H_in)" if module.batch_first else "(L, N, H_in)"
    expected = f"{layout} for a batch or (L, H_in) for one sequence, with H_in = "
    expected += str(module.input_size)
    shape = tuple(input.shape)
    if shape == (module.input_size,):
        return f"input.unsqueeze(0) makes one sequence of one step. Expected {expected}."
    if input.dim() > 3:
        width = input.shape[2:].numel()
        return (
            f"join the axes that are features. Expected {expected}; input.flatten(2) makes "
            f"{(*shape[:2], width)}."
        )
    return f"give {expected}; yours is {shape}."


def on_dtype(module: AnyLSTM, input: Tensor) -> str:
    """Advise on an input whose dtype differs from that of the weights."""
    dtype = module.weight_ih_l0.dtype
    if input.dtype.is_floating_point or input.dtype.is_complex:
        return f"input = input.to({dtype})."
    return (
        f"if these are ids, look their features up first: nn.Embedding(V, {module.input_size})"
        f"(input). If they are features, input = input.to({dtype})."
    )


def on_features(module: AnyLSTM, shape: Sequence[int]) -> str:
    """Advise on a padded or unbatched input whose last axis is not H_in wide."""
    h_in, width = module.input_size, shape[-1]
    found = [axis for axis, size in enumerate(shape[:-1]) if size == h_in]
    if found:
        return (
            f"features come last, and axis {found[0]} is {h_in} wide: if it holds the features, "
            f"input.movedim({found[0]}, -1)."
        )
    if width == 0:
        return f"give {h_in} features a step; the last axis is empty."
    return (
        f"the last axis holds the features of a step: give {h_in} of them, or build the LSTM with "
        f"input_size={width}."
    )


def on_device(module: AnyLSTM) -> str:
    """Advise on an input on another device than the weights."""
    return f'input = input.to("{module.weight_ih_l0.device}"), where the weights are.'


def on_data(module: AnyLSTM, data: Tensor) -> str:
    """Advise on packed data that is not (sum(lengths), H_in)."""
    h_in = module.input_size
    if data.dim() < 2:
        unbatched = f"(L, {h_in}), which needs no lengths"
        return f"pack a batch with three axes, features last; one sequence is {unbatched}."
    if data.dim() > 2:
        return (
            f"pack a batch with three axes, {h_in} features last; yours has {data.dim() + 1}: join "
            "the axes that are features with input.flatten(2)."
        )
    return (
        f"give {h_in} features a step before packing, or build the LSTM with "
        f"input_size={data.size(-1)}."
    )


def on_packed_rows(module: AnyLSTM, packed: PackedSequence) -> str:
    """Advise on a PackedSequence with fewer steps than its batch_sizes say."""
    return (
        f"batch_sizes tell of {int(packed.batch_sizes.sum())} steps and data holds "
        f"{len(packed.data)}: pack again, with no length above the padded input's L."
    )


def on_lengths(module: AnyLSTM, input: Tensor, lengths: Tensor | None = None) -> str:
    """Advise if packing with lengths, or None for unreadable ones, raises, or the call after it."""
    time = 1 if module.batch_first else 0
    length, n = input.size(time), input.size(1 - time)
    if lengths is None:
        return f"give whole numbers, one for each of the {n} sequences, such as [{length}, ...]."
    if lengths.device.type != "cpu":
        return "lengths = lengths.cpu(): packing reads them on the CPU, wherever the input is."
    if lengths.dim() != 1:
        return f"lengths have one axis, with a number for each of the {n} sequences: (N,) = ({n},)."
    if input.dim() == 2:
        return (
            "a 2-D input is one sequence and can't be packed: leave lengths out, or add the batch "
            f"axis with input.unsqueeze({1 - time})."
        )
    if input.numel() == 0:
        return f"there is nothing in {tuple(input.shape)}: skip a batch with no sequence or step."
    if len(lengths) != n:
        return _on_count(module, len(lengths), length, n)
    return _on_range(lengths.tolist(), length)


def _on_count(module: AnyLSTM, count: int, length: int, n: int) -> str:
    if count == length:
        turned, axis = not module.batch_first, 1 if module.batch_first else 0
        return (
            f"batch and sequence look swapped: there are {count} lengths, and axis {axis}, which "
            f"batch_first={module.batch_first} reads as time, is {count} long. Use "
            f"input.transpose(0, 1), or build the LSTM with batch_first={turned}."
        )
    return f"give one length for each of the {n} sequences."


def _on_range(lengths: list[int], length: int) -> str:
    k = next(k for k, value in enumerate(lengths) if not 1 <= value <= length)
    do = "leave empty sequences out before packing" if lengths[k] < 1 else f"cut it to {length}"
    return f"expected lengths between 1 and {length}, got {lengths[k]} at position {k}: {do}."
