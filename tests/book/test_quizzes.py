"""Every chapter ends in a quiz, and code finds the same answers right as the page does."""

import nbformat
import pytest
import torch
import yaml

from tests.book import (  # noqa: F401 (fill PROOFS)
    quiz_basics,
    quiz_calls,
    quiz_export,
    quiz_language,
    quiz_larger,
    quiz_learning,
    quiz_seq2seq,
    quiz_speed,
    quiz_tasks,
    quiz_training,
    quiz_variants,
)
from tests.book.quizzes import BOOK, PROOFS, Question, quiz_of

PARTS = yaml.safe_load((BOOK.parent / "_toc.yml").read_text(encoding="utf-8"))["parts"]
PAGES = [entry["file"].split("/")[-1] for part in PARTS for entry in part["chapters"]]
TO_LOOK_UP = {"ragged", "torchtext", "model_card"}  # notebooks, but no chapters to work through
CHAPTERS = [
    BOOK / f"{page}.ipynb"
    for page in PAGES
    if (BOOK / f"{page}.ipynb").exists() and page not in TO_LOOK_UP
]
QUESTIONS = [question for path in sorted(BOOK.glob("*.ipynb")) for question in quiz_of(path)]


@pytest.fixture(params=QUESTIONS, ids=lambda question: question.name)
def question(request) -> Question:
    return request.param


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_ends_in_a_quiz_of_three_to_five_questions(path):
    cells = nbformat.read(path, as_version=4).cells
    at = [k for k, cell in enumerate(cells) if "## Quiz\n" in cell.source]
    assert len(at) == 1
    assert cells[at[0]].source.startswith(f"(quiz-{path.stem.replace('_', '-')})=\n## Quiz\n")
    assert cells[at[0]].id == "quiz"
    assert cells[at[0] + 1].source.startswith("## Where next")
    assert any("## Exercises" in cell.source for cell in cells[: at[0]])
    questions = quiz_of(path)
    assert [question.number for question in questions] == list(range(1, len(questions) + 1))
    assert 3 <= len(questions) <= 5


@pytest.mark.parametrize("path", sorted({*CHAPTERS, *BOOK.glob("*.ipynb")}), ids=lambda p: p.stem)
def test_quiz_is_read_whole(path):
    cells = nbformat.read(path, as_version=4).cells
    source = "".join(cell.source for cell in cells)
    questions = quiz_of(path)
    assert source.count('<div class="quiz"') == len(questions)
    assert source.count("<details") == sum(len(question.answers) for question in questions)
    assert all(question.rest == "" for question in questions)


def test_names_are_given_once():
    names = [question.name for question in QUESTIONS]
    assert len(set(names)) == len(names)


def test_every_question_is_proved_and_every_proof_is_asked():
    assert {question.name for question in QUESTIONS} == set(PROOFS)


def test_one_answer_is_marked_right(question):
    assert sum(answer.right for answer in question.answers) == 1
    assert 3 <= len(question.answers) <= 4


def test_every_answer_says_whether_and_why(question):
    choices = [answer.choice for answer in question.answers]
    assert len(set(choices)) == len(choices)
    for answer in question.answers:
        verdict, why = answer.why.split(" ", 1)
        assert verdict == ("**Right.**" if answer.right else "**Wrong.**")
        assert len(why) > 20


@pytest.mark.parametrize("seed", range(3))
def test_code_finds_the_marked_answer_right_and_no_other(question, seed):
    for answer in question.answers:
        torch.manual_seed(seed)
        assert PROOFS[question.name](answer.choice) is answer.right, answer.choice


def test_right_answers_stand_in_all_places(record_property):
    places = [[a.right for a in question.answers].index(True) for question in QUESTIONS]
    assert min(places.count(place) for place in (0, 1, 2)) >= 4
    answers = sum(len(question.answers) for question in QUESTIONS)
    record_property(
        "figures", f"quizzes: {len(QUESTIONS)} questions, {answers} answers, each proved by code"
    )
