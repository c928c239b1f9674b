"""The figures that move, in a real browser: their numbers against torch, and their controls."""

import random
import warnings

import pytest
import torch

from book._ext.drawings import worked_example
from lstm_tutorial import describe

GATES = "ifgo"


@pytest.fixture
def gates(open_page):
    """The page with the cell."""
    return open_page("book/gates.html")


def lines(page) -> dict[str, str]:
    """Return the cell's equations, by what they compute."""
    found = page.locator("lstm-cell [data-line]").all()
    return {
        line.get_attribute("data-line"): line.inner_text().replace("\xa0", " ") for line in found
    }


def numbers(page) -> dict[str, str]:
    """Return the texts in the drawing, by what they say."""
    found = page.locator("lstm-cell svg [data-value]").all()
    return {text.get_attribute("data-value"): text.text_content() for text in found}


def number(text: str) -> float:
    """Read a number as the figure writes it."""
    return float(text.replace("−", "-").lstrip("=+× ").replace("- ", "-"))


def forward(page) -> None:
    """Go one step on."""
    page.locator("lstm-cell [data-do=forward]").click()


@torch.no_grad()
def test_cell_computes_what_torch_computes(gates, record_property):
    torch.manual_seed(0)
    cell = torch.nn.LSTMCell(1, 1).double()
    worst = 0.0
    for _ in range(300):
        torch.nn.init.normal_(cell.weight_ih, std=3)
        torch.nn.init.normal_(cell.weight_hh, std=3)
        torch.nn.init.normal_(cell.bias_ih, std=3)
        torch.nn.init.zeros_(cell.bias_hh)
        x, h, c = torch.randn(3, dtype=torch.float64).tolist()
        parameters = cell.weight_ih, cell.weight_hh, cell.bias_ih
        weights = {
            name: dict(zip(GATES, parameter.flatten().tolist(), strict=True))
            for name, parameter in zip("wub", parameters, strict=True)
        }
        got = gates.evaluate("a => LSTMCellFigure.step(...a)", [x, h, c, weights])
        x_0, h_0, c_0 = torch.tensor([x, h, c], dtype=torch.float64).view(3, 1, 1)
        h_1, c_1 = cell(x_0, (h_0, c_0))
        worst = max(worst, abs(got["h"] - h_1.item()), abs(got["c"] - c_1.item()))
    assert worst <= 1e-6
    record_property("figures", f"<lstm-cell> = torch.nn.LSTMCell in 300 steps: within {worst:.1e}")


def test_cell_begins_with_the_pages_example(gates):
    assert lines(gates)["i"] == "i = σ(1 · 2 + (−1) · 0.5 + 0) = 0.82"
    assert lines(gates)["c"] == "cₜ = 0.95 · 0.8 + 0.82 · (−0.64) = 0.24"
    step = worked_example()
    said = {name: number(text) for name, text in numbers(gates).items()}
    wanted = {name: getattr(step, name) for name in ("h0", "c0", *GATES, "c", "h")}
    assert {name: said[name] for name in wanted} == pytest.approx(wanted, abs=0.006)


@pytest.mark.parametrize(
    ("preset", "states"),
    [
        ("remember", [0.80, 0.80, 0.80, 0.80, 0.80, 0.80]),
        ("forget", [0.76, -0.76, 0.96, 0.00, -0.96, 0.76]),
        ("ignore", [0.98, 0.98, 0.98, 0.98, 0.98, 0.98]),
        ("count", [0.98, 1.00, 1.98, 2.96, 2.97, 3.95]),
    ],
)
def test_preset_does_what_it_says(gates, preset, states):
    gates.locator(f"lstm-cell [data-preset={preset}]").click()
    shown = [number(numbers(gates)["c"])]
    for _ in states[1:]:
        forward(gates)
        shown.append(number(numbers(gates)["c"]))
    assert shown == pytest.approx(states, abs=0.06)
    assert gates.locator(f"[data-preset={preset}]").get_attribute("aria-pressed") == "true"


PROPERTIES = """() => {
  const style = document.querySelector('lstm-cell svg').style;
  return Object.fromEntries([...style].map((name) => [name, Number(style.getPropertyValue(name))]));
}"""


@pytest.mark.parametrize("preset", ["example", "remember", "forget", "ignore", "count"])
def test_nothing_in_the_cell_is_off_the_scale(gates, preset):
    gates.locator(f"lstm-cell [data-preset={preset}]").click()
    for slider in ("c", "w-g"):
        gates.locator(f"lstm-cell [data-name={slider}]").evaluate(
            "s => { s.value = s.max; s.dispatchEvent(new Event('input')); }"
        )
    for _ in range(6):
        found = gates.evaluate(PROPERTIES)
        assert len(found) == 12
        assert all(abs(value) <= 1 for value in found.values())
        assert all(0 <= found[f"--{gate}"] <= 1 for gate in "ifo")
        said = {name: number(text) for name, text in numbers(gates).items()}
        assert found["--c"] * said["top"] == pytest.approx(said["c"], abs=0.006)
        assert found["--h"] * said["top"] == pytest.approx(said["h"], abs=0.006)
        forward(gates)


