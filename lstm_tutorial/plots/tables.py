"""Tables of results, which a notebook shows as tables and a terminal as text."""

import re
from collections.abc import Iterable, Sequence
from typing import Any


class Table:
    """A table in Markdown."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text


def table(
    heads: Sequence[Any],
    rows: Iterable[Sequence[Any]],
    text: int = 1,
    digits: int | None = None,
) -> Table:
    """Make a table: columns of text, then columns of numbers.

    Numbers are aligned to the right, and an entry such as ``4 steps`` breaks only before ``(``.

    Args:
        heads: one heading per column.
        rows: for each row, one entry per column; ``str`` writes it.
        text: how many columns, from the left, hold text.
        digits: if given, floats are rounded to so many decimals.

    Raises:
        ValueError: if a row and ``heads`` differ in length, or an entry holds ``|``.
    """
    lines = [list(map(str, heads)), ["---"] * text + ["--:"] * (len(heads) - text)]
    rounded = digits is not None
    for row in rows:
        entries = [f"{e:.{digits}f}" if rounded and isinstance(e, float) else str(e) for e in row]
        if len(entries) != len(heads):
            raise ValueError(f"expected {len(heads)} entries, as in heads, got {entries}")
        lines.append(entries[:text] + [re.sub(r" (?!\()", "\xa0", e) for e in entries[text:]])
    if any("|" in entry for line in lines for entry in line):
        raise ValueError("expected entries without |, which divides columns: write them otherwise")
    return Table("\n".join(f"| {' | '.join(line)} |" for line in lines))
