"""Write the skeleton of a chapter: ``python -m tools.chapter NAME ["Its title"]``.

The notebook has the sections that every chapter has, in their order. The page is listed in
``_toc.yml``, after the last chapter of the first part, and in the table of ``book/index.md``.
"""

import argparse
import re
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell

ROOT = Path(__file__).resolve().parents[1]
OPENING = """# {title}

One paragraph: who needs this page, and what they take away.

```{{admonition}} Questions this page answers
:class: tip
- The question that a reader arrives with?
```

You need to know: the chapters or terms that this page builds on."""
IMPORTS = """import torch

from lstm_tutorial import LSTM

torch.manual_seed(0)
print("parameters of LSTM(3, 4):", sum(weight.numel() for weight in LSTM(3, 4).parameters()))"""
SECTIONS = {
    "first": "## The short version\n\nThe recipe or the table first, its proof afterwards.",
    "proved": "## What we proved\n\n- One line for each claim that a cell has checked.",
    "exercises": "## Exercises\n\nSee CONTRIBUTING for the form of exercises and of the quiz.",
    "next": "## Where next\n\n[The gates](gates.ipynb) has the equations.",
}


def skeleton(name: str, title: str, book: Path) -> nbformat.NotebookNode:
    """Make the notebook, with the first code cell and the metadata of the chapter on gates."""
    model = nbformat.read(book / "gates.ipynb", as_version=4)
    cells = [
        new_markdown_cell(OPENING.format(title=title), id=f"{name}-opening"),
        model.cells[1],
        new_code_cell(IMPORTS, id=f"{name}-imports"),
        *(new_markdown_cell(text, id=f"{name}-{key}") for key, text in SECTIONS.items()),
    ]
    return nbformat.v4.new_notebook(cells=cells, metadata=model.metadata)


def with_line_after_last(text: str, pattern: str, line: str) -> str:
    """Add a line after the last one of a run of lines that match."""
    found = re.search(rf"(?:^{pattern}\n)+", text, re.MULTILINE)
    if found is None:
        raise ValueError(
            f"expected lines like {pattern!r}, found none: the file's form has changed"
        )
    return text[: found.end()] + line + "\n" + text[found.end() :]


def add_chapter(name: str, title: str, root: Path = ROOT) -> Path:
    """Write the notebook and list it; nothing is written where a name is invalid or taken.

    Args:
        name: of the file, in lower-case letters, digits and underscores.
        title: of the page.
        root: of the repository.

    Returns:
        The path of the notebook.

    Raises:
        ValueError: if the name cannot be one, or a page has it.
    """
    path = root / "book" / f"{name}.ipynb"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(
            f"expected a name such as my_topic, got {name!r}: use a to z, 0 to 9 and _"
        )
    if path.exists() or path.with_suffix(".md").exists():
        raise ValueError(f"expected a new name, got {name!r}: book/ has a page of that name")
    toc, index = root / "_toc.yml", root / "book" / "index.md"
    row = f"| [{title}]({name}.ipynb) | What it answers |"
    lists = {
        toc: with_line_after_last(
            toc.read_text("utf-8"), r" +- file: book/\w+", f"      - file: book/{name}"
        ),
        index: with_line_after_last(index.read_text("utf-8"), r"\| \[.*\.ipynb\).*\|", row),
    }
    nbformat.write(skeleton(name, title, root / "book"), path)
    for listed, text in lists.items():
        listed.write_text(text, encoding="utf-8")
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name")
    parser.add_argument("title", nargs="?")
    given = parser.parse_args()
    title = given.title or given.name.replace("_", " ").capitalize()
    try:
        print("Written:", add_chapter(given.name, title))
    except ValueError as error:
        parser.error(str(error))
