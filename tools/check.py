"""Lint everything, and test the differences from main, in two minutes: ``make check``.

A changed module selects the test modules that import it or have its name or its package's, a
changed notebook its comparison with nbval. If no test module is found, a few fast ones run. ``make
test`` runs everything. A check that does not finish in time fails.
"""

import ast
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 105  # for everything; two minutes, less what starting and stopping take
FAST = ("test_cell.py", "test_describe.py", "test_house.py", "test_notebooks.py")
RUFF = [sys.executable, "-m", "ruff"]
MYPY = [sys.executable, "-m", "mypy"]
PYTEST = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "2"]
NBVAL = ["--nbval", "--nbval-sanitize-with", "tests/nbval.cfg", "--nbval-current-env"]


def git(*words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.splitlines()


def changed() -> set[str]:
    """Return the files that differ from where this branch left main, committed or not."""
    bases = git("merge-base", "HEAD", "origin/main") or git("merge-base", "HEAD", "main")
    return {
        *git("diff", "--name-only", *(bases or ["HEAD"])),
        *git("ls-files", "-o", "--exclude-standard"),
    }


def imports(path: Path) -> set[str]:
    """Return the names that a module imports, with and without their last part."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def concerned(test: Path, files: set[str]) -> bool:
    """Whether a test module changed, imports a changed module, or is named after one."""
    sources = [Path(f) for f in files if f.startswith("lstm_tutorial/") and f.endswith(".py")]
    stems = {part for source in sources for part in source.with_suffix("").parts}
    modules = {f.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for f in files}
    changed_itself = test.relative_to(ROOT).as_posix() in files
    return changed_itself or test.stem[5:] in stems or bool(imports(test) & modules)


def test_modules() -> list[Path]:
    """Return the test modules, without those that need the built book."""
    return [p for p in ROOT.glob("tests/**/test_*.py") if p.parent.name != "pages"]


def chosen(files: set[str]) -> tuple[list[str], list[str]]:
    """Return the notebooks and the test modules to run for these changed files."""
    tests = {p: p.relative_to(ROOT).as_posix() for p in test_modules()}
    names = {name for path, name in tests.items() if concerned(path, files)}
    names = names or {name for path, name in tests.items() if path.name in FAST}
    books = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("book/*.ipynb")} & files
    return sorted(books), sorted(names)


def run(command: list[str], until: float) -> int:
    """Run a command and return its exit status; where time is up, stop it and return 1."""
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        return process.wait(max(1, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()
        print(
            f"\nNot finished after {SECONDS} seconds, so not checked: `make test` runs all of it."
        )
        return 1


def main() -> int:
    until = time.monotonic() + SECONDS
    books, tests = chosen(changed())
    print("Checking", *books, *tests, flush=True)
    commands = [[*RUFF, "check"], [*RUFF, "format", "--check"], MYPY, [*PYTEST, *tests]]
    if books:
        commands.insert(3, [*PYTEST, "--dist", "loadscope", *NBVAL, *books])
    return next((status for command in commands if (status := run(command, until))), 0)


if __name__ == "__main__":
    sys.exit(main())
