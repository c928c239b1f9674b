"""What proves the quizzes of sentiment, first attempt, failures, backward pass and speed."""

import json
from collections import Counter
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, pad
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils._python_dispatch import TorchDispatchMode

from lstm_tutorial import lstm_gates, lstm_step, ragged
from lstm_tutorial.sentiment import evidence, load_pretrained, runs
from lstm_tutorial.sentiment.analysis import difference, interval
from lstm_tutorial.sentiment.model import BiLSTMClassifier
from lstm_tutorial.sentiment.text import build_vocab, encode, tokenize
from tests.quiz_basics import shape_in
from tests.quiz_calls import packed_run
from tests.quizzes import BOOK, proves

DULL = tokenize("Although the plot is dull, the film is superb.")
SUPERB = tokenize("Although the plot is superb, the film is dull.")


@proves("quiz-sentiment-bag")
@torch.no_grad()
def same_for_both(choice: str) -> bool:
    vocab = build_vocab([DULL, SUPERB])
    ids = torch.tensor([encode(tokens, vocab) for tokens in (DULL, SUPERB)])
    logits = BiLSTMClassifier(len(vocab), 8, 8, pooling="max").eval()(ids, torch.tensor([10, 10]))
    return {
        "A bag of words": Counter(DULL) == Counter(SUPERB),
        "A bag of pairs of neighbouring words": (
            Counter(pairwise(DULL)) == Counter(pairwise(SUPERB))
        ),
        "A BiLSTM with max pooling": torch.equal(logits[0], logits[1]),
    }[choice]


@proves("quiz-sentiment-unknown")
def id_of_an_unknown_word(choice: str) -> bool:
    vocab = build_vocab([DULL, SUPERB])
    (number,) = encode(["zeppelin"], vocab)
    return number == (len(vocab) if choice == "The next free one" else int(choice))


@proves("quiz-sentiment-width")
def width_of_the_vector(choice: str) -> bool:
    model = BiLSTMClassifier(50, embedding_dim=100, hidden_size=32, pooling="max")
    widths = []
    model.classifier.register_forward_hook(
        lambda module, inputs, _: widths.append(inputs[0].size(-1))
    )
    for words in (5, 9):
        model(torch.randint(2, 50, (3, words)), torch.full((3,), words))
    if choice.endswith("times the number of words"):
        return widths == [64 * 5, 64 * 9]
    return widths == [int(choice)] * 2


@proves("quiz-sentiment-columns")
@torch.no_grad()
def moved_by_padding(choice: str) -> bool:
    model = BiLSTMClassifier(20, 8, 8, pooling=choice).eval()
    lengths = torch.tensor([7, 3, 5])
    ids = torch.randint(2, 20, (3, 7)).masked_fill(torch.arange(7) >= lengths[:, None], 0)
    return not torch.allclose(model(ids, lengths), model(pad(ids, (0, 10)), lengths), atol=1e-6)


@proves("quiz-first-attempt-last")
def last_of_the_first_axis(choice: str) -> bool:
    lstm = nn.LSTM(6, 8, bidirectional=True, batch_first=True)
    output, (h_n, _) = lstm(torch.randn(4, 30, 6))
    meant = {"step": output[:, -1], "review": output[-1], "layer": h_n[-1]}
    (tensor,) = (meant[word] for word in meant if f"last {word}" in choice)
    assert tensor.shape == shape_in(choice)
    return tensor.shape == output[-1].shape and torch.equal(tensor, output[-1])


@proves("quiz-first-attempt-labels")
def loss_of_label_2(choice: str) -> bool:
    logits = torch.tensor([1.0, 10.0, 100.0, 1000.0])
    try:
        ones, twos = (
            binary_cross_entropy_with_logits(logits, torch.full((4,), label), reduction="none")
            for label in (1.0, 2.0)
        )
    except (RuntimeError, ValueError, IndexError):
        return choice.startswith("An error")
    return {
        "An error tells you that the label is too large": False,
        "It behaves as with the label 1": torch.allclose(twos, ones),
        "It falls below every bound as the logit grows": bool((twos < 1 - logits / 2).all()),
    }[choice]


@proves("quiz-first-attempt-best")
def best_of_ten(choice: str) -> bool:
    looks = torch.binomial(torch.full((20_000, 10), 300.0), torch.tensor(0.85)) / 300
    reported = looks.amax(dim=1).mean().item()
    noise = 0.001  # of a mean over 20,000 draws, many times over
    return {
        "85%": abs(reported - 0.85) < noise,
        "More than 85%": reported > 0.85 + noise,
        "Less than 85%": reported < 0.85 - noise,
    }[choice]


