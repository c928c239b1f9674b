"""The n-gram path hashes, deals and weighs as it says, and fits into training as it is."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from lstm_tutorial.sentiment import training
from lstm_tutorial.sentiment.data.batches import make_loader
from lstm_tutorial.sentiment.models import linear, wide
from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier
from lstm_tutorial.sentiment.models.wide import (
    FOLDS,
    NGramPath,
    WideAndDeepClassifier,
    fold_of,
    ngram_buckets,
)
from tests.cli.calls import call
from tests.cli.conftest import small_corpus  # noqa: F401

SMALL = 2**12  # buckets
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


def fitted(max_n=2):
    path = NGramPath(max_n, buckets=SMALL)
    path.fit(loader())
    return path


def test_copies_of_a_review_share_a_fold_and_reviews_spread_over_all():
    ids = torch.randint(2, 30_000, (1000, 60), generator=torch.Generator().manual_seed(0))
    folds = fold_of(ids)
    assert torch.equal(fold_of(torch.nn.functional.pad(ids, (0, 9))), folds)
    assert folds.bincount(minlength=FOLDS).min() > 150
    assert not torch.equal(fold_of(ids.flip(1)), folds)  # it is the order of the words, too


def test_weights_of_a_fold_are_the_baselines_without_its_reviews():
    path, rows = fitted(), [ids for ids, _ in EXAMPLES]
    labels = np.array([label for _, label in EXAMPLES])
    folds = np.array([int(fold_of(torch.tensor([ids]))) for ids in rows])
    found = [
        ngram_buckets(torch.tensor([ids]), torch.tensor([len(ids)]), 2, SMALL)[0] for ids in rows
    ]
    sizes = np.array([len(numbers) for numbers in found])
    features = linear.binary_features(torch.cat(found).numpy(), sizes, SMALL)
    for k in set(folds.tolist()):
        others = folds != k
        wanted, bias = linear.weigh(features[others], labels[others])
        assert_close(path.fold_weights[k], torch.tensor(wanted, dtype=torch.float32))
        assert path.fold_biases[k].item() == pytest.approx(bias, rel=1e-3)
    assert_close(path.weight, path.fold_weights.mean(dim=0))


def test_training_never_asks_weights_that_know_the_review():
    path = fitted()
    ids, lengths = torch.tensor([[2, 3, 4, 0], [5, 0, 0, 0]]), torch.tensor([3, 1])
    path.fold_weights += 100 * torch.arange(FOLDS)[:, None]
    moved = path.train()(ids, lengths) - path.eval()(ids, lengths)
    counts = ngram_buckets(ids, lengths, 2, SMALL)[1]
    assert_close(moved, 100.0 * fold_of(ids) * counts, rtol=0, atol=10)


def test_evaluation_takes_the_mean_bias_and_training_that_of_the_fold():
    path, ids = fitted(), torch.tensor([[11, 12, 0], [13, 0, 0]])
    lengths = torch.tensor([2, 1])
    path.fold_weights.zero_()
    path.weight.zero_()
    assert path.bias.item() == pytest.approx(path.fold_biases.mean().item())
    assert_close(path.eval()(ids, lengths), path.bias.expand(2))
    path.fold_biases = torch.arange(1.0, FOLDS + 1)
    assert_close(path.train()(ids, lengths), fold_of(ids) + 1.0)


def test_both_paths_start_with_a_half():
    model = WideAndDeepClassifier(BiLSTMClassifier(6, 4, 3), max_n=2)
    assert model.shares.tolist() == [0.5, 0.5]


def test_unfitted_ngrams_refuse_to_train():
    with pytest.raises(RuntimeError, match="call fit before training"):
        NGramPath(1)(torch.tensor([[2]]), torch.tensor([1]))


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = WideAndDeepClassifier(BiLSTMClassifier(6, 4, 3), max_n=2)
    model.wide = fitted()
    model.shares.data = torch.tensor([0.7, 0.4])
    return model


@pytest.mark.parametrize("two_answers", [True, False])
def test_the_bilstm_answers_for_itself_in_training_alone(model, two_answers):
    model.two_answers = two_answers
    batch = next(iter(loader()))
    for mode in (True, False):
        model.train(mode)
        deep, wide = (path(batch.ids, batch.lengths) for path in (model.deep, model.wide))
        both = 0.7 * deep + 0.4 * wide
        wanted = torch.stack([deep, both]) if mode and two_answers else both
        assert_close(model(batch.ids, batch.lengths), wanted)


def test_the_loss_counts_both_answers_and_the_accuracy_the_last(model):
    scheduler = torch.optim.lr_scheduler.ConstantLR(torch.optim.SGD(model.parameters(), lr=1e-9))
    batch = next(iter(loader(len(EXAMPLES))))
    answers = model.train()(batch.ids, batch.lengths).detach()
    found = training.train_epoch(model, loader(len(EXAMPLES)), scheduler.optimizer, scheduler)
    losses = [
        torch.nn.functional.binary_cross_entropy_with_logits(a, batch.labels) for a in answers
    ]
    assert losses[0].item() != pytest.approx(losses[1].item(), rel=1e-2)
    assert found["loss"] == pytest.approx((sum(losses) / 2).item())
    assert found["accuracy"] == ((answers[1] > 0) == (batch.labels > 0.5)).float().mean().item()


def test_the_weights_of_the_ngrams_stay_as_they_were_fitted(model):
    before = model.wide.weight.clone(), model.deep.classifier.weight.detach().clone()
    history = training.fit(model, loader(), loader(), epochs=20, lr=1e-2, patience=20)
    assert torch.equal(model.wide.weight, before[0])
    assert not torch.equal(model.deep.classifier.weight, before[1])
    assert history[-1]["train_loss"] < history[0]["train_loss"]


def test_a_stopped_run_ends_with_the_weights_of_one_in_a_piece(small_corpus, monkeypatch, tmp_path):  # noqa: F811
    monkeypatch.setattr(wide, "NGramPath", partial(NGramPath, buckets=SMALL))
    options = ["--corpus", "built-in", "--ngrams", "2", "--epochs", "2", "--embedding-dim", "4"]
    options += ["--hidden-size", "3", "--batch-size", "64", "--threads", "1", "--ema", "0.9"]
    options += ["--validation-fraction", "0"]  # the last epoch's weights stay, not the best one's
    assert call("train", tmp_path / "whole", *options).exit_code == 0
    from lstm_tutorial.sentiment import runs

    def stop(epoch):
        raise KeyboardInterrupt

    settings = runs.load(tmp_path / "whole").settings
    with pytest.raises(KeyboardInterrupt):
        runs.train(tmp_path / "parts", settings, on_epoch=stop)
    assert call("train", tmp_path / "parts", *options, "--resume").exit_code == 0
    whole, parts = (runs.load(tmp_path / name).model.state_dict() for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
