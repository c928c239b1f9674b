"""Converted weights compute what Keras, Flax and onnxruntime compute with them, both ways."""

from typing import get_args

import jax
import numpy as np
import pytest
import torch
from flax import linen, nnx

from lstm_tutorial import convert
from lstm_tutorial.convert import cells
from tests.convert import oracles
from tests.convert.oracles import SHAPES, loaded, lstm_of, output_of, sequences

WORST: dict[str, float] = {}
EQUALITY_SUMMARY: list[str] = []
BIASES = [True, False]
KINDS = get_args(cells.Kind)


@pytest.fixture(scope="module", autouse=True)
def _summary():
    yield
    EQUALITY_SUMMARY.extend(f"convert, {k}: worst difference {v:.1e}" for k, v in WORST.items())


def assert_close(name, ours, theirs):
    assert ours.shape == theirs.shape
    assert np.abs(theirs).max() > 0.01
    worst = float(np.abs(ours - theirs).max())
    WORST[name] = max(worst, WORST.get(name, 0.0))
    assert worst <= 1e-5


def assert_same_sums(state, back):
    """The weights are equal to the last bit, and so are the sums of the two biases."""
    for name, tensor in state.items():
        if name.startswith("weight"):
            assert back[name].equal(tensor), name
        elif name.startswith("bias_ih"):
            other = name.replace("ih", "hh")
            assert (back[name] + back[other]).equal(tensor + state[other]), name


def assert_equal_trees(ours, theirs):
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize(("layers", "both"), SHAPES)
def test_keras_to_torch_and_back(layers, both, bias):
    theirs, x = oracles.keras_layers(layers, both, bias), sequences()
    weights = [layer.get_weights() for layer in theirs]
    state = convert.from_keras(*weights)
    assert_close("from Keras", output_of(loaded(state), x), oracles.run_keras(theirs, x))
    assert_equal_trees(convert.to_keras(state), weights)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize(("layers", "both"), SHAPES)
def test_torch_to_keras_and_back(layers, both, bias):
    lstm, x = lstm_of(layers, both, bias), sequences()
    theirs, weights = oracles.keras_layers(layers, both, bias), convert.to_keras(lstm.state_dict())
    for layer, arrays in zip(theirs, weights, strict=True):
        layer.set_weights(arrays)
    assert_close("to Keras", oracles.run_keras(theirs, x), output_of(lstm, x))
    assert_same_sums(lstm.state_dict(), convert.from_keras(*weights))


@pytest.mark.parametrize("forget_bias", [1.0, 0.0, 0.3])
@pytest.mark.parametrize(("layers", "both"), SHAPES)
def test_tensorflow_1_to_torch_and_back(layers, both, forget_bias):
    random, x, weights = np.random.default_rng(1), sequences(), []
    for k in range(layers):
        rows = oracles.H * (1 + both) if k else oracles.H_IN
        shapes = [(rows + oracles.H, 4 * oracles.H), (4 * oracles.H,)] * (1 + both)
        weights.append([random.uniform(-0.5, 0.5, shape).astype(np.float32) for shape in shapes])
    state = convert.from_tensorflow1(*weights, forget_bias=forget_bias)
    theirs = oracles.run_tensorflow1(weights, x, forget_bias)
    assert_close("from TensorFlow 1", output_of(loaded(state), x), theirs)
    assert_equal_trees(convert.to_tensorflow1(state, forget_bias), weights)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize(("layers", "both"), SHAPES)
def test_torch_to_tensorflow_1(layers, both, bias):
    lstm, x = lstm_of(layers, both, bias), sequences()
    weights = convert.to_tensorflow1(lstm.state_dict())
    theirs = oracles.run_tensorflow1(weights, x, 1.0)
    assert_close("to TensorFlow 1", theirs, output_of(lstm, x))
    again = loaded(convert.from_tensorflow1(*weights))
    assert_close("to TensorFlow 1 and back", output_of(again, x), output_of(lstm, x))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("layers", "both"), [(1, False), (2, True)])
def test_torch_to_flax_and_back(layers, both, kind):
    lstm, x = lstm_of(layers, both), sequences()
    weights = convert.to_flax(lstm.state_dict(), kind)
    assert_close(f"to flax.{kind}", oracles.run_flax(weights, x, kind), output_of(lstm, x))
    assert_same_sums(lstm.state_dict(), convert.from_flax(*weights))


def test_a_bidirectional_layer_of_linen_to_torch_and_back():
    x, start = sequences(), linen.initializers.normal()
    rnns = [linen.RNN(linen.LSTMCell(oracles.H, bias_init=start)) for _ in range(2)]
    module = linen.Bidirectional(*rnns)
    variables = module.init(jax.random.key(0), x)
    pair = [variables["params"][name]["cell"] for name in ("forward_rnn", "backward_rnn")]
    state = convert.from_flax(pair)
    theirs = np.asarray(module.apply(variables, x))
    assert_close("from linen.Bidirectional", output_of(loaded(state), x), theirs)
    assert_equal_trees(convert.to_flax(state, "linen.LSTMCell"), [pair])


@pytest.mark.parametrize("cell", ["LSTMCell", "OptimizedLSTMCell"])
def test_nnx_to_torch_and_back(cell):
    x, one = sequences(), oracles.nnx_cell(oracles.H_IN, cell)
    params = nnx.to_pure_dict(nnx.state(one, nnx.Param))
    state = convert.from_flax(params)
    theirs = oracles.run_flax([[params]], x, f"nnx.{cell}")
    assert_close(f"from flax.nnx.{cell}", output_of(loaded(state), x), theirs)
    assert_equal_trees(convert.to_flax(state, f"nnx.{cell}")[0][0], params)


def test_flax_cells_get_zeros_for_missing_biases():
    lstm, x, kind = lstm_of(2, True, bias=False), sequences(), "linen.OptimizedLSTMCell"
    theirs = oracles.run_flax(convert.to_flax(lstm.state_dict(), kind), x, kind)
    assert_close("to flax without biases", theirs, output_of(lstm, x))


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize(("layers", "both"), SHAPES)
def test_torch_to_onnx_and_back(layers, both, bias):
    lstm, x = lstm_of(layers, both, bias), sequences()
    state, weights = lstm.state_dict(), convert.to_onnx(lstm.state_dict())
    assert_close("to ONNX", oracles.run_onnx(weights, x), output_of(lstm, x))
    back = convert.from_onnx(*weights)
    assert back.keys() == state.keys()
    assert all(back[name].equal(tensor) for name, tensor in state.items())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_the_type_of_the_numbers_stays(dtype):
    state = lstm_of(2, True).to(dtype).state_dict()
    back = convert.from_onnx(*convert.to_onnx(state))
    assert {tensor.dtype for tensor in back.values()} == {dtype}
    assert_same_sums(state, convert.from_keras(*convert.to_keras(state)))
