"""Every shape, parameter count and cost of an LSTM, from its arguments alone.

Pass your own module and the shape of your input:

>>> from torch import nn
>>> from lstm_tutorial import describe
>>> lstm = nn.LSTM(128, 256, num_layers=2, bidirectional=True)
>>> describe(lstm, (10, 32, 128))  # doctest: +ELLIPSIS
LSTM(128, 256, num_layers=2, bidirectional=True)
L = 10, N = 32, D = 2, num_layers = 2, H_in = 128, H_cell = 256, H_out = 256
...

The result prints as text in a terminal and as tables in a notebook, and has the same content as
attributes. Nothing is run: each shape is computed from a formula and the sizes of the module and
the input. Input that the module would refuse is refused with torch's message and a way to fix it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lstm_tutorial._lazy import lazy

if TYPE_CHECKING:  # torch takes seconds to import: only a call needs it
    from collections.abc import Sequence
    from typing import Any

    from torch import Tensor, nn
    from torch.nn.utils.rnn import PackedSequence

    from lstm_tutorial.describe.description import Description

__all__, __getattr__, __dir__ = lazy(__name__, {"description": ["Description", "Part", "Row"]})
__all__ += ["describe"]


def describe(
    module: nn.Module,
    input_shape_or_tensor: Sequence[int] | Tensor | PackedSequence,
    lengths: Tensor | Sequence[int] | None = None,
) -> Description:
    """Report a module's input, output and parameter shapes, with counts and cost.

    Args:
        module: a ``torch.nn.LSTM`` or ``lstm_tutorial.LSTM``, on any device, ``"meta"`` included.
        input_shape_or_tensor: the module's future input, or its shape: float (L, N, H_in),
            (N, L, H_in) if batch_first, (L, H_in) unbatched, or a PackedSequence.
        lengths: int (N,), each between 1 and L, in any order, if the batch will be packed with
            ``pack_padded_sequence(input, lengths, enforce_sorted=False)``.

    Returns:
        Tables of parameters, input, output and slices, with the totals.

    Raises:
        TypeError: if the module is not an LSTM.
        ValueError: if lengths are given for a PackedSequence, which has its own.
        ValueError, RuntimeError, IndexError, TypeError, AttributeError: where
            ``pack_padded_sequence`` or the call of the module would raise, with torch's message and
            a line on how to fix it.
    """
    from lstm_tutorial.describe.description import Description
    from lstm_tutorial.describe.form import Form
    from lstm_tutorial.describe.notes import notes_on
    from lstm_tutorial.describe.refusals import checked_input, require_lstm
    from lstm_tutorial.describe.rows import input_rows, output_rows, parameter_rows

    lstm = require_lstm(module)
    input = checked_input(lstm, input_shape_or_tensor, lengths)
    length = None
    if lengths is not None:
        shape: Any = getattr(input_shape_or_tensor, "shape", input_shape_or_tensor)
        length = shape[1 if lstm.batch_first else 0]
        lengths = [int(n) for n in lengths]
    form = Form.of(lstm, input, length)
    parameters = parameter_rows(form)
    return Description(
        module=repr(module),
        sizes=form.sizes,
        parameters=parameters,
        inputs=input_rows(form),
        outputs=output_rows(form),
        steps=form.steps,
        multiply_adds_per_step=sum(row.count for row in parameters if "weight" in row.name),
        notes=notes_on(form, lengths),
    )
