"""A classifier of two paths: the BiLSTM beside a sum of weighted n-grams ("wide and deep").

The idea of a linear path beside a deep one, trained together, is from H.-T. Cheng et al., "Wide &
Deep Learning for Recommender Systems", 2016; that of dropping a whole path from N. Neverova et al.,
"ModDrop: Adaptive Multi-Modal Gesture Recognition", 2016.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from lstm_tutorial.sentiment.model import BiLSTMClassifier

BUCKETS = 2**22
PRIME = 2**31 - 1
SMOOTHING = 1.0  # added to every count
DECAY = 400.0  # steps after which the rate has halved
SHARES = ((0.5, 0.5), (1.0, 0.0), (0.0, 1.0))  # of the two paths in a training review's logit


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


class NGramPath(nn.Module):
    """Add up the weights of a review's n-grams, each scaled by its naive Bayes log-ratio.

    Args:
        max_n: words of the longest n-gram.
        lr: of plain gradient descent at the first step; it falls as 1 / (1 + steps / DECAY). The
            path learns during the backward pass, so that an optimizer, which sees no gradient of
            its, leaves it alone.
        buckets: weights.
    """

    def __init__(self, max_n: int, lr: float = 1.0, buckets: int = BUCKETS) -> None:
        super().__init__()
        self.max_n = max_n
        self.lr = lr
        self.weight = nn.Parameter(torch.zeros(buckets, 1))
        self.bias = nn.Parameter(torch.zeros(1))
        self.register_buffer("ratios", torch.zeros(buckets))
        self.register_buffer("steps", torch.tensor(0.0))
        for parameter in self.parameters():
            parameter.register_post_accumulate_grad_hook(self._descend)

    @torch.no_grad()
    def _descend(self, parameter: nn.Parameter) -> None:
        parameter.sub_(self.lr / (1 + self.steps / DECAY) * parameter.grad)
        parameter.grad = None
        self.steps += parameter is self.weight

    @torch.no_grad()
    def count(self, loader: DataLoader) -> None:
        """Compute the log-ratios from the training part, as ``baselines.fit_ngrams`` does.

        Args:
            loader: yields batches.
        """
        counts = torch.full((2, len(self.ratios)), SMOOTHING)
        for batch in loader:
            numbers, sizes = ngram_buckets(batch.ids, batch.lengths, self.max_n, len(self.ratios))
            rows = batch.labels.long().repeat_interleave(sizes)
            counts.index_put_((rows, numbers), torch.ones(len(numbers)), accumulate=True)
        negative, positive = counts / counts.sum(dim=1, keepdim=True)
        self.ratios.copy_((positive / negative).log())

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Compute the logits.

        Args:
            ids: int64 (N, L).
            lengths: int64 (N,).

        Returns:
            float (N,).
        """
        numbers, sizes = ngram_buckets(ids, lengths, self.max_n, len(self.ratios))
        starts = sizes.cumsum(0) - sizes
        total = F.embedding_bag(
            numbers, self.weight, starts, mode="sum", per_sample_weights=self.ratios[numbers]
        )
        return total.squeeze(1) + self.bias


class WideAndDeepClassifier(nn.Module):
    """Average the logits of a BiLSTM and of an ``NGramPath``, trained as one model with one loss.

    The n-grams know most training reviews by heart after one epoch; a BiLSTM that is only ever
    asked together with them has nothing left to learn. So training drops whole paths as dropout
    drops features: each review is answered by both paths, by the BiLSTM alone or by the n-grams
    alone, by lot. In evaluation mode both answer.

    Args:
        deep: reads the words in order.
        max_n: words of the longest n-gram of the other path.
    """

    def __init__(self, deep: BiLSTMClassifier, max_n: int) -> None:
        super().__init__()
        self.deep = deep
        self.wide = NGramPath(max_n)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Compute the logits: above 0 means positive.

        Args:
            ids: int64 (N, L).
            lengths: int64 (N,), each between 1 and L.

        Returns:
            float (N,).

        Raises:
            ValueError: if ids or lengths do not fit, as for ``BiLSTMClassifier``.
        """
        paths = torch.stack([self.deep(ids, lengths), self.wide(ids, lengths)])
        if not self.training:
            return paths.mean(dim=0)
        lots = torch.tensor(SHARES, device=paths.device)[torch.randint(len(SHARES), lengths.shape)]
        return (lots.T * paths).sum(dim=0)
