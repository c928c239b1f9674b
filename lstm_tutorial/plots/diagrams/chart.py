"""Curves below the cell: a value at each step, in a box that stretches with its column.

The view box is 1 wide, from the first step to the last. A script sets the points of the lines
that have a ``data-series``, and the custom property ``--at``, and draws nothing else.
"""

from collections.abc import Sequence

from lstm_tutorial.plots.diagrams.svg import INK, path, tag
from lstm_tutorial.plots.style import STATE_COLORS


def points(values: Sequence[float], limit: float = 1.0) -> str:
    """Return the corners of a line through values, the first at 0 and the last at 1."""
    last = max(1, len(values) - 1)
    return " ".join(f"{t / last:.5g},{-v / limit:.5g}" for t, v in enumerate(values))


def line(name: str, values: Sequence[float], limit: float, color: str, width: float = 2.5) -> str:
    """Return the line of a series."""
    kind = {"fill": "none", "stroke": color, "stroke_width": width, "stroke_linejoin": "round"}
    return tag(
        "polyline",
        points=points(values, limit),
        data_series=name,
        vector_effect="non-scaling-stroke",
        **kind,
    )


def area(name: str, values: Sequence[float], limit: float, color: str) -> str:
    """Return the area between the line of a series and 0."""
    corners = f"0,0 {points(values, limit)} 1,0"
    return tag("polygon", points=corners, data_area=name, fill=color, fill_opacity=0.3)


def frame(low: float, label: str, *lines: str) -> str:
    """Return a box from ``low`` to 1 with its grid and the place of the present step."""
    grid = path(
        f"M0 0H1M0 -1H1M0 {-low:g}H1",
        INK,
        1,
        stroke_opacity=0.25,
        vector_effect="non-scaling-stroke",
    )
    height = 1 - low
    now = path(f"M0 -1V{-low:g}", INK, 1.5, vector_effect="non-scaling-stroke", class_="now")
    return tag(
        "svg",
        grid,
        now,
        *lines,
        viewBox=f"0 -1 1 {height:g}",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
        class_="lstm-curve",
        overflow="visible",
    )


def states(c: Sequence[float], h: Sequence[float], limit: float) -> str:
    """Draw both states over the steps, on one scale from -limit to limit.

    Args:
        c: the cell state after each step.
        h: the hidden state after each step.
        limit: the number at the upper edge.

    Returns:
        An ``<svg>``.
    """
    below = area("c", c, limit, STATE_COLORS["c"])
    lines = (
        below,
        line("h", h, limit, STATE_COLORS["h"], 2),
        line("c", c, limit, STATE_COLORS["c"], 3.5),
    )
    return frame(-1, "The cell state c and the hidden state h after each step.", *lines)


def boxed_states(c: Sequence[float], h: Sequence[float], limit: float) -> str:
    """Draw both states for a page: with a legend, and the limits beside the edges.

    Args:
        c: the cell state after each step.
        h: the hidden state after each step.
        limit: the number at the upper edge.

    Returns:
        HTML.
    """
    legend = '<span class="legend"><span class="c">c</span> <span class="h">h</span></span>'
    return f'<div class="curve" data-limit="{limit:g}">{legend}{states(c, h, limit)}</div>'


def verdicts(probabilities: Sequence[float]) -> str:
    """Draw a probability over the steps, on a scale from 0 to 1.

    Args:
        probabilities: one at each step.

    Returns:
        An ``<svg>``.
    """
    middle = path(
        "M0 -0.5H1",
        INK,
        1,
        stroke_opacity=0.6,
        stroke_dasharray="3 4",
        vector_effect="non-scaling-stroke",
    )
    found = line("p", probabilities, 1.0, INK, 2)
    return frame(0, "The probability that the film is liked, after each word.", middle, found)
