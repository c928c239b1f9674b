"""One table of calls that torch refuses: ours refuses them with the same type and words."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from lstm_tutorial import LSTM, LSTMCell
from tests.test_lstm import IMPLEMENTATIONS

zeros = torch.zeros
X = zeros(5, 2, 3)
H = zeros(4, 2, 4)
PACKED = pack_padded_sequence(X, [5, 3])
UNSORTED = pack_padded_sequence(X, [3, 5], enforce_sorted=False)


def constructor(*arguments, **options) -> Callable:
    return lambda cls: cls(*arguments, **options)


def call(*arguments, **options) -> Callable:
    """Call a two-layer bidirectional module of 3 features and 4 units."""
    return lambda cls: cls(3, 4, 2, bidirectional=True, **options)(*arguments)


CONSTRUCTORS = {
    "input_size float": constructor(3.0, 4),
    "input_size str": constructor("3", 4),
    "input_size 0": constructor(0, 4),
    "input_size -1": constructor(-1, 4),
    "hidden_size float": constructor(3, 4.0),
    "hidden_size None": constructor(3, None),
    "hidden_size 0": constructor(3, 0),
    "hidden_size -2": constructor(3, -2),
    "num_layers 0": constructor(3, 4, 0),
    "num_layers -1": constructor(3, 4, -1),
    "num_layers float": constructor(3, 4, 1.5),
    "num_layers str": constructor(3, 4, "2"),
    "num_layers None": constructor(3, 4, None),
    "bias int": constructor(3, 4, bias=1),
    "bias None": constructor(3, 4, bias=None),
    "batch_first int": constructor(3, 4, batch_first=1),
    "dropout 2": constructor(3, 4, dropout=2),
    "dropout -0.1": constructor(3, 4, dropout=-0.1),
    "dropout nan": constructor(3, 4, dropout=float("nan")),
    "dropout True": constructor(3, 4, dropout=True),
    "dropout text": constructor(3, 4, dropout="x"),
    "dropout number as text": constructor(3, 4, dropout="0.5"),
    "dropout None": constructor(3, 4, dropout=None),
    "dropout list": constructor(3, 4, dropout=[1]),
    "dropout complex": constructor(3, 4, dropout=1j),
    "proj_size -1": constructor(3, 4, proj_size=-1),
    "proj_size = hidden_size": constructor(3, 4, proj_size=4),
    "proj_size > hidden_size": constructor(3, 4, proj_size=9),
    "proj_size float": constructor(3, 4, proj_size=2.0),
    "proj_size str": constructor(3, 4, proj_size="a"),
    "proj_size None": constructor(3, 4, proj_size=None),
    "dtype int64": constructor(3, 4, dtype=torch.int64),
    "dtype str": constructor(3, 4, dtype="float32"),
    "device unknown": constructor(3, 4, device="nope"),
    "no arguments": constructor(),
    "one argument": constructor(3),
    "unknown argument": constructor(3, 4, foo=1),
}
PADDED = {
    "nothing": call(),
    "None": call(None),
    "list": call([[1.0]]),
    "numpy": call(X.numpy()),
    "0-D": call(zeros(())),
    "1-D": call(zeros(3)),
    "4-D": call(zeros(1, 5, 2, 3)),
    "features": call(zeros(5, 2, 7)),
    "features unbatched": call(zeros(5, 7)),
    "dtype double": call(X.double()),
    "dtype int": call(X.long()),
    "L = 0": call(zeros(0, 2, 3)),
    "L = 0, batch_first": call(zeros(2, 0, 3), batch_first=True),
    "L = 0 unbatched": call(zeros(0, 3)),
    "L = N = 0": call(zeros(0, 0, 3)),
    "device": call(X.to("meta")),
    "double module, float input": call(X, dtype=torch.float64),
}
HX = {
    "hx one 3-D tensor": call(X, H),
    "hx one 2-D tensor": call(X, zeros(4, 4)),
    "hx one 4-D tensor": call(X, zeros(2, 4, 2, 4)),
    "hx number": call(X, 3),
    "hx text": call(X, "ab"),
    "hx empty": call(X, ()),
    "hx one state": call(X, (H,)),
    "hx three states": call(X, (H, H, H)),
    "hx Nones": call(X, (None, None)),
    "hx rank 2 for a batch": call(X, (zeros(4, 4), zeros(4, 4))),
    "hx rank 2 and 3": call(X, (zeros(4, 4), H)),
    "hx rank 3 unbatched": call(zeros(5, 3), (H, H)),
    "hx unbatched size": call(zeros(5, 3), (zeros(4, 5), zeros(4, 4))),
    "hx unbatched layers": call(zeros(5, 3), (zeros(2, 4), zeros(2, 4))),
    "h layers": call(X, (zeros(2, 2, 4), H)),
    "h batch": call(X, (zeros(4, 3, 4), zeros(4, 3, 4))),
    "h size": call(X, (zeros(4, 2, 5), H)),
    "c batch": call(X, (H, zeros(4, 3, 4))),
    "h batch, batch_first": call(X.transpose(0, 1), (zeros(2, 4, 4), H), batch_first=True),
    "h size of c, proj_size": call(X, (H, H), proj_size=2),
    "c size of h, proj_size": call(X, (zeros(4, 2, 2), zeros(4, 2, 2)), proj_size=2),
    "hx device": call(X, (H.to("meta"), H.to("meta"))),
    "hx dtype, double module": call(X.double(), (H, H), dtype=torch.float64),
    "h dtype, proj_size": call(X, (zeros(4, 2, 2).double(), H.double()), proj_size=2),
}
PACKED_CALLS = {
    "packed features": call(pack_padded_sequence(zeros(5, 2, 7), [5, 3])),
    "packed rank 1": call(pack_padded_sequence(zeros(5, 2), [5, 3])),
    "packed rank 3": call(pack_padded_sequence(zeros(5, 2, 3, 1), [5, 3])),
    "packed dtype": call(pack_padded_sequence(X.double(), [5, 3])),
    "packed hx dtype": call(PACKED, (H.double(), H.double())),
    "packed hx rank": call(PACKED, (zeros(4, 4), zeros(4, 4))),
    "packed hx rank, unsorted": call(UNSORTED, (zeros(4), zeros(4))),
    "packed hx layers": call(PACKED, (zeros(2, 2, 4), zeros(2, 2, 4))),
    "packed hx too many layers": call(PACKED, (zeros(6, 2, 4), zeros(6, 2, 4))),
    "packed hx sizes": call(PACKED, (zeros(4, 2, 5), zeros(4, 2, 5))),
    "packed c size": call(PACKED, (H, zeros(4, 2, 5))),
    "packed hx three states": call(PACKED, (H, H, H)),
    "packed hx one state": call(PACKED, (H,)),
    "packed hx too few rows, unsorted": call(UNSORTED, (zeros(4, 1, 4), zeros(4, 1, 4))),
    "packed h size, proj_size": call(PACKED, (H, H), proj_size=2),
}
# What oneDNN, torch's kernel for padded float32 input on most CPUs, says of other dtypes in hx.
ONEDNN = {
    "hx double": call(X, (H.double(), H.double())),
    "c double": call(X, (H, H.double())),
    "hx int": call(X, (H.long(), H.long())),
    "hx bfloat16": call(X, (H.bfloat16(), H.bfloat16())),
    "hx float, bfloat16 module": call(X.bfloat16(), (H, H), dtype=torch.bfloat16),
}
# torch speaks of these from inside the kernel, in words that depend on the lengths.
TYPE_ONLY = {
    "packed hx too many rows": call(PACKED, (zeros(4, 3, 4), zeros(4, 3, 4))),
    "packed hx too few rows": call(PACKED, (zeros(4, 1, 4), zeros(4, 1, 4))),
    "packed c too many rows": call(PACKED, (H, zeros(4, 3, 4))),
    "packed hx one tensor": call(PACKED, H),
}
CELL = {
    "cell no arguments": lambda cls: cls(),
    "cell input_size float": lambda cls: cls(3.0, 4),
    "cell hidden_size float": lambda cls: cls(3, 4.0),
    "cell input_size -1": lambda cls: cls(-1, 4),
    "cell hidden_size -2": lambda cls: cls(3, -2),
    "cell device": lambda cls: cls(3, 4, True, "nope"),
    "cell dtype": lambda cls: cls(3, 4, True, None, torch.int64),
    "cell None": lambda cls: cls(3, 4)(None),
    "cell 3-D": lambda cls: cls(3, 4)(zeros(1, 2, 3)),
    "cell 0-D": lambda cls: cls(3, 4)(zeros(())),
    "cell features": lambda cls: cls(3, 4)(zeros(2, 5)),
    "cell dtype double": lambda cls: cls(3, 4)(zeros(2, 3).double()),
    "cell dtype int": lambda cls: cls(3, 4)(zeros(2, 3).long()),
    "cell hx tensor": lambda cls: cls(3, 4)(zeros(2, 3), zeros(2, 4)),
    "cell hx 3-D tensor": lambda cls: cls(3, 4)(zeros(2, 3), zeros(2, 2, 4)),
    "cell hx three": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(2, 4),) * 3),
    "cell hx one": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(2, 4),)),
    "cell hx Nones": lambda cls: cls(3, 4)(zeros(2, 3), (None, None)),
    "cell hx number": lambda cls: cls(3, 4)(zeros(2, 3), 3),
    "cell h 3-D": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(1, 2, 4), zeros(2, 4))),
    "cell c 3-D": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(2, 4), zeros(1, 2, 4))),
    "cell h unbatched": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(4), zeros(4))),
    "cell h rows": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(3, 4), zeros(3, 4))),
    "cell c rows": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(2, 4), zeros(3, 4))),
    "cell one row for two": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(1, 4), zeros(1, 4))),
    "cell h size": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(2, 5), zeros(2, 4))),
    "cell c size": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(2, 4), zeros(2, 5))),
    "cell unbatched, hx batched": lambda cls: cls(3, 4)(zeros(3), (zeros(1, 4), zeros(1, 4))),
    "cell hx dtype": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(2, 4).double(),) * 2),
    "cell device of input": lambda cls: cls(3, 4)(zeros(2, 3, device="meta")),
}


def refusal(attempt: Callable, cls: type) -> Exception:
    try:
        attempt(cls)
    except Exception as error:
        return error
    return pytest.fail(f"{cls.__module__}.{cls.__name__} did not refuse")


def words(error: Exception) -> str:
    """The message, without what Python itself adds about the function's name and arguments."""
    text = re.sub(r"\b(RNNBase|LSTM|LSTMCell|FastLSTM)\.(__init__|forward)\(\)", "f()", str(error))
    return re.sub(r"received an invalid combination of arguments.*", "received", text, flags=re.S)


