"""Check a reader's time step, and build the wrong steps that it is compared with."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations, permutations, product

import torch
from torch import Tensor, nn

from lstm_tutorial.check.engine import Case, Examination, Given, Values, Wrong, check_of
from lstm_tutorial.check.parts import States, Step
from lstm_tutorial.check.reading import adopt, as_pair, as_tensor, draw, leaf, takes, with_gradients

_STEP_CALL = "step(x, (h, c), weight_ih, weight_hh, bias_ih, bias_hh)"
_SIZES = [(3, 4, 2), (4, 4, 3), (1, 1, 1), (5, 2, 4), (2, 6, 1)]  # H_in, H_cell, N


@check_of("a function or a class")
def cell(reader_cell: Callable) -> Examination:
    """Check one time step against ``torch.nn.LSTMCell``.

    Args:
        reader_cell: a function ``step(x, (h, c), weight_ih, weight_hh, bias_ih, bias_hh)`` that
            returns ``(h, c)``; or a class with the contract of ``torch.nn.LSTMCell``: built as
            ``MyCell(input_size, hidden_size)``, with parameters of these four names, and called as
            ``cell(x, (h, c))``. ``bias`` and a missing ``hx`` are tried if the class takes them.

    Returns:
        A result that is true if outputs and all gradients agree; otherwise it names the mistake.

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


def _has_default(cls: Callable, position: int) -> bool:
    """Whether forward can be called without the argument at this position, self being 0."""
    code = getattr(getattr(cls, "forward", None), "__code__", None)
    defaults = getattr(getattr(cls, "forward", None), "__defaults__", None) or ()
    return code is not None and position >= code.co_argcount - len(defaults)


def _cell_cases(may_lack_bias: bool, may_lack_hx: bool) -> Iterator[Case]:
    biases = (True, False) if may_lack_bias else (True,)
    states = ("given", "zeros", None) if may_lack_hx else ("given", "zeros")
    for bias, hx, (h_in, h_cell, n) in product(biases, states, _SIZES):
        settings = {"input_size": h_in, "hidden_size": h_cell, "N": n, "bias": bias, "hx": hx}
        meta = nn.LSTMCell(h_in, h_cell, bias, device="meta")
        weights = {name: draw(k, *p.shape) for k, (name, p) in enumerate(meta.named_parameters())}
        scale = 1.5 if hx == "given" else 0.0
        pair = (draw(8, n, h_cell, scale=scale), draw(9, n, h_cell, scale=scale))
        given: Given = {"x": draw(7, n, h_in), "weights": weights}
        given["hx"] = None if hx is None else pair
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


_FROM = {
    "iofg": "That is ONNX's order.",
    "igfo": "That is the order of Haiku and of TensorFlow's BasicLSTMCell.",
}


def orders() -> Iterator[tuple[str, str, str]]:
    """Every wrong order of the gates, with the mistake and its detail; single swaps first."""
    wrong = ["".join(order) for order in permutations("ifgo")][1:]
    for order in sorted(wrong, key=lambda order: sum(map(str.__ne__, order, "ifgo"))):
        detail = f"Yours is {', '.join(order)}. {_FROM.get(order, '')}".strip()
        yield ("input_forget_swapped" if order == "figo" else "gate_order"), order, detail


def _same(x: Tensor) -> Tensor:
    return x


def detach(h: bool, c: bool) -> Callable[[States], States]:
    return lambda hx: (hx[0].detach() if h else hx[0], hx[1].detach() if c else hx[1])


def _swap(hx: States) -> States:
    return hx[1], hx[0]


_CHANGES: list[tuple[str, dict, str]] = [
    ("bias_missing", {"bias_ih": 0.0, "bias_hh": 0.0}, ""),
    ("bias_ih_missing", {"bias_ih": 0.0}, ""),
    ("bias_hh_missing", {"bias_hh": 0.0}, ""),
    ("bias_doubled", {"bias_ih": 2.0}, "It is bias_ih."),
    ("bias_doubled", {"bias_hh": 2.0}, "It is bias_hh."),
    ("bias_doubled", {"bias_ih": 2.0, "bias_hh": 2.0}, "It is both of them."),
    ("bias_doubled", {"bias_ih": 2.0, "bias_hh": 0.0}, "It is bias_ih; bias_hh is left out."),
    ("bias_doubled", {"bias_ih": 0.0, "bias_hh": 2.0}, "It is bias_hh; bias_ih is left out."),
    ("hidden_ignored", {"recurrent": 0.0}, ""),
    ("gates_interleaved", {"interleaved": True}, ""),
    ("tanh_missing_on_g", {"g": _same}, ""),
    ("sigmoid_on_g", {"g": torch.sigmoid}, ""),
    ("tanh_missing_on_c", {"seen_c": lambda new, old: new}, ""),
    ("sigmoid_on_c", {"seen_c": lambda new, old: torch.sigmoid(new)}, ""),
    ("old_c_in_h", {"seen_c": lambda new, old: torch.tanh(old)}, ""),
    ("memory_dropped", {"new_c": lambda i, f, g, c: i * g}, ""),
    ("forget_gate_missing", {"new_c": lambda i, f, g, c: c + i * g}, ""),
    ("input_gate_missing", {"new_c": lambda i, f, g, c: f * c + g}, ""),
    ("gates_coupled", {"new_c": lambda i, f, g, c: f * c + (1 - f) * g}, "Yours has i = 1 - f."),
    ("gates_coupled", {"new_c": lambda i, f, g, c: (1 - i) * c + i * g}, "Yours has f = 1 - i."),
    ("output_gate_missing", {"new_h": lambda o, seen: seen}, ""),
    ("c_squashed", {"give": lambda hx: (hx[0], torch.tanh(hx[1]))}, ""),
    ("states_returned_swapped", {"give": _swap}, ""),
    ("states_input_swapped", {"take": _swap}, ""),
    ("states_detached", {"take": detach(True, True)}, "Both h and c are."),
    ("states_detached", {"take": detach(True, False)}, "It is h."),
    ("states_detached", {"take": detach(False, True)}, "It is c."),
    ("state_returned_detached", {"give": detach(True, False)}, "It is h."),
    ("state_returned_detached", {"give": detach(False, True)}, "It is c."),
]


def _activations() -> Iterator[tuple[str, dict, str]]:
    for mistake, activation in (("sigmoid_missing", _same), ("tanh_on_gate", torch.tanh)):
        for size in (1, 2, 3):
            for gates in combinations("ifo", size):
                told = f"It is {gates[0]}." if size == 1 else f"They are {', '.join(gates)}."
                yield mistake, dict.fromkeys(gates, activation), told


def changes() -> list[tuple[str, dict, str]]:
    """Every single mistake: its identifier, what it changes in ``Step``, and the detail."""
    reordered = [(mistake, {"order": order}, detail) for mistake, order, detail in orders()]
    return [*_CHANGES, *_activations(), *reordered]


def wrong_steps() -> Iterator[Wrong]:
    """Every wrong step with one mistake."""
    for mistake, change, detail in changes():
        yield Wrong(mistake, Step(**change), detail)


def wrong_pairs() -> Iterator[Wrong]:
    """Every wrong step with two mistakes that touch different things."""
    for (first, change, detail), (second, other, other_detail) in combinations(changes(), 2):
        if not change.keys() & other.keys():
            also = Wrong(second, None, other_detail).diagnosis
            step = replace(Step(**change), **other)
            yield Wrong(first, step, f"{detail} And: {also}".strip())
