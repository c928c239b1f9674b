"""An LSTM with every mistake that the checks know: the family of wrong stacks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from lstm_tutorial.check.cell import Step, changes
from lstm_tutorial.check.engine import Wrong

States = tuple[Tensor, Tensor]


def _own(layer: int, direction: int) -> tuple[int, int]:
    return layer, direction


def _given(hx: list[States], k: int, before: States | None) -> States:
    return hx[k]


def _between(x: Tensor, p: float, training: bool, last: bool) -> Tensor:
    return x if last else F.dropout(x, p, training)


def _as_asked(batch_first: bool) -> tuple[bool, bool]:
    return batch_first, batch_first


def _as_it_is(states: Tensor, directions: int) -> Tensor:
    return states


@dataclass(frozen=True)
class Rules:
    """How the layers are put together; as they stand, torch's way."""

    step: Step = Step()  # noqa: RUF009 - frozen
    weights: Callable[[int, int], tuple[int, int]] = _own
    start: Callable[[list[States], int, States | None], States] = _given
    after_step: Callable[[States], States] = lambda state: state
    flip_in: bool = True
    flip_out: bool = True
    join: Callable[[list[Tensor]], Tensor] = partial(torch.cat, dim=-1)  # noqa: RUF009
    ends: Callable[[Tensor, States], States] = lambda outputs, state: state
    dropout: Callable[[Tensor, float, bool, bool], Tensor] = _between
    drop_input: bool = False
    returned_layer: int = -1
    states: Callable[[Tensor, int], Tensor] = _as_it_is
    swap_states: bool = False
    transposed: Callable[[bool], tuple[bool, bool]] = _as_asked  # on the way in, on the way out
    row_by_row: bool = True  # packed input: each row within its own length


class Stack(nn.LSTM):
    """torch's parameters, and a forward pass that follows rules."""

    def __init__(self, *args, rules: Rules, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.rules = rules

    def forward(
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


def _zeroed(states: list[States], k: int, before: States | None) -> States:
    return torch.zeros_like(states[k][0]), torch.zeros_like(states[k][1])


def _carried(states: list[States], k: int, before: States | None) -> States:
    return states[k] if before is None else before


def _cut(hx: States) -> States:
    return hx[0].detach(), hx[1].detach()


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
    ("hx_ignored", {"start": _zeroed}, ""),
    ("hx_first_layer_only", {"start": lambda states, k, before: states[0]}, ""),
    ("state_carried_between_layers", {"start": _carried}, ""),
    ("states_input_swapped", {"start": lambda states, k, before: states[k][::-1]}, "It is hx."),
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
    ("dropout_in_eval", {"dropout": lambda x, p, training, last: _between(x, p, True, last)}, ""),
    ("dropout_on_input", {"drop_input": True}, ""),
    ("states_detached", {"after_step": _cut}, "So are h_n and c_n."),
    ("padding_not_ignored", {"row_by_row": False}, ""),
]  # fmt: skip


def wrong_stacks() -> Iterator[Wrong]:
    """Every wrong LSTM with one mistake, in a step or between them."""
    for mistake, change, detail in changes():
        yield Wrong(mistake, partial(Stack, rules=Rules(step=Step(**change))), detail)
    for mistake, change, detail in _CHANGES:
        yield Wrong(mistake, partial(Stack, rules=Rules(**change)), detail)
