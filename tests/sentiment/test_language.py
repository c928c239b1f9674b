"""The language model: directions, output layers, carried state, sampling, and handing over."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier
from lstm_tutorial.sentiment.models.language import REVERSE, LanguageModel, hand_over
from lstm_tutorial.sentiment.models.sampling import restrict, write
from lstm_tutorial.sentiment.training import pretraining

V, E, H = 40, 16, 9
CUTOFFS = {"tied": (), "adaptive": (10, 20)}


def make_model(cutoffs=(), dropout=0.0):
    torch.manual_seed(0)
    return LanguageModel(V, E, H, dropout, directions=2, cutoffs=cutoffs)


@pytest.mark.parametrize("cutoffs", CUTOFFS.values(), ids=CUTOFFS)
def test_the_loss_is_the_mean_of_the_targets_log_probabilities(cutoffs):
    model, ids = make_model(cutoffs).double(), torch.randint(V, (8, 3))
    features, _ = model(ids[:-1])
    shares = model.log_probabilities(features)
    torch.testing.assert_close(shares.exp().sum(-1), torch.ones(7, 3).double())
    by_hand = -shares.gather(2, ids[1:, :, None]).mean()
    torch.testing.assert_close(model.loss(features, ids[1:]), by_hand)


def test_the_tied_output_layer_has_no_weights_but_a_bias():
    names = {name for name, _ in make_model().named_parameters()}
    assert {name.split(".")[0] for name in names} == {"embedding", "lstms", "projection", "bias"}


def test_one_token_at_a_time_equals_the_whole_and_directions_differ():
    model, ids = make_model().double().eval(), torch.randint(V, (5, 2))
    whole, (h, c) = model(ids)
    states, rows = None, []
    for row in ids:
        features, states = model(row[None], states)
        rows.append(features)
    torch.testing.assert_close(torch.cat(rows), whole)
    torch.testing.assert_close(states, (h, c))
    assert not torch.equal(model(ids, direction=REVERSE)[0], whole)


def test_no_prediction_sees_its_target():
    model, ids = make_model().eval(), torch.randint(V, (6, 1))
    changed = ids.clone()
    changed[4] = (ids[4] + 1) % V
    torch.testing.assert_close(model(ids)[0][:4], model(changed)[0][:4])
    back, back_changed = (model(x.flip(0), direction=REVERSE)[0] for x in (ids, changed))
    torch.testing.assert_close(back[0], back_changed[0])  # it has read only the last token
    assert not torch.equal(back[1], back_changed[1])


def test_texts_are_joined_with_ends_in_the_given_order():
    stream = pretraining.join([[5, 6], [7]], [1, 0])
    assert stream.tolist() == [0, 7, 0, 5, 6, 0]


def test_evaluation_averages_over_tokens_whatever_the_windows():
    model, ids = make_model().double(), torch.randint(V, (60,))
    found = pretraining.evaluate(model, ids, batch_size=2, length=7)
    for direction, one in enumerate((ids, ids.flip(0))):
        stream = one.view(2, 30).T
        features, _ = model(stream[:-1], direction=direction)
        by_hand = F.nll_loss(model.log_probabilities(features).flatten(0, 1), stream[1:].flatten())
        assert found[direction] == pytest.approx(by_hand.item(), abs=1e-12)
    assert model.training


def test_perplexity_of_a_uniform_model_is_its_vocabulary():
    assert pretraining.perplexity(math.log(V)) == pytest.approx(V)


TEXTS = [[k % 5 + 2 for k in range(n, n + 40)] for n in range(30)]  # always counts up
OPTIONS = {"epochs": 2, "lr": 0.02, "batch_size": 4, "length": 8}


def test_fit_learns_to_count_and_a_resumed_run_ends_the_same(tmp_path):
    model = make_model(dropout=0.1)
    torch.manual_seed(1)
    history = pretraining.fit(model, TEXTS, TEXTS[:3], **OPTIONS)
    assert len(history) == 2 * pretraining.PARTS
    assert history[-1]["validation_loss"] < 0.5 * math.log(5)
    assert "validation_loss" not in history[0]

    class StoppedError(Exception):
        pass

    def stop(entry):
        if (entry["epoch"], entry["part"]) == (1, 4):
            raise StoppedError

    path, again = tmp_path / "state.safetensors", make_model(dropout=0.1)
    torch.manual_seed(1)
    with pytest.raises(StoppedError):
        pretraining.fit(again, TEXTS, TEXTS[:3], **OPTIONS, checkpoint=path, on_part=stop)
    torch.manual_seed(2)  # the checkpoint holds the generator's state
    resumed = pretraining.fit(
        make := make_model(dropout=0.1), TEXTS, TEXTS[:3], **OPTIONS, checkpoint=path, resume=True
    )
    assert [entry["train_loss"] for entry in resumed] == [e["train_loss"] for e in history]
    for name, weight in model.state_dict().items():
        assert torch.equal(make.state_dict()[name], weight), name


def test_the_state_goes_on_between_windows_and_the_gradient_does_not():
    seen, model = [], make_model()
    plain = model.forward

    def spy(ids, states=None, direction=0):
        seen.append((direction, states))
        return plain(ids, states, direction)

    model.forward = spy
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer)
    ids = torch.arange(64) % V
    pretraining.train_part(model, ids, optimizer, scheduler, batch_size=2, length=10)
    assert [states is None for _, states in seen] == [True, True] + [False] * (len(seen) - 2)
    assert all(not s.requires_grad for _, states in seen[2:] for s in states)
    stream = ids.view(2, 32).T
    torch.testing.assert_close(seen[-2][1][0], plain(stream[:30])[1][0])


def test_a_diverging_loss_and_too_short_texts_are_reported():
    model = make_model()
    with torch.no_grad():
        model.projection.bias.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="the training loss became nan: lower"):
        pretraining.fit(model, TEXTS, TEXTS, **OPTIONS)
    with pytest.raises(ValueError, match="expected at least 4 ids, one per column"):
        pretraining.fit(make_model(), [[1, 2]], TEXTS, **OPTIONS)


def test_a_classifier_takes_over_embedding_and_both_directions():
    source, target = make_model((10, 20)).eval(), BiLSTMClassifier(V, E, H).eval()
    hand_over(source, target)
    ids = torch.randint(1, V, (7, 2))
    output, _ = target.lstm(target.embedding(ids.T))
    words = source.embedding(ids)
    torch.testing.assert_close(output[..., :H], source.lstms[0](words)[0].transpose(0, 1))
    back = source.lstms[1](words.flip(0))[0].flip(0)
    torch.testing.assert_close(output[..., H:], back.transpose(0, 1))
    assert not target.embedding.weight[0].any()


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        (LanguageModel(V, E, H), BiLSTMClassifier(V, E, H), "2 directions and a classifier with 1"),
        (make_model(), BiLSTMClassifier(V, E, H, num_layers=2), "got 2 and 2"),
        (make_model(), BiLSTMClassifier(V, E, H + 1), r"\(40, 16, 9\), got \(40, 16, 10\)"),
        (make_model(), BiLSTMClassifier(V + 1, E, H), r"\(40, 16, 9\), got \(41, 16, 9\)"),
    ],
)
def test_models_that_do_not_fit_are_refused_unchanged(source, target, says):
    before = {name: weight.clone() for name, weight in target.state_dict().items()}
    with pytest.raises(ValueError, match=says):
        hand_over(source, target)
    assert all(torch.equal(before[name], weight) for name, weight in target.state_dict().items())


def test_wrong_directions_are_refused():
    with pytest.raises(ValueError, match="expected 1 or 2 directions, got 3"):
        LanguageModel(V, E, H, directions=3)


def test_sampling_restricts_as_its_definitions_say():
    shares = torch.tensor([0.4, 0.3, 0.2, 0.1])
    logits = shares.log()
    torch.testing.assert_close(restrict(logits), shares)
    torch.testing.assert_close(restrict(logits, 0.5), shares**2 / (shares**2).sum())
    torch.testing.assert_close(restrict(logits, top_k=2), torch.tensor([4, 3, 0, 0]) / 7)
    torch.testing.assert_close(restrict(logits, top_p=0.6), torch.tensor([4, 3, 0, 0]) / 7)
    torch.testing.assert_close(restrict(logits, top_p=0.01), torch.tensor([1.0, 0, 0, 0]))
    torch.testing.assert_close(restrict(logits, top_k=9, top_p=1.0), shares)
    rows = restrict(torch.stack([logits, logits.flip(0)]), top_k=1)
    assert rows.tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"temperature": 0.0}, "a temperature above 0, got 0.0: or take the argmax"),
        ({"top_k": 0}, "top_k of at least 1, got 0"),
        ({"top_p": 0.0}, "top_p above 0 and at most 1, got 0.0"),
        ({"top_p": 1.5}, "top_p above 0 and at most 1, got 1.5"),
    ],
)
def test_wrong_options_of_sampling_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        restrict(torch.zeros(3), **options)


def test_greedy_writing_feeds_back_the_likeliest_token():
    model, start = make_model().double().eval(), torch.randint(V, (3, 8))
    with torch.no_grad():
        for weight in model.lstms.parameters():
            weight.mul_(8)  # so that the state counts, and not the last token alone
    written = write(model, start, 6, temperature=0)
    read = torch.cat([start, written])
    features, _ = model(read[:-1])
    torch.testing.assert_close(model.log_probabilities(features)[2:].argmax(-1), written)


def test_draws_repeat_with_a_generator_and_banned_tokens_are_never_written():
    model, start = make_model().eval(), torch.zeros(1, 50, dtype=torch.int64)
    draws = [write(model, start, 5, generator=torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(*draws)
    banned = torch.arange(V - 2)
    kept = write(model, start, 5, banned=banned, generator=torch.Generator().manual_seed(3))
    assert set(kept.flatten().tolist()) == {V - 2, V - 1}
    with pytest.raises(ValueError, match="expected a model in evaluation mode"):
        write(model.train(), start, 1)


def test_the_counts_of_a_trained_model_are_written():
    torch.manual_seed(1)
    model = make_model()
    pretraining.fit(model, TEXTS, TEXTS[:3], **OPTIONS | {"epochs": 4})
    written = write(model, torch.tensor([[0], [2], [3]]), 6, temperature=0)
    assert np.array_equal(written.flatten(), [4, 5, 6, 2, 3, 4])
