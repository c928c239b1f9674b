"""The model that ships: small, at hand without a network, as good as its record says."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from lstm_tutorial.cli.commands import app
from lstm_tutorial.sentiment import load_pretrained, runs
from lstm_tutorial.sentiment.runs import pretrained
from tests.cli.calls import SMALL, assert_one_line, call, write_imdb

FILES = ("run.json", "vocab.json", "weights.safetensors")
CLEAR = {
    "A wonderful film, beautifully acted.": True,
    "Dull, badly written and far too long.": False,
}


def test_it_is_smaller_than_5_megabytes():
    assert sorted(path.name for path in pretrained.SHIPPED.iterdir()) == sorted(FILES)
    assert sum((pretrained.SHIPPED / name).stat().st_size for name in FILES) < 5_000_000


def test_its_record_promises_at_least_88_5_percent():
    record = json.loads((pretrained.SHIPPED / "run.json").read_text())
    assert record["shipped"]["accuracy"] >= 0.885
    assert record["shipped"]["n"] == 25_000


def test_it_tells_good_from_bad():
    run = load_pretrained()
    assert not run.model.training
    assert {p.dtype for p in run.model.parameters()} == {torch.float32}
    found = dict(zip(CLEAR, runs.predict(run, CLEAR), strict=True))
    assert {text: p > 0.5 for text, p in found.items()} == CLEAR


def test_the_command_needs_no_network_and_no_run(tmp_path):
    code = "import socket, runpy, sys; socket.socket.connect = None; sys.argv[1:] = sys.argv[1:];"
    code += "runpy.run_module('lstm_tutorial', run_name='__main__')"
    words = [sys.executable, "-c", code, "predict", "A wonderful film."]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("positive 0.")


def test_its_accuracy_on_fixed_test_reviews_is_the_recorded_one(imdb_archive):
    record = json.loads((pretrained.SHIPPED / "run.json").read_text())
    found = pretrained.sample_accuracy(load_pretrained(), imdb_archive)
    assert found == pytest.approx(record["shipped"]["sample_accuracy"], abs=0.001)


def test_shipping_halves_the_weights_and_measures_what_is_left(tmp_path):
    root = write_imdb(tmp_path)
    assert call("train", tmp_path / "run", "--root", root, *SMALL).exit_code == 0
    result = call("ship", tmp_path / "run", tmp_path / "shipped", "--root", root)
    assert result.exit_code == 0, result.output
    before = load_file(tmp_path / "run" / "weights.safetensors")
    after = load_file(tmp_path / "shipped" / "weights.safetensors")
    assert all(torch.equal(after[name], before[name].half()) for name in before)
    record = json.loads((tmp_path / "shipped" / "run.json").read_text())
    assert record["shipped"].keys() == {"dtype", "loss", "accuracy", "n", "sample_accuracy"}
    assert call("predict", "--run", tmp_path / "shipped", "a good film").exit_code == 0
    for target in (tmp_path / "run", tmp_path / "shipped", tmp_path / "run" / "run.json"):
        again = call("ship", tmp_path / "run", target, "--root", root)
        assert_one_line(again, "expected a new or an empty folder", target)
    assert load_file(tmp_path / "run" / "weights.safetensors").keys() == before.keys()


def test_predictions_are_made_pool_by_pool_and_in_order():
    run, taken = load_pretrained(), []

    def texts():
        for k in range(25):
            taken.append(k)
            yield "good " * (1 + k % 7)

    answers = runs.predict(run, texts(), pool=10)
    first = next(answers)
    assert taken == list(range(10))  # no more than one pool is read ahead
    together = [first, *answers]
    alone = [next(runs.predict(run, ["good " * (1 + k % 7)])) for k in range(7)]
    assert together == pytest.approx([alone[k % 7] for k in range(25)], abs=1e-6)


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_answers_for_programs_name_line_label_and_probability(tmp_path, format):
    file = tmp_path / "reviews.txt"
    file.write_text("\n".join(CLEAR) + "\n")
    result = CliRunner().invoke(app, ["predict", "--file", str(file), "--format", format])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    if format == "csv":
        assert lines[0] == "line,label,probability"
        rows = [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]
    else:
        rows = [json.loads(line) for line in lines]
    assert [(int(row["line"]), row["label"]) for row in rows] == [(1, "positive"), (2, "negative")]
    assert float(rows[0]["probability"]) > 0.5 > float(rows[1]["probability"])


def test_a_review_and_a_file_at_once_are_refused(tmp_path):
    result = call("predict", "good", "--file", tmp_path / "reviews.txt")
    assert_one_line(result, "got both")


def test_a_missing_file_is_named(tmp_path):
    assert_one_line(call("predict", "--file", tmp_path / "none.txt"), tmp_path / "none.txt")
