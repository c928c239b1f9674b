"""Drawings as SVG text: the cell, cells in rows, and curves. No matplotlib, no script.

One geometry serves the still pictures of the chapters, the figures that move and the card that
is shown where the book is shared.
"""

from lstm_tutorial.plots.diagrams.card import card
from lstm_tutorial.plots.diagrams.cell import cell
from lstm_tutorial.plots.diagrams.chains import both_directions, stacked, unrolled
from lstm_tutorial.plots.diagrams.chart import boxed_states, states, verdicts
from lstm_tutorial.plots.diagrams.step import Step, step_of
from lstm_tutorial.plots.diagrams.svg import number

__all__ = [
    "Step",
    "both_directions",
    "boxed_states",
    "card",
    "cell",
    "number",
    "stacked",
    "states",
    "step_of",
    "unrolled",
    "verdicts",
]
