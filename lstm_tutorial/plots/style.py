"""The book's style for every figure: colours, sizes, and unobtrusive axes.

The four gate colours are from the Okabe-Ito palette, which people with any of the common kinds of
colour blindness can tell apart; every line also has its own marker or label. In a notebook figures
are SVG on a transparent background: ``INK`` can be read on white and on black, and on the book's
pages it becomes the colour of the text.
"""

import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

GATE_COLORS = {"i": "#0072B2", "f": "#D55E00", "g": "#009E73", "o": "#CC79A7"}
GATE_NAMES = {"i": "input gate i", "f": "forget gate f", "g": "candidate g", "o": "output gate o"}
STATE_COLORS = {"h": "#56B4E9", "c": "#E69F00"}
DIRECTION_COLORS = {"forward": "#0072B2", "reverse": "#D55E00"}
SERIES_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
INK = "#767676"
MUTED = "#999999"
PADDING_COLOR = "#8080804D"
WIDTH, HEIGHT = 5.4, 3.6  # inches, the same for every figure that holds one panel
TITLE_LENGTH = 56  # characters of a title on one line

RC = {
    "figure.figsize": (WIDTH, HEIGHT),
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": 10,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#808080",
    "grid.alpha": 0.25,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
}
# Text stays text, and a figure has the same bytes each time.
SVG = {"svg.fonttype": "none", "svg.hashsalt": "figures"}


def show_as_svg() -> None:
    """Let a notebook show figures as SVG; elsewhere, do nothing."""
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        return
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    plt.rcParams.update(SVG)
    set_matplotlib_formats("svg", metadata={"Date": None, "Creator": None})


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


def legend_below(ax: Axes, columns: int = 2) -> None:
    """Put the legend under the axes, where it hides nothing."""
    handles, labels = ax.get_legend_handles_labels()
    ax.figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def headline(ax: Axes, title: str) -> None:
    """Write a title over the whole figure, on as few lines as it needs, of like length."""
    lines = len(textwrap.wrap(title, TITLE_LENGTH))
    widths = range(len(title) // lines, TITLE_LENGTH + 1)
    text = next(t for width in widths if (t := textwrap.fill(title, width)).count("\n") < lines)
    ax.figure.suptitle(text, x=0.01, ha="left", weight="bold", fontsize=11)


def box(
    ax: Axes, x: float, y: float, width: float, height: float, color: str, alpha: float
) -> None:
    """Fill one cell of a grid, with a small gap to its neighbours."""
    face = to_rgba(color, alpha)
    inside = (x + 0.03, y + 0.03), width - 0.06, height - 0.06
    ax.add_patch(Rectangle(*inside, facecolor=face, lw=0))
