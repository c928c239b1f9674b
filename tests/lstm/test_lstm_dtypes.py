"""Dtypes and devices: ``LSTM`` returns, or refuses, what ``torch.nn.LSTM`` does.

Where that depends on the processor, what ``torch.nn.LSTM`` does without oneDNN's kernel.
"""

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from tests.lstm.equality import each, flat

LENGTHS = {"packed": [5, 3], "packed, equal lengths": [5, 5], "packed, one sequence": [5]}
KINDS = ("padded", "unbatched", "empty batch", *LENGTHS)
HALF = (torch.bfloat16, torch.float16)
DTYPES = (torch.float32, torch.float64, *HALF)
pytestmark = [pytest.mark.kernels, pytest.mark.filterwarnings("ignore:TF32 acceleration")]


def tensors(kind: str, proj_size: int = 0) -> tuple:
    """Float32 input, h_0 and c_0 for two layers of 4 units in both directions."""
    rows = {"unbatched": (), "empty batch": (0,)}.get(kind, (len(LENGTHS.get(kind, "ab")),))
    sizes = ((5, *rows, 3), (4, *rows, proj_size or 4), (4, *rows, 4))
    return tuple(torch.randn(size) for size in sizes)


def pack(kind: str, x: torch.Tensor) -> object:
    return pack_padded_sequence(x, LENGTHS[kind]) if kind in LENGTHS else x


def twins(ours: type, **arguments) -> tuple[nn.Module, nn.Module]:
    theirs = nn.LSTM(3, 4, 2, bidirectional=True, **arguments)
    mine = ours(3, 4, 2, bidirectional=True, **arguments)
    mine.load_state_dict(theirs.state_dict())
    return mine, theirs


@each
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_stays_near_torch(ours, kind, dtype):
    mine, theirs = (lstm.to(dtype) for lstm in twins(ours))
    x, h, c = (tensor.to(dtype) for tensor in tensors(kind))
    for hx in (None, (h, c)):
        found, expected = (flat(lstm(pack(kind, x), hx)) for lstm in (mine, theirs))
        torch.testing.assert_close(found, expected, rtol=0, atol=0.02)


def by_steps(lstm: nn.Module, *arguments: object) -> list[torch.Tensor]:
    """What torch's LSTM returns step by step, without the kernel that depends on the processor."""
    with torch.backends.mkldnn.flags(enabled=False):
        return flat(lstm(*arguments))


@each
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("proj_size", [0, 2])
@pytest.mark.parametrize("given_hx", [False, True])
def test_autocast_returns_the_dtypes_and_values_of_torchs_steps(ours, kind, proj_size, given_hx):
    mine, theirs = twins(ours, proj_size=proj_size)
    x, *hx = tensors(kind, proj_size)
    arguments = (pack(kind, x), hx if given_hx else None)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, expected = flat(mine(*arguments)), by_steps(theirs, *arguments)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)
    exact = [tensor.to(f.dtype) for tensor, f in zip(flat(mine(*arguments)), found, strict=True)]
    torch.testing.assert_close(found, exact, rtol=0, atol=0.05)


@each
def test_training_under_autocast_gives_float32_gradients_near_torchs(ours):
    mine, theirs = twins(ours)
    x = torch.randn(5, 2, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = [output.square().sum() for output in (mine(x)[0], by_steps(theirs, x)[0])]
    for loss in losses:
        loss.backward()
    for found, expected in zip(mine.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, rtol=0.1, atol=0.1)


# torch joins states of two half precisions, which autocast refuses; ours has none to join.
JOINING = (RuntimeError, "Unexpected floating ScalarType in at::autocast::prioritize")


def outcome(call: Callable[[], list[torch.Tensor]]) -> object:
    """The dtypes that come back, or the type and words of the refusal."""
    try:
        return [tensor.dtype for tensor in call()]
    except Exception as error:
        return type(error), str(error)


@each
@pytest.mark.parametrize("proj_size", [0, 2])
@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("module_dtype", DTYPES)
def test_every_mix_of_dtypes_ends_as_in_torchs_steps(ours, module_dtype, autocast, proj_size):
    mine, theirs = (lstm.to(module_dtype) for lstm in twins(ours, proj_size=proj_size))
    dtypes = (*DTYPES, torch.int64)
    states = [None, *((d, d) for d in dtypes), *((module_dtype, d) for d in dtypes)]
    kinds = ("padded", "one step", "unbatched", "packed", "packed, equal lengths")
    for kind, of_x, of_hx in itertools.product(kinds, dtypes, states):
        x, *hx = tensors(kind, proj_size)
        x = pack(kind, x.to(of_x)) if kind != "one step" else x[:1].to(of_x)
        hx = of_hx and tuple(state.to(dtype) for state, dtype in zip(hx, of_hx, strict=True))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            found = outcome(lambda x=x, hx=hx: flat(mine(x, hx)))
            expected = outcome(lambda x=x, hx=hx: by_steps(theirs, x, hx))
        if expected != JOINING:
            assert found == expected, (kind, of_x, of_hx)


@each
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex64])
def test_other_dtypes_given_to_the_constructor(ours, dtype):
    mine, theirs = twins(ours, dtype=dtype)
    x = torch.randn(5, 2, 3).to(dtype)
    torch.testing.assert_close(mine(x), theirs(x), rtol=0, atol=1e-5)


@each
@pytest.mark.parametrize("kind", KINDS)
def test_meta_device_gives_shapes_without_numbers(ours, kind):
    arguments = {"num_layers": 2, "bidirectional": True, "device": "meta"}
    x, *hx = (tensor.to("meta") for tensor in tensors(kind))
    for states in (None, hx):
        mine, theirs = (cls(3, 4, **arguments) for cls in (ours, nn.LSTM))
        found, expected = (flat(lstm(pack(kind, x), states)) for lstm in (mine, theirs))
        assert [(t.shape, t.dtype) for t in found] == [(t.shape, t.dtype) for t in expected]
        assert all(t.device.type == "meta" for t in found)


@each
def test_meta_device_takes_states_of_another_dtype_where_torch_does(ours):
    mine, theirs = twins(ours, device="meta")
    x, h, c = (tensor.to("meta") for tensor in tensors("padded"))
    hx = (h.double(), c.double())
    assert outcome(lambda: flat(mine(x, hx))) == outcome(lambda: flat(theirs(x, hx)))


@each
def test_from_meta_to_a_real_device(ours):
    found = []
    for cls in (ours, nn.LSTM):
        lstm = cls(3, 4, device="meta").to_empty(device="cpu")
        torch.manual_seed(3)
        lstm.reset_parameters()
        found.append(lstm)
    x = torch.randn(5, 2, 3)
    torch.testing.assert_close(found[0](x), found[1](x), rtol=0, atol=1e-6)


@each
def test_a_default_device_and_dtype_hold_for_the_weights_alone(ours):
    with torch.device("meta"):
        lstm = ours(3, 4, bidirectional=True)
        output, _ = lstm(torch.randn(5, 2, 3))
    assert lstm.weight_ih_l0.device.type == output.device.type == "meta"
    torch.set_default_dtype(torch.float64)
    try:
        lstm = ours(3, 4)
        assert lstm(torch.randn(5, 2, 3))[0].dtype == lstm.weight_ih_l0.dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
