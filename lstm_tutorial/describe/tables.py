"""Tables as aligned text for a terminal and as HTML for a notebook."""

import textwrap
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH = 100  # columns of a terminal
NARROWEST = 26  # a last column with less room goes on lines of its own
CODE = {"name", "shape", "formula", "slice"}
NUMBERS = {"count"}
STYLE = (
    "<style>"
    ".lstm-description div {overflow-x: auto; margin: 1em 0 0}"
    ".lstm-description div table {margin: 0}"
    ".lstm-description caption {text-align: left; font-weight: bold; white-space: nowrap}"
    ".lstm-description tr > * {text-align: left; vertical-align: top; padding: 0.1em 1em 0.1em 0}"
    ".lstm-description tr > .number {text-align: right}"
    ".lstm-description tr > :last-child {min-width: 20em}"
    ".lstm-description tr code {white-space: nowrap}"
    "</style>"
)


class Table(NamedTuple):
    """A table whose first column names its rows, and a line below it."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    below: str = ""


def shape_text(shape: Sequence[int | str]) -> str:
    """Write a shape, or its formula, as Python writes a tuple."""
    axes = ", ".join(map(str, shape))
    return f"({axes},)" if len(shape) == 1 else f"({axes})"


def as_text(title: str, subtitle: str, tables: list[Table], notes: Sequence[str]) -> str:
    """Format a title, a subtitle, tables and notes as lines of at most 100 columns."""
    blocks = [wrap(title) + wrap(subtitle)]
    blocks += [_table_lines(table) for table in tables if table.rows]
    if notes:
        blocks.append(["Notes"] + [line for note in notes for line in wrap(f"- {note}", hang=2)])
    return "\n\n".join("\n".join(line.rstrip() for line in block) for block in blocks)


def wrap(text: str, width: int = WIDTH, hang: int = 0) -> list[str]:
    """Break text into lines between words, and indent all lines but the first by hang."""
    wrapper = textwrap.TextWrapper(width, subsequent_indent=" " * hang, break_on_hyphens=False)
    return [line for paragraph in text.splitlines() for line in wrapper.wrap(paragraph)]


def _table_lines(table: Table) -> list[str]:
    cells = [table.header, *table.rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)][:-1]
    start = sum(widths) + 2 * len(widths)
    room = WIDTH - start
    lines = [table.title]
    for row in cells:
        padded = [
            cell.rjust(width) if name in NUMBERS else cell.ljust(width)
            for name, cell, width in zip(table.header, row, widths, strict=False)
        ]
        front = "  ".join(padded) + "  "
        last = wrap(row[-1], max(room, NARROWEST))
        if room < NARROWEST:
            lines += [front.rstrip(), *(f"    {line}" for line in wrap(row[-1], WIDTH - 4))]
        else:
            lines.append(front + last[0])
            lines += [" " * start + line for line in last[1:]]
    rule = "-" * min(WIDTH, max(map(len, lines)))
    return [table.title, rule, *lines[1:], *wrap(table.below)]


def as_html(title: str, subtitle: str, tables: list[Table], notes: Sequence[str]) -> str:
    """Mark tables up for a notebook: captions, scoped headers, escaped text, no colours."""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    parts = [
        f"<p><code>{escape(title)}</code><br>{escape(subtitle)}</p>",
        *(_table_html(table) for table in tables if table.rows),
        f"<p><strong>Notes</strong></p><ul>{items}</ul>" if notes else "",
    ]
    return f'<div class="lstm-description">{STYLE}{"".join(parts)}</div>'


def _table_html(table: Table) -> str:
    head = "".join(f'<th scope="col"{_kind(name)}>{escape(name)}</th>' for name in table.header)
    body = "".join(f"<tr>{_row_html(table.header, row)}</tr>" for row in table.rows)
    below = f"<p>{escape(table.below)}</p>" if table.below else ""
    return (
        f'<div role="group" aria-label="{escape(table.title)}" tabindex="0">'
        f"<table><caption>{escape(table.title)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{below}"
    )


def _row_html(header: tuple[str, ...], row: tuple[str, ...]) -> str:
    cells = []
    for k, (name, cell) in enumerate(zip(header, row, strict=True)):
        text = escape(cell).replace("\n", "<br>")
        text = f"<code>{text}</code>" if name in CODE else text
        cells.append(f'<th scope="row">{text}</th>' if k == 0 else f"<td{_kind(name)}>{text}</td>")
    return "".join(cells)


def _kind(name: str) -> str:
    return ' class="number"' if name in NUMBERS else ""
