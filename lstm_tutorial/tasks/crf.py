"""A linear-chain CRF over the scores of a tagger: likelihood, best path and marginals, in batches.

A path y through a sequence of n steps gets the score

    s(y) = start[y_1] + sum_t scores[t, y_t] + sum_t transitions[y_t, y_t+1] + end[y_n]

and the probability exp(s(y)) / Z, where Z is the sum of exp(s) over all paths. Both sums over paths
are one loop over the steps, for all rows of a batch at once.
"""

import torch
from torch import Tensor, nn

IGNORED = -100  # the tag of padded steps, as in torch.nn.CrossEntropyLoss


class CRF(nn.Module):
    """A conditional random field whose tags depend on their left and right neighbours.

    All weights begin at zero: the tags are then independent of each other. A weight of ``-inf``
    forbids a transition, and stays through training.

    Args:
        tags: C, the number of tags.

    References:
        J. Lafferty, A. McCallum and F. Pereira, "Conditional Random Fields", ICML 2001;
        Z. Huang, W. Xu and K. Yu, "Bidirectional LSTM-CRF Models for Sequence Tagging", 2015.
    """

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.zeros(tags))
        self.transitions = nn.Parameter(torch.zeros(tags, tags))  # [from, to]
        self.end = nn.Parameter(torch.zeros(tags))

    def forward(self, scores: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """Compute -log p(tags) of each row, a loss to be averaged.

        Args:
            scores: float (N, L, C), the output of a linear layer.
            tags: int64 (N, L); anything, such as -100, on padding.
            lengths: int64 (N,), each between 1 and L.

        Returns:
            float (N,).

        Raises:
            ValueError: if shapes, tags or lengths do not fit.
        """
        return self.log_partition(scores, lengths) - self.path_score(scores, tags, lengths)

    def path_score(self, scores: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """Compute s(tags): float (N,); arguments and errors as for ``forward``."""
        valid, lengths = self._valid(scores, lengths)
        if tags.dtype != torch.int64 or tags.shape != valid.shape:
            raise ValueError(
                f"expected tags int64 {tuple(valid.shape)}, got {tags.dtype} {tuple(tags.shape)}"
            )
        tags = tags.masked_fill(~valid, 0)
        if wrong := tags[(tags < 0) | (tags >= scores.size(2))].tolist():
            raise ValueError(
                f"expected tags between 0 and {scores.size(2) - 1}, got {wrong[0]}: "
                f"{IGNORED} may mark padding only"
            )
        steps = scores.gather(2, tags[:, :, None]).squeeze(2)  # (N, L)
        moves = self.transitions[tags[:, :-1], tags[:, 1:]]  # (N, L-1)
        last = tags.gather(1, lengths[:, None] - 1).squeeze(1)
        inside = steps.masked_fill(~valid, 0).sum(1) + moves.masked_fill(~valid[:, 1:], 0).sum(1)
        return self.start[tags[:, 0]] + inside + self.end[last]

    def log_partition(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """Compute log Z by the forward algorithm: float (N,).

        ``alpha[n, k]`` is the log of the sum over all paths of row n that end in tag k.
        """
        valid, _ = self._valid(scores, lengths)
        alpha = self.start + scores[:, 0]  # (N, C)
        for step, reads in zip(scores.unbind(1)[1:], valid.unbind(1)[1:], strict=True):
            longer = (alpha[:, :, None] + self.transitions).logsumexp(1) + step
            alpha = torch.where(reads[:, None], longer, alpha)
        return (alpha + self.end).logsumexp(1)

    @torch.no_grad()
    def viterbi(self, scores: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Find the path with the highest score.

        Args:
            scores: float (N, L, C).
            lengths: int64 (N,), each between 1 and L.

        Returns:
            The tags, int64 (N, L) with -100 on padding, and their score s, float (N,).

        Raises:
            ValueError: if shapes or lengths do not fit.
        """
        valid, _ = self._valid(scores, lengths)
        stay = torch.arange(scores.size(2), device=scores.device)
        best, back = self.start + scores[:, 0], []  # (N, C)
        for step, reads in zip(scores.unbind(1)[1:], valid.unbind(1)[1:], strict=True):
            longer, came_from = (best[:, :, None] + self.transitions).max(1)
            best = torch.where(reads[:, None], longer + step, best)
            back.append(torch.where(reads[:, None], came_from, stay))
        score, last = (best + self.end).max(1)
        path = [last]
        for came_from in reversed(back):
            path.append(came_from.gather(1, path[-1][:, None]).squeeze(1))
        return torch.stack(path[::-1], dim=1).masked_fill(~valid, IGNORED), score

    def marginals(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """Compute the probability of each tag at each step, over all paths.

        It is the gradient of log Z with respect to the scores.

        Args:
            scores: float (N, L, C).
            lengths: int64 (N,), each between 1 and L.

        Returns:
            float (N, L, C), zero on padding.
        """
        with torch.enable_grad():
            given = scores.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.log_partition(given, lengths).sum(), given)
        return slope

    def _valid(self, scores: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Mark the valid steps, bool (N, L); refuse scores and lengths that do not fit."""
        if scores.dim() != 3 or scores.size(2) != len(self.start):
            raise ValueError(
                f"expected scores (N, L, {len(self.start)}), got {tuple(scores.shape)}: "
                "the linear layer below needs one output per tag"
            )
        if lengths.dtype != torch.int64 or lengths.shape != scores.shape[:1]:
            raise ValueError(
                f"expected lengths int64 ({scores.size(0)},), one per row, "
                f"got {lengths.dtype} {tuple(lengths.shape)}"
            )
        L = scores.size(1)
        if wrong := lengths[(lengths < 1) | (lengths > L)].tolist():
            do = "drop empty rows first" if wrong[0] < 1 else f"cut it to {L}"
            raise ValueError(f"expected lengths between 1 and {L}, got {wrong[0]}: {do}")
        lengths = lengths.to(scores.device)
        return torch.arange(L, device=scores.device) < lengths[:, None], lengths
