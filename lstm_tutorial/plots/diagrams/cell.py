"""The cell: a belt that carries c, the valves f, i and o, and what they let through.

The thickness of each stream is its number: a stream is as thick as ``value / limit`` of the way
from its middle line to a rail, above the line of a belt that runs to the right when the number is
positive, to the left of the direction of travel everywhere. A valve is open as far as its gate is.
All of this depends on the custom properties of ``properties`` and on nothing else, so a script
that moves the drawing sets these, and the texts with a ``data-value``, and draws nothing.
"""

from typing import Any

from lstm_tutorial.plots.diagrams.pieces import (
    COLORS,
    GAP,
    HALF,
    TALL,
    across,
    corner,
    down,
    gauge,
    rails,
    up,
    value,
    valve,
)
from lstm_tutorial.plots.diagrams.step import Step, properties, texts
from lstm_tutorial.plots.diagrams.svg import (
    INK,
    arrow,
    drawing,
    group,
    number,
    path,
    rect,
    tag,
    text,
)

WIDTH, HEIGHT = 720, 416
BELT, LANE = 88, 352  # middle lines of c and of h
X = {"f": 190, "i": 296, "g": 400, "o": 506}  # middle lines of the four gauges
TOP = 226  # of the gauges
ADD, TAP = X["g"], 610  # where i*g joins the belt, and where o reads it
VALVE_I, VALVE_O = 172, 196
TANH = 128  # top of the tanh
WORD, OUT = 242, 692  # x on its way in, and h on its way up


def cell(step: Step, limit: float = 1.0) -> str:
    """Draw one step of one unit.

    Args:
        step: its numbers.
        limit: the number at the rails.

    Returns:
        An ``<svg>``.

    Raises:
        ValueError: if a state is larger than the limit, which would be drawn off the scale.
    """
    worst = max(abs(step.c0), abs(step.c), abs(step.h0), abs(step.g))
    if worst > limit:
        raise ValueError(
            f"expected states within the limit {limit:g}, got {worst:g}: raise the limit"
        )
    said = texts(step, limit)
    label = (
        f"One step of an LSTM unit. The belt brings the cell state {said['c0']}; the forget valve "
        f"is open to {said['f']}, the candidate {said['g']} comes in through the input valve, open "
        f"to {said['i']}, and the belt goes on with {number(step.c)}. The output valve, open to "
        f"{said['o']}, shows {said['h']} of it as the hidden state."
    )
    style = ";".join(f"{name}:{value:.5g}" for name, value in properties(step, limit).items())
    parts = body(), belt(said), inlet(said), tap(said), gates(said), entrance(said)
    return drawing(WIDTH, HEIGHT, label, *parts, class_="lstm-drawing cell", style=style)


def body() -> str:
    """Return the box in which a step happens."""
    return rect(104, 6, 556, 384, rx=16, fill=INK, fill_opacity=0.045)


def belt(said: dict[str, str]) -> str:
    """Return the belt, from the old cell state through the valve f and the sum to the new one."""
    amber, low, high = COLORS["c"], BELT - HALF, BELT + HALF
    before = across("c0", 0, BELT, X["f"] - GAP, amber) + text(50, 20, "c_{t−1}")
    kept = across("fc", X["f"] - GAP, BELT, ADD - X["f"] + GAP, amber) + text(X["f"], 20, "f")
    after = across("c", ADD, BELT, WIDTH - ADD, amber) + text(506, 20, "c_{t}")
    tread = {"width": 5, "stroke_dasharray": "15 6", "class_": "tread"}
    edges = rails(f"M0 {low}H{WIDTH}M0 {high}H{WIDTH}", f"M0 {BELT}H{WIDTH}", **tread)
    scale: dict[str, Any] = {"font_size": 14, "class_": "scale", "anchor": "end"}
    edges += text(716, low - 7, said["top"], data_value="top", **scale)
    edges += text(716, high + 17, said["bottom"], data_value="bottom", **scale)
    return (
        rect(0, low, WIDTH, 2 * HALF, fill=INK, fill_opacity=0.05)
        + group(before, value("c0", 50, 44, said), data_part="c0 c")
        + group(after, value("c", 506, 44, said), data_part="c")
        + group(kept, value("fc", X["f"], 44, said), data_part="f c")
        + edges
    )


