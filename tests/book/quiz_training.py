"""What proves the quizzes of sentiment, of the first attempt, of remedies and of failures."""

import json
from collections import Counter
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, pad

from lstm_tutorial.sentiment import load_pretrained, runs
from lstm_tutorial.sentiment.data.batches import make_loader
from lstm_tutorial.sentiment.data.text import build_vocab, encode, tokenize
from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier
from lstm_tutorial.sentiment.models.remedies import LockedDropout
from lstm_tutorial.sentiment.models.wide import NGramPath
from lstm_tutorial.sentiment.studies import evidence
from lstm_tutorial.sentiment.studies.analysis import difference, interval
from tests.book.quiz_basics import shape_in
from tests.book.quizzes import BOOK, proves

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
        "A’s lead over B": a > 0 > c,
        "C’s lead over D": c > 0 > a,
    }[choice]


@proves("quiz-failures-negation")
def weight_of_not(choice: str) -> bool:
    text = "It is not boring and never too long."
    tokens, fall = evidence.occlusion(load_pretrained(), text)
    is_positive = next(runs.predict(load_pretrained(), [text])) > 0.5
    weight = {word: fall[tokens.index(word)].item() for word in ("not", "boring")}
    hears = weight["not"] > 0.1
    if choice.startswith("positive"):
        return is_positive
    if "like any other" in choice:
        return not is_positive and not hears
    return not is_positive and hears and -weight["boring"] > weight["not"]


@proves("quiz-remedies-in-sample")
def gradient_that_is_left(choice: str) -> bool:
    ids, labels = torch.randint(2, 500, (200, 60)), torch.randint(0, 2, (200,)).tolist()
    loader = make_loader(list(zip(ids.tolist(), labels, strict=True)), 50)
    path = NGramPath(3, buckets=2**14)
    path.fit(loader, out_of_fold=False)
    left = torch.cat([path(b.ids, b.lengths).sigmoid() - b.labels for b in loader]).abs().mean()
    return bool({"A": left > 0.4, "L": left < 0.15}[choice[0]]) and "random" not in choice


@proves("quiz-remedies-decay")
def steps_to_forget_half(choice: str) -> bool:
    return 0.99 ** int(choice) <= 0.5 < 0.99 ** (int(choice) - 1)


@proves("quiz-remedies-locked")
def decisions_of_a_pass(choice: str) -> bool:
    kept = LockedDropout(0.5)(torch.ones(8, 100, 50))
    decisions = {
        "400": bool((kept == kept[:, :1]).all()),
        "50": bool((kept == kept[:1, :1]).all()),
    }
    decisions["400"] &= not decisions["50"]
    return decisions.get(choice, not any(decisions.values()))
