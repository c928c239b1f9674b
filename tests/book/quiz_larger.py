"""What proves the quiz of the chapter on precision, memory and processes."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from tests.book.quizzes import proves


@proves("quiz-larger-softmax")
def is_float32_under_autocast(choice: str) -> bool:
    with torch.autocast("cpu", torch.bfloat16):
        output = nn.Linear(3, 4)(torch.randn(5, 3))
        found = {
            "The output of the layer": output,
            "The softmax of the output": output.softmax(1),
            "The cross entropy of the output": F.cross_entropy(output, torch.arange(5) % 4),
        }
    return found[choice].dtype == torch.float32


@proves("quiz-larger-mean")
def weight_of_a_step_in_the_first_part(choice: str) -> bool:
    losses = torch.ones(100, requires_grad=True)
    whole = torch.autograd.grad(losses.mean(), losses)[0][0]
    parts = sum(part.mean() for part in losses.split([10, 90])) / 2
    counts = torch.autograd.grad(parts, losses)[0][0] / whole
    told = 1 if choice == "As much" else int(choice.split()[0])
    return round(counts.item(), 4) == told


@proves("quiz-larger-again")
def forward_passes_of_a_chunk(choice: str) -> bool:
    lstm, x, hx, calls = nn.LSTM(3, 4), torch.randn(12, 2, 3), None, []
    lstm.register_forward_pre_hook(lambda _, given: calls.append(given[0][0, 0, 0].item()))
    for part in x.split(3):
        output, hx = checkpoint(lstm, part, hx, use_reentrant=False)
    output.sum().backward()
    counts = [calls.count(part[0, 0, 0].item()) for part in x.split(3)]
    after = list(range(len(counts)))[::-1]
    truth = {"1": [1] * 4, "2": [2] * 4, "As many as there are chunks after it": after}
    return counts == truth[choice]


@proves("quiz-larger-ring")
def megabytes_that_a_process_sends(choice: str) -> bool:
    p, megabytes = 8, 100
    held = torch.randn(p, p)  # of each process, one number for each part
    total, sent = held.sum(0), torch.zeros(p)
    for turn in range(2 * (p - 1)):  # add up, then hand round
        parts = [(rank - turn) % p for rank in range(p)]
        moved = [held[rank, part].item() for rank, part in enumerate(parts)]
        for rank, (part, value) in enumerate(zip(parts, moved, strict=True)):
            after, sent[rank] = (rank + 1) % p, sent[rank] + megabytes / p
            held[after, part] = value + (held[after, part] if turn < p - 1 else 0)
    torch.testing.assert_close(held, total.expand(p, p), rtol=1e-4, atol=1e-5)
    return sent.unique().tolist() == [float(choice.removesuffix(" MB"))]
