"""One time step of an LSTM, written as its equations.

The gates are always in PyTorch's order: i (input), f (forget), g (candidate), o (output).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lstm_tutorial.contract.cell import check_cell_ranks, check_cell_sizes


def lstm_gates(preactivation: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    r"""Turn the four preactivations into the four gates.

    .. math::
        & i = \sigma(a_i), \quad f = \sigma(a_f), \\
        & g = \tanh(a_g), \quad o = \sigma(a_o)

    Args:
        preactivation: float (N, 4*H_cell), the blocks :math:`a_i, a_f, a_g, a_o` side by side.

    Returns:
        Four float (N, H_cell): i, f and o between 0 and 1, g between -1 and 1.

    References:
        Gers, Schmidhuber and Cummins (2000), "Learning to forget", equations 1 to 4;
        the layout is that of ``torch.nn.LSTM``.
    """
    a_i, a_f, a_g, a_o = preactivation.chunk(4, dim=-1)
    i = torch.sigmoid(a_i)
    f = torch.sigmoid(a_f)
    g = torch.tanh(a_g)
    o = torch.sigmoid(a_o)
    return i, f, g, o


def lstm_step(
    projected: Tensor,
    hx: tuple[Tensor, Tensor],
    weight_hh: Tensor,
    bias_hh: Tensor | None = None,
    weight_hr: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Advance the states (h, c) by one time step.

    .. math::
        a &= W_{ih} x + b_{ih} + W_{hh} h + b_{hh} \\
        i, f, g, o &= \text{gates}(a) \\
        c' &= f \odot c + i \odot g \\
        h' &= o \odot \tanh(c') \\
        h' &= W_{hr}(o \odot \tanh(c')) \quad\text{if projected}

    Args:
        projected: float (N, 4*H_cell), the input's share :math:`W_{ih} x + b_{ih}`.
        hx: the states before the step: h float (N, H_out), c float (N, H_cell).
        weight_hh: float (4*H_cell, H_out).
        bias_hh: float (4*H_cell,), or None.
        weight_hr: float (H_out, H_cell), or None where h is not projected.

    Returns:
        The states after the step: h float (N, H_out), c float (N, H_cell).

    References:
        Hochreiter and Schmidhuber (1997); the forget gate is from Gers et al. (2000), the
        projection from Sak, Senior and Beaufays (2014), equation 7.
    """
    h, c = hx
    i, f, g, o = lstm_gates(projected + F.linear(h, weight_hh, bias_hh))  # (N, H_cell) each
    c = f * c + i * g
    h = o * torch.tanh(c)
    if weight_hr is not None:
        h = F.linear(h, weight_hr)  # (N, H_out)
    return h, c


class LSTMCell(nn.Module):
    """Run one time step with weights of its own: the contract of ``torch.nn.LSTMCell``.

    Args:
        input_size: features of the input, H_in.
        hidden_size: features of each state, H_cell.
        bias: whether the two bias vectors exist.
        device: where the parameters live.
        dtype: floating-point type of the parameters.
    """

    weight_ih: Tensor  # the four are registered by name
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        shapes = {
            "weight_ih": (4 * hidden_size, input_size),
            "weight_hh": (4 * hidden_size, hidden_size),
            "bias_ih": (4 * hidden_size,),
            "bias_hh": (4 * hidden_size,),
        }
        for name, shape in shapes.items():
            exists = bias or name.startswith("weight")
            weight = (
                nn.Parameter(torch.empty(shape, device=device, dtype=dtype)) if exists else None
            )
            self.register_parameter(name, weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw every parameter from U(-1/sqrt(H_cell), 1/sqrt(H_cell)), as torch does."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        """Describe the arguments that are not at their defaults."""
        return f"{self.input_size}, {self.hidden_size}" + (
            "" if self.bias is True else f", bias={self.bias}"
        )

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Advance by one step.

        Args:
            input: float (N, H_in), or unbatched (H_in,).
            hx: h and c, each float (N, H_cell), or unbatched (H_cell,); zeros where None.

        Returns:
            h and c after the step, shaped like the states that went in.

        Raises:
            ValueError, RuntimeError, TypeError: where ``torch.nn.LSTMCell`` does, in its words.
        """
        check_cell_ranks(input, hx)
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
            hx = None if hx is None else (hx[0].unsqueeze(0), hx[1].unsqueeze(0))
        if hx is None:
            zeros = input.new_zeros(input.size(0), self.hidden_size)
            hx = (zeros, zeros)
        check_cell_sizes(self, input, hx)
        projected = F.linear(input, self.weight_ih, self.bias_ih)  # (N, 4*H_cell)
        h, c = lstm_step(projected, hx, self.weight_hh, self.bias_hh)
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))
