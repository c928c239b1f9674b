"""``Settings``: everything that affects the result of a run, in one frozen dataclass."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

Corpus = Literal["imdb", "built-in"]
Pooling = Literal["last_step", "final_states", "mean", "max", "attention"]
Keep = Literal["head", "tail", "both"]
Padding = Literal["ignored", "right", "left"]
Start = Literal["torch", "forget bias 1", "orthogonal"]
Precision = Literal["float32", "bfloat16"]

CHOICES = {
    "corpus": Corpus,
    "keep": Keep,
    "padding": Padding,
    "start": Start,
    "precision": Precision,
}
# The smallest of each whole number; the others begin at 1.
LEAST = {"vocab_size": 3, "ngrams": 0, "bigrams": 0, "seed": 0, "labels": 0}
BELOW_1 = ("validation_fraction", "ema", "smoothing")
UP_TO_1 = ("dropout", "word_dropout", "init_share")
STUDY = {"study": True}  # only studies change it: the command ``train`` has no option for it
# What runs of the past did not have.
LATER = {"ngrams", "bigrams", "ema", "precision", "init", "init_share", "labels"}
OLD_NGRAMS = {  # how the first records of a study named them
    "none": {"ngrams": 0},
    "in sample": {"ngrams": 3, "out_of_fold": False},
    "out of fold": {"ngrams": 3, "out_of_fold": True},
}


@dataclass(frozen=True)
class Settings:
    """Everything that affects the result of a run; the defaults are those of the command ``train``.

    Args:
        corpus: the reviews to learn.
        pooling: how outputs become one sentence vector.
        epochs: most passes over the training part.
        batch_size: reviews per batch.
        lr: highest learning rate of the cycle.
        embedding_dim: features per word, E.
        hidden_size: hidden features per direction, H.
        num_layers: stacked BiLSTM layers.
        dropout: rate for features.
        word_dropout: rate for whole words.
        vocab_size: most frequent words to know, padding and the unknown word included.
        min_freq: rarer words are unknown.
        max_length: tokens of a review to read.
        keep: which end of a longer review to read.
        ngrams: length of the linear path's longest n-gram; 0 for no linear path.
        bigrams: rows of the embedding of word pairs; 0 for none.
        ema: decay of the weights' moving average; 0 for none.
        precision: of training; with ``"bfloat16"`` the weights still are float32.
        seed: for weights, order and dropout.
        patience: epochs without improvement after which training stops.
        validation_fraction: share of the training part that is held out.
        init: name of the language model that gave embedding and LSTM; empty for random weights.
        init_share: share of the learning rate for what it gave.
        labels: how many training reviews have a label to learn from; 0 for all.
        padding: ``"ignored"``, or the side on which the LSTM reads it.
        buckets: whether a batch has reviews of similar length.
        start: how the LSTM's weights are initialised.
        locked_dropout: whether dropout removes the same features at every step.
        smoothing: of the training labels.
        out_of_fold: whether n-gram weights come from reviews other than the one they are used on.
        two_answers: whether, in training, the BiLSTM also gives its own answer.

    Raises:
        ValueError: if a value is invalid.
    """

    corpus: Corpus = "imdb"
    pooling: str = "max"
    epochs: int = 4
    batch_size: int = 64
    lr: float = 4e-3
    embedding_dim: int = 100
    hidden_size: int = 128
    num_layers: int = 1
    dropout: float = 0.3
    word_dropout: float = 0.1
    vocab_size: int = 30_000
    min_freq: int = 1
    max_length: int = 256
    keep: Keep = "head"
    ngrams: int = 0
    bigrams: int = 0
    ema: float = 0.0
    precision: Precision = "float32"
    seed: int = 0
    patience: int = 2
    validation_fraction: float = 0.1
    init: str = ""
    init_share: float = 1.0
    labels: int = 0
    padding: Padding = field(default="ignored", metadata=STUDY)
    buckets: bool = field(default=True, metadata=STUDY)
    start: Start = field(default="torch", metadata=STUDY)
    locked_dropout: bool = field(default=False, metadata=STUDY)
    smoothing: float = field(default=0.0, metadata=STUDY)
    out_of_fold: bool = field(default=True, metadata=STUDY)
    two_answers: bool = field(default=True, metadata=STUDY)

    def __post_init__(self) -> None:
        for one in fields(self):
            check_value(one.name, getattr(self, one.name), type(one.default))
        if self.lr <= 0:
            raise ValueError(f"expected lr greater than 0, got {self.lr}")
        poolings = get_args(Pooling)
        if self.padding != "ignored":
            poolings += ("first_and_last_step",)
        _check_choice("pooling", self.pooling, poolings)

    @classmethod
    def options(cls) -> list[str]:
        """List the settings for which the command ``train`` has options."""
        return [one.name for one in fields(cls) if not one.metadata]

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Settings":
        """Read the settings of a run, or those of a study's base, from its record.

        Args:
            record: with ``configuration`` and ``seed``, or with ``base`` and ``seed``.

        Returns:
            The settings, with defaults for those that did not exist when the record was made.

        Raises:
            ValueError: if a setting is missing, unknown or invalid.
        """
        found = record.get("base", record.get("configuration"))
        found = {**found, "seed": record["seed"]} if isinstance(found, dict) else {}
        if found.get("ngrams") in OLD_NGRAMS:
            found |= OLD_NGRAMS[found["ngrams"]]
        if "base" not in record:
            lacking = [name for name in cls.options() if name not in {*found, *LATER}]
            if lacking:
                raise ValueError(f"missing {', '.join(lacking)}")
        unknown = found.keys() - {one.name for one in fields(cls)}
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        return cls(**found)

    def configuration(self) -> dict[str, Any]:
        """Return the settings for a record: all options except the seed, and changed study ones."""
        given = asdict(self)
        default = {one.name: one.default for one in fields(self) if one.metadata}
        return {k: v for k, v in given.items() if k != "seed" and default.get(k, ...) != v}


def check_value(name: str, value: Any, kind: type) -> None:
    """Refuse a value that is not of its kind or outside its limits."""
    if kind is float:
        _check_rate(name, value)
    elif kind is int:
        least = LEAST.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"expected {name} to be a whole number from {least} up, got {value!r}")
    elif kind is bool:
        _check_choice(name, value, (True, False))
    elif name in CHOICES:
        _check_choice(name, value, get_args(CHOICES[name]))


def _check_rate(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected {name} to be a number, got {value!r}")
    if name in BELOW_1 and not 0 <= value < 1:
        raise ValueError(f"expected {name} of at least 0 and below 1, got {value}")
    if not math.isfinite(value):
        raise ValueError(f"expected a finite {name}, got {value}")
    if name in UP_TO_1 and not 0 <= value <= 1:
        raise ValueError(f"expected {name} between 0 and 1, got {value}")


def _check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    if value not in choices:
        wanted = ", ".join(map(str, choices))
        raise ValueError(f"expected {name} to be one of {wanted}, got {value!r}")
