"""Check a reader's LSTM, and build the wrong LSTMs that it is compared with."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from lstm_tutorial.check.cell import changes, detach
from lstm_tutorial.check.engine import Case, Examination, Given, Unfit, Values, Wrong, check_of
from lstm_tutorial.check.parts import Rules, Stack, Step
from lstm_tutorial.check.reading import (
    adopt,
    as_pair,
    as_tensor,
    draw,
    leaf,
    positional_arguments,
    takes,
    with_gradients,
)

ALL_DROPPED = 1 - 1e-9  # so close to 1 that every value is dropped, and 1 / (1 - p) stays finite
_OPTIONS = ("bias", "batch_first", "bidirectional", "num_layers", "proj_size", "dropout")
_SETTINGS: list[dict] = [
    {},
    {"bias": False},
    {"batch_first": True},
    {"bidirectional": True},
    {"num_layers": 2},
    {"proj_size": 2},
    {"num_layers": 3},
    {"bidirectional": True, "batch_first": True},
    {"num_layers": 2, "bidirectional": True},
    {"num_layers": 2, "dropout": ALL_DROPPED},
    {"num_layers": 2, "dropout": ALL_DROPPED, "training": False},
    {"num_layers": 3, "bidirectional": True, "batch_first": True},
    {"num_layers": 2, "bidirectional": True, "proj_size": 3, "bias": False},
    {"num_layers": 3, "bidirectional": True, "dropout": ALL_DROPPED},
]
_SIZES = [(3, 4, 5, 2), (4, 4, 3, 3), (8, 4, 4, 2)]  # H_in, H_cell, L, N; including square ones


@check_of("a class")
def lstm(reader_lstm: Callable[..., nn.Module], *, packed: bool = False) -> Examination:
    """Check an LSTM against ``torch.nn.LSTM``.

    Args:
        reader_lstm: a class with torch's constructor, parameter names (``weight_ih_l0``, ...,
            ``bias_hh_l1_reverse``) and results ``(output, (h_n, c_n))``. Constructor
            arguments that it does not take, and ``hx`` if ``forward`` does not take it, are left
            out and named in the result.
        packed: whether to try ``PackedSequence`` input as well.

    Returns:
        A result that is true if outputs and all gradients agree; otherwise it names the mistake.

    Raises:
        TypeError: if it can't be called.
    """
    taken = [option for option in _OPTIONS if takes(reader_lstm, option)]
    with_states = _takes_states(reader_lstm)
    missing = [option for option in _OPTIONS if option not in taken]
    missing += [] if with_states else ["hx"]
    return Examination(
        reader_lstm,
        nn.LSTM,
        list(_lstm_cases(taken, with_states, packed)),
        _run_lstm,
        "lstm(input) and lstm(input, (h_0, c_0))" if with_states else "lstm(input)",
        wrongs=wrong_stacks(),
        not_tried=tuple(missing),
        otherwise="your time step: check.cell looks at it alone. Then at the loop around it.",
    )


def _takes_states(make: Callable) -> bool:
    forward = getattr(getattr(make, "func", make), "forward", None)
    return forward is None or positional_arguments(forward, 3) > 2


def _lstm_cases(taken: list[str], with_states: bool, packed: bool) -> Iterator[Case]:
    seen = []
    kinds = ("padded", "packed") if packed else ("padded",)
    for kind, size, options in product(kinds, _SIZES, _SETTINGS):
        for hx in (None, "given") if with_states else (None,):
            chosen = {k: v for k, v in options.items() if k in taken}
            told = dict(zip(("input_size", "hidden_size", "L", "N"), size, strict=True)) | chosen
            if "dropout" in chosen:
                told["training"] = options.get("training", True)
            told |= {"hx": hx} | ({"input": kind} if packed else {})
            again = size != _SIZES[0] and (hx is None) == with_states  # once is enough
            needless = "dropout" in chosen and ("num_layers" not in chosen or size != _SIZES[0])
            needless |= kind == "packed" and size != _SIZES[0]
            if not (told in seen or again or needless):
                seen.append(told)
                yield _lstm_case(told, chosen)


def _lstm_case(told: dict, options: dict) -> Case:
    meta = nn.LSTM(told["input_size"], told["hidden_size"], **options, device="meta")
    weights = {name: draw(k, *p.shape) for k, (name, p) in enumerate(meta.named_parameters())}
    length, n = told["L"], told["N"]
    rows, columns = (n, length) if meta.batch_first else (length, n)
    layers = meta.num_layers * (2 if meta.bidirectional else 1)
    h_0 = draw(98, layers, n, meta.proj_size or meta.hidden_size)
    c_0 = draw(99, layers, n, meta.hidden_size)
    given: Given = {"x": draw(97, rows, columns, meta.input_size, scale=2), "weights": weights}
    given |= {"hx": None if told["hx"] is None else (h_0, c_0), "options": options}
    given["lengths"] = torch.tensor([length - 2, *range(length, length - n + 1, -1)])
    return Case(told, given)


def _run_lstm(subject: Callable, case: Case) -> Values:
    told, given = case.settings, case.given
    module = subject(told["input_size"], told["hidden_size"], **given["options"])
    weights = adopt(module, given["weights"])
    module.train(told.get("training", True))

    def call(seed: int = 0) -> tuple[Values, dict[str, Tensor]]:
        torch.manual_seed(seed)  # the global generator is put back when the check ends
        leaves = {"input": leaf(given["x"])}
        hx = () if given["hx"] is None else (tuple(leaf(s) for s in given["hx"]),)
        leaves |= dict(zip(("h_0", "c_0"), hx[0], strict=True)) if hx else {}
        input: Tensor | PackedSequence = leaves["input"]
        if told.get("input") == "packed":
            rows, first = leaves["input"], told.get("batch_first", False)
            input = pack_padded_sequence(rows, given["lengths"], first, enforce_sorted=False)
        return _outputs(module(input, *hx), isinstance(input, PackedSequence)), leaves

    with torch.no_grad():
        before, _ = call()
        other, _ = call(seed=1)
    values, leaves = call()
    for mistake, earlier in (("state_kept", before), ("random", other)):
        if any(_differ(earlier[name], value) for name, value in values.items()):
            raise Unfit(mistake)
    return with_gradients(values, leaves | weights)


def _differ(one: Tensor, other: Tensor) -> bool:
    return one.shape != other.shape or not torch.allclose(one, other, equal_nan=True)


def _outputs(returned: object, packed: bool) -> Values:
    output, states = as_pair(returned, "(output, (h_n, c_n))")
    h_n, c_n = as_pair(states, "a pair (h_n, c_n) beside the output")
    if packed:
        if not isinstance(output, PackedSequence):
            kind = type(output).__name__
            raise Unfit("return_form", f"A PackedSequence went in; a {kind} came out.")
        output = output.data
    named: dict[str, object] = {"output": output, "h_n": h_n, "c_n": c_n}
    return {name: as_tensor(value, name) for name, value in named.items()}


def _by_direction(states: Tensor, directions: int) -> Tensor:
    layers = states.unflatten(0, (-1, directions))  # (num_layers, D, N, H_out)
    return layers.transpose(0, 1).flatten(0, 1)


def _from_the_top(states: Tensor, directions: int) -> Tensor:
    return states.unflatten(0, (-1, directions)).flip(0).flatten(0, 1)


_CHANGES: list[tuple[str, dict, str]] = [
    ("states_returned_swapped", {"swap_states": True}, "It is (c_n, h_n) for (h_n, c_n)."),
    ("batch_first_ignored", {"transposed": lambda asked: (False, False)}, ""),
    ("batch_first_always", {"transposed": lambda asked: (True, True)}, ""),
    ("output_not_batch_first", {"transposed": lambda asked: (asked, False)}, ""),
    ("hx_ignored", {"start": lambda hx, k, before: tuple(map(torch.zeros_like, hx[k]))}, ""),
    ("hx_first_layer_only", {"start": lambda hx, k, before: hx[0]}, ""),
    ("state_carried_between_layers", {"start": lambda hx, k, before: before or hx[k]}, ""),
    ("states_input_swapped", {"start": lambda hx, k, before: hx[k][::-1]}, "It is hx."),
    ("directions_swapped", {"join": lambda outputs: torch.cat(outputs[::-1], dim=-1)}, ""),
    ("reverse_not_flipped_back", {"flip_out": False}, ""),
    ("reverse_not_reversed", {"flip_in": False, "flip_out": False}, ""),
    ("reverse_weights_reused", {"weights": lambda layer, direction: (layer, 0)}, ""),
    ("direction_weights_swapped", {"weights": lambda layer, d: (layer, 1 - d)}, ""),
    ("layer_weights_reused", {"weights": lambda layer, d: (0, d)}, "All use the first layer's."),
    ("layer_weights_reused", {"weights": lambda layer, d: (min(layer, 1), d)}, "It is _l1."),
    ("h_n_reverse_last_step", {"ends": lambda outputs, state: (outputs[-1], state[1])}, ""),
    ("h_n_wrong_layer", {"states": lambda states, d: states[-d:]}, "Yours: the last layer's."),
    ("h_n_wrong_layer", {"states": lambda states, d: states[:d]}, "Yours: the first layer's."),
    ("h_n_layers_reversed", {"states": _from_the_top}, ""),
    ("h_n_directions_first", {"states": _by_direction}, ""),
    ("h_n_batch_first", {"states": lambda states, d: states.transpose(0, 1)}, ""),
    ("first_layer_output", {"returned_layer": 0}, ""),
    ("dropout_missing", {"dropout": lambda x, p, training, last: x}, ""),
    ("dropout_after_last", {"dropout": lambda x, p, training, last: F.dropout(x, p, training)}, ""),
    ("dropout_in_eval", {"dropout": lambda x, p, _, last: x if last else F.dropout(x, p)}, ""),
    ("dropout_on_input", {"drop_input": True}, ""),
    ("states_detached", {"after_step": detach(True, True)}, "So are h_n and c_n."),
    ("padding_not_ignored", {"row_by_row": False}, ""),
]  # fmt: skip


def wrong_stacks() -> Iterator[Wrong]:
    """Every wrong LSTM with one mistake, in its steps or around them."""
    for mistake, change, detail in changes():
        yield Wrong(mistake, partial(Stack, rules=Rules(step=Step(**change))), detail)
    for mistake, change, detail in _CHANGES:
        yield Wrong(mistake, partial(Stack, rules=Rules(**change)), detail)
