"""The frame around the book: workflows, Binder, pins, imports, and the two commands."""

import ast
import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from functools import cache, partial
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent
PACKAGE = ROOT / "lstm_tutorial"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}


def run(*command: object, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(word) for word in command], cwd=ROOT, capture_output=True, text=True, **options
    )


@cache
def tracked() -> tuple[str, ...]:
    """Return the text files of the repository, from its root."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = run("git", "ls-files", "-z").stdout.split("\0")
    return tuple(n for n in names if n and not n.endswith((".png", ".jpg", ".gz", ".safetensors")))


@cache
def text_of(path: str) -> str:
    """Return what a file of the repository says."""
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.exists() else ""


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("vendor.github-workflows", ".github/workflows/*.yml"),
        ("custom.github-workflows-require-timeout", ".github/workflows/*.yml"),
        ("vendor.dependabot", ".github/dependabot.yml"),
        ("vendor.github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml"),
        ("vendor.github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
        ("vendor.citation-file-format", "CITATION.cff"),
    ],
)
def test_settings_follow_their_schema(schema, pattern):
    files = sorted(ROOT.glob(pattern))
    assert files
    done = run(BIN / "check-jsonschema", "--builtin-schema", schema, *files)
    assert done.returncode == 0, done.stdout + done.stderr


def test_workflows_have_no_security_finding():
    config = ROOT / ".github" / "zizmor.yml"
    done = run(BIN / "zizmor", "--offline", "--config", config, ROOT / ".github")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_may_read_and_no_more_unless_a_job_says_so(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"]
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    for step in [step for step in steps if "actions/checkout" in step.get("uses", "")]:
        assert step["with"]["persist-credentials"] is False


def test_notebooks_run_on_three_systems_and_every_python():
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    matrix = workflow["jobs"]["nbval"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    assert matrix["python"] == ["3.10", "3.11", "3.12", "3.13", "3.14"]


def test_binder_installs_the_first_set_after_the_whole_repository(tmp_path):
    for name in ("binder", "requirements", "requirements.txt", "pyproject.toml", "README.md"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    done = run(BIN / "jupyter-repo2docker", "--no-build", "--debug", tmp_path)
    dockerfile = done.stdout + done.stderr
    assert done.returncode == 0, dockerfile[-2000:]
    whole = re.search(r"COPY --chown=\S+ src/ ", dockerfile).start()
    install = dockerfile.index('pip install --no-cache-dir -r "binder/requirements.txt"')
    assert whole < install
    assert "-r ../requirements.txt" in (ROOT / "binder" / "requirements.txt").read_text()
    assert (ROOT / "binder" / "runtime.txt").read_text().strip() == "python-3.11"


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, lstm_tutorial; print(*{m.split('.')[0] for m in sys.modules})"
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "matplotlib", "torchtext", "sklearn", "pooch", "typer"}


def imports_of(path: Path) -> set[str]:
    """Return the modules of the package that a module imports, wherever in it."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found & set(MODULES)


def test_only_the_command_line_imports_sentiment():
    for name, path in MODULES.items():
        if not name.startswith(("lstm_tutorial.sentiment", "lstm_tutorial.cli")):
            assert not {m for m in imports_of(path) if "sentiment" in m}, name


MAY_IMPORT = {  # the rooms of sentiment, and those whose modules each may use besides its own
    "data": set(),
    "models": {"data"},
    "training": {"data", "models"},
    "runs": {"data", "models", "training"},
    "studies": {"data", "models", "training", "runs"},
}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_rooms_of_sentiment_import_only_from_those_before_them(room):
    home = "lstm_tutorial.sentiment."
    modules = {name: path for name, path in MODULES.items() if name.startswith(home + room)}
    assert len(modules) > 2
    for name, path in modules.items():
        rooms = {m.removeprefix(home).split(".")[0] for m in imports_of(path) if m.startswith(home)}
        assert rooms - {room} <= MAY_IMPORT[room], name


def test_imports_run_one_way():
    graph = {name: imports_of(path) - {name} for name, path in MODULES.items()}
    for name, path in MODULES.items():
        if path.name == "__init__.py":  # a package stands for its parts, which may name it
            graph[name] = {m for m in graph[name] if not m.startswith(f"{name}.")}
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_make_help_lists_the_two_commands():
    done = run("make", "help")
    assert done.returncode == 0
    for target in ("book", "test", "notebooks", "serve", "train", "clean"):
        assert re.search(rf"^make {target} +\w", done.stdout, re.M), target


def test_ci_checks_nothing_of_its_own():
    path = ROOT / ".ci" / "run"
    lines = path.read_text(encoding="utf-8").strip().splitlines()
    assert lines[-1] == "make test"
    assert "set -euo pipefail" in lines
    assert os.name == "nt" or os.access(path, os.X_OK)


def test_every_chapter_has_its_place_in_the_book():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    assert len(listed) == len(set(listed))
    written = {path for path in tracked() if re.fullmatch(r"book/\w+\.(ipynb|md)", path)}
    assert {path.rsplit(".", 1)[0] for path in written} == {toc["root"], *listed}


def test_one_version_and_one_address_everywhere():
    version = re.search(r'^version = "(.+)"', text_of("pyproject.toml"), re.M)[1]
    assert f"\nversion: {version}\n" in text_of("CITATION.cff")
    assert f"## {version}" in text_of("CHANGELOG.md")
    owner = re.search(r"url: https://github\.com/([\w-]+)/", text_of("_config.yml"))[1]
    naming = {path for path in tracked() if owner in text_of(path)}
    patterns = re.findall("`([^`]+)`", said_about_the_address())
    assert naming == {path for path in tracked() if any(map(partial(fnmatch, path), patterns))}


def said_about_the_address() -> str:
    return next(
        line for line in text_of("CONTRIBUTING.md").splitlines() if "repository's address" in line
    )
