"""Lint everything, and test what differs from main, in two minutes: ``make check``.

A changed module brings the test modules that import it, a changed notebook its comparison with
nbval. Where that names nothing, a fast part of the tests runs. ``make test`` runs everything.
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
PYTEST = [
    sys.executable,
    *["-m", "pytest", "-x", "-q", "-n", "2", "--dist", "loadscope", "-p", "no:cacheprovider"],
]
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


def chosen(files: set[str], without: set[str]) -> list[str]:
    """Return the notebooks and the test modules to run for these changed files."""
    tests = list((ROOT / "tests").rglob("test_*.py"))
    modules = {f.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for f in files}
    named = {
        path for path in tests if str(path.relative_to(ROOT)) in files or imports(path) & modules
    }
    names = {str(path.relative_to(ROOT)) for path in named} - without
    books = {
        f for f in files if f.startswith("book/") and f.endswith(".ipynb") and (ROOT / f).exists()
    }
    if not names:
        names = {str(path.relative_to(ROOT)) for path in tests if path.name in FAST}
    return sorted(books) + sorted(names)


def run(command: list[str], until: float) -> int:
    """Run a command and return its exit status; 0 if time was up before it failed."""
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        return process.wait(max(1, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()
        print(f"\nTime is up after {SECONDS} seconds without a failure: `make test` runs the rest.")
        return 0


def main(without: set[str]) -> int:
    until = time.monotonic() + SECONDS
    targets = chosen(changed(), without)
    print("Checking", *targets)
    for command in ([*RUFF, "check"], [*RUFF, "format", "--check"], [*PYTEST, *NBVAL, *targets]):
        if status := run(command, until):
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(set(sys.argv[1:])))
