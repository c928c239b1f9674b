"""Small repairs to the theme, so that a page opened from disk logs no error."""

from typing import Any

from sphinx.application import Sphinx


def drop_live_code(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Take the scripts for live code off the page: the book launches on Binder instead.

    The theme and its extension both declare ``THEBE_JS_URL``; a browser refuses the second one.

    Args:
        app: the running Sphinx.
        page: name of the page, unused.
        template: name of its template, unused.
        context: what the template sees; ``script_files`` is replaced in it.
        doctree: the parsed page, unused.
    """
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if "thebe" not in f"{getattr(script, 'filename', script)}".lower()
        and "THEBE_JS_URL" not in (getattr(script, "attributes", {}).get("body") or "")
    ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the repair to Sphinx.

    Args:
        app: the running Sphinx.

    Returns:
        what Sphinx may do in parallel.
    """
    app.connect("html-page-context", drop_live_code, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
