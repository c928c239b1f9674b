"""The cell: a belt that carries c, the valves f, i and o, and what they let through.

The thickness of each stream is its number: a stream is as thick as ``value / limit`` of the way
from its middle line to a rail, above the line of a belt that runs to the right when the number is
positive, to the left of the direction of travel everywhere. A valve is open as far as its gate is.
All of this depends on the custom properties of ``properties`` and on nothing else, so a script
that moves the drawing sets these, and the texts with a ``data-value``, and draws nothing.
"""

from lstm_tutorial.plots.diagrams.svg import (
    INK,
    arrow,
    at,
    drawing,
    group,
    number,
    path,
    rect,
    subscripts,
    tag,
    text,
)
from lstm_tutorial.plots.diagrams.step import Step, properties, texts
from lstm_tutorial.plots.style import GATE_COLORS, STATE_COLORS

WIDTH, HEIGHT = 720, 416
HALF = 30  # from the middle line of a belt or pipe to its rail
BELT, LANE = 88, 352  # middle lines of c and of h
X = {"f": 190, "i": 296, "g": 400, "o": 506}  # middle lines of the four boxes
ADD, TAP = X["g"], 610  # where i*g joins the belt, and where o reads it
TOP, TALL, WIDE = 226, 60, 92  # the four boxes
VALVE_I, VALVE_O = 172, 196
OUT = 692  # h on its way up
COLORS = GATE_COLORS | STATE_COLORS


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
        raise ValueError(f"expected states within the limit {limit:g}, got {worst:g}: raise the limit")
    said = texts(step, limit)
    label = (
        f"One step of an LSTM unit. The belt brings the cell state {said['c0']}; the forget valve "
        f"is open to {said['f']}, the candidate {said['g']} comes in through the input valve, open "
        f"to {said['i']}, and the belt goes on with {number(step.c)}. The output valve, open to "
        f"{said['o']}, shows {said['h']} of it as the hidden state."
    )
    style = ";".join(f"{name}:{value:.5g}" for name, value in properties(step, limit).items())
    parts = body(), belt(said), write(said), tap(said), boxes(said), entrance(said)
    return drawing(WIDTH, HEIGHT, label, *parts, class_="lstm-drawing cell", style=style)


def body() -> str:
    """Return the box in which a step happens."""
    return rect(104, 6, 556, 384, rx=16, fill=INK, fill_opacity=0.045)


def stream(name: str, x: float, y: float, length: float, color: str, down: bool = False) -> str:
    """Return a stream of the thickness ``--name``, from (x, y) to the right or downwards."""
    if down:
        shape = rect(0, 0, HALF, length, style=f"transform:scaleX(var(--{name}))")
    else:
        shape = rect(0, 0, length, HALF, style=f"transform:scaleY(calc(-1*var(--{name})))")
    return at(x, y, shape, fill=color, class_=f"stream {name}")


def rails(d: str, d_middle: str, moving: bool = False) -> str:
    """Return the edges of a belt or pipe, and its middle line."""
    kind = {"stroke_dasharray": "15 6", "class_": "tread"} if moving else {"class_": "rail"}
    edges = path(d, INK, 5 if moving else 2.5, stroke_opacity=0.55, **kind)
    return edges + path(d_middle, INK, 1, stroke_opacity=0.6, stroke_dasharray="2 5")


def valve(name: str, x: float, y: float, turned: bool = False) -> str:
    """Return a valve whose two slides leave ``--name`` of the passage open."""
    slides = [
        at(0, sign * HALF, rect(-10, 0, 20, HALF, style=f"transform:scaleY(calc({-sign}*(1 - var(--{name}))))"))
        for sign in (-1, 1)
    ]
    frame = rect(-15, -HALF - 9, 30, 2 * HALF + 18, rx=6, fill="none", stroke=COLORS[name], stroke_width=3)
    turn = " rotate(90)" if turned else ""
    shapes = group(*slides, fill=COLORS[name], class_="slides") + frame
    return group(shapes, transform=f"translate({x:g} {y:g}){turn}", class_=f"valve {name}")


