"""``CompiledLSTM``: ``FastLSTM`` with its walks through time in C++, for who has a compiler.

``FastLSTM`` calls half a dozen of torch's operations at every step, and where a step is small the
calls take longer than the computing. ``scan.cpp`` makes the same steps without them. It is compiled
when it is first needed, in a quarter of a minute or so; torch keeps the result on the disk.
"""

import contextlib
import functools
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.utils import cpp_extension

from lstm_tutorial.bptt import FastLSTM
from lstm_tutorial.scan import Walks

VECTORS = {  # what torch's own kernels were compiled with, for each kind of processor
    "AVX512": ["-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mavx2", "-mfma"],
    "AVX2": ["-mavx2", "-mfma", "-mf16c"],
}


@contextlib.contextmanager
def _scripts_on_path() -> Iterator[None]:
    """Let commands be found that pip has installed beside this Python."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), before])
    yield
    os.environ["PATH"] = before


def can_compile() -> bool:
    """Whether a C++ compiler and ninja, which builds with it, are found; never on Windows."""
    with _scripts_on_path():
        compiler = shutil.which(cpp_extension.get_cxx_compiler())
        return (
            sys.platform != "win32" and compiler is not None and cpp_extension.is_ninja_available()
        )


@functools.cache
def walks() -> Walks:
    """Compile ``scan.cpp`` where this has not been done yet, and load it.

    Raises:
        RuntimeError: where no compiler or no ninja is found, or the compiler fails.
    """
    if not can_compile():
        raise RuntimeError(
            "expected a C++ compiler and ninja, found one or both missing: install g++ or clang, "
            "and ninja with `pip install ninja`; or use FastLSTM, which needs neither"
        )
    kind = torch.backends.cpu.get_cpu_capability()
    flags = [f"-DCPU_CAPABILITY={kind}", f"-DCPU_CAPABILITY_{kind}"] if kind in VECTORS else []
    threads = ["-fopenmp"] if sys.platform == "linux" else []  # of torch's own library: not linked
    with _scripts_on_path():
        cpp_extension.load(
            name="lstm_tutorial_scan",
            sources=[str(Path(__file__).with_name("scan.cpp"))],
            extra_cflags=["-O3", *threads, *flags, *VECTORS.get(kind, [])],
            is_python_module=False,
        )
    ops = torch.ops.lstm_tutorial
    return Walks(recurrent, ops.walk.default, ops.walk_back.default)


def recurrent(weight_hh: Tensor) -> Tensor:
    """Transpose weight_hh, the candidate's times -2: float (H_out, 4*H_cell)."""
    transposed = weight_hh.t().clone(memory_format=torch.contiguous_format)
    transposed.chunk(4, dim=1)[2].mul_(-2)
    return transposed


class CompiledLSTM(FastLSTM):
    """Run ``FastLSTM`` with its two walks through time compiled.

    Arguments, inputs, outputs and errors are those of ``FastLSTM``, which computes the call where
    tensors are not on the CPU. Without a compiler or ninja, a call raises ``RuntimeError``.
    """

    def _walks(self, data: Tensor) -> Walks:
        return walks() if data.device.type == "cpu" else super()._walks(data)
