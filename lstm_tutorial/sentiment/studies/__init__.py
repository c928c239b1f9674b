"""Studies: what finished runs get right, what each mistake costs, and what each remedy brings."""

from lstm_tutorial._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "ablation": [],
        "analysis": ["Z", "analyse", "difference", "interval"],
        "behaviour": [],
        "calibration": ["calibration_error"],
        "evidence": [],
        "language": [],
        "phenomena": [],
        "reading": [],
    },
)
