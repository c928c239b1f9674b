# ruff: noqa: E501 (tables, one slip a line)
"""Right code as a reader would type it, and the slips that turn it into a known mistake.

Each slip is a line of the right code and what stands there instead. ``slipped`` builds the code.
"""

from collections.abc import Callable
from textwrap import dedent

import torch
from torch import nn
from torch.nn.utils import rnn

NAMES = {"torch": torch, "nn": nn, "F": nn.functional, "rnn": rnn}


def slipped(source: str, *replacements: tuple[str, str]) -> Callable:
    """Run the source with fragments replaced, each of which must occur once; return what it names.

    The last function or class that the source defines is the one that is returned.
    """
    source = dedent(source)
    for old, new in replacements:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times"
        source = source.replace(old, new)
    scope = dict(NAMES)
    exec(source, scope)
    return [value for name, value in scope.items() if name not in NAMES and callable(value)][-1]


STEP = """
    def step(x, hx, weight_ih, weight_hh, bias_ih, bias_hh):
        h, c = hx
        a = F.linear(x, weight_ih, bias_ih) + F.linear(h, weight_hh, bias_hh)
        i, f, g, o = a.chunk(4, dim=1)
        i, f, o = torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o)
        g = torch.tanh(g)
        new_c = f * c + i * g
        new_h = o * torch.tanh(new_c)
        return new_h, new_c
"""

LINEAR = "F.linear(x, weight_ih, bias_ih) + F.linear(h, weight_hh, bias_hh)"
STEP_SLIPS = [
    ("input_forget_swapped", "i, f, g, o = a", "f, i, g, o = a"),
    ("input_forget_swapped", "f * c + i * g", "i * c + f * g"),
    ("gate_order", "i, f, g, o = a", "i, o, f, g = a"),
    ("gates_interleaved", "a.chunk(4, dim=1)", "a.view(len(x), -1, 4).unbind(-1)"),
    ("bias_missing", LINEAR, "x @ weight_ih.T + h @ weight_hh.T"),
    ("bias_ih_missing", LINEAR, "x @ weight_ih.T + F.linear(h, weight_hh, bias_hh)"),
    ("bias_hh_missing", LINEAR, "F.linear(x, weight_ih, bias_ih) + h @ weight_hh.T"),
    ("bias_doubled", LINEAR, LINEAR + " + bias_ih"),
    ("bias_doubled", LINEAR, LINEAR.replace("bias_hh", "bias_ih")),
    ("bias_doubled", LINEAR, LINEAR + " + bias_ih + bias_hh"),
    ("hidden_ignored", "F.linear(h, weight_hh, bias_hh)", "bias_hh"),
    ("tanh_missing_on_g", "g = torch.tanh(g)", "pass"),
    ("sigmoid_on_g", "g = torch.tanh(g)", "g = torch.sigmoid(g)"),
    ("tanh_missing_on_c", "o * torch.tanh(new_c)", "o * new_c"),
    ("sigmoid_on_c", "o * torch.tanh(new_c)", "o * torch.sigmoid(new_c)"),
    ("old_c_in_h", "o * torch.tanh(new_c)", "o * torch.tanh(c)"),
    ("output_gate_missing", "o * torch.tanh(new_c)", "torch.tanh(new_c)"),
    ("sigmoid_missing", "torch.sigmoid(o)", "o"),
    ("sigmoid_missing", "torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o)", "i, f, o"),
    ("tanh_on_gate", "torch.sigmoid(f)", "torch.tanh(f)"),
    ("memory_dropped", "f * c + i * g", "i * g"),
    ("forget_gate_missing", "f * c + i * g", "c + i * g"),
    ("input_gate_missing", "f * c + i * g", "f * c + g"),
    ("gates_coupled", "f * c + i * g", "f * c + (1 - f) * g"),
    ("gates_coupled", "f * c + i * g", "(1 - i) * c + i * g"),
    ("c_squashed", "return new_h, new_c", "return new_h, torch.tanh(new_c)"),
    ("states_returned_swapped", "return new_h, new_c", "return new_c, new_h"),
    ("states_input_swapped", "h, c = hx", "c, h = hx"),
    ("states_detached", "h, c = hx", "h, c = hx[0].detach(), hx[1].detach()"),
    ("states_detached", "f * c + i * g", "f * c.detach() + i * g"),
    ("state_returned_detached", "return new_h, new_c", "return new_h.detach(), new_c"),
    ("state_returned_detached", "return new_h, new_c", "return new_h, new_c.detach()"),
    ("gradient_wrong", "torch.tanh(new_c)", "torch.tanh(new_c.detach())"),
    ("changed_in_place", "new_c = f * c + i * g", "new_c = c; new_c *= f; new_c += i * g"),
    ("changed_in_place", "new_c = f * c + i * g", "i *= g; new_c = f * c + i"),
    ("nothing_returned", "return new_h, new_c", "pass"),
    ("return_form", "return new_h, new_c", "return new_h"),
    ("wrong_dtype", "return new_h, new_c", "return new_h.float(), new_c"),
    ("not_finite", "return new_h, new_c", "return new_h / 0 * 0, new_c"),
    ("gradient_missing", LINEAR, LINEAR.replace("weight_hh", "weight_hh.detach()")),
    ("gradient_missing", "return new_h, new_c", "return new_h.detach(), new_c.detach()"),
]

