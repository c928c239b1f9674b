"""Faults of a loss, read from the tensors that reach it and from where they come."""

import re
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lstm_tutorial.check.learning.trial import Trial, by_step
from lstm_tutorial.check.learning.watch import LossCall, size_of

Fault = tuple[str, str]  # a key of FAULTS, and what was seen
CLASSES = ("cross_entropy", "nll_loss")
_VIEWS = re.compile(
    r"(Unsafe)?(View|Reshape|ReshapeAlias|Squeeze|Unsqueeze|Transpose|Permute|Select|Slice|Clone"
    r"|Alias|T|Index)$"
)
_REACH = {
    "Sigmoid": (0.0, 1.0),
    "Softmax": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "Relu": (0.0, float("inf")),
}


def faults_of_loss(trial: Trial) -> Iterator[Fault]:
    """Yield what is wrong with the calls of losses, the most telling first.

    Args:
        trial: after one step, which may have raised inside the loss.
    """
    for call in trial.watch.losses:
        yield from _shapes(call, trial)
        yield from _activation(call, trial)
        yield from _targets(call)
    yield from _padding(trial)


def _shapes(call: LossCall, trial: Trial) -> Iterator[Fault]:
    shapes = f"output {tuple(call.input.shape)}, targets {tuple(call.target.shape)}"
    if call.name in CLASSES and call.input.dim() > 1:
        if call.input.shape[1] == 1:
            yield "one_class", f"The loss gets {shapes}."
        if call.input.dim() == 3 and _classes_last(call.input, trial):
            yield "class_axis", f"The loss gets {shapes}."
    if call.name in CLASSES or (
        call.name == "difference" and call.input.dim() == call.target.dim()
    ):
        return
    try:
        compared = torch.broadcast_shapes(call.input.shape, call.target.shape).numel()
    except RuntimeError:
        return
    if compared > max(call.input.numel(), call.target.numel()):
        yield "broadcast", f"The loss gets {shapes}, and compares {compared} pairs."


def _classes_last(input: Tensor, trial: Trial) -> bool:
    """Whether the numbers are those of a Linear, and its features are not on axis 1."""
    same = [y for y in trial.watch.linear if y.dim() > 1 and y.data_ptr() == input.data_ptr()]
    return bool(same) and input.stride(1) != 1 and same[-1].shape[-1] > 1


def last_activation(tensor: Tensor) -> str:
    """Name the function that made a tensor, looking through views: ``"Sigmoid"``."""
    node = tensor.grad_fn
    while node is not None:
        name = re.sub(r"Backward\d*$", "", node.name().rpartition("::")[2])
        if not _VIEWS.match(name):
            return name
        node = node.next_functions[0][0] if node.next_functions else None
    return ""


def _activation(call: LossCall, trial: Trial) -> Iterator[Fault]:
    name = last_activation(call.input)
    low, high = (size_of(bound.item()) for bound in call.input.detach().aminmax())
    told = f"The numbers that reach the loss lie between {low} and {high}."
    if call.name == "cross_entropy" and name in ("Softmax", "Sigmoid"):
        yield "softmax_twice", told
    if call.name == "binary_cross_entropy_with_logits" and name in ("Softmax", "Sigmoid"):
        yield "sigmoid_twice", told
    if "entropy" in call.name and name == "Relu":
        yield "relu_output", told
    if call.name == "nll_loss":
        total = call.input.detach().exp().sum(1)
        if not torch.allclose(total, torch.ones_like(total), atol=0.01):
            yield "nll_without_log", told
    if call.name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "difference"):
        yield from _reach(call, name, trial)


def _reach(call: LossCall, name: str, trial: Trial) -> Iterator[Fault]:
    low, high = (-1.0, 1.0) if _is_state(call.input, trial) else _REACH.get(name, (None, None))
    if low is None or high is None or not call.target.is_floating_point():
        return
    outside = ((call.target < low) | (call.target > high)).sum().item()
    if outside:
        between = f"{low:g} and {high:g}"
        yield (
            "out_of_reach",
            f"{outside} of {call.target.numel()} targets are not between {between}.",
        )


def _is_state(tensor: Tensor, trial: Trial) -> bool:
    """Whether it is a slice of the hidden states of an LSTM or a GRU."""
    storage = tensor.untyped_storage().data_ptr()
    return any(
        isinstance(call.module, nn.LSTM | nn.GRU)
        and not call.module.proj_size
        and storage in [h.untyped_storage().data_ptr() for h in call.hidden]
        for call in trial.watch.recurrent
    )


def _targets(call: LossCall) -> Iterator[Fault]:
    target = call.target
    if call.name in CLASSES and not target.is_floating_point():
        counted = target[target != call.ignore_index]
        classes = call.input.shape[min(1, call.input.dim() - 1)]
        if not counted.numel():
            yield "everything_ignored", f"ignore_index is {call.ignore_index}."
        elif counted.min() < 0 or counted.max() >= classes:
            told = f"They are {counted.min()} to {counted.max()}"
            yield "labels_out_of_range", f"{told}; the output has {classes} classes."
    if call.name.startswith("binary") and (target.min() < 0 or target.max() > 1):
        low, high = (size_of(float(bound)) for bound in (target.min(), target.max()))
        yield "labels_out_of_range", f"They are {low} to {high}; binary labels are 0 and 1."


def _padding(trial: Trial) -> Iterator[Fault]:
    """A loss that leaves the padding out has no gradient there."""
    padding, output = trial.padding, getattr(trial, "output", None)
    lengths = trial.lengths
    if padding is None or lengths is None or output is None or output.grad is None:
        return
    L, longest = padding.shape[1], int(lengths.max())
    grad = by_step(output.grad, output, (L, longest), trial)
    if grad is None:
        return
    counted = grad.flatten(2).abs().amax(2).cpu()
    padded = padding[:, : counted.shape[1]]
    if steps := int((counted[padded] > 0).sum()):
        yield "padding_in_loss", f"{steps} of {int(padded.sum())} padded steps count."
