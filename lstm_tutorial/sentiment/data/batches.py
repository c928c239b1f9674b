"""Padded batches of reviews of similar length."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Sampler

from lstm_tutorial.sentiment.data.tokens import truncate as truncate

PADDING = 0  # the id of <pad>

Example = tuple[list[int], float]  # the ids of a review, and its label


class Batch(NamedTuple):
    """A batch of reviews as tensors.

    Args:
        ids: int64 (N, L), 0 on padding.
        lengths: int64 (N,), on the CPU, as packing requires.
        labels: float32 (N,), 0 or 1.
    """

    ids: Tensor
    lengths: Tensor
    labels: Tensor

    def to(self, device: torch.device | str) -> "Batch":
        """Copy to a device; the lengths stay on the CPU."""
        return Batch(self.ids.to(device), self.lengths, self.labels.to(device))


def collate(examples: Sequence[Example]) -> Batch:
    """Pad reviews to the length of the longest.

    Args:
        examples: ids and label of each review.

    Returns:
        One batch, its rows in the order of the examples.

    Raises:
        ValueError: if there are no reviews, or one is empty.
    """
    if not examples:
        raise ValueError("expected at least one review in a batch, got none")
    rows = [torch.tensor(ids, dtype=torch.int64) for ids, _ in examples]
    lengths = torch.tensor([len(row) for row in rows])
    if (lengths == 0).any():
        raise ValueError(
            f"expected at least one token in every review, got none at position "
            f"{int((lengths == 0).nonzero()[0])} of the batch: drop empty reviews first"
        )
    labels = torch.tensor([label for _, label in examples], dtype=torch.float32)
    return Batch(pad_sequence(rows, batch_first=True, padding_value=PADDING), lengths, labels)


class BucketSampler(Sampler[list[int]]):
    """Batch reviews of similar length together.

    The reviews of ``pool`` batches at a time are sorted by length and cut into batches. With
    shuffling, reviews are drawn at random first, and the batches come in random order. Each epoch
    yields every review exactly once, in an order that depends only on the seed and the epoch.

    Args:
        lengths: number of tokens of each review.
        batch_size: reviews per batch; the last batch may have fewer.
        shuffle: whether each epoch has a different order.
        seed: for that order.
        pool: number of batches that are sorted together; with 1, batches ignore length.

    Raises:
        ValueError: if batch_size or pool is not positive.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        pool: int = 50,
    ) -> None:
        for name, value in (("batch_size", batch_size), ("pool", pool)):
            if value < 1:
                raise ValueError(f"expected {name} of at least 1, got {value}")
        self.lengths = torch.as_tensor(lengths, dtype=torch.int64)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.pool = pool
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of batches per epoch."""
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the positions of each batch's reviews."""
        seed = (1_000_003 * self.seed + self.epoch) % 2**32  # more bits make no difference
        generator = torch.Generator().manual_seed(seed)
        n = len(self.lengths)
        order = torch.randperm(n, generator=generator) if self.shuffle else torch.arange(n)
        batches: list[Tensor] = []
        pools = order.split(self.pool * self.batch_size) if n else ()  # nothing splits into one
        for pool in pools:
            by_length = pool[torch.argsort(self.lengths[pool], stable=True)]
            batches.extend(by_length.split(self.batch_size))
        if self.shuffle:
            turns = torch.randperm(len(batches), generator=generator).tolist()
            batches = [batches[k] for k in turns]
        yield from (batch.tolist() for batch in batches)


class PartSampler(Sampler[list[int]]):
    """Take one process's part of each batch.

    A batch, sorted by length, is dealt out like cards, so that all parts are about as much work.
    Every process has to take every step: one left without a review takes the first, uncounted.

    Args:
        whole: yields the batches.
        rank: this process's number.
        processes: how many share a batch.
    """

    def __init__(self, whole: BucketSampler, rank: int, processes: int) -> None:
        self.whole = whole
        self.rank = rank
        self.processes = processes

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass."""
        self.whole.set_epoch(epoch)

    def __len__(self) -> int:
        """Number of batches per epoch, the same for all processes."""
        return len(self.whole)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the positions of the reviews of each part."""
        for batch in self.whole:
            yield batch[self.rank :: self.processes] or batch[:1]

    def sizes(self) -> Iterator[tuple[int, int]]:
        """Yield the number of reviews in each part, and in the whole batch."""
        for batch in self.whole:
            yield len(batch[self.rank :: self.processes]), len(batch)


def make_loader(
    examples: Sequence[Example],
    batch_size: int,
    shuffle: bool = False,
    seed: int = 0,
    pool: int = 50,
) -> DataLoader:
    """Load examples in batches of similar length: a loader that yields ``Batch``.

    Args:
        examples: ids and label of each review.
        batch_size: reviews per batch.
        shuffle: whether each epoch has a different order, set by
            ``loader.batch_sampler.set_epoch``.
        seed: for that order.
        pool: number of batches that are sorted by length together.
    """
    sampler = BucketSampler([len(ids) for ids, _ in examples], batch_size, shuffle, seed, pool)
    own = torch.Generator()  # else every pass would draw a number from the global one
    return DataLoader(
        examples,  # type: ignore[arg-type]  # torch takes any sequence
        batch_sampler=sampler,
        collate_fn=collate,
        generator=own,
    )
