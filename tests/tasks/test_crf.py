"""The CRF against a sum, and a maximum, over all paths that there are."""

from itertools import pairwise, product

import pytest
import torch

from lstm_tutorial.tasks.crf import CRF

EXACT = {"rtol": 0, "atol": 1e-12}
LENGTHS = [1, 2, 5, 4, 3, 1, 2, 3, 1]


def make(tags=3, lengths=LENGTHS):
    """Random weights, scores and tags; padding holds NaN and -100."""
    crf = CRF(tags).double()
    for weight in crf.parameters():
        torch.nn.init.normal_(weight)
    lengths = torch.tensor(lengths)
    padding = torch.arange(int(lengths.max())) >= lengths[:, None]
    scores = torch.randn(*padding.shape, tags, dtype=torch.float64)
    labels = torch.randint(tags, padding.shape).masked_fill(padding, -100)
    return crf, scores.masked_fill(padding[:, :, None], torch.nan), labels, lengths


def score_of(crf, row, path):
    """Score one path of one row, as the equation has it."""
    total = crf.start[path[0]] + crf.end[path[-1]]
    total = total + sum(row[t, tag] for t, tag in enumerate(path))
    return total + sum(crf.transitions[a, b] for a, b in pairwise(path))


def all_paths(crf, row):
    """Return every path of a row with its score."""
    paths = list(product(range(row.size(1)), repeat=len(row)))
    return paths, torch.stack([score_of(crf, row, path) for path in paths])


def rows(scores, lengths):
    return [row[:length] for row, length in zip(scores, lengths.tolist(), strict=True)]


@pytest.mark.parametrize("seed", range(3))
def test_forward_algorithm_equals_the_sum_over_all_paths(seed, record_property):
    torch.manual_seed(seed)
    crf, scores, _, lengths = make()
    brute = torch.stack([all_paths(crf, row)[1].logsumexp(0) for row in rows(scores, lengths)])
    ours = crf.log_partition(scores, lengths)
    torch.testing.assert_close(ours, brute, **EXACT)
    if seed == 0:
        error = (ours - brute).abs().max().item()
        record_property("figures", f"CRF: log Z against all paths, largest difference {error:.0e}")


@pytest.mark.parametrize("seed", range(3))
def test_viterbi_finds_the_best_of_all_paths(seed):
    torch.manual_seed(seed)
    crf, scores, _, lengths = make()
    with torch.no_grad():
        crf.transitions.diagonal().sub_(3.0)  # so that staying in a tag is no default
    tags, best = crf.viterbi(scores, lengths)
    for n, row in enumerate(rows(scores, lengths)):
        paths, totals = all_paths(crf, row)
        assert tags[n].tolist() == [*paths[totals.argmax()], *[-100] * (5 - len(row))]
        torch.testing.assert_close(best[n], totals.max().detach(), **EXACT)


def test_marginals_equal_those_of_all_paths():
    crf, scores, _, lengths = make()
    ours = crf.marginals(scores, lengths)
    for n, row in enumerate(rows(scores, lengths)):
        paths, totals = all_paths(crf, row)
        shares = totals.softmax(0)
        brute = torch.zeros_like(row)
        for path, share in zip(paths, shares, strict=True):
            for t, tag in enumerate(path):
                brute[t, tag] += share.detach()
        torch.testing.assert_close(ours[n, : len(row)], brute, **EXACT)
        assert not ours[n, len(row) :].any()


def test_loss_is_that_of_the_path_among_all_paths():
    crf, scores, tags, lengths = make()
    for n, (loss, row) in enumerate(
        zip(crf(scores, tags, lengths), rows(scores, lengths), strict=True)
    ):
        paths, totals = all_paths(crf, row)
        place = paths.index(tuple(tags[n, : len(row)].tolist()))
        torch.testing.assert_close(loss, -totals.log_softmax(0)[place], **EXACT)


