"""A classifier with two paths: a BiLSTM beside weighted n-grams ("wide and deep").

A linear path beside a deep one is from H.-T. Cheng et al., "Wide & Deep Learning for Recommender
Systems", 2016; a loss for an intermediate output of a network from C.-Y. Lee et al.,
"Deeply-Supervised Nets", 2015. Training a second model on predictions for examples that the first
one has not seen is from D. H. Wolpert, "Stacked Generalization", 1992.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from lstm_tutorial.sentiment.models import hashing
from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier

BUCKETS = 2**22
FOLDS = 5


def ngram_buckets(
    ids: Tensor, lengths: Tensor, max_n: int, buckets: int = BUCKETS
) -> tuple[Tensor, Tensor]:
    """Number the n-grams of each review.

    Args:
        ids: int64 (N, L).
        lengths: int64 (N,).
        max_n: length of the longest n-gram.
        buckets: how many numbers there are; different n-grams may share one.

    Returns:
        The numbers of the first review's distinct n-grams, then those of the second, and so on,
        int64 (total,); and the count for each review, int64 (N,).
    """
    numbers, is_new = _numbered(ids, lengths, max_n, buckets)
    return numbers[is_new], is_new.sum(dim=1)


def _numbered(ids: Tensor, lengths: Tensor, max_n: int, buckets: int) -> tuple[Tensor, Tensor]:
    """Number all n-grams of each review in rising order, and mark each number's first."""
    hashed, found = ids, []
    for n in range(1, max_n + 1):
        if n > 1:  # extend each n-gram by one word
            hashed = hashing.extend(hashed[:, :-1], ids[:, n - 1 :], salt=n)
        ends = n + torch.arange(hashed.size(1), device=ids.device)
        bucket = hashing.spread(hashed, buckets)
        found.append(bucket.masked_fill(ends > lengths.to(ids.device)[:, None], -1))
    numbers = torch.cat(found, dim=1).sort(dim=1).values
    before = F.pad(numbers[:, :-1], (1, 0), value=-1)
    return numbers, (numbers >= 0) & (numbers != before)


def fold_of(ids: Tensor) -> Tensor:
    """Assign reviews, int64 (N, L), to folds by their words, so that copies share one."""
    steps = torch.arange(1, ids.size(1) + 1, device=ids.device)
    return hashing.spread((ids * (steps * 7_919 % 10_007)).sum(dim=1), FOLDS)


class NGramPath(nn.Module):
    """Add up the weights of a review's distinct n-grams.

    ``fit`` fits the weights once, with the regression of ``linear.fit_ngrams``, to the words that
    the model reads: truncated reviews, rare words unknown. Gradients do not change them. Weights
    that were fitted to a review know its label, so there is one set of weights for each fold,
    fitted to the other folds: in training mode a review gets the weights of its own fold, in
    evaluation mode their mean.

    Args:
        max_n: length of the longest n-gram.
        buckets: number of weights.
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
            out_of_fold: whether a fold's own reviews are excluded; otherwise the weights know the
                answers, a mistake that is kept to be measured.

        Raises:
            ValueError: if a fold leaves reviews of only one label.
        """
        from lstm_tutorial.sentiment.models import linear  # loads scikit-learn: slow

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
            RuntimeError: in training mode, if the n-grams have not been fitted.
        """
        if self.training and len(self.fold_weights) == 0:
            raise RuntimeError("expected fitted n-grams, got none: call fit before training")
        numbers, is_new = _numbered(ids, lengths, self.max_n, len(self.weight))
        if self.training:
            fold = fold_of(ids).cpu()
            weights = self.fold_weights[fold[:, None], numbers.cpu()].to(ids.device)
            bias = self.fold_biases[fold].to(ids.device)
        else:
            weights, bias = self.weight[numbers], self.bias
        return bias + (weights * is_new).sum(dim=1)


class WideAndDeepClassifier(nn.Module):
    """Combine the logits of a BiLSTM and of an ``NGramPath`` with learned shares.

    The n-grams are right so often that a BiLSTM that only corrects them gets too little gradient to
    learn to read. In training the BiLSTM therefore also gives its own answer, and the loss includes
    both.

    Args:
        deep: reads the words in order.
        max_n: length of the longest n-gram of the other path.
        two_answers: whether the BiLSTM also gives its own answer.
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
            float (N,); in training mode with two answers (2, N), the BiLSTM's own logits first.

        Raises:
            ValueError: if ids or lengths do not fit, as for ``BiLSTMClassifier``.
            RuntimeError: in training mode, if the n-grams have not been fitted.
        """
        deep, wide = self.deep(ids, lengths), self.wide(ids, lengths)
        both = self.shares[0] * deep + self.shares[1] * wide
        return torch.stack([deep, both]) if self.training and self.two_answers else both
