"""Can a model learn one batch, and if not, why? ``training`` asks both of a reader's own model."""

import copy
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lstm_tutorial.check.learning.loss import Fault, faults_of_loss
from lstm_tutorial.check.learning.model import (
    faults_before_the_first_step,
    faults_of_batch,
    faults_of_gradients,
    faults_of_influence,
    faults_of_state,
)
from lstm_tutorial.check.learning.one_batch import (
    EVERY,
    best_constant,
    losses_on,
    strongest_dropout,
)
from lstm_tutorial.check.learning.trial import Loss, Trial
from lstm_tutorial.check.learning.watch import size_of
from lstm_tutorial.check.learning.wording import FAULTS
from lstm_tutorial.check.messages import line_of

SHARE = 0.5  # of the loss of the best constant: below it, the batch counts as learned
HIGH = 0.8  # a share dropped that nobody means
FAR = 20.0  # a target that an output reaches late, at 0.01 a step


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """What ``training`` found; true where the model learned its batch and shows no fault.

    Attributes:
        passed: whether it did.
        mistake: a key of ``FAULTS``; ``"raised"`` where the code raised; None where all is right.
        diagnosis: what is the matter, in a sentence; empty where all is right.
        look_at: where to look for it.
        evidence: lines that say what was seen.
        losses: the loss in evaluation mode before the first and after every fifth step.
        constant: the loss of the best constant answer.
        exception: what the code raised, where it did.
    """

    passed: bool
    mistake: str | None = None
    diagnosis: str = ""
    look_at: str = ""
    evidence: tuple[str, ...] = ()
    losses: tuple[float, ...] = ()
    constant: float | None = None
    exception: Exception | None = None

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        if self.passed:
            return f"Right: {self.evidence[0]}"
        lines = [f"Not yet: {self.diagnosis}", *(f"  {line}" for line in self.evidence)]
        return "\n".join([*lines, f"  Look at: {self.look_at}"])

    __repr__ = __str__


def training(
    model: nn.Module,
    loss: Loss,
    batch: Sequence,
    *,
    batch_first: bool = True,
    lr: float = 0.01,
    steps: int = 200,
) -> Diagnosis:
    """Tell why a model does not learn, or that it can: let a copy of it learn one batch.

    The loss, the gradients, and what one sequence or more padding does to the answers are looked
    at first. Then a copy is trained on the batch, with Adam, until its loss is below half of what
    the best constant answer would get. Your model, its gradients and its mode, and the random
    generators of torch stay as they are.

    Args:
        model: called as ``model(*inputs)``; its first tensor is the output.
        loss: called as ``loss(output, targets)``, such as ``nn.CrossEntropyLoss()``, or a function
            of yours; gets what the model returns.
        batch: ``(inputs, targets)``, or ``(inputs, lengths, targets)`` for a model that takes both.
        batch_first: whether axis 0 of the inputs is the batch; else it is time.
        lr: the learning rate of Adam.
        steps: how many steps it gets.

    Returns:
        What was found: a result that prints itself, and is true where the batch was learned.

    Raises:
        TypeError: if the batch is not inputs and targets, or the model no module.
    """
    if not isinstance(model, nn.Module) or not isinstance(batch, tuple | list) or len(batch) < 2:
        raise TypeError(
            f"expected a module, a loss and a batch (inputs, targets), got "
            f"{type(model).__name__}, {type(loss).__name__} and {type(batch).__name__}"
        )
    *inputs, targets = batch
    with torch.random.fork_rng(), torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of shapes that broadcast: told as a diagnosis
        return _examine(model, loss, tuple(inputs), targets, batch_first, lr, steps)


def _examine(
    model: nn.Module,
    loss: Loss,
    inputs: tuple,
    targets: Any,
    batch_first: bool,
    lr: float,
    steps: int,
) -> Diagnosis:
    trial: Trial | None = None
    try:
        if fault := next(faults_before_the_first_step(model, inputs), None):
            return _found(fault)
        trial = Trial(model, loss, inputs, targets, batch_first)
        fresh = copy.deepcopy(trial.model)
        trial.step()
        if fault := next(_faults_of(trial), None):
            return _found(fault)
        trial.model = fresh
        return _learn(trial, lr, steps)
    except Exception as error:
        return _raised(error, trial)


def _faults_of(trial: Trial) -> Iterator[Fault]:
    yield from faults_of_loss(trial)
    yield from faults_of_batch(trial.inputs, trial.targets, 0 if trial.batch_first else 1)
    yield from faults_of_gradients(trial)
    trial.step()  # again: a state kept with its graph raises here
    yield from faults_of_state(trial)
    yield from faults_of_influence(trial)


def _found(fault: Fault, **seen: Any) -> Diagnosis:
    name, detail = fault
    sentence, hint = FAULTS[name]
    return Diagnosis(False, name, sentence, hint, (detail,) if detail else (), **seen)


def _raised(error: Exception, trial: Trial | None) -> Diagnosis:
    """Name an exception that a known fault has caused; else tell it as it is."""
    words = str(error)
    if "backward through the graph a second time" in words or "deepcopy protocol" in words:
        return _found(("state_not_detached", f"torch says: {words.split('.')[0]}."))
    seen = trial if hasattr(trial, "watch") else None  # None where no step was taken
    if seen and (fault := next(faults_of_loss(seen), None)):
        return _found(fault, exception=error)
    told = f"Your code raised {type(error).__name__}: {words.removesuffix('.')}. {line_of(error)}"
    hint = "that line. The check calls model(*inputs), then loss(output, targets)."
    return Diagnosis(False, "raised", told.strip(), hint, exception=error)


def _learn(trial: Trial, lr: float, steps: int) -> Diagnosis:
    constant = best_constant(trial)
    losses = losses_on(trial, lr, steps, SHARE * constant)
    seen: dict[str, Any] = {"losses": losses, "constant": constant}
    told = (
        f"Loss {size_of(losses[0])}, and {size_of(min(losses))} after {EVERY * (len(losses) - 1)} "
        f"steps on one batch; the best constant gets {size_of(constant)}."
    )
    if min(losses) < SHARE * constant:
        return Diagnosis(True, evidence=(told,), **seen)
    target = trial.targets
    if isinstance(target, Tensor) and target.is_floating_point() and target.abs().max() > FAR:
        low, high = (size_of(bound.item()) for bound in target.aminmax())
        return _found(("targets_unscaled", f"They lie between {low} and {high}. {told}"), **seen)
    without = losses_on(trial, lr, steps, SHARE * constant, dropout=False)
    if min(without) < SHARE * constant:
        told += f" Without dropout, {size_of(min(without))}."
        if strongest_dropout(trial.model) < HIGH:
            return Diagnosis(True, evidence=(told,), **seen)
        return _found(("dropout_too_high", told), **seen)
    return _found(("not_learned", told), **seen)
