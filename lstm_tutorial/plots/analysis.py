"""Figures of a classifier's abilities: reliability, scores by group, evidence by word."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from lstm_tutorial.plots.style import (
    INK,
    MARKERS,
    SERIES_COLORS,
    drawing,
    headline,
    legend_below,
    new_axes,
)


def reliability(curves: Mapping[str, Sequence[Mapping[str, float]]], title: str) -> Axes:
    """Draw how often reviews are positive against the probability that they were given.

    Args:
        curves: for each classifier's name, bins with ``probability`` and ``positive``.
        title: the finding that the figure shows.

    Returns:
        The axes.
    """
    with drawing():
        ax = new_axes(width=5.2, height=4.4)
        ax.plot([0, 1], [0, 1], color=INK, ls="--", lw=1.4, zorder=3, label="as sure as right")
        for (name, bins), color, marker in zip(
            curves.items(), SERIES_COLORS, MARKERS, strict=False
        ):
            x, y = ([b[key] for b in bins] for key in ("probability", "positive"))
            ax.plot(x, y, color=color, marker=marker, label=name)
        ax.set(xlabel="probability given", ylabel="share of positive reviews")
        headline(ax, title)
        legend_below(ax)
    return ax


def grouped_scores(
    scores: Mapping[str, Mapping[str, float]],
    title: str,
    label: str,
    groups_label: str = "",
    chance: float | None = None,
) -> Axes:
    """Draw a score of several classifiers in each group.

    Args:
        scores: for each classifier's name, a percentage for each group, the same groups in all.
        title: the finding that the figure shows.
        label: of the percentages.
        groups_label: of the groups.
        chance: the percentage that guessing gets, drawn as a line.

    Returns:
        The axes.
    """
    groups = list(next(iter(scores.values())))
    with drawing():
        ax = new_axes(height=0.5 * len(groups) + 1.6)
        for k, ((name, values), color, marker) in enumerate(
            zip(scores.items(), SERIES_COLORS, MARKERS, strict=False)
        ):
            shift = 0.2 * (k - (len(scores) - 1) / 2)
            rows = np.arange(len(groups)) + shift
            ax.plot([values[g] for g in groups], rows, marker, color=color, ms=6, label=name)
        ax.set_yticks(range(len(groups)), groups)
        ax.set(ylim=(len(groups) - 0.5, -0.5), xlabel=label, ylabel=groups_label)
        if chance is not None:
            ax.axvline(chance, color=INK, ls="--", lw=1.2, zorder=1, label="chance")
        headline(ax, title)
        legend_below(ax)
    return ax


def _short(value: float) -> str:
    """Write a number between -1 and 1 in three characters at most: +.4, −1, 0."""
    if abs(value) < 0.05:
        return "0"
    return f"{value:+.1f}".replace("0.", ".").removesuffix(".0").replace("-", "−")


def evidence(tokens: Sequence[str], values: Mapping[str, Sequence[float]], title: str) -> Axes:
    """Colour each word by its evidence for or against, one row per method.

    Args:
        tokens: the words.
        values: for each row's name one number per word; each row is scaled by its largest.
        title: the finding that the figure shows.

    Returns:
        The axes.
    """
    rows = np.array([np.asarray(row, dtype=float) for row in values.values()])
    scaled = rows / np.abs(rows).max(axis=1, keepdims=True).clip(min=1e-12)
    with drawing():
        ax = new_axes(height=0.5 * len(rows) + 1.3)
        x, y = np.arange(scaled.shape[1] + 1) - 0.5, np.arange(len(rows) + 1) - 0.5
        image = ax.pcolormesh(x, y, scaled, cmap="PuOr", vmin=-1.2, vmax=1.2)
        ax.invert_yaxis()
        light = image.to_rgba(scaled)[..., :3] @ (0.3, 0.59, 0.11) > 0.5
        for (k, t), value in np.ndenumerate(scaled):
            color = "black" if light[k, t] else "white"
            text = _short(value)
            ax.text(t, k, text, ha="center", va="center", fontsize=7.5, color=color)
        ax.set_yticks(range(len(rows)), list(values))
        ax.set_xticks(range(len(tokens)), tokens, rotation=50, ha="right", rotation_mode="anchor")
        headline(ax, title)
        ax.grid(visible=False)
    return ax
