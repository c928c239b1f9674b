"""``to_onnx`` promises files that give the module's results at every size, without torch."""

import os
import random
import subprocess
import sys
from collections import Counter

import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from lstm_tutorial import ragged
from lstm_tutorial.export import to_onnx
from tests.export.models import FORMS, Many, draw

EQUALITY_SUMMARY: list[str] = []
MODELS = 5 if "CI" in os.environ else 2  # exporting is slow: 220 random forms in CI, 88 elsewhere


def run(path, *tensors):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    given = {name: t.numpy() for name, t in zip(names, tensors, strict=True)}
    return [torch.from_numpy(array) for array in session.run(None, given)]


def dims(value):
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


@pytest.mark.parametrize("seed", range(MODELS))
def test_every_form_gives_the_modules_results_at_other_sizes(tmp_path, seed):
    rng, path = random.Random(seed), tmp_path / "model.onnx"
    forms = draw(rng)
    torch.manual_seed(seed)
    model = Many(forms).eval()
    to_onnx(model, path, model.batch(3, 5, seed))
    worst: Counter[str] = Counter()
    for k, (n, length) in enumerate([(1, 1), (2, 9), (7, 3)]):
        given = model.batch(n, length, seed=100 * seed + k)
        with torch.no_grad():
            each = [one(*given) for one in model.each]
        results = iter(run(path, *given))
        for form, expected in zip(forms, each, strict=True):
            for theirs in expected:
                ours = next(results)
                torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5, msg=str(form))
                difference = float((ours - theirs).abs().max())
                worst[form.way] = max(worst[form.way], difference)
    shown = ", ".join(f"{way} {value:.1e}" for way, value in sorted(worst.items()))
    EQUALITY_SUMMARY.append(f"ONNX, {FORMS} forms of model {seed}, worst difference: {shown}")


class Tagger(nn.Module):
    def __init__(self, num_layers=2):
        super().__init__()
        self.words = nn.Embedding(9, 4)
        self.lstm = nn.LSTM(4, 5, num_layers, bidirectional=True, batch_first=True)
        self.tags = nn.Linear(10, 3)

    def forward(self, ids, lengths):
        return self.tags(ragged.run(self.lstm, self.words(ids), lengths)[0])


IDS = torch.tensor([[1, 2, 3, 4], [5, 6, 0, 0], [7, 8, 1, 0]])
LENGTHS = torch.tensor([4, 2, 3])


@pytest.mark.parametrize("num_layers", [1, 3])
def test_a_layer_is_one_node_with_lengths_and_named_open_sizes(tmp_path, num_layers):
    path = tmp_path / "tagger.onnx"
    worst = to_onnx(Tagger(num_layers).eval(), path, (IDS, LENGTHS), output_names=["tags"])
    assert worst <= 1e-5
    graph = onnx.load(path).graph
    nodes = [node for node in graph.node if node.op_type == "LSTM"]
    assert len(nodes) == num_layers
    assert all(node.input[4] for node in nodes)  # sequence_lens
    assert [dims(value) for value in graph.input] == [["batch", "length"], ["batch"]]
    assert [(value.name, dims(value)) for value in graph.output] == [
        ("tags", ["batch", "length", 3])
    ]


def test_weights_are_stored_once_and_in_the_order_of_onnx(tmp_path):
    """Nothing is left to compute from weights, and a module called twice stores them once."""

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(4, 4, bidirectional=False)

        def forward(self, x):
            return self.lstm(self.lstm(x)[0])[0]

    path, model = tmp_path / "twice.onnx", Twice().eval()
    to_onnx(model, path, (torch.randn(5, 3, 4),))
    graph = onnx.load(path).graph
    shapes = Counter(tuple(each.dims) for each in graph.initializer if len(each.dims) > 1)
    assert shapes == {(1, 16, 4): 2, (1, 32): 1}
    first = next(node for node in graph.node if node.op_type == "LSTM")
    stored = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    i, f, g, o = model.lstm.weight_ih_l0.detach().chunk(4)
    torch.testing.assert_close(torch.from_numpy(stored[first.input[1]][0]), torch.cat([i, o, f, g]))


def test_states_go_in_and_out_one_step_at_a_time(tmp_path):
    lstm, path = nn.LSTM(3, 4, num_layers=2).eval(), tmp_path / "lstm.onnx"
    x = torch.randn(7, 2, 3)
    hx = (torch.randn(2, 2, 4), torch.randn(2, 2, 4))
    names = ["output", "h_n", "c_n"]
    to_onnx(lstm, path, (x[:2], hx), input_names=["x", "h_0", "c_0"], output_names=names)
    whole, (h_n, c_n) = lstm(x, hx)
    h, c, steps = *hx, []
    for step in x.split(1):
        output, h, c = run(path, step, h, c)
        steps.append(output)
    for ours, theirs in ((torch.cat(steps), whole), (h, h_n), (c, c_n)):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_states_given_as_one_tensor_are_two_inputs(tmp_path):
    lstm, path, x = nn.LSTM(3, 4).eval(), tmp_path / "lstm.onnx", torch.randn(5, 2, 3)
    zeros = torch.zeros(1, 2, 4)
    assert to_onnx(lstm, path, (x, (zeros, zeros))) <= 1e-5
    h, c = torch.randn(2, 1, 2, 4)
    torch.testing.assert_close(run(path, x, h, c)[0], lstm(x, (h, c))[0], rtol=0, atol=1e-5)


def test_weights_from_a_parametrization_are_computed_once(tmp_path):
    lstm = nn.utils.parametrizations.weight_norm(nn.LSTM(3, 4), "weight_hh_l0").eval()
    path = tmp_path / "normed.onnx"
    assert to_onnx(lstm, path, (torch.randn(5, 2, 3),)) <= 1e-5
    assert "Sqrt" not in {node.op_type for node in onnx.load(path).graph.node}


def test_a_decoder_that_takes_single_steps_in_a_loop_is_unrolled(tmp_path):
    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(3, 3, batch_first=True)

        def forward(self, x, h, c):
            outputs, hx = [], (h, c)
            for _ in range(3):
                x, hx = self.lstm(x[:, -1:], hx)
                outputs.append(x)
            return torch.cat(outputs, dim=1)

    args = (torch.randn(2, 1, 3), torch.randn(1, 2, 3), torch.randn(1, 2, 3))
    assert to_onnx(Decoder().eval(), tmp_path / "decoder.onnx", args) <= 1e-5


def test_the_file_runs_in_a_program_that_imports_neither_torch_nor_this_package(tmp_path):
    path, model = tmp_path / "tagger.onnx", Tagger().eval()
    to_onnx(model, path, (IDS, LENGTHS), metadata={"words": "nine"})
    program = f"""
import sys, onnxruntime, numpy
session = onnxruntime.InferenceSession({str(path)!r}, providers=["CPUExecutionProvider"])
ids, lengths = numpy.array([[1, 2, 3, 4, 5, 6]]), numpy.array([5])
(tags,) = session.run(None, {{"ids": ids, "lengths": lengths}})
assert session.get_modelmeta().custom_metadata_map == {{"words": "nine"}}
assert "torch" not in sys.modules and "lstm_tutorial" not in sys.modules
print(*tags.ravel().tolist())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    theirs = model(torch.tensor([[1, 2, 3, 4, 5, 6]]), torch.tensor([5])).flatten()
    ours = torch.tensor([float(word) for word in done.stdout.split()])
    torch.testing.assert_close(ours, theirs.detach(), rtol=0, atol=1e-5)
