"""A classifier of two paths: a BiLSTM beside weighted n-grams ("wide and deep").

A linear path beside a deep one is from H.-T. Cheng et al., "Wide & Deep Learning for Recommender
Systems", 2016; a loss for a hidden part of a network from C.-Y. Lee et al., "Deeply-Supervised
Nets", 2015. That a second model should learn from answers to examples which the first one has not
seen is from D. H. Wolpert, "Stacked Generalization", 1992.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from lstm_tutorial.sentiment.models import linear
from lstm_tutorial.sentiment.models.bilstm import PRIME, BiLSTMClassifier

BUCKETS = 2**22
FOLDS = 5


def ngram_buckets(
    ids: Tensor, lengths: Tensor, max_n: int, buckets: int = BUCKETS
) -> tuple[Tensor, Tensor]:
    """Number the n-grams of each review.

    Args:
        ids: int64 (N, L).
        lengths: int64 (N,).
        max_n: words of the longest n-gram.
        buckets: numbers to give; different n-grams may by chance get the same.

    Returns:
        The numbers of the first review's distinct n-grams, then those of the second, and so on,
        int64 (total,); and how many each review has, int64 (N,).
    """
    L, hashed, found = ids.size(1), ids, []
    for n in range(1, max_n + 1):
        if n > L:
            break
        if n > 1:  # extend each n-gram by one word
            hashed = (hashed[:, :-1] * 1_000_003 + ids[:, n - 1 :] + n) % PRIME
        ends = torch.arange(n, L + 1, device=ids.device)
        bucket = hashed * 48_271 % PRIME % buckets
        found.append(bucket.masked_fill(ends > lengths.to(ids.device)[:, None], -1))
    numbers = torch.cat(found, dim=1).sort(dim=1).values
    is_new = numbers >= 0
    is_new[:, 1:] &= numbers[:, 1:] != numbers[:, :-1]
    return numbers[is_new], is_new.sum(dim=1)


def fold_of(ids: Tensor) -> Tensor:
    """Deal reviews into folds by their words, so that copies of a review share one.

    Args:
        ids: int64 (N, L), 0 on padding.

    Returns:
        int64 (N,), between 0 and FOLDS - 1.
    """
    steps = torch.arange(1, ids.size(1) + 1, device=ids.device)
    return (ids * (steps * 7_919 % 10_007)).sum(dim=1) * 48_271 % PRIME % FOLDS


class NGramPath(nn.Module):
    """Add up the weights of a review's distinct n-grams.

    ``fit`` fits the weights once, with the regression of ``linear.fit_ngrams``, to the words
    that the model is given: cut at its length, and rare ones unknown. Gradients leave them alone.
    Weights that were fitted to a review know its label. So there is a set of weights for each
    fold, fitted to the other folds: in training mode a review gets those of its own fold, in
    evaluation mode the mean of all.

    Args:
        max_n: words of the longest n-gram.
        buckets: weights.
    """

    weight: Tensor  # both are buffers
    bias: Tensor

    def __init__(self, max_n: int, buckets: int = BUCKETS) -> None:
        super().__init__()
        self.max_n = max_n
        self.register_buffer("weight", torch.zeros(buckets))
        self.register_buffer("bias", torch.zeros(()))
        self.fold_weights = torch.zeros(0, buckets)  # needed in training only, so not saved
        self.fold_biases = torch.zeros(0)

    def fit(self, loader: DataLoader, out_of_fold: bool = True) -> None:
        """Fit the weights of every fold.

        Args:
            loader: yields the batches of the training part.
            out_of_fold: whether a fold's own reviews are left out; without that the weights know
                the answers, a mistake that is kept to be measured.

        Raises:
            ValueError: if a fold leaves reviews of one label only.
        """
        numbers: list[np.ndarray] = []
        sizes: list[np.ndarray] = []
        folds, labels = [], []
        for batch in loader:
            found = ngram_buckets(batch.ids, batch.lengths, self.max_n, len(self.weight))
            for kept, new in zip((numbers, sizes), found, strict=True):
                kept.append(new.numpy())
            folds.append(fold_of(batch.ids).numpy())
            labels.append(batch.labels.numpy())
        features = linear.binary_features(
            np.concatenate(numbers), np.concatenate(sizes), len(self.weight)
        )
        fold, label = np.concatenate(folds), np.concatenate(labels)
        if out_of_fold:
            fitted = [linear.weigh(features[fold != k], label[fold != k]) for k in range(FOLDS)]
        else:
            fitted = [linear.weigh(features, label)] * FOLDS
        self.fold_weights = torch.tensor(np.stack([w for w, _ in fitted]), dtype=torch.float32)
        self.fold_biases = torch.tensor([b for _, b in fitted])
        self.weight.copy_(self.fold_weights.mean(dim=0))
        self.bias.copy_(self.fold_biases.mean())

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Compute the logits.

        Args:
            ids: int64 (N, L).
            lengths: int64 (N,).

        Returns:
            float (N,).

        Raises:
            RuntimeError: if it is in training mode and has not been fitted.
        """
        if self.training and len(self.fold_weights) == 0:
            raise RuntimeError("expected fitted n-grams, got none: call fit before training")
        numbers, sizes = ngram_buckets(ids, lengths, self.max_n, len(self.weight))
        rows = torch.arange(len(ids), device=ids.device).repeat_interleave(sizes)
        if self.training:
            fold = fold_of(ids).cpu()
            weights = self.fold_weights[fold[rows.cpu()], numbers.cpu()].to(ids.device)
            bias = self.fold_biases[fold].to(ids.device)
        else:
            weights, bias = self.weight[numbers], self.bias
        return bias + weights.new_zeros(len(ids)).index_add_(0, rows, weights)


class WideAndDeepClassifier(nn.Module):
    """Weigh the logits of a BiLSTM and of an ``NGramPath`` against each other.

    The n-grams are right so often that a BiLSTM which only ever corrects them gets too little
    gradient to learn to read. So in training it answers for itself as well, and the loss counts
    both answers.

    Args:
        deep: reads the words in order.
        max_n: words of the longest n-gram of the other path.
        two_answers: whether the BiLSTM answers for itself, too.
    """

    def __init__(self, deep: BiLSTMClassifier, max_n: int, two_answers: bool = True) -> None:
        super().__init__()
        self.two_answers = two_answers
        self.deep = deep
        self.wide = NGramPath(max_n)
        self.shares = nn.Parameter(torch.full((2,), 0.5))

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Compute the logits: above 0 means positive.

        Args:
            ids: int64 (N, L).
            lengths: int64 (N,), each between 1 and L.

        Returns:
            float (N,); in training mode (2, N), the BiLSTM's own logits first, if it answers too.

        Raises:
            ValueError: if ids or lengths do not fit, as for ``BiLSTMClassifier``.
            RuntimeError: if it is in training mode and its n-grams have not been fitted.
        """
        deep, wide = self.deep(ids, lengths), self.wide(ids, lengths)
        both = self.shares[0] * deep + self.shares[1] * wide
        return torch.stack([deep, both]) if self.training and self.two_answers else both
