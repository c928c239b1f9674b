"""The settings of the book's runs on IMDB, by name, as options of the command ``train``."""

from typing import Any

RECIPE = {"dropout": 0.2, "word_dropout": 0.4}
PRESETS: dict[str, dict[str, Any]] = {
    "strong": RECIPE
    | {
        "ngrams": 3,
        "vocab_size": 60_000,
        "max_length": 1000,
        "epochs": 5,
        "ema": 0.998,
        "validation_fraction": 0.0,
    },
    "reading-first": {  # with --init and a language model of these sizes
        "embedding_dim": 200,
        "hidden_size": 400,
        "dropout": 0.5,
        "ngrams": 3,
        "max_length": 1000,
        "epochs": 3,
        "lr": 2e-3,
        "ema": 0.99,
        "precision": "bfloat16",
        "validation_fraction": 0.0,
    },
    "small": {  # the shipped model, with --init as well
        "embedding_dim": 96,
        "vocab_size": 20_000,
        "max_length": 1000,
        "epochs": 3,
        "lr": 2e-3,
        "ema": 0.99,
        "threads": 1,
    },
    "tiny": {
        "dropout": 0.1,
        "word_dropout": 0.2,
        "lr": 1e-2,
        "embedding_dim": 32,
        "hidden_size": 32,
        "vocab_size": 10_000,
        "max_length": 400,
        "epochs": 5,
        "patience": 5,
    },
    "max": RECIPE | {"max_length": 400},
    "final-states": RECIPE | {"max_length": 400, "pooling": "final_states"},
    "first-attempt": {
        "pooling": "last_step",
        "dropout": 0.0,
        "word_dropout": 0.0,
        "lr": 1e-2,
        "embedding_dim": 50,
        "hidden_size": 64,
        "vocab_size": 20_000,
        "max_length": 200,
        "epochs": 10,
        "patience": 10,
    },
}
