"""The reference and the bibliography: docstrings as prose, and labels as the text cites them."""

import re
from typing import Any

from docutils import nodes
from pybtex.database import Entry
from pybtex.plugin import register_plugin
from pybtex.style.formatting.plain import Style as PlainStyle
from pybtex.style.labels import BaseLabelStyle
from sphinx.application import Sphinx

INITIAL = re.compile(r"^(\s*(?:\w+: )?[A-Z])\.(?=\s|$)")
MODULE = re.compile(r"~[\w.]+\.")  # in front of a type, not to be shown
FIGURES = "lstm_tutorial.plots."


def read_as_prose(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Keep Sphinx from seeing types and lists in sentences; keep one line of figures' docstrings.

    A colon in ``Returns`` does not begin a type there, and a letter with a full stop no list.
    """
    if what == "function" and name.startswith(FIGURES):
        del lines[1:]
    for k, line in enumerate(lines):
        lines[k] = INITIAL.sub(r"\1\\.", line)
        if k and lines[k - 1].strip() in ("Returns:", "Yields:") and ":" in line:
            text = line.lstrip()
            lines[k] = line.removesuffix(text) + ": " + text


def leave_out(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Omit the fields of a named tuple, which its own docstring describes; else decide nothing."""
    return True if str(obj.__doc__).startswith("Alias for field number") else None


def join_returns(app: Sphinx, domain: str, objtype: str, content: nodes.Element) -> None:
    """Put the return type in front of its description, as for the parameters."""
    for fields in [child for child in content if isinstance(child, nodes.field_list)]:
        found = {field[0].astext(): field for field in fields}
        kind, text = found.get("rtype"), found.get("returns")
        if kind is not None and text is not None:
            short = MODULE.sub("", kind[1].astext())
            text[1][0].insert(0, [nodes.emphasis("", short), nodes.Text(" – ")])
            fields.remove(kind)
        if not fields.children:  # made for types that nothing describes
            content.remove(fields)


class AuthorYearLabels(BaseLabelStyle):
    """Label an entry as the text cites it."""

    def format_labels(self, sorted_entries: list[Entry]) -> list[str]:
        """Write labels such as ``Gal and Ghahramani, 2016``, one per entry."""
        return [f"{authors(entry)}, {entry.fields['year']}" for entry in sorted_entries]


def authors(entry: Entry) -> str:
    """Name the authors by their last names, or only the first if there are three or more."""
    names = [
        " ".join(str(part) for part in [*person.rich_prelast_names, *person.rich_last_names])
        for person in entry.persons["author"]
    ]
    return f"{names[0]} et al." if len(names) > 2 else " and ".join(names)


class AuthorYearStyle(PlainStyle):
    """Sort and label entries by author and year."""

    default_label_style = AuthorYearLabels


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect all of it to Sphinx."""
    register_plugin("pybtex.style.formatting", "author_year", AuthorYearStyle, force=True)
    app.connect("autodoc-process-docstring", read_as_prose, priority=400)  # before napoleon
    app.connect("autodoc-skip-member", leave_out)
    app.connect("object-description-transform", join_returns, priority=600)  # after autodoc's types
    return {"parallel_read_safe": True, "parallel_write_safe": True}
