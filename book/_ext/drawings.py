"""The directive ``lstm-drawing``: a drawing of the package in the page itself, in its colours.

    ```{lstm-drawing} unrolled
    :name: fig-unrolled
    One layer over L steps.
    ```

Names: cell, unrolled, stacked, both-directions. ``:equations:`` puts the equations of a step below
the cell; each lights up its part of the drawing. The content is the caption.
"""

import hashlib
from functools import cache
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from lstm_tutorial.plots import diagrams

INPUTS = 2.0, 0.5, 0.8  # x, h, c of the worked example in the chapter on gates
WEIGHTS = {"i": (1, -1, 0), "f": (0.5, 2, 1), "g": (-0.5, 0.5, 0), "o": (-0.5, 1, 0.5)}
EQUATIONS = [
    ("f", "<i>f</i> = σ(<i>a<sub>f</sub></i>)", "kept of the old cell state"),
    ("i", "<i>i</i> = σ(<i>a<sub>i</sub></i>)", "let in of the candidate"),
    ("g", "<i>g</i> = tanh(<i>a<sub>g</sub></i>)", "the candidate, −1 to 1"),
    ("o", "<i>o</i> = σ(<i>a<sub>o</sub></i>)", "shown of the new cell state"),
    (
        "c",
        "<i>c<sub>t</sub></i> = <i>f</i> ⊙ <i>c<sub>t−1</sub></i> + <i>i</i> ⊙ <i>g</i>",
        "the new cell state",
    ),
    ("h", "<i>h<sub>t</sub></i> = <i>o</i> ⊙ tanh(<i>c<sub>t</sub></i>)", "the new hidden state"),
]


def worked_example() -> diagrams.Step:
    """Return the step that the chapter on gates computes by hand."""
    return diagrams.step_of(*INPUTS, WEIGHTS)


@cache
def draw(name: str) -> str:
    """Draw what a page asks for.

    Args:
        name: cell, unrolled, stacked or both-directions.

    Returns:
        An ``<svg>``.

    Raises:
        KeyError: if there is no such drawing.
    """
    known = {
        "cell": lambda: diagrams.cell(worked_example()),
        "unrolled": diagrams.unrolled,
        "stacked": diagrams.stacked,
        "both-directions": diagrams.both_directions,
    }
    return known[name]()


def sharing_card() -> str:
    """Return the picture that is shown where a link to the book is shared, as an ``<svg>``."""
    return diagrams.card(
        worked_example(), "The LSTM book", "Everything about torch.nn.LSTM, executed"
    )


def fingerprint(svg: str) -> str:
    """Return the SHA-256 of a drawing, which its photograph carries."""
    return hashlib.sha256(svg.encode()).hexdigest()


def equations() -> str:
    """Return the list of equations, each of which lights up its part when it is pointed at."""
    buttons = "".join(
        f'<li><button type="button" data-lights="{part}"><span>{equation}</span>'
        f"<small>{meaning}</small></button></li>"
        for part, equation, meaning in EQUATIONS
    )
    return f'<ul class="lstm-equations" aria-label="The equations of a step">{buttons}</ul>'


class DrawingDirective(SphinxDirective):
    """Put a drawing into the page, as a figure with a caption."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"name": directives.unchanged, "equations": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Return the figure.

        Returns:
            One node.
        """
        try:
            html = draw(self.arguments[0])
        except KeyError:
            raise self.error(f"no such drawing: {self.arguments[0]!r}") from None
        if "equations" in self.options:
            html += equations()
        figure = nodes.figure("", nodes.raw("", html, format="html"), classes=["lstm-figure"])
        if self.content:
            caption = nodes.paragraph()
            self.state.nested_parse(self.content, self.content_offset, caption)
            inside = caption[0].children if caption.children else []
            figure += nodes.caption("", "", *inside)
        self.add_name(figure)
        return [figure]


def complete_cell(found: object) -> str:
    """Give ``<lstm-cell>`` its drawing, its curve, and the numbers of one step in words.

    Args:
        found: the match of the opening tag, unused.

    Returns:
        The tag and its content, which a script turns into a figure that moves.
    """
    step = worked_example()
    x, h, c, i, f, g, o = (diagrams.number(v) for v in (*INPUTS, step.i, step.f, step.g, step.o))
    after, shown = diagrams.number(step.c), diagrams.number(step.h)
    curve = diagrams.boxed_states([step.c0, step.c], [step.h0, step.h], 1.0)
    return (
        f'<lstm-cell>{draw("cell")}<div data-part="curve" hidden>{curve}</div>'
        f"<p>At x = {x}, h = {h} and c = {c}: i = {i}, f = {f}, g = {g}, o = {o}; c becomes "
        f"{f} · {c} + {i} · ({g}) = {after}, and h becomes {o} · tanh({after}) = {shown}.</p>"
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive.

    Args:
        app: the running Sphinx.

    Returns:
        what Sphinx may do in parallel.
    """
    app.add_directive("lstm-drawing", DrawingDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
