"""The quizzes in a real browser: by mouse, by keyboard, and without scripts."""

import pytest
from playwright.sync_api import expect

from tests.book.quizzes import BOOK, quiz_of

PAGES = [path for path in sorted(BOOK.glob("*.ipynb")) if quiz_of(path)]
STATUS = ".quiz-status"


@pytest.fixture
def gates(open_page) -> object:
    page = open_page("book/gates.html")
    page.set_viewport_size({"width": 390, "height": 844})
    return page


# Open every answer, one after the other, and note what can be read before and afterwards.
OPEN_ALL = """async () => {
  const seen = [];
  for (const answer of document.querySelectorAll("div.quiz details")) {
    const verdict = answer.querySelector("strong");
    const before = verdict.checkVisibility();
    const told = new Promise((done) => answer.addEventListener("toggle", done));
    answer.querySelector("summary").click();
    await told;
    const status = document.querySelector(".quiz-status").textContent;
    const after = [verdict.checkVisibility(), verdict.innerText, status];
    seen.push([answer.parentElement.id, before, ...after]);
  }
  return seen;
}"""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_each_answer_says_whether_it_is_right_when_it_is_opened(path, open_page):
    page = open_page(f"book/{path.stem}.html")
    questions, expected, hits = quiz_of(path), [], 0
    for question in questions:
        hits += question.answers[0].right
        for answer in question.answers:
            verdict = "Right." if answer.right else "Wrong."
            count = f"{question.number} of {len(questions)} questions answered"
            status = f"{verdict} {count}, {hits} right at the first try."
            expected.append([question.name, False, True, verdict, status])
    assert page.evaluate(OPEN_ALL) == expected


def test_quiz_is_answered_by_the_keyboard(gates):
    gates.locator("#quiz-gates-rows summary").first.focus()
    gates.keyboard.press("Enter")
    expect(gates.locator(STATUS)).to_contain_text("1 of 4 questions answered, 0 right")
    gates.keyboard.press("Tab")
    gates.keyboard.press("Space")
    expect(gates.locator(STATUS)).to_contain_text("Right. 1 of 4 questions answered, 0 ")
    assert gates.locator(".quiz details[open]").count() == 2
    gates.locator(".quiz-again").focus()
    gates.keyboard.press("Enter")
    assert gates.locator(".quiz details[open]").count() == 0
    assert gates.locator(STATUS).inner_text() == ""
    assert gates.evaluate("document.activeElement.closest('.quiz').id") == "quiz-gates-rows"


def test_answers_are_named_by_their_question_and_the_count_is_told(gates):
    groups = gates.locator("div.quiz")
    for k in range(groups.count()):
        assert groups.nth(k).get_attribute("role") == "group"
        name = groups.nth(k).get_attribute("aria-labelledby")
        assert gates.locator(f"#{name}").inner_text().startswith(f"{k + 1}. ")
    assert gates.locator(STATUS).get_attribute("role") == "status"


def test_answers_fold_and_unfold_without_scripts(browser, html):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((html / "book" / "gates.html").as_uri(), wait_until="load")
    answer = page.locator("#quiz-gates-rows details").nth(1)
    assert answer.locator("summary").is_visible()
    assert not answer.locator("p").is_visible()
    answer.locator("summary").click()
    assert answer.locator("p").inner_text().startswith("Right. The order of the gates")
    context.close()
