"""The declared variants of a step: what each gets, how it is computed, and how it goes wrong."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lstm_tutorial.check.parts import States, Step

Change = tuple[str, dict[str, Any], str]  # a mistake, what it changes in the step, and the detail


@dataclass(frozen=True)
class Coupled(Step):
    """A step with three blocks of weights, f, g and o, and i = 1 - f."""

    order: str = "fgo"

    def __call__(self, x: Tensor, hx: States, *weights: Tensor) -> States:  # type: ignore[override]
        """Compute (h, c) after the step."""
        h, c = self.take(hx)
        a = self.preactivations(x @ weights[0].T, h @ weights[1].T, *weights[2:])
        f, g, o = self.f(a["f"]), self.g(a["g"]), self.o(a["o"])
        new = self.new_c(1 - f, f, g, c)
        return self.give((self.new_h(o, self.seen_c(new, c)), new))


def _none(new: Tensor, old: Tensor, h: Tensor) -> Tensor:
    return torch.zeros_like(old)


@dataclass(frozen=True)
class Peephole(Step):
    """A step whose gates see c through a row of weights each."""

    rows: str = "ifo"
    early: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda new, old, h: old  # what i and f see
    late: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda new, old, h: new  # what o sees

    def __call__(self, x: Tensor, hx: States, *weights: Tensor) -> States:  # type: ignore[override]
        """Compute (h, c) after the step."""
        h, c = self.take(hx)
        a = self.preactivations(x @ weights[0].T, h @ weights[1].T, *weights[2:4])
        row = dict(zip(self.rows, weights[4], strict=True))
        seen = self.early(c, c, h)
        i, f = self.i(a["i"] + row["i"] * seen), self.f(a["f"] + row["f"] * seen)
        new = self.new_c(i, f, self.g(a["g"]), c)
        o = self.o(a["o"] + row["o"] * self.late(new, c, h))
        return self.give((self.new_h(o, self.seen_c(new, c)), new))


def _norm(values: Tensor) -> Tensor:
    return torch.layer_norm(values, values.shape[-1:])


def _norm_per_gate(values: Tensor) -> Tensor:
    return torch.cat([_norm(block) for block in values.chunk(4, dim=1)], dim=1)


def _as_it_is(values: Tensor) -> Tensor:
    return values


@dataclass(frozen=True)
class LayerNorm(Step):
    """A step with a norm over each share of the preactivations, and over c on its way to h."""

    norm_ih: Callable[[Tensor], Tensor] = _norm
    norm_hh: Callable[[Tensor], Tensor] = _norm
    norm_c: Callable[[Tensor], Tensor] = _norm
    of_sum: bool = False  # one norm for both shares
    bias_inside: bool = False
    carried: bool = False  # the next step gets the c that is normalised

    def __call__(self, x: Tensor, hx: States, *weights: Tensor) -> States:  # type: ignore[override]
        """Compute (h, c) after the step."""
        weight_ih, weight_hh, bias_ih, bias_hh, gain_ih, gain_hh, gain_c, bias_c = weights
        h, c = self.take(hx)
        share_ih, share_hh = x @ weight_ih.T, h @ weight_hh.T
        if self.bias_inside:
            share_ih, share_hh = share_ih + bias_ih, share_hh + bias_hh
            bias_ih, bias_hh = 0 * bias_ih, 0 * bias_hh
        if self.of_sum:
            share_ih, share_hh = gain_ih * _norm(share_ih + share_hh), 0 * share_hh
        else:
            share_ih = gain_ih * self.norm_ih(share_ih)
            share_hh = gain_hh * self.norm_hh(share_hh)
        a = self.preactivations(share_ih, share_hh, bias_ih, bias_hh)
        i, f, g, o = (getattr(self, gate)(a[gate]) for gate in "ifgo")
        new = self.new_c(i, f, g, c)
        normed, before = (gain_c * self.norm_c(state) + bias_c for state in (new, c))
        h = self.new_h(o, self.seen_c(normed, before))
        return self.give((h, normed if self.carried else new))


class Variant(NamedTuple):
    """A declared variant: the right step, the mistakes of its own, and what it gets."""

    step: Step
    own: list[Change]
    blocks: int = 4
    extra: tuple[tuple[str, tuple[int, ...]], ...] = ()  # names, and shapes in units of H_cell

    def shapes(self, h_in: int, h_cell: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of everything that a step gets beside x and the states."""
        rows = self.blocks * h_cell
        shapes: dict[str, tuple[int, ...]]
        shapes = {"weight_ih": (rows, h_in), "weight_hh": (rows, h_cell)}
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        extra = {name: (*counts[:-1], counts[-1] * h_cell) for name, counts in self.extra}
        return shapes | extra

    def changes(self, plain: list[Change]) -> Iterator[Change]:
        """The mistakes of a plain step that this one can make, after those of its own."""
        yield from self.own
        for mistake, change, detail in plain:
            of_four = mistake == "gates_coupled" or change.keys() & {"order", "i"}
            if self.blocks == 4 or not of_four:
                yield mistake, change, detail


def _wrong_coupled() -> Iterator[Change]:
    new_c = lambda i, f, g, c: i * c + f * g  # noqa: E731
    yield "coupled_reversed", {"new_c": new_c}, ""
    for order in list(permutations("fgo"))[1:]:
        yield "gate_order", {"order": "".join(order)}, f"Yours is {', '.join(order)}."


def _wrong_peephole() -> Iterator[Change]:
    yield "peephole_missing", {"early": _none, "late": _none}, "No gate sees it."
    yield "peephole_missing", {"early": _none}, "The input and the forget gate don't see it."
    yield "peephole_missing", {"late": _none}, "The output gate doesn't see it."
    yield "peephole_old_c", {"late": lambda new, old, h: old}, ""
    yield "peephole_sees_h", {"early": lambda new, old, h: h, "late": lambda new, old, h: h}, ""
    for rows in list(permutations("ifo"))[1:]:
        yield "peephole_order", {"rows": "".join(rows)}, f"Yours is {', '.join(rows)}."


_WRONG_NORM: list[Change] = [
    ("norm_missing", {"norm_ih": _as_it_is, "norm_hh": _as_it_is}, "Neither share is normalised."),
    ("norm_missing", {"norm_ih": _as_it_is}, "The input's share is not normalised."),
    ("norm_missing", {"norm_hh": _as_it_is}, "The recurrent share is not normalised."),
    ("norm_missing", {"norm_c": _as_it_is}, "What h gets of c is not normalised."),
    ("norm_of_sum", {"of_sum": True}, ""),
    ("norm_per_gate", {"norm_ih": _norm_per_gate, "norm_hh": _norm_per_gate}, ""),
    ("norm_bias_inside", {"bias_inside": True}, ""),
    ("norm_c_carried", {"carried": True}, ""),
]

VARIANTS = {
    "coupled": Variant(Coupled(), list(_wrong_coupled()), blocks=3),
    "layer_norm": Variant(
        LayerNorm(),
        _WRONG_NORM,
        extra=(("gain_ih", (4,)), ("gain_hh", (4,)), ("gain_c", (1,)), ("bias_c", (1,))),
    ),
    "peephole": Variant(Peephole(), list(_wrong_peephole()), extra=(("peephole", (3, 1)),)),
}
