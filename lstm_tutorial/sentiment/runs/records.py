"""Describe a training run: its settings, the machine, and the results."""

import re
import textwrap
from typing import Any

from lstm_tutorial._machine import machine, peak_memory_mib, versions
from lstm_tutorial.sentiment.runs.pretraining_settings import PretrainingSettings
from lstm_tutorial.sentiment.runs.settings import Settings
from lstm_tutorial.sentiment.training.loop import best_epoch

KEYS: tuple[str, ...]
KEYS = ("command", "configuration", "seed", "versions", "machine", "data", "epochs", "best_epoch")
KEYS += ("seconds", "peak_memory_mib", "test")


def make_record(
    command: str,
    settings: Settings | PretrainingSettings,
    counts: dict[str, int],
    history: list[dict],
    test: dict[str, float] | None,
) -> dict[str, Any]:
    """Collect the settings, circumstances and results of a run, in a form that JSON can store.

    Args:
        command: repeats the run.
        settings: of the run.
        counts: reviews in ``train`` and ``validation``.
        history: one dict per epoch, as ``fit`` returns it.
        test: ``loss``, ``accuracy`` and ``n``; None if the test part was not read.

    Returns:
        A dict with the keys ``KEYS``, in that order. ``seconds`` is training time: the sum over the
        epochs, validation included.
    """
    tested = test["n"] if test else None
    values = (
        command,
        settings.configuration(),
        settings.seed,
        versions(),
        machine(),
        {"corpus": settings.corpus, **counts, "test": tested},
        history,
        best_epoch(history),
        round(sum(entry["seconds"] for entry in history), 1),
        peak_memory_mib(),
        test,
    )
    return dict(zip(KEYS, values, strict=True))


def in_lines(command: str, width: int = 84) -> str:
    """Break a command into shell lines of ``width`` characters, each option beside its value."""
    glued = re.sub(r"(?<= )(--\S+) (?!--)", "\\1\u00a0", command)
    lines = textwrap.wrap(glued, width, break_on_hyphens=False, break_long_words=False)
    return " \\\n    ".join(lines).replace("\u00a0", " ")
