"""From raw reviews to loaders and a model, according to a run's settings."""

import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torch.utils.data import DataLoader
from torchtext.vocab import Vocab

from lstm_tutorial.sentiment.data import corpus, imdb
from lstm_tutorial.sentiment.data.batches import make_loader, truncate
from lstm_tutorial.sentiment.data.review import Review
from lstm_tutorial.sentiment.data.text import build_vocab, encode, tokenize
from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier
from lstm_tutorial.sentiment.models.mistakes import PaddedClassifier
from lstm_tutorial.sentiment.models.remedies import START, LockedDropout
from lstm_tutorial.sentiment.models.wide import WideAndDeepClassifier
from lstm_tutorial.sentiment.runs.settings import Settings

BUILT_IN_SIZES = {"train": 5_000, "test": 1_000}  # reviews; the validation part is cut from "train"
SPLIT_SEED = 0  # one validation part whatever a run's own seed, so that runs can be compared


class Prepared(NamedTuple):
    """The inputs of training: vocabulary, loaders, and the number of reviews in each part."""

    vocab: Vocab
    train: DataLoader
    validation: DataLoader | None
    counts: dict[str, int]


def prepare(settings: Settings, root: Path | None = None, vocab: Vocab | None = None) -> Prepared:
    """Read and split the training part, build the vocabulary, encode every review once.

    Args:
        settings: of the run.
        root: location of IMDB; None for the cached download.
        vocab: of a language model; None to build one.

    Returns:
        A shuffling loader for training and one in fixed order for validation, or None if nothing is
        held out. The vocabulary knows only the words of the reviews left for training.

    Raises:
        ValueError: if a review or a setting is invalid.
        OSError: if the data cannot be read.
    """
    reviews, validation = read_training(settings, root)
    if settings.labels:
        reviews = choose_labelled(reviews, settings.labels, settings.seed)
    counts = {"train": len(reviews), "validation": len(validation)}
    held_out = settings.validation_fraction > 0
    if counts["train"] == 0 or (held_out and counts["validation"] == 0):
        raise ValueError(f"expected reviews in both parts, got {counts}: change the fraction")
    tokens = [[sys.intern(token) for token in tokens_of(review)] for review in reviews]
    if vocab is None:
        vocab = build_vocab(tokens, settings.min_freq, settings.vocab_size)
    examples = [
        (_cut(encode(words, vocab), settings), review.label)
        for words, review in zip(tokens, reviews, strict=True)
    ]
    return Prepared(
        vocab,
        make_loader(examples, settings.batch_size, True, settings.seed),
        make_review_loader(validation, vocab, settings) if held_out else None,
        counts,
    )


def read_training(settings: Settings, root: Path | None) -> tuple[list[Review], list[Review]]:
    """Read the reviews for training and those for validation, which share no film (IMDB)."""
    fraction = settings.validation_fraction
    if _is_imdb(settings, root):
        reviews = imdb.load("train", root)
        return imdb.split_by_film(reviews, fraction, SPLIT_SEED) if fraction else (reviews, [])
    reviews = corpus.make_reviews(BUILT_IN_SIZES["train"], seed=0)
    cut = round(fraction * len(reviews))
    return reviews[cut:], reviews[:cut]


def choose_labelled(reviews: Sequence[Review], n: int, seed: int) -> list[Review]:
    """Draw n reviews, as many positive as negative ones, in their own order.

    Raises:
        ValueError: if n is odd, or there are fewer reviews of a label.
    """
    drawn: set[int] = set()
    for label in (0, 1):
        places = [k for k, review in enumerate(reviews) if review.label == label]
        if n % 2 or n // 2 > len(places):
            raise ValueError(f"expected an even number of labels up to {2 * len(places)}, got {n}")
        drawn |= set(random.Random(seed).sample(places, n // 2))
    return [reviews[k] for k in sorted(drawn)]


def read_part(part: str, settings: Settings, root: Path | None) -> list[Review]:
    """Read the reviews of ``"train"``, ``"validation"`` or ``"test"``, always in the same order."""
    if part != "test":
        return read_training(settings, root)[part == "validation"]
    if _is_imdb(settings, root):
        return imdb.load("test", root)
    return corpus.make_reviews(BUILT_IN_SIZES["test"], seed=1)


def make_review_loader(
    reviews: Sequence[Review], vocab: Vocab, settings: Settings, shuffle: bool = False
) -> DataLoader:
    """Encode reviews and batch them; raises ``ValueError`` if one is empty."""
    examples = [encoded(review, vocab, settings) for review in reviews]
    return make_loader(examples, settings.batch_size, shuffle, settings.seed)


def encoded(review: Review, vocab: Vocab, settings: Settings) -> tuple[list[int], int]:
    """Encode and truncate a review: its ids and its label."""
    return _cut(encode(tokens_of(review), vocab), settings), review.label


def encoded_text(text: str, name: str, vocab: Vocab, settings: Settings) -> list[int]:
    """Encode and truncate a text that errors call ``name``, such as ``"line 7"``."""
    return _cut(encode(_tokens(text, name), vocab), settings)


def tokens_of(review: Review) -> list[str]:
    """Split a review into tokens; raises ``ValueError`` if there are none."""
    return _tokens(review.text, review.id)


def _tokens(text: str, name: str | None) -> list[str]:
    tokens = tokenize(text)
    if not tokens:
        raise ValueError(f"expected some words, got an empty review: {name}")
    return tokens


def _cut(ids: list[int], settings: Settings) -> list[int]:
    return truncate(ids, settings.max_length, settings.keep)


def build_model(settings: Settings, vocab: Vocab) -> BiLSTMClassifier | WideAndDeepClassifier:
    """Make an untrained model, initialised from torch's global random generator."""
    names = ("embedding_dim", "hidden_size", "num_layers", "dropout", "pooling", "word_dropout")
    options = {name: getattr(settings, name) for name in (*names, "bigrams")}
    if settings.padding != "ignored":
        return PaddedClassifier(len(vocab), side=settings.padding, **options)
    model = BiLSTMClassifier(len(vocab), **options)
    START[settings.start](model.lstm)
    if settings.locked_dropout:
        model.dropout = LockedDropout(settings.dropout)
    if settings.ngrams == 0:
        return model
    return WideAndDeepClassifier(model, settings.ngrams, settings.two_answers)


def _is_imdb(settings: Settings, root: Path | None) -> bool:
    if settings.corpus == "built-in" and root is not None:
        raise ValueError("the built-in corpus is generated, not read: leave out --root")
    return settings.corpus == "imdb"
