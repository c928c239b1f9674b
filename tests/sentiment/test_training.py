"""Training, measuring, checkpoints: promises of a loop that readers copy."""

import copy
import errno
import math
import os

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lstm_tutorial._files import write_whole
from lstm_tutorial.sentiment.data.batches import make_loader
from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier
from lstm_tutorial.sentiment.training import loop
from lstm_tutorial.sentiment.training.loop import (
    best_epoch,
    evaluate,
    fit,
    load_weights,
    predict_proba,
    save_weights,
    train_epoch,
)

WORDS = 12


class Averager(nn.Module):
    """The smallest model with dropout: a mean of embeddings, and a linear layer."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 6, padding_idx=0)
        self.dropout = nn.Dropout(0.3)
        self.linear = nn.Linear(6, 1)

    def forward(self, ids, lengths):
        mean = self.embedding(ids).sum(dim=1) / lengths[:, None].to(ids.device)
        return self.linear(self.dropout(mean)).squeeze(1)


def small_bilstm():
    """The book's model, small."""
    return BiLSTMClassifier(WORDS, 6, 5)


def make_examples(n, seed=0):
    """Ids from 1 up, lengths 1 to 9, positive where small ids prevail."""
    generator = torch.Generator().manual_seed(seed)
    examples = []
    for _ in range(n):
        length = int(torch.randint(1, 10, (), generator=generator))
        ids = torch.randint(1, WORDS, (length,), generator=generator).tolist()
        examples.append((ids, int(sum(ids) / length < WORDS / 2)))
    return examples


def make_setting(seed=0):
    """A model and two loaders, 7 batches an epoch, the last one smaller."""
    torch.manual_seed(seed)
    train = make_loader(make_examples(100), batch_size=16, shuffle=True, seed=3)
    validation = make_loader(make_examples(37, seed=1), batch_size=16)
    return Averager(), train, validation


def one_by_one(model, examples):
    """Logits and labels, every review alone in its batch, so without padding."""
    model.eval()
    with torch.no_grad():
        logits = [model(torch.tensor([ids]), torch.tensor([len(ids)])) for ids, _ in examples]
    return torch.cat(logits), torch.tensor([float(label) for _, label in examples])


def assert_same_weights(model, other):
    for (name, ours), theirs in zip(
        model.state_dict().items(), other.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs), f"{name} differs"


def script_validation(monkeypatch, accuracies):
    """Let every epoch end with the validation accuracy that the test wants."""
    found = iter(accuracies)
    monkeypatch.setattr(
        loop, "evaluate", lambda model, loader: {"loss": 0.5, "accuracy": next(found)}
    )


# Measuring


def test_evaluate_divides_sums_by_the_number_of_reviews():
    model, _, _ = make_setting()
    examples = make_examples(37, seed=1)
    logits, labels = one_by_one(model, examples)
    measured = evaluate(model, make_loader(examples, batch_size=16))
    expected = F.binary_cross_entropy_with_logits(logits, labels).item()
    assert measured["loss"] == pytest.approx(expected, abs=1e-6)
    assert measured["accuracy"] == int(((logits > 0) == (labels > 0)).sum()) / 37


@pytest.mark.parametrize("is_training", [True, False])
def test_evaluate_restores_the_training_flag(is_training):
    model, _, validation = make_setting()
    model.train(is_training)
    evaluate(model, validation)
    assert model.training is is_training


def test_evaluate_switches_dropout_and_gradients_off():
    model, _, validation = make_setting()
    model.train()
    assert evaluate(model, validation) == evaluate(model, validation)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_predictions_come_in_the_order_of_the_examples():
    model, _, _ = make_setting()
    examples = make_examples(37, seed=1)
    logits, _ = one_by_one(model, examples)
    predicted = predict_proba(model, make_loader(examples, batch_size=16))
    torch.testing.assert_close(predicted, logits.sigmoid(), rtol=0, atol=1e-6)
    assert not torch.equal(predicted, predicted.sort().values)


@pytest.mark.parametrize("measure", [evaluate, lambda *both: train_epoch(*both, None, None)])
def test_an_empty_loader_is_refused(measure):
    with pytest.raises(ValueError, match="at least one review"):
        measure(Averager(), [])


