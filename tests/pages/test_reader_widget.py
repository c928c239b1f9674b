"""The figure of the first page in a real browser: numbers against the package, controls."""

import json

import pytest
import torch
from playwright.sync_api import expect

from lstm_tutorial.sentiment import load_pretrained
from lstm_tutorial.sentiment.studies import reading
from tests.pages.test_browser import set_theme, violations

PAGE = "book/index.html"
PACE = 1600
OWN = "The first half is dull, but the ending is wonderful."


@pytest.fixture(scope="module")
def package():
    """The shipped model, as the package runs it."""
    return load_pretrained()


def note_requests(page) -> list[str]:
    """Return a list that is filled with what the page asks for."""
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


def assert_local(asked: list[str]) -> None:
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.fixture
def page(open_page):
    """The first page, of a reader who wants less motion: nothing starts by itself."""
    page = open_page(PAGE, motion="reduce")
    asked = note_requests(page)
    yield page
    assert_local(asked)


def differences(found: dict, wanted: reading.Reading) -> float:
    """Return the largest difference between what a page holds and what the package computes."""
    assert found["words"] == wanted.tokens
    assert found["unit"] == wanted.unit
    pairs = [
        (torch.tensor(found["steps"]), wanted.steps),
        (torch.tensor(found["liked"]), wanted.probabilities),
        (torch.tensor(found["weight"]), torch.tensor(wanted.weight)),
    ]
    return max((ours - theirs).abs().max().item() for ours, theirs in pairs)


def said(page) -> str:
    """Return what the figure says of the present word."""
    return page.locator("lstm-reader [aria-live]").inner_text()


def text_of(page, name: str) -> str:
    """Return a text in the drawing."""
    return page.locator(f"lstm-reader svg [data-value={name}]").text_content()


def number(text: str) -> float:
    """Read a number as the figure writes it."""
    return float(text.replace("−", "-").lstrip("=+× ").replace("- ", "-"))


def test_sentence_in_the_page_is_read_as_the_package_reads_it(page, package, record_property):
    content = page.locator("lstm-reader script").text_content()
    assert len(content) < 4000
    text = page.locator("lstm-reader").get_attribute("text")
    worst = differences(json.loads(content), reading.read(package, text))
    assert worst <= 1e-4
    record_property("figures", f"<lstm-reader> = the package, at every word: within {worst:.1e}")


def test_typed_sentences_are_read_as_the_package_reads_them(page, package, record_property):
    texts = [OWN, "It isn't dull; <b>zeppelinesque</b> & superb!", "Good.", "bad " * 40]
    script = "async (texts) => { const m = await LSTMReview.load();"
    got = page.evaluate(f"{script} return texts.map((t) => LSTMReader.read(m, t)); }}", texts)
    pairs = zip(got, texts, strict=True)
    worst = max(differences(found, reading.read(package, text)) for found, text in pairs)
    assert worst <= 1e-4
    record_property("figures", f"<lstm-reader>, typed sentences: within {worst:.1e}")


def test_every_step_shows_its_own_numbers(page, package):
    wanted = reading.read(package, page.locator("lstm-reader").get_attribute("text"))
    slider = page.locator("lstm-reader [data-do=position]")
    slider.press("Home")
    for t, (token, step) in enumerate(zip(wanted.tokens, wanted.steps.tolist(), strict=True)):
        shown = [number(text_of(page, name)) for name in "ifgoch"]
        assert shown == pytest.approx(step, abs=0.00501)
        assert text_of(page, "x") == f"“{token}”"
        assert slider.get_attribute("aria-valuetext") == f"{t + 1} of 11: {token}"
        assert f"“{token}”" in said(page)
        assert said(page).rstrip(".").endswith(f"{wanted.probabilities[t]:.2f}")
        slider.press("ArrowRight")


BOXES = """() => {
  const reader = document.querySelector('lstm-reader');
  const box = (selector) => reader.querySelector(selector).getBoundingClientRect();
  const svg = box('svg.lstm-drawing');
  const size = (name, side) => box(`.stream.${name} rect`)[side] * 720 / svg.width / 30;
  return { c0: size('c0', 'height'), fc: size('fc', 'height'), c: size('c', 'height'),
           ig: size('ig', 'width'), g: size('g0', 'width'), h: size('h', 'width') };
}"""


def test_streams_are_drawn_as_thick_as_their_numbers(page):
    page.locator("lstm-reader [data-do=position]").press("Home")
    for _ in range(11):
        limit = number(text_of(page, "top"))
        drawn = {name: limit * size for name, size in page.evaluate(BOXES).items()}
        wanted = {name: number(text_of(page, name)) for name in drawn}
        wanted["fc"] *= wanted["c0"]  # the text is the factor
        wanted = {name: abs(value) for name, value in wanted.items()}
        assert drawn == pytest.approx(wanted, abs=0.011)
        page.keyboard.press("ArrowRight")


def test_buttons_step_by_keyboard_and_stop_at_the_ends(page):
    back, forward = (page.locator(f"lstm-reader [data-do={name}]") for name in ("back", "forward"))
    page.locator("lstm-reader [data-do=position]").press("End")
    last = said(page)
    forward.press("Enter")
    assert said(page) == last
    back.press("Enter")
    assert "Read so far" in said(page) != last
    page.locator("lstm-reader [data-do=position]").press("Home")
    first = said(page)
    back.press("Space")
    assert said(page) == first


