"""Write an assignment from the book's exercises: ``python tools/assignment.py FOLDER [LABEL ...]``.

There are two notebooks. ``assignment.ipynb`` has for each exercise its text, a stub, and a cell
that marks the answer; ``solutions.ipynb`` has the book's solutions instead of the stubs, to show
that the assignment can be passed. Without labels it has six exercises.
"""

import argparse
import ast
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

BOOK = Path(__file__).resolve().parents[1] / "book"
CHOSEN = (
    "ex-cell",
    "ex-parameters-count",
    "ex-inputs-pack",
    "ex-inputs-run",
    "ex-outputs-last-state",
    "ex-outputs-chunks",
)
EXERCISE = re.compile(r"```\{exercise\}\n:label: (?P<label>\S+)\n(?P<text>.*?)\n```", re.DOTALL)
MARK = re.compile(
    r'^print\((?P<call>check\.\w+\((?P<name>\w+)(?:, \w+="\w+")?\))\)\n?', re.MULTILINE
)
SETUP = """\
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstm_tutorial import check

marks = {}"""


@dataclass
class Exercise:
    """An exercise of the book, with the code of its solution."""

    label: str
    chapter: str
    text: str
    code: str = ""

    @property
    def call(self) -> str | None:
        """The call that marks it, such as ``check.cell(my_step)``, or None."""
        found = MARK.search(self.code)
        return found["call"] if found else None

    def solution(self) -> str:
        """Return the solution without its marking."""
        return re.sub(r"^print\(check\..*\n?", "", self.code, flags=re.MULTILINE).rstrip()

    def stub(self) -> str:
        """Return the head of the definition that the reader is to write."""
        name = MARK.search(self.code)["name"]
        nodes = [node for node in ast.parse(self.code).body if getattr(node, "name", None) == name]
        if isinstance(nodes[0], ast.ClassDef):
            return f"class {name}(nn.Module):\n    pass  # your code"
        arguments = ast.unparse(nodes[0].args)
        return f'def {name}({arguments}):\n    raise NotImplementedError("your code")'


def exercises(book: Path = BOOK) -> list[Exercise]:
    """Read all exercises with their solutions, chapter by chapter in alphabetical order."""
    found: list[Exercise] = []
    for path in sorted(book.glob("*.ipynb")):
        inside = False
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                inside = "{solution-start}" in source or (inside and "{solution-end}" not in source)
                for match in EXERCISE.finditer(source):
                    found.append(Exercise(match["label"], path.stem, match["text"]))
            elif inside:
                found[-1].code += source + "\n"
    return found


def notebook(chosen: list[Exercise], solved: bool) -> dict:
    """Make the assignment, or its solutions, as JSON, from exercises that a call marks."""
    total = len(chosen)
    cells = [("markdown", f"# Assignment\n\n{total} exercises on `torch.nn.LSTM`. {HOW}")]
    cells.append(("code", SETUP))
    for number, exercise in enumerate(chosen, start=1):
        cells.append(("markdown", f"## Exercise {number}\n\n{exercise.text}"))
        cells.append(("code", exercise.solution() if solved else exercise.stub()))
        mark = f'marks["{exercise.label}"]'
        cells.append(("code", f"{mark} = {exercise.call}\nprint({mark})"))
    cells.append(("markdown", "## Your mark"))
    cells.append(("code", CLOSING.format(total=total)))
    return {
        "cells": [make_cell(k, *cell) for k, cell in enumerate(cells)],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


HOW = (
    "Write your code in place of each stub and run all cells. Each exercise is marked by the cell "
    "below it; a mark that says `Not yet` names the mistake if it is a known one."
)
CLOSING = """\
missing = [label for label, result in marks.items() if not result]
print({total} - len(missing), "of {total} right")
assert not missing, "not yet: " + ", ".join(missing)"""


def make_cell(number: int, kind: str, source: str) -> dict:
    """Make one cell of a notebook; its id is its number."""
    cell = {"cell_type": kind, "id": f"cell-{number:02}", "metadata": {}, "source": source}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def write(folder: Path, labels: list[str]) -> list[Path]:
    """Write both notebooks and return their paths; without labels, with six exercises.

    Raises:
        ValueError: if a label is not that of an exercise that ``check`` marks.
    """
    known = {exercise.label: exercise for exercise in exercises() if exercise.call}
    labels = labels or list(CHOSEN)
    if wrong := [label for label in labels if label not in known]:
        raise ValueError(f"expected labels from {', '.join(known)}, got {', '.join(wrong)}")
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "assignment.ipynb", folder / "solutions.ipynb"]
    for path, solved in zip(paths, (False, True), strict=True):
        made = notebook([known[label] for label in labels], solved)
        path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return paths


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write an assignment from the book's exercises.")
    parser.add_argument("folder", type=Path, help="for both notebooks; made if missing")
    parser.add_argument("label", nargs="*", help="of an exercise, such as ex-cell")
    arguments = parser.parse_args()
    try:
        print(*write(arguments.folder, arguments.label), sep="\n")
    except (ValueError, OSError) as error:
        sys.exit(str(error))
