"""Right steps of the declared variants as a reader would type them, and slips in them."""

COUPLED = """
    def step(x, hx, weight_ih, weight_hh, bias_ih, bias_hh):
        h, c = hx
        a = F.linear(x, weight_ih, bias_ih) + F.linear(h, weight_hh, bias_hh)
        f, g, o = a.chunk(3, dim=1)
        f, o = torch.sigmoid(f), torch.sigmoid(o)
        g = torch.tanh(g)
        c = f * c + (1 - f) * g
        return o * torch.tanh(c), c
"""

PEEPHOLE = """
    def step(x, hx, weight_ih, weight_hh, bias_ih, bias_hh, peephole):
        h, c = hx
        p_i, p_f, p_o = peephole
        a = F.linear(x, weight_ih, bias_ih) + F.linear(h, weight_hh, bias_hh)
        i, f, g, o = a.chunk(4, dim=1)
        i, f = torch.sigmoid(i + p_i * c), torch.sigmoid(f + p_f * c)
        new_c = f * c + i * torch.tanh(g)
        o = torch.sigmoid(o + p_o * new_c)
        return o * torch.tanh(new_c), new_c
"""

LAYER_NORM = """
    def step(x, hx, weight_ih, weight_hh, bias_ih, bias_hh, gain_ih, gain_hh, gain_c, bias_c):
        h, c = hx
        rows, cells = gain_ih.shape, gain_c.shape
        a = F.layer_norm(x @ weight_ih.T, rows, gain_ih, bias_ih)
        a = a + F.layer_norm(h @ weight_hh.T, rows, gain_hh, bias_hh)
        i, f, g, o = a.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        seen = F.layer_norm(c, cells, gain_c, bias_c)
        return o.sigmoid() * seen.tanh(), c
"""

RIGHT = {"coupled": COUPLED, "peephole": PEEPHOLE, "layer_norm": LAYER_NORM}
NORM_IH = "F.layer_norm(x @ weight_ih.T, rows, gain_ih, bias_ih)"
NORM_HH = "a + F.layer_norm(h @ weight_hh.T, rows, gain_hh, bias_hh)"
NORM_C = "F.layer_norm(c, cells, gain_c, bias_c)"
PER_GATE = "torch.cat([F.layer_norm(t, cells) for t in ({} @ {}.T).chunk(4, dim=1)], dim=1)"
PER_GATE_IH = PER_GATE.format("x", "weight_ih") + " * gain_ih + bias_ih"
PER_GATE_HH = "a + " + PER_GATE.format("h", "weight_hh") + " * gain_hh + bias_hh"
SUM = "F.layer_norm(x @ weight_ih.T + h @ weight_hh.T, rows, gain_ih, bias_ih)"
SLIPS: list[tuple] = [
    ("coupled", "coupled_reversed", ("f * c + (1 - f) * g", "(1 - f) * c + f * g")),
    ("coupled", "gate_order", ("f, g, o = a", "f, o, g = a")),
    ("coupled", "forget_gate_missing", ("f * c +", "c +")),
    ("coupled", "input_gate_missing", ("(1 - f) * g", "g")),
    ("coupled", "bias_hh_missing", ("F.linear(h, weight_hh, bias_hh)", "h @ weight_hh.T")),
    ("coupled", "sigmoid_missing", ("f, o = torch.sigmoid(f), ", "o = ")),
    ("coupled", "states_detached", ("h, c = hx", "h, c = hx[0], hx[1].detach()")),
    ("coupled", "raised", ("f, g, o = a.chunk(3, dim=1)", "i, f, g, o = a.chunk(4, dim=1)")),
    ("peephole", "peephole_missing", ("i + p_i * c", "i"), ("f + p_f * c", "f")),
    ("peephole", "peephole_missing", ("o + p_o * new_c", "o")),
    (
        "peephole", "peephole_missing",
        ("i + p_i * c", "i"), ("f + p_f * c", "f"), ("o + p_o * new_c", "o"),
    ),
    ("peephole", "peephole_old_c", ("p_o * new_c", "p_o * c")),
    (
        "peephole", "peephole_sees_h",
        ("p_i * c", "p_i * h"), ("p_f * c", "p_f * h"), ("p_o * new_c", "p_o * h"),
    ),
    ("peephole", "peephole_order", ("p_i, p_f, p_o = ", "p_f, p_i, p_o = ")),
    ("peephole", "input_forget_swapped", ("i, f, g, o = a", "f, i, g, o = a")),
    ("peephole", "tanh_missing_on_g", ("torch.tanh(g)", "g")),
    ("layer_norm", "norm_missing", (NORM_IH, "gain_ih * (x @ weight_ih.T) + bias_ih")),
    ("layer_norm", "norm_missing", (NORM_HH, "a + gain_hh * (h @ weight_hh.T) + bias_hh")),
    ("layer_norm", "norm_missing", (NORM_C, "gain_c * c + bias_c")),
    ("layer_norm", "norm_of_sum", (NORM_IH, SUM), (NORM_HH, "a + bias_hh")),
    ("layer_norm", "norm_per_gate", (NORM_IH, PER_GATE_IH), (NORM_HH, PER_GATE_HH)),
    (
        "layer_norm", "norm_bias_inside",
        (NORM_IH, "F.layer_norm(x @ weight_ih.T + bias_ih, rows, gain_ih)"),
        (NORM_HH, "a + F.layer_norm(h @ weight_hh.T + bias_hh, rows, gain_hh)"),
    ),
    ("layer_norm", "norm_c_carried", ("seen.tanh(), c", "seen.tanh(), seen")),
    ("layer_norm", "gate_order", ("i, f, g, o = a", "i, f, o, g = a")),
    ("layer_norm", "c_squashed", ("seen.tanh(), c", "seen.tanh(), c.tanh()")),
]  # fmt: skip