def test_cell_is_moved_by_the_keyboard(gates):
    before = lines(gates)
    gates.locator("lstm-cell [data-name=x]").focus()
    gates.keyboard.press("ArrowLeft")
    assert "· 1.9 +" in lines(gates)["i"]
    assert lines(gates)["h"] != before["h"]
    lit = gates.locator("lstm-cell .lit").count()
    assert lit == 6  # x is in every gate


def test_cell_with_other_weights_is_no_preset(gates):
    gates.locator("lstm-cell [data-preset=remember]").click()
    gates.locator("lstm-cell summary").click()
    gates.locator("lstm-cell [data-name=x]").press("ArrowLeft")
    assert gates.locator("lstm-cell [aria-pressed=true]").count() == 1
    gates.locator("lstm-cell [data-name=w-i]").press("ArrowLeft")
    assert gates.locator("lstm-cell [aria-pressed=true]").count() == 0


def test_cell_keeps_what_no_slider_can_hold(gates):
    gates.locator("lstm-cell [data-preset=count]").click()
    slider = gates.locator("lstm-cell [data-name=c]")
    slider.press("End")
    for _ in range(3):
        forward(gates)
    said = slider.locator("+ output").inner_text()
    assert float(said) > 3.5  # beyond the slider's end
    assert slider.get_attribute("aria-valuetext") == said
    gates.locator("lstm-cell [data-name=h]").press("ArrowLeft")
    assert slider.locator("+ output").inner_text() == said
    assert f"1.00 · {float(said):g} +" in lines(gates)["c"]


def test_cell_plays_pauses_and_draws_the_curve_of_c(open_page):
    gates = open_page("book/gates.html", own_tab=True)
    gates.clock.install(time=0)
    gates.clock.pause_at(1000)
    corners = "e => e.getAttribute('points').split(' ').map((p) => p.split(',').map(Number))"
    curve = gates.locator("lstm-cell [data-series=c]")
    play = gates.locator("lstm-cell [data-do=play]")
    gates.locator("lstm-cell [data-preset=count]").click()
    assert len(curve.evaluate(corners)) == 2  # the start, and one step
    play.click()
    assert play.inner_text() == "Pause"
    gates.clock.run_for(2 * 1300 + 1000)  # what is written waits for what moves
    points = curve.evaluate(corners)
    assert len(points) == 4
    said = {name: number(text) for name, text in numbers(gates).items()}
    assert -points[-1][1] * said["top"] == pytest.approx(said["c"], abs=0.006)
    play.click()
    assert play.inner_text() == "Play"
    gates.clock.run_for(5 * 1300)
    assert len(curve.evaluate(corners)) == 4
    play.click()
    gates.clock.run_for(9 * 1300)
    assert len(curve.evaluate(corners)) == 7
    assert play.inner_text() == "Play"


def test_cell_stops_playing_where_a_step_is_asked_for(open_page):
    gates = open_page("book/gates.html", own_tab=True)
    gates.clock.install(time=0)
    gates.clock.pause_at(1000)
    gates.locator("lstm-cell [data-do=play]").click()
    forward(gates)
    read = numbers(gates)
    gates.clock.run_for(9 * 1300)
    assert numbers(gates) == read


def test_equation_and_its_part_light_each_other_up(gates):
    figure = gates.locator("figure.lstm-figure").first
    lit = figure.locator("svg [data-part].lit")
    button = figure.locator("[data-lights=f]")
    button.focus()
    parts = [part.get_attribute("data-part").split() for part in lit.all()]
    assert parts
    assert all("f" in names for names in parts)
    gates.keyboard.press("Tab")
    assert figure.locator("[data-lights].lit").get_attribute("data-lights") == "i"
    button.evaluate("() => document.activeElement.blur()")
    assert lit.count() == 0
    figure.locator("svg [data-part='o h'] text.kind").hover()
    assert figure.locator("[data-lights].lit").get_attribute("data-lights") == "o"


def test_cell_has_a_still_picture_without_scripts(browser, html):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((html / "book/gates.html").as_uri(), wait_until="load")
    assert "h becomes 0.50 · tanh(0.24) = 0.12" in page.locator("lstm-cell").inner_text()
    assert page.locator("lstm-cell svg.lstm-drawing").is_visible()
    context.close()


def test_cell_does_not_show_its_still_picture_with_scripts(gates):
    assert "h becomes" not in gates.locator("lstm-cell").inner_text()


