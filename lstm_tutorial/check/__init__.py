"""Checks that compare a reader's own code with torch and name the mistake.

Each check runs your object and torch's over many configurations and compares values and gradients:

>>> from lstm_tutorial import check
>>> def my_step(x, hx, weight_ih, weight_hh, bias_ih, bias_hh):
...     h, c = hx
...     a = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh
...     f, i, g, o = a.chunk(4, dim=1)
...     c = f.sigmoid() * c + i.sigmoid() * g.tanh()
...     return o.sigmoid() * c.tanh(), c
>>> check.cell(my_step)  # doctest: +ELLIPSIS
Not yet: The input gate and the forget gate have changed places. Yours is f, i, g, o.
  First seen with: input_size=3, hidden_size=4, N=2, bias=True, hx=given.
  ...

The result is true if everything agrees. Otherwise it names the mistake, says where it first
appeared, and where to look. A diagnosis is not a guess: your numbers are exactly those of an
implementation that makes this mistake, in every configuration tried. ``MISTAKES`` lists them. If
your code raises, the result reports the exception and keeps it in ``result.exception``.

``training`` is for any model of your own: it tells why it does not learn. ``FAULTS`` lists what it
knows.

No check changes the global random generator or your objects' weights, other than those of the
modules that it builds from your class.
"""

from lstm_tutorial.check.cell import cell
from lstm_tutorial.check.learning import FAULTS, Diagnosis, training
from lstm_tutorial.check.lstm import lstm
from lstm_tutorial.check.messages import Result
from lstm_tutorial.check.runs import detach_chunks, last_state, packed_run
from lstm_tutorial.check.sequences import masked_max, pack_by_hand, unpad_reverse
from lstm_tutorial.check.weights import forget_bias, gates, parameter_count, to_onnx_order
from lstm_tutorial.check.wording import MISTAKES

__all__ = [
    "FAULTS",
    "MISTAKES",
    "Diagnosis",
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
    "training",
    "unpad_reverse",
]
