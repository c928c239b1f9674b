"""Faults of a model and of a batch, found by running it and by changing what goes in."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lstm_tutorial.check.learning.loss import Fault
from lstm_tutorial.check.learning.trial import Trial, by_step
from lstm_tutorial.check.learning.watch import RecurrentCall, size_of, tensors_in

HUGE = 1e4  # no initialisation draws weights as large as this
FLAT = 5.0  # beyond it a sigmoid has less than 3% of its steepest slope
EXTRA = 7  # columns of padding to be appended


def faults_before_the_first_step(model: nn.Module, inputs: tuple) -> Iterator[Fault]:
    """Yield what is wrong with the numbers that everything starts from."""
    if not all(x.isfinite().all() for x in tensors_in(inputs)):
        yield "input_not_finite", ""
    for name, p in model.named_parameters():
        if not p.isfinite().all() or (p.numel() and p.abs().max() > HUGE):
            yield "uninitialised", f"Seen in {name}."
    if not any(p.requires_grad for p in model.parameters()):
        yield "nothing_trains", ""


def faults_of_batch(inputs: tuple, targets: Any, batch_axis: int) -> Iterator[Fault]:
    """Yield what makes one constant the best answer to the batch."""
    x = inputs[0]
    if isinstance(x, Tensor) and x.dim() > 1 and x.shape[batch_axis] > 1:
        rows = x.transpose(0, batch_axis)
        if (rows == rows[:1]).all():
            yield "inputs_identical", f"All {len(rows)} sequences are equal."
    if (
        isinstance(targets, Tensor)
        and targets.numel() > 1
        and (targets == targets.ravel()[0]).all()
    ):
        yield "targets_constant", f"All {targets.numel()} targets are {targets.ravel()[0]:g}."


def faults_of_gradients(trial: Trial) -> Iterator[Fault]:
    """Yield what the gradients of one step show."""
    if not trial.value.isfinite():
        first = trial.watch.not_finite
        yield "loss_not_finite", f"The first to return NaN or infinity is {first}." if first else ""
        return
    if not trial.value.requires_grad:
        yield "loss_detached", ""
        return
    grads = {n: p.grad for n, p in trial.model.named_parameters() if p.requires_grad}
    bad = [n for n, g in grads.items() if g is not None and not g.isfinite().all()]
    if bad:
        yield "gradient_not_finite", f"Seen in {', '.join(bad)}."
    if trial.watch.dead_relus:
        yield "dead_relu", ""
    yield from _saturated(trial.watch.recurrent)
    without = [n for n, g in grads.items() if g is None or not g.any()]
    yield from _without_gradient(trial, without)
    for name, p in trial.model.named_parameters():
        if p.dim() == 2 and len(p) > 4 and p.grad is not None and _copies(p.detach(), p.grad):
            yield "units_identical", f"Seen in {name}."


def _copies(weight: Tensor, grad: Tensor) -> bool:
    """Whether all rows are equal, and so are the gradients of all units (of each of four gates)."""
    if not (weight == weight[0]).all() or not grad.any():
        return False
    rounded = (grad / grad.abs().max() * 1e3).round()
    return len(rounded.unique(dim=0)) <= 4


def _saturated(calls: list[RecurrentCall]) -> Iterator[Fault]:
    for call in calls:
        cell: Any = call.module
        bias = cell.bias_ih_l0 + cell.bias_hh_l0 if cell.bias else None
        with torch.no_grad():
            a = F.linear(call.data, cell.weight_ih_l0, bias)
        share = (a.abs() > FLAT).double().mean().item()
        if share > 0.5:
            told = f"{100 * share:.0f}% of the preactivations are beyond {FLAT:g}"
            largest = size_of(call.data.abs().max().item())
            yield "saturated", f"{told}; inputs are as large as {largest}."


def _without_gradient(trial: Trial, names: list[str]) -> Iterator[Fault]:
    if not names:
        return
    recurrent = [name for name in names if "weight_hh" in name]
    calls = trial.watch.recurrent
    if recurrent and calls and all(call.steps == 1 for call in calls):
        times = "one call" if len(calls) == 1 else f"{len(calls)} calls"
        yield "one_step", f"Seen in {times} of {calls[0].sizes}."
    inputs = {name.replace("weight_hh", "weight_ih") for name in recurrent}
    if recurrent and all(n.endswith("_reverse") for n in names) and not inputs & set(names):
        yield "reverse_one_step", f"{recurrent[0]} has a gradient of 0."
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    yield "no_gradient", f"None reaches {shown}."


def faults_of_state(trial: Trial) -> Iterator[Fault]:
    """Yield why the same batch is answered differently; nothing else can be tried then."""
    first, second = trial.answer(), trial.answer()
    if not torch.equal(first, second):
        yield "state_carried", f"Two calls differ by {size_of(_largest(first - second))}."
    other = trial.answer(seed=1)
    if first.shape == other.shape and not torch.equal(first, other):
        yield "random_in_eval", f"Two seeds differ by {size_of(_largest(first - other))}."


def faults_of_influence(trial: Trial) -> Iterator[Fault]:
    """Yield what a changed sequence or added padding does to the answers that it should not."""
    x = trial.inputs[0]
    if not isinstance(x, Tensor) or x.dim() < 2:
        return
    yield from _of_one_sequence(trial, x)
    yield from _of_padding(trial, x)


def _of_one_sequence(trial: Trial, x: Tensor) -> Iterator[Fault]:
    rows = trial.batch_axis_first(x).clone()
    length = rows.shape[1] if trial.lengths is None else int(trial.lengths[0])
    others = [k for k in range(1, len(rows)) if (rows[k, :length] != rows[0, :length]).any()]
    if not others:
        return
    before = trial.answer()
    rows[0] = rows[others[0]]
    changed = rows if trial.batch_first else rows.transpose(0, 1)
    moved = trial.batch_axis_first((trial.answer(changed, *trial.inputs[1:]) - before).abs())
    scale = 1 + before.abs().max().item()
    if moved.max() <= 1e-7 * scale:
        yield "input_ignored", "Another first sequence moves no answer."
    elif len(moved) == len(rows) and moved[1:].max() > 1e-5 * scale:
        told = f"Another first sequence moves other answers by {size_of(moved[1:].max().item())}."
        swapped = any(_reads_batch_as_time(call, trial) for call in trial.watch.recurrent)
        yield ("batch_and_time_swapped" if swapped else "rows_mixed"), told


def _reads_batch_as_time(call: RecurrentCall, trial: Trial) -> bool:
    if call.packed or len(call.sizes) < 2:
        return False
    if len(call.sizes) == 2:  # one sequence without a batch
        return call.sizes[0] == trial.sizes[0]
    time, batch = (call.sizes[k] for k in ((1, 0) if call.module.batch_first else (0, 1)))
    return (batch, time) == trial.sizes[::-1]


def _of_padding(trial: Trial, x: Tensor) -> Iterator[Fault]:
    """Append columns, where a batch has padding, and compare what is not padding."""
    padding, lengths = trial.padding, trial.lengths
    if padding is None or lengths is None:
        return
    axis = 1 if trial.batch_first else 0
    column = trial.batch_axis_first(x)[int(padding[:, -1].nonzero()[0]), -1]  # padding
    shape = [*x.shape]
    shape[axis] = EXTRA
    wider = torch.cat([x, column.expand(shape)], dim=axis)
    try:
        before, after = trial.answer(), trial.answer(wider, *trial.inputs[1:])
    except Exception:  # a model for one length only
        return
    L, longest = padding.shape[1], int(lengths.max())
    steps = by_step(before, before, (L, longest), trial)
    steps_after = by_step(after, after, (L + EXTRA, longest), trial)
    if steps is not None and steps_after is not None:
        valid = ~padding[:, : steps.shape[1]].to(steps.device)
        before, after = steps[valid], steps_after[:, : steps.shape[1]][valid]
    if before.shape == after.shape:
        moved = _largest(after - before)
        if moved > 1e-4 * (1 + _largest(before)):
            yield "padding_read", f"{EXTRA} more columns move them by {size_of(moved)}."


def _largest(tensor: Tensor) -> float:
    return tensor.abs().max().item()
