"""Measurements that need a process of their own: ``python -m benchmarks.alone NAME ARGUMENTS``.

``NAME`` is one of ``FUNCTIONS`` and ``ARGUMENTS`` a JSON object; the last line printed is the
result as JSON.
"""

import json
import re
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from benchmarks.contenders import MODULES, bidirectional, training
from benchmarks.measure import seconds


def peak_mib(who: str, size: Sequence[int]) -> float:
    """Measure what ten training steps add to the peak memory of a tiny one, in MiB."""
    length, n, features, hidden = size
    training(MODULES[who](4, 4), torch.randn(4, 4, 4))()
    before = _peak_kib()
    step = training(MODULES[who](features, hidden), torch.randn(length, n, features))
    for _ in range(10):
        step()
    return (_peak_kib() - before) / 1024


def _peak_kib() -> int:
    """Read Linux's VmHWM, the most that was resident at once."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def step_seconds(size: Sequence[int], threads: int) -> float:
    """Measure the median of three training steps of ``ragged.run``."""
    torch.set_num_threads(threads)
    length, n, features, hidden = size
    lengths = torch.linspace(length // 2, length, n).long().flip(0)
    module = bidirectional("ragged.run", features, hidden, lengths=lengths)
    step = training(module, torch.randn(length, n, features))
    step()
    return statistics.median(seconds(step) for _ in range(3))


def kept_rows(
    repeats: int,
    threads: int,
    sizes: Sequence[Sequence[int]],
    lengths: Sequence[int],
    growth: Sequence[int],
) -> list[dict]:
    """Time padded, ragged and growing calls."""
    from benchmarks.parts import growth_rows, module_rows, ragged_rows

    torch.manual_seed(0)
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    rows = module_rows(repeats, sizes) + ragged_rows(repeats, lengths)
    return rows + growth_rows(repeats, growth)


FUNCTIONS: dict[str, Callable] = {
    function.__name__: function for function in (peak_mib, step_seconds, kept_rows)
}

if __name__ == "__main__":
    name, arguments = sys.argv[1:]
    print(json.dumps(FUNCTIONS[name](**json.loads(arguments))))
