"""What proves the quizzes of what goes in, what comes out, and packing at padded speed."""

import ast

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstm_tutorial import ragged
from tests.book.quiz_basics import shape_in
from tests.book.quizzes import proves


def packed_run(lstm: nn.LSTM, x: torch.Tensor, lengths: torch.Tensor):
    """Run a batch-first LSTM as torch does it: output, zero on padding, and h_n."""
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    output, (h_n, _) = lstm(packed)
    return pad_packed_sequence(output, batch_first=True, total_length=x.size(1))[0], h_n


@proves("quiz-inputs-swapped")
def swapped(choice: str) -> bool:
    lstm, x = nn.LSTM(3, 5), torch.randn(4, 7, 3)
    later = x.clone()
    later[0] += 1  # the first sequence alone
    try:
        output, moved = lstm(x)[0], lstm(later)[0]
    except RuntimeError:
        return choice.startswith("An error")
    right = lstm(x.transpose(0, 1))[0].transpose(0, 1)
    return {
        "An error: batch and sequence are swapped": False,
        "The right numbers: PyTorch finds the batch axis": torch.allclose(output, right),
        "No error, and each sequence’s result depends on the sequences before it": all(
            not torch.equal(output[n], moved[n]) for n in range(1, 4)
        ),
    }[choice]


@proves("quiz-inputs-padding")
def spoiled_halves(choice: str) -> bool:
    lstm = nn.LSTM(4, 5, bidirectional=True, batch_first=True)
    x = torch.randn(1, 6, 4)
    alone, padded = lstm(x)[0], lstm(nn.functional.pad(x, (0, 0, 0, 5)))[0][:, :6]
    forward, reverse = (
        torch.allclose(alone[..., half], padded[..., half], atol=1e-6)
        for half in (slice(0, 5), slice(5, 10))
    )
    return {
        "Both halves: zeros add nothing": forward and reverse,
        "The reverse half": reverse and not forward,
        "The forward half": forward and not reverse,
        "Neither": not forward and not reverse,
    }[choice]


@proves("quiz-inputs-batch-sizes")
def batch_sizes(choice: str) -> bool:
    packed = pack_padded_sequence(torch.zeros(4, 3, 1), [4, 1, 2], enforce_sorted=False)
    return ast.literal_eval(choice) == packed.batch_sizes.tolist()


@proves("quiz-inputs-hx")
def state_shape(choice: str) -> bool:
    lstm, state = nn.LSTM(4, 5, 2, batch_first=True), torch.zeros(shape_in(choice))
    try:
        lstm(torch.randn(32, 7, 4), (state, state))
    except RuntimeError:
        return False
    return True


@proves("quiz-inputs-order")
def order_of_h_n(choice: str) -> bool:
    lstm, x = nn.LSTM(3, 4, batch_first=True), torch.randn(3, 5, 3)
    lengths = torch.tensor([2, 5, 3])
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    h_n = lstm(packed)[1][0][0]
    mine = torch.cat([lstm(x[n : n + 1, :k])[1][0][0] for n, k in enumerate(lengths)])
    return {
        "In the order of your batch": torch.allclose(h_n, mine),
        "Longest first": torch.allclose(h_n, mine[lengths.argsort(descending=True)]),
        "In the order of sorted_indices": torch.allclose(h_n, mine[packed.sorted_indices]),
    }[choice]


@proves("quiz-outputs-row")
@torch.no_grad()
def silent_row(choice: str) -> bool:
    lstm = nn.LSTM(3, 4, num_layers=3, bidirectional=True)
    for name, weight in lstm.named_parameters():
        if name.endswith("_l1_reverse"):
            weight.zero_()
    h_n = lstm(torch.randn(5, 2, 3))[1][0]
    return not eval(choice, {"h_n": h_n}).any()