def test_gradients_of_a_padded_batch_equal_those_of_each_row_alone():
    crf, scores, tags, lengths = make()
    weights = list(crf.parameters())
    padded = torch.autograd.grad(crf(scores, tags, lengths).sum(), weights)
    alone = [torch.zeros_like(weight) for weight in weights]
    for n, row in enumerate(rows(scores, lengths)):
        loss = crf(row[None], tags[n : n + 1, : len(row)], lengths[n : n + 1])
        for total, slope in zip(alone, torch.autograd.grad(loss.sum(), weights), strict=True):
            total += slope
    torch.testing.assert_close(list(padded), alone, **EXACT)


def test_gradient_of_the_scores_is_marginals_minus_the_true_path():
    crf, scores, tags, lengths = make()
    given = scores.clone().requires_grad_()
    crf(given, tags, lengths).sum().backward()
    true = torch.zeros_like(scores)
    true.scatter_(2, tags.clamp(min=0)[:, :, None], (tags >= 0).double()[:, :, None])
    torch.testing.assert_close(given.grad, crf.marginals(scores, lengths) - true, **EXACT)


def test_without_transitions_it_is_cross_entropy_and_argmax():
    _, scores, tags, lengths = make()
    crf = CRF(3).double()
    losses = torch.nn.functional.cross_entropy(scores.transpose(1, 2), tags, reduction="none")
    torch.testing.assert_close(crf(scores, tags, lengths), losses.sum(1), **EXACT)
    best = scores.argmax(2).masked_fill(tags < 0, -100)
    assert torch.equal(crf.viterbi(scores, lengths)[0], best)


def test_a_forbidden_transition_is_never_taken_and_stays_forbidden():
    crf, scores, _, lengths = make()
    with torch.no_grad():
        crf.transitions[0, 1] = crf.start[2] = -torch.inf
    tags = torch.zeros(scores.shape[:2], dtype=torch.int64)
    optimizer = torch.optim.Adam(crf.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        crf(scores, tags, lengths).sum().backward()
        assert all(weight.grad.isfinite().all() for weight in crf.parameters())
        optimizer.step()
    assert crf.transitions[0, 1] == crf.start[2] == -torch.inf
    scores = 3 * torch.randn(50, 5, 3, dtype=torch.float64)
    path, _ = crf.viterbi(scores, torch.full((50,), 5))
    assert not ((path[:, :-1] == 0) & (path[:, 1:] == 1)).any()
    assert not (path[:, 0] == 2).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": torch.zeros(4, 5, 2)}, r"scores \(N, L, 3\), got \(4, 5, 2\): the linear"),
        ({"scores": torch.zeros(5, 3)}, r"scores \(N, L, 3\), got \(5, 3\)"),
        ({"lengths": torch.tensor([1, 2, 5])}, r"lengths int64 \(4,\), one per row, got .*\(3,\)"),
        ({"lengths": torch.tensor([1.0] * 4)}, r"lengths int64 \(4,\).*float32"),
        ({"lengths": torch.tensor([1, 0, 5, 4])}, "between 1 and 5, got 0: drop empty rows"),
        ({"lengths": torch.tensor([1, 2, 6, 4])}, "between 1 and 5, got 6: cut it to 5"),
        ({"tags": torch.zeros(4, 4, dtype=torch.int64)}, r"tags int64 \(4, 5\), got .*\(4, 4\)"),
        ({"tags": torch.zeros(4, 5)}, r"tags int64 \(4, 5\), got torch.float32"),
        ({"tags": torch.full((4, 5), 3)}, "tags between 0 and 2, got 3"),
        ({"tags": torch.full((4, 5), -100)}, "tags between 0 and 2, got -100: .* padding only"),
    ],
)
def test_wrong_input_is_refused_with_what_to_do(change, message):
    crf, scores, tags, lengths = make(lengths=[1, 2, 5, 4])
    given = {"scores": scores, "tags": tags, "lengths": lengths} | change
    with pytest.raises(ValueError, match=message):
        crf(**given)
