"""The pages on a phone and a tablet: nothing that is needed stands beyond the edge."""

import pytest

PHONE = {"width": 390, "height": 844}
WIDER = "all => all.map((e) => e.scrollWidth - e.clientWidth)"


@pytest.fixture
def on_a_phone(open_page):
    """A function that opens a page of the book 390 pixels wide."""

    def open_narrow(name: str):
        page = open_page(f"book/{name}.html")
        page.set_viewport_size(PHONE)
        page.wait_for_timeout(200)
        return page

    return open_narrow


def test_the_title_of_the_next_page_is_shown_whole(on_a_phone):
    page = on_a_phone("speed")  # the next one is a single long word and more
    boxes = "all => all.map((a) => [a.scrollWidth, a.clientWidth])"
    found = page.locator(".prev-next-area a").evaluate_all(boxes)
    assert len(found) == 2
    assert all(needed <= there for needed, there in found)


@pytest.mark.parametrize("name", ["parameters", "outputs", "failures", "speed"])
def test_a_figure_is_shown_whole_and_can_be_read(on_a_phone, name):
    page = on_a_phone(name)
    assert page.locator("svg.plot").count() > 0
    for figure in page.locator("svg.plot").all():
        left, right, smallest = figure.evaluate("""figure => {
          const box = figure.getBoundingClientRect();
          const scale = box.width / figure.viewBox.baseVal.width;
          const sizes = [...figure.querySelectorAll("text")].map(
            text => scale * parseFloat(getComputedStyle(text).fontSize));
          return [box.left, box.right, Math.min(...sizes)];
        }""")
        assert left >= 0
        assert right <= 390
        assert smallest >= 6  # pixels: the exponents of a logarithmic axis; labels have 9


@pytest.mark.parametrize(
    ("name", "words", "wraps"),
    [
        ("parameters", "{'dropout': 1.5}: ValueError", True),
        ("outputs", "weights ending in _l0         fill row [0]", False),
    ],
)
def test_printed_sentences_wrap_and_columns_stay(on_a_phone, name, words, wraps):
    page = on_a_phone(name)
    output = page.locator(".cell_output pre", has_text=words)
    assert output.evaluate("pre => pre.scrollWidth <= pre.clientWidth") == wraps


def test_tables_of_the_packing_figure_fit(on_a_phone):
    page = on_a_phone("inputs")
    figure = page.locator("lstm-packing")
    for example in ("of this page", "some equally long"):
        figure.get_by_role("button", name=example).click()
        assert figure.locator(".scroll, .scroll > table").evaluate_all(WIDER) == [0] * 8


def test_still_picture_of_packing_fits(browser, html):
    page = browser.new_page(java_script_enabled=False, viewport=PHONE)
    page.goto((html / "book" / "inputs.html").as_uri())
    assert page.locator("lstm-packing table").evaluate_all(WIDER) == [0]
    page.close()


@pytest.mark.parametrize(
    ("name", "region"),
    [("inputs", "lstm-packing [aria-label=Packed]"), ("parameters", "lstm-shapes details .scroll")],
)
def test_a_wide_table_of_a_figure_scrolls_in_the_box_that_has_its_name(on_a_phone, name, region):
    page = on_a_phone(name)
    if name == "inputs":
        page.locator("lstm-packing textarea").fill("so very long a sentence that no phone holds it")
    else:
        page.locator("lstm-shapes summary").click()
    box = page.locator(region).last
    box.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")
    assert box.get_attribute("role") == "region"
    assert box.get_attribute("aria-label")


def test_no_sign_and_no_half_of_a_shape_begins_a_line(on_a_phone):
    page = on_a_phone("parameters")
    torn = "all => all.filter((e) => /^[.,;:!?]/.test(e.nextSibling?.data ?? '')).length"
    assert page.locator(".bd-article :not(.whole) > span.math").evaluate_all(torn) == 0
    shape = page.locator(".bd-article code", has_text="(L, N, ·)")
    assert shape.evaluate("code => code.getClientRects().length") == 1
    heights = "all => all.map((e) => e.getClientRects().length)"
    assert set(page.locator(".bd-article p span.whole:has(.math)").evaluate_all(heights)) == {1}