@pytest.mark.parametrize("ours", IMPLEMENTATIONS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("name", [*CONSTRUCTORS, *PADDED, *HX, *PACKED_CALLS])
def test_lstm_refuses_in_torchs_words(ours, name):
    attempt = (CONSTRUCTORS | PADDED | HX | PACKED_CALLS)[name]
    mine, theirs = refusal(attempt, ours), refusal(attempt, nn.LSTM)
    assert (type(mine), words(mine)) == (type(theirs), words(theirs))


@pytest.mark.parametrize("ours", IMPLEMENTATIONS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("name", ONEDNN)
def test_states_in_another_dtype_are_refused_as_by_onednn(ours, name):
    mine, theirs = refusal(ONEDNN[name], ours), refusal(ONEDNN[name], nn.LSTM)
    assert type(mine) is type(theirs)
    if torch.backends.mkldnn.is_available():
        assert str(mine) == str(theirs)


@pytest.mark.parametrize("ours", IMPLEMENTATIONS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("name", TYPE_ONLY)
def test_packed_states_of_a_wrong_batch_are_refused_with_what_was_expected(ours, name):
    mine, theirs = refusal(TYPE_ONLY[name], ours), refusal(TYPE_ONLY[name], nn.LSTM)
    assert type(mine) is type(theirs)
    assert "expected" in str(mine).lower()


@pytest.mark.parametrize("ours", IMPLEMENTATIONS, ids=lambda cls: cls.__name__)
def test_too_few_layers_of_c_are_refused_where_torch_reads_past_the_end(ours):
    attempt = call(PACKED, (H, zeros(2, 2, 4)))  # may crash the process with torch 2.13
    assert "Expected more hidden states" in str(refusal(attempt, ours))


@pytest.mark.parametrize("name", CELL)
def test_cell_refuses_in_torchs_words(name):
    mine, theirs = refusal(CELL[name], LSTMCell), refusal(CELL[name], nn.LSTMCell)
    assert (type(mine), words(mine)) == (type(theirs), words(theirs))


def test_a_list_of_two_states_is_as_good_as_a_tuple():
    for cls in (LSTM, nn.LSTM):
        cls(3, 4, 2, bidirectional=True)(X, [H, H])