@proves("quiz-first-attempt-worth")
def worth_most(choice: str) -> bool:
    totals = Counter()
    for path in sorted((BOOK / "records").glob("ablation-*.json")):
        results = json.loads(path.read_text(encoding="utf-8"))["results"]
        score = {entry["name"]: entry["test_accuracy"] for entry in results}
        tamed, padded = "first attempt, tamed", "final states, padding right"
        totals["Dropout and a lower rate for the first attempt"] += (
            score[tamed] - score["first attempt"]
        )
        totals["Telling the LSTM the lengths"] += score["final states"] - score[padded]
        totals["Max pooling in place of the final states"] += score["max"] - score["final states"]
    return totals[choice] == max(totals.values())


@proves("quiz-failures-chance")
def half_of_the_interval(choice: str) -> bool:
    low, high = interval(180, 200)
    points = {"half a point": 0.5, "1.5 points": 1.5, "4 points": 4.0}
    return 100 * (high - low) / 2 == pytest.approx(points[choice.removeprefix("About ")], rel=0.15)


@proves("quiz-failures-temperature")
def changed_by_temperature(choice: str) -> bool:
    logits, labels = torch.randn(1000), torch.rand(1000).round()
    halved = logits / 2
    changes = {
        "The accuracy": not torch.equal((logits > 0) == labels, (halved > 0) == labels),
        "The order of the reviews, from negative to positive": not torch.equal(
            logits.argsort(), halved.argsort()
        ),
    }
    others = any(changes.values()) or torch.equal(logits.sigmoid(), halved.sigmoid())
    return changes.get(choice, not others)


@proves("quiz-failures-lead")
def surer_lead(choice: str) -> bool:
    (a, _), (c, _) = difference(40, 10, 1000), difference(240, 210, 1000)
    return {
        "They are equally sure": a == pytest.approx(c),
        "A's lead over B": a > 0 > c,
        "C's lead over D": c > 0 > a,
    }[choice]


@proves("quiz-failures-negation")
def weight_of_not(choice: str) -> bool:
    text = "It is not boring and never too long."
    tokens, fall = evidence.occlusion(load_pretrained(), text)
    is_positive = next(runs.predict(load_pretrained(), [text])) > 0.5
    weight = {word: fall[tokens.index(word)].item() for word in ("not", "boring")}
    hears = weight["not"] > 0.5
    if choice.startswith("positive"):
        return is_positive
    if "like any other" in choice:
        return not is_positive and not hears
    return not is_positive and hears and -weight["boring"] > weight["not"]


@proves("quiz-bptt-road")
def factor_of_the_memory(choice: str) -> bool:
    W_hh, c = torch.randn(16, 4), torch.randn(1, 4, requires_grad=True)
    projected, h = torch.randn(1, 16), torch.randn(1, 4)
    _, c_next = lstm_step(projected, (h, c), W_hh, None)
    (factor,) = torch.autograd.grad(c_next.sum(), c)
    i, f, _, _ = lstm_gates(projected + h @ W_hh.T)
    candidates = {
        "Whh": torch.ones(1, 16) @ W_hh,
        "The input gate": i,
        "The forget gate": f,
        "1 − tanh²(ct)": 1 - c_next.detach().tanh() ** 2,
    }
    return torch.allclose(candidates[choice], factor)


@proves("quiz-bptt-shut")
def gradients_of_a_shut_unit(choice: str) -> bool:
    a = torch.randn(1, 4).index_fill(1, torch.tensor(3), -1000.0).requires_grad_()
    h, _ = lstm_step(a, (torch.zeros(1, 1), torch.randn(1, 1)), torch.zeros(4, 1), None)
    reached = (torch.autograd.grad(h.sum(), a)[0][0] != 0).tolist()
    return {
        "All but ao": reached == [True, True, True, False],
        "Only ao": reached == [False, False, False, True],
        "None": not any(reached),
    }[choice]


