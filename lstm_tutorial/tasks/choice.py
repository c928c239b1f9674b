"""Choose a forecaster's window, units and epochs on the validation part of the sunspots.

``python -m lstm_tutorial.tasks.choice`` trains every setting of ``GRID`` with every seed and prints
the record that the chapter on forecasting reads. No value of the test part is read.
"""

import json
import math
import sys
from collections.abc import Callable
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lstm_tutorial.tasks import forecasting as fc

TRAIN_END, VALID_END = 12 * (1920 - 1749), 12 * (1950 - 1749)  # the steps after the last ones
HORIZON = 24
GRID = {"window": (24, 48, 96, 132), "units": (16, 32), "epochs": (10, 20, 40)}
SEEDS = range(3)
COMMAND = "python -m lstm_tutorial.tasks.choice"


class Forecaster(nn.Module):
    """Forecast all steps at once, as changes from the window's last value.

    Args:
        features: F of the windows; the first one is forecast.
        outputs: steps ahead, K.
        units: hidden size of the LSTM.
    """

    def __init__(self, features: int = 1, outputs: int = HORIZON, units: int = 32) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, units, batch_first=True)
        self.head = nn.Linear(units, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return float (N, K) from float (N, L, F)."""
        _, (h_n, _) = self.lstm(x)
        return x[:, -1, :1] + self.head(h_n[-1])


def fit(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    epochs: int,
    lr: float = 0.01,
    loss: Callable[[Tensor, Tensor], Tensor] = F.l1_loss,
) -> None:
    """Train in shuffled batches of 64 windows, with Adam and one cycle of the learning rate.

    Draws the order of the windows from the global generator.

    Args:
        model: is changed in place.
        x: float (N, L, F).
        y: float (N, K).
        epochs: passes over all windows.
        lr: highest learning rate.
        loss: of a batch's forecasts and targets.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr)
    steps = epochs * math.ceil(len(x) / 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            loss(model(x[rows]), y[rows]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()


def validation_score(window: int, units: int, epochs: int, seed: int) -> float:
    """Train one setting on the training part; return its MASE on the validation part."""
    series = fc.sunspots()[:VALID_END]
    mean, std = series[:TRAIN_END].mean(), series[:TRAIN_END].std()
    x, y, firsts = fc.windows((series - mean) / std, window, HORIZON)
    training = fc.within(firsts, HORIZON, 0, TRAIN_END)
    validation = fc.within(firsts, HORIZON, TRAIN_END, VALID_END)
    torch.manual_seed(seed)
    model = Forecaster(units=units)
    fit(model, x[training], y[training], epochs)
    with torch.no_grad():
        errors = std * (model(x[validation]) - y[validation])
    return fc.mase(errors, series[:TRAIN_END]).mean().item()


def best(results: list[dict[str, Any]]) -> dict[str, int]:
    """Return the setting with the smallest mean of its ``validation_mase`` over the seeds."""
    first = min(results, key=lambda r: math.fsum(r["validation_mase"]))
    return {name: first[name] for name in GRID}


def choose() -> dict[str, Any]:
    """Score every setting of the grid with every seed; return a record."""
    from lstm_tutorial._machine import machine, versions

    results = []
    for values in product(*GRID.values()):
        setting = dict(zip(GRID, values, strict=True))
        scores = [validation_score(**setting, seed=seed) for seed in SEEDS]
        results.append({**setting, "validation_mase": scores})
        print(*setting.items(), f"{sum(scores) / len(scores):.3f}", file=sys.stderr)
    return {
        "command": COMMAND,
        "grid": {name: list(values) for name, values in GRID.items()},
        "seeds": list(SEEDS),
        "versions": versions(),
        "machine": machine(),
        "results": results,
        "chosen": best(results),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(choose(), indent=2))
