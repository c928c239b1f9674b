"""``describe``: every shape, slice and count in it is what the real module gives."""

import pickle
import re
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner

from lstm_tutorial import LSTM
from lstm_tutorial.cli.commands import app
from lstm_tutorial.describe import Description, Row, describe
from lstm_tutorial.describe.tables import Table, as_html, as_text

EQUALITY_SUMMARY: list[str] = []
EXAMPLES = 200  # configurations for each of the two implementations
BOTH = pytest.mark.parametrize("lstm", [nn.LSTM, LSTM], ids=["torch", "ours"])


@dataclass(frozen=True)
class Call:
    """One way of building and calling an LSTM."""

    arguments: dict
    kind: str  # "padded", "unbatched", "lengths", "packed sorted" or "packed unsorted"
    lengths: tuple[int, ...]
    length: int
    by_shape: bool
    hx: bool

    def build(self, lstm: type[nn.Module]) -> nn.Module:
        """Make the module, in float64, whose kernel makes its matrix products one by one."""
        return lstm(**self.arguments, dtype=torch.float64)

    def tensor(self) -> Tensor:
        """What goes in, before it is packed."""
        n, length = len(self.lengths), self.length
        batch = (n, length) if self.arguments["batch_first"] else (length, n)
        leading = (length,) if self.kind == "unbatched" else batch
        return torch.randn(*leading, self.arguments["input_size"], dtype=torch.float64)

    def input(self, x: Tensor) -> Tensor | PackedSequence:
        """What the module is called with."""
        if self.kind in ("padded", "unbatched"):
            return x
        is_sorted = self.kind == "packed sorted"
        lengths = sorted(self.lengths, reverse=True) if is_sorted else self.lengths
        batch_first = self.arguments["batch_first"]
        return pack_padded_sequence(x, lengths, batch_first, enforce_sorted=is_sorted)

    def describe(self, module: nn.Module, x: Tensor) -> Description:
        """Describe the call, from a tensor, a shape or a packed sequence."""
        if self.kind.startswith("packed"):
            return describe(module, self.input(x))
        given = tuple(x.shape) if self.by_shape else x
        return describe(module, given, self.lengths if self.kind == "lengths" else None)


@st.composite
def calls(draw) -> Call:
    """Draw sizes, arguments, and one of the five forms of input."""
    size = st.integers(1, 5)
    hidden_size = draw(size)
    arguments = {
        "input_size": draw(size),
        "hidden_size": hidden_size,
        "num_layers": draw(st.integers(1, 3)),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
        "proj_size": draw(st.integers(0, hidden_size - 1)),
    }
    forms = ["padded", "unbatched", "lengths", "packed sorted", "packed unsorted"]
    kind, length = draw(st.sampled_from(forms)), draw(size)
    smallest = 0 if kind == "padded" else 1
    lengths = tuple(draw(st.lists(st.integers(1, length), min_size=smallest, max_size=4)))
    return Call(arguments, kind, lengths, length, draw(st.booleans()), draw(st.booleans()))


def run(module: nn.Module, call: Call, x: Tensor, told: Description) -> dict[str, object]:
    """Run the module, with states as described where asked for, and name what came out."""
    shapes = {row.name: row.shape for row in told.inputs}
    states = [torch.randn(shapes[name], dtype=torch.float64) for name in ("h_0", "c_0")]
    names = {"torch": torch, "input": call.input(x), "h_0": states[0], "c_0": states[1]}
    output, (h_n, c_n) = module(names["input"], tuple(states) if call.hx else None)
    names |= {"output": output, "h_n": h_n, "c_n": c_n}
    if isinstance(output, PackedSequence):
        padded, lengths = pad_packed_sequence(output, call.arguments["batch_first"])
        names |= {"padded": padded, "lengths": lengths}
    return names


def check_shapes(told: Description, names: dict[str, object]) -> int:
    """Evaluate every name and slice, and compare; return how many there were."""
    rows = told.inputs + told.outputs
    for row in rows:
        assert eval(row.name, names).shape == row.shape, row.name
        assert len(row.axes) == len(row.shape) == len(row.formula)
    parts = [part for row in rows for part in row.parts]
    for part in parts:
        found = eval(part.expression, names)
        assert found.shape == part.shape, part.expression
        if part.equals:
            assert torch.equal(found, eval(part.equals, names)), part.equals
    return len(rows) + len(parts)