def test_it_plays_pauses_and_ends(open_page):
    page = open_page(PAGE, motion="reduce", own_tab=True)
    asked = note_requests(page)
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    play = page.locator("lstm-reader [data-do=play]")
    live = page.locator("lstm-reader [aria-live]")
    page.locator("lstm-reader [data-do=position]").press("Home")
    assert live.get_attribute("aria-live") == "polite"
    play.press("Enter")
    assert (play.inner_text(), live.get_attribute("aria-live")) == ("Pause", "off")
    page.clock.run_for(2 * PACE)
    assert text_of(page, "x") == "“it”"
    play.press("Enter")
    assert (play.inner_text(), live.get_attribute("aria-live")) == ("Play", "polite")
    page.clock.run_for(5 * PACE)
    assert text_of(page, "x") == "“it”"
    play.press("Enter")
    page.clock.run_for(20 * PACE)
    assert (text_of(page, "x"), play.inner_text()) == ("“.”", "Play")
    assert live.get_attribute("aria-live") == "polite"
    play.press("Enter")  # once more, from the beginning
    assert text_of(page, "x") == "“everyone”"
    assert_local(asked)


def test_position_is_dragged_and_words_are_touched(browser, html):
    page = browser.new_page(has_touch=True, reduced_motion="reduce")
    page.goto((html / PAGE).as_uri())
    page.locator("lstm-reader [data-do=position]").scroll_into_view_if_needed()
    box = page.locator("lstm-reader [data-do=position]").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 8, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 8, middle, steps=5)
    page.mouse.up()
    assert text_of(page, "x") == "“.”"
    page.locator("lstm-reader ol.words li", has_text="awful").tap()
    assert text_of(page, "x") == "“awful”"
    drawn = page.locator("lstm-reader [data-series=c]").get_attribute("points").split()
    assert len(drawn) == 5  # the curve ends at this word
    page.close()


def test_it_begins_by_itself_and_only_for_those_who_like_motion(open_page):
    page = open_page(PAGE)
    play = page.locator("lstm-reader [data-do=play]")
    expect(play).to_have_text("Pause")
    tread = "getComputedStyle(document.querySelector('lstm-reader .tread')).animationName"
    assert page.evaluate(tread) == "tread"
    play.click()
    assert page.evaluate(tread) == "none"
    page = open_page(PAGE, motion="reduce")
    page.wait_for_timeout(500)
    assert page.locator("lstm-reader [data-do=play]").inner_text() == "Play"
    assert text_of(page, "x") == "“awful”"
    page.locator("lstm-reader [data-do=play]").click()
    assert page.evaluate(tread) == "none"


def test_a_sentence_of_ones_own_is_read_by_keyboard(page, package):
    field = page.locator("lstm-reader input[type=text]")
    field.fill(OWN)
    field.press("Enter")
    wanted = reading.read(package, OWN)
    answer = page.locator("lstm-reader [data-part=answer]")
    expect(answer).to_have_text(f"Read: {len(wanted.tokens)} words and marks.", timeout=20_000)
    page.locator("lstm-reader [data-do=position]").press("End")
    assert page.locator("lstm-reader ol.words li").all_inner_texts() == wanted.tokens
    assert number(text_of(page, "c")) == pytest.approx(wanted.steps[-1, 4].item(), abs=0.00501)
    assert f"Shown is unit {wanted.unit} of 128" in page.locator("[data-part=unit]").inner_text()
    for theme in ("light", "dark"):
        set_theme(page, theme)
        assert violations(page) == []
    field.fill(' " ')
    field.press("Enter")
    expect(answer).to_have_text("expected some words, got an empty text")
    field.fill("good " * 61)
    field.press("Enter")
    expect(answer).to_contain_text("expected at most 60 words and marks, got 61")
    assert page.locator("lstm-reader ol.words li").all_inner_texts() == wanted.tokens


@pytest.mark.parametrize("width", [350, 390, 768, 1440])
def test_texts_of_the_drawing_fit_and_can_be_read(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    sizes = page.locator("lstm-reader svg text:not(.scale)").evaluate_all(
        """all => all.map((e) => {
          const own = e.getBoundingClientRect(), svg = e.ownerSVGElement;
          const frame = svg.getBoundingClientRect();
          const pixels = parseFloat(getComputedStyle(e).fontSize) * frame.width / 720;
          const below = frame.bottom - own.bottom;
          return [pixels, own.left - frame.left, frame.right - own.right, below];
        })"""
    )
    assert all(pixels >= 8 for pixels, *_ in sizes)
    assert all(min(room) >= -3 for _, *room in sizes)


def test_without_scripts_it_stands_still_and_says_the_same(browser, html, package):
    context = browser.new_context(java_script_enabled=False)
    still = context.new_page()
    still.goto((html / PAGE).as_uri(), wait_until="load")
    figure = still.locator("lstm-reader")
    wanted = reading.read(package, figure.get_attribute("text"))
    t = int(wanted.steps[:, 4].diff(prepend=torch.zeros(1)).abs().argmax())
    assert (
        f"the film is liked with probability {wanted.probabilities[t]:.2f}." in figure.inner_text()
    )
    assert figure.locator("ol.words li").all_inner_texts() == wanted.tokens
    assert number(text_of(still, "h")) == pytest.approx(wanted.steps[t, 5].item(), abs=0.00501)
    assert figure.locator("button").count() == 0
    context.close()


def test_figure_is_printed_still_and_without_controls(page):
    page.emulate_media(media="print")
    assert page.locator("lstm-reader svg.lstm-drawing").is_visible()
    for control in ("[data-do=play]", "[data-do=position]", "form"):
        assert not page.locator(f"lstm-reader {control}").is_visible()
