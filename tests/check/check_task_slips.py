# ruff: noqa: E501 (tables, one slip a line)
"""The smaller exercises: right solutions, and wrong ones with the mistake that each makes."""

from functools import partial

from lstm_tutorial import check

_OPEN = "def fn(weight):\n    "


class Gates:
    check = staticmethod(check.gates)
    right = (
        _OPEN + "return dict(zip('ifgo', weight.chunk(4)))",
        _OPEN + "h = len(weight) // 4\n    return {g: weight[k * h:(k + 1) * h] "
        "for k, g in enumerate('ifgo')}",
    )
    slips = (
        ("gate_order", _OPEN + "return dict(zip('iofg', weight.chunk(4)))"),
        ("input_forget_swapped", _OPEN + "return dict(zip('figo', weight.chunk(4)))"),
        ("gates_interleaved", _OPEN + "return {g: weight[k::4] for k, g in enumerate('ifgo')}"),
        ("cut_along_features", _OPEN + "return dict(zip('ifgo', weight.chunk(4, dim=-1)))"),
        ("return_form", _OPEN + "return weight.chunk(4)"),
        ("gradient_missing", _OPEN + "return dict(zip('ifgo', weight.detach().chunk(4)))"),
        ("nothing_returned", _OPEN + "dict(zip('ifgo', weight.chunk(4)))"),
    )


class OnnxOrder:
    check = staticmethod(check.to_onnx_order)
    right = (_OPEN + "i, f, g, o = weight.chunk(4)\n    return torch.cat([i, o, f, g])",)
    slips = (
        ("order_unchanged", _OPEN + "return weight"),
        ("permutation_inverted", _OPEN + "i, o, f, g = weight.chunk(4)\n    return torch.cat([i, f, g, o])"),
        ("other_order", _OPEN + "i, f, g, o = weight.chunk(4)\n    return torch.cat([i, o, g, f])"),
    )  # fmt: skip


_FORGET = """
def fn(lstm):
    h = lstm.hidden_size
    for name, bias in lstm.named_parameters():
        if {names}:
            bias.data[{block}] = {value}
"""


def _forget(names="'bias' in name", block="h:2 * h", value="float('ih' in name)") -> str:
    return _FORGET.format(names=names, block=block, value=value)


class ForgetBias:
    check = staticmethod(check.forget_bias)
    right = (_forget(), _forget(value="0.5"), _forget(value="1.0 - ('ih' in name)"))
    slips = (
        ("forget_bias_two", _forget(value="1.0")),
        ("forget_bias_two", _forget(value="1.0").replace("bias.data[", "bias.data.fill_(0); bias.data[")),
        ("forget_bias_leftover", _forget("'bias_ih' in name")),
        ("forget_bias_leftover", _forget("'bias_hh' in name", value="1.0")),
        ("forget_bias_added", _forget("'bias_ih' in name", value="bias.data[h:2 * h] + 1")),
        ("wrong_gate_block", _forget(block=":h")),
        ("wrong_gate_block", _forget(block="2 * h:3 * h")),
        ("wrong_gate_block", _forget("'bias_ih' in name", "-h:", "1.0")),
        ("whole_bias_set", _forget(block=":")),
        ("whole_bias_set", _forget(block=":", value="1.0")),
        ("only_first_layer_set", _forget("'bias' in name and '_l0' in name")),
        ("only_first_layer_set", _forget("name.startswith('bias') and name.endswith('l0')")),
        ("only_forward_set", _forget("'bias' in name and 'reverse' not in name")),
        ("parameter_names", "def fn(lstm):\n    lstm.requires_grad_(False)"),
    )  # fmt: skip


_COUNT = """
def fn(input_size, hidden_size, num_layers, bias, bidirectional, proj_size):
    d = {d}
    h_out = {h_out}
    total = 0
    for layer in range({layers}):
        h_in = input_size if layer == 0 else {upper}
        total += d * {gates} * hidden_size * (h_in + {columns} + {bias})
        total += {projection}
    return total
"""


def _count(**changes: str) -> str:
    parts = {"d": "1 + bidirectional", "h_out": "proj_size or hidden_size"}
    parts |= {"layers": "num_layers", "upper": "d * h_out", "gates": "4", "columns": "h_out"}
    parts |= {"bias": "2 * bias", "projection": "d * proj_size * hidden_size"}
    return _COUNT.format(**parts | changes)


class Count:
    check = staticmethod(check.parameter_count)
    right = (_count(),)
    slips = (
        ("one_bias_vector", _count(bias="bias")),
        ("biases_not_counted", _count(bias="0")),
        ("bias_always_counted", _count(bias="2")),
        ("direction_not_counted", _count(d="1")),
        ("one_layer_counted", _count(layers="1")),
        ("first_input_everywhere", _count(upper="input_size")),
        ("one_direction_feeds", _count(upper="h_out")),
        ("projection_not_counted", _count(h_out="hidden_size", projection="0")),
        ("projection_weight_missing", _count(projection="0")),
        ("weight_hh_not_projected", _count(columns="hidden_size")),
        ("wrong_gate_count", _count(gates="3")),
        ("return_form", _count(projection="0.0")),
    )


