"""What the repository installs: three sets, one lock file, and nothing that is not used."""

import ast
import json
import re
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import packages_distributions, requires
from itertools import product
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.lock import LEFT_OUT, LOCK, ROOT

SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}
PLACES = [
    {
        "python_version": version,
        "python_full_version": f"{version}.{patch}",
        "sys_platform": system,
        "platform_system": SYSTEMS[system],
    }
    for (version, patch), system in product(
        [("3.10", 0), ("3.11", 9), ("3.12", 0), ("3.13", 0), ("3.14", 0)], SYSTEMS
    )
]
# What is declared and imported by nobody: the file that uses it, and the word there that shows it.
USED_OTHERWISE = {
    "ipykernel": ("Makefile", "jupyter nbconvert"),
    "ninja": ("lstm_tutorial/compiled.py", "ninja"),
    "jupyter-book": ("Makefile", "jupyter-book"),
    "sphinx-mathjax-offline": ("_config.yml", "sphinx-mathjax-offline"),
    "sphinx-exercise": ("_config.yml", "sphinx_exercise"),
    "sphinxext-opengraph": ("_config.yml", "sphinxext.opengraph"),
    "sphinx-sitemap": ("_config.yml", "sphinx_sitemap"),
    "sphinx-notfound-page": ("_config.yml", "notfound.extension"),
    "nbval": ("Makefile", "--nbval"),
    "nbconvert": ("Makefile", "nbconvert"),
    "pytest-xdist": ("Makefile", "-n 2"),
    "ruff": ("Makefile", "ruff check"),
    "mypy": ("Makefile", "$(BIN)/mypy"),
    "check-jsonschema": ("tests/repository/test_house.py", "check-jsonschema"),
    "zizmor": ("tests/repository/test_house.py", "zizmor"),
    "jupyter-repo2docker": ("tests/repository/test_house.py", "jupyter-repo2docker"),
}


def read(lines: Iterable[str]) -> list[Requirement]:
    bare = (line.partition(" #")[0].strip() for line in lines)
    return [Requirement(line) for line in bare if line and not line.startswith(("#", "-"))]


def named_in(path: str) -> list[Requirement]:
    return read((ROOT / path).read_text(encoding="utf-8").splitlines())


def of_the_package() -> list[Requirement]:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return read(
        re.findall(r'"(.+)"', re.search(r"^dependencies = \[(.*?)^\]", project, re.S | re.M)[1])
    )


