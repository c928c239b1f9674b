"""Go from raw reviews to loaders and a model, as the settings of a run say."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torch.utils.data import DataLoader
from torchtext.vocab import Vocab

from lstm_tutorial.sentiment.data import corpus, imdb
from lstm_tutorial.sentiment.data.review import Review
from lstm_tutorial.sentiment.data.batches import make_loader, truncate
from lstm_tutorial.sentiment.runs.folders import Settings
from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier
from lstm_tutorial.sentiment.data.text import build_vocab, encode, tokenize
from lstm_tutorial.sentiment.models.wide import WideAndDeepClassifier

OF_MODEL = ("embedding_dim", "hidden_size", "num_layers", "dropout", "pooling", "word_dropout")
BUILT_IN_SIZES = {"train": 5_000, "test": 1_000}  # reviews; the validation part is cut from "train"
SPLIT_SEED = 0  # one validation part whatever a run's own seed, so that runs can be compared


class Prepared(NamedTuple):
    """Hold what training takes: vocabulary, loaders, and the number of reviews in each part."""

    vocab: Vocab
    train: DataLoader
    validation: DataLoader | None
    counts: dict[str, int]


def prepare(settings: Settings, root: Path | None = None) -> Prepared:
    """Read and split the training part, build the vocabulary, encode every review once.

    Args:
        settings: of the run.
        root: where IMDB lies; None for the cached download.

    Returns:
        A shuffling loader for training and one in fixed order for validation, or None if nothing
        is held out. The vocabulary knows the words of the reviews left for training, and no others.

    Raises:
        ValueError: if a review or a setting is no good.
        OSError: if the data cannot be read.
    """
    _check(settings)
    reviews, validation = read_training(settings, root)
    counts = {"train": len(reviews), "validation": len(validation)}
    held_out = settings["validation_fraction"] > 0
    if counts["train"] == 0 or (held_out and counts["validation"] == 0):
        raise ValueError(f"expected reviews in both parts, got {counts}: change the fraction")
    vocab = build_vocab(map(tokens_of, reviews), settings["min_freq"], settings["vocab_size"])
    return Prepared(
        vocab,
        make_review_loader(reviews, vocab, settings, shuffle=True),
        make_review_loader(validation, vocab, settings) if held_out else None,
        counts,
    )


def read_training(settings: Settings, root: Path | None) -> tuple[list[Review], list[Review]]:
    """Read the training part and split it.

    Args:
        settings: names the corpus, and the fraction that validation gets.
        root: where IMDB lies; None for the cached download.

    Returns:
        The reviews for training and those for validation, which share no film (IMDB).
    """
    fraction = settings["validation_fraction"]
    if _is_imdb(settings, root):
        reviews = imdb.load("train", root)
        return imdb.split_by_film(reviews, fraction, SPLIT_SEED) if fraction else (reviews, [])
    reviews = corpus.make_reviews(BUILT_IN_SIZES["train"], seed=0)
    cut = round(fraction * len(reviews))
    return reviews[cut:], reviews[:cut]


def read_part(part: str, settings: Settings, root: Path | None) -> list[Review]:
    """Read one part of a corpus.

    Args:
        part: ``"train"``, ``"validation"`` or ``"test"``.
        settings: names the corpus, and the fraction that validation gets.
        root: where IMDB lies; None for the cached download.

    Returns:
        The reviews, always the same and in the same order.
    """
    if part != "test":
        return read_training(settings, root)[part == "validation"]
    if _is_imdb(settings, root):
        return imdb.load("test", root)
    return corpus.make_reviews(BUILT_IN_SIZES["test"], seed=1)


def make_review_loader(
    reviews: Sequence[Review], vocab: Vocab, settings: Settings, shuffle: bool = False
) -> DataLoader:
    """Encode reviews and put them into batches.

    Args:
        reviews: each with at least one token.
        vocab: gives the ids.
        settings: of the run.
        shuffle: whether every epoch has an order of its own.

    Returns:
        A loader that yields batches.

    Raises:
        ValueError: if a review is empty.
    """
    examples = [encoded(review, vocab, settings) for review in reviews]
    return make_loader(examples, settings["batch_size"], shuffle, settings["seed"])


def encoded(review: Review, vocab: Vocab, settings: Settings) -> tuple[list[int], int]:
    """Turn a review into ids, as many as the run reads.

    Args:
        review: from any corpus.
        vocab: gives the ids.
        settings: of the run.

    Returns:
        The ids and the label.

    Raises:
        ValueError: if the review is empty.
    """
    ids = encode(tokens_of(review), vocab)
    return truncate(ids, settings["max_length"], settings["keep"]), review.label


def tokens_of(review: Review) -> list[str]:
    """Cut a review into tokens.

    Args:
        review: from any corpus.

    Returns:
        Its tokens.

    Raises:
        ValueError: if there are none.
    """
    tokens = tokenize(review.text)
    if not tokens:
        raise ValueError(f"expected some words, got an empty review: {review.id}")
    return tokens


def build_model(settings: Settings, vocab: Vocab) -> BiLSTMClassifier | WideAndDeepClassifier:
    """Make an untrained model.

    Args:
        settings: of the run.
        vocab: gives the number of embeddings.

    Returns:
        The model, initialised from torch's global random generator.
    """
    options = {name: settings[name] for name in OF_MODEL}
    bigrams, max_n = (settings.get(name, 0) for name in ("bigrams", "ngrams"))  # not in old records
    model = BiLSTMClassifier(len(vocab), **options, bigrams=bigrams)
    return WideAndDeepClassifier(model, max_n) if max_n else model


def _is_imdb(settings: Settings, root: Path | None) -> bool:
    if settings["corpus"] == "built-in" and root is not None:
        raise ValueError("the built-in corpus is made, not read: leave out --root")
    return settings["corpus"] == "imdb"


def _check(settings: Settings) -> None:
    """Refuse what would only fail after the folder of the run has been made."""
    for name in ("lr", "dropout", "word_dropout"):
        if not math.isfinite(settings[name]):
            raise ValueError(f"expected a finite {name}, got {settings[name]}")
    if settings["lr"] <= 0:
        raise ValueError(f"expected lr greater than 0, got {settings['lr']}")
    for name in ("validation_fraction", "ema"):
        if not 0 <= settings.get(name, 0) < 1:
            raise ValueError(f"expected {name} of at least 0 and below 1, got {settings[name]}")
