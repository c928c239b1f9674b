"""What a pass through a reader's model and loss calls, recorded."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

LOSSES = (
    F.cross_entropy,
    F.nll_loss,
    F.mse_loss,
    F.l1_loss,
    F.smooth_l1_loss,
    F.huber_loss,
    F.binary_cross_entropy,
    F.binary_cross_entropy_with_logits,
)
_DIFFERENCES = (torch.sub, Tensor.sub, Tensor.__sub__, Tensor.__rsub__)


@dataclass(frozen=True)
class LossCall:
    """A call of one of torch's losses, or a difference of two tensors, inside the reader's loss."""

    name: str
    input: Tensor
    target: Tensor
    ignore_index: int = -100


@dataclass(frozen=True)
class RecurrentCall:
    """A call of an ``nn.RNNBase``: the module, the size of its input, and what came back."""

    module: nn.RNNBase
    packed: bool
    data: Tensor  # the input, or the data of a packed one
    hidden: tuple[Tensor, ...]  # output and h_n

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(self.data.shape)

    @property
    def steps(self) -> int:
        """L of a padded input."""
        return self.sizes[1 if self.module.batch_first and len(self.sizes) == 3 else 0]


class Watch(TorchFunctionMode):
    """Record calls of losses, linear layers and ReLUs, and the first module to return NaN."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.losses: list[LossCall] = []
        self.linear: list[Tensor] = []
        self.dead_relus = 0
        self.recurrent: list[RecurrentCall] = []
        self.not_finite: str | None = None
        self._handles = [
            module.register_forward_hook(self._hook(name)) for name, module in model.named_modules()
        ]

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in LOSSES or func in _DIFFERENCES:
            self._saw_loss(func, args, kwargs)
        out = func(*args, **kwargs)
        if func is F.linear:
            self.linear.append(out)
        if func in (F.relu, torch.relu, Tensor.relu):
            self.dead_relus += bool((out == 0).all())
        return out

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.remove()
        super().__exit__(*error)

    def _saw_loss(self, func: Callable, args: tuple, kwargs: dict) -> None:
        input, target = (*args, *(kwargs[k] for k in ("input", "target") if k in kwargs))[:2]
        if isinstance(input, Tensor) and isinstance(target, Tensor):
            name = "difference" if func in _DIFFERENCES else func.__name__
            self.losses.append(LossCall(name, input, target, kwargs.get("ignore_index", -100)))

    def _hook(self, name: str) -> Callable:
        def saw(module: nn.Module, inputs: tuple, output: Any) -> None:
            first = next(tensors_in(output), None)
            if first is not None and not first.isfinite().all() and self.not_finite is None:
                self.not_finite = f"{name or 'the model'} ({type(module).__name__})"
            if isinstance(module, nn.RNNBase) and inputs and first is not None:
                packed = not isinstance(inputs[0], Tensor)
                data = inputs[0].data if packed else inputs[0]
                h_n = output[1][0] if isinstance(output[1], tuple) else output[1]
                self.recurrent.append(RecurrentCall(module, packed, data, (first, h_n)))

        return saw


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield the tensors of a tensor, a packed sequence, or a tuple, list or dict of such."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors_in(part)


def size_of(value: float) -> str:
    """A number with two digits."""
    return f"{value:.2g}" if math.isfinite(value) else str(value)
