"""Run folders: which files one contains, who writes them, and in what order.

During a run, its folder contains ``started.json`` (the settings), ``vocab.json`` and, from the
first epoch on, ``checkpoint.safetensors``. At the end it contains ``weights.safetensors``,
``vocab.json`` and ``run.json``, which is written last: a folder with a ``run.json`` is finished.
"""

import json
from pathlib import Path
from typing import Any

from torchtext.vocab import Vocab

from lstm_tutorial._files import PART, write_whole
from lstm_tutorial.sentiment.data.text import save_vocab
from lstm_tutorial.sentiment.runs.pretraining_settings import PretrainingSettings
from lstm_tutorial.sentiment.runs.records import KEYS
from lstm_tutorial.sentiment.runs.settings import Settings

RECORD, STARTED, VOCAB = "run.json", "started.json", "vocab.json"
WEIGHTS, CHECKPOINT = "weights.safetensors", "checkpoint.safetensors"
FILES = {RECORD, STARTED, VOCAB, WEIGHTS, CHECKPOINT}

Record = dict[str, Any]  # the content of run.json, with the keys KEYS


def load_record(folder: Path) -> Record:
    """Read a finished run's ``run.json``; raises ``ValueError`` where there is none."""
    if not folder.exists():
        raise ValueError(f"{folder} does not exist: train a run into it first")
    if not folder.is_dir():
        raise ValueError(f"expected the folder of a run, got the file {folder}")
    if (folder / STARTED).exists() and not (folder / RECORD).exists():
        raise ValueError(f"{folder} contains an unfinished run: finish it with train --resume")
    if not (folder / RECORD).exists():
        raise ValueError(f"{folder / RECORD} is missing: {folder} does not contain a run")
    record = read_json(folder / RECORD)
    missing = [key for key in KEYS if key not in record]
    if missing:
        raise ValueError(f"{folder / RECORD} is not a run record: missing {', '.join(missing)}")
    return record


def is_finished(folder: Path, settings: Settings | PretrainingSettings, resume: bool) -> bool:
    """Check that a folder is free for a run, or contains the same run, to be resumed.

    Returns:
        True if the run is there and finished.

    Raises:
        ValueError: if the folder contains something else, or a run with other settings.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: name a folder for the run")
    found = {path.name for path in folder.glob("*")} if folder.exists() else set()
    found -= {name + PART for name in FILES}
    if not found:
        return False
    if RECORD in found:
        record, state = load_record(folder), "a finished"
        before = {**record["configuration"], "seed": record["seed"]}
    elif STARTED in found:
        before, state = read_json(folder / STARTED), "an unfinished"
    else:
        raise ValueError(f"{folder} is not empty and does not contain a run: name another folder")
    if not resume:
        raise ValueError(f"{folder} contains {state} run: name another folder, or add --resume")
    _check_same(folder, before, settings)
    return RECORD in found


def start(folder: Path, settings: Settings | PretrainingSettings, vocab: Vocab) -> None:
    """Claim a folder for a run; one that was created in vain is removed again."""
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        write_json(folder / STARTED, {**settings.configuration(), "seed": settings.seed})
    except OSError:
        if is_new:
            folder.rmdir()
        raise
    save_vocab(vocab, folder / VOCAB)


def tidy(folder: Path) -> None:
    """Remove the files that a finished run no longer needs."""
    for name in (CHECKPOINT, STARTED, *(name + PART for name in FILES)):
        (folder / name).unlink(missing_ok=True)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a dict as JSON, atomically; NaN is refused."""
    write_whole(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a dict from JSON.

    Raises:
        ValueError: if the file is missing or damaged, or does not contain a JSON object.
    """
    if path.is_dir():
        raise ValueError(f"expected a JSON file, got the folder {path}: name a file in it")
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} is not a run's file: expected a JSON object")
    return value


def _check_same(
    folder: Path, before: dict[str, Any], settings: Settings | PretrainingSettings
) -> None:
    now = {**settings.configuration(), "seed": settings.seed}
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    changes = [f"{name} was {before.get(name)}, is {now.get(name)}" for name in names]
    if changes:
        raise ValueError(f"{folder} contains a run with other settings: {'; '.join(changes)}")
