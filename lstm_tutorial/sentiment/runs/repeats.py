"""How far a repeated run may differ from its record, measured by repeating one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import stdev
from typing import Any

from scipy import stats

from lstm_tutorial.sentiment.runs.settings import Settings

Record = Mapping[str, Any]


def repeat_band(repeats: Sequence[Record]) -> float:
    r"""Estimate how far the test accuracies of two runs of the same settings lie apart.

    .. math:: t_{0.975,\,n-1}\, s\, \sqrt{2}

    where s is the standard deviation over n repeats. Two runs whose accuracies are normally
    distributed differ by more than this in one case of twenty.

    Args:
        repeats: records of the same settings, with other seeds, threads or processors.

    Returns:
        The half width of the band, as a share of the test part.

    Raises:
        ValueError: if there are fewer than three.
    """
    accuracies = [record["test"]["accuracy"] for record in repeats]
    if len(accuracies) < 3:
        raise ValueError(f"expected at least 3 repeats, got {len(accuracies)}")
    return float(stats.t.ppf(0.975, len(accuracies) - 1)) * stdev(accuracies) * 2**0.5


def read_repeats(folder: Path) -> list[Record]:
    """Read the committed repeats.

    Args:
        folder: holds ``repeats-0.json`` and so on.

    Returns:
        The records, in the order of their numbers.
    """
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("repeats-*.json"))]


def compare_with_record(record: Record, committed: Mapping[str, Record], band: float) -> str:
    """Compare a run with the committed record that it repeats.

    Args:
        record: of the run.
        committed: records by name; one with the same settings but for the seed is looked for.
        band: from ``repeat_band``.

    Returns:
        The comparison in one line.

    Raises:
        ValueError: if the accuracies lie further apart than the band.
    """
    wanted = _unseeded(record)
    for name, other in committed.items():
        is_run = "configuration" in other and other.get("test")
        if not record.get("test") or not is_run or _unseeded(other) != wanted:
            continue
        here, there = (100 * r["test"]["accuracy"] for r in (record, other))
        told = f"{here:.2f}% here, {there:.2f}% in {name}"
        if abs(here - there) > 100 * band:
            raise ValueError(
                f"expected an accuracy within {100 * band:.2f} points of the record's, got {told}: "
                "compare versions, data and command"
            )
        return f"{told}: repeats differ by up to {100 * band:.2f} points"
    return "repeats no committed record"


def _unseeded(record: Record) -> Settings:
    return replace(Settings.from_record(record), seed=0)
