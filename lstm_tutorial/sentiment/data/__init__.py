"""Data: a review becomes tokens, ids, and a row of a batch."""

from lstm_tutorial._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "review": ["Review"],
        "imdb": [],
        "corpus": ["make_reviews"],
        "text": ["build_vocab", "encode", "load_vocab", "save_vocab", "tokenize"],
        "batches": ["Batch", "collate", "make_loader", "truncate"],
    },
)
