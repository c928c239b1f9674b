"""What might make the classifier better: remedies from the literature, one at a time."""

from typing import Any

import torch
from torch import Tensor, nn

from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier
from lstm_tutorial.sentiment.models.wide import WideAndDeepClassifier

OFF = {  # what a setting is where no remedy is taken
    "num_layers": 1,
    "start": "torch",  # of the LSTM's weights; or "forget bias 1", or "orthogonal"
    "locked_dropout": False,
    "smoothing": 0.0,  # of the training labels
    "ema": 0.0,
    "ngrams": "none",  # or "in sample", or "out of fold"
    "two_answers": True,  # in training: that of the BiLSTM beside that of both
}
MAX_N = 3
REMEDIES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "128 units": {"hidden_size": 128},
    "n-grams, out of fold": {"ngrams": "out of fold"},
    "n-grams, out of fold, one answer": {"ngrams": "out of fold", "two_answers": False},
    "n-grams, in sample": {"ngrams": "in sample"},
    "averaged weights": {"ema": 0.99},
    "locked dropout": {"locked_dropout": True},
    "label smoothing 0.1": {"smoothing": 0.1},
    "forget bias 1": {"start": "forget bias 1"},
    "orthogonal start": {"start": "orthogonal"},
    "400 tokens": {"max_length": 400},
}


class LockedDropout(nn.Dropout):
    """Drop the same features at every step of a sequence.

    This is the half of "variational" dropout that stands outside the LSTM: the recurrent path,
    which the paper drops as well, is left alone.

    References:
        Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent
        Neural Networks", NeurIPS 2016.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drop features.

        Args:
            input: float (N, L, features), or (N, features).

        Returns:
            The same shape; in evaluation mode the input as it is.
        """
        if input.dim() < 3:
            return super().forward(input)
        return input * super().forward(input.new_ones(input.size(0), 1, input.size(2)))


def build(chosen: dict[str, Any]) -> BiLSTMClassifier | WideAndDeepClassifier:
    """Make an untrained classifier with the remedies that are chosen.

    Args:
        chosen: a value for ``vocab_size``, ``embedding_dim``, ``hidden_size``, ``pooling``,
            ``dropout``, ``word_dropout``, and for those keys of ``OFF`` that are not off.

    Returns:
        The model, initialised from torch's global random generator. Its n-grams are not fitted.
    """
    chosen = OFF | chosen
    sizes = [chosen[name] for name in ("vocab_size", "embedding_dim", "hidden_size")]
    options = {n: chosen[n] for n in ("num_layers", "pooling", "dropout", "word_dropout")}
    model = BiLSTMClassifier(*sizes, **options)
    START[chosen["start"]](model.lstm)
    if chosen["locked_dropout"]:
        model.dropout = LockedDropout(chosen["dropout"])
    if chosen["ngrams"] == "none":
        return model
    return WideAndDeepClassifier(model, MAX_N, chosen["two_answers"])


@torch.no_grad()
def open_forget_gates(lstm: nn.LSTM) -> None:
    """Let both biases of every forget gate add up to 1.

    Args:
        lstm: changed in place.

    References:
        R. Jozefowicz et al., "An Empirical Exploration of Recurrent Network Architectures",
        ICML 2015, section 2.2.
    """
    for name, bias in lstm.named_parameters():
        if name.startswith("bias"):
            bias[lstm.hidden_size : 2 * lstm.hidden_size] = float(name.startswith("bias_ih"))


def start_orthogonal(lstm: nn.LSTM) -> None:
    """Start every gate's recurrent weights as an orthogonal matrix.

    Args:
        lstm: changed in place.

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
