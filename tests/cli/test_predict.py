"""``predict``: answers in the order of the reviews, and damaged runs and inputs."""

import json
import os
import re
import shlex
import subprocess
import sys
from types import SimpleNamespace

import pytest

from lstm_tutorial.cli import lines as cli
from lstm_tutorial.sentiment.runs import pipeline
from lstm_tutorial.sentiment.runs.settings import Settings
from tests.cli.calls import FINISHED, assert_one_line, call


def test_the_name_of_a_file_is_no_review(tmp_path):
    path = tmp_path / "reviews.txt"
    path.write_text("A fine film.\n", encoding="utf-8")
    assert_one_line(call("predict", path), "got the name of a file", f"--file {path}")
    assert call("predict", "superb").exit_code == 0


def test_predict_prints_label_and_probability(finished):
    folder, _ = finished
    line = call("predict", "--run", folder, "a warm and wonderful film").stdout
    assert re.fullmatch(r"(positive|negative) (0\.[5-9]\d\d|1\.000)\n", line)


def test_predict_answers_stdin_line_by_line_and_in_order(finished):
    folder, _ = finished
    reviews = [
        review.text for review in pipeline.read_part("test", Settings(corpus="built-in"), None)
    ]
    lines = sorted(reviews, key=len)[:3] + sorted(reviews, key=len)[-3:] + reviews[:3]
    alone = [call("predict", "--run", folder, line).stdout for line in lines]
    together = call("predict", "--run", folder, input="\n".join(lines) + "\n").stdout
    assert together == "".join(alone)
    assert len(set(alone)) > 1


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_is_told_what_to_type(monkeypatch, capsys, terminal):
    stdin = SimpleNamespace(buffer=[b"good\n"], isatty=lambda: terminal)
    monkeypatch.setattr("sys.stdin", stdin)
    with cli.open_lines(None, None) as lines:
        assert list(lines) == [b"good\n"]
    assert capsys.readouterr().err.startswith("Type reviews, one per line") == terminal


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"good\n\nbad\n", "line 2"), (b"good\n<br />\n", "line 2"), (b" \n", "line 1")],
)
def test_an_empty_line_is_named_after_the_answers_before_it(finished, data, line):
    result = call("predict", "--run", finished[0], input=data)
    assert_one_line(result, "empty review", line)
    answer = call("predict", "--run", finished[0], "good").stdout
    assert result.stdout == answer * (line == "line 2")


def test_a_line_that_is_not_utf8_is_named_after_the_answers_before_it(finished):
    result = call("predict", "--run", finished[0], input=b"good\nbad\xff\n")
    assert_one_line(result, "UTF-8", "line 2")
    assert result.stdout == call("predict", "--run", finished[0], "good").stdout


def test_a_byte_order_mark_is_no_part_of_the_first_review():
    answer = call("predict", "Terrible.").stdout
    assert call("predict", input=b"\xef\xbb\xbfTerrible.\nTerrible.\n").stdout == 2 * answer


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize(("closed", "name"), [("<&-", "input"), (">&-", "output")])
def test_a_closed_stream_is_one_line(finished, closed, name):
    words = [sys.executable, "-m", "lstm_tutorial", "predict", "--run", str(finished[0])]
    line = f"{shlex.join(words)} {'good' if name == 'output' else ''} {closed}"
    result = subprocess.run(line, shell=True, stderr=subprocess.PIPE, text=True)
    assert_one_line(result, f"standard {name}")


def test_an_empty_input_is_a_mistake(finished):
    assert_one_line(call("predict", "--run", finished[0], input=b""), "got nothing")


def test_an_argument_that_is_not_utf8_is_a_mistake(finished):
    assert_one_line(call("predict", "--run", finished[0], "bad \udcff"), "UTF-8")


@pytest.mark.parametrize("name", ["pooling", "max_length", "batch_size", "keep"])
def test_a_setting_that_is_missing_from_a_run_is_a_mistake(finished, tmp_path, name):
    for file in FINISHED:
        (tmp_path / file).write_bytes((finished[0] / file).read_bytes())
    record = json.loads((tmp_path / "run.json").read_text())
    del record["configuration"][name]
    for configuration in (record["configuration"], None):
        (tmp_path / "run.json").write_text(json.dumps(record | {"configuration": configuration}))
        asked = call("predict", "--run", tmp_path, "good")
        assert_one_line(asked, "run.json is damaged: missing", name)


@pytest.mark.parametrize("name", FINISHED)
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_run_is_a_mistake(finished, tmp_path, name, damage):
    for other in FINISHED:
        data = (finished[0] / other).read_bytes()
        if other != name or damage == "cut":
            (tmp_path / other).write_bytes(data[: len(data) // 2] if other == name else data)
    assert_one_line(call("predict", "--run", tmp_path, "good"), tmp_path / name)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs the device /dev/full (Linux)")
def test_a_full_disk_behind_stdout_is_one_line(finished):
    words = [sys.executable, "-m", "lstm_tutorial", "predict", "--run", str(finished[0]), "good"]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        result = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, env=buffered)
    assert_one_line(result, "No space left on device: standard output")
