"""Time LSTMs beside ``torch.nn.LSTM`` and write the record that the book reads.

    python -m benchmarks.speed benchmarks/results/speed.json

With --part padded --part growth only those parts are measured again, the other rows of the record
stay, and the record names the command of each. ``parts`` defines the parts, ``measure`` how a step
is measured. Linux only, because of the memory.
"""

import json
import platform
import time
from collections.abc import Collection
from importlib import metadata
from pathlib import Path

import torch
import typer

from benchmarks.contenders import RUNS_AS
from benchmarks.parts import PARTS, review_rows
from lstm_tutorial._files import write_whole
from lstm_tutorial._machine import machine

PEERS = ("labml-nn", "keras", "equinox", "jax")


def version_of(package: str) -> str | None:
    """Installed version, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def main(
    path: Path,
    repeats: int = 15,
    threads: int = 2,
    imdb: Path | None = None,
    part: list[str] | None = None,
) -> None:
    """Run every part and write the record atomically.

    With --imdb, the archive of the reviews, also time the book's classifier on them. With --part,
    which may be repeated, run only these parts, and keep the other rows of the record at ``path``.
    """
    parts = PARTS | ({"imdb": lambda _: review_rows(imdb)} if imdb else {})
    command = f"python -m benchmarks.speed {path} --repeats {repeats} --threads {threads}"
    command += ' --imdb "$IMDB_ARCHIVE"' if imdb else ""
    torch.set_num_threads(threads)
    setting = _setting()
    old = _old(path, part, parts, setting) if part else {"command": command, "rows": []}
    torch.set_flush_denormal(True)  # before the first parallel work, so that all threads inherit it
    rows, minutes = [], {}
    for name in part or parts:
        torch.manual_seed(0)
        start = time.perf_counter()
        rows += [{"part": name} | entry for entry in parts[name](repeats)]
        minutes[name] = round((time.perf_counter() - start) / 60, 1)
    again = {name: f"{command} --part {name}" for name in part or ()}
    record = {"command": old["command"], "again": old.get("again", {}) | again, **setting}
    record["minutes"] = old.get("minutes", {}) | minutes
    rows += [entry for entry in old["rows"] if entry["part"] not in minutes]
    record["rows"] = sorted(rows, key=lambda entry: [*PARTS, "imdb"].index(entry["part"]))
    write_whole(path, (json.dumps(record, indent=1) + "\n").encode())


def _old(path: Path, part: list[str], parts: Collection[str], setting: dict) -> dict:
    """Read the record of which parts are measured again, or refuse if it does not match."""
    unknown = [name for name in part if name not in parts]
    if unknown:
        what = "; imdb needs --imdb" if "imdb" in unknown else ""
        raise typer.BadParameter(f"no part {unknown[0]}: choose from {', '.join(parts)}{what}")
    if not path.exists():
        raise typer.BadParameter(f"no record at {path}: run all parts first")
    old = json.loads(path.read_text())
    if any(old.get(name) != value for name, value in setting.items()):
        raise typer.BadParameter(
            "the record is from another machine, version or list of contenders: run all parts"
        )
    return old


def _setting() -> dict:
    """Seed, versions, machine and contenders of a run."""
    peers = {peer: found for peer in PEERS if (found := version_of(peer))}
    return {
        "seed": 0,
        "versions": {"python": platform.python_version(), "torch": torch.__version__} | peers,
        "machine": machine(),
        "runs_as": RUNS_AS,
    }


if __name__ == "__main__":
    typer.run(main)
