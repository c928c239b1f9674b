"""LSTMs written by others, unmodified, if they are installed.

The record lists the versions of installed peers; others are left out. JAX uses as many threads as
there are cores, whatever PyTorch's setting.
"""

import importlib.util
import os
from collections.abc import Callable

import torch
from torch import nn

Step = Callable[[], None]
Size = tuple[int, int, int, int]
EAGER, COMPILED = "eager PyTorch", "compiled by XLA"


def labml_lstm(input_size: int, hidden_size: int) -> nn.Module:
    """The LSTM of labml-nn."""
    from labml_nn import lstm

    return lstm.LSTM(input_size, hidden_size, 1)


def keras_steps(size: Size) -> tuple[Step, Step]:
    """A training step and an inference of Keras' LSTM on its torch backend, batch first."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    length, n, features, hidden = size
    layer = keras.layers.LSTM(hidden, return_sequences=True)
    x = torch.randn(n, length, features, requires_grad=True)
    layer(x)

    def train() -> None:
        layer.zero_grad(set_to_none=True)
        x.grad = None
        layer(x).sum().backward()

    def infer() -> None:
        with torch.inference_mode():
            layer(x)

    return train, infer


def equinox_steps(size: Size) -> tuple[Step, Step]:
    """The same of Equinox' LSTMCell in a compiled scan over time, batched by vmap."""
    import equinox
    import jax
    import jax.numpy as jnp

    length, n, features, hidden = size
    cell = equinox.nn.LSTMCell(features, hidden, key=jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (length, n, features))
    arrays, static = equinox.partition(cell, equinox.is_array)

    def forward(arrays, x):
        cell, zeros = equinox.combine(arrays, static), jnp.zeros((n, hidden))

        def scan(state, x_t):
            state = jax.vmap(cell)(x_t, state)
            return state, state[0]

        return jax.lax.scan(scan, (zeros, zeros), x)[1]

    compiled = jax.jit(forward)
    gradient = jax.jit(jax.grad(lambda a, x: forward(a, x).sum(), argnums=(0, 1)))
    steps = [lambda f=f: jax.block_until_ready(f(arrays, x)) for f in (gradient, compiled)]
    for step in steps:
        step()  # compile
    return tuple(steps)


MODULES: dict[str, Callable[[int, int], nn.Module]] = {}
OTHERS: dict[str, Callable[[Size], tuple[Step, Step]]] = {}
RUNS_AS: dict[str, str] = {}
if importlib.util.find_spec("labml_nn"):
    MODULES["labml-nn"], RUNS_AS["labml-nn"] = labml_lstm, EAGER
if importlib.util.find_spec("keras"):
    OTHERS["Keras, torch backend"], RUNS_AS["Keras, torch backend"] = keras_steps, EAGER
if importlib.util.find_spec("equinox"):
    OTHERS["Equinox, JAX"], RUNS_AS["Equinox, JAX"] = equinox_steps, COMPILED
