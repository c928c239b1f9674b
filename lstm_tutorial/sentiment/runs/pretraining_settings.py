"""``PretrainingSettings``: everything that affects a language model, in one frozen dataclass."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from lstm_tutorial.sentiment.runs.settings import Corpus, Precision, check_value


@dataclass(frozen=True)
class PretrainingSettings:
    """Everything that affects a language model; the defaults are those of ``pretrain``.

    Args:
        corpus: the reviews to read.
        epochs: passes over the training texts.
        batch_size: columns that are read side by side.
        length: steps per window.
        lr: highest learning rate of the cycle.
        embedding_dim: features per word, E.
        hidden_size: units of each direction, H.
        dropout: rate for embedded words and outputs.
        vocab_size: most frequent words to know, padding and the unknown word included.
        min_freq: rarer words are unknown.
        precision: of training; with ``"bfloat16"`` the weights still are float32.
        seed: for weights, order and dropout.
        validation_fraction: share of the training part that is held out.

    Raises:
        ValueError: if a value is invalid.
    """

    corpus: Corpus = "imdb"
    epochs: int = 5
    batch_size: int = 64
    length: int = 70
    lr: float = 3e-3
    embedding_dim: int = 200
    hidden_size: int = 400
    dropout: float = 0.2
    vocab_size: int = 30_000
    min_freq: int = 1
    precision: Precision = "float32"
    seed: int = 0
    validation_fraction: float = 0.1

    def __post_init__(self) -> None:
        for one in fields(self):
            check_value(one.name, getattr(self, one.name), type(one.default))
        if self.lr <= 0:
            raise ValueError(f"expected lr greater than 0, got {self.lr}")
        if self.validation_fraction == 0:
            raise ValueError("expected a validation_fraction above 0: perplexity is measured there")

    @classmethod
    def options(cls) -> list[str]:
        """List the settings; the command ``pretrain`` has an option for each."""
        return [one.name for one in fields(cls)]

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "PretrainingSettings":
        """Read the settings from the record of a language model.

        Raises:
            ValueError: if a setting is missing, unknown or invalid.
        """
        found = {**record["configuration"], "seed": record["seed"]}
        if found.keys() != set(cls.options()):
            wrong = ", ".join(sorted(found.keys() ^ set(cls.options())))
            raise ValueError(f"expected the settings of a language model, not those with {wrong}")
        return cls(**found)

    def configuration(self) -> dict[str, Any]:
        """Return the settings for a record: all except the seed."""
        return {name: value for name, value in asdict(self).items() if name != "seed"}
