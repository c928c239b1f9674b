"""The model that runs in the page, in a real browser: against the package, word by word."""

import gzip
import random
import sys
import unicodedata

import pytest
import torch

from lstm_tutorial import lstm_gates, lstm_step
from lstm_tutorial.sentiment import load_pretrained, runs
from lstm_tutorial.sentiment.data.corpus import make_reviews
from lstm_tutorial.sentiment.data.text import encode, tokenize
from lstm_tutorial.sentiment.studies import behaviour, evidence

PAGE = "book/sentiment.html"
OUT = ("Cn", "Cs")  # unassigned, and halves of a pair: no text holds them
TRICKY = [
    "It's 'fine'; \"good\": <br />Très bien!!!",
    "<BR /><br/>< br />a.b.c,,d (e)f?",
    "ΟΔΟΣ ΣΑΣ ΑΣ΄ Σ, İstanbul ﬁne ẞtraße ǅ 𝔄",
    "no\u00a0break\u2003em\x1cfile\x85next\ufeffbom\u200bzero\u180emvs",
    "<pad> <unk> the <pad>",
    "👍🏽 5/5 — “superb”… dull\r\nat\tbest",
]


@pytest.fixture(scope="module")
def package():
    """The shipped model, as the package runs it."""
    return load_pretrained()


@pytest.fixture
def page(open_page):
    """The page with the figure, before anybody has asked for the model."""
    return open_page(PAGE)


def sentences() -> list[str]:
    """Return 200 sentences: our behaviour suite, the built-in corpus, and tricky ones."""
    suite = [
        text
        for by_label in behaviour.SENTENCES.values()
        for texts in by_label.values()
        for text in texts
    ]
    rng = random.Random(0)
    found = [*TRICKY, *rng.sample(suite, 64), *(review.text for review in make_reviews(110))]
    for text in rng.sample(found, 20):  # the same with marks and cases of all sorts
        words = [rng.choice([w.upper(), f"({w})", f"{w}'s!?", f"«{w}»;", w]) for w in text.split()]
        found.append(rng.choice([" ", "\n", "<br />"]).join(words))
    return found


def test_tokens_are_the_packages(page):
    rng = random.Random(0)
    assigned = [chr(k) for k in range(sys.maxunicode) if unicodedata.category(chr(k)) not in OUT]
    texts = TRICKY + [
        "".join(rng.choices("aZ'\".,()!?;: \t<br/>Σσ", k=9) + rng.choices(assigned, k=9))
        for _ in range(20_000)
    ]
    got = page.evaluate("texts => texts.map((text) => LSTMReview.tokenize(text))", texts)
    assert [t for t, found in zip(texts, got, strict=True) if found != tokenize(t)] == []


def in_page(body: str) -> str:
    """Return a script that may `read(text)` with the `model`, and gets an argument `given`."""
    return f"""async (given) => {{
      const model = await LSTMReview.load();
      const encode = (text) => LSTMReview.encode(LSTMReview.tokenize(text), model);
      const read = (text) => LSTMReview.read(model, encode(text));
      {body}
    }}"""


@torch.no_grad()
def test_answers_are_the_packages(page, package, record_property):
    texts = [*sentences(), " ".join(["dull, but"] * 400)]
    read = in_page("return given.map(read).map((r) => [r.ids, r.logit, r.probability]);")
    got = page.evaluate(read, texts)
    probabilities = list(runs.predict(package, texts))
    worst = {"probability": 0.0, "logit": 0.0}
    for text, (ids, logit, probability), p in zip(texts, got, probabilities, strict=True):
        assert ids == encode(tokenize(text), package.vocab)[: package.settings.max_length]
        theirs = package.model(torch.tensor([ids]), torch.tensor([len(ids)])).item()
        worst["probability"] = max(worst["probability"], abs(probability - p))
        worst["logit"] = max(worst["logit"], abs(logit - theirs))
    assert len(texts) > 200
    assert max(worst.values()) <= 1e-4
    figures = ", ".join(f"{name} within {value:.1e}" for name, value in worst.items())
    record_property("figures", f"<lstm-review> = the package, {len(texts)} sentences: {figures}")


