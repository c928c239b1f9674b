"""Repairs to a finished page: fixes to the theme's speed and accessibility."""

import re
from functools import cache
from pathlib import Path

SCRIPT = re.compile(r'<script(?![^>]*\b(?:defer|async|type="module")\b)([^>]*\bsrc=)')
SETTING = re.compile(r"<script>(?=DOCUMENTATION_OPTIONS\.)")
ICON = re.compile(r'<i class="([^"]*?\bfa-([a-z-]+)[^"]*)"([^>]*)></i>')
SPACE_IN_LINK = re.compile(r"(<a [^>]*>) (?=Exercise )")
PICTURE = re.compile(
    r'<img (?=[^>]*?src="[^"]*_images/([^"/]+\.svg)")(?=[^>]*?alt="([^"]*)")[^>]*>'
)
INK = "#767676"  # what lstm_tutorial.plots draws text with: on a page it has the text's colour


def defer_scripts(page: str) -> str:
    """Let no script in the head delay the first paint; all still run in order.

    A script that sets an option becomes a module, which is deferred; those for icons are removed.
    """
    head, end, body = page.partition("</head>")
    head = re.sub(r"<script[^>]*/fontawesome\.js[^>]*></script>", "", head)
    head = SETTING.sub('<script type="module">', SCRIPT.sub(r"<script defer\1", head))
    return head + end + body


@cache
def icon_shapes(script: Path) -> dict[str, tuple[str, str]]:
    """Read Font Awesome's icons from the theme's script: name to (width and height, path)."""
    text = script.read_text(encoding="utf-8")
    found = re.findall(r'"?([a-z-]+)"?:\[(\d+),(\d+),\[[^\]]*\],"[0-9a-f]+","([^"]+)"', text)
    return {name: (f"{width} {height}", path) for name, width, height, path in found}


def draw_icons(page: str, shapes: dict[str, tuple[str, str]]) -> str:
    """Replace each icon's empty element by an ``<svg>``, so that no script needs to draw it."""

    def draw(match: re.Match[str]) -> str:
        classes, name, rest = match.groups()
        names = [word[3:] for word in classes.split() if word.startswith("fa-")]
        name = next((word for word in names if word in shapes), name)
        if name not in shapes:
            return match[0]
        box, path = shapes[name]
        return (
            f'<svg class="{classes} svg-inline--fa"{rest} viewBox="0 0 {box}" '
            f'aria-hidden="true"><path fill="currentColor" d="{path}"/></svg>'
        )

    return ICON.sub(draw, page)


def name_landmarks(page: str) -> str:
    """Give the sidebar a role and a name, and fix wrong roles and spaces from extensions."""
    sidebar = '<div id="pst-primary-sidebar"'
    page = page.replace(sidebar, f'{sidebar} role="complementary" aria-label="Book"', 1)
    page = page.replace(' role="doc-biblioentry"', "")
    page = re.sub(r"<th(?: [^>]*)?>(?:<p></p>)?</th>", "<td></td>", page)
    page = re.sub(r">Solution to(<a [^>]*>) ", r">Solution to \1", page)
    return page.replace('<div role="list" class="citation-list">', '<div class="citation-list">')


def trim_links(page: str) -> str:
    """Move the space at the beginning of a link out of it, where it would be underlined."""
    return SPACE_IN_LINK.sub(r" \1", page)


def inline_figures(page: str, sources: dict[str, str]) -> str:
    """Write each SVG figure into the page, where it has the page's font and colour of text."""

    def inline(match: re.Match[str]) -> str:
        name, alt = match.groups()
        if name not in sources:
            return match[0]
        return inline_figure(Path(sources[name]).read_text(encoding="utf-8"), alt, name[:8])

    return PICTURE.sub(inline, page)


def inline_figure(svg: str, alt: str, prefix: str) -> str:
    """Make one SVG file of matplotlib an element of a page; its ids begin with ``prefix``."""
    root = svg[svg.index("<svg") : svg.rindex("</svg>") + len("</svg>")]
    root = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", root, flags=re.DOTALL)
    used = set(re.findall(r"#([\w-]+)\)|href=\"#([\w-]+)\"", root)) - {("", "")}
    names = {first or second for first, second in used}
    root = re.sub(
        r' id="([^"]*)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in names else "", root
    )
    root = re.sub(r'url\(#|href="#', lambda m: f"{m[0]}{prefix}-", root)
    root = re.sub(r">\s+<(?!/text|tspan)", "><", root).replace(INK, "currentColor")
    tag, _, rest = root.partition(">")
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', tag)
    assert box is not None, "matplotlib states the size of every figure"
    return (
        f'<svg class="plot" role="img" aria-label="{alt}" {box[0]} '
        f'style="--width: {float(box[1]) * 4 / 3:.0f}px">{rest}'
    )
