"""Figures of what an LSTM returns: ``output``, ``h_n`` and ``c_n``, number by number."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from lstm_tutorial.plots.style import (
    DIRECTION_COLORS,
    INK,
    SERIES_COLORS,
    WIDTH,
    box,
    drawing,
    headline,
    legend_below,
    new_axes,
)

FRAMES = {"forward": "-", "reverse": (0, (2.5, 1.5))}  # line styles


def number_grid(
    ax: Axes, values: ArrayLike, directions: ArrayLike, rows: Sequence[str], title: str
) -> None:
    """Write a matrix as a grid of numbers, one direction's cells in one colour.

    Args:
        ax: target.
        values: float (rows, columns).
        directions: names, (columns,) or (rows, 1).
        rows: labels beside the rows.
        title: above the grid.
    """
    values = np.asarray(values, dtype=float)
    directions = np.broadcast_to(directions, values.shape)
    for r, k in np.ndindex(values.shape):
        box(ax, k, r, 1, 1, DIRECTION_COLORS[directions[r, k]], 0.22)
        ax.text(
            k + 0.5,
            r + 0.5,
            f"{round(values[r, k], 2) + 0.0:.2f}",
            ha="center",
            va="center",
            fontsize=9,
        )
    ax.set(xlim=(-0.06, values.shape[1] + 0.06), ylim=(len(values) + 0.06, -0.06))
    ax.set_title(title, fontsize=10, loc="center")
    ax.set_yticks(np.arange(len(values)) + 0.5, rows)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    ax.set_aspect(0.5)


def _frame(ax: Axes, row: int, columns: slice, direction: str) -> None:
    width = columns.stop - columns.start
    style: dict[str, Any] = {"edgecolor": INK, "facecolor": "none", "ls": FRAMES[direction]}
    ax.add_patch(Rectangle((columns.start, row), width, 1, zorder=3, lw=1.8, **style))


def final_states(output: ArrayLike, h_n: ArrayLike, c_n: ArrayLike, title: str) -> Axes:
    """Draw what a bidirectional LSTM returns for one sequence, and where its numbers meet.

    Args:
        output: float (L, 2*H).
        h_n: float (2*num_layers, H).
        c_n: float (2*num_layers, H).
        title: the finding that the figure shows.

    Returns:
        The axes of the output.
    """
    output, h_n = np.asarray(output), np.asarray(h_n)
    size, states = h_n.shape[1], len(h_n)
    sides = ["forward", "reverse"]
    rows = [f"layer {k // 2} {sides[k % 2]}" for k in range(states)]
    with drawing():
        height = 0.3 * (len(output) + states) + 1.3
        figure = plt.figure(figsize=(WIDTH, height), layout="constrained")
        panels = figure.subplot_mosaic("oo\nhc", height_ratios=(len(output), states))
        left, middle, right = panels.values()
        headline(left, title)
        steps = [f"t = {t}" for t in range(len(output))]
        wide = [side for side in sides for _ in range(size)]
        number_grid(left, output, wide, steps, "output")
        of_rows = np.reshape(sides * (states // 2), (states, 1))
        number_grid(middle, h_n, of_rows, rows, "h_n")
        number_grid(right, c_n, of_rows, [""] * states, "c_n")
        for panel in (left, middle, right):
            panel.set_anchor("N")
        _frame(left, len(output) - 1, slice(0, size), "forward")
        _frame(left, 0, slice(size, 2 * size), "reverse")
        _frame(middle, states - 2, slice(0, size), "forward")
        _frame(middle, states - 1, slice(0, size), "reverse")
    return left


def seen_steps(shares: Mapping[str, Sequence[float]], title: str) -> Axes:
    """Draw how much each time step can move a sentence vector; zeros take no place.

    Args:
        shares: for each vector's name, one number a time step.
        title: the finding that the figure shows.

    Returns:
        The axes.
    """
    with drawing():
        ax = new_axes()
        width = 0.8 / len(shares)
        shown = np.array(list(shares.values())) > 0  # (vectors, L)
        places = np.cumsum(shown, axis=0) - (1 + shown.sum(axis=0)) / 2
        for k, (name, values) in enumerate(shares.items()):
            steps = np.arange(len(values)) + places[k] * width
            ax.bar(steps, values, width, color=SERIES_COLORS[k], label=name)
        ax.set(xlabel="time step", ylabel="‖∂ vector / ∂ input at t‖")
        ax.set_xticks(range(len(next(iter(shares.values())))))
        headline(ax, title)
        legend_below(ax)
    return ax
