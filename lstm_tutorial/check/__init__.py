"""Checks that mark a reader's own code against torch, and name the mistake.

Each check runs your object and torch's over many configurations and compares values and gradients::

    >>> from lstm_tutorial import check
    >>> check.cell(my_step)
    Not yet: The input gate and the forget gate have changed places. Yours is f, i, g, o.
      First seen with: input_size=3, hidden_size=4, N=2, bias=True, hx=given.
      ...

The result is true where all agrees. Otherwise it says what is the matter, where it was first seen,
and where to look. A diagnosis is never a guess from the outside: your numbers are those of an
implementation that makes this very mistake, in every configuration tried. ``MISTAKES`` lists them.
Code that raises is told with its exception; ``result.exception`` holds it.

Nothing here touches the global random generator or your objects' weights, other than those of the
modules that a check builds from your class.
"""

from lstm_tutorial.check.cell import cell
from lstm_tutorial.check.lstm import lstm
from lstm_tutorial.check.messages import Result
from lstm_tutorial.check.runs import detach_chunks, last_state, packed_run
from lstm_tutorial.check.sequences import masked_max, pack_by_hand, unpad_reverse
from lstm_tutorial.check.weights import forget_bias, gates, parameter_count, to_onnx_order
from lstm_tutorial.check.wording import MISTAKES

__all__ = [
    "MISTAKES",
    "Result",
    "cell",
    "detach_chunks",
    "forget_bias",
    "gates",
    "last_state",
    "lstm",
    "masked_max",
    "pack_by_hand",
    "packed_run",
    "parameter_count",
    "to_onnx_order",
    "unpad_reverse",
]
