"""Give the search its sections: the text of each, and the error messages with their places.

The search page gets ``lstm-search.js`` and its data, ``SECTIONS`` and ``MESSAGES``, in place of
Sphinx's search, which searches whole pages, shows their first lines, and fetches these, which a
page that is opened from disk may not.
"""

import json
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

PAGE = "book/questions"
SCRIPTS = ("search-sections.js", "lstm-search.js")
ENTRY = re.compile(r"^- \[(`.+?`+)\]\((\S+)\): .+$", re.M)
LEFT_OUT = (nodes.literal_block, nodes.raw, nodes.image, nodes.comment)


def messages(questions: str) -> list[tuple[str, str]]:
    """Read the error messages from the source of the page of questions, with their targets."""
    return [
        (message.strip(), target)
        for cells, target in ENTRY.findall(questions)
        for message in re.split(r"`, `", cells.strip("`"))
    ]


def places_of_messages(env: BuildEnvironment) -> list[list[str]]:
    """List each message with the page, the anchor and the title of its section."""
    labels, found = env.get_domain("std").labels, []  # type: ignore[attr-defined]
    for message, target in messages(Path(env.doc2path(PAGE)).read_text(encoding="utf-8")):
        name = f"book/{Path(target).stem}"
        place, anchor, title = labels.get(target, (name, "", ""))
        chapter = env.titles[place].astext()
        found.append([message, place, anchor, f"{chapter} > {title}" if title else chapter])
    return found


def readable(tex: str) -> str:
    """Write a formula as a line of text: a_t for \\bar a_t."""
    tex = re.sub(r"\\(?:[,;:! ]|left|right|quad)", " ", tex)
    tex = re.sub(r"\\(?:bar|tilde|hat|mathrm|text|mathbf|operatorname|boldsymbol)\b", "", tex)
    return " ".join(re.sub(r"[\\{}$&]", "", tex).split())


def text_of(node: nodes.Node) -> str:
    """Return what a reader sees of a node, formulas as a line of text."""
    if isinstance(node, LEFT_OUT) or "solution" in type(node).__name__:
        return ""
    if isinstance(node, addnodes.pending_xref) and node["refdomain"] == "cite":
        return ""
    if isinstance(node, nodes.math | nodes.math_block):
        return readable(node.astext())
    if isinstance(node, nodes.Text):
        return node.astext()
    parts = (text_of(child) for child in node.children if not isinstance(child, nodes.section))
    return (" " if isinstance(node, nodes.entry | nodes.row) else "").join(parts)


def paragraphs_of(node: nodes.Node) -> list[str]:
    """List the paragraphs of a section, without those of the sections inside it."""
    if isinstance(node, nodes.paragraph | nodes.row | nodes.caption | nodes.term):
        text = " ".join(text_of(node).split())
        return [re.sub(r" +(?=[.,;:])| *→$", "", text)]
    if isinstance(node, (*LEFT_OUT, nodes.title)) or "solution" in type(node).__name__:
        return []
    inside = (child for child in node.children if not isinstance(child, nodes.section))
    return [text for child in inside for text in paragraphs_of(child)]


def sections_of(env: BuildEnvironment, page: str) -> list[list[str]]:
    """List a page's sections and documented objects: page, anchor, its title, their title, text."""
    title, doctree, found = env.titles[page].astext(), env.get_doctree(page), []
    for section in doctree.findall(nodes.section):
        if not isinstance(section[0], nodes.title):
            continue  # the content of an exercise: it has the text's words, and no heading
        heading = " ".join(text_of(section[0]).split())
        anchor = "" if isinstance(section.parent, nodes.document) else section["ids"][0]
        found.append([page, anchor, title, "" if heading == title else heading, *text_in(section)])
    for item in doctree.findall(addnodes.desc):
        signature, content = item[0], item[-1]
        if signature.get("ids"):
            name = signature["fullname"]
            found.append([page, signature["ids"][0], title, name, *text_in(content)])
    return found


def text_in(node: nodes.Element) -> list[str]:
    """Return one text: the paragraphs, a line each."""
    return ["\n".join(line for line in paragraphs_of(node) if line)]


def replace_search(page: str) -> str:
    """Load the search of sections on the page of the search, in place of Sphinx's own."""
    ours = "".join(f'<script defer src="_static/{name}"></script>\n' for name in SCRIPTS)
    sphinx = r'<script defer src="(_static/searchtools|searchindex)\.js[^>]*></script>'
    page = re.sub(sphinx, "", page)
    return page.replace("</head>", f"{ours}</head>", 1)


def write_sections(app: Sphinx, error: Exception | None) -> None:
    """Write the sections of all chapters as a script beside the others."""
    if error is not None or app.builder.format != "html":
        return
    pages = [name for name in sorted(app.env.found_docs) if name.startswith("book/")]
    sections = [section for name in pages for section in sections_of(app.env, name)]
    data = {"SECTIONS": sections, "MESSAGES": places_of_messages(app.env)}
    lines = (f"window.{name} = {json.dumps(value)};\n" for name, value in data.items())
    Path(app.outdir, "_static", SCRIPTS[0]).write_text("".join(lines), encoding="utf-8")
