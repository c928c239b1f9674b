"""Forecasting: a real series, windows, a split by time, baselines, and measures with intervals.

A series is float (S,) or, with several features, (S, F): one row per time step. A window of
``length`` steps and its ``horizon`` targets begin at consecutive steps of the series; ``firsts``
holds, for each window, the step of its first target.
"""

import csv
import math
from pathlib import Path

import torch
from scipy.stats import t as student
from torch import Tensor

SUNSPOTS = Path(__file__).parent / "data" / "sunspots.csv"


def sunspots() -> Tensor:
    """Read the monthly mean sunspot numbers from January 1749 to December 2008.

    Returns:
        float32 (3120,).

    Source:
        National Geophysical Data Center, as distributed with statsmodels; public domain.
    """
    lines = SUNSPOTS.read_text(encoding="utf-8").splitlines()
    years = csv.reader(line for line in lines if not line.startswith("#"))
    return torch.tensor([[float(value) for value in months] for _, *months in years]).flatten()


def windows(series: Tensor, length: int, horizon: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cut a series into all its windows, each with the values that follow it.

    Args:
        series: float (S,) or (S, F); the first feature is the one to forecast.
        length: steps of a window, L.
        horizon: steps to forecast, K.

    Returns:
        inputs, float (N, L, F); targets, float (N, K); firsts, int64 (N,): the step of each
        window's first target. N is S - L - K + 1.

    Raises:
        ValueError: if the series is too short for one window, or has more than two axes.
    """
    if series.dim() not in (1, 2):
        raise ValueError(f"expected a series (S,) or (S, F), got {tuple(series.shape)}")
    if min(length, horizon) < 1 or len(series) < length + horizon:
        raise ValueError(
            f"expected length and horizon of at least 1 that fit into {len(series)} steps, "
            f"got {length} + {horizon}: shorten the window or the horizon"
        )
    table = series[:, None] if series.dim() == 1 else series
    cut = table.unfold(0, length + horizon, 1).transpose(1, 2)  # (N, L + K, F)
    return cut[:, :length], cut[:, length:, 0], length + torch.arange(len(cut))


def within(firsts: Tensor, horizon: int, start: int, stop: int) -> Tensor:
    """Select the windows whose targets are all in one part of the series.

    Args:
        firsts: int64 (N,), the step of each window's first target.
        horizon: number of targets.
        start: first step of the part.
        stop: the step after its last one.

    Returns:
        bool (N,). A window at the start of a part reads the part before it, as in use.
    """
    return (firsts >= start) & (firsts + horizon <= stop)


def seasonal_naive(series: Tensor, firsts: Tensor, horizon: int, period: int) -> Tensor:
    """Forecast the last observed value of the same season; with period 1, the last value.

    Args:
        series: float (S,).
        firsts: int64 (N,), the step of each first target; none below ``period``.
        horizon: number of steps, K.
        period: steps of one season.

    Returns:
        float (N, K).

    Raises:
        ValueError: if a whole season is not observed before a first target.
    """
    if period < 1 or int(firsts.min()) < period:
        raise ValueError(
            f"expected a period between 1 and the first target's step {int(firsts.min())}, "
            f"got {period}: leave out the windows before"
        )
    back = period - torch.arange(horizon) % period  # steps from the first target
    return series[firsts[:, None] - back]


def smooth(series: Tensor, alpha: float) -> Tensor:
    """Compute the level of simple exponential smoothing, the forecast of every later step.

    level_t = alpha * x_t + (1 - alpha) * level_{t-1}, beginning with level_0 = x_0.

    Args:
        series: float (S,).
        alpha: weight of the newest value, above 0 and at most 1; with 1, the last value.

    Returns:
        float (S,), the level after each step.

    Raises:
        ValueError: if alpha is outside its range.
    """
    if not 0 < alpha <= 1:
        raise ValueError(f"expected alpha above 0 and at most 1, got {alpha}")
    levels = [series[0]]
    for value in series[1:].unbind():
        levels.append(alpha * value + (1 - alpha) * levels[-1])
    return torch.stack(levels)


def fit_alpha(training: Tensor) -> float:
    """Choose, in steps of 0.05, the alpha with the smallest squared error one step ahead.

    Args:
        training: float (S,), the training part only.
    """
    candidates = [k / 20 for k in range(1, 21)]
    errors = [(smooth(training, a)[:-1] - training[1:]).square().mean() for a in candidates]
    return candidates[int(torch.stack(errors).argmin())]


def mase(errors: Tensor, training: Tensor, period: int = 1) -> Tensor:
    """Scale absolute errors by those of the seasonal naive forecast on the training part.

    The mean of what is returned is the mean absolute scaled error of Hyndman and Koehler (2006).

    Args:
        errors: float, any shape: forecast minus observation.
        training: float (S,), the training part in the same units.
        period: steps of one season; 1 compares with the last value.

    Returns:
        float, the shape of ``errors``.
    """
    return errors.abs() / (training[period:] - training[:-period]).abs().mean()


def block_interval(scores: Tensor, block: int) -> tuple[float, float]:
    """Compute a mean and the half-width of its 95% interval from blocks of consecutive scores.

    Scores that follow each other in time are not independent; means of blocks that are longer
    than this memory nearly are. Student's t over the block means gives the interval.

    Args:
        scores: float (N,) or bool (N,), in the order of time.
        block: scores per block; an incomplete last block is left out of the half-width.

    Returns:
        The mean of all scores, and the half-width.

    Raises:
        ValueError: if there are fewer than two blocks.
    """
    blocks = len(scores) // block if block > 0 else 0
    if blocks < 2:
        raise ValueError(f"expected two blocks or more, got {len(scores)} scores for {block} each")
    means = scores[: blocks * block].double().view(blocks, block).mean(1)
    half = student.ppf(0.975, blocks - 1) * means.std().item() / math.sqrt(blocks)
    return scores.double().mean().item(), float(half)


def pinball(forecasts: Tensor, targets: Tensor, levels: Tensor) -> Tensor:
    """Compute the quantile loss: a level q costs q for each unit below, 1 - q above the target.

    Args:
        forecasts: float (..., Q), one forecast per level.
        targets: float (...).
        levels: float (Q,), each between 0 and 1.

    Returns:
        float (), the mean. It is smallest where each forecast is the quantile of its level.
    """
    missing = targets[..., None] - forecasts  # positive if the forecast is too low
    return torch.maximum(levels * missing, (levels - 1) * missing).mean()