# One epoch


def test_train_epoch_is_the_loop_written_by_hand():
    model, loader, _ = make_setting()
    twin = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=2.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    torch.manual_seed(7)
    train_epoch(model, loader, optimizer, scheduler, max_norm=0.25)

    torch.manual_seed(7)
    rate, twin_norms = 2.0, []
    twin.train()
    for batch in loader:
        twin.zero_grad()
        logits = twin(batch.ids, batch.lengths)
        F.binary_cross_entropy_with_logits(logits, batch.labels).backward()
        norm = torch.sqrt(sum(p.grad.square().sum() for p in twin.parameters()))
        twin_norms.append(norm.item())
        with torch.no_grad():
            for p in twin.parameters():
                p -= rate * p.grad * min(1.0, 0.25 / (norm + 1e-6))
        rate *= 0.5
    assert max(twin_norms) > 0.25 > min(twin_norms), "the test wants steps clipped and not clipped"
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_train_epoch_weighs_every_review_alike():
    model, loader, _ = make_setting()
    model.dropout.p = 0.0
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    scheduler = torch.optim.lr_scheduler.ConstantLR(still)
    trained = train_epoch(model, loader, still, scheduler)
    measured = evaluate(model, loader)
    assert trained["loss"] == pytest.approx(measured["loss"], abs=1e-6)
    assert trained["accuracy"] == measured["accuracy"]


def test_train_epoch_puts_the_model_into_training_mode():
    model, loader, _ = make_setting()
    model.eval()
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    modes = []
    train_epoch(
        model,
        loader,
        still,
        torch.optim.lr_scheduler.ConstantLR(still),
        on_batch=lambda: modes.append(model.training),
    )
    assert modes == [True] * 7


def test_a_loss_that_is_no_number_stops_training():
    model, train, validation = make_setting()
    with torch.no_grad():
        model.linear.weight.fill_(math.nan)
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        fit(model, train, validation, epochs=1, lr=0.1)


# Fitting


def test_fit_learns():
    model, train, validation = make_setting()
    history = fit(model, train, validation, epochs=30, lr=0.1, patience=30)
    assert history[best_epoch(history) - 1]["validation_accuracy"] > 0.85


def test_fit_reports_every_epoch_and_every_batch():
    model, train, validation = make_setting()
    batches, epochs = [], []
    history = fit(
        model,
        train,
        validation,
        epochs=3,
        lr=0.01,
        patience=3,
        on_epoch=epochs.append,
        on_batch=lambda: batches.append(1),
    )
    assert history == epochs
    assert len(batches) == 3 * 7
    assert [entry["epoch"] for entry in history] == [1, 2, 3]
    keys = "epoch train_loss train_accuracy validation_loss validation_accuracy seconds"
    assert all(list(entry) == keys.split() for entry in history)


