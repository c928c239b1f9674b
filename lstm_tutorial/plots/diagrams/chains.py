"""Cells in rows: one layer unrolled over time, a stack of two, and both directions.

Each row of cells is the cell of ``cell.py`` made small: the belt of c above, h below, the same
valves in the same colours. The labels are the tensors that ``torch.nn.LSTM`` returns.
"""

from collections.abc import Sequence

from lstm_tutorial.plots.diagrams.svg import INK, arrow, at, drawing, group, path, rect, tag, text
from lstm_tutorial.plots.style import DIRECTION_COLORS, GATE_COLORS, STATE_COLORS

WIDTH = 720
WIDE, TALL = 104, 84  # of a cell
BELT, LANE = 26, 62  # how far below its top c and h run
STEPS = {"1": 196, "2": 332, "L": 524}  # middle of the cells that are drawn
GAP = 428  # where the others are left out
FIRST, LAST = 124, 606  # the ends of a row's arrows
C, H = STATE_COLORS["c"], STATE_COLORS["h"]
SHAPES = {  # drawing to tensor to shape, in the letters of the book
    "unrolled": {"input": "(L, N, H_in)", "output": "(L, N, H)", "h_n": "(1, N, H)"},
    "stacked": {"input": "(L, N, H_in)", "output": "(L, N, H)", "h_n": "(2, N, H)"},
    "both-directions": {"input": "(L, N, H_in)", "output": "(L, N, 2*H)", "h_n": "(2, N, H)"},
}


def small_cell(x: float, y: float, back: bool = False) -> str:
    """Return one cell around the middle x, its top at y; ``back`` reads from right to left."""
    side = WIDE / 2
    box = {"rx": 12, "fill": INK, "fill_opacity": 0.05, "stroke": INK, "stroke_width": 2}
    lines = path(f"M{-side} {BELT}H{side}", C, 6)
    lines += path(f"M{-side} {LANE}H6M22 {BELT}V{LANE}H{side}", H, 3.5)
    lines += path(f"M-4 {LANE}V{BELT}", GATE_COLORS["g"], 3.5)
    valves = rect(-33.5, BELT - 11, 7, 22, rx=2, fill=GATE_COLORS["f"])
    valves += rect(-12, 40, 16, 7, rx=2, fill=GATE_COLORS["i"])
    valves += rect(14, 40, 16, 7, rx=2, fill=GATE_COLORS["o"])
    plus = tag("circle", cx=-4, cy=BELT, r=7, fill=C, stroke=INK, stroke_width=1.5)
    plus += path(f"M-7.5 {BELT}H-0.5M-4 {BELT - 3.5}V{BELT + 3.5}", "#1a1a1a", 1.6)
    turned = group(lines, valves, plus, transform=f"scale({-1 if back else 1} 1)")
    return at(x, y, rect(-side, 0, WIDE, TALL, **box), turned)


def row(y: float, back: bool = False) -> str:
    """Return the cells of one layer and direction, and their two states on the way through."""
    half, (one, two, last) = WIDE / 2, STEPS.values()
    spans = [(FIRST, one - half), (one + half, two - half), (two + half, GAP - 20)]
    spans += [(GAP + 20, last - half), (last + half, LAST)]
    found = []
    for start, end in spans:
        for level, color, width in ((y + BELT, C, 5), (y + LANE, H, 3.5)):
            points = [(start, level), (end, level)]
            found.append(arrow(points[::-1] if back else points, color, width))
    dots = text(GAP, y + TALL / 2 + 8, "…", font_size=26)
    return "".join(found) + dots + "".join(small_cell(x, y, back) for x in STEPS.values())


def upright(y_from: float, y_to: float, color: str = H) -> str:
    """Return an arrow at each cell that is drawn."""
    return "".join(arrow([(x, y_from), (x, y_to)], color, 3) for x in STEPS.values())


def names(y: float, letter: str) -> str:
    """Return a label for each step."""
    return "".join(text(x, y, f"{letter}_{{{t}}}") for t, x in STEPS.items())


def margin(y: float, left: Sequence[str] = (), right: Sequence[str] = ()) -> str:
    """Return labels beside a row: one beside c and one beside h."""
    found = [text(FIRST - 8, y + v + 6, s, "end") for v, s in zip((BELT, LANE), left, strict=False)]
    found += [
        text(LAST + 8, y + v + 6, s, "start") for v, s in zip((BELT, LANE), right, strict=False)
    ]
    return "".join(found)


