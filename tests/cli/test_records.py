"""The committed records of training runs: complete, repeatable as they say, and good enough."""

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from lstm_tutorial.cli.commands import app
from lstm_tutorial.sentiment.runs.records import KEYS, in_lines
from tests.cli.calls import assert_one_line, call

ROOT = Path(__file__).resolve().parents[2]


def load(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


RECORDS = {path.stem: load(path) for path in sorted((ROOT / "book" / "records").glob("*.json"))}
TASKS = {name for name, r in RECORDS.items() if ".tasks." in r["command"]}
REVIEWS = {name: r for name, r in RECORDS.items() if name not in TASKS}
RUNS = {name: r for name, r in REVIEWS.items() if r["command"].split()[3] == "train"}


@pytest.fixture(params=RUNS)
def record(request) -> dict:
    return RUNS[request.param]


def test_the_records_that_chapters_read_are_there():
    assert {"imdb-max", "imdb-final-states"} <= set(RUNS)
    assert {"ablation-0", "ablation-1", "ablation-2", "analysis"} <= set(RECORDS) - set(RUNS)


def test_record_is_complete(record):
    assert set(KEYS) <= set(record)
    if "--no-test" in record["command"]:  # it helped to choose
        assert record["data"]["test"] is record["test"] is None
        assert record["data"]["validation"] > 0
    else:
        assert record["data"]["test"] == record["test"]["n"] == 25_000
    assert record["data"]["train"] + record["data"]["validation"] == 25_000


def test_recorded_command_parses_to_the_recorded_configuration(record):
    words = shlex.split(record["command"])
    assert words[:4] == ["python", "-m", "lstm_tutorial", "train"]
    train = get_command(app).commands["train"]
    given = train.make_context("train", words[4:]).params
    assert {k: given[k] for k in record["configuration"]} == record["configuration"]
    assert given["seed"] == record["seed"]


def test_best_epoch_is_the_best_on_the_validation_part(record):
    if record["data"]["validation"] == 0:  # every review is for training
        assert record["best_epoch"] == len(record["epochs"])
        return
    accuracies = [epoch["validation_accuracy"] for epoch in record["epochs"]]
    assert record["best_epoch"] == 1 + accuracies.index(max(accuracies))


def test_the_runs_of_the_first_chapter_take_less_than_12_minutes():
    assert max(run["seconds"] for name, run in RUNS.items() if "imdb" in name) < 12 * 60


@pytest.mark.parametrize("name", RECORDS)
def test_record_holds_no_private_path(name):
    command = RECORDS[name]["command"]
    assert ("$IMDB_ARCHIVE" in command) == (name in REVIEWS)
    assert "/" not in command.replace("$IMDB_ARCHIVE", "")


def test_better_run_passes_88_and_a_half_percent():
    scores = [run["test"]["accuracy"] for name, run in RUNS.items() if "imdb" in name]
    assert max(scores) >= 0.885


@pytest.mark.parametrize("name", REVIEWS)
def test_a_command_in_lines_is_the_same_command(name):
    command = RECORDS[name]["command"]
    as_one = in_lines(command).replace("\\\n", "")  # as a shell does, and shlex doesn't
    assert shlex.split(as_one) == shlex.split(command)
    lines = in_lines(command, width=40).splitlines()
    pairs = re.findall(r"--\S+ (?!--)\S+", command)
    assert len(lines) > 1
    assert [pair for pair in pairs if not any(pair in line for line in lines)] == []


@pytest.mark.parametrize("name", RECORDS)
def test_records_were_made_with_the_pinned_torch(name):
    pinned = (ROOT / "requirements.txt").read_text()
    assert f"torch=={RECORDS[name]['versions']['torch'].split('+')[0]}\n" in pinned


def test_every_confident_error_is_described_in_its_order():
    described = load(ROOT / "book" / "confident-errors.json")
    errors = RECORDS["analysis"]["classifiers"]["shipped"]["confident errors"]
    assert list(described) == [error["id"] for error in errors]
    assert all(set(entry) == {"kind", "description"} for entry in described.values())
    sides = [(error["probability"] > 0.5, "/neg/" in error["id"]) for error in errors]
    assert all(is_positive == is_negative for is_positive, is_negative in sides)


def test_records_tells_a_folder_and_a_missing_file_from_a_record(finished, tmp_path):
    assert_one_line(call("records", finished[0]), "expected a JSON file, got the folder")
    assert_one_line(call("records", tmp_path / "none.json"), "none.json is missing")
    for command, words in ((3, "its command is not text"), ("python -m lstm_tutorial 'x", "x")):
        (tmp_path / "a.json").write_text(
            json.dumps({"command": command, "versions": {}, "machine": {}})
        )
        assert_one_line(call("records", tmp_path / "a.json"), "a.json", words)


def test_committed_records_are_whole_and_their_commands_still_mean_the_same(monkeypatch):
    monkeypatch.chdir(ROOT)
    result = call("records")
    assert result.exit_code == 0, result.stderr
    listed = [*ROOT.glob("book/records/*.json"), "shipped"]
    assert result.stdout.count("json: python -m lstm_tutorial") == len(listed)
    assert result.stdout.count("json: python -m lstm_tutorial.tasks.") == len(TASKS) > 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda record: record.pop("epochs"), "missing epochs"),
        (lambda record: record["configuration"].update(lr=1.0), "does not ask for its lr"),
        (
            lambda record: record.update(command=record["command"] + " --ngrams 2"),
            "does not ask for its ngrams",
        ),
        (lambda record: record["configuration"].update(wings=2), "r.json: unknown settings: wings"),
        (
            lambda record: record.update(command="python -m lstm_tutorial fly"),
            "is no longer a valid command",
        ),
        (lambda record: record.update(command="make it"), "a command of this project"),
        (lambda record: record.pop("machine"), "missing machine"),
    ],
)
def test_a_record_that_no_longer_holds_is_reported(tmp_path, change, says):
    record = json.loads((ROOT / "book/records/imdb-max.json").read_text())
    change(record)
    (tmp_path / "r.json").write_text(json.dumps(record))
    assert_one_line(call("records", tmp_path / "r.json"), says)


def test_a_language_models_record_that_no_longer_holds_is_reported(tmp_path):
    record = load(ROOT / "book/records/language-model.json")
    path = tmp_path / "r.json"
    for changed, says in (
        (record | {"configuration": record["configuration"] | {"lr": 1.0}}, "ask for its lr"),
        ({k: v for k, v in record.items() if k != "epochs"}, "missing epochs"),
    ):
        path.write_text(json.dumps(changed))
        assert_one_line(call("records", path), says)
