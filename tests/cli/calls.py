"""Calling the commands in tests: options of small runs, and a small copy of IMDB's layout."""

import json
import subprocess
import sys
from pathlib import Path

from safetensors.torch import load_file
from typer.testing import CliRunner

from lstm_tutorial.cli.commands import app

SMALL = ["--embedding-dim", "8", "--hidden-size", "8", "--epochs", "2", "--threads", "1"]


BUILT_IN = ["--corpus", "built-in", *SMALL]


FINISHED = ["run.json", "vocab.json", "weights.safetensors"]


def call(*arguments, **options):
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(word) for word in arguments], **options)


def call_outside(*arguments, **options):
    """Run a command in a process of its own, as a user does."""
    words = [sys.executable, "-m", "lstm_tutorial", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=300, **options)


def assert_one_line(result, *parts):
    """A mistake ends in one line on stderr, and in a status that is not zero."""
    status = result.exit_code if hasattr(result, "exit_code") else result.returncode
    assert status not in (0, None)
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1, result.stderr
    for part in parts:
        assert str(part) in result.stderr, result.stderr


def write_imdb(parent, per_class=20):
    """Write a folder in the layout of IMDB: 20 reviews a class, four to a film."""
    root = parent / "aclImdb"
    for split in ("train", "test"):
        for label, word, rating in (("neg", "awful", 2), ("pos", "lovely", 9)):
            folder = root / split / label
            folder.mkdir(parents=True)
            films = [f"{split[1]}{label}{k // 4}" for k in range(per_class)]
            urls = [f"http://www.imdb.com/title/tt{k // 4:07d}/usercomments" for k in range(20)]
            (root / split / f"urls_{label}.txt").write_text("\n".join(urls) + "\n")
            for k, film in enumerate(films):
                text = f"A {word} film, I say<br />so much for it. word{k // 4}{split} {film}"
                (folder / f"{k}_{rating}.txt").write_text(text, encoding="utf-8")
    return root


def whole_files(folder):
    """Read every file of a run folder but those still being written, to show that none is half."""
    for path in Path(folder).iterdir():
        if path.suffix == ".json":
            json.loads(path.read_text())
        if path.suffix == ".safetensors":
            assert all(value.isfinite().all() for value in load_file(path).values())
