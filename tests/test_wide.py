"""The n-gram path counts, hashes and learns as it says, and fits into training as it is."""

import math

import pytest
import torch
from torch.testing import assert_close

from lstm_tutorial.sentiment import training
from lstm_tutorial.sentiment.batches import make_loader
from lstm_tutorial.sentiment.model import BiLSTMClassifier
from lstm_tutorial.sentiment.wide import NGramPath, WideAndDeepClassifier, ngram_buckets
from tests.test_command_line import call

EXAMPLES = [([2, 3, 4], 1), ([3, 2], 0), ([2, 3, 2, 3, 5], 1), ([5], 0)] * 4


def loader(batch_size=4):
    return make_loader(EXAMPLES, batch_size)


def test_every_distinct_ngram_is_numbered_once():
    ids, lengths = torch.tensor([[2, 3, 2, 3, 5], [7, 0, 0, 0, 0]]), torch.tensor([5, 1])
    numbers, sizes = ngram_buckets(ids, lengths, max_n=3)
    # 2 3 5 | 23 32 35 | 232 323 235, and 7 alone
    assert sizes.tolist() == [9, 1]
    assert len(set(numbers[:9].tolist())) == 9


def test_the_same_words_elsewhere_and_padded_get_the_same_numbers():
    short = ngram_buckets(torch.tensor([[2, 3]]), torch.tensor([2]), 3)
    padded = ngram_buckets(torch.tensor([[2, 3, 0, 0]]), torch.tensor([2]), 3)
    longer = ngram_buckets(torch.tensor([[9, 2, 3]]), torch.tensor([3]), 3)
    assert_close(short, padded)
    assert set(short[0].tolist()) <= set(longer[0].tolist())
    assert set(short[0].tolist()) != set(
        ngram_buckets(torch.tensor([[3, 2]]), torch.tensor([2]), 3)[0].tolist()
    )


def test_few_ngrams_share_a_bucket():
    ids = torch.randint(2, 30_000, (50, 400), generator=torch.Generator().manual_seed(0))
    numbers, _ = ngram_buckets(ids, torch.full((50,), 400), 3)
    rows = ids.tolist()
    ngrams = {tuple(row[k : k + n]) for row in rows for n in (1, 2, 3) for k in range(401 - n)}
    expected = 2**22 * (1 - math.exp(-len(ngrams) / 2**22))  # of a perfect hash
    assert len(numbers.unique()) == pytest.approx(expected, rel=0.002)


def test_ratios_are_those_of_naive_bayes():
    path = NGramPath(max_n=1)
    path.count(loader())
    numbers, _ = ngram_buckets(torch.tensor([[2, 5]]), torch.tensor([2]), 1)
    of_word = dict(zip(numbers.tolist(), path.ratios[numbers].tolist(), strict=True))
    # positive reviews: 2 3 4 | 2 3 5, four times; negative: 2 3 | 5
    positive, negative = 2**22 + 24, 2**22 + 12
    for word, counts in ((2, (8, 4)), (5, (4, 4))):
        number = ngram_buckets(torch.tensor([[word]]), torch.tensor([1]), 1)[0].item()
        wanted = math.log((counts[0] + 1) / positive / ((counts[1] + 1) / negative))
        assert of_word[number] == pytest.approx(wanted, abs=1e-5)


def test_a_backward_pass_is_a_step_of_gradient_descent():
    path = NGramPath(max_n=2, lr=0.5)
    path.count(loader())
    batch = next(iter(loader()))
    before = path(batch.ids, batch.lengths)
    torch.nn.functional.binary_cross_entropy_with_logits(before, batch.labels).backward()
    # d loss / d logit = (sigmoid(0) - label) / N, at the start
    slope = (0.5 - batch.labels) / 4
    wanted = torch.zeros(2**22)
    numbers, sizes = ngram_buckets(batch.ids, batch.lengths, 2)
    wanted.index_add_(0, numbers, -0.5 * slope.repeat_interleave(sizes) * path.ratios[numbers])
    assert_close(path.weight.detach().squeeze(1), wanted)
    assert path.weight.grad is None


def test_training_draws_paths_by_lot_and_evaluation_averages_both():
    torch.manual_seed(0)
    model = WideAndDeepClassifier(BiLSTMClassifier(6, 4, 3), max_n=2)
    model.wide.count(loader())
    model.wide.weight.data.fill_(0.5)
    batch = next(iter(loader()))
    with torch.no_grad():
        deep, wide = (path(batch.ids, batch.lengths) for path in (model.deep, model.wide))
        drawn = torch.stack([model(batch.ids, batch.lengths) for _ in range(300)])  # (300, 4)
        both = model.eval()(batch.ids, batch.lengths)
    assert_close(both, (deep + wide) / 2)
    shares = [torch.isclose(drawn, answer).float().mean() for answer in (both, deep, wide)]
    assert sum(shares) == pytest.approx(1)
    assert min(shares) > 0.25


def test_the_rate_falls_with_the_steps():
    path = NGramPath(max_n=1, lr=1.0)
    path.ratios.fill_(1)
    moves = []
    for _ in range(3):
        path.steps.fill_(400.0 * len(moves))
        path.weight.data.zero_()
        path.bias.data.zero_()
        path(torch.tensor([[2]]), torch.tensor([1])).sum().backward()
        moves.append(-path.weight.min().item())
    assert moves == pytest.approx([1, 1 / 2, 1 / 3])


def test_fit_trains_both_paths_to_the_end():
    torch.manual_seed(0)
    model = WideAndDeepClassifier(BiLSTMClassifier(6, 4, 3), max_n=2)
    model.wide.count(loader())
    deep = model.deep.classifier.weight.detach().clone()
    training.fit(model, loader(), loader(), epochs=20, lr=1e-2, patience=20)
    assert not torch.equal(deep, model.deep.classifier.weight)
    assert training.evaluate(model, loader())["accuracy"] == 1
    wide = [model.wide(batch.ids, batch.lengths) for batch in loader()]
    assert all(
        ((logits > 0) == (b.labels > 0.5)).all() for logits, b in zip(wide, loader(), strict=True)
    )


def test_a_stopped_run_ends_with_the_weights_of_one_in_a_piece(tmp_path):
    options = ["--corpus", "built-in", "--ngrams", "2", "--epochs", "2", "--embedding-dim", "4"]
    options += ["--hidden-size", "3", "--batch-size", "256", "--threads", "1", "--ema", "0.9"]
    assert call("train", tmp_path / "whole", *options).exit_code == 0
    from lstm_tutorial.sentiment import runs

    def stop(epoch):
        raise KeyboardInterrupt

    settings = runs.load(tmp_path / "whole").settings
    torch.manual_seed(0)
    with pytest.raises(KeyboardInterrupt):
        runs.train(tmp_path / "parts", settings, on_epoch=stop)
    assert call("train", tmp_path / "parts", *options, "--resume").exit_code == 0
    whole, parts = (runs.load(tmp_path / name).model.state_dict() for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
