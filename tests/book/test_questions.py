"""The page of questions: all are there, and each answer leads to where it is shown."""

import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest

from book._ext.search_sections import messages

BOOK = Path(__file__).parents[2] / "book"
PAGE = (BOOK / "questions.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^### (\d+)\. (.+)\n\n(.+)$", PAGE, re.M)
MESSAGES = messages(PAGE)
STARTS = re.compile(r"^(?=\([\w-]+\)=\n)|^(?<!=\n)(?=#+ )", re.M)  # a label, or a bare heading


def sections() -> dict[str, str]:
    """For each label before a heading, all that its section says and prints."""
    found, names = {}, Counter()
    for path in sorted(BOOK.glob("*.ipynb")):
        label = None
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                for part in re.split(STARTS, cell.source):
                    if mark := re.match(r"\(([\w-]+)\)=\n", part):
                        label = mark[1]
                        names[label] += 1
                    elif part.startswith("## "):
                        label = None
                    found[label] = found.get(label, "") + part
            else:
                text = "".join(output.get("text", "") for output in cell.outputs)
                found[label] = found.get(label, "") + text
    assert max(names.values()) == 1, names.most_common(3)
    return found


@pytest.fixture(scope="module")
def labelled() -> dict[str, str]:
    return sections()


def test_all_25_questions_are_asked_in_order():
    assert [int(number) for number, *_ in QUESTIONS] == list(range(1, 26))


@pytest.mark.parametrize(("number", "question", "answer"), QUESTIONS)
def test_a_question_has_a_short_answer_and_leads_to_its_label(labelled, number, question, answer):
    assert question.endswith("?")
    text, links = answer.split(" →&nbsp;")
    assert 1 <= len(re.findall(r"[.?!](?= |$)", text)) <= 3
    assert f"](q{int(number):02})" in links
    assert len(labelled[f"q{int(number):02}"]) > 200


@pytest.mark.parametrize(("message", "label"), MESSAGES)
def test_a_message_is_shown_where_its_link_leads(labelled, message, label):
    if label.endswith(".ipynb"):
        shown = (BOOK / label).read_text(encoding="utf-8")
    else:
        shown = labelled[label]
    assert message in shown.replace("\n", " ")


def test_enough_messages_are_explained():
    assert len(MESSAGES) >= 24
