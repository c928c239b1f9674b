"""One time step with every mistake that the checks know: the family of wrong cells."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations, permutations

import torch
from torch import Tensor

from lstm_tutorial.check.engine import Wrong

States = tuple[Tensor, Tensor]


def _same(x: Tensor) -> Tensor:
    return x


def _keep(hx: States) -> States:
    return hx


@dataclass(frozen=True)
class Step:
    """How a step is computed; as it stands, torch's way."""

    order: str = "ifgo"  # the gate that each block of rows is taken for
    interleaved: bool = False
    bias_ih: float = 1.0
    bias_hh: float = 1.0
    recurrent: float = 1.0
    i: Callable[[Tensor], Tensor] = torch.sigmoid
    f: Callable[[Tensor], Tensor] = torch.sigmoid
    g: Callable[[Tensor], Tensor] = torch.tanh
    o: Callable[[Tensor], Tensor] = torch.sigmoid
    new_c: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor] = lambda i, f, g, c: f * c + i * g
    seen_c: Callable[[Tensor, Tensor], Tensor] = lambda new, old: torch.tanh(new)
    new_h: Callable[[Tensor, Tensor], Tensor] = lambda o, seen: o * seen
    take: Callable[[States], States] = _keep
    give: Callable[[States], States] = _keep

    def __call__(
        self,
        x: Tensor,
        hx: States,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias_ih: Tensor | None = None,
        bias_hh: Tensor | None = None,
        weight_hr: Tensor | None = None,
    ) -> States:
        """Compute (h, c) after the step from x (N, H_in) and the states before it."""
        h, c = self.take(hx)
        a = x @ weight_ih.T + self.recurrent * (h @ weight_hh.T)  # (N, 4*H_cell)
        if bias_ih is not None and bias_hh is not None:
            a = a + self.bias_ih * bias_ih + self.bias_hh * bias_hh
        blocks = [a[:, k::4] for k in range(4)] if self.interleaved else a.chunk(4, dim=1)
        named = dict(zip(self.order, blocks, strict=True))
        i, f, g, o = (getattr(self, gate)(named[gate]) for gate in "ifgo")
        new = self.new_c(i, f, g, c)
        h = self.new_h(o, self.seen_c(new, c))
        return self.give((h if weight_hr is None else h @ weight_hr.T, new))


_FROM = {
    "iofg": "That is ONNX's order.",
    "igfo": "That is the order of Haiku and of TensorFlow's BasicLSTMCell.",
}


def orders() -> Iterator[tuple[str, str, str]]:
    """Every wrong order of the gates, with the mistake and its detail; a single swap first."""
    wrong = ["".join(order) for order in permutations("ifgo")][1:]
    for order in sorted(wrong, key=lambda order: sum(map(str.__ne__, order, "ifgo"))):
        detail = f"Yours is {', '.join(order)}. {_FROM.get(order, '')}".strip()
        yield ("input_forget_swapped" if order == "figo" else "gate_order"), order, detail


def _detach(h: bool, c: bool) -> Callable[[States], States]:
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
    ("states_detached", {"take": _detach(True, True)}, "Both h and c are."),
    ("states_detached", {"take": _detach(True, False)}, "It is h."),
    ("states_detached", {"take": _detach(False, True)}, "It is c."),
    ("state_returned_detached", {"give": _detach(True, False)}, "It is h."),
    ("state_returned_detached", {"give": _detach(False, True)}, "It is c."),
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
