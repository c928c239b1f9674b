"""Every LSTM that is timed, and its training step and inference.

All take the input sequence first, float32 (L, N, H_in). A training step reduces the output to its
sum, so that all compute the same. ``RUNS_AS`` names how each gets from step to step.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from benchmarks import peers
from benchmarks.peers import EAGER, Step
from lstm_tutorial import LSTM, ragged
from lstm_tutorial.bptt import FastLSTM
from lstm_tutorial.compiled import CompiledLSTM, can_compile


class NaiveLSTM(nn.Module):
    """A loop as in tutorials: eight products per step, one for each gate and input."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.of_x = nn.ModuleList(nn.Linear(input_size, hidden_size) for _ in range(4))
        self.of_h = nn.ModuleList(nn.Linear(hidden_size, hidden_size) for _ in range(4))

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run over float (L, N, H_in)."""
        h = c = x.new_zeros(x.size(1), self.of_h[0].in_features)
        outputs = []
        for x_t in x:
            i, f, g, o = (u(x_t) + v(h) for u, v in zip(self.of_x, self.of_h, strict=True))
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), (h, c)


class CellLoop(nn.Module):
    """A loop over a cell with one product for the input and one for the state, at each step."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.of_x = nn.Linear(input_size, 4 * hidden_size)
        self.of_h = nn.Linear(hidden_size, 4 * hidden_size)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run over float (L, N, H_in)."""
        h = torch.zeros(x.size(1), self.of_h.in_features, dtype=x.dtype)
        c = h
        outputs: list[Tensor] = []
        for x_t in x.unbind(0):
            i, f, g, o = (self.of_x(x_t) + self.of_h(h)).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), (h, c)


def scripted_loop(input_size: int, hidden_size: int) -> nn.Module:
    """The same loop, compiled by TorchScript, as PyTorch's own fastrnns benchmark does it."""
    return torch.jit.script(CellLoop(input_size, hidden_size))


MODULES: dict[str, Callable[[int, int], nn.Module]] = {
    "nn.LSTM": nn.LSTM,
    "FastLSTM": FastLSTM,
    "LSTM": LSTM,
    "cell loop": CellLoop,
    "cell loop, TorchScript": scripted_loop,
    "naive loop": NaiveLSTM,
}
MODULES |= peers.MODULES
RUNS_AS = dict.fromkeys(MODULES, EAGER) | {
    "nn.LSTM": "one kernel of PyTorch",
    "cell loop, TorchScript": "TorchScript",
    **peers.RUNS_AS,
}
if can_compile():
    MODULES["CompiledLSTM"], RUNS_AS["CompiledLSTM"] = CompiledLSTM, "C++"


def training(module: nn.Module, x: Tensor | PackedSequence) -> Step:
    """Forward and backward pass, gradients of the weights and of the input."""
    leaf = x.data if isinstance(x, PackedSequence) else x
    leaf.requires_grad_()

    def step() -> None:
        module.zero_grad(set_to_none=True)
        leaf.grad = None
        output, _ = module(x)
        (output.data if isinstance(output, PackedSequence) else output).sum().backward()

    return step


def inference(module: nn.Module, x: Tensor | PackedSequence) -> Step:
    """Forward pass without gradients."""

    def step() -> None:
        with torch.inference_mode():
            module(x)

    return step


class RaggedRun(nn.Module):
    """``ragged.run`` over a padded batch, behind the interface of a module."""

    def __init__(self, rnn: nn.RNNBase, lengths: Tensor) -> None:
        super().__init__()
        self.rnn, self.lengths = rnn, lengths

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run over float (L, N, H_in)."""
        return ragged.run(self.rnn, x, self.lengths)


class PackedRun(nn.Module):
    """``nn.LSTM``, wrapped so that the classifier packs its input."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__()
        self.rnn = nn.LSTM(*args, **kwargs)

    def forward(self, x: PackedSequence) -> tuple[PackedSequence, tuple[Tensor, Tensor]]:
        """Run over a packed batch."""
        return self.rnn(x)


def packed(x: Tensor, lengths: Tensor) -> PackedSequence:
    """Pack, with a leaf tensor as the data."""
    sequence = pack_padded_sequence(x, lengths, enforce_sorted=False)
    return PackedSequence(sequence.data.detach().clone(), *sequence[1:])


def bidirectional(
    who: str, features: int, hidden: int, layers: int = 1, lengths: Tensor | None = None
) -> nn.Module:
    """One of ``MODULES``, or ``ragged.run`` over ``nn.LSTM``, which takes the lengths."""
    if who == "ragged.run":
        return RaggedRun(bidirectional("nn.LSTM", features, hidden, layers), lengths)
    return MODULES[who](features, hidden, layers, bidirectional=True)
