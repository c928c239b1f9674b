"""The quizzes of the chapters, read from the notebooks, and the register of what proves them.

A function under ``@proves("quiz-...")`` takes the text of an answer and computes whether it is
right. It knows nothing of which answer the page marks.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat

BOOK = Path(__file__).resolve().parents[2] / "book"
QUESTION = re.compile(
    r'^\*\*(?P<number>\d+)\.\*\* (?P<text>.+)\n\n<div class="quiz" id="(?P<name>[\w-]+)">\n'
    r"(?P<answers>(?:.|\n)*?)^</div>$",
    re.MULTILINE,
)
ANSWER = re.compile(
    r"^<details(?P<right> data-right)?><summary>(?P<choice>.+)</summary>\n\n"
    r"(?P<why>.+)\n\n</details>$",
    re.MULTILINE,
)
PROOFS: dict[str, Callable[[str], bool]] = {}


@dataclass(frozen=True)
class Answer:
    """One answer: what it says, whether the page calls it right, and why."""

    choice: str
    right: bool
    why: str


@dataclass(frozen=True)
class Question:
    """One question of a chapter, with its answers in the order of the page."""

    chapter: str
    number: int
    name: str
    text: str
    answers: tuple[Answer, ...]
    rest: str  # what stands between the answers, and ought to be nothing


def plain(choice: str) -> str:
    """Return what a reader sees of an answer, without tags."""
    return html.unescape(re.sub(r"<[^>]+>", "", choice))


def quiz_of(path: Path) -> list[Question]:
    """Read the quiz of a notebook; an empty list where it has none."""
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.id == "quiz"]
    return [
        Question(
            path.stem,
            int(found["number"]),
            found["name"],
            found["text"],
            tuple(
                Answer(plain(answer["choice"]), answer["right"] is not None, answer["why"])
                for answer in ANSWER.finditer(found["answers"])
            ),
            ANSWER.sub("", found["answers"]).strip(),
        )
        for cell in cells
        for found in QUESTION.finditer(cell)
    ]


def proves(name: str) -> Callable:
    """Register the function that computes whether an answer to a question is right."""

    def register(proof: Callable[[str], bool]) -> Callable[[str], bool]:
        assert name not in PROOFS, f"two functions prove {name}"
        PROOFS[name] = proof
        return proof

    return register
