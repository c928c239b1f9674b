"""Tell the search which section explains each error message on the page of questions."""

import json
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

PAGE = "book/questions"
ENTRY = re.compile(r"^- \[(`.+?`+)\]\((\S+)\): .+$", re.M)


def messages(questions: str) -> list[tuple[str, str]]:
    """Read the error messages from the source of the page of questions, with their targets."""
    return [
        (message.strip(), target)
        for cells, target in ENTRY.findall(questions)
        for message in re.split(r"`, `", cells.strip("`"))
    ]


def add_messages(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Pass the messages and the places of their sections to the search page."""
    if page != "search":
        return
    labels = app.env.get_domain("std").labels
    found = []
    for message, target in messages(Path(app.env.doc2path(PAGE)).read_text(encoding="utf-8")):
        name = f"book/{Path(target).stem}"
        place, anchor, title = labels.get(target, (name, "", ""))
        chapter = app.env.titles[place].astext()
        found.append([message, place, anchor, f"{chapter} > {title}" if title else chapter])
    table = json.dumps(found).replace("<", "\\u003c")
    context["metatags"] = f"{context.get('metatags', '')}\n<script>MESSAGES = {table}</script>"