def test_the_rate_makes_one_cycle_over_all_epochs(monkeypatch):
    rates = []
    step = torch.optim.Adam.step

    def recording_step(optimizer, *args, **kwargs):
        rates.append(optimizer.param_groups[0]["lr"])
        return step(optimizer, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", recording_step)
    model, train, validation = make_setting()
    fit(model, train, validation, epochs=3, lr=0.25, patience=3)
    top = rates.index(max(rates))
    assert len(rates) == 3 * 7
    assert max(rates) == pytest.approx(0.25, rel=0.02)
    assert rates == sorted(rates[:top]) + sorted(rates[top:], reverse=True)
    assert rates[0] < 0.02
    assert rates[-1] < 1e-4


def test_gradients_are_clipped_to_the_norm_that_fit_is_given(monkeypatch):
    model, train, validation = make_setting()
    clip, norms = nn.utils.clip_grad_norm_, []

    def note(parameters, max_norm):
        norms.append(max_norm)
        return clip(parameters, max_norm)

    monkeypatch.setattr(nn.utils, "clip_grad_norm_", note)
    fit(model, train, validation, epochs=1, lr=0.01, max_norm=0.125)
    assert norms == [0.125] * 7


def test_every_epoch_has_an_order_of_its_own():
    model, train, validation = make_setting()
    orders = []

    def remember(entry):
        orders.append(list(train.batch_sampler))

    fit(model, train, validation, epochs=3, lr=0.01, patience=3, on_epoch=remember)
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_training_stops_when_validation_no_longer_rises_and_keeps_the_best(monkeypatch):
    model, train, validation = make_setting()
    script_validation(monkeypatch, [0.6, 0.8, 0.8, 0.7, 0.9, 0.9])
    states = []
    history = fit(
        model,
        train,
        validation,
        epochs=6,
        lr=0.1,
        patience=2,
        on_epoch=lambda entry: states.append(copy.deepcopy(model)),
    )
    assert len(history) == 4
    assert best_epoch(history) == 2
    assert_same_weights(model, states[1])
    assert not torch.equal(model.linear.weight, states[3].linear.weight)
    assert not model.training


def test_training_goes_on_while_validation_rises_within_the_patience(monkeypatch):
    model, train, validation = make_setting()
    script_validation(monkeypatch, [0.6, 0.5, 0.7, 0.6, 0.8, 0.7])
    history = fit(model, train, validation, epochs=6, lr=0.1, patience=2)
    assert len(history) == 6
    assert best_epoch(history) == 5


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"lr": 0.0}, {"lr": math.nan}, {"patience": 0}])
def test_fit_refuses_what_is_not_positive(wrong):
    model, train, validation = make_setting()
    with pytest.raises(ValueError, match=next(iter(wrong))):
        fit(model, train, validation, **{"epochs": 1, "lr": 0.1, **wrong})


def test_the_library_neither_seeds_nor_flushes(monkeypatch):
    model, train, validation = make_setting()

    def forbidden(*args):
        raise AssertionError("global state was changed")

    monkeypatch.setattr(torch, "manual_seed", forbidden)
    monkeypatch.setattr(torch, "set_flush_denormal", forbidden)
    monkeypatch.setattr(torch, "set_num_threads", forbidden)
    fit(model, train, validation, epochs=1, lr=0.1)


# Stopping and going on


def stop_after(batches):
    left = iter(range(batches - 1))

    def on_batch():
        if next(left, None) is None:
            raise KeyboardInterrupt

    return on_batch


@pytest.mark.parametrize("batches", [1, 7, 10, 15, 28])
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(tmp_path, batches):
    whole, train, validation = make_setting()
    options = {"epochs": 4, "lr": 0.1, "patience": 4}
    expected = fit(whole, train, validation, **options)

    options["checkpoint"] = tmp_path / "checkpoint.safetensors"
    model, train, validation = make_setting()
    with pytest.raises(KeyboardInterrupt):
        fit(model, train, validation, **options, on_batch=stop_after(batches))
    # A new process starts with the same seed, and an untrained model.
    model, train, validation = make_setting()
    history = fit(model, train, validation, **options, resume=True)

    assert_same_weights(model, whole)
    without_seconds = [
        [{**entry, "seconds": 0} for entry in entries] for entries in (history, expected)
    ]
    assert without_seconds[0] == without_seconds[1]


def test_resuming_after_the_last_epoch_trains_no_more(tmp_path, monkeypatch):
    checkpoint = tmp_path / "checkpoint.safetensors"
    model, train, validation = make_setting()
    script_validation(monkeypatch, [0.6, 0.8, 0.7, 0.7])
    options = {"epochs": 9, "lr": 0.1, "checkpoint": checkpoint}
    history = fit(model, train, validation, **options)
    again, train, validation = make_setting(seed=1)
    assert fit(again, train, validation, **options, resume=True) == history
    assert len(history) == 4
    assert_same_weights(model, again)


def test_without_resume_training_starts_again(tmp_path):
    model, train, validation = make_setting()
    options = {"epochs": 1, "lr": 0.1, "checkpoint": tmp_path / "checkpoint.safetensors"}
    fit(model, train, validation, **options)
    again, train, validation = make_setting()
    fit(again, train, validation, **options)
    assert_same_weights(model, again)