def inlet(said: dict[str, str]) -> str:
    """Return the pipe that brings the candidate up to the belt through the valve i."""
    green, start = COLORS["g"], BELT + HALF + 4
    sides = f"M{ADD - HALF} {start}V{TOP}M{ADD + HALF} {start}V{TOP}"
    pipe = rails(sides, f"M{ADD} {BELT}V{TOP}")
    coming = up("g0", ADD, VALVE_I + GAP, TOP - VALVE_I - GAP, green)
    let_in = up("ig", ADD, BELT, VALVE_I + GAP - BELT, green)
    ring = {"fill": COLORS["c"], "stroke": INK, "stroke_width": 2}
    plus = tag("circle", cx=ADD, cy=BELT, r=14, **ring)
    plus += path(f"M{ADD - 7} {BELT}H{ADD + 7}M{ADD} {BELT - 7}V{BELT + 7}", "#1a1a1a", 3)
    return (
        group(pipe, coming, data_part="g c")
        + group(let_in, text(ADD + 44, VALVE_I + 6, "× i", "start"), data_part="i g c")
        + group(plus, text(ADD, 20, "i · g"), value("ig", ADD, 44, said), data_part="i g c")
    )


def tap(said: dict[str, str]) -> str:
    """Return the pipe that reads the belt through tanh and the valve o, and leads h on."""
    amber, blue, start = COLORS["c"], COLORS["h"], TANH + 28
    squash = rect(TAP - 36, TANH, 72, 28, rx=8, fill=amber, fill_opacity=0.3, stroke=amber)
    read = path(f"M{TAP} {BELT}V{TANH}", INK, 3) + tag("circle", cx=TAP, cy=BELT, r=5, fill=INK)
    shown = down("tc", TAP, start, VALVE_O - GAP - start, amber) + text(TAP, TANH + 20, "tanh")
    flow = down("h", TAP, VALVE_O - GAP, LANE - VALVE_O + GAP, blue)
    flow += corner("h", TAP, LANE, blue) + across("h", TAP, LANE, WIDTH - TAP, blue)
    flow += path(f"M{OUT} {LANE - HALF}V{BELT + HALF + 6}", blue, 4)  # and on behind the belt
    flow += arrow([(OUT, BELT - HALF - 6), (OUT, 12)], blue, 4) + text(
        OUT - 10, 24, "output", "end"
    )
    outer = f"M{TAP - HALF} {start}V{LANE + HALF}H{WIDTH}"
    inner = f"M{TAP + HALF} {start}V{LANE - HALF}H{WIDTH}"
    label = text(596, 408, "h_{t}") + value("h", 632, 408, said, anchor="start")
    return (
        group(squash, read, shown, data_part="h c")
        + group(flow, text(TAP + 60, VALVE_O + 6, "× o"), data_part="h o")
        + rails(outer + inner, f"M{TAP} {start}V{LANE}H{WIDTH}")
        + group(label, data_part="h")
    )


def gates(said: dict[str, str]) -> str:
    """Return the four gauges, and the hands with which three of them turn their valves."""
    places = {"f": (X["f"], BELT), "i": (ADD, VALVE_I), "o": (TAP, VALVE_O)}
    hands = {
        "f": f"M{X['f']} {TOP}V{BELT + HALF + 9}",
        "i": f"M{X['i']} {TOP}V{VALVE_I}H{ADD - HALF - 9}",
        "o": f"M{X['o']} {TOP}V{VALVE_O}H{TAP - HALF - 9}",
    }
    found = []
    for name, x in X.items():
        shapes = gauge(name, x, TOP, said)
        if name in places:
            shapes += path(hands[name], COLORS[name], 3.5)
            shapes += valve(name, *places[name], turned=name != "f")
        found.append(group(shapes, data_part=f"{name} {'h' if name == 'o' else 'c'}"))
    return "".join(found)


def entrance(said: dict[str, str]) -> str:
    """Return what comes in, h and x, and the line that leads both to every gate."""
    end = 128
    lane = rails(f"M0 {LANE - HALF}H{end}V{LANE + HALF}H0", f"M0 {LANE}H{end}")
    lane += across("h0", 0, LANE, end, COLORS["h"]) + text(14, 408, "h_{t−1}", "start")
    bus = path(f"M{end} {LANE}H{X['o']}", INK, 3, stroke_opacity=0.7)
    bus += "".join(arrow([(x, LANE), (x, TOP + TALL + 2)]) for x in X.values())
    word = path(f"M{WORD} {HEIGHT}V{LANE}", INK, 3) + tag("circle", cx=WORD, cy=LANE, r=5, fill=INK)
    word += text(WORD + 14, 408, "x_{t}", "start")
    return (
        group(lane, value("h0", 66, 408, said, anchor="start"), data_part="h0 i f g o")
        + group(bus, data_part="bus i f g o")
        + group(word, value("x", WORD + 44, 408, said, anchor="start"), data_part="x i f g o")
    )
