"""A time step and an LSTM whose every part can be replaced: what wrong implementations share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

States = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Step:
    """How a step is computed; by default, torch's way."""

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
    take: Callable[[States], States] = lambda hx: hx
    give: Callable[[States], States] = lambda hx: hx

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
        named = self.preactivations(x @ weight_ih.T, h @ weight_hh.T, bias_ih, bias_hh)
        i, f, g, o = (getattr(self, gate)(named[gate]) for gate in "ifgo")
        new = self.new_c(i, f, g, c)
        h = self.new_h(o, self.seen_c(new, c))
        return self.give((h if weight_hr is None else h @ weight_hr.T, new))

    def preactivations(
        self,
        share_ih: Tensor,
        share_hh: Tensor,
        bias_ih: Tensor | None = None,
        bias_hh: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Add up the shares of x and h, and name the gates' blocks, (N, H_cell) each."""
        a = share_ih + self.recurrent * share_hh
        if bias_ih is not None and bias_hh is not None:
            a = a + self.bias_ih * bias_ih + self.bias_hh * bias_hh
        n = len(self.order)
        blocks = [a[:, k::n] for k in range(n)] if self.interleaved else a.chunk(n, dim=1)
        return dict(zip(self.order, blocks, strict=True))


def _between(x: Tensor, p: float, training: bool, last: bool) -> Tensor:
    return x if last else F.dropout(x, p, training)


@dataclass(frozen=True)
class Rules:
    """How the layers are put together; by default, torch's way."""

    step: Step = Step()
    weights: Callable[[int, int], tuple[int, int]] = lambda layer, direction: (layer, direction)
    start: Callable[[list[States], int, States | None], States] = lambda hx, k, before: hx[k]
    after_step: Callable[[States], States] = lambda state: state
    flip_in: bool = True
    flip_out: bool = True
    join: Callable[[list[Tensor]], Tensor] = partial(torch.cat, dim=-1)  # noqa: RUF009
    ends: Callable[[Tensor, States], States] = lambda outputs, state: state
    dropout: Callable[[Tensor, float, bool, bool], Tensor] = _between
    drop_input: bool = False
    returned_layer: int = -1
    states: Callable[[Tensor, int], Tensor] = lambda states, directions: states
    swap_states: bool = False
    transposed: Callable[[bool], tuple[bool, bool]] = lambda first: (first, first)  # in, out
    row_by_row: bool = True  # packed input: each row within its own length


class Stack(nn.LSTM):
    """An LSTM with torch's parameters and a forward pass that follows the rules."""

    def __init__(self, *args: Any, rules: Rules, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rules = rules

    def forward(  # type: ignore[override]  # one signature for torch's two overloads
        self, input: Tensor | PackedSequence, hx: States | None = None
    ) -> tuple[Tensor | PackedSequence, States]:
        """Run the layers over a padded batch or a PackedSequence."""
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        before, after = self.rules.transposed(self.batch_first)
        output, states = self._layers(input.transpose(0, 1) if before else input, hx)
        return output.transpose(0, 1) if after else output, states

    def _packed(self, packed: PackedSequence, hx: States | None) -> tuple[PackedSequence, States]:
        x, lengths = pad_packed_sequence(packed)
        if self.rules.row_by_row:
            rows = [self._row(x, hx, n, length) for n, length in enumerate(lengths.tolist())]
            outputs, h_n, c_n = zip(*rows, strict=True)
            output = nn.utils.rnn.pad_sequence([row[:, 0] for row in outputs])
            states = torch.cat(h_n, dim=1), torch.cat(c_n, dim=1)
        else:
            output, states = self._layers(x, hx)
        return pack_padded_sequence(output, lengths, enforce_sorted=False), states

    def _row(self, x: Tensor, hx: States | None, n: int, length: int) -> tuple[Tensor, ...]:
        own = None if hx is None else (hx[0][:, n : n + 1], hx[1][:, n : n + 1])
        output, (h_n, c_n) = self._layers(x[:length, n : n + 1], own)
        return output, h_n, c_n

    def _layers(self, x: Tensor, hx: States | None) -> tuple[Tensor, States]:
        rules, directions = self.rules, 2 if self.bidirectional else 1
        h_0, c_0 = self._zeros(x, directions) if hx is None else hx
        starts = list(zip(h_0, c_0, strict=True))
        kept, ends, before = [], [], None
        if rules.drop_input:
            x = F.dropout(x, self.dropout, self.training)
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(directions):
                start = rules.start(starts, layer * directions + direction, before)
                output, before = self._scan(x, start, layer, direction)
                outputs.append(output)
                ends.append(rules.ends(output, before))
            x = rules.join(outputs)
            x = rules.dropout(x, self.dropout, self.training, layer == self.num_layers - 1)
            kept.append(x)
        h_n, c_n = (rules.states(torch.stack(s), directions) for s in zip(*ends, strict=True))
        return kept[rules.returned_layer], (c_n, h_n) if rules.swap_states else (h_n, c_n)

    def _scan(self, x: Tensor, state: States, layer: int, direction: int) -> tuple[Tensor, States]:
        layer, reverse = self.rules.weights(layer, direction)
        suffix = f"_l{layer}" + "_reverse" * (reverse and self.bidirectional)
        names = ["weight_ih", "weight_hh"] + ["bias_ih", "bias_hh"] * self.bias
        weights = {name: getattr(self, name + suffix) for name in names}
        if self.proj_size:
            weights["weight_hr"] = getattr(self, "weight_hr" + suffix)
        outputs = []
        for step in x.flip(0) if direction and self.rules.flip_in else x:
            state = self.rules.step(step, state, **weights)
            outputs.append(state[0])
            state = self.rules.after_step(state)
        output = torch.stack(outputs)
        return (output.flip(0) if direction and self.rules.flip_out else output), state

    def _zeros(self, x: Tensor, directions: int) -> States:
        layers, n = directions * self.num_layers, x.size(1)
        h_0 = x.new_zeros(layers, n, self.proj_size or self.hidden_size)
        return h_0, x.new_zeros(layers, n, self.hidden_size)