DETAILS = in_page("""return given.map(read).map((reading) => {
  const units = [reading.forward, reading.reverse].map((d) => d.map((state) => [...state.h]));
  const adds = LSTMReview.occlusion(model, reading);
  return { ...LSTMReview.arriving(model, reading), units, adds };
});""")


@torch.no_grad()
def test_every_word_is_read_as_the_package_reads_it(page, package, record_property):
    texts = sentences()[4:60:4]
    worst = 0.0
    for text, found in zip(texts, page.evaluate(DETAILS, texts), strict=True):
        tokens, adds = evidence.occlusion(package, text)
        ids = torch.tensor(encode(tokens, package.vocab))
        output, _ = package.model.lstm(package.model.embedding(ids[None]))
        pieces = [ids[: t + 1] for t in range(len(ids))] + [ids[t:] for t in range(len(ids))]
        lengths = torch.tensor([len(piece) for piece in pieces])
        rows = torch.nn.utils.rnn.pad_sequence(pieces, batch_first=True)
        arriving = package.model(rows, lengths).sigmoid()
        for ours, theirs in [
            (found["adds"], adds),
            (found["fromStart"] + found["fromEnd"], arriving),
            (torch.cat([torch.tensor(half) for half in found["units"]], dim=1), output[0]),
        ]:
            worst = max(worst, (torch.as_tensor(ours) - theirs).abs().max().item())
    assert worst <= 1e-4
    record_property("figures", f"<lstm-review>, word by word: within {worst:.1e}")


GATES = in_page("""const { forward, reverse } = read(given);
return [forward, reverse].map((d) => [..."ifgoc"].map((k) => d.map((state) => [...state[k]])));
""")


@torch.no_grad()
def test_gates_are_those_of_the_books_cell(page, package):
    text = "It isn't dull, and I loved the ending."
    ids = torch.tensor(encode(tokenize(text), package.vocab))
    lstm, words = package.model.lstm, package.model.embedding(ids)
    for end, found in zip(("", "_reverse"), page.evaluate(GATES, text), strict=True):
        w_ih, w_hh, b_ih, b_hh = (
            getattr(lstm, f"{kind}_l0{end}")
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        h = c = torch.zeros(1, lstm.hidden_size)
        for t in range(len(ids)) if not end else reversed(range(len(ids))):
            row = words[t : t + 1] @ w_ih.T + b_ih
            gates = lstm_gates(row + h @ w_hh.T + b_hh)
            h, c = lstm_step(row, (h, c), w_hh, b_hh)
            ours = torch.tensor([values[t] for values in found])
            torch.testing.assert_close(ours, torch.cat([*gates, c]), rtol=0, atol=1e-4)


ANSWER = in_page("window.reading = read(given); return reading.ids.length;")
THE_REST = in_page("LSTMReview.arriving(model, reading); LSTMReview.occlusion(model, reading);")


def test_thirty_words_are_timed(page, record_property):
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})  # other programs don't count

    def milliseconds(script, given):
        times = []
        for _ in range(9):
            before, _, after = spent(), page.evaluate(script, given), spent()
            times.append(1000 * (after - before))
        return min(times)

    def spent():
        metrics = devtools.send("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    text = " ".join(tokenize(max((review.text for review in make_reviews(50)), key=len))[:30])
    assert page.evaluate(ANSWER, text) == 30
    answer, rest = (milliseconds(script, text) for script in (ANSWER, THE_REST))
    record_property(
        "figures",
        f"<lstm-review>, 30 words: answer and gates {answer:.0f} ms of processor time, each word "
        f"from both directions and what it adds {rest:.0f} ms more (fastest of 9)",
    )


def test_model_is_asked_for_once_and_not_before_it_is_wanted(page, html):
    asked = []
    page.on("request", lambda r: r.resource_type == "script" and asked.append(r.url))
    figure = page.locator("lstm-review")
    weight = html / "_static" / "shipped-model.js"
    said = figure.locator("[data-part=weight]").inner_text()
    assert f"{weight.stat().st_size / 1e6:.1f} MB, or of" in said
    assert f"{len(gzip.compress(weight.read_bytes())) / 1e6:.1f} MB where the server" in said
    assert not page.evaluate("'LSTM_SHIPPED' in window")
    assert asked == []
    for _ in range(2):
        figure.locator("[type=submit]").click()
        figure.locator("[data-part=figures]").wait_for()
    assert [url.rsplit("/", 1)[1] for url in asked] == [weight.name]
    assert asked[0].startswith("file:")


def signed(value: float) -> str:
    """Return a number as the figure writes it."""
    text = f"{value:+.2f}"
    return "0.00" if text.endswith("0.00") else text.replace("-", "−")


def read(page, text: str) -> str:
    """Type a sentence, send it by keyboard, and return the answer."""
    figure = page.locator("lstm-review")
    figure.locator("textarea").fill(text)
    figure.locator("textarea").press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "t => document.querySelector('lstm-review').innerText.includes(t + ' tokens')",
        arg=len(tokenize(text)),
    )
    return figure.locator("[data-part=answer]").inner_text()


