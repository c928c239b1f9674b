"""CTC: torch's loss against a sum over all paths, and the helpers against definitions."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F

from lstm_tutorial.tasks.ctc import collapse, greedy_labels, make_signals, steps_needed


@pytest.mark.parametrize(
    ("path", "labels"),
    [
        ([], []),
        ([0, 0], []),
        ([1, 1, 1], [1]),
        ([1, 0, 1], [1, 1]),
        ([0, 2, 2, 0, 2, 1], [2, 2, 1]),
    ],
)
def test_collapse_merges_neighbours_before_it_drops_blanks(path, labels):
    assert collapse(path) == labels


@pytest.mark.parametrize("labels", [[], [1], [1, 2], [1, 1], [2, 2, 1]])
def test_loss_is_the_sum_over_all_paths_that_collapse_to_the_targets(labels, record_property):
    log_probs = torch.randn(5, 1, 3, dtype=torch.float64).log_softmax(2)
    paths = [path for path in product(range(3), repeat=5) if collapse(path) == labels]
    totals = torch.stack([log_probs[range(5), 0, path].sum() for path in map(list, paths)])
    targets = torch.tensor([labels], dtype=torch.int64).view(1, -1)
    sizes = torch.tensor([5]), torch.tensor([len(labels)])
    loss = F.ctc_loss(log_probs, targets, *sizes, reduction="sum")
    torch.testing.assert_close(loss, -totals.logsumexp(0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("labels", [[1], [1, 2], [1, 1], [2, 2, 2], [1, 2, 2, 1]])
def test_loss_is_finite_from_the_steps_needed_on(labels):
    targets, size = torch.tensor([[*labels, 9, 9]]), torch.tensor([len(labels)])
    needed = int(steps_needed(targets, size))
    log_probs = torch.randn(9, 1, 3).log_softmax(2)
    for steps in range(1, 9):
        loss = F.ctc_loss(log_probs, targets[:, : len(labels)], torch.tensor([steps]), size)
        assert loss.isfinite() == (steps >= needed)


def test_greedy_labels_read_each_row_to_its_length():
    paths = torch.tensor([[1, 1, 0, 1, 2], [0, 2, 2, 1, 1]])
    log_probs = F.one_hot(paths, 3).float().transpose(0, 1)
    assert greedy_labels(log_probs, torch.tensor([5, 3])) == [[1, 1, 2], [2]]


def test_signals_move_as_their_labels_say_and_are_long_enough():
    x, lengths, targets, sizes = make_signals(200, seed=0, noise=0.0)
    assert x.shape[:2] == (200, int(lengths.max()))
    assert (lengths >= steps_needed(targets, sizes)).all()
    assert set(targets[:, 0].tolist()) == {1, 2, 3}
    rising, falling, hump = (x[targets[:, 0] == k, :4, 0].diff(dim=1) for k in (1, 2, 3))
    assert (rising > 0).all()
    assert (falling < 0).all()
    assert (hump[:, 0] > 0).all()
    assert (x[targets[:, 0] == 3, :9, 0].amin(1) == -1).all()
    padding = torch.arange(x.size(1)) >= lengths[:, None]
    assert not make_signals(200, seed=0).x[padding].any()
    assert torch.equal((targets > 0).sum(1), sizes)


def test_signals_depend_on_the_seed_only():
    torch.manual_seed(7)
    again = make_signals(5, seed=0)
    assert all(torch.equal(a, b) for a, b in zip(make_signals(5, seed=0), again, strict=True))
    assert not torch.equal(make_signals(5, seed=1).targets, again.targets)
