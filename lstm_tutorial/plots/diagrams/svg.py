"""SVG written by hand: a few shapes, in colours that a page in light or dark can override.

Every shape has plain attributes, so that a file opens anywhere, and classes for the style sheet.
Ink is ``currentColor``; nothing is painted behind a drawing.
"""

from html import escape

INK = "currentColor"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
TEXT = 18  # units of the drawings, all of which are about 700 wide


def number(value: float) -> str:
    """Return a value with two decimals and a true minus sign, never ``−0.00``."""
    return f"{value:.2f}".replace("-", "−").replace("−0.00", "0.00")


def tag(name: str, *children: str, **attributes: object) -> str:
    """Return an element; ``_`` in a name becomes ``-``, one at its end is dropped."""
    named = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    listed = "".join(f' {key}="{escape(str(value))}"' for key, value in named.items())
    return f"<{name}{listed}>{''.join(children)}</{name}>" if children else f"<{name}{listed}/>"


def group(*children: str, **attributes: object) -> str:
    """Return shapes that belong together."""
    return tag("g", *children, **attributes)


def at(x: float, y: float, *children: str, **attributes: object) -> str:
    """Return shapes whose origin is moved to (x, y)."""
    return group(*children, transform=f"translate({x:g} {y:g})", **attributes)


def rect(x: float, y: float, width: float, height: float, **attributes: object) -> str:
    """Return a rectangle."""
    return tag(
        "rect", x=f"{x:g}", y=f"{y:g}", width=f"{width:g}", height=f"{height:g}", **attributes
    )


def path(d: str, color: str = INK, width: float = 2.5, **attributes: object) -> str:
    """Return an open line along the path ``d``."""
    return tag("path", d=d, fill="none", stroke=color, stroke_width=width, **attributes)


def head(x: float, y: float, direction: str, color: str = INK, size: float = 9) -> str:
    """Return an arrow head with its tip at (x, y); direction is one of up, down, left, right."""
    turn = {"right": 0, "down": 90, "left": 180, "up": 270}[direction]
    shape = f"M0 0L{-size:g} {size * 0.6:g}L{-size:g} {-size * 0.6:g}Z"
    return tag("path", d=shape, fill=color, transform=f"translate({x:g} {y:g}) rotate({turn})")


def arrow(points: list[tuple[float, float]], color: str = INK, width: float = 2.5) -> str:
    """Return a line through points, the last piece of which is straight and ends in a head."""
    (x, y), (u, v) = points[-2:]
    direction = ("right" if u > x else "left") if v == y else ("down" if v > y else "up")
    back = {"right": (-6, 0), "left": (6, 0), "down": (0, -6), "up": (0, 6)}[direction]
    ends = [*points[:-1], (u + back[0], v + back[1])]
    line = "M" + "L".join(f"{a:g} {b:g}" for a, b in ends)
    return path(line, color, width, stroke_linejoin="round") + head(u, v, direction, color)


def text(x: float, y: float, content: str, anchor: str = "middle", **attributes: object) -> str:
    """Return a line of text; ``c_{t−1}`` in it sets a subscript, as in TeX."""
    attributes = {"font_size": TEXT, "fill": INK, **attributes}
    return tag(
        "text", subscripts(content), x=f"{x:g}", y=f"{y:g}", text_anchor=anchor, **attributes
    )


def subscripts(content: str) -> str:
    """Return the markup of a text with ``_{...}`` set lower and smaller."""
    first, *others = content.split("_{")
    found = escape(first)
    for other in others:
        low, _, rest = other.partition("}")
        found += f'<tspan dy="0.28em" font-size="72%">{escape(low)}</tspan>'
        found += f'<tspan dy="-0.2em">{escape(rest)}</tspan>' if rest else ""
    return found


def drawing(width: float, height: float, label: str, *children: str, **attributes: object) -> str:
    """Return a whole drawing, as wide as its column allows.

    Args:
        width: of the view box.
        height: of the view box.
        label: what a reader who does not see it has to know.
        children: its shapes.
        attributes: more of the element, such as ``class_`` and ``style``.

    Returns:
        An ``<svg>`` for a page, or for a file of its own.
    """
    given = {"class_": "lstm-drawing", **attributes}
    return tag(
        "svg",
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
        role="img",
        aria_label=label,
        font_family=FONT,
        **given,
    )
