"""Batches: every review once an epoch, like lengths together, the same order for the same seed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from lstm_tutorial.sentiment.data.batches import (
    Batch,
    BucketSampler,
    collate,
    make_loader,
    truncate,
)

SIZES = st.lists(st.integers(1, 40), max_size=80)


def make_lengths(n: int) -> list[int]:
    """Skewed like those of reviews: many short ones, a few long ones."""
    generator = torch.Generator().manual_seed(0)
    return (torch.randn(n, generator=generator).mul(0.7).add(4).exp().long() + 1).tolist()


def make_examples(lengths: list[int]) -> list[tuple[list[int], int]]:
    return [([k + 2] * length, k % 2) for k, length in enumerate(lengths)]


@settings(max_examples=50, derandomize=True, database=None, deadline=None)
@given(st.lists(st.integers(2, 99), max_size=30), st.integers(1, 30))
def test_truncation_keeps_what_it_says(ids, n):
    head, tail, both = (truncate(ids, n, keep) for keep in ("head", "tail", "both"))
    assert head == truncate(ids, n) == ids[:n]
    assert tail == ids[-n:]
    assert len(both) == min(n, len(ids))
    half = len(both) // 2
    assert both[: len(both) - half] == ids[: len(both) - half]
    assert both[len(both) - half :] == ids[len(ids) - half :]


def test_both_ends_are_kept_and_the_odd_one_goes_to_the_head():
    assert truncate([1, 2, 3, 4, 5, 6], 3, "both") == [1, 2, 6]
    assert truncate([1, 2, 3, 4, 5, 6], 4, "both") == [1, 2, 5, 6]
    assert truncate([1, 2, 3], 1, "both") == [1]


def test_bad_truncation_is_refused():
    with pytest.raises(ValueError, match="expected max_length of at least 1, got 0"):
        truncate([1, 2], 0)
    with pytest.raises(ValueError, match="expected keep to be head, tail or both, got 'middle'"):
        truncate([1, 2], 3, "middle")  # although there is nothing to cut


def test_collate_pads_with_zeros_behind_the_words():
    batch = collate([([5], 1), ([3, 4, 2], 0), ([6, 7], 1)])
    assert_close(batch.ids, torch.tensor([[5, 0, 0], [3, 4, 2], [6, 7, 0]]))
    assert_close(batch.lengths, torch.tensor([1, 3, 2]))
    assert_close(batch.labels, torch.tensor([1.0, 0.0, 1.0]))


def test_empty_review_is_refused_with_its_position():
    with pytest.raises(ValueError, match="got none at position 1 of the batch: drop empty reviews"):
        collate([([5], 1), ([], 0), ([], 1)])


def test_batch_without_reviews_is_refused():
    with pytest.raises(ValueError, match="expected at least one review in a batch, got none"):
        collate([])


def test_lengths_stay_on_the_cpu():
    batch = collate([([5], 1), ([3, 4], 0)]).to("meta")
    assert isinstance(batch, Batch)
    assert [tensor.device.type for tensor in batch] == ["meta", "cpu", "meta"]


@settings(max_examples=50, derandomize=True, database=None, deadline=None)
@given(SIZES, st.integers(1, 9), st.booleans(), st.integers(0, 5), st.integers(0, 5))
def test_every_review_comes_exactly_once_an_epoch(lengths, batch_size, shuffle, seed, epoch):
    sampler = BucketSampler(lengths, batch_size, shuffle, seed, pool=3)
    sampler.set_epoch(epoch)
    batches = list(sampler)
    assert sorted(k for batch in batches for k in batch) == list(range(len(lengths)))
    assert len(batches) == len(sampler)
    assert sum(len(batch) < batch_size for batch in batches) <= 1
    assert all(0 < len(batch) <= batch_size for batch in batches)


def order_of(seed: int, epoch: int) -> list[list[int]]:
    sampler = BucketSampler(make_lengths(200), 8, shuffle=True, seed=seed)
    sampler.set_epoch(epoch)
    return list(sampler)


def test_order_is_a_function_of_seed_and_epoch_only():
    pairs = [(seed, epoch) for seed in (0, 1, -1, 10**20) for epoch in range(4)]
    torch.manual_seed(0)
    first = [order_of(*pair) for pair in pairs]
    torch.manual_seed(1)
    assert [order_of(*pair) for pair in reversed(pairs)] == first[::-1]
    assert len({str(order) for order in first}) == len(pairs)


def test_going_back_to_an_epoch_gives_its_order_again():
    loader = make_loader(make_examples(make_lengths(50)), 8, shuffle=True, seed=3)
    orders = []
    for epoch in (1, 2, 1):
        loader.batch_sampler.set_epoch(epoch)
        orders.append([batch.ids[:, 0].tolist() for batch in loader])
    assert orders[0] == orders[2] != orders[1]


@pytest.mark.parametrize("shuffle", [False, True])
def test_global_generator_is_left_alone(shuffle):
    loader = make_loader(make_examples(make_lengths(50)), 8, shuffle)
    before = torch.get_rng_state()
    assert len(list(loader)) == len(loader) == 7
    assert torch.get_rng_state().equal(before)


def padding_share(loader) -> float:
    steps = sum(batch.ids.numel() for batch in loader)
    return 1 - sum(int(batch.lengths.sum()) for batch in loader) / steps


def test_buckets_save_most_of_the_padding(record_property):
    examples = make_examples(make_lengths(2_000))
    loaders = {pool: make_loader(examples, 32, shuffle=True, pool=pool) for pool in (1, 50)}
    at_random, in_buckets = padding_share(loaders[1]), padding_share(loaders[50])
    assert in_buckets < at_random / 2.5
    line = f"padding: {at_random:.0%} in random batches, {in_buckets:.0%} in buckets"
    record_property("figures", line)


def test_batches_of_an_epoch_do_not_come_by_length():
    lengths = make_lengths(200)
    longest = [max(lengths[k] for k in batch) for batch in order_of(0, 1)]
    assert longest != sorted(longest)


def test_unshuffled_batches_rise_in_length():
    lengths = make_lengths(100)
    batches = [[lengths[k] for k in batch] for batch in BucketSampler(lengths, 8, shuffle=False)]
    assert [n for batch in batches for n in batch] == sorted(lengths)


def test_loader_pairs_every_review_with_its_own_length_and_label():
    lengths = make_lengths(60)
    for batch in make_loader(make_examples(lengths), 7, shuffle=True, seed=2):
        for ids, length, label in zip(*batch, strict=True):
            k = int(ids[0]) - 2
            assert length == lengths[k] == ids.count_nonzero()
            assert label == k % 2


@pytest.mark.parametrize("name", ["batch_size", "pool"])
def test_sizes_below_one_are_refused(name):
    with pytest.raises(ValueError, match=f"expected {name} of at least 1, got 0"):
        BucketSampler([1, 2], **({"batch_size": 2} | {name: 0}))
