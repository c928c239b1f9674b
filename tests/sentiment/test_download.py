"""The downloader, against a loopback server: the whole archive, or nothing and a clear error."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lstm_tutorial.sentiment.data.imdb import cache_dir, download, load
from tests.sentiment.tiny_imdb import FILES, make_archive

# Random enough not to compress, so that the archive comes in more than one piece.
BULK = b"".join(hashlib.sha256(b"%d" % k).hexdigest().encode() for k in range(8_000))
RIGHT = make_archive(FILES | {"README": BULK})
EVIL = make_archive(extra=[("../evil", b"gotcha"), ("aclImdb/../../evil", b"gotcha")])
NAME = "reviews.tar.gz"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves ``body`` as it is told to, and counts the requests."""

    daemon_threads = True
    body, claimed, status = RIGHT, None, 200
    stalls_after = None  # bytes, then silence until the test is over
    requests = 0

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.stalled, self.over = threading.Event(), threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/{NAME}"

    def serve(self, body: bytes, claimed: int | None = None, status: int = 200) -> None:
        self.body, self.claimed, self.status = body, claimed, status


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests += 1
        self.send_response(server.status)
        self.send_header("Content-Length", str(server.claimed or len(server.body)))
        self.end_headers()
        self.wfile.write(server.body[: server.stalls_after])
        if server.stalls_after is not None:
            self.wfile.flush()
            server.stalled.set()
            server.over.wait(60)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.over.set()
        server.shutdown()


def check_right_download(server: Server, cache: Path) -> None:
    """A download of the right archive succeeds, whatever the cache has been through."""
    server.serve(RIGHT)
    server.stalls_after = None
    folder = download(cache, server.url, sha256(RIGHT))
    assert folder == cache / "aclImdb"
    assert (folder / "README").read_bytes() == BULK
    assert [review.rating for review in load("train", folder)] == [3, 1, 9, 10, 7]


def test_right_archive_is_unpacked_once_and_nothing_else_is_left(server, tmp_path):
    cache = tmp_path / "not" / "there yet"
    check_right_download(server, cache)
    assert [path.name for path in cache.iterdir()] == ["aclImdb"]
    check_right_download(server, cache)
    assert server.requests == 1


HALF = len(RIGHT) // 2
FAILURES = {  # body, claimed length, status, expected checksum, error, message
    "truncated": (RIGHT[:HALF], None, 200, sha256(RIGHT), ValueError, "not the expected archive"),
    "other": (make_archive(), None, 200, sha256(RIGHT), ValueError, "not the expected archive"),
    "404": (b"gone", None, 404, sha256(RIGHT), OSError, "could not download .* 404"),
    "cut": (RIGHT[:HALF], len(RIGHT), 200, sha256(RIGHT), OSError, "could not download .*"),
    "evil": (EVIL, None, 200, sha256(EVIL), ValueError, r"not a safe archive: .* '\.\./evil'"),
    "broken": (RIGHT[:HALF], None, 200, sha256(RIGHT[:HALF]), ValueError, "a damaged archive"),
    "no tar": (b"hello", None, 200, sha256(b"hello"), ValueError, "a damaged archive"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failed_download_is_clear_and_leaves_nothing_behind(name, server, tmp_path):
    body, claimed, status, expected, error, message = FAILURES[name]
    cache = tmp_path / "cache"
    server.serve(body, claimed, status)
    with pytest.raises(error, match=message) as raised:
        download(cache, server.url, expected)
    assert NAME in str(raised.value)
    assert list(cache.iterdir()) == []
    assert list(tmp_path.iterdir()) == [cache]  # no ../evil
    check_right_download(server, cache)


def test_archive_without_the_folder_is_refused(server, tmp_path):
    other = make_archive({}, extra=[("other/train/pos/0_9.txt", b"A text.")])
    server.serve(other)
    with pytest.raises(ValueError, match=f"expected a folder aclImdb in {NAME}, found none"):
        download(tmp_path, server.url, sha256(other))
    assert list(tmp_path.iterdir()) == []
    check_right_download(server, tmp_path)


def test_nobody_listening_is_one_clear_error(tmp_path):
    with pytest.raises(OSError, match="could not download http://127"):
        download(tmp_path, f"http://127.0.0.1:9/{NAME}", sha256(RIGHT))
    assert list(tmp_path.iterdir()) == []


def test_cache_folder_is_the_one_the_environment_names(server, tmp_path, monkeypatch):
    monkeypatch.setenv("LSTM_TUTORIAL_CACHE", str(tmp_path / "mine"))
    assert cache_dir() == tmp_path / "mine"
    assert download(None, server.url, sha256(RIGHT)) == tmp_path / "mine" / "aclImdb"
    monkeypatch.setenv("LSTM_TUTORIAL_CACHE", "")
    assert "lstm-tutorial" in cache_dir().parts


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_download_starts_again(server, tmp_path):
    server.stalls_after = HALF
    code = "import sys; from lstm_tutorial.sentiment.data import imdb; imdb.download(*sys.argv[1:])"
    arguments = [str(tmp_path), server.url, sha256(RIGHT)]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], env=dict(os.environ))
    try:
        assert server.stalled.wait(60)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    assert not (tmp_path / "aclImdb").exists()
    assert not (tmp_path / NAME).exists()
    check_right_download(server, tmp_path)
