"""Run folders: what belongs into one, who may write into it, and in which order.

While a run goes on, its folder holds ``started.json`` (the settings), ``vocab.json`` and, from the
first epoch on, ``checkpoint.safetensors``. In the end it holds ``weights.safetensors``,
``vocab.json`` and ``run.json``, which is written last: a folder with a ``run.json`` is finished.
"""

import json
from pathlib import Path
from typing import Any

from torchtext.vocab import Vocab

from lstm_tutorial._files import PART, write_whole
from lstm_tutorial.sentiment.data.text import save_vocab
from lstm_tutorial.sentiment.runs.records import KEYS
from lstm_tutorial.sentiment.runs.settings import Settings

RECORD, STARTED, VOCAB = "run.json", "started.json", "vocab.json"
WEIGHTS, CHECKPOINT = "weights.safetensors", "checkpoint.safetensors"
FILES = {RECORD, STARTED, VOCAB, WEIGHTS, CHECKPOINT}

Record = dict[str, Any]  # the content of run.json, with the keys KEYS


def load_record(folder: Path) -> Record:
    """Read what a finished run left about itself.

    Args:
        folder: filled by ``train``.

    Returns:
        The content of ``run.json``.

    Raises:
        ValueError: if the folder holds no finished run.
    """
    if not folder.exists():
        raise ValueError(f"{folder} does not exist: train a run into it first")
    if not folder.is_dir():
        raise ValueError(f"expected the folder of a run, got the file {folder}")
    if (folder / STARTED).exists() and not (folder / RECORD).exists():
        raise ValueError(f"{folder} holds an unfinished run: finish it with train --resume")
    if not (folder / RECORD).exists():
        raise ValueError(f"{folder / RECORD} is missing: {folder} holds no run")
    record = read_json(folder / RECORD)
    missing = [key for key in KEYS if key not in record]
    if missing:
        raise ValueError(f"{folder / RECORD} is no record of a run: it lacks {', '.join(missing)}")
    return record


def is_finished(folder: Path, settings: Settings, resume: bool) -> bool:
    """Check that a folder is free for a run, or holds the run that is to go on.

    Args:
        folder: may be missing.
        settings: of the run.
        resume: whether the folder may hold the run already.

    Returns:
        True where the run is there and needs nothing more.

    Raises:
        ValueError: if the folder holds something else, or other settings.
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
        raise ValueError(f"{folder} is not empty and holds no run: name another folder")
    if not resume:
        raise ValueError(f"{folder} holds {state} run: name another folder, or add --resume")
    _check_same(folder, before, settings)
    return RECORD in found


def start(folder: Path, settings: Settings, vocab: Vocab) -> None:
    """Make the folder, if need be, and claim it for a run.

    Args:
        folder: free for the run, as ``is_finished`` checks.
        settings: of the run.
        vocab: of the run.

    Raises:
        OSError: if a file cannot be written. A folder made for nothing is removed again.
    """
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
    """Remove what a finished run no longer needs.

    Args:
        folder: of a finished run.
    """
    for name in (CHECKPOINT, STARTED, *(name + PART for name in FILES)):
        (folder / name).unlink(missing_ok=True)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a dict as JSON, whole or not at all.

    Args:
        path: replaced if it exists.
        value: holds what JSON can hold; NaN is not among it.

    Raises:
        OSError: if the file cannot be written.
    """
    write_whole(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a dict from JSON.

    Args:
        path: written by ``write_json``.

    Returns:
        Its content.

    Raises:
        ValueError: if the file is missing, damaged, or holds something else.
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
        raise ValueError(f"{path} is no file of a run: it holds no JSON object")
    return value


def _check_same(folder: Path, before: dict[str, Any], settings: Settings) -> None:
    now = {**settings.configuration(), "seed": settings.seed}
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    changes = [f"{name} was {before.get(name)}, is {now.get(name)}" for name in names]
    if changes:
        raise ValueError(f"{folder} holds a run with other settings: {'; '.join(changes)}")
