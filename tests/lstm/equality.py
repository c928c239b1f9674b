"""Run an LSTM and torch's side by side, and keep count of what was compared."""

import os
import sys
from dataclasses import asdict, dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from lstm_tutorial import LSTM
from lstm_tutorial.bptt import FastLSTM
from lstm_tutorial.compiled import CompiledLSTM, can_compile

# Where CI finds no compiler, the tests fail.
needs_compiler = pytest.mark.skipif(
    not can_compile() and (sys.platform == "win32" or not os.environ.get("CI")),
    reason="no C++ compiler or no ninja, or Windows: CompiledLSTM needs both, and another system",
)
IMPLEMENTATIONS = [LSTM, FastLSTM, pytest.param(CompiledLSTM, marks=needs_compiler)]
each = pytest.mark.parametrize("ours", IMPLEMENTATIONS, ids=lambda ours: ours.__name__)
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


@dataclass(frozen=True)
class Case:
    """One way of building and calling an LSTM."""

    input_size: int = 3
    hidden_size: int = 4
    num_layers: int = 1
    bias: bool = True
    batch_first: bool = False
    bidirectional: bool = False
    proj_size: int = 0
    kind: str = "padded"  # or "unbatched", "packed sorted", "packed unsorted"
    hx: bool = False
    lengths: tuple[int, ...] = (5, 3, 3, 1)
    strided: bool = False  # whether neither input nor states are contiguous
    dtype: torch.dtype = torch.float64

    def build(self, lstm: type[nn.Module]) -> nn.Module:
        """Make a module; equal seeds make equal weights."""
        names = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "bidirectional")
        arguments = {k: v for k, v in asdict(self).items() if k in (*names, "proj_size", "dtype")}
        return lstm(**arguments)

    def tensors(self) -> tuple[Tensor, list[Tensor]]:
        """The padded or unbatched input, and h_0 and c_0 (none where hx is not given)."""
        n, length = len(self.lengths), max(self.lengths)
        batched = self.kind != "unbatched"
        shape = [(n, length) if self.batch_first else (length, n)] if batched else [(length,)]
        x = torch.randn(*shape[0], self.input_size, dtype=self.dtype)
        layers = self.num_layers * (2 if self.bidirectional else 1)
        sizes = (self.proj_size or self.hidden_size, self.hidden_size)
        rows = (n,) if batched else ()
        states = [torch.randn(layers, *rows, size, dtype=self.dtype) for size in sizes]
        if self.strided:
            x, *states = (swapped(tensor) for tensor in (x, *states))
        return x, states if self.hx else []

    def pack(self, x: Tensor) -> Tensor | PackedSequence:
        """The input in the form that this case asks for."""
        if not self.kind.startswith("packed"):
            return x
        is_sorted = self.kind == "packed sorted"
        lengths = sorted(self.lengths, reverse=True) if is_sorted else list(self.lengths)
        return pack_padded_sequence(x, lengths, self.batch_first, enforce_sorted=is_sorted)


def swapped(tensor: Tensor) -> Tensor:
    """The same values, stored in another order."""
    return tensor.transpose(0, -1).contiguous().transpose(0, -1)


def flat(result: tuple) -> list[Tensor]:
    """Output, h_n and c_n, each as a tensor."""
    output, (h_n, c_n) = result
    return [output.data if isinstance(output, PackedSequence) else output, h_n, c_n]


def results(lstm: nn.Module, case: Case, x: Tensor, states: list[Tensor]) -> dict[str, Tensor]:
    """Output, final states, and the gradient of every parameter, of the input and of hx."""
    leaves = {"input": x, **dict(zip(("h_0", "c_0"), states, strict=False))}
    leaves = {name: leaf.clone().requires_grad_() for name, leaf in leaves.items()}
    hx = (leaves["h_0"], leaves["c_0"]) if states else None
    result = lstm(case.pack(leaves["input"]), hx)
    assert isinstance(result[0], PackedSequence) == case.kind.startswith("packed")
    data, h_n, c_n = flat(result)
    loss = data.sin().sum() + (2 * h_n).cos().sum() + (c_n**2).sum()
    leaves |= dict(lstm.named_parameters())
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    found = {"output": data, "h_n": h_n, "c_n": c_n}
    return found | {f"gradient of {k}": g for k, g in zip(leaves, gradients, strict=True)}


class Tally:
    """Count comparisons and keep the worst error of each kind."""

    def __init__(self) -> None:
        self.configurations: dict[torch.dtype, int] = {}
        self.worst: dict[tuple[torch.dtype, str], float] = {}

    def compare(self, ours: type[nn.Module], case: Case, seed: int = 0) -> None:
        """Build both modules, run both, and compare everything that they compute."""
        torch.manual_seed(seed)
        x, states = case.tensors()
        theirs = case.build(nn.LSTM)
        mine = case.build(ours)
        mine.load_state_dict(theirs.state_dict())
        expected = results(theirs, case, x, states)
        found = results(mine, case, x, states)
        assert list(found) == list(expected)
        for name, value in expected.items():
            assert found[name].shape == value.shape, name
            torch.testing.assert_close(
                found[name], value, rtol=0, atol=TOLERANCE[case.dtype], msg=lambda m, n=name: n + m
            )
            kind = "gradients" if name.startswith("gradient") else "outputs and states"
            error = (found[name] - value).abs().max().item() if value.numel() else 0.0
            self.worst[case.dtype, kind] = max(self.worst.get((case.dtype, kind), 0.0), error)
        self.configurations[case.dtype] = self.configurations.get(case.dtype, 0) + 1

    def lines(self, name: str) -> list[str]:
        """One line for each dtype."""
        return [
            f"{name} = torch.nn.LSTM in {n} configurations of {str(dtype).removeprefix('torch.')}: "
            + ", ".join(f"{k} within {e:.1e}" for (d, k), e in self.worst.items() if d == dtype)
            for dtype, n in self.configurations.items()
        ]
