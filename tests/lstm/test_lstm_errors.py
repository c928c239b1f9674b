"""One table of calls that torch refuses: ours refuses them with the same type and words."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from lstm_tutorial import LSTMCell
from tests.lstm.equality import each

pytestmark = pytest.mark.kernels
zeros = torch.zeros
X = zeros(5, 2, 3)
H = zeros(4, 2, 4)
PACKED = pack_padded_sequence(X, [5, 3])
EQUAL = pack_padded_sequence(X, [5, 5])
UNSORTED = pack_padded_sequence(X, [3, 5], enforce_sorted=False)


def constructor(*arguments, **options) -> Callable:
    return lambda cls: cls(*arguments, **options)


def call(*arguments, **options) -> Callable:
    """Call a two-layer bidirectional module of 3 features and 4 units."""
    return lambda cls: cls(3, 4, 2, bidirectional=True, **options)(*arguments)


def by_hand(steps: list, rows: int, dtype: torch.dtype = torch.int64) -> PackedSequence:
    return PackedSequence(zeros(rows, 3), torch.tensor(steps, dtype=dtype))


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
    "two mistakes": constructor(0, 4.5, bias=1, dropout=2),
    "two more mistakes": constructor(3, 0, 0, proj_size=-1),
    "input_size tensor": constructor(torch.tensor(3), 4),
    "input_size list": constructor([3], 4),
    "num_layers inf": constructor(3, 4, float("inf")),
    "dtype int64": constructor(3, 4, dtype=torch.int64),
    "dtype bool": constructor(3, 4, dtype=torch.bool),
    "device number as text": constructor(3, 4, device="3"),
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
    "features, N = 0": call(zeros(5, 0, 7)),
    "no features": call(zeros(5, 2, 0)),
    "dtype complex": call(X.to(torch.complex64)),
    "dtype bool": call(X > 0),
    "dtype bfloat16": call(X.bfloat16()),
    "dtype and L = 0": call(zeros(0, 2, 3).double()),
    "text": call("abc"),
    "tuple of tensors": call((X, X)),
    "dict": call({"input": X}),
    "unknown keyword": lambda cls: cls(3, 4)(X, hidden=None),
    "three arguments": call(X, None, None),
    "device": call(X.to("meta")),
    "device of the module": call(X, device="meta"),
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
    "hx one None": call(X, (H, None)),
    "hx two texts": call(X, ("a", "b")),
    "hx two numbers": call(X, (1, 2)),
    "hx list of one": call(X, [H]),
    "hx list of three": call(X, [H, H, H]),
    "hx three, one None": call(X, (H, H, None)),
    "hx dict": call(X, {"h": H, "c": H}),
    "hx dict that looks like a pair": call(X, {0: H, 1: H}),
    "hx generator": call(X, (state for state in (H, H))),
    "hx set": call(X, {1}),
    "hx True": call(X, True),
    "hx numpy pair": call(X, (H.numpy(), H.numpy())),
    "c numpy": call(X, (H, H.numpy())),
    "hx stacked": call(X, torch.stack([H, H])),
    "hx stacked in numpy": call(X, torch.stack([H, H]).numpy()),
    "hx pair of pairs": call(X, ((H,), (H,))),
    "hx PackedSequence": call(X, (PACKED, H)),
    "hx 0-D": call(X, (zeros(()), zeros(()))),
    "hx 4-D": call(X, (zeros(1, 4, 2, 4), zeros(1, 4, 2, 4))),
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
    "c device": call(X, (H, H.to("meta"))),
    "hx no rows": call(X, (zeros(4, 0, 4), zeros(4, 0, 4))),
    "hx no layers": call(X, (zeros(0, 2, 4), zeros(0, 2, 4))),
    "hx rows first": call(X, (H.transpose(0, 1), H.transpose(0, 1))),
    "hx for N = 0": call(zeros(5, 0, 3), (H, H)),
    "L = 0 with hx": call(zeros(0, 2, 3), (H, H)),
    "h complex, double module": call(
        X.double(), (H.to(torch.complex64), H.double()), dtype=torch.float64
    ),
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
    "packed h size, proj_size, no bias": call(PACKED, (H, H), proj_size=2, bias=False),
    "packed h narrower than c": call(PACKED, (zeros(4, 2, 2), H)),
    "packed h layers odd": call(PACKED, (zeros(1, 2, 4), zeros(4, 2, 4))),
    "packed hx 4-D": call(PACKED, (zeros(1, 4, 2, 4), zeros(1, 4, 2, 4))),
    "packed hx no layers": call(PACKED, (zeros(0, 2, 4), zeros(0, 2, 4))),
    "packed hx one tensor": call(PACKED, H),
    "packed hx stacked": call(PACKED, torch.stack([H, H])),
    "packed hx number": call(PACKED, 3),
    "packed hx text": call(PACKED, "ab"),
    "packed hx dict": call(PACKED, {0: H, 1: H}),
    "packed hx empty": call(PACKED, ()),
    "packed hx Nones": call(PACKED, (None, None)),
    "packed hx one None": call(PACKED, (H, None)),
    "packed hx three, one None": call(PACKED, (H, H, None)),
    "packed hx two texts": call(PACKED, ("a", "b")),
    "packed hx numpy pair": call(PACKED, (H.numpy(), H.numpy())),
    "packed hx Nones, unsorted": call(UNSORTED, (None, None)),
    "packed hx number, unsorted": call(UNSORTED, 3),
    "packed hx one state, unsorted": call(UNSORTED, (H,)),
    "packed hx device": call(PACKED, (H.to("meta"), H.to("meta"))),
    "packed c device": call(PACKED, (H, H.to("meta"))),
    "packed data device": call(PACKED.to("meta")),
    "packed, h complex": call(PACKED, (H.to(torch.complex64), H)),
    "packed, c complex": call(PACKED, (H, H.to(torch.complex64))),
    "packed dtype int": call(pack_padded_sequence(X.long(), [5, 3])),
    "packed, double module": call(PACKED, dtype=torch.float64),
    "packed no steps": call(PackedSequence(zeros(6, 3), torch.zeros(0, dtype=torch.int64))),
}
# torch speaks of these from inside the kernel, in words that depend on the lengths.
TYPE_ONLY = {
    "packed hx too many rows": call(PACKED, (zeros(4, 3, 4), zeros(4, 3, 4))),
    "packed hx too few rows": call(PACKED, (zeros(4, 1, 4), zeros(4, 1, 4))),
    "packed c too many rows": call(PACKED, (H, zeros(4, 3, 4))),
    "packed data 3-D": call(pack_padded_sequence(zeros(5, 2, 1, 3), [5, 3])),
    "packed steps int32": call(by_hand([2, 1], 3, torch.int32)),
    "packed steps grow": call(by_hand([1, 2], 3)),
    "packed steps grow again": call(by_hand([2, 1, 2], 5)),
    "packed steps negative": call(by_hand([2, -1], 1)),
    "packed steps for more data": call(by_hand([2, 2, 1], 3)),
}
# torch takes these: it reads past the end of what it was given, crashes, or leaves something out.
# It is not called here.
UNSAFE = {
    "unsorted, hx too many rows": call(UNSORTED, (zeros(4, 3, 4), zeros(4, 3, 4))),
    "unsorted, c too many rows": call(UNSORTED, (H, zeros(4, 3, 4))),
    "packed c with too few layers": call(PACKED, (H, zeros(2, 2, 4))),
    "packed c with too many layers": call(PACKED, (H, zeros(6, 2, 4))),
    "packed c with too few layers, h too": call(PACKED, (zeros(5, 2, 4), H)),
    "equal lengths, features": call(pack_padded_sequence(zeros(5, 2, 7), [5, 5])),
    "equal lengths, hx too many rows": call(EQUAL, (zeros(4, 3, 4), zeros(4, 3, 4))),
    "equal lengths, hx too few rows": call(EQUAL, (zeros(4, 1, 4), zeros(4, 1, 4))),
    "equal lengths, hx sizes": call(EQUAL, (zeros(4, 2, 5), zeros(4, 2, 5))),
    "equal lengths, hx too many layers": call(EQUAL, (zeros(6, 2, 4), zeros(6, 2, 4))),
    "steps for less data": call(by_hand([2, 1], 5)),
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
    "cell hx Nones, unbatched": lambda cls: cls(3, 4)(zeros(3), (None, None)),
    "cell hx one None": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(2, 4), None)),
    "cell hx text": lambda cls: cls(3, 4)(zeros(2, 3), "ab"),
    "cell hx dict": lambda cls: cls(3, 4)(zeros(2, 3), {0: zeros(2, 4), 1: zeros(2, 4)}),
    "cell hx empty": lambda cls: cls(3, 4)(zeros(2, 3), ()),
    "cell hx one, unbatched": lambda cls: cls(3, 4)(zeros(3), (zeros(4),)),
    "cell hx generator": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(2, 4) for _ in "hc")),
    "cell hx numpy": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(2, 4).numpy(),) * 2),
    "cell hx stacked": lambda cls: cls(3, 4)(zeros(2, 3), zeros(2, 2, 4)),
    "cell hx no rows": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(0, 4), zeros(0, 4))),
    "cell features unbatched": lambda cls: cls(3, 4)(zeros(5)),
    "cell h size unbatched": lambda cls: cls(3, 4)(zeros(3), (zeros(5), zeros(4))),
    "cell h 0-D": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(()), zeros(2, 4))),
    "cell list": lambda cls: cls(3, 4)([[1.0, 2.0, 3.0]]),
    "cell numpy": lambda cls: cls(3, 4)(zeros(2, 3).numpy()),
    "cell packed": lambda cls: cls(3, 4)(PACKED),
    "cell complex": lambda cls: cls(3, 4)(zeros(2, 3).to(torch.complex64)),
    "cell hx device": lambda cls: cls(3, 4)(zeros(2, 3), (zeros(2, 4, device="meta"),) * 2),
    "cell nothing": lambda cls: cls(3, 4)(),
    "cell unknown argument": lambda cls: cls(3, 4, foo=1),
    "cell hidden_size 1.5": lambda cls: cls(3, 1.5),
    "cell input_size None": lambda cls: cls(None, 4),
    "cell device of input": lambda cls: cls(3, 4)(zeros(2, 3, device="meta")),
}


def refusal(attempt: Callable, cls: type) -> Exception:
    try:
        attempt(cls)
    except Exception as error:
        return error
    return pytest.fail(f"{cls.__module__}.{cls.__name__} did not refuse")


def words(error: Exception) -> str:
    """The message, without the name that Python gives the function."""
    name = r"\b(RNNBase|LSTM|LSTMCell|FastLSTM)\.(__init__|forward)\(\)"
    return re.sub(name, "f()", str(error))


@each
@pytest.mark.parametrize("name", [*CONSTRUCTORS, *PADDED, *HX, *PACKED_CALLS])
def test_lstm_refuses_in_torchs_words(ours, name):
    attempt = (CONSTRUCTORS | PADDED | HX | PACKED_CALLS)[name]
    mine, theirs = refusal(attempt, ours), refusal(attempt, nn.LSTM)
    assert (type(mine), words(mine)) == (type(theirs), words(theirs))


@each
@pytest.mark.parametrize("name", TYPE_ONLY)
def test_what_torch_refuses_from_inside_is_refused_with_what_was_expected(ours, name):
    mine, theirs = refusal(TYPE_ONLY[name], ours), refusal(TYPE_ONLY[name], nn.LSTM)
    assert type(mine) is type(theirs)
    assert re.search("expected|must have", str(mine), re.IGNORECASE)


@each
@pytest.mark.parametrize("packed", [PACKED, UNSORTED, EQUAL], ids=["sorted", "unsorted", "equal"])
@pytest.mark.parametrize("k", [0, 1])
def test_a_state_with_too_many_rows_is_refused_with_the_size_that_fits(ours, packed, k):
    hx = [H, H]
    hx[k] = zeros(4, 3, 4)
    error = refusal(call(packed, tuple(hx)), ours)
    assert str(error) == f"Expected hidden[{k}] size (4, 2, 4), got [4, 3, 4]"


@each
def test_batch_sizes_that_grow_are_refused_with_what_was_expected(ours):
    error = refusal(TYPE_ONLY["packed steps grow"], ours)
    told = "expected int64 batch_sizes that never grow and sum to 3, got torch.int64 [1, 2]"
    assert str(error).startswith(told)


@each
@pytest.mark.parametrize("name", UNSAFE)
def test_what_torch_takes_unchecked_is_refused(ours, name):
    error = refusal(UNSAFE[name], ours)
    assert type(error) is RuntimeError
    assert re.search("expected|multiplied|Odd number|incorrect number", str(error), re.IGNORECASE)


@each
@pytest.mark.filterwarnings("ignore")  # each of these layouts is in beta, says torch
@pytest.mark.parametrize("layout", ["sparse", "compressed", "nested", "quantized"])
def test_other_layouts_are_refused_by_both(ours, layout):
    inputs = {
        "sparse": X.to_sparse,
        "compressed": zeros(5, 3).to_sparse_csr,
        "nested": lambda: torch.nested.as_nested_tensor([zeros(5, 3), zeros(3, 3)]),
        "quantized": lambda: torch.quantize_per_tensor(X, 0.1, 0, torch.quint8),
    }
    for cls in (ours, nn.LSTM):
        refusal(lambda cls: cls(3, 4)(inputs[layout]()), cls)


@each
def test_an_argument_too_many_is_refused_by_both(ours):
    attempt = constructor(3, 4, 1, True, False, 0.0, False, 0, None, None, 7)
    for cls in (ours, nn.LSTM):
        error = refusal(attempt, cls)
        assert type(error) is TypeError
        assert "positional arguments" in str(error)  # torch counts its mode as well


@pytest.mark.parametrize("name", CELL)
def test_cell_refuses_in_torchs_words(name):
    mine, theirs = refusal(CELL[name], LSTMCell), refusal(CELL[name], nn.LSTMCell)
    assert (type(mine), words(mine)) == (type(theirs), words(theirs))