def check_parameters(told: Description, module: nn.Module) -> None:
    """Compare names, order, shapes and counts with the module's own."""
    real = {name: parameter.shape for name, parameter in module.named_parameters()}
    assert [row.name for row in told.parameters] == list(real)
    assert {row.name: row.shape for row in told.parameters} == real
    assert told.total_parameters == sum(parameter.numel() for parameter in module.parameters())
    for row in told.parameters:
        for part in row.parts:
            names = dict(module.named_parameters())
            assert eval(part.expression, {}, names).shape == part.shape


@BOTH
def test_every_shape_and_count_is_the_real_modules(lstm):
    counted = {"configurations": 0, "shapes": 0}

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
    @given(calls())
    def compare(call):
        module, x = call.build(lstm), call.tensor()
        told = call.describe(module, x)
        with FlopCounterMode(display=False) as counter:
            names = run(module, call, x, told)
        assert counter.get_total_flops() == 2 * told.multiply_adds
        check_parameters(told, module)
        counted["shapes"] += check_shapes(told, names) + len(told.parameters)
        counted["configurations"] += 1

    compare()
    assert counted["configurations"] >= EXAMPLES
    EQUALITY_SUMMARY.append(
        f"describe({lstm.__module__}.{lstm.__name__}): {counted['shapes']} shapes in "
        f"{counted['configurations']} configurations as running gives them, multiply-adds too"
    )


@pytest.mark.parametrize("proj_size", [0, 2])
def test_multiply_adds_are_those_of_loops_written_out(proj_size):
    lengths = [4, 1, 3]
    module = nn.LSTM(3, 5, 2, bidirectional=True, proj_size=proj_size)
    h_out, counted = proj_size or 5, 0
    for length in lengths:
        for _step in range(length):
            for h_in in (3, 2 * h_out):  # of layer 0 and of layer 1
                for _direction in range(2):
                    counted += sum(1 for _row in range(4 * 5) for _column in range(h_in))
                    counted += sum(1 for _row in range(4 * 5) for _column in range(h_out))
                    counted += sum(1 for _row in range(proj_size) for _column in range(5))
    assert describe(module, (6, 3, 3), lengths).multiply_adds == counted
    padded = describe(module, (6, 3, 3))
    assert padded.multiply_adds * sum(lengths) == counted * 6 * 3
    assert padded.steps == 6 * 3


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_slices_hold_the_layer_and_direction_that_they_name(num_layers, bidirectional):
    """Spoil the weights of one layer and direction: its slices, and all layers above, are NaN."""
    for layer in range(num_layers):
        for direction in ("forward", "reverse")[: 1 + bidirectional]:
            module = nn.LSTM(3, 4, num_layers, bidirectional=bidirectional)
            told = describe(module, (5, 2, 3))
            suffix = f"_l{layer}" + ("_reverse" if direction == "reverse" else "")
            getattr(module, "weight_ih" + suffix).data.fill_(float("nan"))
            output, (h_n, c_n) = module(torch.randn(5, 2, 3))
            names = {"output": output, "h_n": h_n, "c_n": c_n}
            for part in [part for row in told.outputs for part in row.parts]:
                its_layer, its_direction = re.match(r"layer (\d+) (\w+)", part.meaning).groups()
                above = int(its_layer) > layer
                same = (int(its_layer), its_direction) == (layer, direction)
                spoiled = bool(eval(part.expression, names).isnan().any())
                assert spoiled == (above or same), part


def test_rows_hold_the_gate_that_they_name():
    """Saturate one gate at a time by its rows of the bias, and recognise it by what it does."""
    told = describe(nn.LSTM(3, 4), (1, 1, 3))
    bias = next(row for row in told.parameters if row.name == "bias_ih_l0")
    assert [part.meaning[-1] for part in bias.parts] == list("ifgo")
    half, c_0 = torch.tensor(0.5), torch.full((1, 1, 4), 2.0)
    for part in bias.parts:
        module = nn.LSTM(3, 4)
        for parameter in module.parameters():
            parameter.data.zero_()
        module.bias_hh_l0.data[2 * 4 : 3 * 4] = torch.atanh(half)  # g is 1/2, so that i shows
        values = {"i": half, "f": half, "g": half, "o": half}
        eval(part.expression, {}, dict(module.named_parameters())).data.fill_(100)
        values[part.meaning[-1]] = torch.tensor(1.0)
        _, (h_n, c_n) = module(torch.zeros(1, 1, 3), (torch.zeros(1, 1, 4), c_0))
        c = values["f"] * 2 + values["i"] * values["g"]
        torch.testing.assert_close(c_n, c.expand(1, 1, 4))
        torch.testing.assert_close(h_n, (values["o"] * c.tanh()).expand(1, 1, 4))


