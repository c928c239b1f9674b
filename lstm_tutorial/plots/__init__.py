"""Every figure of the book, and its tables. Figures take plain values and return matplotlib Axes.

``import lstm_tutorial`` does not import this package: matplotlib is loaded only for drawing.
"""

from lstm_tutorial.plots.analysis import evidence, grouped_scores, reliability
from lstm_tutorial.plots.attention import attention
from lstm_tutorial.plots.forecasting import error_by_step, forecasts
from lstm_tutorial.plots.gates import cell_states, gates_over_text, gradient_reach, squashing
from lstm_tutorial.plots.packing import packing, padding_damage
from lstm_tutorial.plots.parameters import costs, weight_map
from lstm_tutorial.plots.speed import growth, speed_ratios, time_shares
from lstm_tutorial.plots.states import final_states, seen_steps
from lstm_tutorial.plots.style import DIRECTION_COLORS, GATE_COLORS, STATE_COLORS, show_as_svg
from lstm_tutorial.plots.tables import table
from lstm_tutorial.plots.tagging import label_spikes
from lstm_tutorial.plots.training import (
    learning_curves,
    loss_curves,
    score_bars,
    score_curves,
    score_spread,
)

show_as_svg()

__all__ = [
    "DIRECTION_COLORS",
    "GATE_COLORS",
    "STATE_COLORS",
    "attention",
    "cell_states",
    "costs",
    "error_by_step",
    "evidence",
    "final_states",
    "forecasts",
    "gates_over_text",
    "gradient_reach",
    "grouped_scores",
    "growth",
    "label_spikes",
    "learning_curves",
    "loss_curves",
    "packing",
    "padding_damage",
    "reliability",
    "score_bars",
    "score_curves",
    "score_spread",
    "seen_steps",
    "speed_ratios",
    "squashing",
    "table",
    "time_shares",
    "weight_map",
]
