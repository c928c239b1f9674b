"""``FastLSTM``: the same LSTM, with its backward pass derived by hand.

Autograd keeps every intermediate result of every step and walks back through them one at a time.
A backward pass written by hand needs much less: the derivatives of a step follow from the kept
gates and states, for many steps at once; only two vectors travel back through time; and the
gradients of the weights are matrix products over many steps. The book's chapter on backpropagation
through time derives each line; ``scan`` contains the two passes.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from lstm_tutorial.lstm import LSTM
from lstm_tutorial.scan import EAGER, Walks, ended, scan_backward, scan_forward

FEW = 4  # fewest steps at which what is prepared for all of them pays


class FastLSTM(LSTM):
    """Run an LSTM with a forward and a backward pass that are made for speed.

    Arguments, inputs, outputs and errors are those of ``LSTM``, and so of ``torch.nn.LSTM``. Where
    the passes of this module do not apply, ``LSTM`` computes the call: in dtypes other than float32
    and float64, under autocast, and where torch rewrites operations (``torch.func``, forward
    derivatives, tracing, ``torch.compile``). It also computes calls of fewer than ``FEW`` steps, as
    in generation step by step, for which it is mostly faster, and derivatives of derivatives and
    batched gradients. Because tanh is computed from the sigmoid, values near 0 carry an absolute
    error of about one float epsilon, not a relative one.

    References:
        Werbos (1990), "Backpropagation through time: what it does and how to do it"; Appleyard,
        Kocisky and Blunsom (2016), "Optimizing performance of recurrent neural networks on GPUs",
        for products over many steps.
    """

    def _walks(self, data: Tensor) -> Walks:
        """Choose the functions that take the states of such a call through its steps."""
        return EAGER

    def _scan(
        self, data: Tensor, batch_sizes: Tensor, hx: tuple[Tensor, Tensor], *weights: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        few = len(batch_sizes) < FEW
        if few or _is_rewritten(data) or not _fit(self, data, hx, weights):
            return super()._scan(data, batch_sizes, hx, *weights)
        inputs = (data, *hx, *weights)
        if torch.is_grad_enabled() and any(t.requires_grad for t in inputs):
            output, h_n, c_n = _Scan.apply(self, batch_sizes, *inputs)
        else:
            (output, h_n, c_n), _ = _forward(self, batch_sizes, *inputs, keep=False)
        return output, (h_n, c_n)


def _is_rewritten(data: Tensor) -> bool:
    """Whether torch replaces or records operations, so that writing in place would be wrong."""
    device = data.device.type
    return (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        or (torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device))
        or torch._C._are_functorch_transforms_active()
        or forward_ad._current_level >= 0
    )


def _is_batched(grad: Tensor) -> bool:
    """Whether several gradients travel back as one tensor, as ``is_grads_batched`` makes them."""
    functorch = torch._C._functorch
    return functorch.is_batchedtensor(grad) or functorch.is_legacy_batchedtensor(grad)


def _fit(lstm: LSTM, data: Tensor, hx: tuple[Tensor, Tensor], weights: tuple[Tensor, ...]) -> bool:
    """Whether all tensors have the same supported dtype and the expected sizes."""
    (n, h_out), (_, h_cell) = hx[0].shape, hx[1].shape
    shapes: list[tuple[int, ...]]
    shapes = [(n, h_out), (n, h_cell), (4 * h_cell, data.size(-1)), (4 * h_cell, h_out)]
    shapes += [(4 * h_cell,)] * 2 * lstm.bias + [(h_out, h_cell)] * (lstm.proj_size > 0)
    tensors = (*hx, *weights)
    return (
        data.dtype in (torch.float32, torch.float64)
        and (lstm.proj_size > 0 or h_out == h_cell)
        and all(t.dtype == data.dtype and t.device == data.device for t in tensors)
        and [t.shape for t in tensors] == shapes
    )


def _forward(
    lstm: FastLSTM,
    batch_sizes: Tensor,
    data: Tensor,
    h_0: Tensor,
    c_0: Tensor,
    *weights: Tensor,
    keep: bool,
) -> tuple[tuple[Tensor, Tensor, Tensor], tuple]:
    """Return output, h_n and c_n, and the result of ``scan_forward`` for the backward pass."""
    sizes, walks = batch_sizes.tolist(), lstm._walks(data)
    kept = scan_forward(data, sizes, (h_0, c_0), _named(lstm, weights), walks, keep)
    h, c = kept[:2]
    output, last = h[len(h_0) :], ended(sizes).to(data.device)
    return (output, output[last], c[len(c_0) :][last]), kept


class _Scan(torch.autograd.Function):
    """One layer in one direction, over all steps."""

    @staticmethod
    def forward(
        ctx: Any, lstm: FastLSTM, batch_sizes: Tensor, *inputs: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        results, (h, c, m, gates) = _forward(lstm, batch_sizes, *inputs, keep=True)
        ctx.save_for_backward(*inputs, h, c, m, *gates)
        ctx.lstm, ctx.batch_sizes, ctx.count = lstm, batch_sizes, len(inputs)
        return results

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors  # read once: some hooks allow no more
        inputs, (h, c, m, *gates) = saved[: ctx.count], saved[ctx.count :]
        if torch.is_grad_enabled() or any(map(_is_batched, grads)):
            return None, None, *_differentiable_backward(ctx, inputs, grads)
        data, _, _, *w = inputs
        sizes, weights, walks = ctx.batch_sizes.tolist(), _named(ctx.lstm, w), ctx.lstm._walks(data)
        kept, needs_data = (h, c, m, gates), ctx.needs_input_grad[2]
        found = scan_backward(data, sizes, weights, kept, grads, walks, needs_data)
        return None, None, *found[:3], *(found[3][name] for name in weights)


def _named(lstm: LSTM, weights: Sequence[Any]) -> dict[str, Any]:
    """Name the weights of one layer and direction, in ``LSTM``'s order."""
    names = ["weight_ih", "weight_hh"] + ["bias_ih", "bias_hh"] * lstm.bias
    names += ["weight_hr"] * (lstm.proj_size > 0)
    return dict(zip(names, weights, strict=True))


def _differentiable_backward(
    ctx: Any, inputs: Sequence[Tensor], grads: Sequence[Tensor]
) -> list[Tensor | None]:
    """Compute the gradients through ``LSTM``, so that they can be differentiated or batched."""
    with torch.enable_grad():
        inputs = [t.view_as(t) for t in inputs]  # each on its own: none is a function of another
        data, h_0, c_0, *weights = inputs
        output, states = LSTM._scan(ctx.lstm, data, ctx.batch_sizes, (h_0, c_0), *weights)
    needed = [t for t, needs in zip(inputs, ctx.needs_input_grad[2:], strict=True) if needs]
    again = torch.is_grad_enabled()
    found = iter(torch.autograd.grad((output, *states), needed, grads, create_graph=again))
    return [next(found) if needs else None for needs in ctx.needs_input_grad[2:]]
