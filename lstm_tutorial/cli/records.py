"""Verify records: complete, repeatable by their command, and as good as the committed ones.

A record is in ``book/records`` and is named after its content; the names of records that differ in
their seeds differ only in their last digits.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from lstm_tutorial.cli.lines import settings_of
from lstm_tutorial.sentiment.runs.pretraining_settings import PretrainingSettings
from lstm_tutorial.sentiment.runs.settings import Settings

Record = Mapping[str, Any]
ANY = ("command", "versions", "machine")
MODULES = "python -m benchmarks.", "python -m lstm_tutorial.tasks."
OWN = {
    "ablate": ("seed", "base", "results"),
    "analyse": ("duplicates", "classifiers"),
    "probe": ("model", "perplexities", "unit", "copies"),
}


def committed_records() -> list[Path]:
    """Find the records that the book reads, in a checkout, and the shipped model's."""
    found = [*Path("book/records").glob("*.json"), *Path("benchmarks/results").glob("*.json")]
    return [*sorted(found), Path(__file__).parents[1] / "sentiment" / "shipped" / "run.json"]


def check_record(path: Path, app: typer.Typer) -> str:
    """Verify that a record is complete, and that its command still asks for its settings.

    Returns:
        The command. That of a benchmark or of a task's module has no settings to parse.

    Raises:
        ValueError: if the record is damaged, or its command is unknown or asks for settings other
            than the record's.
    """
    from lstm_tutorial.sentiment.runs.folders import read_json
    from lstm_tutorial.sentiment.runs.records import KEYS

    record = read_json(path)
    lacking = [key for key in ANY if key not in record]
    if lacking:
        raise ValueError(f"{path} is not a record: missing {', '.join(lacking)}")
    command = record["command"]
    if not isinstance(command, str):
        raise ValueError(f"{path} is not a record: its command is not text, but {command!r}")
    if command.startswith(MODULES):
        return command
    context = _parsed(command, path, app)
    name = context.command.name or ""
    own = {**OWN, "train": KEYS, "pretrain": KEYS}.get(name, ())
    lacking = [key for key in own if key not in record]
    if lacking:
        raise ValueError(f"{path} is incomplete: missing {', '.join(lacking)}")
    if name in ("train", "pretrain"):
        _check_settings(record, context, path)
    return command


def compare_repeat(path: Path, folder: Path = Path("book/records")) -> str:
    """Compare a run's test accuracy with the committed record that it repeats.

    Args:
        path: of the run's record.
        folder: holds the committed records, in a checkout of the project.

    Returns:
        What was found, in one line.

    Raises:
        ValueError: if the two lie further apart than measured repeats do.
    """
    from lstm_tutorial.sentiment.runs import repeats
    from lstm_tutorial.sentiment.runs.folders import read_json

    record, measured = read_json(path), repeats.read_repeats(folder)
    if not measured or "configuration" not in record:
        return "no committed record to compare it with"
    others = [p for p in sorted(folder.glob("*.json")) if not p.name.startswith("repeats-")]
    committed = {str(p): read_json(p) for p in others}
    return repeats.compare_with_record(record, committed, repeats.repeat_band(measured))


def _parsed(command: str, path: Path, app: typer.Typer) -> typer.Context:
    program, _, rest = command.partition(" -m lstm_tutorial ")
    if not re.fullmatch(r"python|torchrun --nproc_per_node \d+", program):
        raise ValueError(f"{path} does not name a command of this project, but {command!r}")
    try:
        words = shlex.split(rest)
        named = typer.main.get_group(app).commands[words[0]]
        return named.make_context(words[0], words[1:])  # type: ignore[return-value]  # it makes these
    except Exception as error:
        raise ValueError(f"{path}: {command!r} is no longer a valid command: {error}") from error


def _check_settings(record: Record, context: typer.Context, path: Path) -> None:
    """Compare a run's settings with those of its command; missing ones are defaults."""
    try:
        kind: Any = {"train": Settings, "pretrain": PretrainingSettings}[str(context.command.name)]
        asked, found = asdict(settings_of(context, kind)), asdict(kind.from_record(record))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    wrong = [name for name, value in asked.items() if found[name] != value]
    if wrong:
        raise ValueError(f"{path}: {record['command']!r} does not ask for its {', '.join(wrong)}")
