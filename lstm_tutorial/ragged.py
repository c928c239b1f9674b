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

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KERNELS = {"LSTM": torch.lstm, "GRU": torch.gru}
KERNELS |= {"RNN_TANH": torch.rnn_tanh, "RNN_RELU": torch.rnn_relu}
SATURATED = 1e4  # sigmoid(1e4) is 1 and sigmoid(-1e4) is 0, exactly, in every floating-point type

States = Tensor | tuple[Tensor, Tensor]


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
    valid = torch.arange(x.size(0), device=x.device)[:, None] < lengths  # (L, N)
    x = x.masked_fill(~valid[..., None], 0.0)
    output, finals = _run_layers(rnn, x, lengths, valid, _initial_states(rnn, x, hx))
    output = output.masked_fill(~valid[..., None], 0.0)
    states = tuple(torch.stack(state) for state in finals)
    output = output.transpose(0, 1) if batch_first else output
    return output, states if rnn.mode == "LSTM" else states[0]


def _run_layers(
    rnn: nn.RNNBase, x: Tensor, lengths: Tensor, valid: Tensor, hx: tuple[Tensor, ...]
) -> tuple[Tensor, list[list[Tensor]]]:
    directions = 2 if rnn.bidirectional else 1
    backwards = reverse_rows(lengths, len(x)) if rnn.bidirectional else None
    is_padding = (~valid)[..., None].to(x.dtype)  # (L, N, 1): the extra feature
    last = (lengths - 1)[None, :, None]  # (1, N, 1)
    finals: list[list[Tensor]] = [[] for _ in hx]
    for layer in range(rnn.num_layers):
        if rnn.mode == "LSTM":
            x = torch.cat([x, is_padding], dim=-1)
        outputs = []
        for k in range(layer * directions, (layer + 1) * directions):
            is_reverse = k % 2 == 1 and rnn.bidirectional
            steps = _reorder(x, backwards) if is_reverse else x
            out, *ends = _run_direction(rnn, k, steps, tuple(state[k : k + 1] for state in hx))
            ends[0] = out.gather(0, last.expand(1, -1, out.size(-1)))  # h at the last valid step
            for final, end in zip(finals, ends, strict=True):
                final.append(end[0])
            outputs.append(_reorder(out, backwards) if is_reverse else out)
        x = torch.cat(outputs, dim=-1) if rnn.bidirectional else outputs[0]  # (L, N, D*H_out)
        if layer < rnn.num_layers - 1 and rnn.dropout > 0 and rnn.training:
            x = x * _packed_dropout_mask(x, lengths, valid, rnn.dropout)
    return x, finals


def _run_direction(
    rnn: nn.RNNBase, k: int, steps: Tensor, hx: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """Run layer and direction number k over (L, N, ...) with torch's padded kernel."""
    weights = list(rnn.all_weights[k])
    if rnn.mode == "LSTM":
        weights[0] = _with_freezing_column(weights[0])
    states = hx if rnn.mode == "LSTM" else hx[0]
    kernel = KERNELS[rnn.mode]
    return kernel(steps, states, weights, rnn.bias, 1, 0.0, rnn.training, False, False)


def _with_freezing_column(weight_ih: Tensor) -> Tensor:
    """Add the column that shuts the input gate and opens the forget gate on padding."""
    column = weight_ih.new_zeros(4, weight_ih.size(0) // 4)
    column[0], column[1] = -SATURATED, SATURATED
    return torch.cat([weight_ih, column.reshape(-1, 1)], dim=1)


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


def _reorder(x: Tensor, index: Tensor) -> Tensor:
    return _Permute.apply(x.flatten(0, 1), index).unflatten(0, x.shape[:2])


def _packed_dropout_mask(x: Tensor, lengths: Tensor, valid: Tensor, rate: float) -> Tensor:
    """Draw the mask that packing would have drawn, in its order, and unpack it."""
    order = lengths.cpu().sort(descending=True).indices.to(x.device)  # as pack_padded_sequence
    place = torch.arange(valid.numel(), device=x.device).view_as(valid)[:, order][valid[:, order]]
    mask = F.dropout(x.new_ones(len(place), x.size(-1)), rate)
    return x.new_zeros(valid.numel(), x.size(-1)).index_copy(0, place, mask).view_as(x)


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
    wrong = ((lengths < 1) | (lengths > x.size(0))).nonzero().flatten().tolist()
    if wrong:
        raise ValueError(
            f"expected lengths between 1 and {x.size(0)}, got {int(lengths[wrong[0]])} "
            f"at position {wrong[0]}: drop empty rows first"
        )
    return lengths
