"""The accuracies of the committed records are on the pages that read them."""

import json
import math
from pathlib import Path

import pytest

from lstm_tutorial.cli.records import committed_records
from tools.records import check_figures, main

ROOT = Path(__file__).resolve().parents[2]


def test_every_committed_accuracy_is_shown(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main() == 0
    shown = capsys.readouterr().out
    assert all(str(path) in shown for path in committed_records())
    assert shown.count(" shown in ") == len([*ROOT.glob("book/records/*.json"), "shipped"])


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A book of one page, which reads two runs and prints the accuracy of each."""
    records, page = tmp_path / "book" / "records", tmp_path / "book" / "page.ipynb"
    records.mkdir(parents=True)
    for seed, accuracy in enumerate((0.9142, 0.9256)):
        (records / f"run-{seed}.json").write_text(json.dumps({"test": {"accuracy": accuracy}}))
    source = 'load(f"records/run-{seed}.json")'

    def show(text: str, source: str = source) -> Path:
        cell = {"cell_type": "code", "source": [source], "outputs": [{"text": [text]}]}
        page.write_text(json.dumps({"cells": [cell]}))
        return records / "run-1.json"

    monkeypatch.chdir(tmp_path)
    return show


@pytest.mark.parametrize("text", ["92.56%", "seed 1: 92.6", "mean 91.99", "mean 92.0"])
def test_a_page_that_shows_a_run_or_the_mean_of_its_seeds_passes(checkout, text):
    assert check_figures(checkout(text)) == "1 shown in page.ipynb"


@pytest.mark.parametrize("text", ["92.5", "92.57", "192.56", "9256", ""])
def test_a_page_that_shows_another_number_is_named(checkout, text):
    with pytest.raises(ValueError, match=r"page\.ipynb does not show the accuracy of the run"):
        check_figures(checkout(text))


def test_a_record_that_no_page_reads_is_named(checkout):
    with pytest.raises(ValueError, match="no page of the book reads"):
        check_figures(checkout("92.56", source="pass"))


TASKS = "python -m lstm_tutorial.tasks."
CHOICE = {
    "command": TASKS + "choice",
    "results": [
        {"units": 1, "validation_mase": [9.0]},
        {"units": 2, "validation_mase": [1.2, 1.4]},
    ],
    "chosen": {"units": 2},
}
BRIDGES = {
    "command": TASKS + "bridges",
    "results": [{"bridge": "joined", "attention": True, "in_a_batch": [0.99, 0.97]}],
}


@pytest.mark.parametrize(("record", "text"), [(CHOICE, "**1.30**"), (BRIDGES, "| 98.0% |")])
def test_a_page_shows_what_a_record_of_a_task_measured(checkout, record, text):
    path = checkout(text)
    path.write_text(json.dumps(record))
    assert check_figures(path) == "1 shown in page.ipynb"
    checkout("9.00 and 97.0")
    with pytest.raises(ValueError, match=r"does not show the accuracy of (the chosen|joined)"):
        check_figures(path)


def test_a_page_shows_how_a_run_that_left_the_test_part_unread_did_on_the_validation_part(checkout):
    path = checkout("| 88.9% | 89.2% |")
    epochs = [{"validation_accuracy": accuracy} for accuracy in (0.8891, 0.8922, 0.8907)]
    path.write_text(json.dumps({"epochs": epochs, "test": None}))
    assert check_figures(path) == "1 shown in page.ipynb"
    checkout("88.9 and 89.1")
    with pytest.raises(ValueError, match="does not show the accuracy of the best epoch"):
        check_figures(path)


def test_a_page_shows_every_variant_of_the_study_of_labels_whatever_its_epochs(checkout):
    path = checkout("| 75.1% | 88.2% |")
    results = [
        {
            "name": f"{epochs} epochs",
            "validation_accuracies": [0.5] * epochs,
            "test_accuracy": score,
        }
        for epochs, score in ((10, 0.751), (2, 0.882))
    ]
    record = {"base": {"epochs": 2}, "results": results}
    path.write_text(json.dumps(record | {"init": {}}))
    path.with_name("run-0.json").unlink()
    assert check_figures(path) == "2 shown in page.ipynb"
    checkout("88.2")
    path.write_text(json.dumps(record))
    assert check_figures(path) == "1 shown in page.ipynb"
    path.write_text(json.dumps(record | {"init": {}}))
    with pytest.raises(ValueError, match="does not show the accuracy of 10 epochs"):
        check_figures(path)


PROBED = {"perplexities": {"LSTM": 93.65}, "unit": {"unit": 309, "accuracy": 0.6811}}
READ = {"epochs": [{"validation_losses": [math.log(93.65), math.log(68.1)]}]}


@pytest.mark.parametrize("record", [PROBED, READ])
def test_a_page_shows_what_a_record_of_a_language_model_measured(checkout, record):
    path = checkout("| LSTM | 93.65 | and 68.1%")
    path.write_text(json.dumps(record))
    assert check_figures(path) == "2 shown in page.ipynb"
    checkout("93.64 and 68.1")
    with pytest.raises(ValueError, match=r"does not show the accuracy of (LSTM|direction 0)"):
        check_figures(path)
