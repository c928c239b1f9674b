"""Photograph the built book: ``python -m tools.screenshots [FOLDER [PAGE ...]]``.

Without a folder, only take the picture of README.md and the card for sharing.
"""

import sys
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Browser, sync_playwright

from book._ext import drawings
from tools.chromium import find_chromium

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
PICTURE = ROOT / "book" / "images" / "book.png"
CARD = ROOT / "book" / "_static" / "card.png"
WIDTHS = (390, 768, 1440)
SHOW_ALL = """async () => {
  for (const image of document.images) image.loading = 'eager';
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
}"""


def take_picture(browser: Browser) -> None:
    """Photograph the first chapter around its second figure, for README.md."""
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    page.goto((HTML / "book" / "gates.html").as_uri())
    page.wait_for_selector("mjx-container")
    page.locator("figure").nth(1).evaluate(
        "e => scrollTo({top: e.getBoundingClientRect().top + scrollY - 330, behavior: 'instant'})"
    )
    page.wait_for_timeout(500)
    PICTURE.parent.mkdir(exist_ok=True)
    page.screenshot(path=PICTURE)


def take_card(browser: Browser) -> None:
    """Photograph the card for sharing, and store a fingerprint of its drawing in it."""
    page = browser.new_page(viewport={"width": 1200, "height": 630})
    page.set_content(f'<body style="margin: 0">{drawings.sharing_card()}</body>')
    page.screenshot(path=CARD)
    note = PngInfo()
    note.add_text("drawing", drawings.fingerprint(drawings.sharing_card()))
    with Image.open(CARD) as picture:
        picture.convert("P", palette=Image.Palette.ADAPTIVE).save(CARD, pnginfo=note, optimize=True)


def photograph(browser: Browser, folder: Path, names: list[str]) -> None:
    """Write one PNG for each page, or each named one, width and colour scheme."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [p for p in sorted(HTML.glob("book/*.html")) if not names or p.stem in names]
    for scheme, width in [(s, w) for s in ("light", "dark") for w in WIDTHS]:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        for path in paths:
            page.goto(path.as_uri())
            page.evaluate(SHOW_ALL)
            page.wait_for_timeout(700)
            page.screenshot(path=folder / f"{path.stem}-{width}-{scheme}.png", full_page=True)
        page.close()


def main(arguments: list[str]) -> None:
    """Take the picture of README.md and the card, or photograph pages into the first argument."""
    with sync_playwright() as playwright:
        options = {"executable_path": find_chromium(), "args": ["--no-sandbox"]}
        browser = playwright.chromium.launch(**options)
        if arguments:
            photograph(browser, Path(arguments[0]), arguments[1:])
        else:
            take_picture(browser)
            take_card(browser)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
