"""Training: a model learns from batches, is measured, and is saved."""

from lstm_tutorial._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "loop": ["best_epoch", "fit", "train_epoch"],
        "evaluation": ["evaluate", "evaluating", "predict_proba"],
        "pretraining": [],
        "checkpoints": ["load_checkpoint", "load_weights", "save_checkpoint", "save_weights"],
    },
)
