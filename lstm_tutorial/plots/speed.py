"""Figures of time: who is faster, where it goes, and how it grows."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

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


def speed_ratios(
    groups: Sequence[str],
    ratios: Mapping[str, Sequence[Sequence[float]]],
    base: str,
    title: str,
) -> Axes:
    """Draw times relative to a base, on a logarithmic axis.

    Args:
        groups: the timed cases, one line each.
        ratios: for each contender and group, the lower quartile, median and upper quartile.
        base: what the ratios are relative to.
        title: the finding that the figure shows.

    Returns:
        The axes.
    """
    with drawing():
        height = 0.16 * len(ratios) * len(groups) + 0.3 * len(groups) + 1.5
        _, ax = plt.subplots(figsize=(WIDTH, height), layout="constrained")
        for k, (name, quartiles) in enumerate(ratios.items()):
            low, median, high = np.array(quartiles).T
            place = np.arange(len(groups)) + 0.75 * ((k + 0.5) / len(ratios) - 0.5)
            ax.errorbar(
                median, place, xerr=[median - low, high - median], label=name, ls="",
                color=SERIES_COLORS[k % len(SERIES_COLORS)], marker=MARKERS[k % len(MARKERS)],
            )  # fmt: skip
        ax.axvline(1, color=INK, lw=1)
        for k in range(1, len(groups)):
            ax.axhline(k - 0.5, color=MUTED, alpha=0.4, lw=0.8)
        ax.set_yticks(range(len(groups)), groups)
        ax.set(xscale="log", ylim=(len(groups) - 0.5, -0.5))
        ax.set_xlabel(f"time relative to {base} (left is faster)")
        _plain_ticks(ax)
        ax.grid(axis="y", visible=False)
        headline(ax, title)
        legend_below(ax)
    return ax


def time_shares(shares: Mapping[str, Mapping[str, float]], title: str) -> Axes:
    """Draw the share of a step's time that each kind of operation takes, one bar per contender.

    Args:
        shares: for each contender, the share of each kind; they sum to 1.
        title: the finding that the figure shows.

    Returns:
        The axes.
    """
    names = list(shares)
    with drawing():
        ax = new_axes(height=0.45 * len(names) + 1.6)
        left = np.zeros(len(names))
        for kind, color in zip(next(iter(shares.values())), SERIES_COLORS, strict=False):
            widths = np.array([100 * shares[name][kind] for name in names])
            ax.barh(names, widths, left=left, color=color, height=0.6, label=kind)
            left += widths
        ax.set(xlim=(0, 100), xlabel="share of the time (%)")
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        headline(ax, title)
        legend_below(ax)
    return ax


def growth(
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]], title: str
) -> list[Axes]:
    """Draw how a cost grows with each size, both relative to the smallest, on log-log axes.

    Args:
        panels: for each size and each line, the sizes and the costs; the last line is the reference
            for the others, and is dashed.
        title: the finding that the figure shows.

    Returns:
        The axes, one per panel.
    """
    with drawing():
        columns = min(2, len(panels))
        shape = WIDTH, 2.4 * ceil(len(panels) / columns) + 0.8
        _, grid = plt.subplots(
            ceil(len(panels) / columns), columns, figsize=shape, layout="constrained", squeeze=False
        )
        axes = list(grid.flat)
        for ax, (size, lines) in zip(axes, panels.items(), strict=True):
            for k, (name, (sizes, costs)) in enumerate(lines.items()):
                style: dict[str, Any] = {"color": SERIES_COLORS[k], "marker": MARKERS[k]}
                if k == len(lines) - 1:
                    style = {"color": INK, "ls": "--", "lw": 1.2, "zorder": 3}
                ax.plot(sizes, costs, label=name, **style)
            ax.set(xscale="log", yscale="log", xlabel=size)
            ax.set_xticks(sizes, [str(value) for value in sizes])
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_minor_formatter(NullFormatter())
        for ax in axes[::columns]:
            ax.set_ylabel("times the smallest")
        headline(axes[0], title)
        legend_below(axes[0], 3)
    return axes


def _plain_ticks(ax: Axes) -> None:
    """Write the ticks of a logarithmic axis as plain numbers."""
    ticks = [t for t in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if _inside(t, *ax.get_xlim())]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.xaxis.set_minor_formatter(NullFormatter())


def _inside(value: float, low: float, high: float) -> bool:
    return low <= value <= high
