"""The picture in the calculator of shapes: what is lit is what the expression selects in torch."""

import re

import pytest
import torch

from tests.pages.test_browser import set_theme, violations
from tests.pages.test_widgets import sizes_for_shapes

CHOICES = """cases => cases.map(([options, shape]) => {
  try { LSTMShapes.describe(options, shape); } catch { return null; }
  return LSTMBlock.choices(LSTMBlock.about(options, shape));
})"""
FRONTS = """expression => {
  const figure = document.querySelector("lstm-shapes");
  const select = figure.querySelector("select");
  select.value = expression;
  select.dispatchEvent(new Event("change"));
  const boxes = (kind) => [...figure.querySelectorAll(`rect.${kind}`)].map((rect) =>
    ["x", "y", "width", "height"].map((name) => Number(rect.getAttribute(name))));
  return { block: boxes("block")[0], lit: boxes("lit") };
}"""


def selected(output: torch.Tensor, choice: dict, options: dict) -> torch.Tensor:
    """Return the steps and features that a choice lights, in the layout of output."""
    (first, last), (low, high) = choice["steps"], choice["features"]
    time = 1 if output.dim() == 3 and options["batch_first"] else 0
    return output[..., low : high + 1].narrow(time, first, last - first + 1)


@pytest.mark.filterwarnings("ignore:dropout option")
def test_lit_numbers_are_those_that_the_expression_selects(open_page, record_property):
    page = open_page("book/outputs.html")
    cases = [case for case in sizes_for_shapes(400) if 0 not in case[1]]
    compared = 0
    for (options, shape), choices in zip(cases, page.evaluate(CHOICES, cases), strict=True):
        for choice in choices or []:
            lstm = torch.nn.LSTM(**options, dtype=torch.float64).eval()
            output, (h_n, c_n) = lstm(torch.randn(shape, dtype=torch.float64))
            names = {"output": output, "h_n": h_n, "c_n": c_n}
            value = eval(choice["expression"], {}, names)
            if choice["steps"] is None:
                assert not any(torch.equal(value, step) for step in output.unbind(0))
                continue
            lit = selected(output, choice, options)
            assert torch.equal(lit.reshape(value.shape), value), choice["expression"]
            if choice.get("equals"):
                assert torch.equal(eval(choice["equals"], {}, names), value)
            compared += 1
    assert compared > 500
    record_property("figures", f"<lstm-shapes>: {compared} lit slices are those of torch")


@pytest.mark.parametrize(
    ("expression", "box"),
    [
        ("output", [(0, 0, 1, 0.5), (0, 0.5, 1, 0.5)]),
        ("output[..., 256:]", [(0, 0.5, 1, 0.5)]),
        ("output[-1]", [(0.9, 0, 0.1, 0.5), (0.9, 0.5, 0.1, 0.5)]),
        ("h_n[0]", [(0.9, 0, 0.1, 0.5)]),
        ("h_n[1]", [(0, 0.5, 0.1, 0.5)]),
        ("c_n[1]", []),
    ],
)
def test_slice_is_drawn_where_it_is(open_page, expression, box):
    drawn = open_page("book/outputs.html").evaluate(FRONTS, expression)
    x, y, width, height = drawn["block"]
    shares = [
        share
        for left, top, wide, high in drawn["lit"]
        if left < x + width
        for share in ((left - x) / width, (top - y) / height, wide / width, high / height)
    ]
    assert shares == pytest.approx([share for corner in box for share in corner])
    assert len(drawn["lit"]) == len(box) + (expression[0] != "o")  # and the row of h_n or c_n


def test_slice_is_chosen_by_keyboard_and_told_in_words(open_page):
    page = open_page("book/outputs.html")
    figure = page.locator("lstm-shapes")
    picture, said = figure.locator("svg"), figure.locator("[data-part=lit]")
    assert said.inner_text().startswith("output[-1]: step 9, features 0 to 511, every sequence")
    figure.locator("select").focus()
    page.keyboard.press("ArrowDown")
    wanted = "h_n[0]: layer 0 forward, where it ends. The same numbers are output[-1, :, :256]"
    assert said.inner_text().startswith(wanted)
    assert picture.get_attribute("aria-label") == said.inner_text()
    figure.locator("input[name=num_layers]").fill("2")
    assert figure.locator("select").input_value() == "h_n[0]"  # still chosen
    assert said.inner_text().endswith("Not in output: output holds the last layer, 1.")
    figure.locator("input[name=bidirectional]").uncheck()
    figure.locator("input[name=shape]").fill("3, 128")
    figure.locator("select").select_option("c_n[1]")
    assert said.inner_text().endswith("Not in output: output holds h, not c.")
    assert "sequence" not in said.inner_text()
    for theme in ("light", "dark"):
        set_theme(page, theme)
        assert violations(page) == []


def test_picture_fits_a_phone_and_can_be_read(open_page):
    page = open_page("book/outputs.html")
    page.set_viewport_size({"width": 390, "height": 900})
    page.locator("lstm-shapes input[name=shape]").fill("123456, 1024, 128")
    sizes = page.locator("lstm-shapes svg text").evaluate_all(
        """all => all.map((e) => {
          const [own, frame] = [e, e.ownerSVGElement].map((one) => one.getBoundingClientRect());
          return [own.left - frame.left, frame.right - own.right,
                  parseFloat(getComputedStyle(e).fontSize) * frame.width / 360];
        })"""
    )
    assert all(min(left, right) >= 0 and pixels >= 9 for left, right, pixels in sizes)
    assert re.search(r"N = 1024", page.locator("lstm-shapes svg").text_content())
