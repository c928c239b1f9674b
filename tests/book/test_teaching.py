"""The teacher's page against the notebooks, and the assignment with and without its solutions."""

import contextlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lstm_tutorial import check
from tools import assignment

ROOT = Path(__file__).resolve().parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
ORDER = [entry["file"].split("/")[-1] for part in TOC["parts"] for entry in part["chapters"]]
EXERCISES = sorted(assignment.exercises(), key=lambda exercise: ORDER.index(exercise.chapter))
MARKED = [exercise for exercise in EXERCISES if exercise.call]


def page() -> str:
    return (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")


def title(chapter: str) -> str:
    notebook = json.loads((ROOT / "book" / f"{chapter}.ipynb").read_text(encoding="utf-8"))
    return "".join(notebook["cells"][0]["source"]).splitlines()[0].removeprefix("# ")


def rows() -> list[str]:
    """Return the table of exercises, as the notebooks have them."""
    found = []
    for e in EXERCISES:
        marked = f"`{e.call.split('(')[0]}`" if e.call else "reading"
        if marked == "reading" and "assert" in e.code:
            marked = "assertions of the solution"
        found.append(f"| [`{e.label}`]({e.label}) | {title(e.chapter)} | {marked} |")
    return found


def test_table_of_exercises_is_that_of_the_notebooks():
    section = page().split("## What marks itself")[1].split("\n## ")[0]
    assert re.findall(r"^\| \[.*", section, re.M) == rows()


def test_every_exercise_was_found_with_its_solution():
    pages = (path.read_text(encoding="utf-8") for path in (ROOT / "book").glob("*.ipynb"))
    labels = re.findall(r":label: (ex-[\w-]+)", "".join(pages))
    assert sorted(labels) == sorted(exercise.label for exercise in EXERCISES)
    assert all(exercise.code for exercise in EXERCISES)


@pytest.mark.parametrize(("plan", "hours"), [("Two", 2), ("Four", 4), ("Eight", 8)])
def test_minutes_of_a_plan_add_up(plan, hours):
    section = page().split(f"### {plan} hours")[1].split("\n## ")[0].split("\n### ")[0]
    plans = re.findall(r"^\| (?:(\d) \| )?(\d+) \| ", section, re.M)
    assert sum(int(minutes) for _, minutes in plans) == 60 * hours
    if hours == 8:
        sessions = [sum(int(m) for s, m in plans if s == str(k)) for k in range(1, 5)]
        assert sessions == [120] * 4


def test_the_reference_is_that_of_the_citation_file():
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    entry = re.search(r"```bibtex\n(.*?)```", page(), re.S)[1]
    assert f"title   = {{{cff['title']}}}" in entry
    assert f"version = {{{cff['version']}}}" in entry
    assert f"author  = {{{{{cff['authors'][0]['name']}}}}}" in entry


def run(made: dict, names: dict) -> str:
    """Run a notebook's code in one namespace; return what it printed, and its last assertion."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for cell in made["cells"]:
            if cell["cell_type"] == "code":
                try:
                    exec(cell["source"], names)
                except AssertionError as error:
                    print(f"AssertionError: {error}")
    return printed.getvalue()


@pytest.mark.parametrize("exercise", MARKED, ids=lambda exercise: exercise.label)
def test_solution_passes_and_stub_fails_clearly(exercise):
    names: dict = {}
    assert "1 of 1 right" in run(assignment.notebook([exercise], solved=True), names)
    names = {}
    said = run(assignment.notebook([exercise], solved=False), names)
    result = names["marks"][exercise.label]
    assert not result
    assert result.mistake == "raised"
    assert "Not yet: " in said
    assert said.endswith(f"0 of 1 right\nAssertionError: not yet: {exercise.label}\n")


def test_assignment_holds_no_solution(tmp_path):
    given, solved = (path.read_text(encoding="utf-8") for path in assignment.write(tmp_path, []))
    chosen = [exercise for exercise in MARKED if exercise.label in assignment.CHOSEN]
    assert len(chosen) == 6
    for exercise in chosen:
        body = json.dumps(exercise.solution().splitlines()[-1], ensure_ascii=False)[1:-1]
        assert body in solved
        assert body not in given


def test_a_wrong_label_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"expected labels from .*ex-cell.*, got ex-bptt-carousel"):
        assignment.write(tmp_path, ["ex-bptt-carousel"])


@pytest.mark.parametrize(("place", "words"), [((), "usage:"), (("file",), "file")])
def test_a_wrong_call_is_told_without_a_traceback(tmp_path, place, words):
    (tmp_path / "file").touch()
    command = [sys.executable, ROOT / "tools" / "assignment.py", *(tmp_path / p for p in place)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_written_notebooks_run_in_a_kernel(tmp_path, record_property):
    command = [sys.executable, ROOT / "tools" / "assignment.py", tmp_path]
    paths = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    execute = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute"]
    done = [
        subprocess.run([*execute, path, "--output", "done"], capture_output=True, text=True)
        for path in paths
    ]
    assert done[0].returncode != 0
    assert f"not yet: {', '.join(assignment.CHOSEN)}" in done[0].stderr
    assert done[1].returncode == 0, done[1].stderr
    assert "6 of 6 right" in (tmp_path / "done.ipynb").read_text(encoding="utf-8")
    record_property("figures", "assignment: 0 of 6 right with the stubs, 6 of 6 with the solutions")


def test_mistakes_of_a_class_can_be_counted():
    program = re.search(r"```python\n(.*?)```", page(), re.S)[1]
    right, swapped = (
        f"def step(x, hx, weight_ih, weight_hh, bias_ih, bias_hh):\n"
        f"    a = x @ weight_ih.T + bias_ih + hx[0] @ weight_hh.T + bias_hh\n"
        f"    {order} = a.chunk(4, dim=-1)\n"
        f"    c = f.sigmoid() * hx[1] + i.sigmoid() * g.tanh()\n"
        f"    return o.sigmoid() * c.tanh(), c"
        for order in ("i, f, g, o", "f, i, g, o")
    )
    names: dict = {"steps": []}
    for code in (right, swapped, swapped):
        exec(code, local := {})
        names["steps"].append(local["step"])
    assert "input_forget_swapped" in check.MISTAKES
    said = run({"cells": [{"cell_type": "code", "source": program}]}, names)
    assert said == "1 right; Counter({'input_forget_swapped': 2})\n"
