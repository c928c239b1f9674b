"""Check that the pages print the accuracies of the records that they read.

``python -m tools.records`` does so for every committed record.
"""

import json
import math
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

from lstm_tutorial.cli.records import committed_records

Record = Mapping[str, Any]


def check_figures(path: Path) -> str:
    """Verify that the pages that read a record print its accuracies; summarise the result.

    Raises:
        ValueError: if no page reads the record, or an accuracy is on none of them.
    """
    stem = path.parent.name if path.name == "run.json" else path.stem
    family = stem.rstrip("0123456789")
    paths = [path] if stem == family else sorted(path.parent.glob(f"{family}[0-9].json"))
    record, *others = [json.loads(p.read_text(encoding="utf-8")) for p in (path, *paths)]
    percent = _accuracies(record, others).items()
    wanted = (
        _of_tasks(record)
        or _of_language(record)
        or {name: [100 * v for v in values] for name, values in percent}
    )
    if not wanted:
        return "none to compare"
    pages = [p for p in sorted(Path("book").glob("*.ipynb")) if family in _text(p, "source")]
    if not pages:
        raise ValueError(f"no page of the book reads {path}")
    printed = set(re.findall(r"\d+\.\d+", " ".join(_text(p, "outputs") for p in pages)))
    for name, values in wanted.items():
        if not {f"{value:.{digits}f}" for value in values for digits in (1, 2)} & printed:
            where = ", ".join(p.name for p in pages)
            raise ValueError(f"{path}: {where} does not show the accuracy of {name}: run it again")
    return f"{len(wanted)} shown in {', '.join(p.name for p in pages)}"


def _accuracies(record: Record, family: list[Record]) -> dict[str, list[float]]:
    """Name the accuracies that a page must show: the record's, or the mean over all seeds."""
    if "classifiers" in record:
        return {name: [found["accuracy"]] for name, found in record["classifiers"].items()}
    if "results" in record and "base" in record:
        epochs, every = record["base"]["epochs"], [r for f in family for r in f["results"]]
        if "init" not in record:  # there, longer training is shown as a curve over its epochs
            every = [r for r in every if len(r["validation_accuracies"]) == epochs]
        names = {r["name"] for r in every}
        return {n: [mean(r["test_accuracy"] for r in every if r["name"] == n)] for n in names}
    if "shipped" in record:
        return {"the shipped model": [record["shipped"]["accuracy"]]}
    if record.get("test"):
        scores = [f["test"]["accuracy"] for f in family]
        return {"the run": [record["test"]["accuracy"], mean(scores)]}
    validated = [e.get("validation_accuracy") for e in record.get("epochs", ())]
    return {"the best epoch": [max(validated)]} if any(validated) else {}


def _of_tasks(record: Record) -> dict[str, list[float]]:
    """Name what a record of ``lstm_tutorial.tasks`` has measured, as a page prints it."""
    results = record["results"] if ".tasks." in record.get("command", "") else []
    if "chosen" in record:
        setting = record["chosen"].items()
        (scores,) = [r["validation_mase"] for r in results if setting <= r.items()]
        return {"the chosen setting": [mean(scores)]}
    return {f"{r['bridge']}, {r['attention']}": [100 * mean(r["in_a_batch"])] for r in results}


def _of_language(record: Record) -> dict[str, list[float]]:
    """Name the perplexities of a language model, and what its units know, as a page prints them."""
    if "perplexities" in record:
        shares = {k: v for k, v in record["unit"].items() if k.startswith("accuracy")}
        known = {name: [100 * share] for name, share in shares.items()}
        return known | {name: [value] for name, value in record["perplexities"].items()}
    losses = record["epochs"][-1].get("validation_losses", []) if record.get("epochs") else []
    return {f"direction {k}": [math.exp(loss)] for k, loss in enumerate(losses)}


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


def main() -> int:
    """Print what each record's accuracies were found on; 1 if one was not found."""
    failed = 0
    for path in committed_records():
        try:
            print(f"{path}: {check_figures(path)}")
        except ValueError as error:
            failed = 1
            print(error, file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
