"""Variants of the LSTM's step, and the loop that runs any of them over a sequence.

Each step takes the input's share of the preactivations, computed for all steps before the loop, and
the states before the step. Its equations are those of ``lstm_step`` with one change.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lstm_tutorial.cell import lstm_gates

States = tuple[Tensor, Tensor]


def over_time(
    step: Callable[[Tensor, Any], tuple[Tensor, ...]], projected: Tensor, hx: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """Run a step over a sequence and keep the states of every step.

    Args:
        step: takes float (N, features) and a tuple of states, and returns the states after it.
        projected: float (L, N, features), what the step reads of the input.
        hx: the states before the first step, float (N, H_cell) each.

    Returns:
        As many tensors as there are states, float (L, N, H_cell): for an LSTM all h and all c.
    """
    states = []
    for own in projected.unbind(0):  # cut once, so that the backward pass joins once
        hx = step(own, hx)
        states.append(hx)
    return tuple(torch.stack(each) for each in zip(*states, strict=True))


def layer_norm_step(
    projected: Tensor, hx: States, weight_hh: Tensor, norm_hh: nn.Module, norm_c: nn.Module
) -> States:
    r"""Normalise the recurrent share, and c on its way to h; c itself stays as it is.

    .. math::
        a &= \text{LN}(W_{ih} x) + b + \text{LN}(W_{hh} h) \\
        h' &= o \odot \tanh(\text{LN}(c'))

    Args:
        projected: float (N, 4*H_cell), the input's share, already normalised.
        hx: h and c, float (N, H_cell) each.
        weight_hh: float (4*H_cell, H_cell).
        norm_hh: ``nn.LayerNorm(4*H_cell)``.
        norm_c: ``nn.LayerNorm(H_cell)``.

    Returns:
        h and c after the step, float (N, H_cell) each.

    References:
        Ba, Kiros and Hinton (2016), "Layer normalization", supplementary material.
    """
    h, c = hx
    i, f, g, o = lstm_gates(projected + norm_hh(F.linear(h, weight_hh)))
    c = f * c + i * g
    return o * torch.tanh(norm_c(c)), c


def peephole_step(
    projected: Tensor, hx: States, weight_hh: Tensor, bias_hh: Tensor | None, peephole: Tensor
) -> States:
    r"""Let the gates see c: input and forget gate the old one, the output gate the new one.

    .. math::
        i = \sigma(a_i + p_i \odot c), \quad f = \sigma(a_f + p_f \odot c), \quad
        o = \sigma(a_o + p_o \odot c')

    Args:
        projected: float (N, 4*H_cell), the input's share.
        hx: h and c, float (N, H_cell) each.
        weight_hh: float (4*H_cell, H_cell).
        bias_hh: float (4*H_cell,), or None.
        peephole: float (3, H_cell), the rows p_i, p_f and p_o.

    Returns:
        h and c after the step, float (N, H_cell) each.

    References:
        Gers, Schraudolph and Schmidhuber (2002), "Learning precise timing with LSTM recurrent
        networks".
    """
    h, c = hx
    p_i, p_f, p_o = peephole
    a_i, a_f, a_g, a_o = (projected + F.linear(h, weight_hh, bias_hh)).chunk(4, dim=-1)
    i, f = torch.sigmoid(a_i + p_i * c), torch.sigmoid(a_f + p_f * c)
    c = f * c + i * torch.tanh(a_g)
    return torch.sigmoid(a_o + p_o * c) * torch.tanh(c), c


def coupled_step(
    projected: Tensor, hx: States, weight_hh: Tensor, bias_hh: Tensor | None = None
) -> States:
    r"""Write as much as is forgotten: :math:`i = 1 - f`, with three blocks of weights, f, g, o.

    Args:
        projected: float (N, 3*H_cell), the input's share.
        hx: h and c, float (N, H_cell) each.
        weight_hh: float (3*H_cell, H_cell).
        bias_hh: float (3*H_cell,), or None.

    Returns:
        h and c after the step, float (N, H_cell) each.

    References:
        Greff et al. (2017), "LSTM: A search space odyssey", variant CIFG.
    """
    h, c = hx
    a_f, a_g, a_o = (projected + F.linear(h, weight_hh, bias_hh)).chunk(3, dim=-1)
    f = torch.sigmoid(a_f)
    c = f * c + (1 - f) * torch.tanh(a_g)
    return torch.sigmoid(a_o) * torch.tanh(c), c


def masked_step(
    projected: Tensor,
    hx: States,
    weight_hh: Tensor,
    bias_hh: Tensor | None = None,
    mask_h: Tensor | float = 1.0,
    mask_g: Tensor | float = 1.0,
) -> States:
    """Multiply h, on its way to the gates, and the candidate g by dropout masks.

    Args:
        projected: float (N, 4*H_cell), the input's share.
        hx: h and c, float (N, H_cell) each.
        weight_hh: float (4*H_cell, H_cell).
        bias_hh: float (4*H_cell,), or None.
        mask_h: float (N, H_cell), drawn once for the whole sequence.
        mask_g: float (N, H_cell), drawn once or for each step.

    Returns:
        h and c after the step, float (N, H_cell) each; h is not masked.

    References:
        Gal and Ghahramani (2016) for h; Semeniuta, Severyn and Barth (2016), "Recurrent dropout
        without memory loss", for g.
    """
    h, c = hx
    i, f, g, o = lstm_gates(projected + F.linear(h * mask_h, weight_hh, bias_hh))
    c = f * c + i * g * mask_g
    return o * torch.tanh(c), c


def zoneout(old: Tensor, new: Tensor, p: float, training: bool) -> Tensor:
    """Keep each number of a state with probability p; outside training, mix by the expectation.

    Args:
        old: float (N, H_cell), a state before the step.
        new: float (N, H_cell), the same state after it.
        p: probability of the old value.
        training: whether to draw; otherwise the result is ``p * old + (1 - p) * new``.

    Returns:
        float (N, H_cell).

    References:
        Krueger et al. (2017), "Zoneout".
    """
    if training:
        return torch.where(torch.rand_like(old) < p, old, new)
    return p * old + (1 - p) * new


def gru_step(
    projected: Tensor, hx: tuple[Tensor], weight_hh: Tensor, bias_hh: Tensor | None = None
) -> tuple[Tensor]:
    r"""Advance a GRU, which has one state, by one step, as ``torch.nn.GRU`` does.

    .. math::
        r &= \sigma(a_r), \quad z = \sigma(a_z), \quad
        n = \tanh(W_{in} x + b_{in} + r \odot (W_{hn} h + b_{hn})) \\
        h' &= (1 - z) \odot n + z \odot h

    Args:
        projected: float (N, 3*H_cell), the input's share of r, z and n.
        hx: h alone, float (N, H_cell).
        weight_hh: float (3*H_cell, H_cell).
        bias_hh: float (3*H_cell,), or None.

    Returns:
        h after the step, float (N, H_cell), alone in a tuple.

    References:
        Cho et al. (2014); the place of r is that of ``torch.nn.GRU``.
    """
    (h,) = hx
    x_r, x_z, x_n = projected.chunk(3, dim=-1)
    h_r, h_z, h_n = F.linear(h, weight_hh, bias_hh).chunk(3, dim=-1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return ((1 - z) * n + z * h,)
