"""Check a formula for the number of parameters."""

import numbers
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, product

import torch
from torch import nn

from lstm_tutorial.check.engine import Case, Examination, Unfit, Values, Wrong, check_of

_CALL = "fn(input_size, hidden_size, num_layers, bias, bidirectional, proj_size)"
_NAMES = ("input_size", "hidden_size", "num_layers", "bias", "bidirectional", "proj_size")
_GRID = ((1, 3, 7), (4, 5, 8), (1, 2, 3), (True, False), (False, True), (0, 3))


@check_of("a function")
def parameter_count(reader_fn: Callable[[int, int, int, bool, bool, int], int]) -> Examination:
    """Check a formula for the number of parameters of ``torch.nn.LSTM``.

    Args:
        reader_fn: ``fn(input_size, hidden_size, num_layers, bias, bidirectional, proj_size)``, the
            arguments in this order, returning an int.

    Returns:
        A result that is true where every count is the real module's, and names the mistake if not.

    Raises:
        TypeError: if it can't be called.
    """
    grid = [dict(zip(_NAMES, values, strict=True)) for values in product(*_GRID)]
    grid.sort(key=lambda case: (case["num_layers"], case["proj_size"], case["bidirectional"]))
    cases = [Case(settings, {}) for settings in grid]
    wrongs = _wrong_counts()
    return Examination(
        reader_fn, _count_parameters, cases, _run, _CALL, wrongs, compared="the exact number"
    )


def _run(subject: Callable, case: Case) -> Values:
    count = subject(*case.settings.values())
    if count is None:
        raise Unfit("nothing_returned")
    if not isinstance(count, numbers.Integral):
        raise Unfit("return_form", f"Wanted an int; yours is a {type(count).__name__}.")
    return {"the count": torch.tensor(float(count), dtype=torch.float64)}


def _count_parameters(*values: int) -> int:
    settings = dict(zip(_NAMES, values, strict=True))
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
    """Count as torch does, but for what the keywords change."""
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


_CHANGES: list[tuple[str, dict, str]] = [
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
    """Every formula with one mistake, then with two, three and four: they often come together."""
    for size in (1, 2, 3, 4):
        for several in combinations(_CHANGES, size):
            keys = [key for _, change, _ in several for key in change]
            if len(set(keys)) == len(keys):
                change = {key: value for _, c, _ in several for key, value in c.items()}
                (mistake, _, detail), *others = several
                told = [Wrong(other, None, its).diagnosis for other, _, its in others]
                detail = " And: ".join([detail, *told]).strip()
                yield Wrong(mistake, partial(_formula, **change), detail)
