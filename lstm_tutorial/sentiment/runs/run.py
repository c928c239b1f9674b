"""Train into a run folder, and use a finished run."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch.utils.data import DataLoader
from torchtext.vocab import Vocab

from lstm_tutorial.sentiment import training
from lstm_tutorial.sentiment.data.batches import make_loader
from lstm_tutorial.sentiment.data.text import load_vocab
from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier
from lstm_tutorial.sentiment.models.wide import WideAndDeepClassifier
from lstm_tutorial.sentiment.runs import folders, pretraining
from lstm_tutorial.sentiment.runs.folders import CHECKPOINT, RECORD, VOCAB, WEIGHTS, Record
from lstm_tutorial.sentiment.runs.pipeline import (
    build_model,
    encoded_text,
    make_review_loader,
    prepare,
    read_part,
)
from lstm_tutorial.sentiment.runs.records import make_record
from lstm_tutorial.sentiment.runs.settings import Settings
from lstm_tutorial.sentiment.training import parallel

POOL = 3200  # texts that predict sorts by length together
GIVEN = ("embedding.", "lstm.", "deep.embedding.", "deep.lstm.")  # by a language model


class Run(NamedTuple):
    """A finished run: its model in evaluation mode, its vocabulary, its settings."""

    model: BiLSTMClassifier | WideAndDeepClassifier
    vocab: Vocab
    settings: Settings


def train(
    folder: Path,
    settings: Settings,
    root: Path | None = None,
    command: str = "",
    resume: bool = False,
    test: bool = True,
    init: Path | None = None,
    on_start: Callable[[int], None] | None = None,
    on_epoch: Callable[[dict], None] | None = None,
    on_batch: Callable[[], None] | None = None,
) -> Record:
    """Train a classifier, and write weights, vocabulary and record to a folder.

    Processes that ``torchrun`` started train it together: each takes a part of every batch, and
    process 0 writes, and calls the three functions. Where torchrun may restart them
    (``--max-restarts``), set ``resume``.

    Args:
        folder: created if missing; must be empty, or contain the same run if ``resume`` is set.
        settings: their ``seed`` seeds weights, order and dropout; the state of the global random
            generator is restored afterwards.
        root: location of IMDB; None for the cached download.
        command: repeats the run; stored in the record.
        resume: continue after the last finished epoch, or test a finished run that was not tested.
        test: read the test part once, after training, and measure it.
        init: folder of the language model that gives vocabulary, embedding and LSTM.
        on_start: called with the number of batches per epoch before the first one.
        on_epoch: called with every epoch's metrics.
        on_batch: called after every batch.

    Returns:
        The content of ``run.json``.

    Raises:
        ValueError: if the folder already holds something else, or the data or a setting is invalid.
        OSError: if something cannot be read or written. Files in the folder are then complete.
    """
    source = None if init is None else pretraining.load(init)
    with parallel.process_group():
        if parallel.on_first(lambda: folders.is_finished(folder, settings, resume)):
            return _finished(folder, test, root)
        if not parallel.is_first():
            on_start = on_epoch = on_batch = None
        with torch.random.fork_rng(range(torch.cuda.device_count())):
            torch.manual_seed(settings.seed)
            vocab, loader, validation, counts = prepare(settings, root, source and source.vocab)
            model = _untrained(settings, vocab, loader, source)
            parallel.on_first(lambda: folders.start(folder, settings, vocab))
            if on_start is not None:
                on_start(len(loader))
            parallel.draw_differently()
            history = training.fit(
                model.to(parallel.device()),
                parallel.part_of(loader),
                parallel.part_of(validation) if validation else None,
                epochs=settings.epochs,
                lr=settings.lr,
                patience=settings.patience,
                decay=settings.ema,
                precision=settings.precision,
                shares=dict.fromkeys(GIVEN, settings.init_share),
                checkpoint=folder / CHECKPOINT,
                resume=resume,
                on_epoch=on_epoch,
                on_batch=on_batch,
            )
        if parallel.is_first():
            training.save_weights(model, folder / WEIGHTS)
        tested = measure(Run(model, vocab, settings), "test", root) if test else None
        record = make_record(command, settings, counts, history, tested)
        if source is not None:
            record["init"] = {key: source.record[key] for key in ("command", "seed", "seconds")}
        if parallel.is_first():
            folders.write_json(folder / RECORD, record)
            folders.tidy(folder)
        return record


def _untrained(
    settings: Settings, vocab: Vocab, loader: DataLoader, source: pretraining.LanguageRun | None
) -> BiLSTMClassifier | WideAndDeepClassifier:
    """Make the model, with what a language model gives, and fit its n-grams if it has any."""
    model = build_model(settings, vocab)
    if source is not None:
        pretraining.give(source, model)
    if isinstance(model, WideAndDeepClassifier):
        model.wide.fit(loader, settings.out_of_fold)
    return model


def _finished(folder: Path, test: bool, root: Path | None) -> Record:
    """Tidy up after a finished run, and test it if that was left out."""
    if parallel.is_first():
        folders.tidy(folder)
    record = folders.load_record(folder)
    if test and not record["test"]:
        command = record["command"].replace(" --no-test", "")
        record |= {"command": command, "test": measure(load(folder), "test", root)}
        if parallel.is_first():
            folders.write_json(folder / RECORD, record)
    return record


def measure(run: Run, part: str, root: Path | None = None) -> dict[str, float]:
    """Measure ``loss``, ``accuracy`` and ``n`` of a run on one part of its corpus.

    Raises:
        ValueError: if the part is ``"validation"`` and the run held out no reviews.
    """
    if part == "validation" and run.settings.validation_fraction == 0:
        raise ValueError(
            "expected a run that held out reviews for validation, got one that trained on all: "
            "choose --split test, or train with --validation-fraction 0.1"
        )
    reviews = read_part(part, run.settings, root)
    loader = parallel.part_of(make_review_loader(reviews, run.vocab, run.settings))
    return {**training.evaluate(run.model, loader), "n": len(reviews)}


def predict(run: Run, texts: Iterable[str], pool: int = POOL) -> Iterator[float]:
    """Yield the probability that each text is positive, in order and as texts arrive.

    Args:
        run: from ``load``.
        texts: each with at least one word; may be a generator.
        pool: number of texts in memory; they are sorted by length to avoid padding.

    Raises:
        ValueError: at the first empty text, after the answers to those before it; the message has
            its line, counted from 1.
    """
    numbered, wrong = enumerate(texts, start=1), None
    while wrong is None:
        examples = []
        try:
            for k, text in itertools.islice(numbered, pool):
                ids = encoded_text(text, f"line {k}", run.vocab, run.settings)
                examples.append((ids, 0))  # a label that nobody reads
        except ValueError as error:
            wrong = error
        if examples:
            loader = make_loader(examples, run.settings.batch_size)
            yield from training.predict_proba(run.model, loader).tolist()
        elif wrong is None:
            return
    raise wrong


def load(folder: Path) -> Run:
    """Read a finished run from a folder that ``train`` filled.

    Raises:
        ValueError: if the folder does not contain a finished run, or a file is damaged.
        OSError: if a file cannot be read.
    """
    record = folders.load_record(folder)
    try:
        settings = Settings.from_record(record)
    except ValueError as error:
        raise ValueError(f"{folder / RECORD} is damaged: {error}") from error
    vocab = load_vocab(folder / VOCAB)
    model = build_model(settings, vocab)
    training.load_weights(model, folder / WEIGHTS)
    return Run(model.eval(), vocab, settings)
