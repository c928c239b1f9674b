"""All commands: their help, and what a mistake and a bug look like."""

import subprocess
import sys

import pytest

from lstm_tutorial.sentiment.runs import pipeline
from tests.cli.calls import assert_one_line, call, call_outside


def test_help_lists_the_commands():
    result = call("--help")
    assert result.exit_code == 0
    assert all(name in result.output for name in ("download", "train", "evaluate", "predict"))


def test_importing_the_command_line_leaves_the_heavy_modules_alone():
    script = "import sys, lstm_tutorial.__main__; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    heavy = {"torchtext", "matplotlib", "sklearn", "pooch", "safetensors"}
    assert heavy.isdisjoint(found.stdout.split())


def test_lines_of_an_error_become_sentences_of_one_line():
    result = call("describe", 128, 256, "--input", "10,32,64")
    assert_one_line(result, "Expected 128, got 64. To fix it: the last axis")


def test_a_mistake_outside_has_no_traceback(tmp_path):
    result = call_outside("evaluate", tmp_path / "nowhere")
    assert_one_line(result, "does not exist")
    assert result.stdout == ""


def test_debug_shows_where_a_mistake_was_found(tmp_path):
    told = call("evaluate", tmp_path / "none").stderr
    result = call("--debug", "evaluate", tmp_path / "none")
    assert result.exit_code == 1
    assert result.stderr.startswith("Traceback")
    assert "in load_record\n" in result.stderr
    assert result.stderr.endswith(told)


def test_a_bug_keeps_its_traceback(finished, monkeypatch):
    def bug(*args):
        raise KeyError("a bug")

    monkeypatch.setattr(pipeline, "make_loader", bug)
    assert isinstance(call("evaluate", finished[0]).exception, KeyError)


@pytest.mark.parametrize("command", ["evaluate", "predict"])
@pytest.mark.parametrize("kind", ["missing", "empty", "file", "foreign", "no json", "missing keys"])
def test_a_foreign_run_folder_is_a_mistake(tmp_path, command, kind):
    folder = tmp_path / "run"
    if kind not in ("missing", "file"):
        folder.mkdir()
    if kind == "file":
        folder.write_text("not a folder")
    if kind == "foreign":
        (folder / "thesis.txt").write_text("years of work")
    if kind == "no json":
        (folder / "run.json").write_text('{"command": ')
    if kind == "missing keys":
        (folder / "run.json").write_text('{"command": "make"}')
    words = ["evaluate", folder] if command == "evaluate" else ["predict", "--run", folder, "good"]
    assert_one_line(call(*words), folder)
