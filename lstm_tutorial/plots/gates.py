"""Figures of the cell at work: gates, states, and how far a gradient reaches."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from lstm_tutorial.plots.style import (
    GATE_COLORS,
    GATE_NAMES,
    MARKERS,
    MUTED,
    SERIES_COLORS,
    STATE_COLORS,
    WIDTH,
    drawing,
    headline,
    legend_below,
    new_axes,
)


def squashing(title: str) -> Axes:
    """Draw the two squashing functions of a step.

    Args:
        title: the finding that the figure shows.

    Returns:
        The axes.
    """
    x = np.linspace(-6, 6, 241)
    with drawing():
        ax = new_axes(height=2.8)
        ax.plot(x, 1 / (1 + np.exp(-x)), color=GATE_COLORS["i"], label="sigmoid: gates i, f, o")
        ax.plot(
            x, np.tanh(x), color=GATE_COLORS["g"], ls="--", label="tanh: candidate g, and tanh(c)"
        )
        ax.set(xlabel="preactivation a, or cell state c", ylabel="value")
        headline(ax, title)
        legend_below(ax, 1)
    return ax


def cell_states(runs: Mapping[str, Sequence[float]], inputs: Sequence[float], title: str) -> Axes:
    """Draw the cell state over time for several settings of the gates.

    Args:
        runs: for each setting's name, c after every step; one value more begins before the first.
        inputs: the input x at every step, drawn as bars.
        title: the finding that the figure shows.

    Returns:
        The axes of the states.
    """
    first = len(inputs) + 1 - max(map(len, runs.values()))
    steps = range(first, len(inputs) + 1)
    with drawing():
        _, (top, ax) = plt.subplots(
            2, 1, figsize=(WIDTH, 4.6), sharex=True, height_ratios=(1, 3), layout="constrained"
        )
        top.bar(range(1, len(inputs) + 1), inputs, color=MUTED, width=0.6)
        top.set(ylabel="input x")
        for (name, values), color, marker in zip(
            runs.items(), SERIES_COLORS, MARKERS, strict=False
        ):
            ax.plot(steps, values, color=color, marker=marker, label=name)
        ax.set(xlabel="time step", ylabel="cell state c", xticks=list(steps))
        headline(ax, title)
        legend_below(ax)
    return ax


def gradient_reach(
    norms: Mapping[str, Sequence[float]],
    title: str,
    ylabel: str = "‖∂ last state / ∂ state at t‖",
) -> Axes:
    """Draw how the gradient of the last state shrinks with the distance it travels back.

    Args:
        norms: for each model's name, the norm at distances 0, 1, 2, ... steps.
        title: the finding that the figure shows.
        ylabel: which norm it is.

    Returns:
        The axes.
    """
    with drawing():
        ax = new_axes()
        for (name, values), color, marker in zip(
            norms.items(), SERIES_COLORS, MARKERS, strict=False
        ):
            every = max(1, len(values) // 10)
            ax.plot(values, color=color, marker=marker, markevery=every, label=name)
        ax.set(
            yscale="log",
            xlabel="distance L − t (time steps)",
            ylabel=ylabel,
        )
        headline(ax, title)
        legend_below(ax)
    return ax


def gates_over_text(
    gates: Mapping[str, Sequence[float]], tokens: Sequence[str], title: str
) -> Axes:
    """Draw one unit's gates and states at each token of a text.

    Args:
        gates: values per token under the names "i", "f", "g", "o", "c", "h" (any of them).
        tokens: the tokens, one per step.
        title: the finding that the figure shows.

    Returns:
        The axes of the last panel.
    """
    colors = GATE_COLORS | STATE_COLORS
    names = GATE_NAMES | {"c": "cell state c", "h": "hidden state h"}
    steps = range(len(tokens))
    with drawing():
        figure, panels = plt.subplots(
            len(gates),
            1,
            figsize=(max(WIDTH, 0.32 * len(tokens)), 0.95 * len(gates) + 1.0),
            sharex=True,
            layout="constrained",
        )
        for ax, (name, values) in zip(np.atleast_1d(panels), gates.items(), strict=True):
            ax.bar(steps, values, color=colors[name], width=0.75)
            ax.axhline(0, color=MUTED, lw=0.8)
            ax.set_ylabel(names[name].rsplit(" ", 1)[-1], rotation=0, labelpad=12, weight="bold")
            ax.set_ylim((-1.08, 1.08) if name in "gh" else None)
            ax.grid(axis="x", visible=False)
        first, last = np.atleast_1d(panels)[[0, -1]]
        headline(first, title)
        last.set_xticks(list(steps), tokens, rotation=60, ha="right", rotation_mode="anchor")
        figure.align_ylabels()
    return last
