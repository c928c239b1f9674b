"""torch's refusals, with its own messages and a line on how to fix the call.

``contract.check_padded`` checks padded input, as it does for ``lstm_tutorial.LSTM``. This module
has the checks of ``pack_padded_sequence`` and of the matrix products, and refuses other modules.
"""

import numbers
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from lstm_tutorial.contract.lstm import AnyLSTM, check_packed, check_padded
from lstm_tutorial.describe import advice
from lstm_tutorial.lstm import LSTM

RAISED = (ValueError, RuntimeError, IndexError, TypeError, AttributeError)


def require_lstm(module: Any) -> AnyLSTM:
    """Return an LSTM unchanged; raise ``TypeError`` for anything else."""
    if not isinstance(module, nn.LSTM | LSTM):
        parts = module.named_modules() if isinstance(module, nn.Module) else ()
        inside = [name for name, part in parts if isinstance(part, nn.LSTM | LSTM)]
        is_class = isinstance(module, type)
        cls = module if is_class else type(module)
        kind = (
            "the class " * is_class + f"{cls.__module__}.{cls.__qualname__}"
        )  # two are named LSTM
        words = f"expected a torch.nn.LSTM or lstm_tutorial.LSTM, got {kind}"
        raise _refusal(TypeError, words, advice.on_module(module, inside))
    return cast(AnyLSTM, module)  # torch declares no weight_ih_l0: it is registered at run time


def checked_input(
    module: AnyLSTM,
    given: Sequence[int] | Tensor | PackedSequence,
    lengths: Tensor | Sequence[int] | None,
) -> Tensor | PackedSequence:
    """Read the arguments of a call, or refuse them as torch would.

    Args:
        module: the LSTM.
        given: float (L, N, H_in), (N, L, H_in) or (L, H_in), such a shape, or a PackedSequence.
        lengths: int (N,) if the batch will be packed, else None.

    Returns:
        The module's input. A tensor made from a shape, or as data to be packed, has the right sizes
        and takes no memory; its values are meaningless.
    """
    if isinstance(given, PackedSequence):
        if lengths is not None:
            words = "expected no lengths with a PackedSequence, got some"
            raise _refusal(ValueError, words, advice.LENGTHS_OF_PACKED)
        _check_packed(module, given, advice.on_packed_rows)
        return given
    input = _as_tensor(module, given)
    if isinstance(lengths, tuple | list) and any(getattr(n, "ndim", 0) > 1 for n in lengths):
        words = f"expected whole numbers as lengths, got a {type(lengths).__name__} of tensors"
        raise _refusal(TypeError, words, advice.STATES_AS_LENGTHS)
    if lengths is not None:
        return _packed(module, input, lengths)
    try:
        check_padded(module, input, None)
    except RAISED as error:
        raise _refusal(type(error), str(error), advice.on_padded(module, input)) from None
    return input


def _refusal(kind: type[Exception], words: str, advice: str) -> Exception:
    return kind(f"{words}\nTo fix it: {advice}")


def _as_tensor(module: AnyLSTM, given: Any) -> Tensor:
    """Return a tensor unchanged, and expand one element to a given shape."""
    if isinstance(given, Tensor):
        return given
    is_shape = isinstance(given, tuple | list) and all(map(_is_whole, given))
    try:
        _ = is_shape or given.dim  # what torch asks for first
        torch.empty(given, device="meta")
    except RAISED as error:
        words = str(error).splitlines()[0]
        raise _refusal(type(error), words, advice.on_no_tensor(module)) from None
    return module.weight_ih_l0.detach().new_empty(()).expand(given)


def _is_whole(size: Any) -> bool:
    return isinstance(size, numbers.Integral) and not isinstance(size, bool)