def test_a_checkpoint_of_another_length_is_refused(tmp_path):
    checkpoint = tmp_path / "checkpoint.safetensors"
    model, train, validation = make_setting()
    fit(model, train, validation, epochs=1, lr=0.1, checkpoint=checkpoint)
    with pytest.raises(ValueError, match="expected the checkpoint of a run of 14 steps, got 7"):
        fit(model, train, validation, epochs=2, lr=0.1, checkpoint=checkpoint, resume=True)


def test_weights_are_no_checkpoint(tmp_path):
    model, train, validation = make_setting()
    path = tmp_path / "weights.safetensors"
    save_weights(model, path)
    with pytest.raises(ValueError, match="has only weights"):
        fit(model, train, validation, epochs=1, lr=0.1, checkpoint=path, resume=True)


# Files


def test_weights_come_back_bit_for_bit(tmp_path):
    model, other = Averager(), Averager()
    save_weights(model, tmp_path / "weights.safetensors")
    load_weights(other, tmp_path / "weights.safetensors")
    assert_same_weights(model, other)


def test_weights_of_another_model_are_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_weights(nn.Linear(2, 2), path)
    with pytest.raises(ValueError, match="not contain the weights of this model"):
        load_weights(Averager(), path)


@pytest.mark.parametrize("damage", [lambda data: data[:-5], lambda data: b"junk" + data])
def test_damaged_weights_are_refused(tmp_path, damage):
    path = tmp_path / "weights.safetensors"
    save_weights(Averager(), path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="damaged"):
        load_weights(Averager(), path)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    path = tmp_path / "file"
    write_whole(path, b"old")

    def fail(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match=str(path)):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("fsync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b)))
    write_whole(tmp_path / "file", b"new")
    assert calls == ["fsync", "replace"]


def test_averaged_weights_are_those_of_the_recursion():
    model, loader, _ = make_setting()
    start = {name: value.clone() for name, value in model.state_dict().items()}
    seen = []

    def note():
        seen.append({name: value.clone() for name, value in model.state_dict().items()})

    fit(model, loader, loader, epochs=1, lr=1e-2, decay=0.5, on_batch=note)
    wanted = seen[0]  # the average begins with the first step's weights
    for weights in seen[1:]:
        wanted = {name: 0.5 * wanted[name] + 0.5 * weights[name] for name in wanted}
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, wanted[name], rtol=1e-5, atol=1e-7)
    assert any(not torch.equal(value, start[name]) for name, value in wanted.items())


def test_the_validation_part_measures_the_averaged_weights():
    model, train, validation = make_setting()
    weights = []

    def note():
        weights[:] = [copy.deepcopy(model)]

    history = fit(model, train, validation, epochs=1, lr=0.1, decay=0.9, on_batch=note)
    assert history[0]["validation_loss"] == evaluate(model, validation)["loss"]
    assert history[0]["validation_loss"] != evaluate(weights[0], validation)["loss"]


@pytest.mark.parametrize("make", [Averager, small_bilstm])
def test_bfloat16_gives_the_gradients_of_a_bfloat16_copy_to_float32_weights(make):
    torch.manual_seed(0)
    model = make().eval()
    batch = next(iter(make_loader(make_examples(16), batch_size=16)))
    half = copy.deepcopy(model).bfloat16()
    expected = half(batch.ids, batch.lengths)
    logits = loop._logits(model, batch, "bfloat16")
    assert torch.equal(logits, expected.float())
    assert not torch.equal(logits, model(batch.ids, batch.lengths))
    for answers in (logits, expected.float()):
        F.binary_cross_entropy_with_logits(answers, batch.labels).backward()
    for weight, rounded in zip(model.parameters(), half.parameters(), strict=True):
        assert weight.grad.dtype == torch.float32
        torch.testing.assert_close(weight.grad, rounded.grad.float(), rtol=0, atol=0)


def test_training_in_bfloat16_learns_and_leaves_float32_weights():
    model, train, validation = make_setting()
    history = fit(model, train, validation, epochs=3, lr=0.05, precision="bfloat16")
    other, train, validation = make_setting()
    plain = fit(other, train, validation, epochs=3, lr=0.05)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert 0 < abs(history[-1]["train_loss"] - plain[-1]["train_loss"]) < 0.02
