"""The 50,000 labelled film reviews of Stanford's IMDB data set.

Source: A. L. Maas, R. E. Daly, P. T. Pham, D. Huang, A. Y. Ng and C. Potts, "Learning word vectors
for sentiment analysis", ACL 2011; https://ai.stanford.edu/~amaas/data/sentiment/.
"""

import os
import random
import re
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypedDict

from lstm_tutorial.sentiment.data.review import Review

URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
SHA256 = "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"
FOLDER = "aclImdb"
SPLITS = ("train", "test")

_REVIEW = re.compile(r"(?:^|/)(train|test)/(pos|neg)/(\d+)_(\d+)\.txt$")
_FILMS = re.compile(r"(?:^|/)(train|test)/urls_(pos|neg)\.txt$")

BROKEN = (tarfile.TarError, EOFError, zlib.error)  # what reading a damaged archive may raise

Files = Iterator[tuple[str, bytes]]  # path with forward slashes, content


def cache_dir() -> Path:
    """Return the folder for downloads: ``LSTM_TUTORIAL_CACHE``, or the platform's cache folder."""
    import pooch  # in a notebook it may print a warning, which readers who load nothing should miss

    return Path(os.environ.get("LSTM_TUTORIAL_CACHE") or pooch.os_cache("lstm-tutorial"))


def download(
    cache: str | Path | None = None, url: str = URL, sha256: str = SHA256, progress: bool = True
) -> Path:
    """Download, verify and unpack the reviews, unless they are there already.

    The archive and the folder get their own names only once they are complete.

    Args:
        cache: folder for them; None for ``cache_dir()``.
        sha256: checksum of the archive; an archive with another one is deleted.
        progress: whether to show a progress bar on stderr.

    Returns:
        The folder ``aclImdb``.

    Raises:
        OSError: if the download fails or cannot be stored.
        ValueError: if the archive is damaged, has another checksum, or contains unsafe paths.
    """
    cache = Path(cache) if cache is not None else cache_dir()
    folder = cache / FOLDER
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    archive = _fetch(cache, url, sha256, progress)
    try:
        with tempfile.TemporaryDirectory(dir=cache, prefix="unpacking-") as part:
            _unpack(archive, Path(part))
            os.replace(Path(part) / FOLDER, folder)
    except ValueError:
        archive.unlink()  # the next call would only meet it again
        raise
    archive.unlink()
    return folder


def load(split: str, root: str | Path | None = None) -> list[Review]:
    """Read one split: the negative reviews by number, then the positive ones.

    Args:
        split: ``"train"`` or ``"test"``.
        root: the folder ``aclImdb``, its parent, or an archive of it, which is read without a
            checksum; None downloads the original.

    Raises:
        FileNotFoundError: if the root does not exist.
        OSError: if it cannot be read.
        ValueError: if it contains no reviews, or a damaged, empty or non-UTF-8 one.
    """
    if split not in SPLITS:
        raise ValueError(f"expected split to be train or test, got {split!r}")
    root = download() if root is None else Path(root)
    if not root.exists():
        raise FileNotFoundError(2, "No such folder or archive", str(root))
    files = _in_folder(root, split) if root.is_dir() else _in_archive(root)
    texts, films = _sort_files(files, split, root)
    reviews = [_review(key, data, split, films) for key, data in sorted(texts.items())]
    if not reviews:
        raise ValueError(
            f"expected {FOLDER}/{split}/pos/0_9.txt and similar files in {root}, found no reviews"
        )
    return reviews


