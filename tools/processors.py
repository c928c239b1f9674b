"""Run the tests that depend on the processor under other ones: ``python -m tools.processors``.

With ``quick``, only as many as fit into two minutes. qemu emulates the processors, on Linux on an
Intel or AMD processor; elsewhere a message says so, and with ``CI`` set that is a failure.
"""

import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
QEMU = "qemu-x86_64"
# Two processors and torch's name for their kind: no AVX-512, as in most laptops; and no AVX at all.
EMULATED = {"max": "AVX2", "Nehalem": "DEFAULT"}
LOWERED = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
SUITES = ("lstm*", "cell", "ragged", "bptt", "compiled", "bilstm", "describe*")
QUICK = ("-k", "autocast and not FastLSTM and not CompiledLSTM")


def run(name: str, workers: str, *arguments: object, **variables: str) -> bool:
    """Run some tests in pytest-xdist's workers, and print the time; return whether they passed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tx", workers]
    begun = time.monotonic()
    variables = os.environ | {"OMP_NUM_THREADS": "1"} | variables
    done = subprocess.run([*command, "--dist", "load", *map(str, arguments)], env=variables)
    print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
    return done.returncode == 0


def emulate(processor: str, *selected: str) -> bool:
    """Run the marked tests, or some, on an emulated processor; they check that it is emulated."""
    if shutil.which(QEMU) is None or platform.machine() not in ("x86_64", "AMD64"):
        print(f"No {QEMU} for this machine, so {processor} is not emulated: install qemu-user.")
        return not os.environ.get("CI")
    files = [file for file in TESTS.rglob("test_*.py") if "mark.kernels" in file.read_text("utf-8")]
    workers = f"2*popen//python={QEMU} -cpu {processor} {sys.executable}"
    arguments = ("-m", "kernels", *selected, *sorted(files))
    return run(processor, workers, *arguments, EMULATED=EMULATED[processor])


def main(quick: bool) -> bool:
    """Run all of them, or the quick ones; return whether they passed."""
    if quick:
        return emulate("max", *QUICK)
    suites = [file for name in SUITES for file in sorted(TESTS.rglob(f"test_{name}.py"))]
    passed = [emulate(processor) for processor in EMULATED]
    passed.append(run("lowered", "2*popen", *suites, **LOWERED))
    passed.append(run("two threads", "1*popen", *suites, OMP_NUM_THREADS="2"))
    return all(passed)


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:] == ["quick"]) else 1)
