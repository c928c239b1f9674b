"""Figures of attention: which source words a decoder looks at, step by step."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from lstm_tutorial.plots.style import GATE_COLORS, box, drawing, headline, new_axes


def attention(weights: ArrayLike, source: Sequence[str], target: Sequence[str], title: str) -> Axes:
    """Draw attention weights, one row for each source word and one column for each answer.

    Args:
        weights: float (L_target, L_source), from 0 to 1.
        source: words that were read.
        target: tokens that were written.
        title: the finding that the figure shows.

    Returns:
        The axes.
    """
    weights = np.asarray(weights, dtype=float)
    with drawing():
        ax = new_axes(height=0.3 * len(source) + 1.2)
        for t, s in np.ndindex(weights.shape):
            box(ax, t, s, 1, 1, GATE_COLORS["i"], 0.06 + 0.94 * weights[t, s])
        ax.set(xlim=(-0.06, len(target) + 0.06), ylim=(len(source) + 0.06, -0.06))
        ax.set_xticks(np.arange(len(target)) + 0.5, target)
        ax.set_yticks(np.arange(len(source)) + 0.5, source)
        ax.set(xlabel="written by the decoder", ylabel="read by the encoder")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.grid(visible=False)
        headline(ax, title)
    return ax
