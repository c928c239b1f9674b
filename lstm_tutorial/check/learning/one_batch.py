"""Train a copy of a model on one batch, and find what the best constant answer would get."""

import copy

import torch
from torch import Tensor, nn

from lstm_tutorial.check.learning.trial import Trial
from lstm_tutorial.check.learning.watch import tensors_in

EVERY = 5  # steps between two looks at the loss


def losses_on(
    trial: Trial, lr: float, steps: int, goal: float, dropout: bool = True
) -> tuple[float, ...]:
    """Train a copy on the batch; the loss in evaluation mode before it and every few steps."""
    model = copy.deepcopy(trial.model)
    for module in () if dropout else model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0
        elif isinstance(module, nn.RNNBase):
            module.dropout = 0.0
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr)
    torch.manual_seed(0)
    losses: list[float] = []
    for step in range(steps + 1):
        if step % EVERY == 0:
            with torch.no_grad():
                losses.append(trial.loss(model.eval()(*trial.inputs), trial.targets).item())
            if losses[-1] < goal:
                break
        optimizer.zero_grad()
        trial.loss(model.train()(*trial.inputs), trial.targets).backward()
        optimizer.step()
    return tuple(losses)


def strongest_dropout(model: nn.Module) -> float:
    """The largest probability of any dropout in a model; 0 where there is none."""
    shares = [0.0]
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            shares.append(module.p)
        elif isinstance(module, nn.RNNBase):
            shares.append(module.dropout)
    return max(shares)


def best_constant(trial: Trial) -> float:
    """The loss of the best answer that is the same for all: where it can't be found, the first."""
    with torch.no_grad():
        raw = trial.forward()
        first = trial.loss(raw, trial.targets).item()
        output = next(tensors_in(raw))
    if output is not raw:
        return first
    axes = tuple(range(output.dim() - 1)) if output.dim() > 1 else (0,)
    answer = output.mean(axes, keepdim=True).requires_grad_()
    optimizer = torch.optim.LBFGS([answer], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = trial.loss(answer.expand(output.shape), trial.targets)
        value.backward()
        return value

    optimizer.step(closure)
    best = closure().item()
    return min(best, first) if best == best else first
