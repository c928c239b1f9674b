"""Packed results at padded speed, for any ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``.

On a CPU, torch hands a padded batch to a fused kernel (oneDNN) but walks a ``PackedSequence`` step
by step, with a backward pass whose cost grows with the square of the length. A padded run can give
the packed results all the same:

- padding stands behind the valid steps, so the forward direction meets it too late to be harmed;
- the reverse direction reads each row backwards *within its own length*, so that for it, too,
  padding comes last, and its outputs are turned back afterwards;
- the last valid output of each row is its ``h_n``;
- an extra input feature, 1 on padding and 0 elsewhere, holds the forget gate at 1 and the input
  gate at 0 there, so that the cell state stays as it was: that is ``c_n``.

This file needs torch and nothing else: copy it into your own project if you like.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KERNELS = {"LSTM": torch.lstm, "GRU": torch.gru}
KERNELS |= {"RNN_TANH": torch.rnn_tanh, "RNN_RELU": torch.rnn_relu}
SATURATED = 1e4  # sigmoid(1e4) is 1 and sigmoid(-1e4) is 0, exactly, in every floating-point type

States = Tensor | tuple[Tensor, Tensor]


class Places(NamedTuple):
    """Say what stands where in a padded batch that is flattened to (L*N, features).

    Args:
        lengths: int64 (N,).
        valid: bool (L, N), False on padding.
        padding: int64 (rows,), the rows that are padding.
        last: int64 (N,), the last valid row of each sequence.
        backwards: int64 (L*N,), as ``reverse_rows`` returns it.
    """

    lengths: Tensor
    valid: Tensor
    padding: Tensor
    last: Tensor
    backwards: Tensor


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

    Args:
        rnn: any ``torch.nn.LSTM``, ``GRU`` or ``RNN``.
        input: float (L, N, H_in), or (N, L, H_in) where batch_first.
        lengths: int64 (N,), each between 1 and L, in any order.
        hx: the initial state or states, as the module takes them; zeros where None.
        batch_first: the layout of input and output; None means the module's own.

    Returns:
        output, float, shaped like the input with D*H_out features, zero on padding; and the final
        states as the module returns them, each row's taken at its own last valid step.

    Raises:
        ValueError: if the input is not 3-D or the lengths do not fit it.
    """
    batch_first = rnn.batch_first if batch_first is None else batch_first
    x = input.transpose(0, 1) if batch_first else input
    lengths = _checked_lengths(x, lengths, batch_first)
    states = _initial_states(rnn, x, hx)
    rows, finals = _run_layers(rnn, x.flatten(0, 1), _places(lengths, len(x)), states)
    output = rows.unflatten(0, x.shape[:2])
    output = output.transpose(0, 1) if batch_first else output
    return output, finals if rnn.mode == "LSTM" else finals[0]


def _places(lengths: Tensor, length: int) -> Places:
    n = torch.arange(len(lengths), device=lengths.device)
    valid = torch.arange(length, device=lengths.device)[:, None] < lengths
    padding = (~valid).flatten().nonzero().squeeze(1)
    last = (lengths - 1) * len(n) + n
    return Places(lengths, valid, padding, last, reverse_rows(lengths, length))


