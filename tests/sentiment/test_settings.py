"""``Settings``: defaults, what is refused, and records from before a setting existed."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import get_args

import pytest
import torch
import typer

from lstm_tutorial.cli.commands import app
from lstm_tutorial.sentiment import runs
from lstm_tutorial.sentiment.models.bilstm import POOLINGS
from lstm_tutorial.sentiment.models.mistakes import PADDED_POOLINGS
from lstm_tutorial.sentiment.models.remedies import START
from lstm_tutorial.sentiment.runs import pipeline
from lstm_tutorial.sentiment.runs.presets import PRESETS
from lstm_tutorial.sentiment.runs.pretraining_settings import PretrainingSettings
from lstm_tutorial.sentiment.runs.settings import Pooling, Settings, Start

RECORDS = sorted((Path(__file__).parents[2] / "book" / "records").glob("*.json"))
TINY = Settings(corpus="built-in", embedding_dim=4, hidden_size=3, epochs=1, vocab_size=200)


def test_the_command_has_an_option_for_every_setting_and_the_same_defaults():
    command = typer.main.get_command(app).commands["train"]
    options = {option.name: option.default for option in command.params}
    of_the_call = {"run_dir", "preset", "root", "threads", "resume", "no_test", "help"}
    assert set(Settings.options()) == options.keys() - of_the_call
    assert {name: options[name] for name in Settings.options()} == {
        name: getattr(Settings(), name) for name in Settings.options()
    }


def test_choices_are_those_of_the_models():
    assert get_args(Pooling) == POOLINGS
    assert get_args(Start) == tuple(START)
    for pooling in PADDED_POOLINGS:
        assert Settings(pooling=pooling, padding="left").pooling == pooling


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"lr": 0.0}, "expected lr greater than 0, got 0.0"),
        ({"lr": float("nan")}, "expected a finite lr, got nan"),
        ({"lr": "fast"}, "expected lr to be a number, got 'fast'"),
        ({"dropout": 1.5}, "expected dropout between 0 and 1, got 1.5"),
        ({"ema": 1.0}, "expected ema of at least 0 and below 1, got 1.0"),
        ({"validation_fraction": -0.1}, "expected validation_fraction of at least 0 and below 1"),
        ({"epochs": 0}, "expected epochs to be a whole number from 1 up, got 0"),
        ({"epochs": 2.5}, "expected epochs to be a whole number from 1 up, got 2.5"),
        ({"epochs": True}, "expected epochs to be a whole number from 1 up, got True"),
        ({"vocab_size": 2}, "expected vocab_size to be a whole number from 3 up, got 2"),
        ({"ngrams": "none"}, "expected ngrams to be a whole number from 0 up, got 'none'"),
        ({"buckets": "yes"}, "expected buckets to be one of True, False, got 'yes'"),
        ({"keep": "middle"}, "expected keep to be one of head, tail, both, got 'middle'"),
        ({"pooling": "median"}, "expected pooling to be one of last_step, final_states, mean"),
        ({"pooling": "first_and_last_step"}, "expected pooling to be one of"),
    ],
)
def test_what_no_run_can_have_is_refused(change, says):
    with pytest.raises(ValueError, match="^" + says):
        Settings(**change)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_committed_records_are_read(path):
    record = json.loads(path.read_text(encoding="utf-8"))
    if "configuration" not in record and "base" not in record:
        return
    kind = PretrainingSettings if " pretrain " in record["command"] else Settings
    settings = kind.from_record(record)
    assert settings.seed == record["seed"]
    for name, value in record.get("configuration", {}).items():
        assert getattr(settings, name) == value


def test_a_record_gives_back_the_settings_it_was_made_of():
    for changes in PRESETS.values():
        options = {k: v for k, v in changes.items() if k != "threads"}
        for settings in (Settings(**options), Settings(**options, smoothing=0.1, seed=3)):
            record = {"configuration": settings.configuration(), "seed": settings.seed}
            assert Settings.from_record(json.loads(json.dumps(record))) == settings


def test_what_only_studies_change_is_recorded_where_it_is_changed():
    assert set(Settings().configuration()) == set(Settings.options()) - {"seed"}
    assert Settings(start="orthogonal").configuration()["start"] == "orthogonal"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda found: found.pop("lr"), "missing lr"),
        (lambda found: found.update(depth=3), "unknown settings: depth"),
        (lambda found: found.update(lr="fast"), "expected lr to be a number"),
    ],
)
def test_a_damaged_record_is_refused(change, says):
    record = {"configuration": Settings().configuration(), "seed": 0}
    change(record["configuration"])
    with pytest.raises(ValueError, match=says):
        Settings.from_record(record)


def test_settings_cannot_be_changed():
    with pytest.raises(AttributeError):
        Settings().lr = 1.0
    assert len({one.name for one in fields(Settings)}) == len(fields(Settings))


def test_a_run_is_that_of_its_seed_whatever_was_drawn_before(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "BUILT_IN_SIZES", {"train": 60, "test": 20})
    found = {}
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        torch.manual_seed(len(found))  # as if the reader had drawn numbers before
        before = torch.get_rng_state()
        runs.train(tmp_path / name, replace(TINY, seed=seed))
        assert torch.equal(torch.get_rng_state(), before)
        found[name] = runs.load(tmp_path / name).model.state_dict()["classifier.weight"]
    assert torch.equal(found["one"], found["same"])
    assert not torch.equal(found["one"], found["other"])
