"""Verify committed records: complete, repeatable by their command, and shown in the book.

A record is in ``book/records`` and is named after its content; the names of records that differ in
their seeds differ only in their last digits.
"""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from typing import Any

import typer

from lstm_tutorial.cli.lines import settings_of
from lstm_tutorial.sentiment.runs.settings import Settings

Record = Mapping[str, Any]
ANY = ("command", "versions", "machine")
OWN = {"ablate": ("seed", "base", "results"), "analyse": ("duplicates", "classifiers")}


def committed_records() -> list[Path]:
    """Find the records that the book reads, in a checkout, and the shipped model's."""
    found = [*Path("book/records").glob("*.json"), *Path("benchmarks/results").glob("*.json")]
    return [*sorted(found), Path(__file__).parents[1] / "sentiment" / "shipped" / "run.json"]


def check_record(path: Path, app: typer.Typer) -> str:
    """Verify that a record is complete, and that its command still asks for its settings.

    Returns:
        The command. That of a benchmark is outside the package and not parsed.

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
    if command.startswith("python -m benchmarks."):
        return command
    context = _parsed(command, path, app)
    name = context.command.name or ""
    lacking = [key for key in {"train": KEYS, **OWN}.get(name, ()) if key not in record]
    if lacking:
        raise ValueError(f"{path} is incomplete: missing {', '.join(lacking)}")
    if name == "train":
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


def check_figures(path: Path) -> str:
    """Verify that the pages that read a record print its accuracies; summarise the result.

    Raises:
        ValueError: if no page reads the record, or an accuracy is on none of them.
    """
    stem = path.parent.name if path.name == "run.json" else path.stem
    family = stem.rstrip("0123456789")
    paths = [path] if stem == family else sorted(path.parent.glob(f"{family}[0-9].json"))
    record, *others = [json.loads(p.read_text(encoding="utf-8")) for p in (path, *paths)]
    wanted = _accuracies(record, others)
    if not wanted:
        return "none to compare"
    pages = [p for p in sorted(Path("book").glob("*.ipynb")) if family in _text(p, "source")]
    if not pages:
        raise ValueError(f"no page of the book reads {path}")
    printed = set(re.findall(r"\d+\.\d+", " ".join(_text(p, "outputs") for p in pages)))
    for name, values in wanted.items():
        if not {f"{100 * value:.{digits}f}" for value in values for digits in (1, 2)} & printed:
            where = ", ".join(p.name for p in pages)
            raise ValueError(f"{path}: {where} does not show the accuracy of {name}: run it again")
    return f"{len(wanted)} shown in {', '.join(p.name for p in pages)}"


def _accuracies(record: Record, family: list[Record]) -> dict[str, list[float]]:
    """Name the accuracies that a page must show: the record's, or the mean over all seeds."""
    if "classifiers" in record:
        return {name: [found["accuracy"]] for name, found in record["classifiers"].items()}
    if "results" in record and "base" in record:
        epochs, every = record["base"]["epochs"], [r for f in family for r in f["results"]]
        names = {r["name"] for r in every if len(r["validation_accuracies"]) == epochs}
        return {n: [mean(r["test_accuracy"] for r in every if r["name"] == n)] for n in names}
    if "shipped" in record:
        return {"the shipped model": [record["shipped"]["accuracy"]]}
    if record.get("test"):
        scores = [f["test"]["accuracy"] for f in family]
        return {"the run": [record["test"]["accuracy"], mean(scores)]}
    return {}


def _text(page: Path, part: str) -> str:
    """Join the sources, or the stored texts, of a notebook's code cells."""
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    if part == "source":
        return "\n".join("".join(cell["source"]) for cell in code)
    outputs = [output for cell in code for output in cell["outputs"]]
    texts = [
        output.get("text") or output.get("data", {}).get("text/markdown", ()) for output in outputs
    ]
    return "\n".join("".join(text) for text in texts)


def _parsed(command: str, path: Path, app: typer.Typer) -> typer.Context:
    program, _, rest = command.partition(" -m lstm_tutorial ")
    if program != "python":
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
        asked, found = asdict(settings_of(context)), asdict(Settings.from_record(record))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    wrong = [name for name, value in asked.items() if found[name] != value]
    if wrong:
        raise ValueError(f"{path}: {record['command']!r} does not ask for its {', '.join(wrong)}")
