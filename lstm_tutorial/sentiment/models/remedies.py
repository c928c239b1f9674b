"""Remedies from the literature that change the model: locked dropout, other initial weights."""

import torch
from torch import Tensor, nn


class LockedDropout(nn.Dropout):
    """Drop the same features at every step of a sequence.

    This is the half of "variational" dropout outside the LSTM; the recurrent path, to which the
    paper applies dropout as well, is unchanged.

    References:
        Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent
        Neural Networks", NeurIPS 2016.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drop features of float (N, L, features) or (N, features); the shape stays the same."""
        if input.dim() < 3:
            return super().forward(input)
        return input * super().forward(input.new_ones(input.size(0), 1, input.size(2)))


@torch.no_grad()
def open_forget_gates(lstm: nn.LSTM) -> None:
    """Set the sum of both biases of every forget gate to 1, in place.

    References:
        R. Jozefowicz et al., "An Empirical Exploration of Recurrent Network Architectures",
        ICML 2015, section 2.2.
    """
    for name, bias in lstm.named_parameters():
        if name.startswith("bias"):
            bias[lstm.hidden_size : 2 * lstm.hidden_size] = float(name.startswith("bias_ih"))


def start_orthogonal(lstm: nn.LSTM) -> None:
    """Initialise every gate's recurrent weights as an orthogonal matrix, in place.

    References:
        A. M. Saxe et al., "Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear
        Neural Networks", ICLR 2014.
    """
    for name, weight in lstm.named_parameters():
        if name.startswith("weight_hh"):
            for block in weight.chunk(4):
                nn.init.orthogonal_(block)


START = {
    "torch": lambda lstm: None,
    "forget bias 1": open_forget_gates,
    "orthogonal": start_orthogonal,
}
