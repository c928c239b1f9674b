"""Small models and data for tasks other than reading reviews."""

from lstm_tutorial._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "forecasting": [],
        "agents": ["Corridors", "Memoryless", "Policy", "returns", "rollout", "train_policy"],
        "streams": ["Sessions", "advance", "columns", "run_with_resets", "windows"],
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