def sizes_for_shapes(count: int) -> list[tuple[dict, list[int]]]:
    """Return arguments of nn.LSTM and shapes of inputs, some of which it refuses."""
    rng = random.Random(0)
    found = []
    for _ in range(count):
        options = {
            "input_size": rng.choice([0, 1, 3, 5, 8]) if rng.random() < 0.1 else rng.randint(1, 9),
            "hidden_size": rng.randint(1, 9) if rng.random() < 0.95 else 0,
            "num_layers": rng.randint(1, 4) if rng.random() < 0.95 else 0,
            "bias": rng.random() < 0.7,
            "batch_first": rng.random() < 0.5,
            "dropout": rng.choice([0, 0.5, 1]) if rng.random() < 0.95 else rng.choice([-0.1, 1.5]),
            "bidirectional": rng.random() < 0.5,
            "proj_size": rng.choice([0, 0, 1, 2, 3, -1]),
        }
        features = options["input_size"] if rng.random() < 0.9 else rng.randint(1, 9)
        leading = [rng.randint(1, 6) for _ in range(rng.choice([0, 1, 1, 2, 2, 2, 2, 3]))]
        if leading and rng.random() < 0.05:
            leading[rng.randrange(len(leading))] = rng.choice([0, -1])
        found.append((options, [*leading, features]))
    return found


def described(options: dict, shape: list[int]) -> dict | str:
    """Return what lstm_tutorial.describe finds, as the calculator words it; else torch's error."""
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            module = torch.nn.LSTM(**options, device="meta")
        found = describe(module, shape)
    except (ValueError, RuntimeError) as error:
        return str(error).split("\n")[0]

    def rows(part):
        return [[r.name, list(r.shape), list(r.formula), r.meaning] for r in part]

    return {
        "parameters": rows(found.parameters),
        "inputs": rows(found.inputs),
        "outputs": rows(found.outputs),
        "parts": [
            [p.expression, list(p.shape), p.meaning, p.equals]
            for r in found.outputs
            for p in r.parts
        ],
        "total": found.total_parameters,
        "multiplyAdds": found.multiply_adds,
        "warning": "".join(str(w.message) for w in warned),
    }


CALCULATE = """cases => cases.map(([options, shape]) => {
  try {
    const found = LSTMShapes.describe(options, shape);
    for (const key of ["parameters", "inputs", "outputs"])
      found[key] = found[key].map((r) => [r.name, r.shape, r.formula, r.meaning]);
    found.parts = found.parts.map((p) => [p.expression, p.shape, p.meaning, p.equals]);
    return { ...found, warning: LSTMShapes.warning(options) };
  } catch (error) { return error.message; }
})"""


def test_calculator_agrees_with_describe(open_page, record_property):
    page = open_page("book/outputs.html")
    cases = sizes_for_shapes(1600)
    got = page.evaluate(CALCULATE, cases)
    for (options, shape), found in zip(cases, got, strict=True):
        assert found == described(options, shape), (options, shape)
    errors = [found for found in got if isinstance(found, str)]
    assert len(set(errors)) >= 8
    shapes = len(got) - len(errors)
    assert shapes >= 500
    record_property(
        "figures", f"<lstm-shapes> = describe: {shapes} configurations, {len(errors)} errors"
    )


@pytest.fixture
def float64():
    """Double precision, in which a projection needs no other kernel and no warning."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_code_of_the_calculator_runs_and_gives_its_shapes(open_page, float64):
    page = open_page("book/outputs.html")
    cases = sizes_for_shapes(60)
    got = page.evaluate(CALCULATE, cases)
    programs = page.evaluate("cases => cases.map(([o, shape]) => LSTMShapes.code(o, shape))", cases)
    for found, program in zip(got, programs, strict=True):
        if isinstance(found, str):
            continue
        names: dict = {}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="dropout option")
            exec(program.rpartition("\n")[0], names)
        for name, shape, *_ in found["outputs"]:
            assert list(names[name].shape) == shape


@pytest.mark.parametrize("name", ["parameters", "inputs", "outputs"])
def test_calculator_answers_what_is_typed(open_page, name):
    page = open_page(f"book/{name}.html")
    calculator = page.locator("lstm-shapes")
    assert "(10, 32, 512)" in calculator.inner_text()
    calculator.locator("input[name=hidden_size]").fill("8")
    calculator.locator("input[name=bidirectional]").uncheck()
    assert "(10, 32, 8)" in calculator.inner_text()
    calculator.locator("input[name=dropout]").fill("0.5")
    assert "non-zero dropout expects" in calculator.locator(".warning").inner_text()
    calculator.locator("input[name=shape]").fill("10, 32, 127")
    assert "Expected 128, got 127" in calculator.locator(".error").inner_text()
    calculator.locator("input[name=shape]").fill("ten")
    assert "expected a whole number" in calculator.locator(".error").inner_text()
    for size in ("99999999999999999999, 32, 128", "900719925474099, 900719925474099, 128"):
        calculator.locator("input[name=shape]").fill(size)
        assert "more than this table can count" in calculator.locator(".error").inner_text()
    page.set_viewport_size({"width": 390, "height": 900})
    calculator.locator("input[name=shape]").fill("x" * 300)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    calculator.locator("input[name=shape]").fill("(10, 32, 128)")
    calculator.locator("summary").click()
    calculator.locator("input[name=hidden_size]").fill("9")
    assert "weight_ih_l0" in calculator.inner_text()  # still open
    calculator.locator("button").focus()
    page.keyboard.press("Enter")
    assert calculator.locator("button").inner_text() == "Copied"
