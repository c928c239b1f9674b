"""The minimal LSTM, whose gates do not see h, so that all steps can be computed at once."""

import torch
import torch.nn.functional as F
from torch import Tensor


def min_gates(projected: Tensor) -> tuple[Tensor, Tensor]:
    r"""Turn the input's three shares into what is kept and what is written.

    .. math::
        f' = \frac{f}{f + i}, \quad v = \frac{i}{f + i} \odot \tilde{h}, \quad
        f = \sigma(a_f), \quad i = \sigma(a_i)

    Args:
        projected: float (..., 3*H_cell), the blocks :math:`a_f, a_i, \tilde{h}` side by side.

    Returns:
        f' and v, float (..., H_cell) each; f' is between 0 and 1.

    References:
        Feng et al. (2024), "Were RNNs all we needed?", section 3.2.
    """
    a_f, a_i, candidate = projected.chunk(3, dim=-1)
    kept = torch.sigmoid(F.softplus(-a_i) - F.softplus(-a_f))  # f / (f + i), without a division
    return kept, (1 - kept) * candidate


def min_lstm_loop(projected: Tensor, h_0: Tensor) -> Tensor:
    r"""Compute :math:`h_t = f'_t \odot h_{t-1} + v_t`, one step after the other.

    Args:
        projected: float (L, N, 3*H_cell), as ``min_gates`` takes it.
        h_0: float (N, H_cell).

    Returns:
        h of every step, float (L, N, H_cell).
    """
    h, states = h_0, []
    for kept, written in zip(*(t.unbind(0) for t in min_gates(projected)), strict=True):
        h = kept * h + written
        states.append(h)
    return torch.stack(states)


def min_lstm(projected: Tensor, h_0: Tensor) -> Tensor:
    """Compute what ``min_lstm_loop`` does, in about log2(L) operations over all steps.

    Args:
        projected: float (L, N, 3*H_cell), as ``min_gates`` takes it.
        h_0: float (N, H_cell).

    Returns:
        h of every step, float (L, N, H_cell).

    References:
        Hillis and Steele (1986), "Data parallel algorithms"; Martin and Cundy (2018),
        "Parallelizing linear recurrent neural nets over sequence length".
    """
    kept, written = min_gates(projected)
    written = torch.cat([written[:1] + kept[:1] * h_0, written[1:]])
    return parallel_scan(kept, written)


def parallel_scan(kept: Tensor, written: Tensor) -> Tensor:
    r"""Compute :math:`h_t = f_t \odot h_{t-1} + v_t` for all t, with :math:`h_0 = 0`.

    Two runs of steps join into one: its f is the product of both, its v what the first wrote and
    the second kept, plus what the second wrote. Each round doubles the length of the runs.

    Args:
        kept: float (L, ...), f of each step, between 0 and 1 so that products do not overflow.
        written: float (L, ...), v of each step.

    Returns:
        h of every step, float (L, ...).
    """
    span = 1
    while span < len(written):
        later = kept[span:]
        written = torch.cat([written[:span], written[span:] + later * written[:-span]])
        kept = torch.cat([kept[:span], later * kept[:-span]])
        span *= 2
    return written
