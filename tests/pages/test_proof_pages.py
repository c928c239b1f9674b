"""The line of proof on the first page: computed again, from the files themselves."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from book._ext import proof

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def line(html) -> str:
    """The line, as the built page shows it."""
    page = (html / "book" / "index.html").read_text(encoding="utf-8")
    found = re.search(r'<div class="[^"]*proof-line[^"]*">(.*?)</div>', page, re.S)[1]
    return " ".join(re.sub(r"<[^>]+>", "", found).split())


def outputs(path: Path) -> list[tuple[list[str], dict]]:
    """Return every stored output of a notebook, with the tags of its cell."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [(c["metadata"].get("tags", []), o) for c in cells for o in c.get("outputs", [])]


def test_tensors_and_difference_are_those_of_the_chapter(line):
    stored = outputs(ROOT / "book" / "gates.ipynb")
    texts = ["".join(output.get("text", [])) for _, output in stored]
    (said,) = [text.strip() for text in texts if "tensors compared" in text]
    tensors, difference = re.fullmatch(r"(\d+) tensors compared, .* (\S+)", said).groups()
    assert f"{tensors} tensors compared with PyTorch’s, largest difference {difference} ·" in line


def test_outputs_and_notebooks_are_counted(line):
    notebooks = sorted((ROOT / "book").glob("*.ipynb"))
    stored = [pair for path in notebooks for pair in outputs(path)]
    compared = sum(not {"nbval-ignore-output", "skip-execution"} & set(tags) for tags, _ in stored)
    assert proof.gather().outputs == compared
    assert line.endswith(f"CI compares {compared} outputs of {len(notebooks)} notebooks")


def test_releases_are_those_of_the_files(line):
    version = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"]
    assert line.startswith(f"Version {version}")
    facts = proof.gather()
    assert f"PyTorch {facts.torch} ·" in line
    places = [*ROOT.glob("requirements*.txt"), *ROOT.glob("requirements/*.txt")]
    assert f"\ntorch=={facts.torch}\n" in "".join(path.read_text() for path in places)


def test_day_is_that_of_a_commit():
    day = proof.last_day(ROOT)
    log = subprocess.run(
        ["git", "-C", ROOT, "log", "-1", "--format=%cs"], capture_output=True, text=True
    )
    assert day == log.stdout.strip() or log.returncode != 0


def test_without_a_repository_the_changelog_has_the_day(tmp_path):
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.0 (2026-11-02)\n")
    assert proof.last_day(tmp_path) == "2026-11-02"
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 0.1.0 (unreleased)\n")
    assert proof.last_day(tmp_path) == ""
    assert proof.sentence(proof.gather()._replace(day="")).startswith("Version 0.1.0, PyTorch")


def test_a_chapter_without_the_proof_stops_the_build():
    with pytest.raises(ValueError, match="expected the proof in the chapter on gates"):
        proof.find(proof.EQUAL, "", "the proof in the chapter on gates")
