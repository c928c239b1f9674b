"""Each page, opened from disk in a real browser.

Formulas are set, axe finds nothing in light or dark, three widths fit, nothing heavy is loaded,
no error is logged, and no other host is asked.
"""

import gzip
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import quote_plus, unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.book.test_questions import MESSAGES
from tools.pdf import listed_pages

LOCAL = ("file:", "data:", "blob:")
PACKED = (".png", ".woff", ".woff2", ".jpg", ".gz")  # a server sends these as they are
WIDTHS = (390, 768, 1000, 1199, 1440)
WEIGHTS: dict[str, int] = {}
VIOLATIONS: dict[str, list[str]] = {}


class Visit:
    """A page in the tab, with everything that it complained of or asked for."""

    def __init__(self, tab, address: str) -> None:
        self.page = tab
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.notes = {
            "console": lambda m: m.type == "error" and self.errors.append(m.text),
            "pageerror": lambda error: self.errors.append(str(error)),
            "request": lambda request: self.requests.append(request.url),
        }
        tab.set_viewport_size({"width": 1440, "height": 900})
        tab.emulate_media(reduced_motion="reduce")
        for event, note in self.notes.items():
            tab.on(event, note)
        tab.goto(address, wait_until="load")

    def leave(self) -> None:
        for event, note in self.notes.items():
            self.page.remove_listener(event, note)

    def assert_quiet(self) -> None:
        self.page.wait_for_timeout(300)
        assert self.errors == []
        assert [url for url in self.requests if not url.startswith(LOCAL)] == []


@pytest.fixture(scope="module", params=[*listed_pages(), "search", "genindex"])
def visit(request, tab, html) -> Iterator[Visit]:
    """One visit a page, which the tests below share in their order."""
    visit = Visit(tab, (html / f"{request.param}.html").as_uri())
    yield visit
    visit.leave()


def test_formulas_are_set(visit):
    formulas = visit.page.locator(".math").count()
    if formulas:
        visit.page.wait_for_function(
            "n => document.querySelectorAll('mjx-container').length >= n", arg=formulas
        )
    assert visit.page.locator("mjx-merror").count() == 0


NEXT_FRAME = """() => new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(done));
})"""


def test_page_fits_a_phone_a_tablet_and_a_desk(visit):
    for width in WIDTHS:
        visit.page.set_viewport_size({"width": width, "height": 900})
        visit.page.evaluate(NEXT_FRAME)
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert visit.page.evaluate(overflow) <= 1, width


def set_theme(page, theme: str) -> None:
    page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)


FEWER_WORDS = """() => {
  const seen = {};
  for (const span of document.querySelectorAll('.highlight span, dt.sig span:not([id])')) {
    const kind = `${span.className} in ${span.parentElement.className}`;
    seen[kind] = (seen[kind] ?? 0) + 1;
    if (seen[kind] > 3 && !span.childElementCount) span.replaceWith(span.textContent);
  }
}"""


# A formula is MathJax's to describe: a box of its size holds its words.
FORMULAS_TO_BOXES = """() => {
  for (const formula of document.querySelectorAll('mjx-container')) {
    const { width, height } = formula.getBoundingClientRect();
    formula.replaceChildren(formula.textContent);
    formula.style.cssText += `display: inline-block; overflow: hidden;
      width: ${width}px; height: ${height}px`;
  }
}"""
# Texts of one look have one contrast: of each look, three elements are left to axe. What decides:
# size and weight of the letters, and all that is painted and placed, from the root to the text.
MARK_ALIKE = """theme => {
  const looks = new Map(), seen = {};
  const look = (element) => {
    if (!element) return '';
    if (!looks.has(element)) {
      const s = getComputedStyle(element);
      const painted = [s.color, s.textDecorationLine, s.backgroundColor, s.backgroundImage,
        s.opacity, s.position, s.filter, s.mixBlendMode, s.transform, s.visibility].join();
      looks.set(element, `${look(element.parentElement)} ${painted}`);
    }
    return looks.get(element);
  };
  const isAlike = (element) => element.dataset.alike?.includes(theme);
  for (const element of [...document.querySelectorAll('body *')].reverse()) {
    if (!element.checkVisibility()) continue;
    const { fontSize, fontWeight, textShadow } = getComputedStyle(element);
    const key = [fontSize, fontWeight, textShadow, look(element)].join();
    const words = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (words || !element.childElementCount) seen[key] = (seen[key] ?? 0) + 1;
    if ((!words || seen[key] > 3) && [...element.children].every(isAlike))
      element.dataset.alike = `${element.dataset.alike ?? ''} ${theme}`;
  }
}"""
HIDE_ALIKE = "[data-alike*=light][data-alike*=dark] { display: none !important }"
SHOWN = """() => [...document.querySelectorAll('body *')]
  .filter((e) => !e.closest('.theme-switch-button') && e.checkVisibility()).length"""
