"""The directive ``lstm-proof``: what was checked, read from the project's own files."""

import json
import re
import subprocess
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
UNCOMPARED = {"nbval-ignore-output", "nbval-skip", "skip-execution"}
EQUAL = re.compile(r"(\d+) tensors compared, largest difference ([\de.-]+)")


class Facts(NamedTuple):
    """Hold what the line says.

    Args:
        version: of the package.
        day: of the last commit, or of the newest release in the changelog; empty if there is none.
        torch: the release that everything was run with.
        tensors: how many were compared with torch's.
        difference: the largest among them, as the chapter prints it.
        outputs: how many stored outputs of cells CI compares with a fresh run.
        notebooks: in how many chapters.
    """

    version: str
    day: str
    torch: str
    tensors: int
    difference: str
    outputs: int
    notebooks: int


def gather(root: Path = ROOT) -> Facts:
    """Read the facts.

    Args:
        root: of the repository.

    Returns:
        All of them.

    Raises:
        ValueError: if a file does not say what it should.
    """
    cells = {path: code_cells(path) for path in sorted((root / "book").glob("*.ipynb"))}
    printed = "".join(map(json.dumps, (c["outputs"] for found in cells.values() for c in found)))
    tensors, difference = find(EQUAL, printed, "the proof in the chapter on gates")
    places = [*root.glob("requirements*.txt"), *root.glob("requirements/*.txt")]
    pins = "\n".join(path.read_text(encoding="utf-8") for path in sorted(places))
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    compared = [
        output
        for found in cells.values()
        for cell in found
        if not UNCOMPARED & set(cell["metadata"].get("tags", []))
        for output in cell["outputs"]
    ]
    return Facts(
        version=find(re.compile(r'^version = "(.+)"', re.M), project, "a version")[0],
        day=last_day(root),
        torch=find(re.compile(r"^torch==([\w.]+)", re.M), pins, "a pin of torch")[0],
        tensors=int(tensors),
        difference=difference,
        outputs=len(compared),
        notebooks=len(cells),
    )


def find(pattern: re.Pattern[str], text: str, what: str) -> tuple[str, ...]:
    """Return the groups of the first match."""
    if not (found := pattern.search(text)):
        raise ValueError(f"expected {what}, found nothing that matches {pattern.pattern!r}")
    return found.groups()


def code_cells(path: Path) -> list[dict]:
    """Return the code cells of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def last_day(root: Path) -> str:
    """Return the day of the last commit, else the newest in the changelog, as ISO 8601, else ''."""
    command = ["git", "-C", str(root), "log", "-1", "--format=%cs"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
        found = re.search(r"^## .*(\d{4}-\d\d-\d\d)", text, re.M)
        return found[1] if found else ""


def sentence(facts: Facts) -> str:
    """Write the line in MyST.

    Args:
        facts: from ``gather``.

    Returns:
        One paragraph.
    """
    when = ""
    if facts.day:
        day = date.fromisoformat(facts.day)
        when = f", {day.day} {day:%B %Y}"
    return (
        f"Version {facts.version}{when}, PyTorch {facts.torch} · "
        f"[{facts.tensors} tensors compared with PyTorch's](the-proof), largest difference "
        f"{facts.difference} · CI compares {facts.outputs} outputs of {facts.notebooks} notebooks"
    )


class ProofDirective(SphinxDirective):
    """Put the line into the page."""

    def run(self) -> list[nodes.Node]:
        """Return the paragraph.

        Returns:
            Its nodes.
        """
        box = nodes.container(classes=["proof-line"])
        box += self.parse_text_to_nodes(sentence(gather()))
        return [box]


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive.

    Args:
        app: the running Sphinx.

    Returns:
        what Sphinx may do in parallel.
    """
    app.add_directive("lstm-proof", ProofDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
