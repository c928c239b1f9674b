"""Repairs to a finished page: fixes to the theme's speed and accessibility."""

import re
import struct
from functools import cache
from pathlib import Path

SCRIPT = re.compile(r'<script(?![^>]*\b(?:defer|async|type="module")\b)([^>]*\bsrc=)')
SETTING = re.compile(r"<script>(?=DOCUMENTATION_OPTIONS\.)")
ICON = re.compile(r'<i class="([^"]*?\bfa-([a-z-]+)[^"]*)"([^>]*)></i>')
SPACE_IN_LINK = re.compile(r"(<a [^>]*>) (?=Exercise )")
PICTURE = re.compile(
    r'<img ((?:(?!\bwidth=)[^>])*?src="[^"]*_images/([^"/]+\.png)"(?:(?!\bwidth=)[^>])*?)/?>'
)


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
    page = re.sub(r">Solution to(<a [^>]*>) ", r">Solution to \1", page)
    return page.replace('<div role="list" class="citation-list">', '<div class="citation-list">')


def trim_links(page: str) -> str:
    """Move the space at the beginning of a link out of it, where it would be underlined."""
    return SPACE_IN_LINK.sub(r" \1", page)


def size_images(page: str, sources: dict[str, str]) -> str:
    """State the size of each figure, and load it when it comes near."""

    def size(match: re.Match[str]) -> str:
        attributes, name = match[1].rstrip(), match[2]
        if name not in sources:
            return match[0]
        width, height = struct.unpack(">II", Path(sources[name]).read_bytes()[16:24])
        return f'<img {attributes} width="{width}" height="{height}" loading="lazy" />'

    return PICTURE.sub(size, page)
