"""The cost of a step: time relative to other steps, and memory in a separate process.

In each row all contenders take turns, one step each, over and over, so that other load on the
machine slows all of them. Their order changes each turn, because a contender that follows itself or
a small one finds more in the cache. A contender's number is the median, between the quartiles, of
its ratios to the first of the row within the same turn; below 1 is faster. Milliseconds are given
only for the first.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import torch

from benchmarks.peers import Size, Step

# With these in the environment, glibc asks the system for memory once and gives none of it back.
KEEP = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**34)}


def seconds(step: Step) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def quartiles(values: Sequence[float]) -> list[float]:
    """Lower quartile, median and upper quartile."""
    return [round(q, 3) for q in statistics.quantiles(values, n=4)]


def row(name: str, size: tuple[int, ...], steps: dict[str, Step], repeats: int) -> dict:
    """Interleave the steps; the others are compared with the first."""
    for step in steps.values():
        step(), step()
    first, *others = steps
    order, shuffle, turns = list(steps), random.Random(0).shuffle, []
    for _ in range(repeats):
        shuffle(order)
        turns += [{who: seconds(steps[who]) for who in order}]
    result = {
        "what": name,
        "size": size,
        "repeats": repeats,
        "first": first,
        "milliseconds": round(1e3 * statistics.median(turn[first] for turn in turns), 3),
        "ratios": {who: quartiles([turn[who] / turn[first] for turn in turns]) for who in others},
    }
    print(f"{name:28} {size!s:22}", *(f"{w} {r[1]:.2f}" for w, r in result["ratios"].items()),
          sep="  ", flush=True)  # fmt: skip
    return result


def peak_mib(who: str, size: Size) -> float:
    """Peak memory that ten training steps add to a separate process."""
    return in_process("peak_mib", who=who, size=size)


def step_seconds(size: Size, variables: dict[str, str]) -> float:
    """Median of three training steps in a separate process with these environment variables."""
    return in_process("step_seconds", variables, size=size, threads=torch.get_num_threads())


def in_process(name: str, variables: dict[str, str] | None = None, **arguments: Any) -> Any:
    """Call one of ``alone.FUNCTIONS`` in a separate process; print its progress."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.alone", name, json.dumps(arguments)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, **(variables or {})},
    )
    *progress, last = done.stdout.splitlines()
    print(*progress, sep="\n", flush=True)
    return json.loads(last)


def memory_row(size: Size, repeats: int) -> dict:
    """Peak memory of a training step, the contenders in turn: median, smallest and largest."""
    contenders = "nn.LSTM", "FastLSTM", "LSTM"
    turns = [{who: peak_mib(who, size) for who in contenders} for _ in range(repeats)]
    found = {who: [turn[who] for turn in turns] for who in contenders}
    result = {
        "what": "peak memory, MiB",
        "size": size,
        "repeats": repeats,
        "mib": {who: round(statistics.median(mib), 1) for who, mib in found.items()},
        "range": {who: [round(f(mib), 1) for f in (min, max)] for who, mib in found.items()},
    }
    print(result, flush=True)
    return result


def allocator_row(size: Size, repeats: int) -> dict:
    """A training step of ``ragged.run`` with glibc returning memory, and with glibc keeping it."""
    ways = {"memory given back": {}, "memory kept": KEEP}
    turns = [{who: step_seconds(size, more) for who, more in ways.items()} for _ in range(repeats)]
    first, other = ways
    result = {
        "what": "allocator",
        "size": size,
        "repeats": repeats,
        "first": first,
        "variables": KEEP,
        "milliseconds": round(1e3 * statistics.median(turn[first] for turn in turns), 3),
        "ratios": {other: quartiles([turn[other] / turn[first] for turn in turns])},
    }
    print(result, flush=True)
    return result
