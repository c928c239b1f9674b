"""Print the built book into one file: ``python -m tools.pdf BOOK.pdf [PAGE ...]``.

``pdf.js`` joins the pages in a Chromium, after a title page and the contents. They are printed once
to find each section's page number, and again with these numbers after the links.
"""

import io
import sys
from datetime import date
from html import escape
from pathlib import Path

import yaml
from playwright.sync_api import Browser, Page, sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

from tools.chromium import find_chromium

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
JOIN = Path(__file__).with_suffix(".js")
STYLE = Path(__file__).with_suffix(".css")
STILL = """const define = customElements.define.bind(customElements);
const still = ['lstm-cell', 'lstm-reader', 'lstm-review'];
customElements.define = (name, kind) => still.includes(name) || define(name, kind);"""
FILL = """pages => {
  for (const number of document.querySelectorAll('[data-page-of]'))
    number.textContent = pages[number.dataset.pageOf] ?? number.textContent;
}"""
HOLD = """names => {
  for (const name of names) document.getElementById(name).style.breakBefore = 'page';
}"""
TARGETS = "[...document.querySelectorAll('[data-page-of]')].map((n) => n.dataset.pageOf)"
FRONT = """<p class="book-title">{title}</p><p>{authors}</p>
<p>Version {version}, printed on {day}</p>
<p>Read it at <a href="{url}">{url}</a><br>
Notebooks and code: <a href="{repository}">{repository}</a></p>
<p>Text: CC BY 4.0. Code: MIT License.</p>
<p>Each number was computed by the page that shows it, or read from a record that names its command.
Interactive figures are still pictures here; solutions, and answers to the quizzes, are at the end
of each chapter.</p>"""
PAPER = {
    "format": "A4",
    "scale": 0.8,  # 100 characters of code fit
    "outline": True,
    "tagged": True,
    "print_background": True,
    "margin": {"top": "15mm", "bottom": "16mm", "left": "14mm", "right": "14mm"},
}


def listed_pages() -> list[str]:
    """Return the pages of the book in the order of _toc.yml."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]


def title_page() -> str:
    """Return the HTML of the title page, from CITATION.cff."""
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    today = date.today()
    facts = {
        "title": cff["title"],
        "authors": ", ".join(author["name"] for author in cff["authors"]),
        "version": cff["version"],
        "day": f"{today.day} {today:%B %Y}",
        "url": cff["url"],
        "repository": cff["repository-code"],
    }
    return FRONT.format_map({key: escape(value) for key, value in facts.items()})


def open_joined(browser: Browser, names: list[str]) -> tuple[Page, list[str]]:
    """Open the first page, join the others to it, and return it with its bookmarks' titles."""
    page = browser.new_page(color_scheme="light", reduced_motion="reduce")
    page.add_init_script(STILL)
    paths = [HTML / f"{name}.html" for name in names]
    page.goto(paths[0].as_uri(), wait_until="load")
    page.emulate_media(media="print")
    page.add_style_tag(path=STYLE)
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    what = {
        "pages": [
            {"name": path.stem, "address": path.as_uri(), "text": path.read_text(encoding="utf-8")}
            for path in paths
        ],
        "root": f"{HTML.as_uri()}/",
        "base": config["html"]["baseurl"],
        "front": title_page(),
    }
    return page, page.evaluate(JOIN.read_text(encoding="utf-8"), what)


def page_numbers(book: PdfReader | PdfWriter) -> dict[str, int]:
    """Return the page, counted from 1, of each target of a link."""
    return {
        name.removeprefix("/"): book.get_destination_page_number(place) + 1
        for name, place in book.named_destinations.items()
    }


def print_settled(page: Page) -> PdfReader:
    """Print until the numbers after the links are those of the pages.

    Raises:
        RuntimeError: if the numbers move the pages each time, or a target is not on paper.
    """
    targets, numbers = page.evaluate(TARGETS), {}
    for attempt in range(6):
        page.evaluate(FILL, numbers)
        book = PdfReader(io.BytesIO(page.pdf(**PAPER)))
        before, numbers = numbers, page_numbers(book)
        if lost := [target for target in targets if target not in numbers]:
            raise RuntimeError(f"links to places that are not on paper: {lost}")
        if before == numbers:
            return book
        if attempt > 1:  # a heading that keeps moving between two pages begins the second
            page.evaluate(HOLD, [name for name in numbers if before[name] != numbers[name]])
    raise RuntimeError("the page numbers don't settle")


def bookmarks(item: DictionaryObject) -> list[DictionaryObject]:
    """Return all bookmarks below one of them, or below the root, in order."""
    found, child = [], item.get("/First")
    while child is not None:
        found += [child.get_object(), *bookmarks(child.get_object())]
        child = child.get_object().get("/Next")
    return found


def print_book(browser: Browser, names: list[str]) -> PdfWriter:
    """Print pages such as ``book/gates`` as one book."""
    page, titles = open_joined(browser, names)
    writer = PdfWriter(clone_from=print_settled(page))
    page.close()
    # Chromium repeats a heading that moved to a new page, and joins broken lines.
    for item, title in zip(bookmarks(writer.root_object["/Outlines"]), titles, strict=True):
        item[NameObject("/Title")] = TextStringObject(title)
    writer.page_mode = "/UseOutlines"
    writer.add_metadata({"/Title": "The LSTM book"})
    return writer


def main(arguments: list[str]) -> None:
    """Write the file that is the first argument, from the named pages or all."""
    target, *names = arguments
    with sync_playwright() as playwright:
        options = {"executable_path": find_chromium(), "args": ["--no-sandbox"]}
        browser = playwright.chromium.launch(**options)
        writer = print_book(browser, names or listed_pages())
        browser.close()
    writer.write(target)
    print(f"{target}: {len(writer.pages)} pages, {Path(target).stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main(sys.argv[1:])
