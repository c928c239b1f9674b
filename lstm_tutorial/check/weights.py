"""Check code that cuts, reorders and initialises an LSTM's weights, and that counts them."""

import numbers
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, product

import torch
from torch import Tensor, nn

from lstm_tutorial.check.cell import orders
from lstm_tutorial.check.engine import Case, Examination, Unfit, Values, Wrong, check_of
from lstm_tutorial.check.reading import as_tensor, draw, drawn, leaf, with_gradients

_SIZES = [(1, 3), (2, 3), (3, 3), (4, 1), (5, 8)]  # H_cell, features
_ARGUMENTS = ("input_size", "hidden_size", "num_layers", "bias", "bidirectional", "proj_size")
_GRID = ((1, 3, 7), (4, 5, 8), (1, 2, 3), (True, False), (False, True), (0, 3))


@check_of("a function")
def gates(reader_fn: Callable[[Tensor], dict[str, Tensor]]) -> Examination:
    """Check a function that cuts a weight into the blocks of the four gates.

    Args:
        reader_fn: ``fn(weight) -> {"i": ..., "f": ..., "g": ..., "o": ...}`` for a weight_ih or
            weight_hh, float (4*H_cell, features); each block float (H_cell, features).

    Returns:
        A result that is true if blocks and gradients agree; otherwise it names the mistake.

    Raises:
        TypeError: if it can't be called.
    """
    right = partial(_cut, "ifgo")
    wrongs = [Wrong(m, partial(_cut, order), detail) for m, order, detail in orders()]
    wrongs.append(Wrong("gates_interleaved", lambda w: {g: w[k::4] for k, g in enumerate("ifgo")}))
    wrongs.append(Wrong("cut_along_features", lambda w: _named("ifgo", w.chunk(4, dim=1))))
    cases = [_weight_case(h, features) for h, features in [*_SIZES, (2, 8)]]
    return Examination(reader_fn, right, cases, _run_gates, "fn(weight)", wrongs)


def _cut(order: str, weight: Tensor) -> dict[str, Tensor]:
    return _named(order, weight.chunk(4))


def _named(order: str, blocks: tuple[Tensor, ...]) -> dict[str, Tensor]:
    return dict(zip(order, blocks, strict=True))


def _weight_case(h: int, *features: int) -> Case:
    shape = (4 * h, *features)
    return Case({"hidden_size": h, "shape": shape}, {"weight": draw(h, *shape)})


def _run_gates(subject: Callable, case: Case) -> Values:
    weight = leaf(case.given["weight"])
    blocks = subject(weight)
    if blocks is None:
        raise Unfit("nothing_returned")
    if not isinstance(blocks, dict) or set(blocks) != set("ifgo"):
        came = f"keys {list(blocks)}" if isinstance(blocks, dict) else f"a {type(blocks).__name__}"
        raise Unfit("return_form", f"Wanted a dict with the keys i, f, g and o; yours is {came}.")
    outputs = {gate: as_tensor(blocks[gate], f"the block of {gate}") for gate in "ifgo"}
    return with_gradients(outputs, {"weight": weight})


@check_of("a function")
def to_onnx_order(reader_fn: Callable[[Tensor], Tensor]) -> Examination:
    """Check a function that brings torch's blocks i, f, g, o into ONNX's order i, o, f, g.

    Args:
        reader_fn: ``fn(weight) -> weight`` for a weight, float (4*H_cell, features), and for a
            bias, float (4*H_cell,). (ONNX calls the candidate c.)

    Returns:
        A result that is true if values and gradients agree; otherwise it names the mistake.

    Raises:
        TypeError: if it can't be called.
    """
    wrongs = [
        Wrong("order_unchanged", partial(_reorder, "ifgo")),
        Wrong("permutation_inverted", partial(_reorder, "igof")),
    ]
    for order in sorted({order for _, order, _ in orders()} - {"igof", "iofg"}):
        detail = f"Yours is {', '.join(order)}."
        wrongs.append(Wrong("other_order", partial(_reorder, order), detail))
    cases = [_weight_case(h, features) for h, features in _SIZES]
    cases += [_weight_case(h) for h in (1, 3)]
    right = partial(_reorder, "iofg")
    return Examination(reader_fn, right, cases, _run_reorder, "fn(weight)", wrongs)


def _reorder(order: str, weight: Tensor) -> Tensor:
    blocks = _cut("ifgo", weight)
    return torch.cat([blocks[gate] for gate in order])


def _run_reorder(subject: Callable, case: Case) -> Values:
    weight = leaf(case.given["weight"])
    return with_gradients({"result": as_tensor(subject(weight), "result")}, {"weight": weight})


