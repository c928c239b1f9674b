"""Describe a training run: its settings, the machine, and the results."""

import importlib.metadata
import os
import platform
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import torch

from lstm_tutorial.sentiment.runs.settings import Settings
from lstm_tutorial.sentiment.training import parallel
from lstm_tutorial.sentiment.training.loop import best_epoch

KEYS: tuple[str, ...]
KEYS = ("command", "configuration", "seed", "versions", "machine", "data", "epochs", "best_epoch")
KEYS += ("seconds", "peak_memory_mib", "test")


def make_record(
    command: str,
    settings: Settings,
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


def versions() -> dict[str, str]:
    """Return the versions of Python, torch, torchtext and this package."""
    packages = {"torch": "torch", "torchtext": "torchtext", "lstm_tutorial": "lstm-tutorial"}
    found = {name: importlib.metadata.version(package) for name, package in packages.items()}
    return {"python": platform.python_version(), **found, "torch": str(torch.__version__)}


def machine() -> dict[str, str | int | None]:
    """Describe the machine, but do not name it: its processor, torch's threads and kernels.

    Where several processes train together, their number is ``processes``.
    """
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": _cores(),
        "threads": torch.get_num_threads(),
        "kernels": torch.backends.cpu.get_cpu_capability(),
        **({"processes": parallel.processes()} if parallel.is_parallel() else {}),
    }


def peak_memory_mib() -> int | None:
    """Return this process's peak memory in MiB; None on Windows, without module ``resource``."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 2**20 if sys.platform == "darwin" else peak // 2**10  # bytes there, KiB here


def _cores() -> int | None:
    """Count the cores available to this process, where the system reports them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _processor() -> str:
    """Read the processor's name from Linux's cpuinfo; platform.processor() is empty there."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
