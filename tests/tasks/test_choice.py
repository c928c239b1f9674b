"""The choice of a forecaster: made without the test part, complete, and as the record says."""

import json
from itertools import product
from pathlib import Path

import pytest
import torch

from lstm_tutorial.tasks import choice
from lstm_tutorial.tasks import forecasting as fc

RECORD = json.loads(
    (Path(__file__).parents[2] / "book" / "records" / "forecasting-choice.json").read_text("utf-8")
)


def test_forecaster_adds_its_head_to_the_last_value():
    model, x = choice.Forecaster(features=2, outputs=3, units=4), torch.randn(5, 7, 2)
    output, _ = model.lstm(x)
    torch.testing.assert_close(model(x), x[:, -1:, 0] + model.head(output[:, -1]))


def test_fit_lowers_the_loss_and_shows_every_window_once_per_epoch():
    torch.manual_seed(0)
    x, seen = torch.randn(150, 6, 1), []
    model = choice.Forecaster(outputs=1, units=8)
    model.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    before = (model(x) - x[:, 0]).abs().mean()
    seen.clear()
    choice.fit(model, x, x[:, 0], epochs=40)
    assert (model(x) - x[:, 0]).abs().mean() < 0.5 * before
    assert [len(batch) for batch in seen[:3]] == [64, 64, 22]
    assert torch.equal(torch.cat(seen[:3]).unique(dim=0), x.unique(dim=0))


@pytest.fixture
def short(monkeypatch):
    """The last 15 years before the validation part, so that a test takes a moment."""
    monkeypatch.setattr(choice, "TRAIN_END", 180)
    monkeypatch.setattr(choice, "VALID_END", 180 + 60)
    series = fc.sunspots()[12 * (1905 - 1749) :]
    monkeypatch.setattr(fc, "sunspots", lambda: series)
    return series


def test_no_value_of_the_test_part_is_read(short, monkeypatch):
    setting = {"window": 24, "units": 8, "epochs": 1, "seed": 0}
    score = choice.validation_score(**setting)
    changed = short.clone()
    changed[240:] = torch.nan
    monkeypatch.setattr(fc, "sunspots", lambda: changed)
    assert choice.validation_score(**setting) == score
    changed[239] += 50
    assert choice.validation_score(**setting) != score


def test_the_score_is_that_of_the_forecasts_in_sunspots(short, monkeypatch):
    monkeypatch.setattr(choice, "fit", lambda model, *_: model.head.weight.data.zero_())
    monkeypatch.setattr(torch.nn.Linear, "reset_parameters", lambda self: self.bias.data.zero_())
    firsts = torch.arange(180, 240 - 23)
    last = fc.seasonal_naive(short, firsts, 24, period=1)
    truth = torch.stack([short[s : s + 24] for s in firsts])
    wanted = fc.mase(last - truth, short[:180]).mean().item()
    assert choice.validation_score(36, 4, 1, 0) == pytest.approx(wanted, rel=1e-5)


def test_choose_scores_each_setting_with_each_seed(monkeypatch):
    scores = {}
    monkeypatch.setattr(
        choice,
        "validation_score",
        lambda *, seed, **setting: scores.setdefault((*setting.values(), seed), len(scores) / 7),
    )
    monkeypatch.setattr(choice, "GRID", {"window": (3, 2), "units": (5,), "epochs": (1, 4)})
    record = choice.choose()
    assert set(scores) == set(product((3, 2), (5,), (1, 4), range(3)))
    assert record["chosen"] == {"window": 3, "units": 5, "epochs": 1}  # the first has the smallest
    assert record["results"][1]["validation_mase"] == [k / 7 for k in range(3, 6)]


def test_best_takes_the_mean_over_seeds_not_the_best_seed():
    luck = {"window": 1, "units": 1, "epochs": 1, "validation_mase": [0.1, 2.0]}
    good = {"window": 2, "units": 2, "epochs": 2, "validation_mase": [1.0, 1.0]}
    assert choice.best([luck, good]) == {"window": 2, "units": 2, "epochs": 2}


def test_record_has_the_grid_of_the_command_and_its_best_setting():
    assert RECORD["command"] == choice.COMMAND
    assert RECORD["grid"] == {name: list(values) for name, values in choice.GRID.items()}
    assert RECORD["seeds"] == list(choice.SEEDS)
    settings = [tuple(r[name] for name in choice.GRID) for r in RECORD["results"]]
    assert settings == list(product(*choice.GRID.values()))
    assert all(len(r["validation_mase"]) == len(choice.SEEDS) for r in RECORD["results"])
    assert RECORD["chosen"] == choice.best(RECORD["results"])