@proves("quiz-outputs-reverse")
def reverse_final_state(choice: str) -> bool:
    lstm = nn.LSTM(3, 4, bidirectional=True, batch_first=True)
    output, (h_n, _) = lstm(torch.randn(2, 5, 3))
    slice_ = eval(choice, {"output": output, "H": 4})
    return slice_.shape == h_n[-1].shape and torch.equal(slice_, h_n[-1])


@proves("quiz-outputs-moves")
def moves(choice: str) -> bool:
    lstm, x = nn.LSTM(3, 4, bidirectional=True), torch.randn(20, 1, 3)
    other = x.clone()
    other[0] += 5
    before, after = lstm(x)[0][-1, 0], lstm(other)[0][-1, 0]
    forward, reverse = (not torch.equal(before[h], after[h]) for h in (slice(4), slice(4, 8)))
    return {
        "The forward half": forward and not reverse,
        "The reverse half": reverse and not forward,
        "Both halves": forward and reverse,
        "Neither": not forward and not reverse,
    }[choice]


@proves("quiz-outputs-detach")
def detach(choice: str) -> bool:
    lstm, stream = nn.LSTM(3, 4), torch.randn(8, 1, 3)

    def run(cut: bool) -> tuple[torch.Tensor, torch.Tensor]:
        x, hx = stream.clone().requires_grad_(), None
        for chunk in x.split(4):
            output, hx = lstm(chunk, hx)
            hx = tuple(state.detach() for state in hx) if cut else hx
        return output, torch.autograd.grad(output.sum(), x)[0][:4]

    (whole, reached), (output, unreached) = run(False), run(True)
    values, gradients = not torch.equal(output, whole), not torch.equal(reached, unreached)
    return {
        "The outputs, a little": values,
        "The gradients: a loss reaches no chunk before its own": (
            gradients and not values and not unreached.any()
        ),
        "Nothing: it only saves memory": not values and not gradients,
    }[choice]


@proves("quiz-outputs-max")
def zeros_that_win(choice: str) -> bool:
    lstm, lengths = nn.LSTM(3, 16, batch_first=True), torch.tensor([6, 4, 1])
    output, _ = packed_run(lstm, torch.randn(3, 6, 3), lengths)
    valid = torch.stack([output[n, :k].amax(dim=0) for n, k in enumerate(lengths)])
    wrong = output.amax(dim=1) != valid
    padded = (lengths < 6)[:, None].expand_as(wrong)
    return {
        "None: zero never wins a maximum": not wrong.any(),
        "Every number of a row with padding": torch.equal(wrong, padded),
        "Those of a row with padding whose valid values are all negative": torch.equal(
            wrong, padded & (valid < 0)
        ),
    }[choice]


@proves("quiz-ragged-row")
def row_of_the_reverse_direction(choice: str) -> bool:
    index = ragged.reverse_rows(torch.tensor([3]), length=5)
    return ast.literal_eval(choice) == torch.tensor([1, 2, 3, 0, 0])[index].tolist()


@proves("quiz-ragged-need")
def right_without_lengths(choice: str) -> bool:
    lstm = eval(choice, {"nn": nn})
    lstm.batch_first = True
    x, lengths = torch.randn(3, 6, 8), torch.tensor([6, 4, 1])
    rows = torch.arange(3)
    expected = packed_run(lstm, x, lengths)[0][rows, lengths - 1]
    return torch.allclose(lstm(x)[0][rows, lengths - 1], expected, atol=1e-6)


@proves("quiz-ragged-zero")
def empty_row(choice: str) -> bool:
    lstm, x = nn.LSTM(3, 4, batch_first=True), torch.randn(2, 5, 3)
    try:
        _, (h_n, _) = ragged.run(lstm, x, torch.tensor([5, 0]))
    except (RuntimeError, ValueError):
        return choice == "Nothing: it raises an error"
    after_padding = lstm(x[1:, :1])[1][0][0, 0]
    return {
        "A state of zeros": not h_n[0, 1].any(),
        "The state after one step of padding": torch.allclose(h_n[0, 1], after_padding),
        "Nothing: it raises an error": False,
    }[choice]