def tensor(kind: str, name: str, x: float, y: float, said: str = "") -> str:
    """Return a tensor's name, and its shape below it."""
    shape = text(x, y + 22, SHAPES[kind][name], "start", font_size=15, class_="shape")
    return (text(x, y, said or name, "start") if said != "none" else "") + shape


def unrolled() -> str:
    """Draw one layer over L steps.

    Returns:
        An ``<svg>``.
    """
    label = (
        "The same cell at steps 1, 2 and so on to L. Each gets the input of its step from below "
        "and both states from the step before; its h goes on to the right and also up, into "
        "output. The states after step L are h_n and c_n."
    )
    top, bottom = 62, 62 + TALL
    inside = row(top) + upright(top, 38) + names(26, "h") + upright(bottom + 34, bottom, INK)
    inside += margin(top, ["c_{0}", "h_{0}"], ["c_n", "h_n"]) + names(bottom + 56, "x")
    inside += tensor("unrolled", "output", 6, 26) + tensor("unrolled", "input", 6, bottom + 42)
    inside += tensor("unrolled", "h_n", LAST + 8, top + LANE + 10, "none")
    return drawing(WIDTH, bottom + 72, label, inside)


def stacked() -> str:
    """Draw two layers over L steps.

    Returns:
        An ``<svg>``.
    """
    label = (
        "Two rows of cells. Layer 0, below, reads the input; layer 1, above, reads the hidden "
        "state of layer 0 at each step and gives output. The last step of layer 0 fills row 0 of "
        "h_n and c_n, that of layer 1 row 1."
    )
    upper, lower = 62, 62 + TALL + 44
    bottom = lower + TALL
    inside = upright(upper, 38) + names(26, "h") + upright(lower, upper + TALL)
    for layer, y in enumerate((lower, upper)):
        inside += row(y) + margin(y, right=[f"c_n[{layer}]", f"h_n[{layer}]"])
        inside += text(6, y + TALL / 2 + 6, f"layer {layer}", "start")
    inside += upright(bottom + 34, bottom, INK) + names(bottom + 56, "x")
    inside += tensor("stacked", "output", 6, 26) + tensor("stacked", "input", 6, bottom + 42)
    inside += tensor("stacked", "h_n", LAST + 8, lower + LANE + 10, "none")
    return drawing(WIDTH, bottom + 72, label, inside)


def both_directions() -> str:
    """Draw one layer in both directions over L steps.

    Returns:
        An ``<svg>``.
    """
    label = (
        "Two rows of cells read the same input between them. The forward row runs from step 1 to "
        "L, the reverse row from L to 1. At each step output holds the forward half, then the "
        "reverse half. h_n[0] is the forward state after step L, h_n[1] the reverse state after "
        "step 1."
    )
    ahead, behind = 92, 92 + TALL + 82
    middle, tones = (ahead + TALL + behind) / 2, list(DIRECTION_COLORS.values())
    inside = "".join(way_round(x, ahead, behind) for x in STEPS.values())
    inside += row(ahead) + row(behind, back=True) + names(middle + 6, "x")
    inside += upright(middle - 15, ahead + TALL, INK) + upright(middle + 17, behind, INK)
    for y, name, tone, x in (
        (ahead, "forward", tones[0], 6),
        (behind, "reverse", tones[1], LAST + 8),
    ):
        inside += rect(x, y + TALL / 2 - 20, 86, 5, rx=2, fill=tone)
        inside += text(x, y + TALL / 2 + 6, name, "start")
    inside += margin(ahead, right=["c_n[0]", "h_n[0]"]) + margin(behind, ["c_n[1]", "h_n[1]"])
    kind = "both-directions"
    inside += tensor(kind, "output", 6, 26) + tensor(kind, "input", 6, middle)
    inside += tensor(kind, "h_n", LAST + 8, ahead + LANE + 10, "none")
    return drawing(WIDTH, behind + TALL + 8, label, inside)


def way_round(x: float, ahead: float, behind: float) -> str:
    """Return both halves of output at one step, and how h of each direction gets there."""
    halves = "".join(
        rect(
            x - 57 + 58 * k,
            8,
            56,
            26,
            rx=4,
            fill=tone,
            fill_opacity=0.4,
            stroke=tone,
            stroke_width=2,
        )
        for k, tone in enumerate(DIRECTION_COLORS.values())
    )
    turn = [(x + 29, behind), (x + 29, behind - 16), (x + 66, behind - 16), (x + 66, 62)]
    reverse = arrow([*turn, (x + 29, 62), (x + 29, 38)], H, 3)
    return halves + arrow([(x - 29, ahead), (x - 29, 38)], H, 3) + reverse
