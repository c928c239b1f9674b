"""A small built-in corpus, and a finished run on the whole one."""

import pytest

from lstm_tutorial.sentiment.runs import pipeline
from tests.cli.calls import BUILT_IN, call


@pytest.fixture
def small_corpus(monkeypatch):
    monkeypatch.setattr(pipeline, "BUILT_IN_SIZES", {"train": 200, "test": 60})


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished run on the built-in corpus, and what the command printed."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    result = call("train", folder, *BUILT_IN)
    assert result.exit_code == 0, result.output
    return folder, result.stdout
