"""Other tasks: small models and data for the chapters that are not about reviews."""

from lstm_tutorial._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "dates": ["BOS", "EOS", "PAD", "Pairs", "collate_pairs", "make_pairs", "text_of"],
        "search": ["beam_search", "greedy_search"],
        "translation": [
            "Translator",
            "exact_match",
            "fit",
            "join_directions",
            "masked_softmax",
        ],
    },
)
