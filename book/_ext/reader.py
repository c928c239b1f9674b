"""The figure of the first page: a sentence that the shipped model reads, computed when built."""

import json
import math
import re
from functools import cache
from html import escape, unescape

from lstm_tutorial.plots import diagrams
from lstm_tutorial.sentiment import load_pretrained
from lstm_tutorial.sentiment.studies import reading

DIGITS = 6
WHAT = (
    "A trained model judges a film review, word by word. Drawn is one of its units: "
    "<i>c</i> is its memory, <i>h</i> what it shows of it."
)


@cache
def data(text: str) -> dict:
    """Read a sentence with the shipped model, and keep what the figure shows.

    Args:
        text: with at least one word.

    Returns:
        ``words``, ``unit``, ``units``, ``weight``, and for each word ``steps`` (i, f, g, o, c, h)
        and ``liked``, the probability that the film is liked, of the text up to it.
    """
    run = load_pretrained()
    found = reading.read(run, text)
    return {
        "words": found.tokens,
        "unit": found.unit,
        "units": run.settings.hidden_size,
        "weight": round(found.weight, DIGITS),
        "steps": [[round(v, DIGITS) for v in step] for step in found.steps.tolist()],
        "liked": [round(p, DIGITS) for p in found.probabilities.tolist()],
    }


def limit_of(steps: list[list[float]]) -> float:
    """Return the number at the rails: the next whole number above every state."""
    return float(max(1, math.ceil(max(abs(c) for *_, c, _h in steps))))


def step_at(found: dict, t: int) -> diagrams.Step:
    """Return the numbers of the unit at word t."""
    i, f, g, o, c, h = found["steps"][t]
    *_, c0, h0 = found["steps"][t - 1] if t else (0.0, 0.0)
    return diagrams.Step(f"“{found['words'][t]}”", h0, c0, i, f, g, o, c, h)


def complete(tag: re.Match[str]) -> str:
    """Give ``<lstm-reader text="...">`` its numbers, and pictures at the word that moves c most.

    Args:
        tag: the opening tag; group 1 is its sentence.

    Returns:
        The tag and its content: without scripts, a still figure.
    """
    found = data(unescape(tag[1]))
    steps = found["steps"]
    c = [0.0, *(step[4] for step in steps)]
    t = max(range(len(steps)), key=lambda k: abs(c[k + 1] - c[k]))
    limit = limit_of(steps)
    words = "".join(
        f"<li{' class=now' if k == t else ''}>{escape(word)}</li>"
        for k, word in enumerate(found["words"])
    )
    states = diagrams.boxed_states([s[4] for s in steps], [s[5] for s in steps], limit)
    liked = diagrams.verdicts(found["liked"])
    at = t / max(1, len(steps) - 1)
    content = json.dumps(found, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f"""<lstm-reader text="{tag[1]}" style="--at:{at:.5g}">
<script type="application/json">{content}</script>
<p class="title">Watch an LSTM read</p>
<p class="what">{WHAT}</p>
<div class="picture">{diagrams.cell(step_at(found, t), limit)}
<ol class="words">{words}</ol>
{states}
<div class="curve liked"><span class="legend">liked</span>{liked}</div></div>
<div class="panel">{panel(found, t)}</div>"""


def panel(found: dict, t: int) -> str:
    """Return what is said beside the pictures."""
    i, f, g, o, c, h = found["steps"][t]
    size, before = diagrams.number, found["steps"][t - 1][4] if t else 0.0
    return (
        f'<p data-part="story">It reads “{escape(found["words"][t])}”: it keeps '
        f"{f:.0%} of the old state, {size(before)}, and writes {size(i * g)}, "
        f"so c&nbsp;=&nbsp;{size(c)}; "
        f"it shows {o:.0%} of tanh(c), so h&nbsp;=&nbsp;{size(h)}.</p>"
        f'<p data-part="verdict">Read so far, the film is liked with probability '
        f"{size(found['liked'][t])}.</p>"
        f'<p data-part="unit">{unit(found)}</p>'
    )


def unit(found: dict) -> str:
    """Return which unit is shown, and why."""
    adds = max(step[5] for step in found["steps"]) * found["weight"]
    return (
        f"Shown is unit {found['unit']} of {found['units']} that read forward, the one whose h "
        "moves the verdict on this sentence most: "
        f"a large h speaks {'for' if adds > 0 else 'against'} the film. "
        "The verdict is that of all units, in both directions."
    )