@pytest.mark.parametrize("width", [1440, 1366, 768])
def test_a_hundred_characters_of_code_fit_a_desk_and_a_tablet(open_page, width):
    page = open_page("book/parameters.html")
    page.set_viewport_size({"width": width, "height": 900})
    code = page.locator(".bd-article > section section > .cell .cell_input pre")
    longest = (
        "all => Math.max(...all.flatMap((e) => e.innerText.split('\\n').map((l) => l.length)))"
    )
    assert code.evaluate_all(longest) == 100
    assert max(code.evaluate_all(WIDER)) == 0


TORN = """all => all.flatMap((element) => {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  const torn = [];
  while (walker.nextNode()) {
    range.selectNodeContents(walker.currentNode);
    if (range.getClientRects().length > 1) torn.push(element.textContent);
  }
  return torn;
})"""


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("api", "dt.sig .sig-name"),
        ("teaching", "td:last-child code"),
        ("parameters", "td code"),
        ("remedies", ".cell_output pre .whole"),
    ],
)
def test_a_name_in_code_breaks_between_its_parts(on_a_phone, name, pieces):
    page = on_a_phone(name)
    found = page.locator(pieces)
    assert found.count() > 10
    assert found.evaluate_all(TORN) == []


def test_the_next_title_breaks_between_its_words(on_a_phone):
    page = on_a_phone("speed")
    first = """title => {
      const range = document.createRange();
      range.setStart(title.firstChild, 0);
      range.setEnd(title.firstChild, "PackedSequence".length);
      return [range.toString(), range.getClientRects().length];
    }"""
    assert page.locator(".right-next .prev-next-title").evaluate(first) == ["PackedSequence", 1]


def test_a_call_in_an_exercise_stays_in_its_box(on_a_phone):
    page = on_a_phone("sentiment")
    code = page.locator(".admonition code", has_text="sentence_vector(output")
    gap = "e => e.closest('p').getBoundingClientRect().right - e.getBoundingClientRect().right"
    assert code.first.evaluate(gap) >= 0


@pytest.mark.parametrize("width", [390, 1440])
def test_the_search_field_shows_its_icon_beside_its_words(open_page, width):
    page = open_page("search.html")
    page.set_viewport_size({"width": width, "height": 900})
    field = page.locator(".bd-search-container input[type=search]").bounding_box()
    icon = page.locator(".bd-search-container form svg").first.bounding_box()
    assert icon["x"] + icon["width"] <= field["x"]


TABLES = ".bd-article table:not(.scroll > table, .trace > table), .bd-article .scroll"
WIDE = """all => all.filter((e) => e.scrollWidth > e.clientWidth + 1).map((box) => {
  box.scrollLeft = 10000;
  const { overflowX, backgroundImage, backgroundAttachment } = getComputedStyle(box);
  return { tab: box.tabIndex, end: box.scrollLeft, missing: box.scrollWidth - box.clientWidth,
           overflowX, shades: backgroundImage.split("linear-gradient").length - 1,
           backgroundAttachment };
})"""


@pytest.mark.parametrize("name", ["gates", "parameters", "outputs", "speed", "tagging", "variants"])
def test_wide_tables_scroll_show_that_they_do_and_are_reached_by_keyboard(on_a_phone, name):
    page = on_a_phone(name)
    wide = page.locator(TABLES).evaluate_all(WIDE)
    assert name == "gates" or wide
    for box in wide:
        assert box["overflowX"] == "auto"
        assert box["end"] == pytest.approx(box["missing"], abs=1)
        assert box["tab"] == 0
        assert box["shades"] == 4
        assert box["backgroundAttachment"] == "local, local, scroll, scroll"


def test_a_link_to_a_message_opens_the_calls_below_it(open_page):
    page = open_page("book/inputs.html")
    page.goto(f"{page.url}#err-hx")
    page.reload()
    opened = "all => all.map((e) => e.open)"
    section = page.locator("section:has(> #err-hx)")
    assert section.locator("> .tag_message > details").evaluate_all(opened) == [True] * 3
    other = page.locator("section:has(> #err-matmul) > .tag_message > details")
    assert other.evaluate_all(opened) == [False]
    page.evaluate("location.hash = 'err-matmul'")
    page.wait_for_timeout(100)
    assert other.evaluate_all(opened) == [True]


def test_a_link_to_another_section_opens_no_plumbing(open_page):
    page = open_page("book/speed.html")
    page.evaluate("location.hash = 'five-minute-version'")
    page.wait_for_timeout(100)
    assert page.locator(".cell details[open]").count() == 0
