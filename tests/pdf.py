"""Print the built book into one file: ``python -m tests.pdf BOOK.pdf [PAGE ...]``.

Each page goes through Chromium once its formulas are set, with every solution open and every
figure that moves as it stands at first. Bookmarks lead to pages and their sections, and links
between pages lead to pages of the file.
"""

import io
import sys
from pathlib import Path

import yaml
from playwright.sync_api import Browser, sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, NameObject

from tests.chromium import find_chromium

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
STILL = """const define = customElements.define.bind(customElements);
customElements.define = (name, kind) => name === 'lstm-review' || define(name, kind);"""
READY = """async () => {
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
  for (const details of document.querySelectorAll('details')) details.open = true;
  for (const image of document.images) image.loading = 'eager';
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  await document.fonts.ready;
}"""
FOOT = (
    '<div style="width:100%;font-size:7pt;text-align:center;color:#555">'
    '<span class="title"></span> · <span class="pageNumber"></span></div>'
)


def listed_pages() -> list[str]:
    """Return the pages of the book in the order of _toc.yml."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]


def print_page(browser: Browser, path: Path) -> tuple[str, bytes]:
    """Print one page.

    Args:
        browser: a running Chromium.
        path: the page, built.

    Returns:
        its title, and a PDF of it with bookmarks.
    """
    page = browser.new_page(color_scheme="light", reduced_motion="reduce")
    page.add_init_script(STILL)
    page.goto(path.as_uri(), wait_until="load")
    page.emulate_media(media="print")
    page.evaluate(READY)
    title = page.title().rpartition(" — ")[0]
    printed = page.pdf(
        format="A4",
        scale=0.8,  # 100 characters of code fit
        outline=True,
        tagged=True,
        print_background=True,
        margin={"top": "15mm", "bottom": "16mm", "left": "14mm", "right": "14mm"},
        display_header_footer=True,
        header_template="<div></div>",
        footer_template=FOOT,
    )
    page.close()
    return title, printed


def keep_links_inside(writer: PdfWriter, starts: dict[str, int]) -> None:
    """Let links to other pages of the book lead into the file.

    Args:
        writer: the joined book.
        starts: address of a page to the number of its first page in the file.
    """
    for page in writer.pages:
        for reference in page.get("/Annots", ()):
            link = reference.get_object()
            address = str(link.get("/A", {}).get("/URI", "")).partition("#")[0]
            if address in starts:
                del link["/A"]
                target = writer.pages[starts[address]].indirect_reference
                link[NameObject("/Dest")] = ArrayObject([target, NameObject("/Fit")])


def print_book(browser: Browser, names: list[str]) -> PdfWriter:
    """Print pages and join them.

    Args:
        browser: a running Chromium.
        names: pages of the book, ``book/gates``.

    Returns:
        the joined book, to be written.
    """
    writer, starts = PdfWriter(), {}
    for name in names:
        path = HTML / f"{name}.html"
        title, printed = print_page(browser, path)
        starts[path.as_uri()] = len(writer.pages)
        writer.append(PdfReader(io.BytesIO(printed)), outline_item=title)
    keep_links_inside(writer, starts)
    writer.add_metadata({"/Title": "The LSTM book"})
    writer.compress_identical_objects(remove_unreferenced=True)
    return writer


def main(arguments: list[str]) -> None:
    """Write the file.

    Args:
        arguments: the file, and the names of pages; all of them where there are none.
    """
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
