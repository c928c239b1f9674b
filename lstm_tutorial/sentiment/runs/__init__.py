"""Runs: settings become a trained model in a folder, with a record that describes it."""

from lstm_tutorial._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "presets": ["PRESETS"],
        "settings": ["Settings"],
        "run": ["Run", "load", "measure", "predict", "train"],
        "pretraining": [],
        "pretraining_settings": ["PretrainingSettings"],
        "records": ["in_lines"],
        "repeats": ["read_repeats", "repeat_band"],
        "pretrained": ["load_pretrained"],
    },
)
