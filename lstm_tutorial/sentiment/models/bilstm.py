"""Embedding, bidirectional LSTM, pooling and one linear layer: from a review to its logit."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstm_tutorial import ragged
from lstm_tutorial.sentiment.models import hashing

POOLINGS = ("last_step", "final_states", "mean", "max", "attention")


def last_step(output: Tensor) -> Tensor:
    """Take the last of the steps (N, L, 2*H_out), a common mistake that is kept to be shown.

    It may be padding, and its reverse half has read only one token.
    """
    return output[:, -1]


def final_states(h_n: Tensor) -> Tensor:
    """Join the last layer's final forward and reverse states.

    Args:
        h_n: float (2*num_layers, N, H_out), as a bidirectional ``nn.LSTM`` returns it.

    Returns:
        float (N, 2*H_out), forward half first.

    Raises:
        ValueError: if h_n is not 3-D, or its first dimension is odd.
    """
    if h_n.dim() != 3 or h_n.size(0) % 2 != 0:
        raise ValueError(
            f"expected h_n (2*num_layers, N, H_out) of a bidirectional LSTM, "
            f"got {tuple(h_n.shape)}: build the LSTM with bidirectional=True"
        )
    return torch.cat([h_n[-2], h_n[-1]], dim=1)


def mean_pool(output: Tensor, lengths: Tensor) -> Tensor:
    """Average the valid steps.

    Args:
        output: float (N, L, features).
        lengths: int64 (N,).

    Returns:
        float (N, features).
    """
    total = output.masked_fill(is_padding(output, lengths), 0.0).sum(dim=1)
    return total / lengths.to(output)[:, None]


def max_pool(output: Tensor, lengths: Tensor) -> Tensor:
    """Take each feature's largest value over the valid steps; shapes as for ``mean_pool``."""
    return output.masked_fill(is_padding(output, lengths), -torch.inf).amax(dim=1)


class AttentionPool(nn.Module):
    """Average the valid steps with learned weights.

    Args:
        features: number of features per step.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.score = nn.Linear(features, 1)

    def weights(self, output: Tensor, lengths: Tensor) -> Tensor:
        """Compute the weight of every step: float (N, L, 1), each row sums to 1, padding has 0."""
        scores = self.score(output).masked_fill(is_padding(output, lengths), -torch.inf)
        return torch.softmax(scores, dim=1)

    def forward(self, output: Tensor, lengths: Tensor) -> Tensor:
        """Pool; shapes as for ``mean_pool``."""
        output = output.masked_fill(is_padding(output, lengths), 0.0)
        return (self.weights(output, lengths) * output).sum(dim=1)


def is_padding(output: Tensor, lengths: Tensor) -> Tensor:
    """Mark the steps beyond each row's length: bool (N, L, 1).

    Args:
        output: (N, L, features).
        lengths: int64 (N,).

    Raises:
        ValueError: if the lengths do not fit.
    """
    _check_lengths(lengths, output.size(0), output.size(1))
    steps = torch.arange(output.size(1), device=output.device)
    return (steps >= lengths.to(output.device)[:, None]).unsqueeze(-1)


class BiLSTMClassifier(nn.Module):
    """Classify reviews with a bidirectional LSTM.

    Args:
        vocab_size: V, rows of the embedding; 0 is ``<pad>`` and 1 ``<unk>``.
        embedding_dim: E, features per word.
        hidden_size: H, units per direction.
        num_layers: number of stacked BiLSTM layers.
        dropout: rate for the embedded words, the pooled vector, and between layers.
        pooling: one of ``POOLINGS``.
        lstm: ``torch.nn.LSTM``, or a class with its contract.
        word_dropout: share of the words that training replaces by ``<unk>``.
        bigrams: rows of a second embedding, for each word together with the one before it, that is
            added to the first; pairs are assigned to rows by a hash. 0 for none.

    Raises:
        ValueError: if the pooling is unknown or word_dropout is not a probability.

    References:
        A. Joulin et al., "Bag of Tricks for Efficient Text Classification", EACL 2017, section 2.2,
        for embeddings of hashed n-grams.
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_dim: int,
        hidden_size: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        pooling: str = "max",
        lstm: Callable[..., nn.Module] = nn.LSTM,
        word_dropout: float = 0.0,
        bigrams: int = 0,
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(
                f"expected pooling to be one of {', '.join(POOLINGS)}, got {pooling!r}"
            )
        if not 0 <= word_dropout <= 1:
            raise ValueError(f"expected word_dropout between 0 and 1, got {word_dropout}")
        self.pooling = pooling
        self.word_dropout = word_dropout
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
        self.bigrams = nn.Embedding(bigrams, embedding_dim) if bigrams else None
        if self.bigrams is not None:
            nn.init.normal_(self.bigrams.weight, std=0.1)
        self.lstm = lstm(
            embedding_dim,
            hidden_size,
            num_layers,
            batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0,
            bidirectional=True,
        )
        self.attention = AttentionPool(2 * hidden_size) if pooling == "attention" else None
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(2 * hidden_size, 1)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Compute the logits: above 0 means positive.

        Args:
            ids: int64 (N, L).
            lengths: int64 (N,), each between 1 and L.

        Returns:
            float (N,).

        Raises:
            ValueError: if ids are not (N, L) or outside the vocabulary, or lengths do not fit.
        """
        _check_ids(ids, self.embedding.num_embeddings)
        _check_lengths(lengths, *ids.shape)
        words = self.dropout(self._embed(ids))  # (N, L, E)
        pooled = self.dropout(self._pool(words, lengths))  # (N, 2*H)
        return self.classifier(pooled).squeeze(1)

    def _embed(self, ids: Tensor) -> Tensor:
        words = self.embedding(self._drop_words(ids))
        if self.bigrams is None:
            return words
        hashed = hashing.extend(ids[:, :-1], ids[:, 1:])
        pairs = self.bigrams(hashing.spread(hashed, self.bigrams.num_embeddings))
        return words + F.pad(pairs * (ids[:, 1:, None] != 0), (0, 0, 1, 0))  # the first has none

    def _drop_words(self, ids: Tensor) -> Tensor:
        if not self.training or self.word_dropout == 0:
            return ids
        dropped = torch.rand(ids.shape, device=ids.device) < self.word_dropout
        return ids.masked_fill(dropped & (ids != 0), 1)

    def _pool(self, words: Tensor, lengths: Tensor) -> Tensor:
        if self.pooling == "last_step":  # the LSTM is not told the lengths
            return last_step(run_padded(self.lstm, words)[0])
        output, h_n = run_lstm(self.lstm, words, lengths)
        if self.pooling == "final_states":
            return final_states(h_n)
        return self._pool_steps(output, lengths)

    def _pool_steps(self, output: Tensor, lengths: Tensor) -> Tensor:
        if self.attention is not None:
            return self.attention(output, lengths)
        return {"mean": mean_pool, "max": max_pool}[self.pooling](output, lengths)  # (N, 2*H)


def run_padded(lstm: nn.Module, words: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Run a batch-first LSTM over all steps of float (N, L, E), padding included, without autocast.

    On CPUs autocast either reaches torch's kernel or makes it raise, depending on the processor.
    """
    with torch.autocast("cpu", enabled=False):
        return lstm(words)


