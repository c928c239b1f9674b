"""The built book: every link inside it lands, and no page asks another host for anything."""

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

LOADING = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "img": ("src", "srcset"),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
}
NAMING = ("canonical", "author", "index", "search", "next", "prev")  # links that load nothing
STYLE_LOADS = re.compile(r"""(?:url\(|@import)\s*['"]?([^'")\s]+)""")
SCRIPT_LOADS = re.compile(
    r"""(?:\bimport\b[^;'"]{0,80}|importScripts\(\s*|\bfetch\(\s*|\.src\s*=\s*)['"](https?:)?//"""
)


class Page(HTMLParser):
    """Collect a page's ids, links, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.images_without_alt = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.ids |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        self.loads += [found[key] for key in LOADING.get(tag, ()) if found.get(key)]
        self.loads += STYLE_LOADS.findall(found.get("style") or "")
        if tag == "link" and found.get("rel") not in NAMING:
            self.loads.append(found.get("href") or "")
        self.images_without_alt += tag == "img" and found.get("alt") is None


@cache
def parse(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


@pytest.fixture(scope="module")
def pages(html) -> list[Path]:
    found = [p for p in sorted(html.rglob("*.html")) if "_static" not in p.parts]
    assert len(found) > 5
    return found


def is_outside(link: str) -> bool:
    return bool(urlsplit(link).scheme or urlsplit(link).netloc)


def lands(page: Path, link: str) -> bool:
    """Tell whether a link inside the book leads to a file, and to a place in it."""
    parts = urlsplit(link)
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.suffix != ".html" or not parts.fragment or parts.fragment == "top":
        return target.exists()
    return target.exists() and unquote(parts.fragment) in parse(target).ids


def test_every_internal_link_lands(pages):
    broken = []
    for path in pages:
        for link in parse(path).links:
            if not is_outside(link) and not lands(path, link):
                broken.append(f"{path.name}: {link}")
    assert not broken


def test_no_page_loads_anything_from_another_host(pages):
    assert [(p.name, load) for p in pages for load in parse(p).loads if is_outside(load)] == []


def test_everything_that_a_page_loads_is_there(pages):
    missing = []
    for path in pages:
        for load in parse(path).loads:
            file = urlsplit(load).path
            if file and not is_outside(load) and not (path.parent / unquote(file)).exists():
                missing.append(f"{path.name}: {load}")
    assert not missing


def test_style_sheets_load_nothing_from_another_host(html):
    for sheet in html.rglob("*.css"):
        loads = STYLE_LOADS.findall(sheet.read_text(encoding="utf-8"))
        assert [u for u in loads if is_outside(u) and not u.startswith("data:")] == [], sheet


def test_scripts_that_a_page_runs_load_nothing_from_another_host(pages):
    scripts = {
        (path.parent / unquote(urlsplit(load).path)).resolve()
        for path in pages
        for load in parse(path).loads
        if urlsplit(load).path.endswith(".js")
    }
    assert len(scripts) > 5
    for script in scripts:
        found = SCRIPT_LOADS.search(script.read_text(encoding="utf-8"))
        assert found is None, f"{script}: {found[0]}"


def test_every_picture_has_a_text(pages):
    assert {p.name: parse(p).images_without_alt for p in pages if parse(p).images_without_alt} == {}


def test_every_page_says_how_to_launch_it(html):
    for page in html.glob("book/*.html"):
        if (page.parent.parent / "_sources" / "book" / f"{page.stem}.ipynb").exists():
            links = " ".join(parse(page).links)
            assert "mybinder.org" in links, page.name
            assert "colab.research.google.com" in links, page.name
