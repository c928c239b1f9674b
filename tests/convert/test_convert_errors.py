"""Weights that do not fit are refused in one sentence, and nothing is changed."""

import numpy as np
import pytest
import torch
from torch import nn

from lstm_tutorial import convert

H_IN, H = 4, 5


def arrays(*shapes):
    return [np.zeros(shape, dtype=np.float32) for shape in shapes]


def keras_layer(H_in=H_IN, H=H):
    return arrays((H_in, 4 * H), (H, 4 * H), (4 * H,))


def flax_cell(**changes):
    names = {"ii": H_IN, "if": H_IN, "ig": H_IN, "io": H_IN, "hi": H, "hf": H, "hg": H, "ho": H}
    (bias,) = arrays((H,))
    cell = {n: {"kernel": arrays((size, H))[0], "bias": bias} for n, size in names.items()}
    return {changes.get(n, n): part for n, part in cell.items()}


W, R = arrays((1, 4 * H, H_IN), (1, 4 * H, H))
PEEPHOLES = {"W": W, "R": R, "P": W}
NODE_OF_2 = {"W": np.concatenate([W, W]), "R": np.concatenate([R, R])}

REFUSED = {
    "nothing": (convert.from_keras, [], "at least one layer, got none"),
    "all of a model": (convert.from_keras, [keras_layer() * 3], "got 9: pass layer.get_weights"),
    "another size": (convert.from_keras, [keras_layer(), keras_layer(H, 6)], "layer 1, got"),
    "not stacked": (convert.from_keras, [keras_layer(), keras_layer(2 * H)], r"\(20, 5\)"),
    "two, then one": (convert.from_keras, [keras_layer() * 2, keras_layer()], r"2 direction"),
    "no kernel": (convert.from_keras, [arrays((4,), (5, 20))], "kernel with 2 dimensions"),
    "one array": (convert.from_tensorflow1, [arrays((9, 20))], "kernel and bias"),
    "three gates": (convert.from_tensorflow1, [arrays((9, 15), (15,))], "a multiple of 4, got 15"),
    "a model": (convert.from_flax, [{"params": flax_cell()}], "cell, ii, if, .*got params"),
    "a GRU": (convert.from_flax, [flax_cell(ho="hn")], "got ii, if, ig, io, hi, hf, hg, hn"),
    "peepholes": (convert.from_onnx, [PEEPHOLES], "layer 0, got W, R, P: .*no peepholes"),
    "no direction": (convert.from_onnx, [{"W": W[0], "R": R[0]}], r"3 dimensions, directions"),
    "other directions": (convert.from_onnx, [NODE_OF_2, {"W": W, "R": R}], "2 direction"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_layer_of_an_lstm_is_refused(case):
    convert_one, layers, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        convert_one(*layers)


@pytest.mark.parametrize("to", [convert.to_keras, convert.to_onnx, convert.to_flax])
def test_what_is_not_the_state_of_an_lstm_is_refused(to):
    state = nn.LSTM(H_IN, H, 2, bidirectional=True).state_dict()
    with pytest.raises(ValueError, match=r"got model\.weight.*convert\.renamed"):
        to({f"model.{name}": tensor for name, tensor in state.items()})
    with pytest.raises(ValueError, match="without projections"):
        to(nn.LSTM(H_IN, H, proj_size=2).state_dict())
    with pytest.raises(ValueError, match="not so: bias_hh_l1_reverse"):
        to({name: tensor for name, tensor in state.items() if name != "bias_hh_l1_reverse"})
    with pytest.raises(ValueError, match=r"\(12, 3\)"):
        to(nn.GRU(H_IN, 3).state_dict())
    with pytest.raises(ValueError, match="got bfloat16"):
        to({name: tensor.bfloat16() for name, tensor in state.items()})


def test_an_unknown_cell_is_refused():
    with pytest.raises(ValueError, match=r"one of linen\.LSTMCell, .*got 'linen\.GRUCell'"):
        convert.to_flax(nn.LSTM(H_IN, H).state_dict(), "linen.GRUCell")


def test_converted_weights_share_no_memory():
    state = nn.LSTM(H_IN, H, bias=False).state_dict()
    before = {name: tensor.clone() for name, tensor in state.items()}
    for array in (*convert.to_keras(state)[0], *convert.to_onnx(state)[0].values()):
        array += 1
    theirs = keras_layer()
    for tensor in convert.from_keras(theirs).values():
        tensor += 1
    assert all(state[name].equal(tensor) for name, tensor in before.items())
    assert not any(array.any() for array in theirs)


class Tagger(nn.Module):
    def __init__(self, labels=3):
        super().__init__()
        self.lstm = nn.LSTM(H_IN, H)
        self.head = nn.Linear(H, labels)


def values(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def equal(ours, theirs):
    return [name for name in ours if torch.equal(ours[name], theirs[name])]


def test_prefixes_are_cut_off_and_exchanged():
    names = {"module.rnn.weight": 1, "module.fc.weight": 2, "step": 3}
    assert convert.renamed(names, {"module.": ""}) == {"rnn.weight": 1, "fc.weight": 2, "step": 3}
    changed = convert.renamed(names, {"module.": "", "module.rnn.": "lstm."})
    assert changed == {"lstm.weight": 1, "fc.weight": 2, "step": 3}
    with pytest.raises(ValueError, match=r"begin with 'model\.', got module\.rnn\.weight"):
        convert.renamed(names, {"model.": ""})
    with pytest.raises(ValueError, match="got weight twice"):
        convert.renamed(names, {"module.rnn.": "", "module.fc.": ""})


def test_a_checkpoint_is_loaded_but_for_what_is_declared():
    old, new = Tagger(labels=2), Tagger(labels=3)
    state = {name: tensor for name, tensor in values(old).items() if name.startswith("lstm")}
    state["decoder.weight"] = torch.zeros(2)
    head = values(new.head)
    convert.load(new, state, missing=["head."], unexpected=["decoder."])
    assert len(equal(values(new.lstm), values(old.lstm))) == 4
    assert len(equal(values(new.head), head)) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("lstm.bias_hh_l0"), "missing: lstm.bias_hh_l0"),
        (lambda state: state.update({"lstm.bais": 0}), "unexpected: lstm.bais"),
        (lambda state: state.update({"head.bias": torch.zeros(7)}), r"head.bias is \(7,\), not"),
    ],
)
def test_a_checkpoint_that_does_not_fit_changes_nothing(change, message):
    old, new = Tagger(), Tagger()
    state, before = values(old), values(new)
    change(state)
    with pytest.raises(ValueError, match=message):
        convert.load(new, state, missing=["head."], unexpected=["decoder."])
    assert len(equal(values(new), before)) == len(before)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("layers", [1, 3])
