"""Reading IMDB: from a folder, its parent or an archive, the same reviews, or one clear error."""

import contextlib
import statistics
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstm_tutorial.sentiment import Review
from lstm_tutorial.sentiment.data.imdb import load, split_by_film
from tests.sentiment.tiny_imdb import FILES, make_archive, make_folder


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def root_of(kind: str, tmp_path: Path, files: dict[str, bytes] = FILES) -> Path:
    """One of the three things that a user may name."""
    if kind == "archive":
        return write(tmp_path / "reviews.tar.gz", make_archive(files))
    folder = make_folder(tmp_path, files)
    return folder if kind == "folder" else tmp_path


@pytest.mark.parametrize("kind", ["folder", "parent", "archive"])
def test_every_root_gives_the_same_reviews_in_the_same_order(kind, tmp_path):
    files = dict(reversed(FILES.items()))  # the order on the disk or in the archive does not matter
    root = root_of(kind, tmp_path, files)
    assert load("train", root) == [
        Review("Dull from the first minute on.", 0, 3, "train/neg/0", "tt0000001"),
        Review("I left early.<br /><br />So did the others.", 0, 1, "train/neg/1", "tt0000002"),
        Review("Café scenes of rare charm.", 1, 9, "train/pos/0", "tt0000020"),
        Review("I saw it twice in a week.", 1, 10, "train/pos/1", "tt0000021"),
        Review("Long, but worth the evening.", 1, 7, "train/pos/10", "tt0000030"),
    ]
    assert [review.id for review in load("test", str(root))] == ["test/neg/0", "test/pos/0"]


def test_an_archive_is_read_without_writing_anything(tmp_path):
    archive = root_of("archive", tmp_path)
    load("train", archive)
    assert list(tmp_path.iterdir()) == [archive]


def test_missing_path_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No such folder or archive.*nowhere"):
        load("train", tmp_path / "nowhere")


def test_unknown_split_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected split to be train or test, got 'valid'"):
        load("valid", tmp_path)


@pytest.mark.parametrize("kind", ["folder", "parent", "archive"])
def test_wrong_layout_says_what_was_expected(kind, tmp_path):
    root = root_of(kind, tmp_path, {"reviews/1.txt": b"A text in the wrong place."})
    with pytest.raises(ValueError, match=r"expected aclImdb/train/pos/0_9\.txt .* no reviews"):
        load("train", root)


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_non_utf8_review_is_named_with_its_byte(kind, tmp_path):
    root = root_of(kind, tmp_path, FILES | {"train/pos/1_10.txt": b"ab\xff"})
    with pytest.raises(ValueError, match=r"UTF-8 in train/pos/1_10\.txt, got .* at byte 2$"):
        load("train", root)


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_empty_review_is_named(kind, tmp_path):
    root = root_of(kind, tmp_path, FILES | {"train/neg/1_1.txt": b" \n"})
    with pytest.raises(ValueError, match=r"text in train/neg/1_1\.txt, got an empty review"):
        load("train", root)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_archive_is_refused(share, tmp_path):
    data = make_archive(FILES | {"train/neg/2_2.txt": bytes(range(32, 127)) * 50})
    root = write(tmp_path / "cut.tar.gz", data[: int(share * len(data))])
    with pytest.raises(ValueError, match=r"cut\.tar\.gz is a damaged archive"):
        load("train", root)


