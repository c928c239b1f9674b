"""Change one thing at a time: what each mistake costs and each remedy buys, on real reviews.

Every variant gets the same reviews, the same number of epochs and the same size. ``BASE`` is the
classifier as it should be; a variant names what is different.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from lstm_tutorial.sentiment import Review, imdb, training
from lstm_tutorial.sentiment.batches import make_loader, truncate
from lstm_tutorial.sentiment.mistakes import SIDES, PaddedClassifier
from lstm_tutorial.sentiment.model import BiLSTMClassifier
from lstm_tutorial.sentiment.pipeline import SPLIT_SEED, tokens_of
from lstm_tutorial.sentiment.records import machine, versions
from lstm_tutorial.sentiment.text import build_vocab, encode

BASE = {
    "pooling": "max",
    "padding": "ignored",  # or the side on which the LSTM reads it
    "keep": "head",
    "buckets": True,  # batches of similar length
    "lr": 4e-3,
    "dropout": 0.2,
    "word_dropout": 0.4,
}
LAST = {"pooling": "last_step", "padding": "right"}
FIRST = LAST | {"buckets": False}
UNTAMED = {"lr": 1e-2, "dropout": 0.0, "word_dropout": 0.0}
VARIANTS: dict[str, dict[str, Any]] = {
    "first attempt": FIRST | UNTAMED,
    "first attempt, tamed": FIRST,
    "last step, padding right": LAST,
    "last step, padding left": LAST | {"padding": "left"},
    "first and last step, padding right": {"pooling": "first_and_last_step", "padding": "right"},
    "final states, padding right": {"pooling": "final_states", "padding": "right"},
    "final states, padding left": {"pooling": "final_states", "padding": "left"},
    "final states": {"pooling": "final_states"},
    "mean": {"pooling": "mean"},
    "attention": {"pooling": "attention"},
    "max": {},
    "max, padding right": {"padding": "right"},
    "max, tail": {"keep": "tail"},
    "max, head and tail": {"keep": "both"},
    "max, lr 0.01": {"lr": 1e-2},
    "max, no dropout": {"dropout": 0.0, "word_dropout": 0.0},
}
SIZES = {"embedding_dim": 50, "hidden_size": 64, "vocab_size": 20_000, "max_length": 200}
EPOCHS, BATCH_SIZE = 2, 64


def run(
    seed: int,
    root: Path | None = None,
    names: Sequence[str] = tuple(VARIANTS),
    on_result: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Train and test every variant once.

    Args:
        seed: for weights, order and dropout.
        root: where IMDB lies; None for the cached download.
        names: of ``VARIANTS``.
        on_result: called with each variant's result.

    Returns:
        A record: sizes, machine, versions, and for each variant ``name``, ``changes``,
        ``validation_accuracy``, ``test_accuracy`` and ``seconds``. The test part chooses nothing.

    Raises:
        KeyError: if a variant is unknown.
        OSError: if the reviews cannot be read.
    """
    train, validation = imdb.split_by_film(imdb.load("train", root), 0.1, SPLIT_SEED)
    parts = {"train": train, "validation": validation, "test": imdb.load("test", root)}
    tokens = {part: [tokens_of(review) for review in reviews] for part, reviews in parts.items()}
    vocab = build_vocab(tokens["train"], max_size=SIZES["vocab_size"])
    ids = {part: [encode(words, vocab) for words in lists] for part, lists in tokens.items()}
    results = []
    for name in names:
        results.append({"name": name, **_run_variant(VARIANTS[name], parts, ids, seed)})
        if on_result is not None:
            on_result(results[-1])
    return {
        "command": f'python -m lstm_tutorial ablate ablation-{seed}.json --root "$IMDB_ARCHIVE" '
        f"--seed {seed} --threads {torch.get_num_threads()}",
        "seed": seed,
        "base": BASE | SIZES | {"epochs": EPOCHS, "batch_size": BATCH_SIZE},
        "versions": versions(),
        "machine": machine(),
        "results": results,
    }


def _run_variant(
    changes: dict[str, Any],
    parts: dict[str, list[Review]],
    ids: dict[str, list[list[int]]],
    seed: int,
) -> dict[str, Any]:
    chosen = BASE | changes
    loaders = {}
    for part, reviews in parts.items():
        examples = [
            (truncate(words, SIZES["max_length"], chosen["keep"]), review.label)
            for words, review in zip(ids[part], reviews, strict=True)
        ]
        pool = 50 if chosen["buckets"] else 1
        loaders[part] = make_loader(examples, BATCH_SIZE, part == "train", seed, pool)
    torch.manual_seed(seed)
    model = build(chosen)
    start = time.perf_counter()
    history = training.fit(
        model, loaders["train"], loaders["validation"], epochs=EPOCHS, lr=chosen["lr"]
    )
    return {
        "changes": changes,
        "validation_accuracy": max(epoch["validation_accuracy"] for epoch in history),
        "test_accuracy": training.evaluate(model, loaders["test"])["accuracy"],
        "seconds": round(time.perf_counter() - start, 1),
    }


def build(chosen: dict[str, Any]) -> BiLSTMClassifier:
    """Make the untrained classifier of a variant.

    Args:
        chosen: ``BASE`` with the variant's changes.

    Returns:
        The model, initialised from torch's global random generator.
    """
    sizes = SIZES["vocab_size"], SIZES["embedding_dim"], SIZES["hidden_size"]
    options = {name: chosen[name] for name in ("pooling", "dropout", "word_dropout")}
    if chosen["padding"] in SIDES:
        return PaddedClassifier(*sizes, side=chosen["padding"], **options)
    return BiLSTMClassifier(*sizes, **options)
