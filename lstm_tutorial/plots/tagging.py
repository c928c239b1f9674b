"""Figures of labels along a sequence."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from lstm_tutorial.plots.style import INK, MARKERS, SERIES_COLORS, WIDTH, drawing, headline


def label_spikes(
    signal: ArrayLike, probabilities: ArrayLike, names: Sequence[str], title: str
) -> Axes:
    """Draw a signal, and under it the probability of each label at each step; see CTC.

    Args:
        signal: float (L,).
        probabilities: float (L, C), the blank in column 0, drawn as a dotted line.
        names: C of them, the blank's first.
        title: the finding that the figure shows.

    Returns:
        The axes of the probabilities.
    """
    signal, probabilities = np.asarray(signal), np.asarray(probabilities)
    steps = np.arange(1, len(signal) + 1)
    with drawing():
        fig, (above, below) = plt.subplots(
            2, 1, figsize=(WIDTH, 4.0), sharex=True, layout="constrained"
        )
        above.plot(steps, signal, color=INK, marker="o", ms=3)
        above.set_ylabel("signal")
        below.plot(steps, probabilities[:, 0], color=INK, ls=":", label=names[0])
        for name, values, color, marker in zip(
            names[1:], probabilities.T[1:], SERIES_COLORS, MARKERS, strict=False
        ):
            below.plot(steps, values, color=color, marker=marker, label=name)
        below.set(xlabel="step", ylabel="probability", ylim=(-0.03, 1.03))
        fig.legend(loc="outside lower center", ncols=len(names))
        headline(below, title)
    return below
