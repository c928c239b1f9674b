"""Run what depends on the processor as on others: ``python -m tools.processors``.

On an Intel or AMD processor, in two ways. torch and oneDNN are held to the kernels of a lesser one,
at full speed; ``quick`` does only that, with the tests that are marked ``kernels``. And qemu
emulates one, slowly; where it is missing, this says so, and fails where ``CI`` is set.
"""

import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

import torch

TESTS = Path(__file__).parents[1] / "tests"
BOOK = TESTS.parent / "book"
SUITES = ("lstm*", "cell", "ragged", "bptt", "compiled", "bilstm", "describe*")
PAGES = ("forecasting", "tagging", "seq2seq", "streams")  # they train, each task from its start
QEMU = "qemu-x86_64"
# Each by torch's name for its kind: no AVX-512, as in most laptops; and no AVX at all.
LOWERED = {
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "DEFAULT": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
}
# qemu 7.2 computes oneDNN's LSTM for AVX2 wrongly, where real processors agree with the equations.
EMULATED = {"AVX2": ("max", {"ONEDNN_MAX_CPU_ISA": "AVX"}), "DEFAULT": ("Nehalem", {})}
FEWER = ("-k", "not FastLSTM and not CompiledLSTM")  # to these, emulation adds nothing but time


def run(name: str, workers: str, *arguments: object, **variables: str) -> bool:
    """Run some tests in pytest-xdist's workers, and tell the time; whether they passed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tx", workers]
    begun = time.monotonic()
    variables = os.environ | {"OMP_NUM_THREADS": "1"} | variables
    done = subprocess.run([*command, "--dist", "load", *map(str, arguments)], env=variables)
    print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
    return done.returncode == 0


def marked() -> list[object]:
    """What to hand to pytest for the tests that are marked ``kernels``."""
    files = [file for file in TESTS.rglob("test_*.py") if "mark.kernels" in file.read_text("utf-8")]
    return ["-m", "kernels", *sorted(files)]


def chapters() -> list[object]:
    """What to hand to pytest to run the chapters on other tasks and compare their outputs."""
    options = ["--nbval", "--nbval-sanitize-with", TESTS / "nbval.cfg", "--nbval-current-env"]
    return [*options, "--dist", "loadscope", *(BOOK / f"{name}.ipynb" for name in PAGES)]


def emulate(kind: str) -> bool:
    """Run the marked tests on an emulated processor."""
    processor, variables = EMULATED[kind]
    if shutil.which(QEMU) is None:
        print(f"No {QEMU}, so {processor} is not emulated: install qemu-user (on Linux).")
        return not os.environ.get("CI")
    workers = f"2*popen//python={QEMU} -cpu {processor} {sys.executable}"
    return run(f"emulated {processor}", workers, *FEWER, *marked(), PROCESSOR=kind, **variables)


def main(quick: bool) -> bool:
    """Run all of them, or the quick ones; whether they passed."""
    if platform.machine() not in ("x86_64", "AMD64"):
        print(f"On {platform.machine()}, torch has one kind of kernels: nothing else to test.")
        return True
    suites = [file for name in SUITES for file in sorted(TESTS.rglob(f"test_{name}.py"))]
    suites.append(TESTS / "tasks")
    tests = marked() if quick else suites
    own = torch.backends.cpu.get_cpu_capability()
    passed = [
        run(f"as {kind}", "2*popen", *arguments, PROCESSOR=kind, **variables)
        for kind, variables in LOWERED.items()
        if own != "DEFAULT" or kind == own  # held to more than it has, torch crashes
        for arguments in ([tests] if quick else [tests, chapters()])
    ]
    if not quick:
        passed.append(run("two threads", "1*popen", *suites, OMP_NUM_THREADS="2"))
        passed += [emulate(kind) for kind in EMULATED]
    return all(passed)


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:] == ["quick"]) else 1)