def _run_layers(
    rnn: nn.RNNBase, rows: Tensor, places: Places, hx: tuple[Tensor, ...]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    weights = _with_freezing_column(rnn) if rnn.mode == "LSTM" else rnn.all_weights
    directions = 2 if rnn.bidirectional else 1
    finals: list[list[Tensor]] = [[] for _ in hx]
    for layer in range(rnn.num_layers):
        rows = _without_padding(rnn, rows, places)
        own = slice(layer * directions, (layer + 1) * directions)
        rows, ends = _run_layer(rnn, rows, places, [state[own] for state in hx], weights[own])
        for final, end in zip(finals, ends, strict=True):
            final.extend(end)
        if layer < rnn.num_layers - 1 and rnn.dropout > 0 and rnn.training:
            rows = rows * _packed_dropout_mask(rows, places, rnn.dropout)
    rows = rows.index_fill_(0, places.padding, 0.0)
    return rows, tuple(torch.cat(final) for final in finals)


def _run_layer(
    rnn: nn.RNNBase,
    rows: Tensor,
    places: Places,
    hx: Sequence[Tensor],
    weights: Sequence[Sequence[Tensor]],
) -> tuple[Tensor, list[tuple[Tensor, ...]]]:
    """Run one layer in its directions; return its output and, for each state, its final ones."""
    outputs, finals = [], []
    for k, own in enumerate(weights):
        steps = _Permute.apply(rows, places.backwards) if k else rows  # k is 1 in reverse
        steps, states = steps.unflatten(0, places.valid.shape), [state[k : k + 1] for state in hx]
        out, *ends = _run_direction(rnn, steps, states, own)
        out = out.flatten(0, 1)
        outputs.append(_Permute.apply(out, places.backwards) if k else out)
        finals.append((out.index_select(0, places.last)[None], *ends[1:]))  # h at the last step
    return torch.cat(outputs, dim=1), list(zip(*finals, strict=True))  # (L*N, D*H_out)


def _run_direction(
    rnn: nn.RNNBase, steps: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Run one layer in one direction over (L, N, ...) with torch's padded kernel."""
    hx = states if rnn.mode == "LSTM" else states[0]
    kernel = KERNELS[rnn.mode]
    return kernel(steps, hx, weights, rnn.bias, 1, 0.0, rnn.training, False, False)


def _without_padding(rnn: nn.RNNBase, rows: Tensor, places: Places) -> Tensor:
    """Replace what stands on padding; for an LSTM also add the feature that marks it."""
    if rnn.mode != "LSTM":
        return rows.index_fill(0, places.padding, 0.0)
    mark = rows.new_zeros(rows.size(1) + 1)
    mark[-1] = 1.0
    rows = torch.cat([rows, rows.new_zeros(len(rows), 1)], dim=1)
    rows[places.padding] = mark
    return rows


def _with_freezing_column(lstm: nn.LSTM) -> list[list[Tensor]]:
    """Add to each ``weight_ih`` what shuts the input and opens the forget gate on padding."""
    by_gate = lstm.weight_ih_l0.new_tensor([-SATURATED, SATURATED, 0.0, 0.0])
    column = by_gate.repeat_interleave(lstm.hidden_size)[:, None]
    return [[torch.cat([first, column], dim=1), *rest] for first, *rest in lstm.all_weights]


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


class _Permute(torch.autograd.Function):
    """Reorder rows by an index that is its own inverse: its gradient is itself."""

    @staticmethod
    def forward(ctx, rows: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        return rows.index_select(0, index)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        return _Permute.apply(grad, *ctx.saved_tensors), None


def _packed_dropout_mask(rows: Tensor, places: Places, rate: float) -> Tensor:
    """Draw the mask that packing would have drawn, in its order, and unpack it."""
    lengths, valid = places.lengths, places.valid
    order = lengths.cpu().sort(descending=True).indices.to(rows.device)  # as pack_padded_sequence
    place = torch.arange(len(rows), device=rows.device).view_as(valid)[:, order][valid[:, order]]
    mask = F.dropout(rows.new_ones(len(place), rows.size(1)), rate)
    return torch.zeros_like(rows).index_copy(0, place, mask)


def _initial_states(rnn: nn.RNNBase, x: Tensor, hx: States | None) -> tuple[Tensor, ...]:
    layers = rnn.num_layers * (2 if rnn.bidirectional else 1)
    sizes = [rnn.proj_size or rnn.hidden_size, rnn.hidden_size]
    sizes = sizes if rnn.mode == "LSTM" else sizes[1:]
    if hx is None:
        return tuple(x.new_zeros(layers, x.size(1), size) for size in sizes)
    states = tuple(hx) if rnn.mode == "LSTM" else (hx,)
    for k, (state, size) in enumerate(zip(states, sizes, strict=True)):
        expected = (layers, x.size(1), size)
        if tuple(state.shape) != expected:
            raise ValueError(f"expected initial state {k} of shape {expected}, got {state.shape}")
    return states


def _checked_lengths(x: Tensor, lengths: Tensor | Sequence[int], batch_first: bool) -> Tensor:
    if x.dim() != 3:
        raise ValueError(f"expected a 3-D batch, got {x.dim()}-D: use the module itself")
    lengths = torch.as_tensor(lengths, device=x.device)
    layout = "(N, L, H_in)" if batch_first else "(L, N, H_in)"
    if tuple(lengths.shape) != (x.size(1),):
        raise ValueError(
            f"expected one length for each of the {x.size(1)} rows of the {layout} input, "
            f"got lengths of shape {tuple(lengths.shape)}"
        )
    wrong = [k for k, steps in enumerate(lengths.tolist()) if not 1 <= steps <= x.size(0)]
    if wrong:
        raise ValueError(
            f"expected lengths between 1 and {x.size(0)}, got {int(lengths[wrong[0]])} "
            f"at position {wrong[0]}: drop empty rows first"
        )
    return lengths
