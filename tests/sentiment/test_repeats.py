"""How far repeats differ, and the comparison of a run with the record that it repeats."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from lstm_tutorial.sentiment.runs.repeats import compare_with_record, read_repeats, repeat_band
from tests.cli.calls import assert_one_line, call

RECORDS = Path(__file__).parents[2] / "book" / "records"
TINY = json.loads((RECORDS / "tiny-32.json").read_text(encoding="utf-8"))


def with_accuracy(accuracy):
    record = copy.deepcopy(TINY)
    record["test"]["accuracy"] = accuracy
    return record


def test_nineteen_of_twenty_pairs_of_runs_lie_within_the_band():
    draw = np.random.default_rng(0).normal(0.88, 0.004, size=(4000, 10))
    within = [
        abs(row[-2] - row[-1]) <= repeat_band([with_accuracy(a) for a in row[:-2]]) for row in draw
    ]
    assert abs(np.mean(within) - 0.95) < 0.015


def test_two_repeats_are_too_few():
    with pytest.raises(ValueError, match="expected at least 3 repeats, got 2"):
        repeat_band([TINY, TINY])


def test_committed_repeats_have_one_record_s_settings_and_differ_in_what_repeats_may():
    repeats = read_repeats(RECORDS)
    configurations = {json.dumps(record["configuration"], sort_keys=True) for record in repeats}
    assert len(configurations) == 1
    assert repeats[0]["configuration"].items() >= TINY["configuration"].items()
    assert len({record["seed"] for record in repeats}) >= 5
    for what in ("threads", "kernels"):
        assert len({record["machine"][what] for record in repeats}) >= 2
    assert abs(TINY["test"]["accuracy"] - repeats[0]["test"]["accuracy"]) < repeat_band(repeats)


@pytest.mark.parametrize(("accuracy", "passes"), [(0.885, True), (0.893, True), (0.87, False)])
def test_a_repeat_is_compared_with_its_record(accuracy, passes):
    committed = {"other": {"base": {}}, "tiny": TINY}
    if passes:
        told = compare_with_record(with_accuracy(accuracy), committed, 0.01)
        assert (
            told
            == f"{100 * accuracy:.2f}% here, 88.96% in tiny: repeats differ by up to 1.00 points"
        )
    else:
        with pytest.raises(
            ValueError, match=r"within 1\.00 points of the record's, got 87\.00% here"
        ):
            compare_with_record(with_accuracy(accuracy), committed, 0.01)


def test_a_run_with_other_settings_repeats_nothing():
    other = with_accuracy(0.5)
    other["configuration"]["hidden_size"] = 33
    assert compare_with_record(other, {"tiny": TINY}, 0.01) == "repeats no committed record"
    assert compare_with_record(TINY | {"test": None}, {"tiny": TINY}, 0.01).startswith("repeats no")


def test_the_command_says_whether_a_repeat_is_near_its_record(tmp_path, monkeypatch):
    monkeypatch.chdir(RECORDS.parents[1])
    path = tmp_path / "run.json"
    path.write_text(json.dumps(with_accuracy(0.8896)))
    assert "88.96% here, 88.96% in book/records/tiny-32.json" in call("records", path).stdout
    path.write_text(json.dumps(with_accuracy(0.80)))
    assert_one_line(call("records", path), "got 80.00% here")
