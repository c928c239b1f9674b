"""Row order in packed sequences: sorting by length, and reversing each sequence in place."""

import torch
from torch import Tensor

from lstm_tutorial.contract.lstm import check_rows


def sorted_rows(hx: tuple[Tensor, Tensor], indices: Tensor) -> tuple[Tensor, Tensor]:
    """Reorder initial states as a PackedSequence orders its sequences.

    Args:
        hx: h_0 float (D*num_layers, N, H_out) and c_0 float (D*num_layers, N, H_cell).
        indices: int64 (N,), the sequences from longest to shortest.

    Raises:
        RuntimeError, IndexError: if there are not N rows.
    """
    h_0, c_0 = (hx[k].index_select(1, indices) for k in range(2))
    check_rows(hx, len(indices))  # the selection alone would drop rows too many
    return h_0, c_0


def reversal(batch_sizes: Tensor) -> Tensor:
    """Compute the index, int64 (sum(batch_sizes),), that reverses every packed sequence in place.

    Applied twice it restores the original order.

    Args:
        batch_sizes: int64 (L,) on the CPU, never increasing.
    """
    n = int(batch_sizes[0])
    first = batch_sizes.cumsum(0) - batch_sizes  # where each step's rows begin
    lengths = (batch_sizes[:, None] > torch.arange(n, device=first.device)).sum(0)  # (N,)
    step = torch.repeat_interleave(batch_sizes)  # step of every row of the data
    sequence = torch.arange(len(step), device=first.device) - first[step]
    return first[lengths[sequence] - 1 - step] + sequence
