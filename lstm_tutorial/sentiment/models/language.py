"""A language model: an LSTM that predicts the next word, forwards, backwards or both.

The two directions are two LSTMs that share the embedding and the output layer: a bidirectional LSTM
would read the word that it has to predict.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier

States = tuple[Tensor, Tensor]
FORWARD, REVERSE = 0, 1


class LanguageModel(nn.Module):
    """Predict each next token of a text; with two directions, each previous one as well.

    Without cutoffs the output layer uses the embedding's weights ("tied"). With cutoffs it is an
    adaptive softmax, which scores rare words only where it has to.

    Args:
        vocab_size: V, rows of the embedding.
        embedding_dim: E, features per token.
        hidden_size: H, units of each LSTM.
        dropout: rate for embedded tokens and for the LSTM's outputs.
        directions: 1, or 2 with a second LSTM for reversed texts.
        cutoffs: ids at which the clusters of rarer words begin; ids are sorted by frequency.

    Raises:
        ValueError: if directions is neither 1 nor 2, or the cutoffs do not increase below V.

    References:
        O. Press and L. Wolf, "Using the Output Embedding to Improve Language Models", EACL 2017.
        E. Grave et al., "Efficient softmax approximation for GPUs", ICML 2017.
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_dim: int,
        hidden_size: int,
        dropout: float = 0.0,
        directions: int = 1,
        cutoffs: Sequence[int] = (),
    ) -> None:
        super().__init__()
        if directions not in (1, 2):
            raise ValueError(f"expected 1 or 2 directions, got {directions}")
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        nn.init.normal_(self.embedding.weight, std=embedding_dim**-0.5)
        self.lstms = nn.ModuleList(nn.LSTM(embedding_dim, hidden_size) for _ in range(directions))
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(hidden_size, embedding_dim)
        self.bias = None if cutoffs else nn.Parameter(torch.zeros(vocab_size))
        self.adaptive = (
            nn.AdaptiveLogSoftmaxWithLoss(embedding_dim, vocab_size, list(cutoffs))
            if cutoffs
            else None
        )

    def forward(
        self, ids: Tensor, states: States | None = None, direction: int = FORWARD
    ) -> tuple[Tensor, States]:
        """Read tokens.

        Args:
            ids: int64 (L, N); for ``REVERSE`` from the text's end to its beginning.
            states: h and c, each float (1, N, H); zeros if None.
            direction: ``FORWARD`` or ``REVERSE``.

        Returns:
            What the output layer reads at every step, float (L, N, E), and the states after the
            last step.
        """
        output, states = self.lstms[direction](self.dropout(self.embedding(ids)), states)
        return self.projection(self.dropout(output)), states

    def loss(self, features: Tensor, targets: Tensor) -> Tensor:
        """Compute the mean negative log-probability of the targets, in nats per token.

        Args:
            features: float (L, N, E), from ``forward``.
            targets: int64 (L, N), the tokens that follow.
        """
        rows, answers = features.flatten(0, 1), targets.flatten()
        if self.adaptive is not None:
            found = self.adaptive(rows, answers).output  # bfloat16 under autocast
            return -found.mean(dtype=torch.promote_types(found.dtype, torch.float32))
        return F.cross_entropy(F.linear(rows, self.embedding.weight, self.bias), answers)

    def log_probabilities(self, features: Tensor) -> Tensor:
        """Compute the log-probability of every token of the vocabulary: float (L, N, V)."""
        if self.adaptive is not None:
            return self.adaptive.log_prob(features.flatten(0, 1)).unflatten(0, features.shape[:2])
        return F.linear(features, self.embedding.weight, self.bias).log_softmax(-1)


@torch.no_grad()
def hand_over(source: LanguageModel, target: BiLSTMClassifier) -> None:
    """Copy embedding and both LSTMs of a language model into a classifier, in place.

    The classifier's row for padding becomes zero, as ``nn.Embedding`` initialises it.

    Args:
        source: with two directions.
        target: with one layer, the same vocabulary and the same sizes.

    Raises:
        ValueError: if the two do not fit; the classifier is then unchanged.
    """
    directions, layers = len(source.lstms), target.lstm.num_layers
    if directions != 2 or layers != 1:
        raise ValueError(
            "expected a language model with 2 directions and a classifier with 1 layer, "
            f"got {directions} and {layers}"
        )
    shapes = [
        (*m.embedding.weight.shape, lstm.hidden_size)
        for m, lstm in ((source, source.lstms[0]), (target, target.lstm))
    ]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "expected a classifier with the language model's vocabulary and sizes "
            f"(V, E, H) = {shapes[0]}, got {shapes[1]}"
        )
    target.embedding.weight.copy_(source.embedding.weight)
    target.embedding.weight[target.embedding.padding_idx] = 0.0
    for lstm, suffix in zip(source.lstms, ("", "_reverse"), strict=True):
        for name, weight in lstm.named_parameters():
            getattr(target.lstm, name + suffix).copy_(weight)
