"""Every LSTM that is timed: each makes a function that runs one training step or one inference.

All take the input sequence first, float32 (L, N, H_in), and reduce every output to one sum, so that
each computes the same. Peers that are not installed are left out of the table, visibly.
"""

import importlib.util
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from lstm_tutorial import LSTM, ragged
from lstm_tutorial.bptt import FastLSTM

Step = Callable[[], None]


class NaiveLSTM(nn.Module):
    """A loop as tutorials write it: eight products a step, one for each gate and input."""

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


def labml_lstm(input_size: int, hidden_size: int) -> nn.Module:
    """The LSTM of labml-nn, unmodified."""
    from labml_nn import lstm

    return lstm.LSTM(input_size, hidden_size, 1)


MODULES: dict[str, Callable[[int, int], nn.Module]] = {
    "nn.LSTM": nn.LSTM,
    "FastLSTM": FastLSTM,
    "LSTM": LSTM,
    "cell loop": CellLoop,
    "cell loop, TorchScript": scripted_loop,
    "naive loop": NaiveLSTM,
}
if importlib.util.find_spec("labml_nn"):
    MODULES["labml-nn"] = labml_lstm


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


def inference(module: nn.Module, x: Tensor) -> Step:
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
    """``nn.LSTM``, made so that the classifier packs its input."""

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


def keras_step(size: tuple[int, int, int, int]) -> Step:
    """One training step of Keras' LSTM on its torch backend, unmodified, batch first."""
    import os

    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    length, n, features, hidden = size
    layer = keras.layers.LSTM(hidden, return_sequences=True)
    x = torch.randn(n, length, features, requires_grad=True)
    layer(x)

    def step() -> None:
        layer.zero_grad(set_to_none=True)
        x.grad = None
        layer(x).sum().backward()

    return step


def equinox_step(size: tuple[int, int, int, int]) -> Step:
    """One training step of Equinox' LSTMCell in a compiled scan over time, batched by vmap."""
    import equinox
    import jax
    import jax.numpy as jnp

    length, n, features, hidden = size
    cell = equinox.nn.LSTMCell(features, hidden, key=jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (length, n, features))

    def loss(cell, x):
        def scan(state, x_t):
            state = jax.vmap(cell)(x_t, state)
            return state, state[0]

        zeros = jnp.zeros((n, hidden))
        return jax.lax.scan(scan, (zeros, zeros), x)[1].sum()

    arrays, static = equinox.partition(cell, equinox.is_array)
    gradient = jax.jit(jax.grad(lambda a, x: loss(equinox.combine(a, static), x), argnums=(0, 1)))

    def step() -> None:
        jax.block_until_ready(gradient(arrays, x))

    step()  # compile
    return step


OTHERS: dict[str, Callable[[tuple[int, int, int, int]], Step]] = {}
if importlib.util.find_spec("keras"):
    OTHERS["Keras, torch backend"] = keras_step
if importlib.util.find_spec("equinox"):
    OTHERS["Equinox, JAX"] = equinox_step