CELL = """
    class Cell(nn.Module):
        def __init__(self, input_size, hidden_size):
            super().__init__()
            self.weight_ih = nn.Parameter(torch.randn(4 * hidden_size, input_size))
            self.weight_hh = nn.Parameter(torch.randn(4 * hidden_size, hidden_size))
            self.bias_ih = nn.Parameter(torch.randn(4 * hidden_size))
            self.bias_hh = nn.Parameter(torch.randn(4 * hidden_size))

        def forward(self, x, hx):
            h, c = hx
            a = x @ self.weight_ih.T + self.bias_ih
            a = a + h @ self.weight_hh.T + self.bias_hh
            i, f, g, o = a.chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(c), c
"""

_W = "self.weight_ih = nn.Parameter(torch.randn(4 * hidden_size, input_size))"
_B = "self.bias_hh = nn.Parameter(torch.randn(4 * hidden_size))"
CELL_SLIPS = [
    ("weights_transposed", (_W, _W.replace("4 * hidden_size, input_size", "input_size, 4 * hidden_size")), ("self.weight_ih.T", "self.weight_ih")),
    ("not_parameters", (_W, "self.weight_ih = torch.randn(4 * hidden_size, input_size)")),
    ("parameter_names", (_B, "self.b = nn.Parameter(torch.zeros(4 * hidden_size))"), ("self.bias_hh\n", "self.b\n")),
    ("bias_hh_missing", (_B, "pass"), ("self.weight_hh.T + self.bias_hh", "self.weight_hh.T")),
    ("states_returned_swapped", ("return torch.sigmoid(o) * torch.tanh(c), c", "return c, torch.sigmoid(o) * torch.tanh(c)")),
]  # fmt: skip

LSTM = """
    class MyLSTM(nn.Module):
        def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False,
                     dropout=0.0, bidirectional=False):
            super().__init__()
            self.hidden_size, self.num_layers, self.bias = hidden_size, num_layers, bias
            self.batch_first, self.p = batch_first, dropout
            self.ways = ["", "_reverse"] if bidirectional else [""]
            for layer in range(num_layers):
                features = input_size if layer == 0 else hidden_size * len(self.ways)
                for way in self.ways:
                    s = f"_l{layer}{way}"
                    self.make("weight_ih" + s, 4 * hidden_size, features)
                    self.make("weight_hh" + s, 4 * hidden_size, hidden_size)
                    if bias:
                        self.make("bias_ih" + s, 4 * hidden_size)
                        self.make("bias_hh" + s, 4 * hidden_size)

        def make(self, name, *shape):
            self.register_parameter(name, nn.Parameter(torch.randn(shape)))

        def forward(self, x, hx=None):
            if isinstance(x, rnn.PackedSequence):
                return self.packed(x, hx)
            if self.batch_first:
                x = x.transpose(0, 1)
            output, states = self.run(x, hx)
            return output.transpose(0, 1) if self.batch_first else output, states

        def packed(self, x, hx):
            x, lengths = rnn.pad_packed_sequence(x)
            rows = []
            for n, length in enumerate(lengths.tolist()):
                own = None if hx is None else (hx[0][:, n:n + 1], hx[1][:, n:n + 1])
                rows.append(self.run(x[:length, n:n + 1], own))
            output = rnn.pad_sequence([output[:, 0] for output, _ in rows])
            h_n = torch.cat([h for _, (h, _) in rows], 1)
            c_n = torch.cat([c for _, (_, c) in rows], 1)
            return rnn.pack_padded_sequence(output, lengths, enforce_sorted=False), (h_n, c_n)

        def run(self, x, hx):
            if hx is None:
                zeros = x.new_zeros(len(self.ways) * self.num_layers, x.size(1), self.hidden_size)
                hx = zeros, zeros
            h_n, c_n, k = [], [], 0
            for layer in range(self.num_layers):
                halves = []
                for way in self.ways:
                    h, c = hx[0][k], hx[1][k]
                    k += 1
                    s = f"_l{layer}{way}"
                    outputs = []
                    for step in (x.flip(0) if way else x):
                        h, c = self.step(step, h, c, s)
                        outputs.append(h)
                    outputs = torch.stack(outputs)
                    halves.append(outputs.flip(0) if way else outputs)
                    h_n.append(h)
                    c_n.append(c)
                x = torch.cat(halves, dim=-1)
                if layer < self.num_layers - 1:
                    x = F.dropout(x, self.p, self.training)
                first = x if layer == 0 else first
            return x, (torch.stack(h_n), torch.stack(c_n))

        def step(self, x, h, c, s):
            a = x @ getattr(self, "weight_ih" + s).T + h @ getattr(self, "weight_hh" + s).T
            if self.bias:
                a = a + getattr(self, "bias_ih" + s) + getattr(self, "bias_hh" + s)
            i, f, g, o = a.chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(c), c
"""

