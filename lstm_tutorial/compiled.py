"""``CompiledLSTM``: ``FastLSTM`` with its walks through time in C++; it needs a compiler.

``FastLSTM`` calls several of torch's operations at every step. For small steps these calls take
longer than the arithmetic. ``scan.cpp`` performs the same steps without them. It is compiled on
first use, in about a quarter of a minute, and kept on disk.
"""

import contextlib
import functools
import hashlib
import importlib
import logging
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from lstm_tutorial.bptt import FastLSTM
from lstm_tutorial.scan import Walks, transposed

SOURCE = Path(__file__).with_name("scan.cpp")
VECTORS = {  # what torch's own kernels were compiled with, for each kind of processor
    "AVX512": ["-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mavx2", "-mfma"],
    "AVX2": ["-mavx2", "-mfma", "-mf16c"],
}
LOCK = threading.Lock()  # two threads of one process would register the operations twice


@contextlib.contextmanager
def _scripts_on_path() -> Iterator[None]:
    """Let commands be found that pip installed beside this Python."""
    before = os.environ.get("PATH")
    os.environ["PATH"] = os.pathsep.join(filter(None, [sysconfig.get_path("scripts"), before]))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PATH"]
        else:
            os.environ["PATH"] = before


def _compiler() -> list[str]:
    return shlex.split(os.environ.get("CXX", "c++"))


@functools.cache
def _extension() -> ModuleType:
    """Import torch's builder without its warning about a CUDA toolkit without a GPU."""
    logger = logging.getLogger("torch.utils.cpp_extension")
    logger.addFilter(lambda record: "No CUDA runtime" not in record.getMessage())
    return importlib.import_module(logger.name)


def can_compile() -> bool:
    """Whether a C++ compiler and ninja are found; never on Windows."""
    if sys.platform == "win32":
        return False
    with _scripts_on_path():
        return all(shutil.which(program) for program in (_compiler()[0], "ninja"))


def walks() -> Walks:
    """Compile ``scan.cpp`` if necessary, and load it.

    On Linux with GCC the walks run on torch's threads, elsewhere on one.

    Raises:
        RuntimeError: if no compiler or no ninja is found, or the compiler fails.
    """
    with LOCK:
        _load()
    ops = torch.ops.lstm_tutorial
    return Walks(transposed, ops.walk.default, ops.walk_back.default)


@functools.cache
def _load() -> None:
    if not can_compile():
        raise RuntimeError(
            "expected a C++ compiler and ninja, on Linux or macOS, found something missing: "
            "install g++ (clang on macOS), and ninja with `pip install ninja`; or use FastLSTM, "
            "which needs neither"
        )
    with _scripts_on_path():
        flags = _flags()
        root = os.environ.get("TORCH_EXTENSIONS_DIR") or _extension().get_default_build_root()
        library = Path(root, f"{_name(flags)}.so")
        try:
            if library.exists():
                torch.ops.load_library(library)
            else:
                _build(library, flags)
        except OSError as error:
            raise RuntimeError(
                f"expected to build {SOURCE.name}: {error}: fix this, or use FastLSTM"
            ) from error


def _build(library: Path, flags: list[str]) -> None:
    """Build and load in a folder of this process's own, so that no other process can hold it up."""
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{library.stem}_", dir=library.parent) as folder:
        _extension().load(
            library.stem, [str(SOURCE)], extra_cflags=flags, build_directory=folder,
            is_python_module=False,
        )  # fmt: skip
        (built,) = Path(folder).glob("*.so")
        built.replace(library)


def _flags() -> list[str]:
    """Choose flags: torch's vector class follows macros; its OpenMP library, GCC's, is not used."""
    kind = torch.backends.cpu.get_cpu_capability()
    macros = [f"-DCPU_CAPABILITY={kind}", f"-DCPU_CAPABILITY_{kind}"] if kind in VECTORS else []
    version = subprocess.run([*_compiler(), "--version"], capture_output=True, text=True).stdout
    threads = sys.platform == "linux" and "Free Software Foundation" in version
    return ["-O3", *(["-fopenmp"] if threads else []), *macros, *VECTORS.get(kind, [])]


def _name(flags: list[str]) -> str:
    """Name a build; another torch, source or processor needs another one."""
    parts = [torch.__version__, SOURCE.read_text(encoding="utf-8"), *_compiler(), *flags]
    return "lstm_tutorial_" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


class CompiledLSTM(FastLSTM):
    """Run ``FastLSTM`` with its two walks through time compiled.

    Arguments, inputs, outputs and errors are those of ``FastLSTM``, which computes calls with
    tensors that are not on the CPU. Without a compiler or ninja, a call that would use the walks
    raises ``RuntimeError``.
    """

    def _walks(self, data: Tensor) -> Walks:
        return walks() if data.device.type == "cpu" else super()._walks(data)
