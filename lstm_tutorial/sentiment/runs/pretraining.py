"""Train a language model on the training texts into a folder, without their labels."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torchtext.vocab import Vocab

from lstm_tutorial.sentiment.data.text import build_vocab, encode, load_vocab
from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier
from lstm_tutorial.sentiment.models.language import LanguageModel, hand_over
from lstm_tutorial.sentiment.models.wide import WideAndDeepClassifier
from lstm_tutorial.sentiment.runs import folders
from lstm_tutorial.sentiment.runs.folders import CHECKPOINT, RECORD, VOCAB, WEIGHTS, Record
from lstm_tutorial.sentiment.runs.pipeline import read_training, tokens_of
from lstm_tutorial.sentiment.runs.pretraining_settings import PretrainingSettings
from lstm_tutorial.sentiment.runs.records import make_record
from lstm_tutorial.sentiment.runs.settings import Settings
from lstm_tutorial.sentiment.training import checkpoints, pretraining

CUTOFFS = (2_000, 10_000)  # where the clusters of rarer words begin


class LanguageRun(NamedTuple):
    """A finished language model in evaluation mode, its vocabulary, its settings, its record."""

    model: LanguageModel
    vocab: Vocab
    settings: PretrainingSettings
    record: Record


def pretrain(
    folder: Path,
    settings: PretrainingSettings,
    root: Path | None = None,
    command: str = "",
    resume: bool = False,
    on_part: Callable[[dict], None] | None = None,
) -> Record:
    """Train a language model, and write weights, vocabulary and record to a folder.

    Args:
        folder: created if missing; must be empty, or contain the same run if ``resume`` is set.
        settings: their ``seed`` seeds weights, order and dropout.
        root: location of IMDB; None for the cached download. No test text is read.
        command: repeats the run; stored in the record.
        resume: continue after the last finished part of an epoch.
        on_part: called with every entry of the history.

    Returns:
        The content of ``run.json``.

    Raises:
        ValueError: if the folder already holds something else, the data or a setting is invalid,
            or this processor cannot compute in the precision.
        OSError: if something cannot be read or written. Files in the folder are then complete.
    """
    if folders.is_finished(folder, settings, resume):
        folders.tidy(folder)
        return folders.load_record(folder)
    pretraining.check_precision(settings.precision)
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(settings.seed)
        vocab, texts, validation = _read(settings, root)
        model = build_model(settings, vocab)
        folders.start(folder, settings, vocab)
        history = pretraining.fit(
            model,
            texts,
            validation,
            epochs=settings.epochs,
            lr=settings.lr,
            batch_size=settings.batch_size,
            length=settings.length,
            precision=settings.precision,
            seed=settings.seed,
            checkpoint=folder / CHECKPOINT,
            resume=resume,
            on_part=on_part,
        )
    checkpoints.save_weights(model, folder / WEIGHTS)
    counts = {"train": len(texts), "validation": len(validation)}
    record = make_record(command, settings, counts, history, None)
    record |= {"best_epoch": settings.epochs}
    folders.write_json(folder / RECORD, record)
    folders.tidy(folder)
    return record


def load(folder: Path) -> LanguageRun:
    """Read a finished language model from a folder that ``pretrain`` filled.

    Raises:
        ValueError: if the folder does not contain one, or a file is damaged.
        OSError: if a file cannot be read.
    """
    record = folders.load_record(folder)
    try:
        settings = PretrainingSettings.from_record(record)
    except ValueError as error:
        raise ValueError(f"{folder} does not contain a language model: {error}") from error
    vocab = load_vocab(folder / VOCAB)
    model = build_model(settings, vocab)
    checkpoints.load_weights(model, folder / WEIGHTS)
    return LanguageRun(model.eval(), vocab, settings, record)


def give(source: LanguageRun, model: BiLSTMClassifier | WideAndDeepClassifier) -> None:
    """Copy embedding and LSTMs into a classifier; raises ``ValueError`` if they do not fit."""
    hand_over(source.model, model.deep if isinstance(model, WideAndDeepClassifier) else model)


def build_model(settings: PretrainingSettings, vocab: Vocab) -> LanguageModel:
    """Make an untrained model of both directions, from torch's global random generator."""
    return LanguageModel(
        len(vocab),
        settings.embedding_dim,
        settings.hidden_size,
        settings.dropout,
        directions=2,
        cutoffs=[cutoff for cutoff in CUTOFFS if cutoff < len(vocab) - 1],
    )


def _read(
    settings: PretrainingSettings, root: Path | None
) -> tuple[Vocab, list[list[int]], list[list[int]]]:
    """Read both parts that the classifiers train and select with, as ids."""
    split = Settings(corpus=settings.corpus, validation_fraction=settings.validation_fraction)
    parts = [[tokens_of(one) for one in part] for part in read_training(split, root)]
    vocab = build_vocab(parts[0], settings.min_freq, settings.vocab_size)
    texts, validation = ([encode(tokens, vocab) for tokens in part] for part in parts)
    return vocab, texts, validation
