"""Give a reader's module torch's weights."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lstm_tutorial.check.engine import Unfit


def adopt(module: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy weights into the parameters of the same names.

    A missing bias is let through: what the code computes without it tells more than its absence.

    Args:
        module: the reader's module, in float64.
        weights: float64 tensors under torch's names.

    Returns:
        A leaf for every weight: the module's parameter, or where it lacks one, a tensor apart.

    Raises:
        Unfit: if names or shapes differ otherwise.
    """
    if not isinstance(module, nn.Module):
        raise Unfit("parameter_names", f"Wanted an nn.Module; yours is a {type(module).__name__}.")
    own = dict(module.named_parameters())
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
