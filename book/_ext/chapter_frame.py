"""The line below each chapter's title: reading time, questions, exercises, and launch links."""

import re
from math import ceil
from typing import Any

from bs4 import BeautifulSoup
from sphinx.application import Sphinx

WORDS_A_MINUTE, LINES_A_MINUTE, FIGURES_A_MINUTE = 200, 20, 3
FOLDED = "details, .dropdown, .solution, script, svg.plot, .lstm-drawing"
QUESTIONS = re.compile(r"Questions this page answers</p>\s*<ul.*?</ul>", re.S)


def minutes_to_read(body: str) -> int:
    """Estimate the minutes to read what is not folded of a chapter: words, lines and figures."""
    page = BeautifulSoup(body, "html.parser")
    figures = len(page.select("svg.plot, img, .lstm-drawing"))
    for folded in page.select(FOLDED):
        folded.decompose()
    lines = sum(block.extract().get_text().count("\n") for block in page.select("pre"))
    words = len(page.get_text(" ").split())
    return ceil(words / WORDS_A_MINUTE + lines / LINES_A_MINUTE + figures / FIGURES_A_MINUTE)


def counted(number: int, what: str) -> str:
    """Return ``1 exercise``, ``2 exercises``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def facts(body: str, page: str, options: dict[str, Any]) -> list[str]:
    """Describe a chapter in a few pieces of HTML: its length, its tasks, and where to run it."""
    found = [f"{counted(minutes_to_read(body), 'minute')} to read"]
    if questions := QUESTIONS.search(body):
        found.append(f"answers {counted(questions[0].count('<li>'), 'question')}")
    if exercises := len(re.findall(r'class="exercise admonition', body)):
        found.append(f'<a href="#exercises">{counted(exercises, "exercise")}</a>')
    if 'id="quiz"' in body:
        found.append('<a href="#quiz">Quiz</a>')
    repository, branch = options["repository_url"], options.get("repository_branch", "main")
    place = repository.removeprefix("https://github.com/")
    launch = options["launch_buttons"]
    binder = f"{launch['binderhub_url']}/v2/gh/{place}/{branch}?urlpath=lab/tree/{page}.ipynb"
    colab = f"{launch['colab_url']}/github/{place}/blob/{branch}/{page}.ipynb"
    found.append(f'Run it on <a href="{binder}">Binder</a> or <a href="{colab}">Colab</a>')
    return found


def add_facts(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Insert the line below the title of a page that is a notebook."""
    if doctree is None or not str(app.env.doc2path(page)).endswith(".ipynb"):
        return
    items = "".join(
        f"<li>{fact}</li>" for fact in facts(context["body"], page, app.config.html_theme_options)
    )
    line = f'</h1>\n<ul class="chapter-facts" aria-label="About this chapter">{items}</ul>'
    context["body"] = context["body"].replace("</h1>", line, 1)
