"""Write requirements/lock.txt: one release of every package, for each Python and system.

torch and its GPU libraries are left out: the right build of them depends on the machine and comes
from the index that the reader chose. Options are passed to uv: ``python -m tools.lock --upgrade``
takes the newest releases, else pinned ones stay.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SETS = ("requirements.txt", "requirements/book.txt", "requirements/dev.txt")
LOCK = ROOT / "requirements" / "lock.txt"
LEFT_OUT = re.compile(r"(torch|triton|nvidia-[\w-]+|cuda-[\w-]+)==")
HEADER = "# Every release that the three sets install. Written by `make lock`; do not edit.\n"
UV = [
    "pip",
    "compile",
    "--quiet",
    "--universal",
    "--python-version",
    "3.10",
    "--no-header",
    "--no-annotate",
]


def wanted() -> str:
    """Return the requirements of all three sets, the package's own among them, one per line."""
    lines = [line for name in SETS for line in (ROOT / name).read_text().splitlines()]
    return "\n".join(line for line in lines if not line.startswith(("#", "-")))


def resolve(*options: str) -> list[str]:
    """Let uv choose the releases; those in the lock file stay unless uv is told to upgrade."""
    command = [sys.executable, "-m", "uv", *UV, *options, "pyproject.toml", "-", "-o", str(LOCK)]
    subprocess.run(command, cwd=ROOT, input=wanted(), text=True, check=True)
    return LOCK.read_text().splitlines(keepends=True)


if __name__ == "__main__":
    pins = resolve(*sys.argv[1:])
    LOCK.write_text(HEADER + "".join(pin for pin in pins if not LEFT_OUT.match(pin)))
