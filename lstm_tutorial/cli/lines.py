"""Helpers for the commands: one-line errors, option handling, reading and printing text."""

import codecs
import contextlib
import errno
import io
import json
import logging
import os
import re
import shlex
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import typer
from typer.core import TyperGroup

from lstm_tutorial.sentiment.runs.presets import PRESETS
from lstm_tutorial.sentiment.runs.pretraining_settings import PretrainingSettings
from lstm_tutorial.sentiment.runs.settings import Settings

Kind = TypeVar("Kind", Settings, PretrainingSettings)
MISTAKES = (OSError, ValueError, ArithmeticError, RuntimeError, MemoryError)


class OneLineErrors(TyperGroup):
    """End with one line on stderr and a non-zero status if a command fails."""

    def main(self, *args: Any, standalone_mode: bool = True, **kwargs: Any) -> Any:
        """Run the command line; with standalone_mode, end the process, else raise errors."""
        kwargs["standalone_mode"] = False
        if not standalone_mode:
            return super().main(*args, **kwargs)
        try:
            if sys.stdout is None:  # closed before Python began
                raise OSError(errno.EBADF, os.strerror(errno.EBADF), "standard output")
            status = super().main(*args, **kwargs)
            _flush_stdout()
        except Exception as error:
            print(f"Error: {_one_line(error)}", file=sys.stderr)
            status = getattr(error, "exit_code", 1)
        sys.exit(status if isinstance(status, int) else 0)

    def invoke(self, context: typer.Context) -> Any:  # type: ignore[override]  # it gets these
        """Run a command; with ``--debug``, print an error's traceback before the one line."""
        try:
            return super().invoke(context)
        except MISTAKES:
            if context.params["debug"]:
                traceback.print_exc()
            raise


def _one_line(error: Exception) -> str:
    """Describe an error in one line, or raise it again if it is not the user's."""
    if isinstance(error, OSError) and error.strerror:
        name = f": {error.filename}" if error.filename is not None else ""
        return error.strerror + name
    if hasattr(error, "format_message"):  # a wrong option or argument
        return " ".join(error.format_message().split()) + " Try --help."
    if isinstance(error, MISTAKES):
        return " ".join(re.sub(r"([^.:;,])\n", r"\1. ", str(error)).split())
    raise error


def _flush_stdout() -> None:
    """Flush standard output while a full disk or a closed pipe can still be reported."""
    try:
        sys.stdout.flush()
    except OSError as error:
        sys.stdout = io.StringIO()  # Python flushes again when it ends
        raise OSError(error.errno, error.strerror, "standard output") from error


def settings_of(context: typer.Context, kind: type[Kind]) -> Kind:
    """Collect the options of ``train`` or ``pretrain`` that affect a run's result."""
    given = {name: context.params[name] for name in kind.options()}
    if given.get("init"):
        given["init"] = Path(given["init"]).resolve().name
    return kind(**given)


def use_preset(context: typer.Context, name: str | None) -> str | None:
    """Take the defaults of the other options from a preset, before they are read."""
    if name is not None:
        if name not in PRESETS:
            raise typer.BadParameter(f"expected one of {', '.join(PRESETS)}, got {name!r}.")
        context.default_map = {**(context.default_map or {}), **PRESETS[name]}
    return name


def command_to_repeat(context: typer.Context) -> str:
    """Return the command that repeats a run, without paths of this machine.

    It contains all options that differ from their defaults except ``--resume``; the location of the
    reviews is the environment variable ``IMDB_ARCHIVE``.
    """
    folder = Path(context.params["run_dir"]).resolve()
    processes = os.environ.get("WORLD_SIZE")  # set by torchrun
    program = f"torchrun --nproc_per_node {processes}" if processes else "python"
    words = [f"{program} -m lstm_tutorial {context.command.name}", shlex.quote(folder.name)]
    for option in context.command.params:
        name = option.name or ""
        value = context.params.get(name)
        if name in ("run_dir", "preset", "resume", "help") or value == option.default:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if name == "init":
            value = Path(str(value)).resolve().name
        if name != "no_test":
            words.append('"$IMDB_ARCHIVE"' if name == "root" else shlex.quote(str(value)))
    return " ".join(words)


@contextlib.contextmanager
def open_lines(text: str | None, file: Path | None) -> Iterator[Iterable[bytes]]:
    """Open a text, a file with one review per line, or else stdin."""
    if text is not None:
        yield [os.fsencode(text)]
    elif file is not None:
        with open(file, "rb") as lines:
            yield lines
    else:
        if sys.stdin is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), "standard input")
        if sys.stdin.isatty():
            end = "Ctrl-Z and Enter" if sys.platform == "win32" else "Ctrl-D"
            print(f"Type reviews, one per line, then {end}.", file=sys.stderr)
        yield sys.stdin.buffer


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings of torch's exporter, on packages that nothing here needs, from the terminal."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def decode(lines: Iterable[bytes]) -> Iterator[str]:
    """Decode lines without their ends and a leading byte-order mark.

    Raises:
        ValueError: if there are none, or one is not UTF-8.
    """
    k = 0
    for k, line in enumerate(lines, start=1):
        try:
            yield (line.removeprefix(codecs.BOM_UTF8) if k == 1 else line).decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise ValueError(f"expected UTF-8, got {error.reason} in line {k}") from error
    if k == 0:
        raise ValueError("expected reviews, one per line, got nothing")


def answers(probabilities: Iterable[float], format: str) -> Iterator[str]:
    """Format probabilities, one per line.

    Args:
        probabilities: that each review is positive.
        format: ``"text"``, label and the label's probability; ``"csv"``, with a header, or
            ``"jsonl"``: line, label, and the probability that the review is positive.
    """
    if format == "csv":
        yield "line,label,probability"
    for line, probability in enumerate(probabilities, start=1):
        label = "positive" if probability > 0.5 else "negative"
        if format == "csv":
            yield f"{line},{label},{probability:.6f}"
        elif format == "jsonl":
            answer = {"line": line, "label": label, "probability": round(probability, 6)}
            yield json.dumps(answer)
        else:
            yield f"{label} {max(probability, 1 - probability):.3f}"
