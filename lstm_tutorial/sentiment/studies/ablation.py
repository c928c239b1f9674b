"""Change one thing at a time: the cost of each mistake and the benefit of each remedy on IMDB.

Every variant gets the same reviews. ``BASE`` has the settings of the correct classifier; a variant
lists those that it changes. The study ``labels`` has a base of the shipped model's size: half of
its variants start from a language model, the others from random weights.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from torchtext.vocab import Vocab

from lstm_tutorial._machine import machine, versions
from lstm_tutorial.sentiment import training
from lstm_tutorial.sentiment.data import imdb
from lstm_tutorial.sentiment.data.batches import make_loader, truncate
from lstm_tutorial.sentiment.data.review import Review
from lstm_tutorial.sentiment.data.text import build_vocab, encode
from lstm_tutorial.sentiment.models.wide import WideAndDeepClassifier
from lstm_tutorial.sentiment.runs import pretraining
from lstm_tutorial.sentiment.runs.folders import read_json
from lstm_tutorial.sentiment.runs.pipeline import (
    SPLIT_SEED,
    build_model,
    choose_labelled,
    tokens_of,
)
from lstm_tutorial.sentiment.runs.run import GIVEN
from lstm_tutorial.sentiment.runs.settings import Settings

BASE = Settings(
    epochs=2,
    embedding_dim=50,
    hidden_size=64,
    dropout=0.2,
    word_dropout=0.4,
    vocab_size=20_000,
    max_length=200,
)
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
    "max, no dropout, ten epochs": {"dropout": 0.0, "word_dropout": 0.0, "epochs": 10},
}
REMEDIES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "128 units": {"hidden_size": 128},
    "n-grams, out of fold": {"ngrams": 3},
    "n-grams, out of fold, one answer": {"ngrams": 3, "two_answers": False},
    "n-grams, in sample": {"ngrams": 3, "out_of_fold": False},
    "averaged weights": {"ema": 0.99},
    "locked dropout": {"locked_dropout": True},
    "label smoothing 0.1": {"smoothing": 0.1},
    "forget bias 1": {"start": "forget bias 1"},
    "orthogonal start": {"start": "orthogonal"},
    "400 tokens": {"max_length": 400},
}
SMALL = replace(
    BASE,
    embedding_dim=96,
    hidden_size=128,
    dropout=0.5,
    word_dropout=0.1,
    max_length=400,
    pooling="mean",
)
FEW: dict[str, dict[str, Any]] = {  # the fewer labels, the more passes and the smaller batches
    "250 labels": {"labels": 250, "batch_size": 16, "epochs": 20},
    "1,000 labels": {"labels": 1_000, "batch_size": 32, "epochs": 12},
    "5,000 labels": {"labels": 5_000, "epochs": 5},
    "all labels": {"epochs": 3},
}
LABELS: dict[str, dict[str, Any]] = {
    name + suffix: few | changes
    for name, few in FEW.items()
    for suffix, changes in {"": {}, ", read first": {"init": "lm-small"}}.items()
}
STUDIES = {"mistakes": VARIANTS, "remedies": REMEDIES, "labels": LABELS}
BASES = {"labels": SMALL}
Result = dict[str, Any]


def run(
    seed: int,
    root: Path | None = None,
    study: str = "mistakes",
    before: Sequence[Result] = (),
    init: Path | None = None,
    on_result: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Train and test every variant once.

    Args:
        seed: for weights, order and dropout.
        root: location of IMDB; None for the cached download.
        study: one of ``STUDIES``; its variants are trained.
        before: results of an earlier run with this seed; their variants are not run again.
        init: folder of the language model from which variants of ``labels`` start, and whose words
            all of them know.
        on_result: called with the record so far after each variant.

    Returns:
        A record: sizes, machine, versions, and for each variant ``name``, ``changes``,
        ``validation_accuracies`` per epoch, ``test_accuracy`` with the weights of the best of them,
        and ``seconds``. The test part is used for nothing else.

    Raises:
        KeyError: if the study is unknown.
        ValueError: if ``labels`` has no language model, or another study has one.
        OSError: if the reviews cannot be read.
    """
    if (init is None) == (study == "labels"):
        came = "none" if init is None else f"{init} with {study}"
        raise ValueError(f"expected a language model with the study labels only, got {came}")
    base, source = BASES.get(study, BASE), None if init is None else pretraining.load(init)
    train, validation = imdb.split_by_film(imdb.load("train", root), 0.1, SPLIT_SEED)
    parts = {"train": train, "validation": validation, "test": imdb.load("test", root)}
    tokens = {part: [tokens_of(review) for review in reviews] for part, reviews in parts.items()}
    vocab = source.vocab if source else build_vocab(tokens["train"], max_size=base.vocab_size)
    ids = {part: [encode(words, vocab) for words in lists] for part, lists in tokens.items()}
    record: dict[str, Any] = {
        "command": command(study, seed),
        "seed": seed,
        "base": base.configuration(),
        "versions": versions(),
        "machine": machine(),
        "results": list(before),
    }
    if source is not None:
        record["init"] = {key: source.record[key] for key in ("command", "seed", "seconds")}
    done = {result["name"] for result in before}
    for name, changes in STUDIES[study].items():
        if name not in done:
            settings = replace(base, **changes, seed=seed)
            found = _run_variant(settings, vocab, parts, ids, source)
            result = {"name": name, "changes": changes, **found}
            record["results"].append(result)
            if on_result is not None:
                on_result(record)
    return record


