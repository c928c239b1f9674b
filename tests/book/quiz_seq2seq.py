"""What proves the quiz of the chapter on sequence to sequence."""

import re

import torch
from torch import nn

from lstm_tutorial.tasks import BOS, EOS, beam_search, collate_pairs
from lstm_tutorial.tasks.dates import TARGET_WORDS
from tests.book.quizzes import proves


@proves("quiz-seq2seq-rows")
def rows_of_the_second_layer(choice: str) -> bool:
    lstm = nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)
    output, (h_n, _) = lstm(torch.randn(2, 5, 3))
    ends = torch.cat([output[:, -1, :4], output[:, 0, 4:]], dim=1)  # of the last layer
    rows = [h_n[int(row)] for row in re.findall(r"\[(\d)\]", choice)]
    return torch.equal(torch.cat(rows, dim=1), ends)


@proves("quiz-seq2seq-shift")
def tokens_under_teacher_forcing(choice: str) -> bool:
    batch = collate_pairs([("nineteen", "19")])
    names = {BOS: "BOS", EOS: "EOS"}
    inputs, targets = (
        " ".join(names.get(token, TARGET_WORDS[token]) for token in ids[0].tolist())
        for ids in (batch.inputs, batch.targets)
    )
    return choice == f"It reads {inputs} and answers {targets}"


@proves("quiz-seq2seq-empty")
def softmax_of_nothing(choice: str) -> bool:
    weights = torch.full((4,), -torch.inf).softmax(0)
    if weights.isnan().all():
        return choice == "NaN"
    return choice == ("zeros" if (weights == 0).all() else "equal weights")


@proves("quiz-seq2seq-width")
def smallest_width_that_never_misses(choice: str) -> bool:
    missed = dict.fromkeys((1, 2, 3, 4, 5, 25), False)
    for first in (EOS, 0, 3, 4):  # the least probable beginning of use is the best answer
        table = torch.full((5, 5), 0.2)
        if first == EOS:
            table[BOS] = torch.tensor([0.21, 0.21, 0.16, 0.21, 0.21])
        else:
            table[BOS] = torch.tensor([0.25, 0.25, 0.1, 0.25, 0.25])
            table[BOS, first], table[first] = 0.15, torch.eye(5)[EOS]
        best = table[BOS, first].item()

        def step(tokens, state, table=table):
            return table[tokens].log(), state

        for width in missed:
            _, scores = beam_search(step, (torch.zeros(1, width, 1),) * 2, width, 2)
            missed[width] |= scores[0, 0].exp().item() < best - 1e-6
    return int(choice) == min(width for width, misses in missed.items() if not misses)