@settings(max_examples=50, derandomize=True, database=None, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_wrong_bit_in_an_archive_is_harmless_or_refused(place, bit, tmp_path_factory):
    data = bytearray(make_archive())
    folder = tmp_path_factory.mktemp("archives")
    expected = load("train", write(folder / "right.tar.gz", data))
    data[int(place * len(data))] ^= 1 << bit
    with contextlib.suppress(ValueError):  # the only error that may come
        assert load("train", write(folder / "damaged.tar.gz", data)) == expected


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    root = write(tmp_path / "notes.txt", b"just some words " * 100)
    with pytest.raises(ValueError, match=r"notes\.txt is a damaged archive, or not an archive"):
        load("train", root)


@pytest.mark.parametrize("name", ["../evil", "aclImdb/../../evil", "/evil", "..\\evil"])
def test_member_that_reaches_out_of_the_folder_is_refused(name, tmp_path):
    root = write(tmp_path / "bad.tar.gz", make_archive(extra=[(name, b"gotcha")]))
    with pytest.raises(ValueError, match=r"bad\.tar\.gz is not a safe archive"):
        load("train", root)
    assert [path.name for path in tmp_path.rglob("*")] == ["bad.tar.gz"]


def test_member_that_comes_twice_is_refused(tmp_path):
    twice = make_archive(extra=[("aclImdb/train/pos/0_9.txt", b"Another text.")])
    with pytest.raises(ValueError, match=r"contains aclImdb/train/pos/0_9\.txt twice"):
        load("train", write(tmp_path / "twice.tar.gz", twice))


def reviews_of(films: list[int]) -> list[Review]:
    return [Review("A text.", k % 2, id=f"r{k}", film=f"tt{f}") for k, f in enumerate(films)]


@settings(max_examples=50, derandomize=True, database=None, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=200), st.floats(0.05, 0.6))
def test_split_by_film_parts_films_and_loses_no_review(films, fraction):
    reviews = reviews_of(films)
    most = Counter(films).most_common(1)[0][1]
    if len(reviews) * fraction + most >= len(reviews):
        return  # too few films for two parts
    train, validation = split_by_film(reviews, fraction, seed=0)
    assert not {r.film for r in train} & {r.film for r in validation}
    assert [r for r in reviews if r in train] == train
    assert [r for r in reviews if r in validation] == validation
    assert len(train) + len(validation) == len(reviews)
    assert fraction * len(reviews) <= len(validation) < fraction * len(reviews) + most


def test_split_by_film_is_a_function_of_the_seed():
    reviews = reviews_of([k // 3 for k in range(300)])
    assert split_by_film(reviews, 0.2, seed=1) == split_by_film(reviews, 0.2, seed=1)
    assert split_by_film(reviews, 0.2, seed=1) != split_by_film(reviews, 0.2, seed=2)


def test_split_by_film_refuses_what_it_cannot_split():
    for fraction in (0.0, 1.0, -0.5):
        with pytest.raises(ValueError, match=f"fraction between 0 and 1, got {fraction}"):
            split_by_film(reviews_of([1, 2]), fraction, seed=0)
    with pytest.raises(ValueError, match="expected a film for every review, got none for x"):
        split_by_film([Review("A text.", 1, id="x")], 0.5, seed=0)


@pytest.fixture(scope="module")
def real(imdb_archive) -> dict[str, list[Review]]:
    return {split: load(split, imdb_archive) for split in ("train", "test")}


@pytest.mark.parametrize("split", ["train", "test"])
def test_real_split_is_numbered_balanced_and_rated(real, split):
    reviews = real[split]
    labels = ["neg"] * 12_500 + ["pos"] * 12_500
    assert [r.id for r in reviews] == [f"{split}/{x}/{k % 12_500}" for k, x in enumerate(labels)]
    assert [r.label for r in reviews] == [int(label == "pos") for label in labels]
    assert {r.rating for r in reviews[:12_500]} == {1, 2, 3, 4}
    assert {r.rating for r in reviews[12_500:]} == {7, 8, 9, 10}


def test_real_reviews_have_the_known_duplicates(real):
    train, test = ([review.text for review in real[split]] for split in ("train", "test"))
    assert (len(train) - len(set(train)), len(test) - len(set(test))) == (96, 199)
    assert len(set(train) & set(test)) == 123


def test_real_reviews_have_the_known_lengths_and_line_breaks(real):
    words = [len(review.text.split()) for review in real["train"]]
    assert (round(statistics.mean(words)), statistics.median(words), max(words)) == (234, 174, 2470)
    assert sum("<br />" in review.text for split in real.values() for review in split) == 29_200


def test_real_reviews_have_the_known_films(real):
    for split, expected in (("train", 3_456), ("test", 3_581)):
        films = Counter(review.film for review in real[split])
        assert (len(films), max(films.values())) == (expected, 30)
        assert None not in films
    train, validation = split_by_film(real["train"], 0.1, seed=0)
    assert not {r.film for r in train} & {r.film for r in validation}


def test_one_film_stands_in_both_parts(imdb_archive):
    films = [{review.film for review in load(split, imdb_archive)} for split in ("train", "test")]
    assert len(films[0] & films[1]) == 1
