"""The figure of packing, in a real browser: against torch, by keyboard, and without scripts."""

import random

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

PAGE = "book/inputs.html"
WORDS = ["dull", "film", "not", "bad", "at", "all", "so", "very", "good", "<b>", "&amp;", "it's"]


@pytest.fixture
def page(open_page):
    """The page with the figure."""
    return open_page(PAGE)


def lists_of_lengths(count: int) -> list[list[int]]:
    """Return lengths of 1 to 16 sentences; few different ones, so that most lists hold ties."""
    rng = random.Random(0)
    return [
        [rng.randint(1, rng.choice([1, 2, 3, 9, 24])) for _ in range(rng.randint(1, 16))]
        for _ in range(count)
    ]


def numbered(lengths: list[int]) -> torch.Tensor:
    """Return a batch (N, L, 2) in which sentence n holds [n, t] at step t."""
    rows = [torch.tensor([[n, t] for t in range(k)]) for n, k in enumerate(lengths)]
    return pad_sequence(rows, batch_first=True, padding_value=-1).double()


def packed_by_torch(lengths: list[int]) -> dict:
    """Return what torch's pack_padded_sequence makes of the numbered batch."""
    packed = pack_padded_sequence(numbered(lengths), torch.tensor(lengths), True, False)
    return {
        "sorted": packed.sorted_indices.tolist(),
        "unsorted": packed.unsorted_indices.tolist(),
        "batchSizes": packed.batch_sizes.tolist(),
        "data": packed.data.int().tolist(),
    }


def test_figure_packs_as_torch_packs(page, record_property):
    cases = lists_of_lengths(1000)
    got = page.evaluate("cases => cases.map((lengths) => LSTMPacking.pack(lengths))", cases)
    for lengths, found in zip(cases, got, strict=True):
        assert found == packed_by_torch(lengths), lengths
    ties = sum(len(set(lengths)) < len(lengths) for lengths in cases)
    record_property(
        "figures", f"<lstm-packing> = pack_padded_sequence: {len(got)} batches, {ties} with ties"
    )


def test_figure_stops_where_torch_no_longer_keeps_ties_in_order(page):
    def keeps_order(n):
        order = torch.sort(torch.ones(n, dtype=torch.int64), descending=True)[1]
        return order.tolist() == list(range(n))

    figure = page.locator("lstm-packing")
    figure.locator("textarea").fill("dull\n" * 16)
    assert figure.locator(".error").count() == 0
    assert all(keeps_order(n) for n in range(1, 17))
    figure.locator("textarea").fill("dull\n" * 17)
    assert figure.locator(".error").inner_text().startswith("This figure stops at 16 sentences")
    assert not keeps_order(17)


@torch.no_grad()
def test_reverse_direction_reads_what_the_figure_says(page, record_property):
    torch.manual_seed(0)
    both = nn.LSTM(2, 3, bidirectional=True, batch_first=True).double()
    alone = nn.LSTM(2, 3).double()  # forward, with the weights of the reverse direction
    weights = both.state_dict()
    alone.load_state_dict({k: weights[f"{k}_reverse"] for k in alone.state_dict()})
    worst = 0.0
    for lengths in lists_of_lengths(40):
        batch = numbered(lengths)
        packed = pack_padded_sequence(batch, torch.tensor(lengths), True, enforce_sorted=False)
        reads = page.evaluate("lengths => LSTMPacking.reverse(lengths)", lengths)
        for kind, given in {"packed": packed, "padded": batch}.items():
            _, (h_n, _) = both(given)
            for n, times in enumerate(reads[kind]):
                _, (h, _) = alone(batch[n, [t for t in times if t is not None]])
                worst = max(worst, (h[0] - h_n[1, n]).abs().max().item())
    assert worst <= 1e-6
    record_property("figures", f"<lstm-packing> = the reverse direction's h_n: within {worst:.1e}")