def _packed(module: AnyLSTM, input: Tensor, given: Tensor | Sequence[int]) -> PackedSequence:
    """Imitate ``pack_padded_sequence(input, lengths, batch_first, enforce_sorted=False)``.

    It is stricter: with ``enforce_sorted=False`` torch 2.13 silently drops the sequences without a
    length.
    """
    if input.dim() < 2:
        words = "Dimension out of range (expected to be in range of [-1, 0], but got 1)"
        raise _refusal(IndexError, words, advice.on_rank(module, input))
    try:
        lengths = given if isinstance(given, Tensor) else torch.as_tensor(given, dtype=torch.int64)
        lengths = lengths.to(torch.int64)
    except RAISED as error:
        raise _refusal(type(error), str(error), advice.on_lengths(module, input)) from None
    if words := _why_not_packed(module, input, lengths):
        raise _refusal(RuntimeError, words, advice.on_lengths(module, input, lengths))
    length = input.size(1 if module.batch_first else 0)
    ends = lengths.clamp(max=length + 1)  # a longer one is refused at its first step too many
    steps = len(ends) - ends.bincount().cumsum(0)[:-1]  # sequences longer than 0, 1, ... steps
    rows = int(lengths.clamp(max=length).sum())
    data = input.detach().new_empty(()).expand(rows, *input.shape[2:])
    order = lengths.argsort(descending=True, stable=True)
    packed = PackedSequence(data, steps, order)
    _check_packed(module, packed, lambda *_: advice.on_lengths(module, input, lengths))
    return packed


def _why_not_packed(module: AnyLSTM, input: Tensor, lengths: Tensor) -> str:
    """Return ``pack_padded_sequence``'s message for lengths that it refuses, else nothing."""
    n = input.size(0 if module.batch_first else 1)
    if lengths.dim() != 1 or lengths.device.type != "cpu":
        return (
            "'lengths' argument should be a 1D CPU int64 tensor, "
            f"but got {lengths.dim()}D {lengths.device} Long tensor"
        )
    if input.numel() == 0:
        return "Cannot pack empty tensors."
    if len(lengths) != n:
        return (
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} "
            f"(batch_size={n})"
        )
    if lengths.min() <= 0:
        return (
            "Length of all samples has to be greater than 0, "
            "but found an element in 'lengths' that is <= 0"
        )
    return ""


def _check_packed(module: AnyLSTM, packed: PackedSequence, on_rows: Callable[..., str]) -> None:
    """Refuse packed data of the wrong device, dtype or size, as the matrix products would.

    If all lengths are equal, torch 2.13 accepts any number of features in float32 and reads
    whatever is in memory.
    """
    data, weight = packed.data, module.weight_ih_l0
    try:
        check_packed(module, packed, None)
    except RAISED as error:
        raise _refusal(type(error), str(error), advice.on_device(module)) from None
    if data.dtype != weight.dtype and not torch._C._is_any_autocast_enabled():
        names = f"{_name(data.dtype)} and {_name(weight.dtype)}"
        words = f"mat1 and mat2 must have the same dtype, but got {names}"
        raise _refusal(RuntimeError, words, advice.on_dtype(module, data))
    if data.dim() != 2 or data.size(-1) != module.input_size:
        raise _refusal(RuntimeError, _why_no_product(module, data), advice.on_data(module, data))
    steps = packed.batch_sizes.tolist()
    for end, n in zip(accumulate(steps), steps, strict=True):
        if end > len(data):
            words = f"start ({end - n}) + length ({n}) exceeds dimension size ({len(data)})."
            raise _refusal(RuntimeError, words, on_rows(module, packed))


def _name(dtype: torch.dtype) -> str:
    return torch.empty(0, dtype=dtype).type().removeprefix("torch.").removesuffix("Tensor")


def _why_no_product(module: AnyLSTM, data: Tensor) -> str:
    width = data.size(-1) if data.dim() else 1
    if width == module.input_size:
        return f"input must have 2 dimensions, got {data.dim()}"
    rows = data.numel() // width if width else 0
    sizes = f"{rows}x{width} and {module.input_size}x{4 * module.hidden_size}"
    return f"mat1 and mat2 shapes cannot be multiplied ({sizes})"