def test_sentence_is_read_by_keyboard(page, package):
    text = "It isn't dull; <b>zeppelinesque</b> & superb."
    (probability,) = runs.predict(package, [text])
    unknown = encode(tokenize(text), package.vocab).count(1)
    said = read(page, text)
    assert said.startswith(f"Positive: the film is liked with probability {probability:.2f}")
    assert said.endswith(f"{unknown} of them unknown to the model.")
    words = [w.split("\n") for w in page.locator("lstm-review ol.words li").all_inner_texts()]
    tokens, adds = evidence.occlusion(package, text)
    assert words == [
        [token, signed(value)] for token, value in zip(tokens, adds.tolist(), strict=True)
    ]


def test_a_text_longer_than_the_model_reads_is_told(page, package):
    most = package.settings.max_length
    said = read(page, "good film " * most)
    assert f"{2 * most} tokens, of which it reads the first {most};" in said
    assert f"and these are {2 * most}." in page.locator("lstm-review").inner_text()


def test_a_long_word_breaks_on_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 900})
    read(page, "x" * 400 + " is great")
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@torch.no_grad()
def test_any_unit_can_be_chosen_by_keyboard(page, package):
    text = "A dull beginning and a wonderful ending."
    states = [evidence.unit_over_text(package, text, 128 + k)[1] for k in range(12)]
    adds = [h.max() * package.model.classifier.weight[0, 128 + k] for k, h in enumerate(states)]
    unit = max(range(12), key=lambda k: abs(adds[k]))
    read(page, text)
    figure = page.locator("lstm-review")
    figure.locator("select").select_option("reverse")
    figure.locator("input[type=range]").press("Home")
    for _ in range(unit):
        page.keyboard.press("ArrowRight")
    column = figure.locator("[data-part=gates] td:last-child").all_inner_texts()
    assert column == [signed(value).lstrip("+") for value in states[unit].tolist()]
    story = figure.locator("[data-part=story]").inner_text()
    assert f"it adds {signed(adds[unit])} to the logit" in story
    figure.locator("[data-do=strongest]").press("Enter")
    assert story != figure.locator("[data-part=story]").inner_text()


ONE_FAILURE = """() => {
  document.head.append = (script) => {
    delete document.head.append;
    script.src = "nowhere.js";
    document.head.append(script);
  };
}"""


def test_what_goes_wrong_is_said_and_can_be_mended(page):
    figure = page.locator("lstm-review")
    page.evaluate(ONE_FAILURE)
    figure.locator("[type=submit]").click()
    figure.locator(".error", has_text="shipped-model.js did not come").wait_for()
    figure.locator("textarea").fill(' " ')
    figure.locator("[type=submit]").click()
    figure.locator(".error", has_text="expected some words, got an empty text").wait_for()
    assert read(page, "A wonderful film.").startswith("Positive")
    assert figure.locator(".error").count() == 0


def test_still_picture_is_the_packages_answer(browser, html, package):
    context = browser.new_context(java_script_enabled=False)
    still = context.new_page()
    still.goto((html / PAGE).as_uri(), wait_until="load")
    element = still.locator("lstm-review")
    text = element.get_attribute("text")
    (probability,) = runs.predict(package, [text])
    assert f"is positive with probability {probability:.2f}." in element.inner_text()
    assert element.locator("th[scope=row]").all_inner_texts() == tokenize(text)
    context.close()