_POOL = "def fn(output, lengths):\n    steps = torch.arange(output.size(1))\n    "
_MASK = "mask = (steps < lengths[:, None])[:, :, None]\n    "


class MaskedMax:
    check = staticmethod(check.masked_max)
    right = (
        _POOL + _MASK + "return output.masked_fill(~mask, -torch.inf).amax(1)",
        _POOL + _MASK + "return torch.where(mask, output, -torch.inf).max(dim=1).values",
        _POOL + "return torch.stack([row[:n].amax(0) for row, n in zip(output, lengths)])",
    )
    slips = (
        ("padding_not_ignored", _POOL + "return output.amax(1)"),
        ("padding_as_zero", _POOL + _MASK + "return (output * mask).amax(1)"),
        ("off_by_one", _POOL + "mask = (steps <= lengths[:, None])[:, :, None]\n    "
                               "return output.masked_fill(~mask, -torch.inf).amax(1)"),
        ("off_by_one", _POOL + "mask = (steps < lengths[:, None] - 1)[:, :, None]\n    "
                               "return output.masked_fill(~mask, -torch.inf).amax(1)"),
        ("max_not_unpacked", _POOL + _MASK + "return output.masked_fill(~mask, -torch.inf).max(1)"),
        ("pooled_wrong_axis", _POOL + "return output.amax(-1)"),
        ("mean_taken", _POOL + _MASK + "return (output * mask).sum(1) / lengths[:, None]"),
    )  # fmt: skip


_TURN = "def fn(padded, lengths):\n    "


class UnpadReverse:
    check = staticmethod(check.unpad_reverse)
    right = (
        _TURN + "return torch.stack([torch.cat([row[:n].flip(0), row[n:]]) "
                "for row, n in zip(padded, lengths)])",
    )  # fmt: skip
    slips = (
        ("not_reversed", _TURN + "return padded.clone()"),
        ("padding_reversed", _TURN + "return padded.flip(1)"),
        ("reversed_wrong_axis", _TURN + "return padded.flip(0)"),
        ("reversed_wrong_axis", _TURN + "return padded.flip(-1)"),
        ("off_by_one", _TURN + "return torch.stack([torch.cat([row[:n + 1].flip(0), row[n + 1:]]) "
                               "for row, n in zip(padded, lengths)])"),
        ("off_by_one", _TURN + "return torch.stack([torch.cat([row[:n - 1].flip(0), row[n - 1:]]) "
                               "for row, n in zip(padded, lengths)])"),
    )  # fmt: skip


_PACK = "def fn(padded, lengths):\n    n, length = padded.shape[:2]\n    "
_SIZES = "sizes = [int((lengths > t).sum()) for t in range(int(lengths.max()))]\n    "
_DATA = "data = torch.cat([padded[:k, t] for t, k in enumerate(sizes)])\n    "
_ROWS = "data = torch.cat([row[:k] for row, k in zip(padded, lengths)])\n    "


class Pack:
    check = staticmethod(check.pack_by_hand)
    right = (
        _PACK + _SIZES + _DATA + "return data, sizes",
        _PACK + _SIZES + _DATA + "return data, torch.tensor(sizes)",
        _PACK + "return rnn.pack_padded_sequence(padded, lengths, batch_first=True)",
    )
    slips = (
        ("rows_one_after_another", _PACK + _SIZES + _ROWS + "return data, sizes"),
        ("rows_one_after_another", _PACK + _ROWS + "return data, lengths"),
        ("padding_not_ignored", _PACK + "return padded.transpose(0, 1).flatten(0, 1), [n] * length"),
        ("lengths_as_batch_sizes", _PACK + _SIZES + _DATA + "return data, lengths"),
    )  # fmt: skip


_ORDER = "order = lengths.argsort(descending=True)\n    "
_SORT = "padded, lengths = padded[order], lengths[order]\n    "


class PackSorting:
    check = staticmethod(partial(check.pack_by_hand, enforce_sorted=False))
    right = (
        _PACK + _ORDER + _SORT + _SIZES + _DATA + "return data, sizes, order",
        _PACK + "return rnn.pack_padded_sequence(padded, lengths, True, enforce_sorted=False)",
    )
    slips = (
        ("indices_inverted", _PACK + _ORDER + _SORT + _SIZES + _DATA
         + "return data, sizes, order.argsort()"),
        ("rows_not_sorted", _PACK + _SIZES
         + "data = torch.cat([padded[lengths > t, t] for t in range(len(sizes))])\n    "
         + "return data, sizes, torch.arange(n)"),
        ("sorted_ascending", _PACK + "order = lengths.argsort()\n    " + _SORT + _SIZES
         + "data = torch.cat([padded[lengths > t, t] for t in range(len(sizes))])\n    "
         + "return data, sizes, order"),
    )  # fmt: skip