CONTRAST = ["color-contrast", "link-in-text-block"]  # the rules that look at colours


def violations(page, **options) -> list[str]:
    """Return what axe finds, one line an element."""
    context = {"exclude": [["mjx-container"]]}
    found = Axe().run(
        page, context=context, options={"resultTypes": ["violations"], "preload": False, **options}
    )
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:200]}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]


def test_axe_finds_nothing_in_light_and_dark(visit, request):
    visit.page.evaluate(FORMULAS_TO_BOXES)
    visit.page.evaluate(FEWER_WORDS)  # of code, three words of each colour: the others look alike
    found = violations(visit.page, rules={rule: {"enabled": False} for rule in CONTRAST})
    shown = set()
    for theme in ("light", "dark"):
        set_theme(visit.page, theme)
        shown.add(visit.page.evaluate(SHOWN))
        visit.page.evaluate(MARK_ALIKE, theme)
    assert len(shown) == 1  # or the rules on all else would differ between the themes as well
    style = visit.page.add_style_tag(content=HIDE_ALIKE)
    for theme in ("light", "dark"):
        set_theme(visit.page, theme)
        found += violations(visit.page, runOnly=CONTRAST)
    style.evaluate("style => style.remove()")
    VIOLATIONS[request.node.name] = found
    assert found == []


KEYBOARD = """widget => {
  const names = new Set();
  const controls = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
  return [...widget.querySelectorAll(controls)]
    .filter((e) => e.checkVisibility() && !e.disabled)
    .filter((e) => e.type !== 'radio' || (!names.has(e.name) && names.add(e.name)))
    .map((e, k) => { e.dataset.walk = k; return e; }).length;
}"""
STANDING = """() => {
  const e = document.activeElement, style = getComputedStyle(e);
  const group = e.type === 'radio' && document.querySelector(`[data-walk][name="${e.name}"]`);
  const ringed = style.outlineStyle !== 'none' || style.boxShadow !== 'none';
  return [(group || e).dataset.walk ?? null, ringed];
}"""


def test_every_figure_that_moves_can_be_walked_by_keyboard(visit):
    visit.page.evaluate(
        """[...document.querySelectorAll('article *')]
          .filter((e) => customElements.get(e.localName)).forEach((e) => (e.dataset.moves = ''))"""
    )
    for widget in visit.page.locator("[data-moves]").element_handles():
        count = widget.evaluate(KEYBOARD)
        widget.query_selector("[data-walk='0']").focus()
        for step in range(count):
            assert visit.page.evaluate(STANDING) == [str(step), True]
            visit.page.keyboard.press("Tab")
        assert visit.page.evaluate(STANDING)[0] is None
        widget.evaluate(
            "w => w.querySelectorAll('[data-walk]').forEach(e => delete e.dataset.walk)"
        )


def test_dark_mode_can_be_toggled(visit):
    seen = set()
    for _ in range(3):  # automatic, light, dark
        visit.page.locator("button.theme-switch-button:visible").first.click()
        seen.add(visit.page.locator("html").get_attribute("data-theme"))
    assert seen == {"light", "dark"}


@cache
def bytes_on_the_wire(address: str) -> int:
    content = Path(unquote(urlsplit(address).path)).read_bytes()
    return len(content if address.endswith(PACKED) else gzip.compress(content, 6))


def test_page_is_light_on_the_wire(visit, request):
    pictures = visit.page.evaluate("[...document.images].map((image) => image.src)")
    loaded = {url.split("?")[0].split("#")[0] for url in [*visit.requests, *pictures]}
    weight = sum(bytes_on_the_wire(url) for url in loaded if url.startswith("file:"))
    WEIGHTS[request.node.name.partition("[")[2].rstrip("]")] = weight
    assert weight < 1_500_000


def test_what_the_pages_weigh_and_what_axe_says_closes_the_run(record_property):
    if not WEIGHTS:
        pytest.skip("no page was visited in this run")
    name = max(WEIGHTS, key=WEIGHTS.get)
    record_property(
        "figures", f"heaviest of {len(WEIGHTS)} pages: {name}, {WEIGHTS[name] / 1e3:,.0f} kB"
    )
    total = sum(map(len, VIOLATIONS.values()))
    record_property(
        "figures", f"axe: {total} violations on {len(VIOLATIONS)} pages, light and dark"
    )


def test_page_logs_no_error_and_asks_no_other_host(visit):
    visit.assert_quiet()


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("forget gate", "book/gates.html"),
        ("Expected hidden[0] size", "book/inputs.html"),
        ("pack_padded_sequence", "book/inputs.html"),
        ("lstm_tutorial.describe", "book/api.html"),
    ],
)
def test_search_works_from_disk(tab, html, words, page):
    visit = Visit(tab, f"{(html / 'search.html').as_uri()}?q={quote_plus(words)}")
    visit.page.wait_for_selector(".search-summary:has-text('finished')", timeout=20_000)
    found = visit.page.locator("#search-results li > a").evaluate_all(
        "all => all.map((a) => a.href)"
    )
    assert any(page in link for link in found[:10])
    visit.assert_quiet()
    visit.leave()