def by_name(told: Description) -> dict[str, Row]:
    """Look up every row."""
    return {row.name: row for row in told.parameters + told.inputs + told.outputs}


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_parameters_tell_their_layer_their_direction_and_what_they_meet(layer, direction):
    rows = by_name(describe(nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2), (5, 2, 3)))
    suffix = f"_l{layer}" + ("_reverse" if direction == "reverse" else "")
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    assert {name: rows[name + suffix].meaning for name in names} == {
        "weight_ih": f"layer {layer} {direction}: {('input', 'layer 0')[layer]} to gates",
        "weight_hh": f"layer {layer} {direction}: earlier h to gates",
        "bias_ih": f"layer {layer} {direction}: added to W_ih x",
        "bias_hh": f"layer {layer} {direction}: added to W_hh h",
        "weight_hr": f"layer {layer} {direction}: o * tanh(c) to h",
    }


@pytest.mark.parametrize(
    ("batch_first", "leading"),
    [(False, ("time step", "sequence")), (True, ("sequence", "time step"))],
)
def test_axes_are_named_in_their_order(batch_first, leading):
    rows = by_name(describe(nn.LSTM(3, 4, batch_first=batch_first, bidirectional=True), (5, 2, 3)))
    assert rows["input"].axes == (*leading, "input feature")
    assert rows["output"].axes == (*leading, "feature of h (forward, reverse)")
    assert rows["c_n"].axes == ("layer and direction", "sequence", "feature of c")


def test_initial_states_tell_their_place_in_hx():
    rows = by_name(describe(nn.LSTM(3, 4, proj_size=2), (5, 2, 3)))
    hx = torch.zeros(1, 2, 2), torch.zeros(1, 2, 4)
    for name in ("h_0", "c_0"):
        place = rows[name].meaning.partition(";")[0]
        assert eval(place, {"hx": hx}).shape == rows[name].shape


def test_indices_tell_which_of_them_sorts():
    packed = pack_padded_sequence(torch.zeros(5, 3, 3), [2, 3, 5], enforce_sorted=False)
    rows = by_name(describe(nn.LSTM(3, 4), packed))
    assert torch.tensor([2, 3, 5])[packed.sorted_indices].tolist() == [5, 3, 2]
    assert rows["input.sorted_indices"].meaning.endswith("takes the longest first")
    assert rows["input.unsorted_indices"].meaning.endswith("takes them back")


@pytest.mark.parametrize("batch_first", [False, True])
def test_the_call_that_pads_the_output_gives_the_shape_that_is_told(batch_first):
    module = nn.LSTM(3, 4, batch_first=batch_first)
    packed = pack_padded_sequence(torch.zeros(5, 2, 3), [5, 3])
    row = by_name(describe(module, packed))["padded"]
    code = row.meaning.removesuffix(" is (padded, lengths)")
    names = {"pad_packed_sequence": pad_packed_sequence, "output": module(packed)[0]}
    assert eval(code, names)[0].shape == row.shape


def test_final_states_tell_after_which_step():
    told = describe(nn.LSTM(3, 4, 2, bidirectional=True), (5, 2, 3))
    for name in ("h_n", "c_n"):
        assert [part.meaning for part in by_name(told)[name].parts] == [
            "layer 0 forward, after the last step",
            "layer 0 reverse, after step 0, where it ends",
            "layer 1 forward, after the last step",
            "layer 1 reverse, after step 0, where it ends",
        ]


def test_the_last_layers_h_tells_where_it_stands_in_the_output():
    told = describe(nn.LSTM(3, 4, 2, bidirectional=True), (5, 2, 3))
    places = {name: [part.equals for part in by_name(told)[name].parts] for name in ("h_n", "c_n")}
    assert places == {"h_n": ["", "", "output[-1, :, :4]", "output[0, :, 4:]"], "c_n": [""] * 4}