def split_by_film(
    reviews: list[Review], fraction: float, seed: int
) -> tuple[list[Review], list[Review]]:
    """Hold out all reviews of some films, so that no film is on both sides.

    Args:
        reviews: each with a film.
        fraction: smallest share of the reviews to hold out, between 0 and 1.
        seed: for the choice of films.

    Returns:
        The remaining reviews and the held-out ones, each in their original order.

    Raises:
        ValueError: if the fraction is out of range or a review has no film.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"expected a fraction between 0 and 1, got {fraction}")
    counts: dict[str, int] = {}
    for review in reviews:
        if review.film is None:
            raise ValueError(f"expected a film for every review, got none for {review.id}")
        counts[review.film] = counts.get(review.film, 0) + 1
    films = sorted(counts)
    random.Random(seed).shuffle(films)
    held_out, size = set(), 0
    while films and size < fraction * len(reviews):
        held_out.add(films[-1])
        size += counts[films.pop()]
    kept = [review for review in reviews if review.film not in held_out]
    return kept, [review for review in reviews if review.film in held_out]


def _fetch(cache: Path, url: str, sha256: str, progress: bool) -> Path:
    import pooch

    pooch.get_logger().setLevel("ERROR")
    downloader = pooch.HTTPDownloader(progressbar=progress and sys.stderr.isatty(), timeout=60)
    try:
        path = pooch.retrieve(url, f"sha256:{sha256}", Path(url).name, cache, downloader=downloader)
    except ValueError as error:  # pooch: the checksum
        raise ValueError(
            f"{url} is not the expected archive, and was deleted: expected sha256 {sha256}; "
            "the download was cut short, or the file there has changed"
        ) from error
    except OSError as error:  # requests' errors are OSErrors too
        advice = "download it elsewhere and pass it as root"
        raise OSError(f"could not download {url}: {error}; {advice}") from error
    return Path(path)


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive of the reviews, all of whose members must stay inside the folder."""
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                _refuse_outside(member, archive)
                tar.extract(member, folder, **_safely())
    except BROKEN as error:
        raise ValueError(f"{archive} is a damaged archive: {error}") from error
    except OSError as error:
        raise OSError(f"could not unpack {archive}: {error}") from error
    if not (folder / FOLDER).is_dir():
        raise ValueError(f"expected a folder {FOLDER} in {archive.name}, found none")


class _Filter(TypedDict, total=False):
    """The one argument of ``TarFile.extract`` that old releases of Python do not have."""

    filter: Literal["data"]


def _safely() -> _Filter:
    return {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


def _refuse_outside(member: tarfile.TarInfo, archive: Path) -> None:
    parts = member.name.replace("\\", "/").split("/")
    if member.name.startswith("/") or ".." in parts or not (member.isfile() or member.isdir()):
        raise ValueError(
            f"{archive} is not a safe archive: expected files inside one folder, "
            f"got {member.name!r}"
        )


def _in_folder(root: Path, split: str) -> Files:
    base = root if (root / split).is_dir() else root / FOLDER
    for path in sorted((base / split).glob("urls_*.txt")):
        yield f"{split}/{path.name}", path.read_bytes()
    for label in ("neg", "pos"):
        for path in (base / split / label).glob("*.txt"):
            yield f"{split}/{label}/{path.name}", path.read_bytes()


def _in_archive(archive: Path) -> Files:
    """Read an archive in one pass, in memory; nothing is written."""
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                _refuse_outside(member, archive)
                is_read = _REVIEW.search(member.name) or _FILMS.search(member.name)
                if is_read and (file := tar.extractfile(member)):
                    yield member.name, file.read()
            while tar.fileobj.read(2**20):  # gzip compares checksums at the very end
                pass
    except (*BROKEN, OSError) as error:
        raise ValueError(f"{archive} is a damaged archive, or not an archive: {error}") from error


def _sort_files(
    files: Files, split: str, root: Path
) -> tuple[dict[tuple[str, int, int], bytes], dict[str, list[str]]]:
    """Map (label, number, rating) to texts, and each label to its films by number."""
    texts: dict[tuple[str, int, int], bytes] = {}
    films: dict[str, list[str]] = {}
    for path, data in files:
        if (found := _REVIEW.search(path)) and found[1] == split:
            key = found[2], int(found[3]), int(found[4])
            if key in texts:
                raise ValueError(f"{root} contains {path} twice")
            texts[key] = data
        elif (found := _FILMS.search(path)) and found[1] == split:
            films[found[2]] = re.findall(r"tt\d+", data.decode(errors="replace"))
    return texts, films


def _review(
    key: tuple[str, int, int], data: bytes, split: str, films: dict[str, list[str]]
) -> Review:
    label, number, rating = key
    name = f"{split}/{label}/{number}"
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"expected UTF-8 in {name}_{rating}.txt, got {error.reason} at byte {error.start}"
        ) from error
    if not text.strip():
        raise ValueError(f"expected some text in {name}_{rating}.txt, got an empty review")
    of_label = films.get(label, [])
    film = of_label[number] if number < len(of_label) else None
    return Review(text, int(label == "pos"), rating, name, film)