@pytest.mark.parametrize("lengths", [[], [0], [3, 0, 2]])
def test_figure_refuses_in_torchs_words(page, lengths):
    batch = torch.zeros(len(lengths), max(lengths, default=0), 1)
    with pytest.raises(RuntimeError) as refused:
        pack_padded_sequence(batch, torch.tensor(lengths, dtype=torch.int64), True, False)
    figure = page.locator("lstm-packing")
    figure.locator("textarea").fill("\n".join(" ".join(WORDS[:k]) for k in lengths))
    assert figure.locator(".error").inner_text() == str(refused.value)
    assert figure.locator("[data-part=figures]").is_hidden()


def listed(page, name: str) -> list[int]:
    """Return the numbers that the figure shows in one of its lists."""
    text = page.locator(f"lstm-packing [data-list={name}]").inner_text()
    return [int(k) for k in text.strip("[]").split(",")]


def cells(page, table: str) -> list[list[str]]:
    """Return a table's words, row by row, without the small print of their places."""
    rows = page.locator(f"lstm-packing .scroll[aria-label^='{table}'] tbody tr").all()
    return [[cell.split("\n")[0] for cell in row.locator("td").all_inner_texts()] for row in rows]


def test_what_is_typed_is_padded_and_packed(page):
    rng = random.Random(1)
    sentences = [rng.choices(WORDS, k=k) for k in (3, 1, 5, 3, 5)]
    page.locator("lstm-packing textarea").fill("\n".join(map(" ".join, sentences)) + "\n")
    lengths = [len(words) for words in sentences]
    packed = packed_by_torch(lengths)
    assert listed(page, "sorted_indices") == packed["sorted"]
    assert listed(page, "unsorted_indices") == packed["unsorted"]
    assert listed(page, "batch_sizes") == packed["batchSizes"]
    assert cells(page, "Packed")[1] == [sentences[n][t] for n, t in packed["data"]]
    assert cells(page, "Padded")[1] == ["1", *sentences[1], *["padding"] * 4]
    assert cells(page, "Right")[1] == [*["waits"] * 4, *sentences[1]]
    assert cells(page, "Wrong")[1] == [*["padding"] * 4, *sentences[1]]
    said = page.locator("lstm-packing [data-part=answer]").inner_text()
    assert said == "Padded: 5 × 5 = 25 cells, 8 of them padding. Packed: 17 cells, no padding."


def test_reverse_direction_is_followed_by_keyboard(page):
    figure = page.locator("lstm-packing")
    figure.locator("input[type=range]").focus()
    story = figure.locator("[data-part=story]")
    assert "n = 0 and 1 have not begun" in story.inner_text()
    page.keyboard.press("ArrowRight")
    assert "Step 1 reads t = 3: “remember” and “all”." in story.inner_text()
    assert "n = 1 reads padding" in story.inner_text()
    assert figure.locator("td.now").all_inner_texts()[1].startswith("waits")
    page.keyboard.press("End")
    assert (
        "Padded, n = 0 and 1 came here with a state that padding has moved." in story.inner_text()
    )


def test_play_goes_to_the_end_at_once_where_motion_is_unwanted(page):
    page.emulate_media(reduced_motion="reduce")
    page.locator("lstm-packing [data-do=play]").focus()
    page.keyboard.press("Enter")
    slider = page.locator("lstm-packing input[type=range]")
    page.wait_for_timeout(200)
    assert slider.input_value() == slider.get_attribute("max")


def test_still_picture_says_what_the_figure_says(browser, html, page):
    context = browser.new_context(java_script_enabled=False)
    still = context.new_page()
    still.goto((html / PAGE).as_uri(), wait_until="load")
    rows = still.locator("lstm-packing tbody tr").all()
    shown = [row.locator("td").all_inner_texts() for row in rows]
    context.close()
    page.locator("lstm-packing textarea").fill("dull\nnot bad at all")
    right, wrong = cells(page, "Right"), cells(page, "Wrong")
    assert shown == [right[0], wrong[0], right[1]]
    assert right[1] == wrong[1]