_RETURN = "return x, (torch.stack(h_n), torch.stack(c_n))"
_DIRECTIONS_FIRST = ".unflatten(0, (-1, len(self.ways))).transpose(0, 1).flatten(0, 1)"
_UPSIDE_DOWN = ".unflatten(0, (-1, len(self.ways))).flip(0).flatten(0, 1)"


def _both(change: str) -> tuple[str, str]:
    return _RETURN, f"return x, (torch.stack(h_n){change}, torch.stack(c_n){change})"


LSTM_SLIPS = [
    ("gate_order", ("i, f, g, o = a", "i, f, o, g = a")),
    ("bias_hh_missing", (' + getattr(self, "bias_hh" + s)', "")),
    ("tanh_missing_on_c", ("torch.sigmoid(o) * torch.tanh(c)", "torch.sigmoid(o) * c")),
    ("states_detached", ("outputs.append(h)", "outputs.append(h); h, c = h.detach(), c.detach()")),
    ("states_returned_swapped", (_RETURN, "return x, (torch.stack(c_n), torch.stack(h_n))")),
    ("states_input_swapped", ("h, c = hx[0][k], hx[1][k]", "c, h = hx[0][k], hx[1][k]")),
    ("directions_swapped", ("torch.cat(halves, dim=-1)", "torch.cat(halves[::-1], dim=-1)")),
    ("direction_weights_swapped", ("outputs = []", 's = f"_l{layer}" + ("" if way or len(self.ways) == 1 else "_reverse"); outputs = []')),
    ("reverse_weights_reused", ("outputs = []", 's = f"_l{layer}"; outputs = []')),
    ("reverse_not_flipped_back", ("outputs.flip(0) if way else outputs", "outputs")),
    ("reverse_not_reversed", ("x.flip(0) if way else x", "x"), ("outputs.flip(0) if way else outputs", "outputs")),
    ("h_n_reverse_last_step", ("h_n.append(h)", "h_n.append(halves[-1][-1])")),
    ("h_n_wrong_layer", _both("[-len(self.ways):]")),
    ("h_n_wrong_layer", _both("[:len(self.ways)]")),
    ("h_n_layers_reversed", _both(_UPSIDE_DOWN)),
    ("h_n_directions_first", _both(_DIRECTIONS_FIRST)),
    ("h_n_batch_first", _both(".transpose(0, 1)")),
    ("first_layer_output", (_RETURN, _RETURN.replace("x,", "first,"))),
    ("layer_weights_reused", ("outputs = []", 's = f"_l0{way}"; outputs = []')),
    ("layer_weights_reused", ("outputs = []", 's = f"_l{min(layer, 1)}{way}"; outputs = []')),
    ("hx_ignored", ("if hx is None:", "if True:")),
    ("hx_first_layer_only", ("h, c = hx[0][k], hx[1][k]", "h, c = hx[0][0], hx[1][0]")),
    ("state_carried_between_layers", ("h, c = hx[0][k], hx[1][k]", "h, c = (hx[0][0], hx[1][0]) if k == 0 else (h, c)")),
    ("dropout_after_last", ("if layer < self.num_layers - 1:", "if True:")),
    ("dropout_missing", ("if layer < self.num_layers - 1:", "if False:")),
    ("dropout_in_eval", ("F.dropout(x, self.p, self.training)", "F.dropout(x, self.p)")),
    ("dropout_on_input", ("h_n, c_n, k = [], [], 0", "h_n, c_n, k = [], [], 0; x = F.dropout(x, self.p, self.training)")),
    ("batch_first_ignored", ("if self.batch_first:", "if False:"), ("output.transpose(0, 1) if self.batch_first else output", "output")),
    ("batch_first_always", ("if self.batch_first:", "if True:"), ("output.transpose(0, 1) if self.batch_first else output", "output.transpose(0, 1)")),
    ("output_not_batch_first", ("output.transpose(0, 1) if self.batch_first else output", "output")),
    ("random", ("zeros = x.new_zeros(", "zeros = torch.randn_like(x.new_zeros("), ("x.size(1), self.hidden_size)\n", "x.size(1), self.hidden_size))\n")),
    ("random", ("F.dropout(x, self.p, self.training)", "F.dropout(x, training=self.training)")),
    ("state_kept", ("if hx is None:", 'hx = getattr(self, "kept", None) if hx is None else hx; self.kept = None\n        if hx is None:'), (_RETURN, "self.kept = torch.stack(h_n), torch.stack(c_n); return x, self.kept")),
    ("return_form", (_RETURN, "return x, torch.stack(h_n), torch.stack(c_n)"), ("output, states = self.run(x, hx)\n", "output, *states = self.run(x, hx)\n"), ("if self.batch_first else output, states", "if self.batch_first else output, *states")),
    ("padding_not_ignored", ("x, lengths = rnn.pad_packed_sequence(x)", "x, lengths = rnn.pad_packed_sequence(x); output, states = self.run(x, hx); return rnn.pack_padded_sequence(output, lengths, enforce_sorted=False), states")),
]  # fmt: skip
