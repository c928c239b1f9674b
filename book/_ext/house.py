"""The book's additions to Sphinx: chapter frame, repairs to the theme, moved pages."""

from html import escape
from pathlib import Path
from posixpath import relpath
from typing import Any

import chapter_frame
import search_sections
import theme_repairs
from sphinx.application import Sphinx

MOVED = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>This page has moved</title>
<link rel="canonical" href="{base}{target}"><meta name="robots" content="noindex">
<meta http-equiv="refresh" content="0; url={link}"></head>
<body><main><h1>This page has moved</h1><p><a href="{link}">Here it is.</a></p></main></body></html>
"""


def drop_live_code(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Remove the scripts for live code from the page: the book launches on Binder instead.

    The theme and its extension both declare ``THEBE_JS_URL``, and browsers reject the second one.
    """
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if "thebe" not in f"{getattr(script, 'filename', script)}".lower()
        and "THEBE_JS_URL" not in (getattr(script, "attributes", {}).get("body") or "")
    ]


def repair_pages(app: Sphinx) -> None:
    """Apply the repairs to every page that a template renders."""
    if app.builder.format != "html":
        return
    render = app.builder.templates.render
    places = [
        Path(place, "static/scripts/fontawesome.js") for place in app.builder.theme.get_theme_dirs()
    ]
    shapes = theme_repairs.icon_shapes(next(place for place in places if place.exists()))

    def render_and_repair(template: str, context: dict[str, Any]) -> str:
        sources = {name: str(Path(app.srcdir, path)) for path, name in app.builder.images.items()}
        page = theme_repairs.defer_scripts(render(template, context))
        page = theme_repairs.name_landmarks(theme_repairs.draw_icons(page, shapes))
        page = theme_repairs.trim_links(page)
        if template == "search.html":
            page = search_sections.replace_search(page)
        return theme_repairs.inline_figures(page, sources)

    app.builder.templates.render = render_and_repair


def write_moved_pages(app: Sphinx, error: Exception | None) -> None:
    """Write a redirect page at each address in ``moved_pages``."""
    if error or app.builder.format != "html":
        return
    for old, target in app.config.moved_pages.items():
        file = Path(app.outdir, f"{old}.html")
        link = escape(relpath(target, Path(old).parent.as_posix()))
        file.write_text(
            MOVED.format(base=app.config.html_baseurl, target=target, link=link), encoding="utf-8"
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect all additions to Sphinx."""
    app.add_config_value("moved_pages", {}, "html", dict)
    app.connect("builder-inited", repair_pages, priority=900)
    app.connect("html-page-context", drop_live_code, priority=900)
    app.connect("html-page-context", chapter_frame.add_facts, priority=900)
    app.connect("build-finished", write_moved_pages)
    app.connect("build-finished", search_sections.write_sections)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
