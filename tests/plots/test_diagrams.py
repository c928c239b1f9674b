"""The drawings of the cell: well-formed, to scale, from one source, with torch's shapes."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from PIL import Image

from book._ext import drawings
from lstm_tutorial.plots import diagrams, style
from lstm_tutorial.plots.diagrams import chains, step

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "book" / "_static"
EXAMPLE = drawings.worked_example()
DRAWINGS = {
    "cell": lambda: diagrams.cell(EXAMPLE),
    "unrolled": diagrams.unrolled,
    "stacked": diagrams.stacked,
    "both directions": diagrams.both_directions,
    "card": drawings.sharing_card,
    "states": lambda: diagrams.states([0.5, -0.5], [0.1, 0.2], 1.0),
    "verdicts": lambda: diagrams.verdicts([0.5, 0.9]),
}
PALETTE = {
    *style.GATE_COLORS.values(),
    *style.STATE_COLORS.values(),
    *style.DIRECTION_COLORS.values(),
}
NEUTRAL = {"currentColor", "none", "#1a1a1a"}  # the last is the plus sign, on amber


@pytest.fixture(params=DRAWINGS)
def drawn(request) -> ElementTree.Element:
    """One drawing, parsed: it is well-formed."""
    return ElementTree.fromstring(DRAWINGS[request.param]())


def test_drawing_says_what_it_shows_and_needs_nothing_else(drawn):
    assert drawn.get("role") == "img"
    assert len(drawn.get("aria-label")) > 20
    for element in drawn.iter():
        assert element.tag.rpartition("}")[2] not in {"script", "style", "image", "use", "defs"}
        assert element.get("id") is None  # several drawings share a page


def test_drawing_has_the_books_colours_on_no_background(drawn):
    found = {e.get(kind) for e in drawn.iter() for kind in ("fill", "stroke")} - {None}
    card = {"#ffffff"} if "The LSTM book" in drawn.get("aria-label") else set()
    assert found <= PALETTE | NEUTRAL | card


def test_cell_shows_every_gate_in_its_colour():
    drawn = diagrams.cell(EXAMPLE)
    assert all(color in drawn for color in style.GATE_COLORS.values())


def test_streams_are_as_thick_as_their_numbers():
    found = step.properties(EXAMPLE, 2.0)
    assert found["--c"] == EXAMPLE.c / 2
    assert found["--fc"] + found["--ig"] == pytest.approx(found["--c"])
    assert found["--f"] == EXAMPLE.f
    drawn = diagrams.cell(EXAMPLE, 2.0)
    assert set(re.findall(r"var\((--\w+)\)", drawn)) == set(found)
    given = dict(re.findall(r"(--\w+):([-\d.e]+)", drawn))
    assert {name: float(v) for name, v in given.items()} == pytest.approx(found, abs=1e-4)


def test_nothing_is_drawn_off_the_scale():
    with pytest.raises(ValueError, match=r"limit 0.5, got 0.8: raise the limit"):
        diagrams.cell(EXAMPLE, 0.5)


def test_step_is_torchs():
    cell = torch.nn.LSTMCell(1, 1, dtype=torch.float64)
    torch.nn.init.zeros_(cell.bias_hh)
    columns = torch.tensor([drawings.WEIGHTS[gate] for gate in "ifgo"], dtype=torch.float64)
    with torch.no_grad():
        for weight, column in zip(
            (cell.weight_ih, cell.weight_hh, cell.bias_ih), columns.T, strict=True
        ):
            weight.copy_(column.view(weight.shape))
        x, h, c = (torch.tensor([[value]], dtype=torch.float64) for value in drawings.INPUTS)
        h, c = cell(x, (h, c))
    assert (EXAMPLE.h, EXAMPLE.c) == pytest.approx((h.item(), c.item()), abs=1e-12)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("unrolled", {}),
        ("stacked", {"num_layers": 2}),
        ("both-directions", {"bidirectional": True}),
    ],
)
def test_shapes_in_the_drawings_are_torchs(name, arguments):
    sizes = {"L": 7, "N": 3, "H_in": 4, "H": 5}
    x = torch.randn(sizes["L"], sizes["N"], sizes["H_in"])
    output, (h_n, c_n) = torch.nn.LSTM(sizes["H_in"], sizes["H"], **arguments)(x)
    shapes = {key: eval(shape, {}, sizes) for key, shape in chains.SHAPES[name].items()}
    assert shapes == {"input": x.shape, "output": output.shape, "h_n": h_n.shape}
    assert h_n.shape == c_n.shape
    drawn = drawings.draw(name)
    assert all(shape in drawn for shape in chains.SHAPES[name].values())


def test_scripts_draw_no_shape_of_their_own():
    for name in ("lstm-drawing", "lstm-player", "lstm-cell", "lstm-reader"):
        script = (STATIC / f"{name}.js").read_text(encoding="utf-8")
        assert not re.search(r"<svg|<path|<rect|createElementNS|[\"']d[\"']", script), name


def test_card_for_sharing_is_a_photograph_of_the_drawing():
    with Image.open(STATIC / "card.png") as picture:
        assert picture.size == (1200, 630)
        wanted = drawings.fingerprint(drawings.sharing_card())
        assert picture.text["drawing"] == wanted, "run `python -m tools.screenshots`"


def test_directive_knows_the_drawings_of_the_book():
    with pytest.raises(KeyError):
        drawings.draw("folded")
    used = set()
    for path in (ROOT / "book").glob("*.ipynb"):
        used |= set(re.findall(r"```\{lstm-drawing\} ([\w-]+)", path.read_text(encoding="utf-8")))
    assert used == {"cell", "unrolled", "stacked", "both-directions"}
