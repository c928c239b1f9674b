"""Sentiment of film reviews: from raw text to a trained bidirectional LSTM.

Five rooms, in which imports run one way: ``data <- models <- runs <- studies``, with ``training``
beside ``models``. This package offers everything that the book's chapters use and imports each
name on first use.
"""

from lstm_tutorial._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "data.review": ["Review"],
        "data.corpus": ["BLAME", "PRAISE", "make_reviews"],
        "data.text": ["UNK", "build_vocab", "encode", "tokenize"],
        "data.batches": ["Batch", "collate", "make_loader"],
        "models.bilstm": ["BiLSTMClassifier", "final_states", "last_step"],
        "models.kneser_ney": ["KneserNey"],
        "models.language": ["LanguageModel"],
        "models.linear": ["bag_of_words", "fit_ngrams", "fit_words"],
        "models.mistakes": ["PaddedClassifier"],
        "models.remedies": ["LockedDropout"],
        "models.sampling": ["restrict", "write"],
        "models.wide": ["NGramPath", "WideAndDeepClassifier"],
        "training.loop": ["fit"],
        "training.evaluation": ["evaluate", "predict_proba"],
        "runs": [],
        "runs.records": ["in_lines"],
        "runs.repeats": ["read_repeats", "repeat_band"],
        "runs.settings": ["Settings"],
        "runs.pretrained": ["SHIPPED", "load_pretrained"],
        "studies.analysis": ["Z", "difference", "interval"],
        "studies.behaviour": [],
        "studies.calibration": ["calibration_error"],
        "studies.evidence": [],
        "studies.phenomena": [],
    },
)