_LAST = "def fn(output, h_n, lengths):\n    h = output.size(-1) // 2\n    rows = torch.arange(len(lengths))\n    "  # fmt: skip


class LastState:
    check = staticmethod(check.last_state)
    right = (
        "def fn(output, h_n):\n    return torch.cat([h_n[-2], h_n[-1]], dim=1)",
        _LAST + "return h_n[-2:].transpose(0, 1).flatten(1)",
        _LAST + "return torch.cat([output[rows, lengths - 1, :h], output[:, 0, h:]], dim=1)",
    )
    slips = (
        ("last_padded_step", _LAST + "return output[:, -1]"),
        ("reverse_at_last_step", _LAST + "return output[rows, lengths - 1]"),
        ("taken_at_first_step", _LAST + "return output[:, 0]"),
        ("forward_at_padded_end", _LAST + "return torch.cat([output[:, -1, :h], output[:, 0, h:]], 1)"),
        ("directions_swapped", _LAST + "return torch.cat([h_n[-1], h_n[-2]], 1)"),
        ("h_n_wrong_layer", _LAST + "return torch.cat([h_n[0], h_n[1]], 1)"),
        ("h_n_wrong_layer", _LAST + "return h_n.transpose(0, 1).flatten(1)"),
        ("layers_mixed", _LAST + "return torch.cat([h_n[0], h_n[-1]], 1)"),
        ("one_direction_only", _LAST + "return h_n[-1]"),
        ("rows_mixed", _LAST + "return h_n[-2:].reshape(len(lengths), -1)"),
        ("gradient_missing", _LAST + "return torch.cat([h_n[-2], h_n[-1]], 1).detach()"),
    )  # fmt: skip


class LastStateTimeMajor:
    check = staticmethod(partial(check.last_state, batch_first=False))
    right = (_LAST + "return torch.cat([output[lengths - 1, rows, :h], output[0, :, h:]], dim=1)",)
    slips = (
        ("last_padded_step", _LAST + "return output[-1]"),
        ("reverse_at_last_step", _LAST + "return output[lengths - 1, rows]"),
    )


_RUN = "def fn(lstm, padded, lengths):\n    "
_PACKED = "packed = rnn.pack_padded_sequence({x}, {n}, batch_first=True, enforce_sorted=False)\n    output, (h_n, c_n) = lstm(packed)\n    "  # fmt: skip
_UNPACK = "length = padded.size(1)\n    output, _ = rnn.pad_packed_sequence(output, batch_first=True, total_length=length)\n    return output, h_n"  # fmt: skip


class PackedRun:
    check = staticmethod(check.packed_run)
    right = (
        _RUN + _PACKED.format(x="padded", n="lengths") + _UNPACK,
        _RUN + "from lstm_tutorial import ragged\n    "
               "output, (h_n, _) = ragged.run(lstm, padded, lengths)\n    return output, h_n",
    )  # fmt: skip
    slips = (
        ("padding_not_ignored", _RUN + "output, (h_n, _) = lstm(padded)\n    return output, h_n"),
        ("rows_left_sorted", _RUN + "order = lengths.argsort(descending=True)\n    "
         + _PACKED.format(x="padded[order]", n="lengths[order]") + _UNPACK),
        ("output_cut_off", _RUN + _PACKED.format(x="padded", n="lengths")
         + _UNPACK.replace(", total_length=length", "")),
        ("output_not_batch_first", _RUN + _PACKED.format(x="padded", n="lengths")
         + _UNPACK.replace(", batch_first=True", "")),
        ("h_n_batch_first", _RUN + _PACKED.format(x="padded", n="lengths")
         + _UNPACK.replace("output, h_n", "output, h_n.transpose(0, 1)")),
    )  # fmt: skip


_CHUNKS = """
def fn(lstm, chunks):
    outputs, state = [], None
    for chunk in chunks:
        output, {got} = lstm(chunk, state)
        {carry}
        outputs.append(output)
    return {joined}
"""


def _chunks(carry: str, got: str = "state", joined: str = "torch.cat(outputs)") -> str:
    return _CHUNKS.format(got=got, carry=carry, joined=joined)


class Chunks:
    check = staticmethod(check.detach_chunks)
    right = (
        _chunks("state = tuple(s.detach() for s in state)"),
        _chunks("state = (h.detach(), c.detach())", "(h, c)"),
    )
    slips = (
        ("not_detached", _chunks("pass")),
        ("one_state_detached", _chunks("state = (h.detach(), c)", "(h, c)")),
        ("one_state_detached", _chunks("state = (h, c.detach())", "(h, c)")),
        ("state_not_carried", _chunks("state = None")),
        ("last_chunk_only", _chunks("state = tuple(s.detach() for s in state)", joined="output")),
    )


TASKS = [Gates, OnnxOrder, ForgetBias, Count, MaskedMax, UnpadReverse, Pack, PackSorting]
TASKS += [LastState, LastStateTimeMajor, PackedRun, Chunks]