def command(study: str, seed: int) -> str:
    """Return the command that repeats a record, with the number of threads that torch has now."""
    name = {"mistakes": "ablation"}.get(study, study)
    option = "" if study == "mistakes" else f" --study {study}"
    option += " --init lm-small" if study == "labels" else ""
    return (
        f'python -m lstm_tutorial ablate {name}-{seed}.json{option} --root "$IMDB_ARCHIVE" '
        f"--seed {seed} --threads {torch.get_num_threads()}"
    )


def load_results(path: Path, seed: int, study: str = "mistakes") -> list[Result]:
    """Read an earlier run's results from its record, so that a stopped run can continue.

    Returns:
        The results; empty if there is no record.

    Raises:
        ValueError: if the file is not a record of this seed, this study and these versions.
    """
    if not path.exists():
        return []
    record = read_json(path)
    if "results" not in record:
        raise ValueError(f"{path} is not the record of a study: name another file")
    found = {"seed": record["seed"], "base": Settings.from_record(record | {"seed": 0})}
    found["versions"] = record["versions"]
    base = BASES.get(study, BASE)
    for name, value in {"seed": seed, "base": base, "versions": versions()}.items():
        if found[name] != value:
            raise ValueError(f"{path} has {name} {found[name]}, not {value}: name another file")
    if not {result["name"] for result in record["results"]} <= STUDIES[study].keys():
        raise ValueError(f"{path} has results of another study than {study}: name another file")
    return record["results"]


def _run_variant(
    settings: Settings,
    vocab: Vocab,
    parts: dict[str, list[Review]],
    ids: dict[str, list[list[int]]],
    source: pretraining.LanguageRun | None = None,
) -> Result:
    loaders = {part: _loader(part, parts[part], ids[part], settings) for part in parts}
    torch.manual_seed(settings.seed)
    model = build_model(settings, vocab)
    start = time.perf_counter()
    if settings.init and source is not None:
        pretraining.give(source, model)
    if isinstance(model, WideAndDeepClassifier):
        model.wide.fit(loaders["train"], settings.out_of_fold)
    history = training.fit(
        model,
        loaders["train"],
        loaders["validation"],
        epochs=settings.epochs,
        lr=settings.lr,
        patience=settings.epochs,  # never stop early
        decay=settings.ema,
        shares=dict.fromkeys(GIVEN, settings.init_share),
        precision=settings.precision,
    )
    return {
        "validation_accuracies": [epoch["validation_accuracy"] for epoch in history],
        "test_accuracy": training.evaluate(model, loaders["test"])["accuracy"],
        "seconds": round(time.perf_counter() - start, 1),
    }


def _loader(
    part: str, reviews: Sequence[Review], ids: Sequence[list[int]], settings: Settings
) -> DataLoader:
    blur, known = 0.0, {review.id for review in reviews}
    if part == "train":
        blur = settings.smoothing / 2
        if settings.labels:
            chosen = choose_labelled(reviews, settings.labels, settings.seed)
            known = {review.id for review in chosen}
    examples = [
        (truncate(words, settings.max_length, settings.keep), abs(review.label - blur))
        for words, review in zip(ids, reviews, strict=True)
        if review.id in known
    ]
    pool = 50 if settings.buckets else 1
    return make_loader(examples, settings.batch_size, part == "train", settings.seed, pool)