@check_of("a function")
def forget_bias(reader_fn: Callable[[nn.LSTM], object]) -> Examination:
    """Check a function that makes the forget gate start with a bias of 1.

    Args:
        reader_fn: ``fn(lstm)`` changes an ``nn.LSTM`` in place; its return value is ignored.
            Afterwards the forget blocks of the two biases, which are added in every step, sum to 1
            in each layer and direction, however they share the 1. Nothing else has changed.

    Returns:
        A result that is true if all parameters are right; otherwise it names the mistake.

    Raises:
        TypeError: if it can't be called.
    """
    cases = [
        Case({"hidden_size": h, "num_layers": layers, "bidirectional": both}, {})
        for layers, both, h in product((1, 2, 3), (False, True), (2, 3))
    ]
    wrongs = list(_wrong_forget_biases())
    return Examination(
        reader_fn, _set_bias, cases, _run_forget_bias, "fn(lstm)", wrongs, compared="parameters"
    )


def _run_forget_bias(subject: Callable, case: Case) -> Values:
    lstm = drawn(nn.LSTM, 3, **case.settings)
    names = [name for name, _ in lstm.named_parameters()]
    subject(lstm)
    after = dict(lstm.named_parameters())
    if list(after) != names or not all(p.requires_grad for p in after.values()):
        raise Unfit("parameter_names", "They are to stay parameters that need a gradient.")
    values = {name: p.detach().clone() for name, p in after.items()}
    forget = slice(lstm.hidden_size, 2 * lstm.hidden_size)
    for name in names:
        if name.startswith("bias_ih"):
            other = name.replace("ih", "hh")
            both = f"({name} + {other})[forget block]"
            values[both] = values[name][forget] + values[other][forget]
            values[name][forget] = values[other][forget] = 0
    return values


def _set_bias(
    lstm: nn.LSTM,
    ih: float | None = 1.0,
    hh: float | None = 0.0,
    blocks: tuple[int, ...] = (1,),
    wanted: Callable[[str], bool] = lambda name: True,
    others: float | None = None,
) -> None:
    """Set blocks of the biases (1 is the forget gate's), the rest to others; None: no change."""
    h = lstm.hidden_size
    with torch.no_grad():
        for name, bias in lstm.named_parameters():
            value = ih if name.startswith("bias_ih") else hh
            if not name.startswith("bias") or value is None or not wanted(name):
                continue
            if others is not None:
                bias.fill_(others)
            for block in blocks:
                bias[block * h : (block + 1) * h] = value


def _add_bias(lstm: nn.LSTM, both: bool) -> None:
    h = lstm.hidden_size
    with torch.no_grad():
        for name, bias in lstm.named_parameters():
            if name.startswith("bias_ih") or (both and name.startswith("bias")):
                bias[h : 2 * h] += 1


def _wrong_forget_biases() -> Iterator[Wrong]:
    shares = [(1.0, 0.0), (0.0, 1.0), (0.5, 0.5), (1.0, 1.0), (1.0, None), (None, 1.0)]
    yield Wrong("forget_bias_two", partial(_set_bias, hh=1.0))
    yield Wrong("forget_bias_two", partial(_set_bias, hh=1.0, others=0.0), "The rest became 0.")
    yield Wrong("forget_bias_leftover", partial(_set_bias, hh=None), "Left as it was: bias_hh.")
    yield Wrong("forget_bias_leftover", partial(_set_bias, ih=None, hh=1.0), "Left: bias_ih.")
    yield Wrong("forget_bias_added", partial(_add_bias, both=False))
    yield Wrong("forget_bias_added", partial(_add_bias, both=True))
    for ih, hh in shares:
        yield Wrong("whole_bias_set", partial(_set_bias, ih=ih, hh=hh, blocks=(0, 1, 2, 3)))
        if (ih, hh) != (1.0, 1.0):
            yield Wrong("whole_bias_set", partial(_set_bias, ih=ih, hh=hh, others=0.0))
        for block, gate in ((0, "input gate"), (2, "candidate"), (3, "output gate")):
            change = partial(_set_bias, ih=ih, hh=hh, blocks=(block,))
            yield Wrong("wrong_gate_block", change, f"Yours is the {gate}'s.")
    for ih, hh in shares[:3]:
        change = partial(_set_bias, ih=ih, hh=hh)
        yield Wrong("only_first_layer_set", partial(change, wanted=lambda name: "_l0" in name))
        yield Wrong("only_forward_set", partial(change, wanted=lambda n: not n.endswith("reverse")))
        yield Wrong(
            "only_first_layer_set",
            partial(change, wanted=lambda name: name.endswith("_l0")),
            "And there, only the forward direction.",
        )


