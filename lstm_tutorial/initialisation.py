"""Start an LSTM's weights as Keras does, or its forget gates open."""

import torch
from torch import nn


@torch.no_grad()
def init_like_keras(lstm: nn.LSTM) -> None:
    """Draw an LSTM's parameters from the distributions that Keras' ``LSTM`` starts with.

    Glorot uniform for the weights of the input, one orthogonal matrix for the recurrent weights of
    all four gates together, and biases of 0, but for the forget gate, whose two add up to 1.
    PyTorch draws all of them from a uniform distribution within ``1 / sqrt(hidden_size)`` of 0.

    Args:
        lstm: changed in place: all layers and directions, and the projections, where there are
            any, like the weights of the input.

    References:
        X. Glorot and Y. Bengio, "Understanding the Difficulty of Training Deep Feedforward Neural
        Networks", AISTATS 2010, section 4.2.1.
        R. Jozefowicz et al., "An Empirical Exploration of Recurrent Network Architectures",
        ICML 2015, section 2.2.
    """
    H = lstm.hidden_size
    for name, parameter in lstm.named_parameters():
        if name.startswith("weight_hh"):
            nn.init.orthogonal_(parameter)  # (4*H, H_out), with orthonormal columns
        elif name.startswith("weight"):
            nn.init.xavier_uniform_(parameter)
        else:
            parameter.zero_()
            parameter[H : 2 * H] = float(name.startswith("bias_ih"))
