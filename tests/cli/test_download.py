"""``download``: where IMDB is, and a download that fails."""

from lstm_tutorial.sentiment.data import imdb
from tests.cli.calls import assert_one_line, call, write_imdb


def test_download_names_the_folder(tmp_path):
    root = write_imdb(tmp_path)  # as if downloaded before
    assert call("download", "--cache", tmp_path).stdout == f"{root}\n"


def test_a_failing_download_is_one_line(tmp_path, monkeypatch):
    def fail(cache):
        raise OSError("could not download https://example.org/a.tar.gz:\n  refused")

    monkeypatch.setattr(imdb, "download", fail)
    assert_one_line(call("download", "--cache", tmp_path), "could not download", "refused")