def extras() -> list[Requirement]:
    """Return what the package's optional dependencies name."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = re.search(r"^\[project.optional-dependencies\]\n(.*?)^\[", project, re.S | re.M)[1]
    return read(re.findall(r'"(.+?)"', section))


PACKAGE = of_the_package()
EXTRAS = extras()
READ, BOOK, DEV = (
    named_in(f) for f in ("requirements.txt", "requirements/book.txt", "requirements/dev.txt")
)
BENCH = named_in("benchmarks/requirements.txt")
PINS = named_in("requirements/lock.txt")
GROUPS = {  # whose imports, and which declarations must cover them
    "lstm_tutorial": (["lstm_tutorial/**/*.py"], PACKAGE + EXTRAS),
    "chapters": (["book/*.ipynb", "book/*.py"], PACKAGE + EXTRAS + READ),
    "extensions": (["book/_ext/*.py"], PACKAGE + READ + BOOK),
    "tests": (["tests/**/*.py", "tools/**/*.py"], PACKAGE + READ + BOOK + DEV),
    "benchmarks": (["benchmarks/**/*.py"], PACKAGE + EXTRAS + READ + BENCH),
}


def names(requirements: Iterable[Requirement]) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements}


def left_out(name: str) -> bool:
    return LEFT_OUT.match(f"{name}==") is not None


def pins_at(place: dict[str, str]) -> dict[str, list[str]]:
    """Return the releases that the lock file names for each package in one environment."""
    found: dict[str, list[str]] = {}
    for pin in PINS:
        if pin.marker is None or pin.marker.evaluate(place):
            found.setdefault(canonicalize_name(pin.name), []).append(str(pin.specifier)[2:])
    return found


def told_by(place: dict[str, str]) -> str:
    return f"{place['python_version']}-{place['sys_platform']}"


@pytest.mark.parametrize("place", PLACES, ids=told_by)
def test_the_lock_pins_each_requirement_once_on_every_python_and_system(place):
    pins = pins_at(place)
    assert {name: releases for name, releases in pins.items() if len(releases) > 1} == {}
    for wanted in PACKAGE + READ + BOOK + DEV:
        if not left_out(name := canonicalize_name(wanted.name)):
            assert wanted.specifier.contains(pins[name][0], prereleases=True), wanted


def needed_by(name: str, extras: set[str]) -> list[Requirement]:
    """Return what an installed distribution requires here, with these extras."""
    found = [Requirement(line) for line in requires(name) or []]
    places = [{"extra": extra} for extra in extras or {""}]
    return [r for r in found if r.marker is None or any(map(r.marker.evaluate, places))]


def test_the_lock_pins_whatever_a_requirement_requires():
    pins, seen = pins_at({}), set()
    queue = PACKAGE + READ + BOOK + DEV
    while queue:
        wanted = queue.pop()
        name = canonicalize_name(wanted.name)
        if not left_out(name):
            assert name in pins, f"{name} is missing: run `make lock`"
            assert wanted.specifier.contains(pins[name][0], prereleases=True), wanted
        if (name, *sorted(wanted.extras)) not in seen and (name == "torch" or not left_out(name)):
            seen.add((name, *sorted(wanted.extras)))
            queue += needed_by(name, wanted.extras)
    assert len(seen) > 100


def test_the_lock_leaves_torch_and_the_index_to_the_reader():
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if LEFT_OUT.match(line)] == []
    assert [line for line in lines if re.search(r"://|^-|--hash|@", line)] == []
    assert all(str(pin.specifier).startswith("==") for pin in PINS)
    assert {str(r.specifier) for r in READ if r.name == "torch"} == {"==2.13.0"}


def test_what_is_optional_is_tested():
    assert names(EXTRAS) <= names(READ)


def test_each_set_builds_on_the_one_before():
    first, book, dev = (
        (ROOT / path).read_text(encoding="utf-8").splitlines()
        for path in ("requirements.txt", "requirements/book.txt", "requirements/dev.txt")
    )
    assert "-c requirements/lock.txt" in first
    assert "-e ." in first
    assert "-r ../requirements.txt" in book
    assert "-r book.txt" in dev
    assert (
        names(READ) & names(BOOK) == names(BOOK) & names(DEV) == names(READ) & names(DEV) == set()
    )


def sources(path: Path) -> list[str]:
    """Return the code of a module, or of each cell of a notebook without IPython's own lines."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return [text]
    cells = [c for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
    codes = ["".join(cell["source"]) for cell in cells if cell["id"] != "on-colab"]
    return [re.sub(r"^(\s*)[%!].*$", r"\1pass", code, flags=re.M) for code in codes]


def imported(patterns: list[str]) -> set[str]:
    """Return the top-level names of the modules that files import, wherever in them."""
    found = set()
    for path in (path for pattern in patterns for path in ROOT.glob(pattern)):
        for node in (n for code in sources(path) for n in ast.walk(ast.parse(code))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.partition(".")[0])
    return found


@cache
def distributions() -> dict[str, list[str]]:
    return {
        module: [canonicalize_name(n) for n in ns]
        for module, ns in packages_distributions().items()
    }


def outside(patterns: list[str]) -> dict[str, set[str]]:
    """Return each imported module of others, with the distributions that hold it."""
    ours = {path.stem for pattern in ("*", "book/_ext/*.py") for path in ROOT.glob(pattern)}
    found = imported(patterns) - ours - set(sys.stdlib_module_names)
    return {name: set(distributions().get(name, [canonicalize_name(name)])) for name in found}


@pytest.mark.parametrize("group", GROUPS)
def test_what_is_imported_is_declared(group):
    patterns, declared = GROUPS[group]
    undeclared = {m for m, owners in outside(patterns).items() if not owners & names(declared)}
    assert undeclared == set()


def test_what_is_declared_is_used():
    patterns = [pattern for patterns, _ in GROUPS.values() for pattern in patterns]
    used = set().union(*outside(patterns).values()) | set(USED_OTHERWISE)
    assert names(PACKAGE + READ + BOOK + DEV + BENCH) - used == set()
    assert names(PACKAGE) <= set().union(*outside(GROUPS["lstm_tutorial"][0]).values())


@pytest.mark.parametrize("name", USED_OTHERWISE)
def test_what_nobody_imports_is_used_where_the_table_says(name):
    path, word = USED_OTHERWISE[name]
    assert word in (ROOT / path).read_text(encoding="utf-8")
    assert name in names(READ + BOOK + DEV)