def test_nothing_is_run_and_no_memory_taken(monkeypatch):
    monkeypatch.setattr(nn.LSTM, "forward", None)
    module = nn.LSTM(10**5, 10**5, 4, bidirectional=True, device="meta")
    told = describe(module, (10**4, 10**4, 10**5), [10**4] * 10**4)
    assert told.outputs[0].shape == (10**8, 2 * 10**5)
    assert told.total_parameters == sum(p.numel() for p in module.parameters()) > 8 * 10**11


def test_random_generator_and_module_are_left_alone():
    module = nn.LSTM(3, 4).eval()
    before, state = torch.get_rng_state(), {k: v.clone() for k, v in module.state_dict().items()}
    describe(module, (5, 2, 3), [3, 5])
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(state[k], v) for k, v in module.state_dict().items())
    assert not module.training


def test_lengths_may_be_a_tensor_a_list_or_an_array():
    module = nn.LSTM(3, 4)
    kinds = [torch.tensor([2, 5]), torch.tensor([2, 5], dtype=torch.int32), (2, 5)]
    texts = {str(describe(module, (5, 2, 3), given)) for given in [*kinds, kinds[0].numpy()]}
    assert len(texts) == 1


@pytest.mark.kernels
def test_other_dtypes_and_autocast_are_taken_where_torch_takes_them():
    describe(nn.LSTM(3, 4, dtype=torch.bfloat16), torch.zeros(5, 2, 3, dtype=torch.bfloat16))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        describe(nn.LSTM(3, 4), torch.zeros(5, 2, 3, dtype=torch.bfloat16))
        describe(nn.LSTM(3, 4), torch.zeros(5, 2, 3, dtype=torch.bfloat16), [5, 2])


def test_the_basic_call_reads_as_in_the_book():
    told = describe(nn.LSTM(128, 256), (10, 32, 128))
    assert {row.name: row.shape for row in told.outputs} == {
        "output": (10, 32, 256),
        "h_n": (1, 32, 256),
        "c_n": (1, 32, 256),
    }
    text = str(told)
    assert "weight_ih_l0  (1024, 128)  (4*H_cell, H_in)   131,072" in text
    assert "0:256 input gate i, 256:512 forget gate f" in text
    assert "= output[-1]" in text
    assert repr(told) == text


def test_notes_say_what_torch_does_not():
    first = nn.LSTM(3, 4, batch_first=True, proj_size=2)
    notes = " ".join(describe(first, (2, 5, 3), [2, 4]).notes)
    for part in ("enforce_sorted=False", "total_length=5", "4 of 10 steps", "N is their axis 1"):
        assert part in notes
    assert "c keeps hidden_size" in notes
    assert "2 sequences of 5 steps" in " ".join(describe(first, (2, 5, 3)).notes)
    assert "5 sequences of 2 steps" in " ".join(describe(nn.LSTM(3, 4), (2, 5, 3)).notes)
    assert "one sequence" in describe(nn.LSTM(3, 4), (5, 3)).notes[0]
    assert not describe(nn.LSTM(3, 4), (5, 2, 3), [5, 5]).notes


def test_text_begins_with_the_module_and_every_size():
    first, second, *_ = str(describe(nn.LSTM(3, 4), (5, 2, 3))).splitlines()
    assert first == "LSTM(3, 4)"
    assert second == "L = 5, N = 2, D = 1, num_layers = 1, H_in = 3, H_cell = 4, H_out = 4"


def test_text_tells_the_cost_of_a_step_and_of_the_pass():
    told = describe(nn.LSTM(3, 4), (5, 2, 3))
    costs = dict(re.findall(r"^(parameters|multiply-adds(?: a step)?) +(\S+) ", str(told), re.M))
    assert costs == {"parameters": "144", "multiply-adds a step": "112", "multiply-adds": "1,120"}


@pytest.mark.parametrize("proj_size", [0, 2])
def test_text_counts_the_projection_only_where_there_is_one(proj_size):
    text = str(describe(nn.LSTM(3, 4, proj_size=proj_size), (5, 2, 3)))
    assert ("W_hr (o * tanh(c))" in text) == (proj_size > 0)


@pytest.mark.parametrize("bias", [False, True])
def test_text_names_biases_only_where_there_are_some(bias):
    text = str(describe(nn.LSTM(3, 4, bias=bias), (5, 2, 3)))
    assert ("bias_ih" in text) == bias


