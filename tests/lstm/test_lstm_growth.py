"""What a training step costs grows linearly with the length of the sequences.

Counted, not timed: two lengths, one four times the other. On the last of the counts torch's own
packed backward pass, which is quadratic, comes to 11 times.
"""

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from lstm_tutorial import LSTM
from lstm_tutorial.bptt import FastLSTM
from tests.lstm.equality import each

SHORT, LONG, MOST = 20, 80, 4.3


def training_step(lstm_class: type, length: int, packed: bool) -> None:
    """Forward and backward through two layers in both directions."""
    lstm = lstm_class(4, 8, num_layers=2, bidirectional=True)
    x = torch.randn(length, 3, 4, requires_grad=True)
    if packed:
        output = lstm(pack_padded_sequence(x, [length, length // 2, length // 4]))[0].data
    else:
        output = lstm(x)[0]
    output.sum().backward()


@each
@pytest.mark.parametrize("packed", [False, True])
def test_memory_kept_for_the_backward_pass_grows_linearly_with_length(ours, packed):
    def kept(length: int) -> int:
        total = 0

        def count(tensor: Tensor) -> Tensor:
            nonlocal total
            total += tensor.nelement() * tensor.element_size()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            training_step(ours, length, packed)
        return total

    assert 0 < kept(LONG) < MOST * kept(SHORT)


@pytest.mark.parametrize("ours", [LSTM, FastLSTM])  # the counter doesn't see compiled products
@pytest.mark.parametrize("packed", [False, True])
def test_multiplications_of_a_training_step_grow_linearly_with_length(ours, packed):
    def multiplications(length: int) -> int:
        with FlopCounterMode(display=False) as counter:
            training_step(ours, length, packed)
        return counter.get_total_flops()

    assert 0 < multiplications(LONG) < MOST * multiplications(SHORT)


@each
@pytest.mark.parametrize("packed", [False, True])
def test_memory_that_a_training_step_fills_grows_linearly_with_length(ours, packed):
    def filled(length: int) -> int:
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
            training_step(ours, length, packed)
        return sum(max(0, event.self_cpu_memory_usage) for event in record.events())

    assert 0 < filled(LONG) < MOST * filled(SHORT)
