"""Check a reader's time step, and build the wrong steps that it is compared with."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations, permutations, product

import torch
from torch import Tensor, nn

from lstm_tutorial.check.engine import Case, Examination, Given, Values, Wrong, check_of
from lstm_tutorial.check.parts import States, Step
from lstm_tutorial.check.reading import adopt, as_pair, as_tensor, draw, leaf, takes, with_gradients
from lstm_tutorial.check.variants import VARIANTS, Change, Variant

_STEP_CALL = "step(x, (h, c), weight_ih, weight_hh, bias_ih, bias_hh)"
_SIZES = [(3, 4, 2), (4, 4, 3), (1, 1, 1), (5, 2, 4), (2, 6, 1)]  # H_in, H_cell, N


@check_of("a function or a class")
def cell(reader_cell: Callable, variant: str | None = None) -> Examination:
    """Check one time step against ``torch.nn.LSTMCell``, or against a variant that you declare.

    Args:
        reader_cell: a function ``step(x, (h, c), weight_ih, weight_hh, bias_ih, bias_hh)`` that
            returns ``(h, c)``; or a class with the contract of ``torch.nn.LSTMCell``: built as
            ``MyCell(input_size, hidden_size)``, with parameters of these four names, and called as
            ``cell(x, (h, c))``. ``bias`` and a missing ``hx`` are tried if the class takes them.
        variant: of a function: ``"coupled"``, where the weights have three blocks, f, g and o, and
            i = 1 - f; ``"peephole"``, which gets ``peephole``, (3, H_cell), last: the rows of i, f
            and o; or ``"layer_norm"``, which gets ``gain_ih`` and ``gain_hh``, (4*H_cell,), and
            ``gain_c`` and ``bias_c``, (H_cell,), last, and whose eps is 1e-5. The equations are
            those of ``coupled_step``, ``peephole_step`` and ``layer_norm_step``.

    Returns:
        A result that is true if outputs and all gradients agree; otherwise it names the mistake.

    Raises:
        TypeError: if it is neither, or a class where a variant is declared.
        ValueError: if the variant is unknown.
    """
    if variant is not None:
        return _of_variant(reader_cell, variant)
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


def _of_variant(step: Callable, name: str) -> Examination:
    if name not in VARIANTS:
        known = ", ".join(map(repr, VARIANTS))
        raise ValueError(
            f"expected a variant of {known}, got {name!r}: compare other steps with code that you "
            "trust, such as torch.nn.GRU, by torch.testing.assert_close"
        )
    if isinstance(step, type):
        raise TypeError(f"expected a function for a variant, got the class {step.__name__}")
    variant = VARIANTS[name]
    own = list(variant.changes(changes()))
    return Examination(
        step,
        variant.step,
        list(_variant_cases(variant)),
        _run_cell,
        "".join([_STEP_CALL[:-1], *(f", {extra}" for extra, _ in variant.extra), ")"]),
        wrongs=wrong_steps(variant.step, own),
        rarely=lambda: wrong_pairs(variant.step, own),
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
        yield Case(settings, _given(h_in, h_cell, n, weights, hx))


def _variant_cases(variant: Variant) -> Iterator[Case]:
    for hx, (h_in, h_cell, n) in product(("given", "zeros"), _SIZES):
        settings = {"input_size": h_in, "hidden_size": h_cell, "N": n, "bias": True, "hx": hx}
        shapes = variant.shapes(h_in, h_cell).items()
        weights = {name: draw(10 + k, *shape) for k, (name, shape) in enumerate(shapes)}
        yield Case(settings, _given(h_in, h_cell, n, weights, hx))


def _given(h_in: int, h_cell: int, n: int, weights: dict[str, Tensor], hx: str | None) -> Given:
    scale = 1.5 if hx == "given" else 0.0
    pair = (draw(8, n, h_cell, scale=scale), draw(9, n, h_cell, scale=scale))
    return {"x": draw(7, n, h_in), "weights": weights, "hx": None if hx is None else pair}


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


_CHANGES: list[Change] = [
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


def _activations() -> Iterator[Change]:
    for mistake, activation in (("sigmoid_missing", _same), ("tanh_on_gate", torch.tanh)):
        for size in (1, 2, 3):
            for gates in combinations("ifo", size):
                told = f"It is {gates[0]}." if size == 1 else f"They are {', '.join(gates)}."
                yield mistake, dict.fromkeys(gates, activation), told


def changes() -> list[Change]:
    """Every single mistake: its identifier, what it changes in ``Step``, and the detail."""
    reordered = [(mistake, {"order": order}, detail) for mistake, order, detail in orders()]
    return [*_CHANGES, *_activations(), *reordered]


def wrong_steps(right: Step = Step(), mistakes: Sequence[Change] = ()) -> Iterator[Wrong]:  # noqa: B008
    """Every wrong step with one mistake; by default those of the plain step."""
    for mistake, change, detail in mistakes or changes():
        yield Wrong(mistake, replace(right, **change), detail)


def wrong_pairs(right: Step = Step(), mistakes: Sequence[Change] = ()) -> Iterator[Wrong]:  # noqa: B008
    """Every wrong step with two mistakes that touch different things."""
    pairs = combinations(mistakes or changes(), 2)
    for (first, change, detail), (second, other, other_detail) in pairs:
        if not change.keys() & other.keys():
            also = Wrong(second, None, other_detail).diagnosis
            step = replace(right, **change, **other)
            yield Wrong(first, step, f"{detail} And: {also}".strip())
