"""Models to export: recurrent modules of every form, called in every way."""

import random
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstm_tutorial import LSTM, ragged

FORMS = 44  # of one model
LAYERS = 6  # the most that a form has, in both directions
WAYS = ("padded", "packed", "packed to L", "sorted", "ragged")
KINDS = (nn.LSTM, nn.LSTM, nn.LSTM, LSTM, nn.GRU, nn.GRU, nn.RNN)


@dataclass(frozen=True)
class Form:
    """A recurrent module, and how it is called."""

    kind: type
    way: str
    states: bool
    options: tuple[tuple[str, Any], ...]


def draw(rng: random.Random) -> list[Form]:
    """Draw forms of one input size and one hidden size, so that they share their input."""
    sizes = {"input_size": rng.randint(1, 4), "hidden_size": rng.randint(1, 5)}
    return [draw_one(rng, sizes) for _ in range(FORMS)]


def draw_one(rng: random.Random, sizes: dict[str, int]) -> Form:
    kind, way = rng.choice(KINDS), rng.choice(WAYS)
    if kind is LSTM and way == "ragged":
        kind = nn.LSTM  # ragged.run takes torch's modules only
    options: dict[str, Any] = {
        **sizes,
        "num_layers": rng.choice([1, 1, 1, 2, 3]),
        "bias": rng.random() < 0.7,
        "batch_first": rng.random() < 0.5,
        "bidirectional": rng.random() < 0.6,
    }
    options["dropout"] = 0.5 if options["num_layers"] > 1 and rng.random() < 0.5 else 0.0
    if kind is nn.RNN:
        options["nonlinearity"] = rng.choice(["tanh", "relu"])
    return Form(kind, way, rng.random() < 0.4, tuple(options.items()))


class Called(nn.Module):
    """One form, for a batch-first input."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form, self.rnn = form, form.kind(**dict(form.options))

    def forward(self, x: Tensor, lengths: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        rnn, hx = self.rnn, None
        if self.form.states:
            layers = rnn.num_layers * (2 if rnn.bidirectional else 1)
            hx = (h[:layers], c[:layers]) if isinstance(rnn, nn.LSTM | LSTM) else h[:layers]
        first = rnn.batch_first
        output, finals = self.call(x if first else x.transpose(0, 1), lengths, hx, first)
        return output, *(finals if isinstance(finals, tuple) else [finals])

    def call(self, x: Tensor, lengths: Tensor, hx: Any, first: bool) -> Any:
        if self.form.way == "padded":
            return self.rnn(x, hx)
        if self.form.way == "ragged":
            return ragged.run(self.rnn, x, lengths, hx)
        order = None
        if self.form.way == "sorted":  # by hand, as the default, enforce_sorted=True, demands
            lengths, order = lengths.sort(descending=True)
            x = x.index_select(0 if first else 1, order)
        packed = pack_padded_sequence(x, lengths, first, enforce_sorted=order is not None)
        output, finals = self.rnn(packed, hx)
        total = x.size(1 if first else 0) if self.form.way == "packed to L" else None
        return pad_packed_sequence(output, first, -1.0, total)[0], finals


class Many(nn.Module):
    """Several forms at once: exporting one model of many takes less time than many of one."""

    def __init__(self, forms: list[Form]) -> None:
        super().__init__()
        self.each = nn.ModuleList(Called(form) for form in forms)

    def forward(self, x: Tensor, lengths: Tensor, h: Tensor, c: Tensor) -> list[Tensor]:
        return [result for one in self.each for result in one(x, lengths, h, c)]

    def batch(self, N: int, L: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw x, lengths in any order, h_0 and c_0."""
        own, rnn = torch.Generator().manual_seed(seed), self.each[0].rnn
        lengths = torch.randint(1, L + 1, (N,), generator=own)
        x = torch.randn(N, L, rnn.input_size, generator=own)
        h, c = (torch.randn(LAYERS, N, rnn.hidden_size, generator=own) for _ in range(2))
        return x, lengths, h, c
