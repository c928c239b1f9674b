"""The book's style for every figure: colours, sizes, and unobtrusive axes.

The four gate colours are from the Okabe-Ito palette, which people with any of the common kinds of
colour blindness can tell apart; every line also has its own marker or label.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

GATE_COLORS = {"i": "#0072B2", "f": "#D55E00", "g": "#009E73", "o": "#CC79A7"}
GATE_NAMES = {"i": "input gate i", "f": "forget gate f", "g": "candidate g", "o": "output gate o"}
STATE_COLORS = {"h": "#56B4E9", "c": "#E69F00"}
DIRECTION_COLORS = {"forward": "#0072B2", "reverse": "#D55E00"}
SERIES_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
INK = "#333333"
PADDING_COLOR = "#D9D9D9"
WIDTH, HEIGHT = 7.0, 3.4  # inches, the same for every figure that holds one panel

RC = {
    "figure.figsize": (WIDTH, HEIGHT),
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
    "savefig.bbox": "tight",
}


@contextmanager
def drawing() -> Iterator[None]:
    """Apply the book's settings inside a ``with`` block, and nowhere else."""
    with plt.rc_context(RC):
        yield


def new_axes(width: float = WIDTH, height: float = HEIGHT) -> Axes:
    """Make a figure of the book's size with one axes.

    Args:
        width: inches.
        height: inches.

    Returns:
        The axes.
    """
    return plt.subplots(figsize=(width, height), layout="constrained")[1]
