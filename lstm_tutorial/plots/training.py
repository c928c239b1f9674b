"""Figures of training: curves over epochs, and scores side by side."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from lstm_tutorial.plots.style import (
    INK,
    MARKERS,
    MUTED,
    SERIES_COLORS,
    WIDTH,
    drawing,
    headline,
    legend_below,
    new_axes,
)


def learning_curves(runs: Mapping[str, Sequence[Mapping[str, float]]], title: str) -> Axes:
    """Draw training and validation accuracy after every epoch, one line per run.

    Args:
        runs: for each run's name, its epochs from ``fit`` or a record, with the keys ``epoch``,
            ``train_accuracy`` and ``validation_accuracy``.
        title: the finding that the figure shows.

    Returns:
        The axes of the validation accuracy.
    """
    panels = {"train_accuracy": "training part", "validation_accuracy": "validation part"}
    with drawing():
        _, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.2), sharey=True, layout="constrained")
        for ax, (key, part) in zip(axes, panels.items(), strict=True):
            for (name, epochs), color, marker in zip(
                runs.items(), SERIES_COLORS, MARKERS, strict=False
            ):
                numbers = [epoch["epoch"] for epoch in epochs]
                percent = [100 * epoch[key] for epoch in epochs]
                ax.plot(numbers, percent, color=color, marker=marker, label=name)
                ax.set_xticks(numbers)
            ax.set_xlabel(f"epoch ({part})")
        axes[0].set_ylabel("accuracy (%)")
        if len(runs) > 1:
            legend_below(axes[1])
        headline(axes[0], title)
    return axes[1]


def loss_curves(
    runs: Mapping[str, Sequence[Sequence[float]]], title: str, ylabel: str = "loss"
) -> Axes:
    """Draw the loss over the steps of training, one thin line per run, one colour per name.

    Args:
        runs: for each name, the losses of several runs, one per step.
        title: the finding that the figure shows.
        ylabel: what the values are, if not losses.

    Returns:
        The axes.
    """
    with drawing():
        ax = new_axes()
        for (name, losses), color in zip(runs.items(), SERIES_COLORS, strict=False):
            for k, values in enumerate(losses):
                steps = range(1, len(values) + 1)
                ax.plot(steps, values, color=color, lw=1.2, label=None if k else name)
        ax.set(xlabel="training step", ylabel=ylabel, ylim=(0, None))
        headline(ax, title)
        legend_below(ax, 3)
    return ax


def score_bars(scores: Mapping[str, float], title: str, chance: float = 50.0) -> Axes:
    """Draw accuracies side by side, the best one in colour.

    Args:
        scores: accuracy in percent for each name.
        title: the finding that the figure shows.
        chance: accuracy in percent of a coin, drawn as a line.

    Returns:
        The axes.
    """
    names, values = list(scores), list(scores.values())
    with drawing():
        ax = new_axes(height=0.45 * len(names) + 1.1)
        colors = [SERIES_COLORS[0] if v == max(values) else MUTED for v in values]
        bars = ax.barh(names[::-1], values[::-1], color=colors[::-1], height=0.6)
        ax.bar_label(bars, fmt="%.0f", padding=3)
        ax.axvline(chance, color=INK, ls=":", lw=1.2)
        ax.annotate("coin", (chance, 1.0), xycoords=("data", "axes fraction"), ha="center")
        ax.set(xlim=(0, 108), xlabel="test accuracy (%)")
        headline(ax, title)
        ax.grid(axis="y", visible=False)
    return ax


def score_spread(scores: Mapping[str, Sequence[float]], title: str) -> Axes:
    """Draw several accuracies for each name: a dot for each, a bar at the mean of several.

    Args:
        scores: accuracies in percent for each name, drawn from top to bottom.
        title: the finding that the figure shows.

    Returns:
        The axes.
    """
    names = list(scores)
    with drawing():
        ax = new_axes(height=0.3 * len(names) + 1.2)
        for k, values in enumerate(scores.values()):
            center = sum(values) / len(values)
            ax.plot(values, [k] * len(values), "o", color=SERIES_COLORS[0], ms=4, alpha=0.7)
            if len(values) > 1:
                ax.plot([center, center], [k - 0.35, k + 0.35], color=SERIES_COLORS[1], lw=2)
        ax.set_yticks(range(len(names)), names)
        ax.set(ylim=(len(names) - 0.4, -0.6), xlabel="test accuracy (%)")
        headline(ax, title)
    return ax


def score_curves(scores: Mapping[str, Mapping[int, Sequence[float]]], title: str) -> Axes:
    """Draw accuracies over the number of labels: lines of means, and a dash for each accuracy.

    Args:
        scores: for each line's name, the accuracies in percent at each number of labels.
        title: the finding that the figure shows.

    Returns:
        The axes.
    """
    numbers = sorted({number for line in scores.values() for number in line})
    with drawing():
        ax = new_axes()
        for (name, line), color, marker in zip(
            scores.items(), SERIES_COLORS, MARKERS, strict=False
        ):
            means = [sum(values) / len(values) for values in line.values()]
            ax.plot(list(line), means, color=color, marker=marker, label=name)
            for number, values in line.items():
                ax.plot([number] * len(values), values, "_", color=color, ms=9)
        ax.set(xscale="log", xlabel="labels (logarithmic)", ylabel="test accuracy (%)")
        ax.set_xticks(numbers, [f"{number:,}" for number in numbers])
        ax.xaxis.set_minor_formatter(NullFormatter())
        headline(ax, title)
        legend_below(ax)
    return ax