@check_of("a function")
def parameter_count(reader_fn: Callable[[int, int, int, bool, bool, int], int]) -> Examination:
    """Check a formula for the number of parameters of ``torch.nn.LSTM``.

    Args:
        reader_fn: ``fn(input_size, hidden_size, num_layers, bias, bidirectional, proj_size)``, the
            arguments in this order, returning an int.

    Returns:
        A result that is true if every count is the real module's; otherwise it names the mistake.

    Raises:
        TypeError: if it can't be called.
    """
    grid = [dict(zip(_ARGUMENTS, values, strict=True)) for values in product(*_GRID)]
    grid.sort(key=lambda case: (case["num_layers"], case["proj_size"], case["bidirectional"]))
    cases = [Case(settings, {}) for settings in grid]
    call, wrongs = f"fn({', '.join(_ARGUMENTS)})", _wrong_counts()
    return Examination(
        reader_fn, _count_parameters, cases, _run_count, call, wrongs, compared="the exact number"
    )


def _run_count(subject: Callable, case: Case) -> Values:
    count = subject(*case.settings.values())
    if count is None:
        raise Unfit("nothing_returned")
    if not isinstance(count, numbers.Integral):
        raise Unfit("return_form", f"Wanted an int; yours is a {type(count).__name__}.")
    return {"the count": torch.tensor(float(count), dtype=torch.float64)}


def _count_parameters(*values: int) -> int:
    settings = dict(zip(_ARGUMENTS, values, strict=True))
    module = nn.LSTM(**settings, device="meta")
    return sum(parameter.numel() for parameter in module.parameters())


def _formula(
    input_size: int,
    hidden_size: int,
    num_layers: int,
    bias: bool,
    bidirectional: bool,
    proj_size: int,
    *,
    gates: int = 4,
    bias_vectors: int = 2,
    always_bias: bool = False,
    directions: Callable[[bool], int] = lambda bidirectional: 1 + bidirectional,
    one_layer: bool = False,
    upper: Callable[[int, int, int], int] = lambda h_in, h_out, d: d * h_out,
    projected: bool = True,
    columns_hh: Callable[[int, int], int] = lambda h_out, h_cell: h_out,
    weight_hr: bool = True,
) -> int:
    """Count as torch does, except for what the keywords change."""
    d = directions(bidirectional)
    h_out = proj_size if proj_size and projected else hidden_size
    total = 0
    for layer in range(1 if one_layer else num_layers):
        h_in = input_size if layer == 0 else upper(input_size, h_out, d)
        columns = h_in + columns_hh(h_out, hidden_size)
        columns += bias_vectors if bias or always_bias else 0
        rows = gates * hidden_size
        projection = proj_size * hidden_size if projected and weight_hr else 0
        total += d * (rows * columns + projection)
    return total


_MISCOUNTS: list[tuple[str, dict, str]] = [
    ("one_bias_vector", {"bias_vectors": 1}, ""),
    ("biases_not_counted", {"bias_vectors": 0}, ""),
    ("bias_always_counted", {"always_bias": True}, ""),
    ("direction_not_counted", {"directions": lambda bidirectional: 1}, ""),
    ("one_layer_counted", {"one_layer": True}, ""),
    ("first_input_everywhere", {"upper": lambda h_in, h_out, d: h_in}, ""),
    ("one_direction_feeds", {"upper": lambda h_in, h_out, d: h_out}, ""),
    ("projection_not_counted", {"projected": False}, ""),
    ("projection_weight_missing", {"weight_hr": False}, ""),
    ("weight_hh_not_projected", {"columns_hh": lambda h_out, h_cell: h_cell}, ""),
    ("wrong_gate_count", {"gates": 3}, "You count three."),
    ("wrong_gate_count", {"gates": 1}, "You count one."),
]


def _wrong_counts() -> Iterator[Wrong]:
    """Every formula with one mistake, then with two to four, as they often come together."""
    for size in (1, 2, 3, 4):
        for several in combinations(_MISCOUNTS, size):
            keys = [key for _, change, _ in several for key in change]
            if len(set(keys)) == len(keys):
                change = {key: value for _, c, _ in several for key, value in c.items()}
                (mistake, _, detail), *others = several
                told = [Wrong(other, None, its).diagnosis for other, _, its in others]
                detail = " And: ".join([detail, *told]).strip()
                yield Wrong(mistake, partial(_formula, **change), detail)
