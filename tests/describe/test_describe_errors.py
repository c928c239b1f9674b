"""``describe`` refuses what torch refuses, in torch's words, and says what to change."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from lstm_tutorial import LSTM
from lstm_tutorial.describe import describe

zeros = torch.zeros
FIRST = {"batch_first": True}


@dataclass(frozen=True)
class Refused:
    """A call of a module of 3 features and 4 units that torch refuses.

    The advice holds ``says``; code in it, where ``follow`` is set, fixes the input.
    """

    given: object
    says: str
    lengths: object = None
    options: dict = field(default_factory=dict)
    follow: str = ""


MODULE = {
    "features": Refused((5, 2, 7), "input_size=7"),
    "features first": Refused((3, 5, 2), "axis 0 is 3 wide", follow=r"input\.movedim\(0, -1\)"),
    "features second": Refused((5, 3, 2), "axis 1 is 3 wide", follow=r"input\.movedim\(1, -1\)"),
    "no features": Refused((5, 2, 0), "the last axis is empty"),
    "features unbatched": Refused((5, 7), "input_size=7"),
    "one step": Refused((3,), "one step", follow=r"input\.unsqueeze\(0\)"),
    "1-D": Refused((7,), "(L, N, H_in) for a batch or (L, H_in) for one sequence"),
    "1-D, batch_first": Refused((7,), "(N, L, H_in) for a batch", options=FIRST),
    "0-D": Refused((), "yours is ()"),
    "4-D": Refused((5, 2, 3, 1), "makes (5, 2, 3)", follow=r"input\.flatten\(2\)"),
    "L = 0": Refused((0, 2, 3), "axis 0 is time and has no steps"),
    "L = 0, batch_first": Refused((2, 0, 3), "axis 1 is time and has no steps", options=FIRST),
    "L = 0 unbatched": Refused((0, 3), "axis 0 is time"),
    "L = 0 unbatched, batch_first": Refused((0, 3), "axis 0 is time", options=FIRST),
    "ids": Refused(zeros(5, 2, dtype=torch.int64), "nn.Embedding(V, 3)(input)"),
    "bool": Refused(
        zeros(5, 2, 3, dtype=torch.bool), "nn.Embedding", follow=r"input\.to\([\w.]+\)"
    ),
    "double": Refused(zeros(5, 2, 3).double(), "torch.float32", follow=r"input\.to\([\w.]+\)"),
    "double module": Refused(
        zeros(5, 2, 3), "torch.float64", None, {"dtype": torch.float64}, r"input\.to\([\w.]+\)"
    ),
    "device": Refused(zeros(5, 2, 3, device="meta"), 'input.to("cpu")'),
    "list of lists": Refused([[1.0, 2.0, 3.0]], "torch.as_tensor"),
    "array": Refused(zeros(5, 2, 3).numpy(), "torch.as_tensor"),
    "None": Refused(None, "a shape in whole numbers from 0, such as (10, 32, 3)"),
    "text": Refused("5, 2, 3", "a shape"),
    "shape of floats": Refused((5.0, 2, 3), "such as (32, 10, 3)", options=FIRST),
    "shape with a bool": Refused((True, 2, 3), "a shape"),
}
SWAPPED = Refused((5, 2, 3), "look swapped", [2] * 5, follow=r"input\.transpose\(0, 1\)")
SWAPPED_FIRST = Refused((5, 2, 3), "axis 1", [2, 1], FIRST, r"input\.transpose\(0, 1\)")
PACKING = {
    "swapped": SWAPPED,
    "swapped, batch_first": SWAPPED_FIRST,
    "too few lengths": Refused((5, 2, 3), "each of the 2 sequences", [5]),
    "too many lengths": Refused((5, 2, 3), "each of the 2 sequences", [5, 4, 4]),
    "no lengths": Refused((5, 2, 3), "each of the 2 sequences", []),
    "zero": Refused((5, 2, 3), "got 0 at position 1: leave empty sequences out", [5, 0]),
    "negative": Refused((5, 2, 3), "got -1 at position 1", [5, -1]),
    "too long": Refused((5, 2, 3), "between 1 and 5, got 6 at position 0", [6, 1]),
    "both too long": Refused((5, 2, 3), "got 9 at position 0: cut it to 5", [9, 6]),
    "much too long": Refused((5, 2, 3), "got 9000 at position 0", [9000, 6]),
    "too long, batch_first": Refused((2, 5, 3), "between 1 and 5", [7, 5], FIRST),
    "2-D lengths": Refused((5, 2, 3), "one axis", [[5, 3]]),
    "one number": Refused((5, 2, 3), "(N,) = (2,)", 5),
    "words": Refused((5, 2, 3), "such as [5, ...]", ["five", "three"]),
    "ragged": Refused((5, 2, 3), "whole numbers", [[5], [3, 2]]),
    "Nones": Refused((5, 2, 3), "whole numbers", [None, None]),
    "device of lengths": Refused(
        (5, 2, 3), "lengths.cpu()", torch.ones(2, dtype=torch.int64, device="meta")
    ),
    "N = 0": Refused((5, 0, 3), "nothing in (5, 0, 3)", []),
    "L = 0": Refused((0, 2, 3), "nothing in (0, 2, 3)", [1, 1]),
    "unbatched": Refused((5, 3), "can't be packed", [5], follow=r"input\.unsqueeze\(1\)"),
    "unbatched, batch_first": Refused(
        (5, 3), "can't be packed", [5], FIRST, r"input\.unsqueeze\(0\)"
    ),
    "unbatched, lengths that fit": Refused((5, 3), "needs no lengths", [5, 2, 1]),
    "1-D": Refused((3,), "one step", [3]),
    "features": Refused((5, 2, 7), "3 features a step before packing", [5, 3]),
    "4-D": Refused((5, 2, 3, 1), "yours has 4", [5, 3], follow=r"input\.flatten\(2\)"),
    "dtype": Refused(zeros(5, 2, 3).double(), "torch.float32", [5, 3], follow=r"input\.to\(\S+\)"),
    "half": Refused(zeros(5, 2, 3).half(), "torch.float32", [5, 3], follow=r"input\.to\(\S+\)"),
    "complex": Refused(zeros(5, 2, 3).to(torch.complex64), "torch.float32", [5, 3]),
    "ids": Refused(zeros(5, 2, dtype=torch.int64), "nn.Embedding(V, 3)(input)", [5, 3]),
}
# torch raises here too, in words of its kernels that depend on sizes or differ from ours.
TYPE_ONLY = {
    "all too long": Refused((5, 2, 3), "between 1 and 5, got 6 at position 0", [6, 6]),
    "4-D, features last": Refused((5, 2, 2, 3), "three axes", [5, 3]),
    "device": Refused(zeros(5, 2, 3, device="meta"), 'input.to("cpu")', [5, 3]),
}
CASES = [pytest.param(case, id=name) for name, case in MODULE.items()]
CASES += [pytest.param(case, id=f"packing: {name}") for name, case in PACKING.items()]
FOLLOWED = [case for case in CASES if case.values[0].follow]
KERNEL = [pytest.param(case, id=name) for name, case in TYPE_ONLY.items()]
BOTH = pytest.mark.parametrize("lstm", [nn.LSTM, LSTM], ids=["torch", "ours"])


def as_torch_takes_it(given: object) -> object:
    """A tensor for a shape; anything else as it is."""
    is_shape = isinstance(given, tuple) and all(type(size) is int for size in given)
    return zeros(given) if is_shape else given


def refusal(attempt: Callable) -> Exception:
    try:
        attempt()
    except Exception as error:
        return error
    return pytest.fail("nothing was refused")


def refused_by_torch(case: Refused) -> Exception:
    """What ``pack_padded_sequence`` and ``torch.nn.LSTM`` raise."""
    module, input = nn.LSTM(3, 4, **case.options), as_torch_takes_it(case.given)
    if case.lengths is None:
        return refusal(lambda: module(input))
    return refusal(lambda: module(pack_padded_sequence(input, case.lengths, module.batch_first)))


def refused_by_describe(case: Refused, lstm: type[nn.Module]) -> Exception:
    return refusal(lambda: describe(lstm(3, 4, **case.options), case.given, case.lengths))


@pytest.mark.kernels
@BOTH
@pytest.mark.parametrize("case", CASES)
def test_words_are_torchs_and_advice_follows(case, lstm):
    mine, theirs = refused_by_describe(case, lstm), refused_by_torch(case)
    words, advice = str(mine).split("\nTo fix it: ")
    assert (type(mine), words) == (type(theirs), str(theirs))
    assert case.says in advice


@pytest.mark.kernels
@BOTH
@pytest.mark.parametrize("case", KERNEL)
def test_type_is_torchs_where_words_are_the_kernels(case, lstm):
    mine, theirs = refused_by_describe(case, lstm), refused_by_torch(case)
    words, advice = str(mine).split("\nTo fix it: ")
    assert words
    assert isinstance(mine, type(theirs))
    assert case.says in advice


@pytest.mark.parametrize("case", FOLLOWED)
def test_advice_fixes_the_call(case):
    told = str(refused_by_describe(case, nn.LSTM))
    code = re.search(case.follow, told.partition("To fix it: ")[2])[0]
    fixed = eval(code.rstrip("."), {"torch": torch, "input": as_torch_takes_it(case.given)})
    assert describe(nn.LSTM(3, 4, **case.options), fixed, case.lengths)


@pytest.mark.parametrize(
    "case",
    [SWAPPED, SWAPPED_FIRST, MODULE["L = 0"]],
    ids=["swapped", "swapped, batch_first", "L = 0"],
)
def test_building_with_the_batch_first_that_is_advised_fixes_the_call(case):
    told = str(refused_by_describe(case, nn.LSTM))
    flag = re.search(r"build the LSTM with batch_first=(True|False)\.", told)[1]
    assert describe(nn.LSTM(3, 4, batch_first=flag == "True"), case.given, case.lengths)


@pytest.mark.kernels
def test_under_autocast_advice_is_on_the_features_and_not_on_the_dtype():
    double = zeros(5, 2, 7, dtype=torch.float64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mine = refusal(lambda: describe(nn.LSTM(3, 4), double))
        theirs = refusal(lambda: nn.LSTM(3, 4)(double))
    words, advice = str(mine).split("\nTo fix it: ")
    assert (type(mine), words) == (type(theirs), str(theirs))
    assert "input_size=7" in advice


@BOTH
@pytest.mark.parametrize(
    ("packed", "says"),
    [
        (pack_padded_sequence(zeros(5, 2, 7), [5, 3]), "input_size=7"),
        (pack_padded_sequence(zeros(5, 2), [5, 3]), "three axes"),
        (pack_padded_sequence(zeros(5, 2, 3, 1), [5, 3]), "three axes"),
        (pack_padded_sequence(zeros(5, 2, 3).double(), [5, 3]), "torch.float32"),
        (pack_padded_sequence(zeros(5, 2, 3), [7, 3]), "tell of 10 steps and data holds 8"),
        (PackedSequence(zeros(7, 3), torch.tensor([2, 2, 2, 1, 1])), "8 steps and data holds 7"),
    ],
    ids=["features", "1-D", "3-D", "dtype", "too long", "steps missing"],
)
def test_packed_input_is_refused_in_torchs_words(packed, says, lstm):
    mine, theirs = (
        refusal(lambda: describe(lstm(3, 4), packed)),
        refusal(lambda: nn.LSTM(3, 4)(packed)),
    )
    words, advice = str(mine).split("\nTo fix it: ")
    assert (type(mine), words) == (type(theirs), str(theirs))
    assert says in advice


def test_features_are_checked_where_torch_reads_past_the_weights():
    """With equal lengths in float32, torch 2.13 runs packed data of any width."""
    packed = pack_padded_sequence(zeros(5, 2, 7), [5, 5])
    with pytest.raises(RuntimeError, match=r"cannot be multiplied \(10x7 and 3x16\)"):
        describe(nn.LSTM(3, 4), packed)


def test_sequences_without_a_length_are_not_dropped_silently():
    dropped = pack_padded_sequence(zeros(5, 3, 3), [5, 2], enforce_sorted=False)
    assert len(dropped.data) == 7  # torch packs two of the three
    with pytest.raises(RuntimeError, match=r"got 2 \(batch_size=3\)"):
        describe(nn.LSTM(3, 4), (5, 3, 3), [5, 2])


def test_negative_and_overflowing_shapes_are_refused():
    with pytest.raises(RuntimeError, match=r"negative dimension -1: \[-1, 2, 3\]\nTo fix it: "):
        describe(nn.LSTM(3, 4), (-1, 2, 3))
    with pytest.raises(RuntimeError, match=r"overflowed.*\nTo fix it: "):
        describe(nn.LSTM(3, 4), (2**40, 2**40, 3))
    with pytest.raises(TypeError, match=r"Overflow when unpacking long long\nTo fix it: "):
        describe(nn.LSTM(3, 4), (2**70, 2, 3))


def test_a_length_beyond_all_bounds_is_refused_at_once():
    with pytest.raises(RuntimeError, match="between 1 and 5, got 1000000000000000 at position 1"):
        describe(nn.LSTM(3, 4), (5, 2, 3), [5, 10**15])


def test_a_packed_sequence_takes_no_lengths():
    packed = pack_padded_sequence(zeros(5, 2, 3), [5, 3])
    with pytest.raises(ValueError, match=r"expected no lengths .*\nTo fix it: leave lengths out"):
        describe(nn.LSTM(3, 4), packed, [5, 3])


@pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated")
def test_a_quantized_lstm_is_refused_by_its_full_name_with_the_lstm_to_describe():
    model = nn.Sequential(nn.LSTM(3, 4, 2, batch_first=True))
    quantized = torch.ao.quantization.quantize_dynamic(model, {nn.LSTM})[0]
    words = r"got torch\.ao\.nn\.quantized\.dynamic\.modules\.rnn\.LSTM\nTo fix it: its weights.*"
    words += r"describe torch\.nn\.LSTM\(3, 4, num_layers=2, batch_first=True\)\."
    with pytest.raises(TypeError, match=words):
        describe(quantized, (5, 2, 3))


@pytest.mark.parametrize("shape", [(1, 2, 4), (1, 4)], ids=["batched", "unbatched"])
def test_states_are_not_taken_for_lengths(shape):
    hx = zeros(shape), zeros(shape)
    with pytest.raises(TypeError, match=r"got a tuple of tensors\nTo fix it: leave hx out"):
        describe(nn.LSTM(3, 4), (5, 2, 3), hx)


@pytest.mark.parametrize(
    ("module", "got", "says"),
    [
        (nn.GRU(3, 4), r"got torch\.nn\.modules\.rnn\.GRU", "describe an LSTM"),
        (nn.LSTMCell(3, 4), r"got torch\.nn\.modules\.rnn\.LSTMCell", "describe an LSTM"),
        (
            nn.LSTM,
            r"got the class torch\.nn\.modules\.rnn\.LSTM",
            r"build it first, such as LSTM\(128, 256\)",
        ),
        (
            nn.ModuleDict({"encoder": nn.LSTM(3, 4)}),
            r"got torch\.nn\.modules\.container\.ModuleDict",
            r"model\.encoder",
        ),
        (
            nn.ModuleList(nn.LSTM(3, 4) for _ in range(4)),
            r"got torch\.nn\.modules\.container\.ModuleList",
            r"model\.0, model\.1, model\.2\.",
        ),
        (None, "got builtins.NoneType", "describe an LSTM"),
    ],
)
def test_what_is_no_lstm_is_refused(module, got, says):
    with pytest.raises(TypeError, match=rf"{got}\nTo fix it: .*{says}"):
        describe(module, (5, 2, 3))