def test_one_direction_becomes_the_forward_one_of_two(kind, layers):
    one, both = kind(H_IN, H, layers), kind(H_IN, H, layers, bidirectional=True)
    before = values(both)
    state = convert.into_bidirectional(one.state_dict(), both.state_dict())
    assert len(equal(before, values(both))) == len(before)
    reverse = {name: tensor for name, tensor in values(both).items() if name.endswith("reverse")}
    both.load_state_dict(state)
    x = torch.randn(7, 3, H_IN)
    torch.testing.assert_close(both(x)[0][..., :H], one(x)[0], rtol=0, atol=1e-6)
    assert len(equal(reverse, values(both))) == len(reverse) > 0


def test_projections_become_those_of_the_forward_direction():
    one, both = (nn.LSTM(H_IN, H, 2, proj_size=2, bidirectional=b) for b in (False, True))
    both.load_state_dict(convert.into_bidirectional(one.state_dict(), both.state_dict()))
    x = torch.randn(7, 3, H_IN)
    torch.testing.assert_close(both(x)[0][..., :2], one(x)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (nn.LSTM(H_IN, H, 1, bidirectional=True), "weight_ih_l1"),
        (nn.LSTM(H_IN, 6, 2, bidirectional=True), r"weight_ih_l0 .*\(20, 4\), got \(24, 4\)"),
        (nn.LSTM(H_IN, H, 2), "no reverse direction"),
    ],
)
def test_another_lstm_does_not_become_bidirectional(other, message):
    with pytest.raises(ValueError, match=message):
        convert.into_bidirectional(nn.LSTM(H_IN, H, 2).state_dict(), other.state_dict())