def test_text_tells_the_axes_of_every_tensor():
    told = describe(nn.LSTM(3, 4), (5, 2, 3))
    lines = [line.strip() for line in str(told).splitlines()]
    for row in told.inputs + told.outputs:
        assert f"axes: {', '.join(row.axes)}" in lines


def test_text_rules_every_table_below_its_title():
    blocks = str(describe(nn.LSTM(3, 4), (5, 3))).split("\n\n")[1:-1]  # before: sizes; after: notes
    assert [block.splitlines()[0] for block in blocks] == [
        "Parameters",
        "Input",
        "Output",
        "Slices",
        "Cost",
    ]
    assert all(re.fullmatch("-{20,}", block.splitlines()[1]) for block in blocks)


def test_text_gives_a_last_column_without_room_lines_of_its_own():
    table = Table(
        "title", ("name", "what it holds"), [("n" * 80, "seven words in all, on one line")]
    )
    assert "    seven words in all, on one line" in as_text("", "", [table], []).splitlines()


def test_text_indents_the_lines_of_a_note_below_its_first():
    _, *lines = as_text("", "", [], ["word " * 50]).strip().splitlines()
    assert [line[:6] for line in lines] == ["- word", "  word", "  word"]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.integers(1, 10**6),
    st.integers(2, 10**6),
    st.integers(1, 12),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(1, 10**6),
    st.sampled_from(["padded", "unbatched", "lengths"]),
)
def test_text_stays_within_100_columns(h_in, h_cell, layers, two, first, narrow, length, kind):
    arguments = {"batch_first": first, "bidirectional": two, "proj_size": h_cell // 2 * narrow}
    module = nn.LSTM(h_in, h_cell, layers, dropout=0.1 * (layers > 1), device="meta", **arguments)
    shape = (length, h_in) if kind == "unbatched" else (length, length, h_in)
    if kind == "lengths":
        shape = (3, length, h_in) if first else (length, 3, h_in)
    text = str(describe(module, shape, [length, 1, 1] if kind == "lengths" else None))
    assert max(map(len, text.splitlines())) <= 100
    assert text.isascii()
    assert not re.search(r"[ \t]+$", text, re.M)


@pytest.mark.parametrize("batch_first", [False, True])
def test_note_on_one_sequence_tells_how_to_make_it_a_batch_of_single_steps(batch_first):
    module = nn.LSTM(3, 4, batch_first=batch_first)
    (note,) = describe(module, (5, 3)).notes  # none on batch_first, which changes nothing here
    code = re.search(r"input\.unsqueeze\(\d\)", note)[0]
    sizes = describe(module, eval(code, {"input": torch.zeros(5, 3)})).sizes
    assert (sizes["N"], sizes["L"]) == (5, 1)


@pytest.mark.parametrize("batch_first", [False, True])
def test_note_on_the_layout_tells_which_batch_first_swaps_it(batch_first):
    note, *_ = describe(nn.LSTM(3, 4, batch_first=batch_first), (5, 2, 3)).notes
    assert note.endswith(f"or batch_first={not batch_first}.")


@pytest.mark.parametrize("enforce_sorted", [False, True])
def test_note_tells_that_a_batch_packed_in_order_has_no_indices(enforce_sorted):
    packed = pack_padded_sequence(torch.zeros(5, 2, 3), [5, 3], enforce_sorted=enforce_sorted)
    told = " ".join(describe(nn.LSTM(3, 4), packed).notes)
    assert ("unsorted_indices are None" in told) == (packed.unsorted_indices is None)


class Reader(HTMLParser):
    """Collect tags and text, and see that every tag is closed in turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] != "style":
            self.texts.append(data)


def test_html_is_a_set_of_labelled_tables_without_colours():
    told = describe(nn.LSTM(3, 4, 2, bidirectional=True), (5, 2, 3), [5, 3])
    html = told._repr_html_()
    read = Reader(html)
    names = [tag for tag, _ in read.tags]
    assert names.count("table") == names.count("caption") == names.count("thead") == 5
    scopes = [attributes.get("scope") for tag, attributes in read.tags if tag == "th"]
    assert set(scopes) == {"col", "row"}
    assert not re.search(r"colou?r|background|#[0-9a-f]{3}", html)
    words = " ".join(" ".join(read.texts).split())
    for row in told.parameters + told.inputs + told.outputs:
        assert row.name in words
        assert str(row.shape) in words


def test_html_breaks_the_line_before_axes():
    told = describe(nn.LSTM(3, 4), (5, 2, 3))
    html = told._repr_html_()
    for row in told.inputs + told.outputs:
        assert f"<br>axes: {', '.join(row.axes)}</td>" in html


def test_html_marks_counts_as_numbers_and_nothing_else():
    told = describe(nn.LSTM(3, 4), (5, 2, 3))
    marked = re.findall(r'<t[hd][^>]* class="number">([^<]*)<', told._repr_html_())
    counts = [f"{row.count:,}" for row in told.parameters]
    costs = [f"{told.total_parameters:,}", f"{told.multiply_adds_per_step:,}"]
    assert marked == ["count", *counts, "count", *costs, f"{told.multiply_adds:,}"]


def test_html_lets_the_keyboard_reach_every_table_to_scroll_it():
    read = Reader(describe(nn.LSTM(3, 4), (5, 2, 3))._repr_html_())
    groups = [attributes for tag, attributes in read.tags if attributes.get("role") == "group"]
    assert [group.get("tabindex") for group in groups] == ["0"] * 5


def test_html_holds_the_line_below_the_parameters():
    read = Reader(describe(nn.LSTM(3, 4), (5, 2, 3))._repr_html_())
    assert any(text.startswith("Rows of every weight_ih") for text in read.texts)


def test_html_lists_the_notes_where_there_are_some():
    told = describe(nn.LSTM(3, 4, proj_size=2), (5, 2, 3))
    assert re.findall("<li>(.*?)</li>", told._repr_html_().replace("&#x27;", "'")) == [*told.notes]
    assert "Notes" not in as_html("", "", [], [])


def test_html_escapes_what_a_module_says_of_itself():
    class Odd(nn.LSTM):
        def extra_repr(self) -> str:
            return "<script>alert('&')</script>"

    html = describe(Odd(3, 4), (5, 2, 3))._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;" in html


def test_a_description_can_be_compared_and_pickled():
    told = describe(nn.LSTM(3, 4), (5, 2, 3))
    assert told == describe(nn.LSTM(3, 4), torch.zeros(5, 2, 3))
    assert pickle.loads(pickle.dumps(told)) == told
    assert told != describe(nn.LSTM(3, 4), (5, 3, 3))


def call(*words: object):
    return CliRunner().invoke(app, ["describe", *map(str, words)])


def test_command_prints_the_same():
    flags = ["--num-layers", 2, "--bidirectional", "--batch-first"]
    module = nn.LSTM(128, 256, 2, batch_first=True, bidirectional=True)
    result = call(128, 256, *flags, "--input", "32,10,128")
    assert result.exit_code == 0
    assert result.stdout == f"{describe(module, (32, 10, 128))}\n"
    result = call(3, 4, "--no-bias", "--proj-size", 2, "--input", "5,2,3", "--lengths", "3,5")
    module = nn.LSTM(3, 4, bias=False, proj_size=2)
    assert result.stdout == f"{describe(module, (5, 2, 3), [3, 5])}\n"


def test_command_takes_no_memory_for_a_large_module():
    result = call(10**6, 10**6, "--num-layers", 8, "--input", "10000,10000,1000000")
    assert result.exit_code == 0
    assert "64,000,064,000,000" in result.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((3, 4, "--input", "5,2,7"), "Expected 3, got 7. To fix it: "),
        ((3, 4, "--input", "5,2,3", "--lengths", "1,2,3"), "3 (batch_size=2). To fix it: "),
        ((3, 4, "--input", "5", "--lengths", "1"), "Dimension out of range"),
        ((3, 4, "--input", "5,x,3"), "such as 32,10,128, got '5,x,3'"),
        ((3, 4, "--input", "5,-2,3"), "negative dimension -2"),
        ((0, 4, "--input", "5,2,3"), "input_size must be greater than zero"),
        ((3, 4, "--proj-size", 4, "--input", "5,2,3"), "proj_size has to be smaller"),
        ((3, 4), "--input"),
    ],
)
def test_command_ends_in_one_line_for_a_mistake(words, told):
    result = call(*words)
    assert result.exit_code != 0
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert told in result.stderr
