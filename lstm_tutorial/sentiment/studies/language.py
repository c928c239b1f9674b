"""What a language model knows: perplexities, one unit's idea of sentiment, and what it copies."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lstm_tutorial._machine import machine, versions
from lstm_tutorial.sentiment.data.batches import make_loader
from lstm_tutorial.sentiment.data.review import Review, labels_of
from lstm_tutorial.sentiment.data.text import encode
from lstm_tutorial.sentiment.models.kneser_ney import KneserNey
from lstm_tutorial.sentiment.models.language import FORWARD, LanguageModel
from lstm_tutorial.sentiment.models.linear import bag_of_words
from lstm_tutorial.sentiment.models.sampling import write
from lstm_tutorial.sentiment.runs.pipeline import read_training, tokens_of
from lstm_tutorial.sentiment.runs.pretraining import LanguageRun, build_model
from lstm_tutorial.sentiment.runs.settings import Settings
from lstm_tutorial.sentiment.training.pretraining import END, evaluate, join, perplexity

ORDERS = (1, 3, 5)
LABELLED = 5_000  # training reviews whose labels choose the unit
WRITTEN = 20, 200  # texts and tokens that are searched for copies
SHOWN, MARK = 100, "▪"


def probe(run: LanguageRun, root: Path | None = None, seed: int = 0) -> dict[str, Any]:
    """Measure a language model on the training and the validation part; no test text is read.

    Args:
        run: from ``pretraining.load``.
        root: location of IMDB; None for the cached download.
        seed: for the reviews whose labels are used and for the texts that are written.

    Returns:
        ``perplexities`` on the validation part by model, ``unit`` with the accuracies of the best
        single unit and of all units, and ``copies``.

    Raises:
        ValueError, OSError: as for reading the reviews.
    """
    s = run.settings
    parts = read_training(
        Settings(corpus=s.corpus, validation_fraction=s.validation_fraction), root
    )
    train, validation = ([encode(tokens_of(r), run.vocab) for r in part] for part in parts)
    read, held_out = join(train), join(validation)
    torch.manual_seed(seed)
    untrained = build_model(s, run.vocab).eval()
    units, control = (
        follow_sentiment(model, *parts, (train, validation), seed)
        for model in (run.model, untrained)
    )
    found = {f"{n}-gram": _of_ngrams(read, held_out, len(run.vocab), n) for n in ORDERS}
    forward, reverse = evaluate(run.model, held_out, s.batch_size, s.length)
    found |= {"LSTM": perplexity(forward), "LSTM, reverse": perplexity(reverse)}
    return {
        "model": {k: run.record[k] for k in ("command", "seed", "seconds", "peak_memory_mib")},
        "tokens": {"train": len(read), "validation": len(held_out)},
        "perplexities": {name: round(value, 2) for name, value in found.items()},
        "unit": units | {"accuracy of untrained units": control["accuracy of all units"]},
        "copies": find_copies(run, read, held_out, seed),
        "seed": seed,
        "versions": versions(),
        "machine": machine(),
    }


def _of_ngrams(read: Tensor, held_out: Tensor, vocab_size: int, order: int) -> float:
    model = KneserNey(read.numpy(), vocab_size, order)
    return math.exp(-model.log_probabilities(held_out.numpy()).mean())


def follow_sentiment(
    model: LanguageModel,
    train: Sequence[Review],
    validation: Sequence[Review],
    ids: tuple[list[list[int]], list[list[int]]],
    seed: int,
) -> dict[str, Any]:
    """Classify reviews by one unit's mean over a review, and by all units.

    The unit, its sign and its threshold are chosen on training reviews, the regression is fitted to
    them, and both are measured on the validation part, as is a regression on words.

    References:
        A. Radford, R. Jozefowicz and I. Sutskever, "Learning to Generate Reviews and Discovering
        Sentiment", 2017, for the sentiment unit.
    """
    from sklearn.linear_model import LogisticRegression  # slow to load

    chosen = np.random.default_rng(seed).permutation(len(train))[:LABELLED]
    known = mean_states(model, [ids[0][k] for k in chosen])
    labels = labels_of([train[k] for k in chosen])
    others, truth = mean_states(model, ids[1]), labels_of(validation)
    middle = (known[labels == 1].mean(0) + known[labels == 0].mean(0)) / 2
    right = ((known > middle) == (labels[:, None] == 1)).mean(0)
    unit = int(np.abs(right - 0.5).argmax())
    guess = (others[:, unit] > middle[unit]) == (right[unit] > 0.5)
    scale = known.std(0) + 1e-6
    standard, others = (known - known.mean(0)) / scale, (others - known.mean(0)) / scale
    regression = LogisticRegression(C=0.1, max_iter=1000).fit(standard, labels)
    return {
        "unit": unit,
        "labels": len(chosen),
        "accuracy": round(float((guess == (truth == 1)).mean()), 4),
        "accuracy of all units": round(float(regression.score(others, truth)), 4),
        "accuracy of words": bag_of_words([train[k] for k in chosen], validation)["accuracy"],
        "n": len(validation),
    }


@torch.no_grad()
def mean_states(model: LanguageModel, texts: Sequence[list[int]]) -> np.ndarray:
    """Average the forward hidden states over each text: float32 (N, H)."""
    sizes = np.array([len(text) for text in texts])
    loader = make_loader([([END, *text], 0) for text in texts], 64, pool=len(texts))
    order = np.argsort(sizes, kind="stable")
    rows = []
    for batch in loader:
        output, _ = model.lstms[FORWARD](model.embedding(batch.ids.T))
        valid = torch.arange(len(output))[:, None] < batch.lengths
        rows.append((output * valid[..., None]).sum(0) / batch.lengths[:, None])
    found = np.empty((len(texts), rows[0].size(1)), np.float32)
    found[order] = torch.cat(rows).numpy()
    return found


def find_copies(run: LanguageRun, read: Tensor, held_out: Tensor, seed: int) -> dict[str, Any]:
    """Write texts, and measure the longest run of tokens that a training text has as well.

    The same is measured for as many tokens of people who have not read it: the held-out part. The
    beginning of the first text is kept as a sample; ``MARK`` ends a text.
    """
    texts, steps = WRITTEN
    start = torch.full((1, texts), END)
    generator = torch.Generator().manual_seed(seed)
    unknown = torch.tensor([run.vocab.stoi["<unk>"]])
    written = write(run.model, start, steps, top_p=0.9, banned=unknown, generator=generator)
    people = held_out[: texts * steps]
    people = people.masked_fill(people == unknown, -1)  # an unknown word is no copy
    sample = [run.vocab.itos[k] if k != END else MARK for k in written[:SHOWN, 0].tolist()]
    return {
        "texts": texts,
        "tokens": steps,
        "longest": longest_copy(written.T.tolist(), read.tolist()),
        "longest of people": longest_copy(
            [p.tolist() for p in people.tensor_split(texts)], read.tolist()
        ),
        "sample": " ".join(sample),
    }


def longest_copy(texts: Sequence[Sequence[int]], source: Sequence[int]) -> int:
    """Measure the longest run of tokens of any text that occurs in the source."""
    for n in itertools.count(1):
        wanted = {tuple(text[k : k + n]) for text in texts for k in range(len(text) - n + 1)}
        runs = zip(*(itertools.islice(source, k, None) for k in range(n)), strict=False)
        if not any(run in wanted for run in runs):
            return n - 1
    raise AssertionError("a run cannot be longer than its text")
