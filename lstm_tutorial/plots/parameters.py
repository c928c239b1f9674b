"""Figures of an LSTM's weights and of what its arguments cost."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from lstm_tutorial.plots.style import (
    GATE_COLORS,
    GATE_NAMES,
    INK,
    SERIES_COLORS,
    WIDTH,
    box,
    drawing,
    headline,
    legend_below,
    new_axes,
)


def weight_map(shapes: Mapping[str, Sequence[int]], title: str) -> Axes:
    """Draw parameters to scale, each gate's rows in its colour.

    Args:
        shapes: the shape of each parameter, (4*H_cell, columns) or (4*H_cell,).
        title: the finding that the figure shows.

    Returns:
        The axes.
    """
    with drawing():
        ax = new_axes(height=3.8)
        left, gap = 0.0, 3.0
        for name, (rows, *rest) in shapes.items():
            width, size = (rest or [1])[0], rows // 4
            for k, (gate, color) in enumerate(GATE_COLORS.items()):
                box(ax, left, k * size, width, size, color, 0.35)
                ax.text(left + width / 2, (k + 0.5) * size, gate, ha="center", va="center")
            shape = f"({rows}, {rest[0]})" if rest else f"({rows},)"
            ax.text(left + width / 2, -0.5, name, ha="center", va="bottom", fontsize=9)
            ax.text(left + width / 2, rows + 0.4, shape, ha="center", va="top", fontsize=9)
            left += width + gap
        ends = [f"{k * size} to {(k + 1) * size - 1}" for k in range(4)]
        ax.set_yticks((np.arange(4) + 0.5) * size, [
            f"rows {rows}\n{name}" for rows, name in zip(ends, GATE_NAMES.values(), strict=True)
        ])  # fmt: skip
        ax.set(xlim=(-0.3, left - gap + 0.6), ylim=(rows + 2.2, -2.2), xticks=[])
        headline(ax, title)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.grid(visible=False)
    return ax


def costs(
    changes: Sequence[str], ratios: Mapping[str, Sequence[float]], base: str, title: str
) -> Axes:
    """Draw what each change of the arguments costs, relative to a base configuration.

    Args:
        changes: the changed argument of each group of bars.
        ratios: for each kind of cost, one ratio for each change.
        base: what the ratios are relative to.
        title: the finding that the figure shows.

    Returns:
        The axes.
    """
    with drawing():
        _, ax = plt.subplots(figsize=(WIDTH, 0.55 * len(changes) + 1.4), layout="constrained")
        height = 0.8 / len(ratios)
        for k, (name, values) in enumerate(ratios.items()):
            place = np.arange(len(changes)) + (k - (len(ratios) - 1) / 2) * height
            bars = ax.barh(place, values, height, color=SERIES_COLORS[k], label=name)
            ax.bar_label(bars, [f"{v:.2f}" for v in values], padding=3, fontsize=8)
        ax.axvline(1, color=INK, lw=1)
        ax.set_yticks(range(len(changes)), changes)
        ax.set(xlabel=f"times that of {base}", ylim=(len(changes) - 0.4, -0.6))
        ax.grid(axis="y", visible=False)
        headline(ax, title)
        legend_below(ax)
    return ax
