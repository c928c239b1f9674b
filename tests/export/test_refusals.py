"""What cannot be exported is refused in one sentence; nothing stays changed or half-written."""

import re

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstm_tutorial import LSTM, ragged
from lstm_tutorial import export as module
from lstm_tutorial.export import exportable, to_onnx, to_pt2

X = torch.randn(5, 3, 4)
LENGTHS = torch.tensor([2, 5, 4])
BEFORE = [nn.LSTM.forward, nn.GRU.forward, nn.RNN.forward]
CODES = [pack_padded_sequence.__code__, pad_packed_sequence.__code__]


class Calls(nn.Module):
    """An LSTM, called by a function."""

    def __init__(self, call, **options):
        super().__init__()
        self.call, self.lstm = call, nn.LSTM(4, 4, **options)

    def forward(self, x):
        return self.call(self.lstm, x)


def branch(lstm, x):
    return lstm(x)[0] if x.sum() > 0 else x


def baked(lstm, x):
    return lstm(x, (torch.zeros(1, 3, 4), torch.zeros(1, 3, 4)))[0]


def counted(lstm, x):
    return lstm(x)[0] * len(x)


def averaged(lstm, x):  # in a real PackedSequence there is no padding to count
    return lstm(pack_padded_sequence(x, torch.tensor([5, 4, 2])))[0].data.mean()


def assert_untouched():
    assert [nn.LSTM.forward, nn.GRU.forward, nn.RNN.forward] == BEFORE
    assert [pack_padded_sequence.__code__, pad_packed_sequence.__code__] == CODES


@pytest.mark.parametrize("write", [to_onnx, to_pt2])
@pytest.mark.parametrize(
    ("model", "example", "words"),
    [
        (Calls(branch).eval(), X, "torch.export can follow, got Calls: Could not guard"),
        (Calls(baked).eval(), X, "the batch size is 3: give an example of at least two rows"),
        (Calls(counted).eval(), X, "the length is 5: give an example"),
        (nn.LSTM(4, 4).eval(), X[:, :1], "the batch size is 1: give an example"),
        (nn.LSTM(4, 4).eval(), X[:, 0], "add a dimension of one row"),
        (nn.LSTM(4, 4), X, "call module.eval() first"),
    ],
    ids=["branch", "baked", "counted", "one row", "unbatched", "training"],
)
def test_a_module_that_cannot_be_exported_is_refused(tmp_path, write, model, example, words):
    path = tmp_path / "model"
    path.write_text("old")
    with pytest.raises(ValueError, match=re.escape(words)) as refusal:
        write(model, path, (example,))
    assert "\n" not in str(refusal.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    assert_untouched()


def test_what_the_module_itself_refuses_keeps_its_words(tmp_path):
    with pytest.raises(RuntimeError, match=r"input.size\(-1\) must be equal to input_size"):
        to_onnx(nn.LSTM(7, 4).eval(), tmp_path / "model.onnx", (X,))


def test_projections_are_refused_for_onnx_by_name(tmp_path):
    model = nn.Sequential(nn.LSTM(4, 4, proj_size=2)).eval()
    with pytest.raises(
        ValueError, match="ONNX's LSTM has no projection, got an LSTM with one at 0"
    ):
        to_onnx(model, tmp_path / "model.onnx", (X,))


def test_a_file_that_would_answer_otherwise_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="expected the file to equal the module, in output 0"):
        to_pt2(Calls(averaged).eval(), tmp_path / "model.pt2", (X,), open_sizes=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [to_onnx, to_pt2])
def test_a_path_that_cannot_be_written_is_refused_before_any_work(tmp_path, write, monkeypatch):
    monkeypatch.setattr(module, "_traced", None)  # would fail if it were called
    for path in (tmp_path, tmp_path / "none" / "model"):
        with pytest.raises(OSError, match="expected a file in a folder that exists"):
            write(nn.LSTM(4, 4).eval(), path, (X,))


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_text("old")
    monkeypatch.setattr(module.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        module._write(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_stays_replaced_after_an_error_inside():
    def fail():
        with exportable():
            assert nn.LSTM.forward is not BEFORE[0]
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert_untouched()


@pytest.mark.parametrize("call", [lambda m, x: ragged.run(m, x, LENGTHS)[0], lambda m, x: m(x)[0]])
def test_torch_export_alone_is_told_what_to_use(call):
    model = Calls(call).eval()
    if "ragged" not in call.__code__.co_names:
        model.lstm = LSTM(4, 4).eval()
    with pytest.raises(
        RuntimeError, match=r"by lstm_tutorial\.export\.to_onnx or to_pt2, got torch"
    ):
        torch.export.export(model, (X,))
