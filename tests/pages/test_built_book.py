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
ON_THE_WEB = "/lstm-tutorial/"  # the page for missing addresses names all others from here
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


def file_at(page: Path, path: str) -> Path:
    """Return the file that a path inside the book means on a page."""
    if page.name == "404.html" and path.startswith(ON_THE_WEB):
        return page.parent / unquote(path.removeprefix(ON_THE_WEB))
    return (page.parent / unquote(path)).resolve()


def lands(page: Path, link: str) -> bool:
    """Tell whether a link inside the book leads to a file, and to a place in it."""
    parts = urlsplit(link)
    target = file_at(page, parts.path) if parts.path else page
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
            if file and not is_outside(load) and not file_at(path, file).exists():
                missing.append(f"{path.name}: {load}")
    assert not missing


def test_style_sheets_load_nothing_from_another_host(html):
    for sheet in html.rglob("*.css"):
        loads = STYLE_LOADS.findall(sheet.read_text(encoding="utf-8"))
        assert [u for u in loads if is_outside(u) and not u.startswith("data:")] == [], sheet


def test_scripts_that_a_page_runs_load_nothing_from_another_host(pages):
    scripts = {
        file_at(path, urlsplit(load).path)
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


def test_no_link_underlines_a_space(pages):
    links = re.compile(r"<a [^>]*> [^<]")
    assert [p.name for p in pages if links.search(p.read_text(encoding="utf-8"))] == []


def test_no_table_is_left_as_text(pages):
    assert [p.name for p in pages if re.search(r"<p>\s*\|", p.read_text(encoding="utf-8"))] == []


def test_no_bracket_opens_an_equation_as_an_option(pages):
    """``\\begin{aligned}[a, b]`` swallows its first bracket: ``{[}a, b]`` is shown."""
    swallowed = re.compile(r"\\begin\{(?:aligned|split)\}\s*\[")
    assert [p.name for p in pages if swallowed.search(p.read_text(encoding="utf-8"))] == []


def test_every_page_says_how_to_launch_it(chapters):
    for page in chapters:
        links = " ".join(parse(page).links)
        assert "mybinder.org" in links, page.name
        assert "colab.research.google.com" in links, page.name


@pytest.fixture(scope="module")
def chapters(html) -> list[Path]:
    """The pages that are notebooks."""
    notebooks = sorted((html / "_sources" / "book").glob("*.ipynb"))
    assert notebooks
    return [html / "book" / f"{notebook.stem}.html" for notebook in notebooks]


FRAME = (
    r"<article.*?<h1>",
    r'<ul class="chapter-facts"',
    r"\d+ minutes to read",
    r"Questions this page answers",
    r"<p>(?:(?!</p>).)*You need ",
    r"<h2>What we proved",
    r"<h2>Exercises",
    r"<h2>Where next",
)


def test_every_chapter_has_the_same_frame(chapters):
    for page in [page for page in chapters if page.stem != "model_card"]:  # a reference, no chapter
        text, place = page.read_text(encoding="utf-8"), 0
        for part in FRAME:
            found = re.compile(part, re.S).search(text, place)
            assert found, f"{page.name}: {part} is missing, or not in its place"
            place = found.end()


def test_no_script_holds_up_the_first_paint(pages):
    for path in pages:
        head = path.read_text(encoding="utf-8").partition("</head>")[0]
        for script in re.findall(r"<script[^>]*\bsrc=[^>]*>", head):
            assert re.search(r"\b(defer|async)\b", script), f"{path.name}: {script}"


def test_figures_are_part_of_the_page_with_their_text_and_its_colour(chapters):
    text = "".join(page.read_text(encoding="utf-8") for page in chapters)
    figures = re.findall(r'<svg class="plot".*?</svg>', text, re.DOTALL)
    assert len(figures) > 20
    for figure in figures:
        assert re.search(r'role="img" aria-label="[^"]{40}', figure)
        assert "</text>" in figure
        assert "currentColor" in figure
        assert "#767676" not in figure


def test_no_page_shows_a_figure_as_pixels(chapters):
    for page in chapters:
        assert not re.search(r"<img[^>]*_images/", page.read_text(encoding="utf-8")), page.name


def meta(page: Path) -> dict[str, str]:
    text = page.read_text(encoding="utf-8")
    return dict(re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', text))


def test_every_page_can_be_shared(html):
    described = set()
    for page in sorted(html.glob("book/*.html")):
        found = meta(page)
        assert found["og:title"]
        assert found["og:url"].endswith(f"{ON_THE_WEB}book/{page.name}")
        card = found["og:image"].partition(ON_THE_WEB)[2]
        assert (html / card).stat().st_size > 10_000, page.name
        assert len(found["description"]) > 20, page.name
        described.add(found["description"])
    assert len(described) == len(list(html.glob("book/*.html")))


def test_sitemap_lists_every_page(html):
    listed = re.findall(r"<loc>([^<]+)</loc>", (html / "sitemap.xml").read_text(encoding="utf-8"))
    wanted = {f"{ON_THE_WEB}book/{page.name}" for page in html.glob("book/*.html")}
    assert {urlsplit(address).path for address in listed} == wanted


def test_missing_address_is_answered_with_a_way_on(html):
    links = parse(html / "404.html").links
    assert f"{ON_THE_WEB}book/questions.html" in links
    assert f"{ON_THE_WEB}search.html" in links