def value(name: str, x: float, y: float, said: dict[str, str], **attributes: object) -> str:
    """Return a text that a script may replace."""
    return text(x, y, said[name], data_value=name, class_="value", **attributes)


def belt(said: dict[str, str]) -> str:
    """Return the belt with the valve f, from the old cell state to the new one."""
    gap = 9
    streams = stream("c0", 0, BELT, X["f"] - gap, COLORS["c"])
    kept = stream("fc", X["f"] - gap, BELT, ADD - X["f"] + gap, COLORS["c"])
    after = stream("c", ADD, BELT, WIDTH - ADD, COLORS["c"])
    edges = rails(f"M0 {BELT - HALF}H{WIDTH}M0 {BELT + HALF}H{WIDTH}", f"M0 {BELT}H{WIDTH}", True)
    scale = {"font_size": 14, "class_": "scale", "anchor": "end"}
    return (
        rect(0, BELT - HALF, WIDTH, 2 * HALF, fill=INK, fill_opacity=0.05)
        + group(streams, text(50, 20, "c_{t−1}"), value("c0", 50, 44, said), data_part="c0")
        + group(after, text(506, 20, "c_{t}"), value("c", 506, 44, said), data_part="c")
        + group(kept, text(X["f"], 20, "× f"), value("fc", X["f"], 44, said), data_part="f c")
        + edges
        + text(716, BELT - HALF - 7, said["top"], data_value="top", **scale)
        + text(716, BELT + HALF + 17, said["bottom"], data_value="bottom", **scale)
    )


def write(said: dict[str, str]) -> str:
    """Return the pipe that brings the candidate up to the belt through the valve i."""
    low = BELT + HALF
    pipe = rails(
        f"M{ADD - HALF} {low + 4}V{TOP}M{ADD + HALF} {low + 4}V{TOP}", f"M{ADD} {BELT}V{TOP}"
    )
    turned = {"transform": "rotate(180)"}  # upwards, left of the direction of travel is west
    coming = at(ADD, VALVE_I + 9, group(stream("g0", 0, VALVE_I + 9 - TOP, TOP - VALVE_I - 9, COLORS["g"], True), **turned))
    let_in = at(ADD, BELT, group(stream("ig", 0, BELT - VALVE_I - 9, VALVE_I + 9 - BELT, COLORS["g"], True), **turned))
    plus = tag("circle", cx=ADD, cy=BELT, r=14, class_="plus", fill=COLORS["c"], stroke=INK, stroke_width=2)
    sign = path(f"M{ADD - 7} {BELT}H{ADD + 7}M{ADD} {BELT - 7}V{BELT + 7}", "#1a1a1a", 3)
    sum_ = text(ADD, 20, "+ i · g") + value("ig", ADD, 44, said)
    return (
        group(pipe, coming, data_part="g")
        + group(let_in, text(ADD + 44, VALVE_I + 6, "× i", "start"), data_part="i g c")
        + group(plus, sign, sum_, data_part="i g c")
    )


def tap(said: dict[str, str]) -> str:
    """Return the pipe that reads the belt through tanh and the valve o, and leads h on."""
    left, right, tanh_end = TAP - HALF, TAP + HALF, BELT + HALF + 36
    read = path(f"M{TAP} {BELT}V{tanh_end - 26}", INK, 3) + tag("circle", cx=TAP, cy=BELT, r=5, fill=INK)
    squash = rect(left - 6, tanh_end - 26, 2 * HALF + 12, 28, rx=8, fill=COLORS["c"], fill_opacity=0.3, stroke=COLORS["c"], stroke_width=2)
    edges = rails(
        f"M{left} {tanh_end + 2}V{LANE + HALF}H{WIDTH}M{right} {tanh_end + 2}V{LANE - HALF}H{WIDTH}",
        f"M{TAP} {tanh_end + 2}V{LANE}H{WIDTH}",
    )
    shown = stream("tc", TAP, tanh_end + 2, VALVE_O - 9 - tanh_end - 2, COLORS["c"], True)
    corner = rect(0, -HALF, HALF, HALF, style="transform:scale(var(--h))")
    flow = stream("h", TAP, VALVE_O - 9, LANE - VALVE_O + 9, COLORS["h"], True)
    flow += at(TAP, LANE, corner, fill=COLORS["h"], class_="stream h")
    flow += stream("h", TAP, LANE, WIDTH - TAP, COLORS["h"])
    up = path(f"M{OUT} {LANE - HALF}V{BELT + HALF + 6}", COLORS["h"], 4)
    up += arrow([(OUT, BELT - HALF - 6), (OUT, 12)], COLORS["h"], 4)
    return (
        group(read, squash, text(TAP, tanh_end - 6, "tanh"), shown, data_part="c h")
        + group(flow, up, text(TAP + 60, VALVE_O + 6, "× o"), text(OUT - 10, 24, "output", "end"), data_part="h o")
        + edges
        + group(text(596, 408, "h_{t}"), value("h", 632, 408, said, anchor="start"), data_part="h")
    )


