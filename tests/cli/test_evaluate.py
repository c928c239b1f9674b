"""``evaluate``: the numbers of the record, on either part."""

import json

from tests.cli.calls import BUILT_IN, call


def test_evaluate_finds_what_the_record_says(finished):
    folder, stdout = finished
    test = json.loads((folder / "run.json").read_text())["test"]
    line = f"test accuracy {test['accuracy']:.4f}, loss {test['loss']:.4f}, 1000 reviews\n"
    assert stdout.endswith(line)
    assert call("evaluate", folder).stdout == line


def test_evaluate_on_the_validation_part_finds_the_best_epoch(finished):
    folder, _ = finished
    record = json.loads((folder / "run.json").read_text())
    best = record["epochs"][record["best_epoch"] - 1]
    expected = f"validation accuracy {best['validation_accuracy']:.4f}"
    assert call("evaluate", folder, "--split", "validation").stdout.startswith(expected)


def test_a_validation_part_that_was_never_held_out_is_not_measured(small_corpus, tmp_path):
    folder = tmp_path / "run"
    assert call("train", folder, *BUILT_IN, "--validation-fraction", "0").exit_code == 0
    refused = call("evaluate", folder, "--split", "validation")
    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert refused.stderr == (
        "Error: expected a run that held out reviews for validation, got one that trained on all: "
        "choose --split test, or train with --validation-fraction 0.1\n"
    )
    assert call("evaluate", folder, "--split", "test").exit_code == 0