def test_first_page_shows_title_figure_and_three_doors_on_one_screen(tab, html):
    visit = Visit(tab, (html / "book" / "index.html").as_uri())
    inside = ["", ".lstm-drawing", "[data-do=play]", "[data-do=position]", "form"]
    for part in [".bd-article h1", ".bd-article h1 ~ p", *(f"lstm-reader {p}" for p in inside)]:
        box = visit.page.locator(part.strip()).first.bounding_box()
        assert box["y"] + box["height"] <= 900, part
    titles = visit.page.locator(".doors .sd-card-title").all()
    assert len(titles) == 3
    assert all(title.bounding_box()["y"] < 890 for title in titles)
    visit.leave()


def test_less_motion_is_none(tab, html):
    visit = Visit(tab, (html / "book" / "gates.html").as_uri())
    moving = """[...document.querySelectorAll('*')].filter((e) => {
      const style = getComputedStyle(e);
      return style.transitionProperty !== 'none' || style.animationName !== 'none';
    }).length"""
    assert visit.page.evaluate(moving) == 0
    visit.leave()


def test_short_address_leads_to_its_page(browser, html):
    page = browser.new_page()
    page.goto((html / "errors.html").as_uri())
    page.wait_for_url("**/book/questions.html#error-messages")
    page.close()


FIRST = "message => find(message).slice(0, 1).map(({page, anchor}) => `${page}#${anchor}`)[0]"


def test_search_finds_a_message_with_the_numbers_of_a_reader(tab, html):
    visit = Visit(tab, (html / "search.html").as_uri())
    for message, label in MESSAGES:
        pasted = "RuntimeError: " + re.sub(r"\b\d+", lambda n: str(int(n[0]) + 1097), message)
        wanted = f"book/{label[:-6]}#" if label.endswith(".ipynb") else f"#{label}"
        assert visit.page.evaluate(FIRST, pasted).endswith(wanted), pasted
    visit.leave()


AS_TORCH_PRINTS = {
    "Expected hidden[0] size (1, 64, 128), got [2, 64, 128]": "inputs.html#err-hx",
    "mat1 and mat2 shapes cannot be multiplied (32x512 and 256x2)": "inputs.html#err-matmul",
    "start (40) + length (1) exceeds dimension size (40).": "inputs.html#err-too-long",
    "index 1 is out of bounds for dimension 0 with size 1": "inputs.html#err-hx",
    "'list' object has no attribute 'dim'": "inputs.html#err-unpack",
    "For batched 3-D input, hx and cx should also be 3-D but got "
    "(2-D, 2-D) tensors": "inputs.html#q21",
    "Expected total_length to be at least the length of the longest sequence in input, but got "
    "total_length=4 and max sequence length being 9": "inputs.html#err-total-length",
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad().": "outputs.html#q16",
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: [torch.FloatTensor [28, 5]] is at version 2; expected version 1 instead. Hint: "
    "enable anomaly detection to find the operation that failed.": "outputs.html#q16",
    "RNN module weights are not part of single contiguous chunk of memory. This means they need to "
    "be compacted at every call, possibly greatly increasing memory usage.": "speed.html#q24",
    "Could not load this library: /srv/python/torchtext/lib/libtorchtext.so": "torchtext.html",
    "Error(s) in loading state_dict for Tagger: size mismatch for lstm.weight_ih_l0: copying a "
    "param with shape torch.Size([1024, 300]) from checkpoint, the shape in current model is "
    "torch.Size([512, 300]).": "parameters.html#err-state-dict",
    "Error(s) in loading state_dict for LSTM: Unexpected key(s) in state_dict: "
    '"weight_ih_l0_reverse"': "parameters.html#err-state-dict",
}


@pytest.mark.parametrize(("message", "section"), AS_TORCH_PRINTS.items())
def test_search_shows_the_section_of_a_message_first(tab, html, message, section):
    words = quote_plus(f"RuntimeError: {message}")
    visit = Visit(tab, f"{(html / 'search.html').as_uri()}?q={words}")
    found = visit.page.wait_for_selector("#search-results li a", timeout=10_000)
    address = re.sub(r"\?[^#]*", "", found.get_attribute("href"))
    assert address.endswith(section)
    visit.leave()


def test_a_foreign_request_is_noticed(tab, html, tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<img src="http://127.0.0.1:9/picture.png">', encoding="utf-8")
    visit = Visit(tab, page.as_uri())
    with pytest.raises(AssertionError):
        visit.assert_quiet()
