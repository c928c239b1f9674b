"""Packed results at padded speed, for any ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``.

On a CPU, torch hands a padded batch to one kernel, for ``nn.LSTM`` mostly a fused one (oneDNN), but
walks a ``PackedSequence`` step by step, and where lengths differ, the time of its backward pass
grows with the square of the number of steps. Padded runs can give the packed results all the same:

- where lengths differ much, the steps are cut into blocks, and each block is run padded, with those
  sequences alone that are still going on when it begins: little is computed for nothing;
- padding comes after the valid steps, so the forward direction reads it too late to be affected;
- the reverse direction reads each row backwards *within its own length*, so that for it, too,
  padding comes last, and its outputs are turned back afterwards;
- the last valid output of each row is its ``h_n``;
- an extra input feature, 1 on padding and 0 elsewhere, holds the forget gate at 1 and the input
  gate at 0 there, so that the cell state stays as it was: that is ``c_n``. States of zeros stay
  zeros, so an LSTM that begins with them may meet padding first, and needs no turning.

This file needs torch and nothing else: copy it into your own project if you like.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

KERNELS: dict[str, Callable[..., tuple[Tensor, ...]]] = {"LSTM": torch.lstm, "GRU": torch.gru}
KERNELS |= {"RNN_TANH": torch.rnn_tanh, "RNN_RELU": torch.rnn_relu}
# sigmoid(1e4) is 1 and sigmoid(-1e4) is 0, exactly, in every floating-point type; so they are with
# what else a preactivation holds on padding, b + W_hh h, as long as that stays well below 1e4.
SATURATED = 1e4
# Cost of one more kernel call on a CPU, timed with nn.LSTM: laying the weights out again takes
# as long as some rows, whatever their width; and there is a fixed cost, in multiplications.
ROWS, MULTIPLICATIONS = 64, 2**23
DIRECTIONS = ("forward", "reverse")

States = Tensor | tuple[Tensor, Tensor]


class Plan(NamedTuple):
    """A batch's division into blocks, and the places of its rows.

    One row holds one step of one sequence. The rows are in one of three layouts: ``batch``, step
    after step, as they were given; ``forward``, block after block, in each of them step after step,
    the longest sequence first; and ``reverse``, the same with each sequence reversed.

    Args:
        blocks: how many steps, of how many sequences, each block has.
        order: int64 (N,), the sequences, longest first.
        last: int64 (N,), where each sequence of the batch ends, in ``forward`` and ``reverse``.
        sizes: how many rows each layout has.
        padding: which rows of each layout are padding, int64.
        moves: for a layout and another, int64, the rows of the former that make up the latter; on
            padding any row, which is overwritten.
    """

    blocks: list[tuple[int, int]]
    order: Tensor
    last: Tensor
    sizes: dict[str, int]
    padding: dict[str, Tensor]
    moves: dict[tuple[str, str], Tensor]

    def to(self, device: torch.device) -> "Plan":
        """The same on a device."""
        return Plan(
            self.blocks,
            self.order.to(device),
            self.last.to(device),
            self.sizes,
            {layout: rows.to(device) for layout, rows in self.padding.items()},
            {layouts: rows.to(device) for layouts, rows in self.moves.items()},
        )


def run(
    rnn: nn.LSTM | nn.GRU | nn.RNN,
    input: Tensor,
    lengths: Tensor | Sequence[int],
    hx: States | None = None,
    batch_first: bool | None = None,
) -> tuple[Tensor, States]:
    """Run a recurrent module over rows of unequal length, as if they had been packed.

    Equal to ``pack_padded_sequence(..., enforce_sorted=False)``, the module, and
    ``pad_packed_sequence(..., total_length=L)``, gradients and dropout masks included. What the
    padding holds, NaN included, makes no difference.

    The module lends its weights and is not called: its forward hooks do not run. On a CPU, autocast
    changes nothing: input and states are converted to the dtype of the weights, and that is the
    dtype of the results. (torch's own kernel refuses autocast on a processor without bfloat16.) In
    blocks, ``torch.func`` cannot differentiate this, as it cannot a packed call.

    Args:
        rnn: any ``torch.nn.LSTM``, ``GRU`` or ``RNN``.
        input: float (L, N, H_in), or (N, L, H_in) where batch_first.
        lengths: whole numbers (N,), each between 1 and L, in any order.
        hx: the initial state or states, as the module takes them; zeros where None.
        batch_first: the layout of input and output; None means the module's own.

    Returns:
        output, float, shaped like the input with D*H_out features, zero on padding, and a view of
        (L, N, D*H_out) where batch_first; and the final states as the module returns them, each
        row's taken at its own last valid step.

    Raises:
        ValueError: if the input is not 3-D, if the lengths are not whole numbers or do not fit it,
            or if the module takes other states, or states of another dtype.
        ValueError, RuntimeError: torch's own, if the input has not the module's dtype or features.
        TypeError: if the input is packed, or the module another one.
    """
    if not isinstance(getattr(rnn, "_orig_mod", rnn), nn.RNNBase):  # itself, or what was compiled
        came = f"{type(rnn).__module__}.{type(rnn).__name__}"
        raise TypeError(f"expected a torch.nn.LSTM, GRU or RNN, got {came}")
    batch_first = rnn.batch_first if batch_first is None else batch_first
    if isinstance(input, PackedSequence):
        raise TypeError("expected the padded batch itself and its lengths, got a PackedSequence")
    if input.dim() != 3:
        raise ValueError(f"expected a 3-D batch, got {input.dim()}-D: use the module itself")
    if input.is_cpu and torch.is_autocast_enabled("cpu"):
        input, hx = (_converted(given, _weight(rnn, "ih").dtype) for given in (input, hx))
        with torch.autocast("cpu", enabled=False):
            return run(rnn, input, lengths, hx, batch_first)
    x = input.transpose(0, 1) if batch_first else input
    if torch.compiler.is_exporting():
        output, ends = _run_packed(rnn, x, lengths, hx)
        return output.transpose(0, 1) if batch_first else output, ends
    lengths = _checked_lengths(x, lengths, batch_first)
    rnn._update_flat_weights()  # which check_input reads: functional_call leaves them behind
    rnn.check_input(x, None)
    states = _initial_states(rnn, x, hx)
    blocks = cut_blocks(lengths, _rows_per_call(rnn, x))
    if blocks == [x.shape[:2]] and _can_run_whole(rnn, hx):
        output, finals = _run_whole(rnn, x, states, lengths.to(x.device))
    else:
        output, finals = _run_blocks(rnn, x, states, _plan(blocks, lengths, len(x)).to(x.device))
    output = output.transpose(0, 1) if batch_first else output
    return output, (finals[0], finals[1]) if rnn.mode == "LSTM" else finals[0]


def _run_packed(rnn: nn.RNNBase, x: Tensor, lengths: Any, hx: Any) -> tuple[Tensor, States]:
    """Run what the exporters of ``lstm_tutorial.export`` replace: torch's cannot follow lengths."""
    if type(rnn).forward.__module__ == nn.LSTM.__module__:
        raise RuntimeError(
            "expected lengths to be exported by lstm_tutorial.export.to_onnx or to_pt2, "
            "got torch.export alone, which cannot follow them"
        )
    output, finals = rnn(pack_padded_sequence(x, torch.as_tensor(lengths).cpu()), hx)
    return pad_packed_sequence(output, total_length=x.size(0))[0], finals


def _rows_per_call(rnn: nn.RNNBase, x: Tensor) -> int:
    """How many rows cost as much as one more call."""
    if rnn.mode == "RNN_RELU":  # its state may grow on padding until it overflows: allow none
        return 0
    if not x.is_cpu:  # a kernel that is launched once takes all steps
        return x.numel()
    per_row = _weight(rnn, "ih").numel() + _weight(rnn, "hh").numel()
    per_row += _weight(rnn, "hr").numel() if rnn.proj_size > 0 else 0
    return ROWS + MULTIPLICATIONS // per_row


def _weight(rnn: nn.RNNBase, part: str) -> Tensor:
    """A weight of the first layer's forward direction."""
    return getattr(rnn, f"weight_{part}_l0")


def cut_blocks(lengths: Tensor, rows_per_call: int) -> list[tuple[int, int]]:
    """Cut steps into blocks, each of which is one call of the kernel.

    A block ends as soon as two things hold: its padding has cost as much as another call would, and
    to carry on the sequences that have ended, through all steps that are left, would cost as much
    again.

    Args:
        lengths: int64 (N,).
        rows_per_call: how many rows, steps of one sequence, cost as much as another call; with 0
            no padding is left.

    Returns:
        How many steps, of how many sequences, each block has, as far as the longest goes.
    """
    each = lengths.tolist()
    steps, n = max(each), len(each)
    if steps * n - sum(each) < 2 * rows_per_call:  # all the padding there is: both cannot hold
        return [(steps, n)]
    running = (torch.arange(steps)[:, None] < lengths).sum(1).tolist()
    blocks, start, padding = [], 0, 0
    for t in range(1, steps):
        padding += running[start] - running[t - 1]
        saved = (running[start] - running[t]) * (steps - t)
        if saved > 0 and min(padding, saved) >= rows_per_call:
            blocks.append((t - start, running[start]))
            start, padding = t, 0
    return [*blocks, (steps - start, running[start])]


def _can_run_whole(rnn: nn.RNNBase, hx: States | None) -> bool:
    """Whether padding leaves the states as they are in each direction, and no mask is drawn."""
    starts_right = hx is None or not rnn.bidirectional
    draws = rnn.training and rnn.dropout > 0 and rnn.num_layers > 1
    return rnn.mode == "LSTM" and starts_right and not draws


def _run_whole(
    lstm: nn.RNNBase, x: Tensor, hx: tuple[Tensor, ...], lengths: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run all steps of all sequences at once, without turning any."""
    padding = (torch.arange(len(x), device=x.device)[:, None] >= lengths)[..., None]
    last = (lengths - 1)[None, :, None].expand(-1, -1, lstm.proj_size or lstm.hidden_size)
    weights, directions = _with_freezing_columns(lstm), 2 if lstm.bidirectional else 1
    output, mark = x.masked_fill(padding, 0.0), padding.to(x.dtype)
    h_n, c_n = [], []
    for k in range(0, len(weights), directions):
        states = [state[k : k + directions] for state in hx]
        own = [weight for direction in weights[k : k + directions] for weight in direction]
        marks = mark.expand(-1, -1, own[0].size(1) - output.size(2))
        marked, training = torch.cat([output, marks], dim=2), lstm.training
        output, h, c = torch.lstm(
            marked, states, own, lstm.bias, 1, 0.0, training, directions == 2, False
        )
        h_n += [output[..., : last.size(2)].gather(0, last), h[1:]]  # in reverse, the first step
        c_n.append(c)
    return output.masked_fill(padding, 0.0), (torch.cat(h_n), torch.cat(c_n))


def _plan(blocks: list[tuple[int, int]], lengths: Tensor, length: int) -> Plan:
    n = len(lengths)
    valid = (torch.arange(length)[:, None] < lengths).flatten()
    inside, outside = valid.nonzero().squeeze(1), (~valid).nonzero().squeeze(1)
    order = lengths.sort(descending=True).indices  # as pack_padded_sequence sorts
    first_rows, rows = _first_rows(blocks, length)
    forward = (first_rows[:, None] + order.argsort()).flatten()  # where a row of the batch goes
    reverse = forward[reverse_rows(lengths, length)]
    there, back = forward[inside], reverse[inside]
    moves = {
        ("batch", "forward"): _placed(inside, there, rows),
        ("batch", "reverse"): _placed(inside, back, rows),
        ("forward", "batch"): forward.clamp(max=rows - 1),
        ("reverse", "batch"): reverse.clamp(max=rows - 1),
        ("forward", "reverse"): _placed(there, back, rows),
        ("reverse", "forward"): _placed(back, there, rows),
    }
    unused = torch.ones(rows, dtype=torch.bool).index_fill_(0, there, False).nonzero().squeeze(1)
    last = forward[(lengths - 1) * n + torch.arange(n)]
    sizes = {"batch": len(valid), "forward": rows, "reverse": rows}
    padding = {"batch": outside, "forward": unused, "reverse": unused}
    return Plan(blocks, order, last, sizes, padding, moves)


def _placed(values: Tensor, places: Tensor, rows: int) -> Tensor:
    """These values at these places, 0 elsewhere."""
    return values.new_zeros(rows).index_copy_(0, places, values)


def _first_rows(blocks: Sequence[tuple[int, int]], length: int) -> tuple[Tensor, int]:
    """Where each step begins in the blocks, int64 (L,), 0 behind the last; and how many rows."""
    firsts: list[int] = []
    rows = 0
    for steps, running in blocks:
        end = rows + steps * running
        firsts += range(rows, end, running)
        rows = end
    return torch.tensor(firsts + [0] * (length - len(firsts))), rows


def reverse_rows(lengths: Tensor, length: int) -> Tensor:
    """Index that reverses every row within its own length and leaves padding where it is.

    Args:
        lengths: int64 (N,), each between 1 and length.
        length: L.

    Returns:
        int64 (L*N,), for the rows of a (L, N, ...) tensor flattened to (L*N, ...). Applied twice it
        gives back what it was applied to.
    """
    step = torch.arange(length, device=lengths.device)[:, None]  # (L, 1)
    source = torch.where(step < lengths, lengths - 1 - step, step)  # (L, N)
    return (source * len(lengths) + torch.arange(len(lengths), device=lengths.device)).flatten()


def _run_blocks(
    rnn: nn.RNNBase, x: Tensor, hx: tuple[Tensor, ...], plan: Plan
) -> tuple[Tensor, tuple[Tensor, ...]]:
    weights = _with_freezing_columns(rnn) if rnn.mode == "LSTM" else rnn.all_weights
    directions = DIRECTIONS if rnn.bidirectional else DIRECTIONS[:1]
    hx = tuple(state[:, plan.order] for state in hx)
    finals: list[list[Tensor]] = [[] for _ in hx]
    layouts: Sequence[str] = ("batch",)
    pieces = [x.flatten(0, 1)]
    for layer in range(rnn.num_layers):
        if layer > 0 and rnn.dropout > 0 and rnn.training:
            pieces = _dropped(pieces, plan, rnn.dropout)
        outputs = []
        for k, direction in enumerate(directions, layer * len(directions)):
            marks = weights[k][0].size(1) - sum(piece.size(1) for piece in pieces)
            rows = _Move.apply(plan, layouts, direction, marks, *pieces)
            out, *ends = _run_direction(rnn, rows, plan, [s[k : k + 1] for s in hx], weights[k])
            outputs.append(out)
            for final, end in zip(finals, ends, strict=True):
                final.append(end)
        layouts, pieces = directions, outputs
    output = _Move.apply(plan, layouts, "batch", 0, *pieces)
    return output.unflatten(0, x.shape[:2]), tuple(torch.cat(final) for final in finals)


def _run_direction(
    rnn: nn.RNNBase, rows: Tensor, plan: Plan, hx: Sequence[Tensor], weights: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Run one layer in one direction, block after block, with torch's padded kernel.

    Returns:
        The output, float (rows, H_out), and the final states, float (1, N, size) each.
    """
    kernel, lstm = KERNELS[rnn.mode], rnn.mode == "LSTM"
    outputs: list[Tensor] = []
    cells: list[Sequence[Tensor]] = []
    parts = rows.split([steps * running for steps, running in plan.blocks])
    for block, part in zip(plan.blocks, parts, strict=True):
        if block[1] < hx[0].size(1):  # some have ended
            cells.append([state[:, block[1] :] for state in hx[1:]])
            hx = [state[:, : block[1]] for state in hx]
        states, steps = hx if lstm else hx[0], part.unflatten(0, block)
        out, *hx = kernel(steps, states, weights, rnn.bias, 1, 0.0, rnn.training, False, False)
        outputs.append(out.flatten(0, 1))
    cells.append(hx[1:])
    output, place = torch.cat(outputs), plan.order.argsort()
    c_n = [torch.cat(ends, dim=1)[:, place] for ends in zip(*reversed(cells), strict=True)]
    return output, output[plan.last][None], *c_n


def _with_freezing_columns(lstm: nn.RNNBase) -> list[list[Tensor]]:
    """Add to each ``weight_ih`` what shuts the input and opens the forget gate on padding.

    With an odd number of bfloat16 features oneDNN is slow: then a column of zeros is added, too.
    """
    by_gate = _weight(lstm, "ih").new_tensor([[-SATURATED], [SATURATED], [0.0], [0.0]])
    column = by_gate.expand(-1, lstm.hidden_size).reshape(-1, 1)
    widened = []
    for first, *rest in lstm.all_weights:
        odd = first.dtype == torch.bfloat16 and first.size(1) % 2 == 0
        columns = [column, torch.zeros_like(column)] if odd else [column]
        widened.append([torch.cat([first, *columns], dim=1), *rest])
    return widened


class _Move(torch.autograd.Function):
    """Take rows of one or more layouts to another, side by side, with zeros on padding.

    Marks are features that are added behind the others, 1 on padding and 0 elsewhere.
    """

    @staticmethod
    def forward(
        ctx: Any, plan: Plan, layouts: Sequence[str], target: str, marks: int, *pieces: Tensor
    ) -> Tensor:
        ctx.plan, ctx.layouts, ctx.target = plan, layouts, target
        ctx.widths = widths = [*(piece.size(1) for piece in pieces), marks]
        moved = pieces[0].new_empty(plan.sizes[target], sum(widths))
        places = moved.split(widths, dim=1)[: len(pieces)]
        for layout, piece, place in zip(layouts, pieces, places, strict=True):
            if layout == target:
                place.copy_(piece)
            else:
                torch.index_select(piece, 0, plan.moves[layout, target], out=place)
        moved.index_fill_(0, plan.padding[target], 0.0)
        moved[:, sum(widths) - marks :].zero_().index_fill_(0, plan.padding[target], 1.0)
        return moved

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        moved = []  # by operations that can be differentiated and batched
        pieces = grad.split(ctx.widths, dim=1)[: len(ctx.layouts)]
        for layout, piece in zip(ctx.layouts, pieces, strict=True):
            if layout == ctx.target:
                piece = piece.clone()
            else:
                piece = piece.index_select(0, ctx.plan.moves[ctx.target, layout])
            moved.append(piece.index_fill_(0, ctx.plan.padding[layout], 0.0))
        return None, None, None, None, *moved


def _dropped(pieces: Sequence[Tensor], plan: Plan, rate: float) -> list[Tensor]:
    """Drop what packing would have dropped: rows that are not padding are in its order."""
    padding, widths = plan.padding["forward"], [piece.size(1) for piece in pieces]
    mask = pieces[0].new_zeros(len(pieces[0]), sum(widths))
    valid = padding.new_ones(len(mask), dtype=torch.bool).index_fill_(0, padding, False)
    mask[valid] = F.dropout(mask.new_ones(len(mask) - len(padding), sum(widths)), rate)
    forward, *reverse = mask.split(widths, dim=1)
    masks = [forward, *(each[plan.moves["forward", "reverse"]] for each in reverse)]
    return [piece * each for piece, each in zip(pieces, masks, strict=True)]


def _converted(given: Any, dtype: torch.dtype) -> Any:
    """Floating-point tensors, one or several, in this dtype; anything else as it is."""
    if isinstance(given, tuple | list):
        return tuple(_converted(each, dtype) for each in given)
    return given.to(dtype) if isinstance(given, Tensor) and given.is_floating_point() else given


def _initial_states(rnn: nn.RNNBase, x: Tensor, hx: States | None) -> tuple[Tensor, ...]:
    layers = rnn.num_layers * (2 if rnn.bidirectional else 1)
    sizes = [rnn.proj_size or rnn.hidden_size, rnn.hidden_size]
    sizes = sizes if rnn.mode == "LSTM" else sizes[1:]
    if hx is None:
        return tuple(x.new_zeros(layers, x.size(1), size) for size in sizes)
    pair = isinstance(hx, tuple | list)
    if pair != (rnn.mode == "LSTM") or (pair and len(hx) != 2):
        expected = "a pair of states" if rnn.mode == "LSTM" else "one state"
        got = f"{len(hx)} of them" if pair else type(hx).__name__
        raise ValueError(f"expected {expected} for {type(rnn).__name__}, got {got}")
    states = tuple(hx) if pair else (hx,)
    if other := [type(state).__name__ for state in states if not isinstance(state, Tensor)]:
        raise ValueError(f"expected tensors as initial states, got {other[0]}")
    for k, (state, size) in enumerate(zip(states, sizes, strict=True)):
        wanted, shape = (layers, x.size(1), size), tuple(state.shape)
        if shape != wanted:
            raise ValueError(f"expected initial state {k} of shape {wanted}, got {shape}")
        if state.dtype != x.dtype:
            raise ValueError(
                f"expected initial state {k} of {x.dtype}, as the input, got {state.dtype}: "
                f"convert it with .to({x.dtype})"
            )
    return states


def _checked_lengths(x: Tensor, lengths: Tensor | Sequence[int], batch_first: bool) -> Tensor:
    if lengths is None:
        raise ValueError("expected one length for each row, got None")
    lengths = torch.as_tensor(lengths).cpu()
    layout = "(N, L, H_in)" if batch_first else "(L, N, H_in)"
    if tuple(lengths.shape) != (x.size(1),):
        raise ValueError(
            f"expected one length for each of the {x.size(1)} rows of the {layout} input, "
            f"got lengths of shape {tuple(lengths.shape)}"
        )
    if x.size(0) == 0 or x.size(1) == 0:
        raise ValueError(f"expected at least one step and one row in the {layout} input, got none")
    if lengths.dtype == torch.bool or lengths.is_floating_point() or lengths.is_complex():
        raise ValueError(f"expected whole numbers as lengths, got {lengths.dtype}")
    lengths = lengths.to(torch.int64)
    length = x.size(0)
    wrong = [k for k, steps in enumerate(lengths.tolist()) if not 1 <= steps <= length]
    if wrong:
        came = int(lengths[wrong[0]])
        do = "drop empty rows first" if came < 1 else f"cut it to {length}"
        raise ValueError(
            f"expected lengths between 1 and {length}, got {came} at position {wrong[0]}: {do}"
        )
    return lengths
