"""``LSTM``: layers, directions and packed sequences around ``lstm_step``.

All input is converted to one form, the packed one: the valid steps of all sequences in one
tensor, time step after time step, and how many sequences take part in each. A padded batch is the
case in which all of them take part in every step.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from lstm_tutorial.cell import lstm_step
from lstm_tutorial.contract.lstm import (
    check_dropout,
    check_packed,
    check_packing,
    check_padded,
    check_sizes,
)
from lstm_tutorial.packed_order import reversal, sorted_rows


class LSTM(nn.Module):
    """Run a stack of LSTM layers over sequences: the contract of ``torch.nn.LSTM``.

    Where dtypes differ or autocast is on, what ``torch.nn.LSTM`` does on a CPU depends on the
    processor. This module computes the equations on every one, as ``torch.nn.LSTM`` does with
    ``mkldnn.flags(enabled=False)``: the same dtypes, the same refusals. Autocast
    turns the matrix products to its own dtype; the rest keeps that of the states, which are of the
    input's dtype where none are given.

    Args:
        input_size: features of each input step, H_in.
        hidden_size: features of the cell state, H_cell.
        num_layers: how many layers are stacked.
        bias: whether each layer has its two bias vectors.
        batch_first: whether batched tensors are (N, L, ...) instead of (L, N, ...).
        dropout: probability of a zero in the output of every layer but the last, in training.
        bidirectional: whether each layer also reads the sequence backwards.
        proj_size: where positive, h is projected to this many features.
        device: where the parameters live.
        dtype: floating-point type of the parameters.

    Raises:
        TypeError, ValueError: where ``torch.nn.LSTM`` does, in its words.

    References:
        Hochreiter and Schmidhuber (1997), "Long short-term memory"; Schuster and Paliwal (1997) for
        the two directions; Sak, Senior and Beaufays (2014) for the projection.
    """

    weight_ih_l0: Tensor  # registered by name, as are the others

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        check_dropout(dropout, num_layers, stacklevel=3)
        check_sizes(input_size, hidden_size, num_layers, bias, batch_first, proj_size)
        for layer in range(num_layers):
            for direction in range(self.num_directions):
                for name, shape in self._shapes(layer, direction).items():
                    weight = torch.empty(shape, device=device, dtype=dtype)
                    self.register_parameter(name, nn.Parameter(weight))
        self.reset_parameters()

    @property
    def num_directions(self) -> int:
        """2 where bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    def _shapes(self, layer: int, direction: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of one layer's parameters in one direction, in torch's order."""
        suffix = f"_l{layer}" + ("_reverse" if direction == 1 else "")
        h_out = self.proj_size or self.hidden_size
        h_in = self.input_size if layer == 0 else self.num_directions * h_out
        gates = 4 * self.hidden_size
        shapes: dict[str, tuple[int, ...]]
        shapes = {"weight_ih": (gates, h_in), "weight_hh": (gates, h_out)}
        if self.bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        if self.proj_size > 0:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        return {name + suffix: shape for name, shape in shapes.items()}

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        """The parameters as a list for each layer and direction, as torch lists them."""
        return [
            self._weights(layer, direction)
            for layer in range(self.num_layers)
            for direction in range(self.num_directions)
        ]

    def _weights(self, layer: int, direction: int) -> list[nn.Parameter]:
        return [getattr(self, name) for name in self._shapes(layer, direction)]

    def reset_parameters(self) -> None:
        """Draw every parameter from U(-1/sqrt(H_cell), 1/sqrt(H_cell)), as torch does."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Do nothing: only cuDNN needs the weights in one block. Kept so that calls still work."""

    def extra_repr(self) -> str:
        """Describe the arguments that are not at their defaults, as torch does."""
        shown = {
            "proj_size": self.proj_size != 0,
            "num_layers": self.num_layers != 1,
            "bias": self.bias is not True,
            "batch_first": self.batch_first is not False,
            "dropout": self.dropout != 0,
            "bidirectional": self.bidirectional is not False,
        }
        changed = [f"{name}={getattr(self, name)}" for name, differs in shown.items() if differs]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *changed])

    def forward(
        self, input: Tensor | PackedSequence, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor | PackedSequence, tuple[Tensor, Tensor]]:
        """Run all layers over the input.

        Args:
            input: float (L, N, H_in), (N, L, H_in) where batch_first, (L, H_in) unbatched, or a
                PackedSequence.
            hx: h_0 float (D*num_layers, N, H_out) and c_0 float (D*num_layers, N, H_cell), without
                N where the input is unbatched; zeros where None.

        Returns:
            output, in the input's own form, float (..., D*H_out); and the final states h_n and c_n,
            shaped like h_0 and c_0.

        Raises:
            ValueError, RuntimeError, TypeError: where ``torch.nn.LSTM`` does, in its words.
        """
        if torch.compiler.is_exporting():
            return self._forward_exported(input, hx)
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        check_padded(self, input, hx)
        if input.dim() == 2:
            batch_dim = 0 if self.batch_first else 1
            hx = None if hx is None else (hx[0].unsqueeze(1), hx[1].unsqueeze(1))
            output, (h_n, c_n) = self._forward_padded(input.unsqueeze(batch_dim), hx)
            return output.squeeze(batch_dim), (h_n.squeeze(1), c_n.squeeze(1))
        return self._forward_padded(input, hx)

    def _forward_exported(self, input: Any, hx: Any) -> tuple[Any, tuple[Tensor, Tensor]]:
        """Run what ``lstm_tutorial.export`` puts in the place of nn.LSTM's forward."""
        if nn.LSTM.forward.__module__ == nn.LSTM.__module__:
            raise RuntimeError(
                "expected LSTM to be exported by lstm_tutorial.export.to_onnx or to_pt2, got "
                "torch.export alone, which would fix the number of steps"
            )
        return nn.LSTM.forward(self, input, hx)  # type: ignore[call-overload]  # it has the attributes

    def _forward_padded(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        if self.batch_first:
            input = input.transpose(0, 1)
        length, n, _ = input.shape
        steps = torch.full((length,), n, device="cpu")
        output, states = self._run_layers(input.flatten(0, 1), steps, hx)
        output = output.unflatten(0, (length, n))  # (L, N, D*H_out)
        return output.transpose(0, 1) if self.batch_first else output, states

    def _forward_packed(
        self, input: PackedSequence, hx: tuple[Tensor, Tensor] | None
    ) -> tuple[PackedSequence, tuple[Tensor, Tensor]]:
        data, batch_sizes, sorted_indices, unsorted_indices = input
        if hx is not None and sorted_indices is not None:
            hx = sorted_rows(hx, sorted_indices)
        check_packing(self, input)
        check_packed(self, input, hx)
        output, states = self._run_layers(data, batch_sizes, hx)
        if unsorted_indices is not None:
            h_n, c_n = states
            states = h_n.index_select(1, unsorted_indices), c_n.index_select(1, unsorted_indices)
        return PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices), states

    def _run_layers(
        self, data: Tensor, batch_sizes: Tensor, hx: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Feed each layer's output to the next.

        Args:
            data: float (sum(batch_sizes), H_in), time step after time step.
            batch_sizes: int64 (L,) on the CPU, never increasing.
            hx: as in ``forward``, batched, rows in the order of the data.
        """
        h_0, c_0 = self._zero_states(data, int(batch_sizes[0])) if hx is None else hx
        backwards = reversal(batch_sizes).to(data.device) if self.bidirectional else None
        h_n, c_n = [], []
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(self.num_directions):
                k = layer * self.num_directions + direction
                weights = self._weights(layer, direction)
                steps = data[backwards] if direction == 1 else data
                output, (h, c) = self._scan(steps, batch_sizes, (h_0[k], c_0[k]), *weights)
                outputs.append(output[backwards] if direction == 1 else output)
                h_n.append(h)
                c_n.append(c)
            data = torch.cat(outputs, dim=-1) if self.bidirectional else outputs[0]
            if layer < self.num_layers - 1:
                data = F.dropout(data, self.dropout, self.training)
        return data, (torch.stack(h_n), torch.stack(c_n))

    def _scan(
        self,
        data: Tensor,
        batch_sizes: Tensor,
        hx: tuple[Tensor, Tensor],
        weight_ih: Tensor,
        weight_hh: Tensor,
        *rest: Tensor,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run one layer in one direction, step after step.

        Args:
            data: float (sum(batch_sizes), H_in), in the order in which this direction reads.
            batch_sizes: int64 (L,).
            hx: h_0 float (N, H_out), c_0 float (N, H_cell).
            weight_ih: float (4*H_cell, H_in).
            weight_hh: float (4*H_cell, H_out).
            rest: bias_ih and bias_hh where they exist, then weight_hr where it does.

        Returns:
            output float (sum(batch_sizes), H_out), and the states in which each sequence ended.
        """
        bias_ih, bias_hh = rest[:2] if self.bias else (None, None)
        weight_hr = rest[-1] if self.proj_size > 0 else None
        h, c = hx
        output, ended = [], []
        # One product for all steps; split() cuts it once, so that the backward pass joins once.
        for projected in F.linear(data, weight_ih, bias_ih).split(batch_sizes.tolist()):
            running = len(projected)
            if running < len(h):  # the shortest sequences have ended
                ended.append((h[running:], c[running:]))
                h, c = h[:running], c[:running]
            h, c = lstm_step(projected, (h, c), weight_hh, bias_hh, weight_hr)
            output.append(h)
        ended.append((h, c))
        h_n, c_n = (torch.cat(states) for states in zip(*reversed(ended), strict=True))
        return torch.cat(output), (h_n, c_n)

    def _zero_states(self, data: Tensor, n: int) -> tuple[Tensor, Tensor]:
        layers = self.num_layers * self.num_directions
        h_out = self.proj_size or self.hidden_size
        return data.new_zeros(layers, n, h_out), data.new_zeros(layers, n, self.hidden_size)
