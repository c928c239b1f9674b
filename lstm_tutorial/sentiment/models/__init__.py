"""Models: a batch becomes one logit per review."""

from lstm_tutorial._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "bilstm": ["AttentionPool", "BiLSTMClassifier", "final_states", "max_pool", "mean_pool"],
        "language": ["LanguageModel", "hand_over"],
        "sampling": ["restrict", "write"],
        "kneser_ney": ["KneserNey"],
        "linear": ["fit_ngrams", "fit_words"],
        "wide": ["NGramPath", "WideAndDeepClassifier"],
        "mistakes": ["PaddedClassifier"],
        "remedies": ["LockedDropout"],
    },
)
