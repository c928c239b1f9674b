"""``Trial``: a copy of a reader's model, run on one batch, and the shapes of what comes out."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from lstm_tutorial.check.learning.watch import Watch, tensors_in

Loss = Callable[[Any, Any], Tensor]


@dataclass
class Trial:
    """A copy of the reader's model, the loss and the batch, and what one training step showed."""

    model: nn.Module
    loss: Loss
    inputs: tuple
    targets: Any
    batch_first: bool
    watch: Watch = field(init=False)
    output: Tensor = field(init=False)
    value: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.model = copy.deepcopy(self.model)

    def forward(self) -> Any:
        """Run the model in training mode, with the generator where it always is."""
        torch.manual_seed(0)
        return self.model.train()(*self.inputs)

    def step(self) -> None:
        """One forward and backward pass; may raise whatever the reader's code raises."""
        self.model.zero_grad()
        with Watch(self.model) as self.watch:
            raw = self.forward()
            self.output = next(tensors_in(raw))
            if self.output.requires_grad:
                self.output.retain_grad()
            first = len(self.watch.losses)
            self.value = self.loss(raw, self.targets)
            del self.watch.losses[:first]  # those of the model itself
        if self.value.requires_grad:
            self.value.backward()

    @torch.no_grad()
    def answer(self, *inputs: Any, seed: int = 0) -> Tensor:
        """The model's output in evaluation mode, detached."""
        torch.manual_seed(seed)
        return next(tensors_in(self.model.eval()(*(inputs or self.inputs)))).clone()

    @property
    def sizes(self) -> tuple[int, int]:
        """N and L of the first input; L is 1 where it has one axis only."""
        shape = self.inputs[0].shape
        first, second = shape[0], shape[1] if len(shape) > 1 else 1
        return (first, second) if self.batch_first else (second, first)

    def batch_axis_first(self, tensor: Tensor) -> Tensor:
        """View an input, or an output of any usual layout, as (N, ...)."""
        N, L = self.sizes
        if tensor.dim() > 1 and tensor.shape[:2] == ((N, L) if self.batch_first else (L, N)):
            return tensor if self.batch_first else tensor.transpose(0, 1)
        if tensor.shape[0] == N:
            return tensor
        if tensor.dim() > 1 and tensor.shape[:2] == (L, N):
            return tensor.transpose(0, 1)
        if tensor.shape[0] == N * L:
            rows = tensor.unflatten(0, (N, L) if self.batch_first else (L, N))
            return rows if self.batch_first else rows.transpose(0, 1)
        return tensor[None]  # no axis is the batch

    @property
    def lengths(self) -> Tensor | None:
        """Int64 (N,): the second input where it can be lengths; else from ``padding_idx``."""
        if not isinstance(self.inputs[0], Tensor) or self.inputs[0].dim() < 2:
            return None
        N, L = self.sizes
        for given in self.inputs[1:]:
            found = torch.as_tensor(given) if isinstance(given, Tensor | list) else None
            if found is not None and found.shape == (N,) and not found.is_floating_point():
                return found.cpu() if 1 <= int(found.min()) <= int(found.max()) <= L else None
        pads = [m.padding_idx for m in self.model.modules() if isinstance(m, nn.Embedding)]
        ids = self.batch_axis_first(self.inputs[0])
        if len(pads) != 1 or pads[0] is None or ids.is_floating_point() or ids.dim() != 2:
            return None
        return ((ids != pads[0]) * torch.arange(1, L + 1, device=ids.device)).amax(1).cpu()

    @property
    def padding(self) -> Tensor | None:
        """Bool (N, L), True where a batch with lengths is padding; None where nothing is."""
        if self.lengths is None:
            return None
        padding = torch.arange(self.sizes[1]) >= self.lengths[:, None]
        return padding if padding.any() else None


def by_step(value: Tensor, like: Tensor, steps: tuple[int, ...], trial: Trial) -> Tensor | None:
    """View an output per step, or its gradient, as (N, L, ...); None where there are no steps.

    ``like`` is the output, whose strides tell steps from classes where both are as many, and
    ``steps`` are the numbers of steps that it may have.
    """
    N = trial.sizes[0]
    if like.dim() == 2 and len(like) in [N * L for L in steps]:
        return (
            value.unflatten(0, (N, -1))
            if trial.batch_first
            else value.unflatten(0, (-1, N)).transpose(0, 1)
        )
    if like.dim() < 3:
        return None
    if len(like) != N or (not trial.batch_first and len(like) in steps):
        value, like = value.transpose(0, 1), like.transpose(0, 1)
    axes = [k for k in range(1, like.dim()) if like.shape[k] in steps]
    axes = [k for k in axes if like.stride(k) != 1] or axes
    return value.movedim(axes[0], 1) if axes else None
