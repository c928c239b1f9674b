"""What the cell is put together from: streams, rails, valves, gauges, and texts that change.

Each draws a custom property of ``step.properties``: ``--c`` is a stream's thickness in parts of the
way from its middle line to a rail, ``--f`` how far a valve is open or a gauge is filled.
"""

from typing import Any

from lstm_tutorial.plots.diagrams.svg import INK, at, group, path, rect, text
from lstm_tutorial.plots.style import GATE_COLORS, STATE_COLORS

COLORS = GATE_COLORS | STATE_COLORS
HALF = 30  # from the middle line of a belt or pipe to its rail
GAP = 9  # from the middle of a valve to where the stream behind it begins
TALL, WIDE = 60, 92  # of a gauge


def across(name: str, x: float, y: float, length: float, color: str) -> str:
    """Return a stream to the right from (x, y): above its line where it is positive."""
    shape = rect(0, 0, length, HALF, style=f"transform:scaleY(calc(-1*var(--{name})))")
    return at(x, y, shape, fill=color, class_=f"stream {name}")


def down(name: str, x: float, y: float, length: float, color: str) -> str:
    """Return a stream downwards from (x, y): east of its line, left of its travel, if positive."""
    shape = rect(0, 0, HALF, length, style=f"transform:scaleX(var(--{name}))")
    return at(x, y, shape, fill=color, class_=f"stream {name}")


def up(name: str, x: float, y: float, length: float, color: str) -> str:
    """Return a stream upwards to (x, y): west of its line, left of its travel, if positive."""
    shape = rect(0, 0, HALF, length, style=f"transform:scaleX(calc(-1*var(--{name})))")
    return at(x, y, shape, fill=color, class_=f"stream {name}")


def corner(name: str, x: float, y: float, color: str) -> str:
    """Return what a stream needs to turn from downwards to the right at (x, y)."""
    shape = rect(0, -HALF, HALF, HALF, style=f"transform:scale(var(--{name}))")
    return at(x, y, shape, fill=color, class_=f"stream {name}")


def rails(edges: str, middle: str, **attributes: object) -> str:
    """Return the edges of a pipe along two paths, and its middle line along another."""
    kind: dict[str, Any] = {"width": 2.5, **attributes}
    line = path(middle, INK, 1, stroke_opacity=0.6, stroke_dasharray="2 5")
    return path(edges, INK, stroke_opacity=0.55, **kind) + line


def valve(name: str, x: float, y: float, turned: bool = False) -> str:
    """Return a valve whose two slides leave ``--name`` of the passage open."""
    shut = f"(1 - var(--{name}))"
    slides = [
        at(0, side * HALF, rect(-10, 0, 20, HALF, style=f"transform:scaleY(calc({-side}*{shut}))"))
        for side in (-1, 1)
    ]
    look = {"rx": 6, "fill": "none", "stroke": COLORS[name], "stroke_width": 3}
    frame = rect(-15, -HALF - 9, 30, 2 * HALF + 18, **look)
    turn = " rotate(90)" if turned else ""
    shapes = group(*slides, fill=COLORS[name], class_="slides") + frame
    return group(shapes, transform=f"translate({x:g} {y:g}){turn}", class_=f"valve {name}")


def gauge(name: str, x: float, y: float, said: dict[str, str]) -> str:
    """Return a box, its top at y, filled from 0 to 1; that of g from its middle, which is 0."""
    signed = name == "g"
    height = TALL / 2 if signed else TALL
    zero, left = y + height, x - WIDE / 2
    shape = rect(0, -height, WIDE, height, style=f"transform:scaleY(var(--{name}))")
    fill = at(left, zero, shape, fill=COLORS[name], fill_opacity=0.4, class_="gauge")
    look = {"rx": 4, "fill": "none", "stroke": COLORS[name], "stroke_width": 3}
    middle = path(f"M{left} {zero}h{WIDE}", INK, 1, stroke_opacity=0.5, stroke_dasharray="2 5")
    kind = text(x, y + 24, f"{name} = {'tanh' if signed else 'σ'}", class_="kind")
    frame = (middle if signed else "") + rect(left, y, WIDE, TALL, **look)
    return fill + frame + kind + value(name, x, y + 49, said)


def value(name: str, x: float, y: float, said: dict[str, str], **attributes: Any) -> str:
    """Return a text that a script may replace."""
    return text(x, y, said[name], data_value=name, class_="value", **attributes)