def boxes(said: dict[str, str]) -> str:
    """Return the four gates, each with a gauge, and their hands on the valves."""
    hands = {
        "f": f"M{X['f']} {TOP}V{BELT + HALF + 9}",
        "i": f"M{X['i']} {TOP}V{VALVE_I}H{ADD - HALF - 9}",
        "o": f"M{X['o']} {TOP}V{VALVE_O}H{TAP - HALF - 9}",
    }
    places = {"f": (X["f"], BELT), "i": (ADD, VALVE_I), "o": (TAP, VALVE_O)}
    found = []
    for name in "figo":
        hand = path(hands[name], COLORS[name], 3.5, class_="hand") if name in hands else ""
        opened = valve(name, *places[name], turned=name != "f") if name in places else ""
        found.append(group(hand, opened, gauge(name, said), data_part=f"{name} {'h' if name == 'o' else 'c'}"))
    return "".join(found)


def gauge(name: str, said: dict[str, str]) -> str:
    """Return a box that is filled from 0 to 1; the candidate's from its middle, which is 0."""
    left, bottom, signed = X[name] - WIDE / 2, TOP + TALL, name == "g"
    height, zero = (TALL / 2, TOP + TALL / 2) if signed else (TALL, bottom)
    fill = rect(0, -height, WIDE, height, style=f"transform:scaleY(var(--{name}))")
    frame = rect(left, TOP, WIDE, TALL, rx=4, fill="none", stroke=COLORS[name], stroke_width=3)
    clip = at(left, zero, fill, fill=COLORS[name], fill_opacity=0.4, class_="gauge")
    middle = path(f"M{left} {zero}h{WIDE}", INK, 1, stroke_opacity=0.5, stroke_dasharray="2 5") if signed else ""
    kind = text(X[name], TOP + 24, f"{name} = {'tanh' if signed else 'σ'}", class_="kind")
    return clip + middle + frame + kind + value(name, X[name], TOP + 49, said)


def entrance(said: dict[str, str]) -> str:
    """Return what comes in, the old hidden state and x, and the line that leads both to all gates."""
    lane = rails(f"M0 {LANE - HALF}H128V{LANE + HALF}H0", f"M0 {LANE}H128")
    old = stream("h0", 0, LANE, 128, COLORS["h"])
    bus = path(f"M128 {LANE}H{X['o']}", INK, 3, stroke_opacity=0.7)
    bus += "".join(arrow([(x, LANE), (x, TOP + TALL + 2)]) for x in X.values())
    word = path(f"M{X['f'] + 52} {HEIGHT}V{LANE}", INK, 3) + tag("circle", cx=X["f"] + 52, cy=LANE, r=5, fill=INK)
    name = f'<tspan class="name">{subscripts("x_{t}")}</tspan>'
    x = text(X["f"] + 66, 408, "", "start").removesuffix("</text>")
    return (
        group(lane, old, text(14, 408, "h_{t−1}", "start"), value("h0", 66, 408, said, anchor="start"), data_part="h0 i f g o")
        + group(bus, data_part="i f g o h0 x")
        + group(word, f"{x}{name}</text>", value("x", X["f"] + 96, 408, said, anchor="start"), data_part="x i f g o")
    )
