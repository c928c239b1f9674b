"""What other frameworks compute with weights, run by the frameworks themselves."""

import os
from functools import partial

import numpy as np
import torch
from torch import nn

os.environ.setdefault("KERAS_BACKEND", "torch")

import jax.numpy as jnp
import keras
import onnx
import onnxruntime
from flax import linen, nnx
from onnx import TensorProto, helper, numpy_helper

LENGTH, N, H_IN, H = 7, 3, 4, 5
SHAPES = [(layers, both) for layers in (1, 2, 3) for both in (False, True)]


def lstm_of(layers=1, both=False, bias=True):
    """A float32 LSTM whose biases are as large as its weights."""
    return nn.LSTM(H_IN, H, layers, bidirectional=both, bias=bias, batch_first=True)


def loaded(state):
    """An nn.LSTM of the shape that a state_dict has."""
    layers, both = sum("weight_ih" in n for n in state), any("reverse" in n for n in state)
    H_in, H = state["weight_ih_l0"].shape[1], state["weight_hh_l0"].shape[1]
    bias = "bias_ih_l0" in state
    made = nn.LSTM(H_in, H, layers // (1 + both), bias, True, bidirectional=both)
    made.load_state_dict(state)
    return made


@torch.no_grad()
def output_of(lstm, x):
    return lstm(torch.from_numpy(x))[0].numpy()


def sequences():
    return np.random.default_rng(0).standard_normal((N, LENGTH, H_IN), dtype=np.float32)


def keras_layers(layers, both, bias=True):
    """Built layers with biases drawn at random: Keras starts them at 0 and 1."""
    found, features = [], H_IN
    for _ in range(layers):
        start = keras.initializers.RandomNormal(stddev=0.5)
        inner = keras.layers.LSTM(H, return_sequences=True, use_bias=bias, bias_initializer=start)
        layer = keras.layers.Bidirectional(inner) if both else inner
        layer.build((None, LENGTH, features))
        found.append(layer)
        features = H * (1 + both)
    return found


def run_keras(layers, x):
    for layer in layers:
        x = layer(x)
    return keras.ops.convert_to_numpy(x)


def run_tensorflow1(layers, x, forget_bias):
    """``BasicLSTMCell.call``, as its source has it; TensorFlow 1 runs on no Python of today."""

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    def one_way(kernel, bias, x):
        c = h = np.zeros((N, H), dtype=np.float32)
        steps = []
        for step in x.swapaxes(0, 1):
            gates = np.concatenate([step, h], axis=1) @ kernel + bias
            i, j, f, o = np.split(gates, 4, axis=1)
            c = c * sigmoid(f + forget_bias) + sigmoid(i) * np.tanh(j)
            h = np.tanh(c) * sigmoid(o)
            steps.append(h)
        return np.stack(steps, axis=1)

    for layer in layers:
        outputs = [one_way(*layer[:2], x)]
        if len(layer) == 4:
            outputs.append(one_way(*layer[2:], x[:, ::-1])[:, ::-1])
        x = np.concatenate(outputs, axis=-1)
    return x


def nnx_cell(features, cell):
    return getattr(nnx, cell)(features, H, rngs=nnx.Rngs(0), bias_init=nnx.initializers.normal())


def step_of(kind, params, features):
    """One step of a real cell of linen or nnx with these parameters."""
    room, cell = kind.split(".")
    if room == "linen":
        return partial(getattr(linen, cell)(H).apply, {"params": params})
    one = nnx_cell(features, cell)
    nnx.update(one, params)
    return one


def run_flax(layers, x, kind):
    """Cells in a loop: ``RNN`` would compile every shape for seconds."""
    for cells in layers:
        outputs = []
        for turn, params in zip((1, -1), cells, strict=False):
            step, steps = step_of(kind, params, x.shape[-1]), []
            carry = (jnp.zeros((N, H)), jnp.zeros((N, H)))
            for one in x.swapaxes(0, 1)[::turn]:
                carry, y = step(carry, one)
                steps.append(np.asarray(y))
            outputs.append(np.stack(steps[::turn], axis=1))
        x = np.concatenate(outputs, axis=-1)
    return x


def onnx_model(layers):
    """A graph of one LSTM node per layer, and what joins them; time is the first axis."""
    nodes, initializers, x = [], [], "x"
    shape = numpy_helper.from_array(np.array([0, 0, -1]), "joined")
    for k, layer in enumerate(layers):
        initializers += [numpy_helper.from_array(a, f"{n}{k}") for n, a in layer.items()]
        direction = "bidirectional" if len(layer["W"]) == 2 else "forward"
        inputs = [x, *(f"{name}{k}" for name in layer)]
        nodes += [
            helper.make_node("LSTM", inputs, [f"Y{k}"], hidden_size=H, direction=direction),
            helper.make_node("Transpose", [f"Y{k}"], [f"T{k}"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"T{k}", "joined"], [f"out{k}"]),
        ]
        x = f"out{k}"
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["L", "N", None])
        for name in ("x", x)
    ]
    graph = helper.make_graph(nodes, "stack", ends[:1], ends[1:], [*initializers, shape])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def run_onnx(layers, x):
    session = onnxruntime.InferenceSession(
        onnx_model(layers).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x.swapaxes(0, 1)})[0].swapaxes(0, 1)
