"""Small models and data for tasks other than reading reviews."""

from lstm_tutorial._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "forecasting": [],
        "choice": [],
        "bridges": [],
        "agents": ["Corridors", "Memoryless", "Policy", "returns", "rollout", "train_policy"],
        "crf": ["CRF"],
        "ctc": ["collapse", "greedy_labels", "make_signals", "steps_needed"],
        "streams": ["Sessions", "advance", "columns", "run_with_resets", "windows"],
        "tagging": ["TAGS", "broken", "exact_crf", "exact_scores", "make_sentences"],
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
