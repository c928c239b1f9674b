"""Every notebook holds the outputs of one run from top to bottom, and hides no fault."""

import json
import re
from pathlib import Path
from statistics import median

import pytest

BOOK = Path(__file__).resolve().parents[2] / "book"
NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))


def load(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(path: Path) -> list[dict]:
    """Return the code cells, without the one for Colab, which is neither run nor shown."""
    cells = [cell for cell in load(path)["cells"] if cell["cell_type"] == "code"]
    return [cell for cell in cells if cell["id"] != "on-colab"]


def lines_of(cell: dict) -> list[str]:
    return "".join(cell["source"]).splitlines()


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request) -> Path:
    return request.param


def test_there_are_notebooks():
    assert NOTEBOOKS


def test_code_cells_are_counted_from_one_in_order(notebook):
    counts = [cell["execution_count"] for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_the_second_cell_installs_the_book_on_colab_and_does_nothing_elsewhere(notebook):
    cell = load(notebook)["cells"][1]
    assert cell == load(BOOK / "gates.ipynb")["cells"][1]
    assert cell["id"] == "on-colab"
    assert cell["metadata"]["tags"] == ["remove-cell", "skip-execution"]
    assert lines_of(cell)[3] == 'if "google.colab" in sys.modules:'
    assert all(line.startswith("    ") for line in lines_of(cell)[4:])
    folder = "".join(cell["source"]).partition("%cd -q /content/book/")[2].splitlines()[0]
    assert folder == BOOK.name


def test_language_is_stated(notebook):
    assert load(notebook)["metadata"]["language_info"]["name"] == "python"


def test_no_warnings_and_no_hidden_errors_are_stored(notebook):
    for cell in code_cells(notebook):
        expects_error = "raises-exception" in cell["metadata"].get("tags", [])
        for output in cell["outputs"]:
            assert output.get("name") != "stderr", lines_of(cell)
            assert output["output_type"] != "error" or expects_error, lines_of(cell)


def test_cells_are_short(notebook):
    lengths = [len(lines_of(cell)) for cell in code_cells(notebook)]
    assert max(lengths) <= 25
    assert median(lengths) <= 6


def test_no_cell_is_kept_from_execution(notebook):
    for cell in code_cells(notebook):
        assert "nbval-skip" not in cell["metadata"].get("tags", []), lines_of(cell)
        assert not re.search(r"warnings\.(filterwarnings|simplefilter)", "".join(cell["source"]))


def test_figures_have_alt_text_and_a_caption(notebook):
    for cell in code_cells(notebook):
        kinds = {kind for output in cell["outputs"] for kind in output.get("data", {})}
        assert not kinds & {"image/png", "image/jpeg"}, "import lstm_tutorial.plots for SVG"
        if "image/svg+xml" in kinds:
            settings = cell["metadata"]["mystnb"]
            assert len(settings["image"]["alt"]) > 40
            assert settings["figure"]["caption"]
            assert settings["figure"]["name"].startswith("fig-")


def test_outputs_hold_no_addresses(notebook):
    stored = json.dumps([cell["outputs"] for cell in code_cells(notebook)])
    assert not re.search(r"0x[0-9a-f]{8,}|/home/|/root/|site-packages", stored)
