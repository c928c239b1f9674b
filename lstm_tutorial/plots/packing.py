"""Figures of sequences of unequal length: padded, packed, and the effect of padding."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from lstm_tutorial.plots.style import (
    INK,
    MARKERS,
    PADDING_COLOR,
    SERIES_COLORS,
    WIDTH,
    box,
    drawing,
    headline,
    legend_below,
    new_axes,
)


def _cell(ax: Axes, x: float, y: float, text: str, color: str) -> None:
    box(ax, x, y, 1, 1, color, 0.3)
    ax.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=9)


def packing(
    padded: Sequence[Sequence[str]],
    data: Sequence[str],
    batch_sizes: Sequence[int],
    indices: Mapping[str, Sequence[int]],
    title: str,
) -> Axes:
    """Draw a padded batch and its packed data, cell by cell.

    Args:
        padded: for each sequence a label for each step, all different; ``""`` is padding.
        data: the labels in the order of ``PackedSequence.data``.
        batch_sizes: how many of them belong to each step.
        indices: ``sorted_indices`` and ``unsorted_indices`` by name, drawn beside the batch.
        title: the finding that the figure shows.

    Returns:
        The axes of the packed data.
    """
    owner = {label: n for n, row in enumerate(padded) for label in row if label}
    with drawing():
        _, (top, ax) = plt.subplots(
            2, 1, figsize=(WIDTH, 0.36 * len(padded) + 2.0), layout="constrained",
            height_ratios=(len(padded) + 0.8, 2.6),
        )  # fmt: skip
        headline(top, title)
        for n, row in enumerate(padded):
            for t, label in enumerate(row):
                _cell(top, t, n, label, SERIES_COLORS[n] if label else PADDING_COLOR)
        top.set(ylim=(len(padded), -0.05))
        top.set_xlabel("time step", x=0.28)
        top.set_yticks(np.arange(len(padded)) + 0.5, [f"n = {n}" for n in range(len(padded))])
        top.set_xticks(np.arange(len(padded[0])) + 0.5, range(len(padded[0])))
        for line, (name, places) in enumerate(indices.items()):
            y, x = 0.5 + 1.5 * line, max(len(data), len(padded[0])) - len(places)
            top.text(x, y - 0.25, name, va="center")
            for k, n in enumerate(places):
                _cell(top, x + k, y, str(n), SERIES_COLORS[n] if line == 0 else "#BBBBBB")
        for k, label in enumerate(data):
            _cell(ax, k, 0, label, SERIES_COLORS[owner[label]])
        for start, size in zip(accumulate(batch_sizes, initial=0), batch_sizes, strict=False):
            ax.plot([start + 0.08, start + size - 0.08], [1.18, 1.18], color=INK, lw=1.2)
            ax.text(start + size / 2, 1.62, str(size), ha="center", va="center", fontsize=9)
        ax.set(ylim=(2.0, -0.05))
        ax.set_yticks([0.5, 1.62], ["data", "batch_sizes"])
        ax.set_xticks([])
        for panel in (top, ax):
            panel.set_xlim(-0.05, max(len(data), len(padded[0])) + 0.05)
            panel.tick_params(length=0)
            panel.spines[:].set_visible(False)
            panel.grid(visible=False)
    return ax


def padding_damage(
    errors: Mapping[str, Sequence[float]], paddings: Sequence[int], title: str
) -> Axes:
    """Draw how far results differ from those of each sequence on its own.

    Args:
        errors: for each result's name, the largest difference for each amount of padding.
        paddings: steps of padding after the sequence.
        title: the finding that the figure shows.

    Returns:
        The axes.
    """
    with drawing():
        ax = new_axes()
        for (name, values), color, marker in zip(
            errors.items(), SERIES_COLORS, MARKERS, strict=False
        ):
            ax.plot(paddings, values, color=color, marker=marker, label=name)
        ax.set(
            xlabel="steps of padding",
            ylabel="largest difference\nfrom the sequence alone",
            xticks=list(paddings),
        )
        headline(ax, title)
        legend_below(ax)
    return ax