def run_lstm(lstm: nn.Module, words: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Run an LSTM over rows of unequal length so that padding has no effect.

    Args:
        lstm: batch-first; ``torch.nn.LSTM`` runs at padded speed, any other class packed.
        words: float (N, L, E).
        lengths: int64 (N,).

    Returns:
        output float (N, L, D*H_out), zero on padding, and h_n float (D*num_layers, N, H_out).
    """
    if isinstance(lstm, nn.LSTM):
        output, (h_n, _) = ragged.run(lstm, words, lengths)
        return output, h_n
    packed = pack_padded_sequence(words, lengths.cpu(), batch_first=True, enforce_sorted=False)
    output, (h_n, _) = lstm(packed)
    return pad_packed_sequence(output, batch_first=True, total_length=words.size(1))[0], h_n


def _check_ids(ids: Tensor, vocab_size: int) -> None:
    """Refuse ids that are not a padded batch (N, L) of this vocabulary."""
    if not isinstance(ids, Tensor) or ids.dtype != torch.int64 or ids.dim() != 2:
        raise ValueError(f"expected ids int64 (N, L), got {_came(ids)}: use collate")
    if torch.compiler.is_exporting():  # values are not known then
        return
    wrong = ((ids < 0) | (ids >= vocab_size)).nonzero().tolist()
    if wrong:
        row, step = wrong[0]
        raise ValueError(
            f"expected ids between 0 and {vocab_size - 1}, got {int(ids[row, step])} in row {row}, "
            f"step {step}: encode with the vocabulary that the model was built for"
        )


def _check_lengths(lengths: Tensor, N: int, L: int) -> None:
    """Refuse lengths that are not int64 (N,), each between 1 and L."""
    fits = isinstance(lengths, Tensor) and lengths.dtype == torch.int64
    if not fits or tuple(lengths.shape) != (N,):
        raise ValueError(
            f"expected lengths int64 ({N},), one for each row, got {_came(lengths)}: use collate"
        )
    if torch.compiler.is_exporting():  # values are not known then
        return
    wrong = ((lengths < 1) | (lengths > L)).nonzero().flatten().tolist()
    if wrong:
        came = int(lengths[wrong[0]])
        do = "drop empty reviews first" if came < 1 else f"cut it to {L}"
        raise ValueError(
            f"expected lengths between 1 and {L}, got {came} at position {wrong[0]}: {do}"
        )


def _came(value: object) -> str:
    """Describe a wrong value for an error message."""
    if isinstance(value, Tensor):
        return f"{value.dtype} {tuple(value.shape)}"
    return f"a {type(value).__name__}"