@proves("quiz-bptt-product")
def gradient_as_a_product(choice: str) -> bool:
    L, N, H = 6, 3, 4
    lstm = nn.LSTM(2, H, dtype=torch.float64)
    h, c, preactivations = [torch.zeros(N, H).double()], torch.zeros(N, H).double(), []
    for x in torch.randn(L, N, 2, dtype=torch.float64):
        projected = x @ lstm.weight_ih_l0.T + lstm.bias_ih_l0 + lstm.bias_hh_l0
        a = projected + h[-1] @ lstm.weight_hh_l0.T
        preactivations.append(a)
        state, c = lstm_step(a, (h[-1], c), torch.zeros(4 * H, H).double(), None)
        h.append(state)
    leaves = [lstm.weight_hh_l0, *preactivations]
    expected, *d_a = torch.autograd.grad(torch.stack(h).square().sum(), leaves)
    names = {"d_a": torch.cat(d_a), "h": torch.stack(h).detach(), "L": L}
    return torch.allclose(eval(choice, names), expected, rtol=0, atol=1e-12)


@proves("quiz-bptt-far")
def gradient_from_far(choice: str) -> bool:
    def arriving(bias: float) -> float:
        torch.manual_seed(0)
        lstm, x = nn.LSTM(3, 8).double(), torch.randn(101, 1, 3).double().requires_grad_()
        with torch.no_grad():
            lstm.bias_ih_l0[8:16], lstm.bias_hh_l0[8:16] = bias, 0.0
        return torch.autograd.grad(lstm(x)[0][-1].sum(), x)[0][0].norm().item()

    ratio = arriving(5) / arriving(0)
    return {
        "It is many times larger": ratio > 100,
        "It is about the same": 0.1 < ratio < 10,
        "It is many times smaller": ratio < 0.01,
    }[choice]


class CountSlices(TorchDispatchMode):
    """Count the numbers that the backward pass of slices writes."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ == "slice_backward":
            self.numbers += result.numel()
        return result


@proves("quiz-speed-twice")
def growth_with_the_length(choice: str) -> bool:
    def written(L: int) -> int:
        packed = pack_padded_sequence(torch.randn(L, 2, 3), [L, L // 2])
        loss = nn.LSTM(3, 4)(packed)[0].data.sum()
        with CountSlices() as counter:
            loss.backward()
        return counter.numbers

    return round(written(200) / written(100)) == int(choice)


@proves("quiz-speed-right")
def packed_results(choice: str) -> bool:
    lstm, x = nn.LSTM(3, 4, bidirectional=True, batch_first=True), torch.randn(3, 6, 3)
    lengths = torch.tensor([6, 4, 1])
    x = x.masked_fill((torch.arange(6) >= lengths[:, None])[..., None], 0)
    expected, _ = packed_run(lstm, x, lengths)
    shift = [6 - int(length) for length in lengths]
    left = torch.stack([row.roll(k, 0) for row, k in zip(x, shift, strict=True)])
    runs = {
        "Padding on the right, no lengths": lambda: lstm(x)[0],
        "Padding on the left, no lengths": lambda: torch.stack(
            [row.roll(-k, 0) for row, k in zip(lstm(left)[0], shift, strict=True)]
        ),
        "Padding on the right, no lengths, rows sorted by length": lambda: lstm(x)[0],
        "ragged.run with the lengths": lambda: ragged.run(lstm, x, lengths)[0],
    }
    valid = (torch.arange(6) < lengths[:, None])[..., None]  # above, the rows are sorted already
    return torch.allclose(runs[choice]() * valid, expected, atol=1e-6)


@proves("quiz-speed-before")
def known_before_the_loop(choice: str) -> bool:
    cell, x = nn.LSTMCell(3, 4), torch.randn(5, 2, 3)

    def products(first: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both products of the last step, when the first step reads something else."""
        h = c = torch.zeros(2, 4)
        for x_t in (first, *x[1:-1]):
            h, c = cell(x_t, (h, c))
        return x[-1] @ cell.weight_ih.T, h @ cell.weight_hh.T

    before, after = products(x[0]), products(x[0] + 1)
    of_x, of_h = (torch.equal(u, v) for u, v in zip(before, after, strict=True))
    return {
        "Neither": not of_x and not of_h,
        "h @ weight_hh.T": of_h and not of_x,
        "x @ weight_ih.T": of_x and not of_h,
        "Both": of_x and of_h,
    }[choice]


@proves("quiz-speed-fused")
@torch.no_grad()
def fused(choice: str) -> bool:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this build of torch has no fused CPU kernel")
    lstm, x = nn.LSTM(3, 4), torch.randn(6, 2, 3)
    if "float64" in choice:
        lstm, x = lstm.double(), x.double()
    if "packed" in choice:
        x = pack_padded_sequence(x, [6, 3])
    with torch.profiler.profile() as profile:
        lstm(x)
    return any("mkldnn_rnn" in event.key for event in profile.key_averages())
