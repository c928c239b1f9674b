"""The numbers of one unit in one step, as the drawing of the cell needs them."""

import math
from typing import NamedTuple

from lstm_tutorial.plots.diagrams.svg import number


class Step(NamedTuple):
    """Hold the numbers of one unit in one step.

    Args:
        x: what comes in, as it is to be written: a number or a word.
        h0: hidden state before.
        c0: cell state before.
        i: input gate.
        f: forget gate.
        g: candidate.
        o: output gate.
        c: cell state after.
        h: hidden state after.
    """

    x: str
    h0: float
    c0: float
    i: float
    f: float
    g: float
    o: float
    c: float
    h: float


def properties(step: Step, limit: float) -> dict[str, float]:
    """Return the custom properties of the drawing: gates as they are, streams in parts of a rail.

    Args:
        step: the numbers.
        limit: the number at the rails, at least as large as every state.

    Returns:
        ``--i`` to ``--h``, each between -1 and 1.
    """
    streams = {"c0": step.c0, "fc": step.f * step.c0, "g0": step.g, "ig": step.i * step.g}
    streams |= {"c": step.c, "tc": math.tanh(step.c), "h0": step.h0, "h": step.h}
    gates = {name: getattr(step, name) for name in "ifgo"}
    return {f"--{k}": v / limit for k, v in streams.items()} | {
        f"--{k}": v for k, v in gates.items()
    }


def texts(step: Step, limit: float) -> dict[str, str]:
    """Return what stands in each text of the drawing that has a ``data-value``.

    Args:
        step: the numbers.
        limit: the number at the rails.

    Returns:
        Name to text, with two decimals.
    """
    written = number(step.i * step.g)
    found = {name: number(getattr(step, name)) for name in ("h0", "c0", *"ifgo", "h")}
    found |= {"x": step.x, "fc": f"× {found['f']}", "c": f"= {number(step.c)}"}
    found["ig"] = f"− {written[1:]}" if written.startswith("−") else f"+ {written}"
    return found | {"top": f"{limit:+g}", "bottom": f"{-limit:+g}".replace("-", "−")}


def step_of(x: float, h: float, c: float, weights: dict[str, tuple[float, float, float]]) -> Step:
    """Compute one step of a unit with one input feature.

    Args:
        x: what comes in.
        h: hidden state before.
        c: cell state before.
        weights: for each of i, f, g and o the weight of x, the weight of h, and the bias.

    Returns:
        All of its numbers.
    """
    a = {gate: w * x + u * h + b for gate, (w, u, b) in weights.items()}
    i, f, o = (1 / (1 + math.exp(-a[gate])) for gate in "ifo")
    g = math.tanh(a["g"])
    after = f * c + i * g
    return Step(number(x), h, c, i, f, g, o, after, o * math.tanh(after))
