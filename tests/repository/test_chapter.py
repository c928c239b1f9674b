"""``make chapter``: the skeleton is a chapter that runs, and nothing is written by half."""

import shutil
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient

from tests.book import test_notebooks
from tools.chapter import add_chapter

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path) -> Path:
    """A copy of what the tool reads."""
    (tmp_path / "book").mkdir()
    for name in ("_toc.yml", "book/index.md", "book/gates.ipynb", "book/questions.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_a_new_chapter_is_listed_once_and_passes_the_tests_of_notebooks(root):
    path = add_chapter("my_topic", "My topic", root)
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, resources={"metadata": {"path": str(root)}}).execute()
    nbformat.write(notebook, path)
    test_notebooks.test_code_cells_are_counted_from_one_in_order(path)
    test_notebooks.test_the_second_cell_installs_the_book_on_colab_and_does_nothing_elsewhere(path)
    test_notebooks.test_no_warnings_and_no_hidden_errors_are_stored(path)
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    assert toc["parts"][0]["chapters"][-1] == {"file": "book/my_topic"}
    before = (ROOT / "book/index.md").read_text("utf-8").splitlines()
    after = (root / "book/index.md").read_text("utf-8").splitlines()
    (row,) = [line for line in after if line not in before]
    assert row.startswith("| [My topic](my_topic.ipynb) |")
    assert after[after.index(row) - 1].startswith("| [")


@pytest.mark.parametrize("name", ["My topic", "../etc", "gates", "questions", ""])
def test_a_name_that_cannot_be_or_is_taken_is_refused_and_nothing_is_written(root, name):
    files = {path: path.read_bytes() for path in root.rglob("*.*") if path.is_file()}
    with pytest.raises(ValueError, match=r"expected a (new )?name"):
        add_chapter(name, "Title", root)
    assert {path: path.read_bytes() for path in root.rglob("*.*") if path.is_file()} == files
