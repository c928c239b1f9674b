"""The picture that is shown where a link to the book is shared."""

from lstm_tutorial.plots.diagrams import cell as cells
from lstm_tutorial.plots.diagrams.step import Step
from lstm_tutorial.plots.diagrams.svg import at, drawing, rect, text

WIDTH, HEIGHT = 1200, 630  # what Open Graph asks for


def card(step: Step, title: str, line: str) -> str:
    """Draw the card: the title, one line, and the cell.

    Args:
        step: the numbers in the cell.
        title: of the book.
        line: what the book is.

    Returns:
        An ``<svg>`` on white, with the cell in it.
    """
    inner = cells.cell(step).replace("<svg ", '<svg x="180" y="132" ', 1)
    inner = inner.replace(
        f'width="{cells.WIDTH}" height="{cells.HEIGHT}"', 'width="840" height="485"', 1
    )
    words = text(0, 0, title, font_size=54, font_weight=700) + text(0, 50, line, font_size=26)
    paper = rect(0, 0, WIDTH, HEIGHT, fill="#ffffff")
    return drawing(
        WIDTH, HEIGHT, f"{title}: {line}", paper, at(600, 66, words), inner, color="#222832"
    )
