"""The mistakes are the ones they claim to be, and every variant changes what it names."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close

from lstm_tutorial.sentiment.data.batches import BucketSampler, make_loader
from lstm_tutorial.sentiment.data.text import build_vocab, tokenize
from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier
from lstm_tutorial.sentiment.models.mistakes import (
    PADDED_POOLINGS,
    PaddedClassifier,
    first_and_last_step,
    shift_right,
)
from lstm_tutorial.sentiment.runs.pipeline import SPLIT_SEED, build_model, read_part
from lstm_tutorial.sentiment.runs.run import GIVEN
from lstm_tutorial.sentiment.studies import ablation
from lstm_tutorial.sentiment.studies.ablation import BASE, VARIANTS
from tests.cli.calls import assert_one_line, call, write_imdb

IDS = torch.tensor([[3, 4, 5, 0, 0], [6, 7, 8, 9, 2]])
LENGTHS = torch.tensor([3, 5])


def make(cls=PaddedClassifier, **options):
    torch.manual_seed(0)
    return cls(10, 4, 3, **options).double().eval()


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("pooling", PADDED_POOLINGS)
def test_padding_changes_the_logits_of_padded_rows_and_of_no_other(pooling, side):
    model = make(pooling=pooling, side=side)
    logits, alone = model(IDS, LENGTHS), model(IDS[:1, :3], LENGTHS[:1])
    assert (logits[0] - alone).abs() > 1e-8
    assert_close(logits[1:], model(IDS[1:], LENGTHS[1:]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("pooling", ["final_states", "mean", "max", "attention"])
def test_without_padding_it_is_the_right_classifier(pooling):
    wrong, right = make(pooling=pooling), make(BiLSTMClassifier, pooling=pooling)
    full = IDS[1:].repeat(2, 1)
    lengths = torch.tensor([5, 5])
    assert_close(wrong(full, lengths), right(full, lengths), rtol=0, atol=1e-12)


def test_shifting_brings_padding_to_the_front():
    rows = torch.tensor([[1.0, 2, 0, 0], [1, 2, 3, 4]])[..., None]
    assert shift_right(rows, torch.tensor([2, 4])).squeeze(-1).tolist() == [
        [0, 0, 1, 2],
        [1, 2, 3, 4],
    ]


def test_first_and_last_step_are_joined():
    output = torch.arange(12.0).view(1, 3, 4)
    assert first_and_last_step(output).tolist() == [[0, 1, 2, 3, 8, 9, 10, 11]]


def test_an_unknown_side_is_refused():
    with pytest.raises(ValueError, match="right or left, got 'top'"):
        make(side="top")


def test_every_variant_changes_known_settings_and_max_is_the_base():
    assert VARIANTS["max"] == {}
    for changes in VARIANTS.values():
        assert all(getattr(BASE, name) != value for name, value in changes.items())
    assert len({replace(BASE, **changes) for changes in VARIANTS.values()}) == 17


@pytest.fixture
def small(monkeypatch):
    """Sizes with which every variant takes a moment."""
    sizes = {"embedding_dim": 4, "hidden_size": 3, "vocab_size": 200, "max_length": 8}
    monkeypatch.setattr(ablation, "BASE", replace(BASE, **sizes))
    return sizes


def test_a_record_holds_every_variant_with_its_accuracies(tmp_path, small):
    root = write_imdb(tmp_path)
    result = call("ablate", tmp_path / "out.json", "--root", root, "--seed", "3")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "out.json").read_text())
    assert [entry["name"] for entry in record["results"]] == list(VARIANTS)
    assert record["seed"] == 3
    assert record["base"] == replace(BASE, **small).configuration()
    for entry in record["results"]:
        assert entry["changes"] == VARIANTS[entry["name"]]
        assert len(entry["validation_accuracies"]) == entry["changes"].get("epochs", 2)
        assert 0 <= entry["test_accuracy"] <= 1
    assert result.stdout.count("test accuracy") == 17
    assert "/" not in record["command"].replace("$IMDB_ARCHIVE", "")


@pytest.fixture
def try_variant(tmp_path, small, monkeypatch):
    """Run a variant without training it; what it was built with, trained with and tested on."""
    root = write_imdb(tmp_path)

    def run(seed=0, **changes):
        seen = SimpleNamespace(pools=[])

        def note_loader(*args):
            seen.pools.append(args[4])
            return make_loader(*args)

        def note_fit(model, train, validation, **options):
            seen.model, seen.train, seen.validation, seen.options = (
                model,
                train,
                validation,
                options,
            )
            return []

        def note_test(model, loader):
            seen.tested = loader
            return {"accuracy": 0.5}

        monkeypatch.setattr(ablation, "make_loader", note_loader)
        monkeypatch.setattr(ablation.training, "fit", note_fit)
        monkeypatch.setattr(ablation.training, "evaluate", note_test)
        monkeypatch.setitem(ablation.STUDIES, "mistakes", {"it": changes})
        ablation.run(seed, root)
        return seen

    return run


def test_the_test_part_alone_is_measured_in_the_end(try_variant):
    seen = try_variant()
    assert len(seen.tested.dataset) == 40
    assert len(seen.train.dataset) == 32
    assert len(seen.validation.dataset) == 8  # one film, with both labels


def test_the_vocabulary_knows_the_words_of_the_reviews_left_for_training_alone(try_variant):
    seen = try_variant(max_length=99)  # a review's last word names its film
    assert {ids[-1] == 1 for ids, _ in seen.train.dataset} == {False}
    assert {ids[-1] for ids, _ in seen.validation.dataset} == {1}
    assert {ids[-1] for ids, _ in seen.tested.dataset} == {1}


@pytest.mark.parametrize(("buckets", "pool"), [(True, 50), (False, 1)])
def test_batches_of_like_length_come_from_a_pool_and_others_as_drawn(try_variant, buckets, pool):
    assert try_variant(buckets=buckets).pools == [pool] * 3


@pytest.mark.parametrize("keep", ["head", "tail"])
def test_a_variant_keeps_the_end_of_a_review_that_it_names(try_variant, keep):
    whole = [ids for ids, _ in try_variant(max_length=99).tested.dataset]
    kept = [ids for ids, _ in try_variant(max_length=3, keep=keep).tested.dataset]
    assert kept == [ids[:3] if keep == "head" else ids[-3:] for ids in whole]


def test_a_variant_trains_at_its_rate_for_all_its_epochs(try_variant):
    options = try_variant(lr=0.123, epochs=7).options
    assert options == {
        "lr": 0.123,
        "epochs": 7,
        "patience": 7,
        "decay": 0.0,
        "shares": dict.fromkeys(GIVEN, 1.0),
        "precision": "float32",
    }


def test_every_seed_splits_the_reviews_alike(try_variant, monkeypatch):
    split, seeds = ablation.imdb.split_by_film, []

    def note(reviews, fraction, seed):
        seeds.append(seed)
        return split(reviews, fraction, seed)

    monkeypatch.setattr(ablation.imdb, "split_by_film", note)
    for seed in (SPLIT_SEED + 1, SPLIT_SEED + 2):
        try_variant(seed)
    assert seeds == [SPLIT_SEED] * 2


def test_the_seed_decides_the_weights_and_the_order_of_the_training_part_alone(try_variant):
    first, again, other = (try_variant(seed) for seed in (3, 3, 4))
    weights = [seen.model.lstm.weight_ih_l0 for seen in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    orders = [list(seen.train.batch_sampler) for seen in (first, again, other)]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert list(first.tested.batch_sampler) == list(other.tested.batch_sampler)


@pytest.mark.parametrize("padding", ["ignored", "right", "left"])
def test_a_variant_is_built_as_it_says(padding):
    changes = {"padding": padding, "pooling": "mean", "dropout": 0.3, "word_dropout": 0.7}
    model = build_model(replace(BASE, **changes), build_vocab([["it"]]))
    assert getattr(model, "side", "ignored") == padding
    assert model.pooling == "mean"
    assert model.dropout.p == 0.3
    assert model.word_dropout == 0.7
    assert model.embedding.weight.shape == (3, BASE.embedding_dim)
    assert model.lstm.hidden_size == BASE.hidden_size


def test_a_stopped_ablation_goes_on_with_what_is_missing(tmp_path, small):
    root, path = write_imdb(tmp_path), tmp_path / "out.json"
    call("ablate", path, "--root", root)
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(whole | {"results": whole["results"][:-1]}))
    result = call("ablate", path, "--root", root)
    assert result.stdout.count("test accuracy") == 1
    again = json.loads(path.read_text())
    for one, other in zip(whole["results"], again["results"], strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    assert_one_line(call("ablate", path, "--root", root, "--seed", "1"), "name another file")


def test_a_record_has_somewhere_to_go_before_anything_is_trained(tmp_path):
    assert_one_line(call("ablate", tmp_path / "none" / "out.json"), "is not a folder")
    (tmp_path / "other.json").write_text("{}")
    assert_one_line(call("ablate", tmp_path / "other.json"), "is not the record of a study")


def test_real_batches_of_like_length_hold_less_than_two_percent_padding(imdb_archive):
    reviews = read_part("train", BASE, imdb_archive)
    tokens = [len(tokenize(review.text)) for review in reviews[::4]]
    lengths = torch.tensor(tokens).clamp(max=BASE.max_length)
    share = {}
    for pool in (1, 50):
        sampler = BucketSampler(lengths, BASE.batch_size, shuffle=True, pool=pool)
        batches = [lengths[batch] for batch in sampler]
        share[pool] = 1 - int(lengths.sum()) / sum(len(b) * int(b.max()) for b in batches)
    assert share[50] < 0.02 < 0.1 < share[1]
