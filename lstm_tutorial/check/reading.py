"""Take apart what a reader's code returns, and follow the gradients back."""

import inspect
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from lstm_tutorial.check.engine import Unfit, Values


def draw(seed: int, *shape: int, scale: float = 1.0) -> Tensor:
    """Draw float64 values from U(-scale, scale) with a generator of their own."""
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1) * scale


def drawn(kind: type[nn.Module], *args: int, **options: object) -> nn.Module:
    """Build a float64 module whose weights depend on nothing but their shapes."""
    module = kind(*args, **options, dtype=torch.float64)
    with torch.no_grad():
        for k, parameter in enumerate(module.parameters()):
            parameter.copy_(draw(k, *parameter.shape))
    return module


def as_tensor(value: object, name: str) -> Tensor:
    """Let a float64 tensor through.

    Args:
        value: what the reader's code returned.
        name: what it is called in the message.

    Returns:
        The tensor.

    Raises:
        Unfit: if it is None, no tensor, or of another type.
    """
    if value is None:
        raise Unfit("nothing_returned")
    if not isinstance(value, Tensor):
        raise Unfit("return_form", f"Wanted a tensor for {name}; yours is a {_kind(value)}.")
    if value.dtype != torch.float64:
        raise Unfit("wrong_dtype", f"{name} is {value.dtype}.")
    return value


def as_pair(value: object, wanted: str) -> tuple[object, object]:
    """Let a pair through; raise Unfit for anything else, saying what was wanted and what came."""
    if value is None:
        raise Unfit("nothing_returned")
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise Unfit("return_form", f"Wanted {wanted}; yours is a {_kind(value)}.")
    return value[0], value[1]


def _kind(value: object) -> str:
    if isinstance(value, tuple | list):
        return f"{type(value).__name__} of {len(value)}"
    return "single tensor" if isinstance(value, Tensor) else type(value).__name__


def with_gradients(outputs: Values, leaves: Mapping[str, Tensor]) -> Values:
    """Add the gradients of a fixed weighted sum of the outputs.

    Args:
        outputs: float64 tensors by name.
        leaves: the tensors whose gradients are wanted, by name.

    Returns:
        The outputs, detached, and ``"gradient of <name>"`` for every leaf; zeros where none flows.
    """
    values = {name: output.detach() for name, output in outputs.items()}
    loss = sum((_weights(v) * v).sum() for v in outputs.values() if v.requires_grad)
    found = (
        torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
        if isinstance(loss, Tensor)
        else [None] * len(leaves)
    )
    for (name, leaf), gradient in zip(leaves.items(), found, strict=True):
        values[f"gradient of {name}"] = torch.zeros_like(leaf) if gradient is None else gradient
    return values


def _weights(values: Tensor) -> Tensor:
    """A weight for every element, such that no two of them can stand in for each other."""
    return torch.cos(0.7 * torch.arange(values.numel(), dtype=values.dtype) + 1).view(values.shape)


def leaf(values: Tensor) -> Tensor:
    """Copy a tensor into a leaf whose gradient can be asked for."""
    return values.detach().clone().requires_grad_()


def positional_arguments(fn: Callable, at_most: int) -> int:
    """Count the positional arguments that a callable takes; at_most where that is unknown."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return at_most
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return at_most
    taken = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return min(len(taken), at_most)


def takes(fn: Callable, name: str) -> bool:
    """Whether a callable can be given an argument of this name."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in parameters)


def require_callable(fn: object, called: str) -> None:
    """Raise TypeError, saying what to pass, where a check is given something it can't call."""
    if not callable(fn) or isinstance(fn, nn.Module):
        raise TypeError(
            f"expected {called}, got {fn!r}: pass the function or class itself, not what it returns"
        )
