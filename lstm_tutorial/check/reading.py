"""Call a reader's code: draw its inputs, load its weights, read its results and gradients."""

import inspect
from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from lstm_tutorial.check.engine import Unfit, Values

M = TypeVar("M", bound=nn.Module)


def draw(seed: int, *shape: int, scale: float = 1.0) -> Tensor:
    """Draw float64 values from U(-scale, scale) with a generator of their own."""
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1) * scale


def drawn(kind: type[M], *args: int, **options: object) -> M:
    """Build a float64 module whose weights depend only on their order and shapes."""
    module = kind(*args, **options, dtype=torch.float64)
    with torch.no_grad():
        for k, parameter in enumerate(module.parameters()):
            parameter.copy_(draw(k, *parameter.shape))
    return module


def as_tensor(value: object, name: str) -> Tensor:
    """Return a float64 tensor unchanged; raise Unfit, under this name, for anything else."""
    if value is None:
        raise Unfit("nothing_returned")
    if not isinstance(value, Tensor):
        raise Unfit("return_form", f"Wanted a tensor for {name}; yours is a {_kind(value)}.")
    if value.dtype != torch.float64:
        raise Unfit("wrong_dtype", f"{name} is {value.dtype}.")
    return value


def as_pair(value: object, wanted: str) -> tuple[object, object]:
    """Return both parts of a pair; raise Unfit for anything else, naming what was wanted."""
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
    """Detach the outputs, and add the gradient of a weighted sum of them to each leaf, or zeros."""
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
    """Give each element a weight of its own, so that elements changing places are noticed."""
    return torch.cos(0.7 * torch.arange(values.numel(), dtype=values.dtype) + 1).view(values.shape)


def leaf(values: Tensor) -> Tensor:
    """Copy a tensor into a leaf that requires a gradient."""
    return values.detach().clone().requires_grad_()


def positional_arguments(fn: Callable, at_most: int) -> int:
    """Count the positional arguments that a callable takes, up to at_most; at_most if unknown."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return at_most
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return at_most
    taken = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return min(len(taken), at_most)


def takes(fn: Callable, name: str) -> bool:
    """Whether a callable takes an argument of this name."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in parameters)


def adopt(module: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Make a module float64 and load weights by name; return its parameter for each of them.

    A bias may be missing, as what the code computes without it tells more than its absence: its
    leaf is then a tensor of its own. Any other difference in names or shapes raises Unfit.
    """
    if not isinstance(module, nn.Module):
        raise Unfit("parameter_names", f"Wanted an nn.Module; yours is a {type(module).__name__}.")
    own = dict(module.double().named_parameters())
    _compare_names(module, own, weights)
    for name, parameter in own.items():
        if parameter.shape != weights[name].shape:
            flipped = parameter.shape == weights[name].shape[::-1]
            raise Unfit(
                "weights_transposed" if flipped else "parameter_names",
                f"{name} has shape {tuple(parameter.shape)}; "
                f"torch's has {tuple(weights[name].shape)}.",
            )
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(weights[name])
    return {name: own.get(name, weights[name].clone().requires_grad_()) for name in weights}


def _compare_names(
    module: nn.Module, own: Mapping[str, Tensor], weights: Mapping[str, Tensor]
) -> None:
    missing = [name for name in weights if name not in own]
    plain = [name for name in missing if isinstance(getattr(module, name, None), Tensor)]
    if plain:
        raise Unfit("not_parameters", f"Such as {plain[0]}.")
    foreign = [name for name in own if name not in weights]
    missing = [name for name in missing if not name.startswith("bias")] if not foreign else missing
    if foreign or missing:
        theirs, ours = ", ".join(weights), ", ".join(own) or "none"
        raise Unfit("parameter_names", f"Torch's: {theirs}. Yours: {ours}.")
