"""What proves the quiz of the chapter on training that fails."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.book.quizzes import proves


@proves("quiz-learning-axis")
def reading_of_the_axes(choice: str) -> bool:
    scores, tags = torch.randn(8, 5, 5), torch.randint(0, 5, (8, 5))
    try:
        loss = F.cross_entropy(scores, tags)
    except (RuntimeError, ValueError):
        return choice == "It raises an error"
    over = {"steps": 1, "last": 2}  # the axis over which the probabilities are taken
    axis = next((k for word, k in over.items() if word in choice.lower()), None)
    if axis is None:
        return False
    classes = scores if axis == 1 else scores.transpose(1, 2)
    by_hand = -classes.log_softmax(1).gather(1, tags[:, None]).mean()
    return torch.allclose(loss, by_hand)


@proves("quiz-learning-column")
def best_under_broadcasting(choice: str) -> bool:
    targets = torch.randn(100) + 1
    predictions = {
        "The targets themselves": targets[:, None],
        "The mean of the targets, 100 times": targets.mean().expand(100, 1),
        "Zeros": torch.zeros(100, 1),
    }
    losses = {name: (p - targets).square().mean().item() for name, p in predictions.items()}
    return losses[choice] == min(losses.values())


@proves("quiz-learning-clip")
def nan_after_clipping(choice: str) -> bool:
    parameters = [nn.Parameter(torch.ones(3)) for _ in range(2)]
    for p in parameters:
        p.grad = torch.ones(3)
    parameters[0].grad[0] = float("nan")
    nn.utils.clip_grad_norm_(parameters, 1.0)
    bad = sum(int(p.grad.isnan().sum()) for p in parameters)
    number = {"Nothing: clipping limits it": 0, "That one number": 1, "Every gradient": 6}
    return bad == number[choice]


@proves("quiz-learning-weights")
def best_probability_of_the_rare_class(choice: str) -> bool:
    rare = torch.arange(1, 100) / 100
    loss = -(0.9 / 0.9 * (1 - rare).log() + 0.1 / 0.1 * rare.log())
    return abs(rare[loss.argmin()].item() - float(choice)) < 1e-6
