"""``FastLSTM``: the same LSTM, with its backward pass derived by hand.

Autograd keeps every intermediate result of every step and walks back through them one at a time.
Written out, the backward pass needs much less: how a step reacts to a change is known for many
steps at once, from the kept gates and states; only two vectors travel back through time; and the
gradients of the weights are matrix products over many steps. The book's chapter on backpropagation
through time derives each line; ``scan`` holds the two passes.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from lstm_tutorial.lstm import LSTM
from lstm_tutorial.scan import EAGER, Walks, ended, scan_backward, scan_forward


class FastLSTM(LSTM):
    """Run an LSTM with a forward and a backward pass that are made for speed.

    Arguments, inputs, outputs and errors are those of ``LSTM``, and so of ``torch.nn.LSTM``. Where
    the passes of this module do not apply, ``LSTM`` computes the call: in other dtypes than float32
    and float64, under autocast, and where torch rewrites operations (``torch.func``, forward
    derivatives, tracing, ``torch.compile``). So are derivatives of derivatives, and gradients that
    travel back in batches. The identity for
    tanh makes values near 0 exact to one rounding error of 1, not of themselves.

    References:
        Werbos (1990), "Backpropagation through time: what it does and how to do it"; Appleyard,
        Kocisky and Blunsom (2016), "Optimizing performance of recurrent neural networks on GPUs",
        for products over many steps.
    """

    def _walks(self, data: Tensor) -> Walks:
        """What takes the states of such a call through its steps."""
        return EAGER

    def _scan(
        self, data: Tensor, batch_sizes: Tensor, hx: tuple[Tensor, Tensor], *weights: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        if _is_rewritten(data) or not _fit(self, data, hx, weights):
            return super()._scan(data, batch_sizes, hx, *weights)
        output, h_n, c_n = _Scan.apply(self, batch_sizes, data, *hx, *weights)
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
    """Whether several gradients travel back as one, as ``is_grads_batched`` makes them."""
    functorch = torch._C._functorch
    return functorch.is_batchedtensor(grad) or functorch.is_legacy_batchedtensor(grad)


def _fit(lstm: LSTM, data: Tensor, hx: tuple[Tensor, Tensor], weights: tuple[Tensor, ...]) -> bool:
    """Whether all tensors are of one dtype that is served here, and of the sizes they should be."""
    (n, h_out), (_, h_cell) = hx[0].shape, hx[1].shape
    shapes = [(n, h_out), (n, h_cell), (4 * h_cell, data.size(-1)), (4 * h_cell, h_out)]
    shapes += [(4 * h_cell,)] * 2 * lstm.bias + [(h_out, h_cell)] * (lstm.proj_size > 0)
    tensors = (*hx, *weights)
    return (
        data.dtype in (torch.float32, torch.float64)
        and (lstm.proj_size > 0 or h_out == h_cell)
        and all(t.dtype == data.dtype and t.device == data.device for t in tensors)
        and [t.shape for t in tensors] == shapes
    )


class _Scan(torch.autograd.Function):
    """One layer in one direction, over all steps."""

    @staticmethod
    def forward(ctx, lstm: LSTM, batch_sizes: Tensor, data: Tensor, h_0: Tensor, c_0: Tensor, *w):
        sizes = batch_sizes.tolist()
        weights = _named(lstm, w)
        ctx.walks = lstm._walks(data)
        gates, h, c, m = scan_forward(data, sizes, (h_0, c_0), weights, ctx.walks)
        last = ended(sizes).to(data.device)
        ctx.save_for_backward(data, h_0, c_0, *w, gates, h, c, m)
        ctx.lstm, ctx.batch_sizes = lstm, batch_sizes
        output = h[len(h_0) :]
        return output, output[last], c[len(c_0) :][last]

    @staticmethod
    def backward(ctx, *grads: Tensor):
        data, h_0, c_0, *w, gates, h, c, m = (
            ctx.saved_tensors
        )  # read once: some hooks allow no more
        if torch.is_grad_enabled() or any(map(_is_batched, grads)):
            inputs = _differentiable_backward(ctx, (data, h_0, c_0, *w), grads)
            return None, None, *inputs
        sizes, weights = ctx.batch_sizes.tolist(), _named(ctx.lstm, w)
        needs_data = ctx.needs_input_grad[2]
        kept = (gates, h, c, m)
        found = scan_backward(data, sizes, weights, kept, grads, ctx.walks, needs_data)
        return None, None, *found[:3], *(found[3][name] for name in weights)


def _named(lstm: LSTM, weights: Sequence[Any]) -> dict[str, Any]:
    """The weights of one layer and direction by name, as ``LSTM`` orders them."""
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
