"""Check a reader's time step."""

from collections.abc import Callable, Iterator
from itertools import product

import torch
from torch import nn

from lstm_tutorial.check.engine import Case, Examination, Values, check_of
from lstm_tutorial.check.reading import (
    adopt,
    as_pair,
    as_tensor,
    draw,
    leaf,
    takes,
    with_gradients,
)
from lstm_tutorial.check.steps import wrong_pairs, wrong_steps

_STEP_CALL = "step(x, (h, c), weight_ih, weight_hh, bias_ih, bias_hh)"
_CELL_SIZES = [(3, 4, 2), (4, 4, 3), (1, 1, 1), (5, 2, 4), (2, 6, 1)]  # H_in, H_cell, N


@check_of("a function or a class")
def cell(reader_cell: Callable) -> Examination:
    """Check one time step against ``torch.nn.LSTMCell``.

    Args:
        reader_cell: a function ``step(x, (h, c), weight_ih, weight_hh, bias_ih, bias_hh)`` that
            returns ``(h, c)``; or a class with the contract of ``torch.nn.LSTMCell``: built as
            ``MyCell(input_size, hidden_size)``, with parameters of these four names, and called as
            ``cell(x, (h, c))``. ``bias`` and a missing ``hx`` are tried where the class takes them.

    Returns:
        A result that is true where outputs and all gradients agree, and names the mistake if not.

    Raises:
        TypeError: if it is neither.
    """
    is_class = isinstance(reader_cell, type)
    may_lack_bias = is_class and takes(reader_cell, "bias")
    may_lack_hx = is_class and _has_default(reader_cell, 2)
    cases = list(_cell_cases(may_lack_bias, may_lack_hx))
    call = "cell(x, (h, c))" if is_class else _STEP_CALL
    missing = [] if may_lack_bias or not is_class else ["bias"]
    missing += [] if may_lack_hx or not is_class else ["hx=None"]
    return Examination(
        reader_cell,
        nn.LSTMCell,
        cases,
        _run_cell,
        call,
        wrongs=wrong_steps(),
        rarely=wrong_pairs,
        not_tried=tuple(missing),
    )


def _has_default(cls: type, position: int) -> bool:
    """Whether forward can be called without the argument at this position, self being 0."""
    code = getattr(getattr(cls, "forward", None), "__code__", None)
    defaults = getattr(getattr(cls, "forward", None), "__defaults__", None) or ()
    return code is not None and position >= code.co_argcount - len(defaults)


def _cell_cases(may_lack_bias: bool, may_lack_hx: bool) -> Iterator[Case]:
    biases = (True, False) if may_lack_bias else (True,)
    states = ("given", "zeros", None) if may_lack_hx else ("given", "zeros")
    for bias, hx, (h_in, h_cell, n) in product(biases, states, _CELL_SIZES):
        settings = {"input_size": h_in, "hidden_size": h_cell, "N": n, "bias": bias, "hx": hx}
        meta = nn.LSTMCell(h_in, h_cell, bias, device="meta")
        weights = {name: draw(k, *p.shape) for k, (name, p) in enumerate(meta.named_parameters())}
        scale = 1.5 if hx == "given" else 0.0
        pair = (draw(8, n, h_cell, scale=scale), draw(9, n, h_cell, scale=scale))
        given = {"x": draw(7, n, h_in), "hx": None if hx is None else pair, "weights": weights}
        yield Case(settings, given)


def _run_cell(subject: Callable, case: Case) -> Values:
    x = leaf(case.given["x"])
    hx = None if case.given["hx"] is None else tuple(leaf(s) for s in case.given["hx"])
    if isinstance(subject, type):
        sizes = case.settings["input_size"], case.settings["hidden_size"]
        module = subject(*sizes, **({} if case.settings["bias"] else {"bias": False}))
        weights = adopt(module, case.given["weights"])
        pair = module(x) if hx is None else module(x, hx)
    else:
        weights = {name: leaf(weight) for name, weight in case.given["weights"].items()}
        zeros = torch.zeros_like(x[:, :1]).expand(-1, case.settings["hidden_size"])
        pair = subject(x, (zeros, zeros) if hx is None else hx, *weights.values())
    h, c = as_pair(pair, "a pair (h, c)")
    outputs = {"h": as_tensor(h, "h"), "c": as_tensor(c, "c")}
    states = {} if hx is None else dict(zip(("h_0", "c_0"), hx, strict=True))
    return with_gradients(outputs, {"x": x, **states, **weights})
