"""What a record says of where it was made: versions, machine and memory."""

import importlib.metadata
import os
import platform
import sys
from pathlib import Path

import torch
import torch.distributed as dist


def versions() -> dict[str, str]:
    """Return the versions of Python, torch, torchtext and this package."""
    packages = {"torch": "torch", "torchtext": "torchtext", "lstm_tutorial": "lstm-tutorial"}
    found = {name: importlib.metadata.version(package) for name, package in packages.items()}
    return {"python": platform.python_version(), **found, "torch": str(torch.__version__)}


def machine() -> dict[str, str | int | None]:
    """Describe the machine, but do not name it: its processor, torch's threads and kernels.

    Where several processes train together, their number is ``processes``.
    """
    is_parallel = dist.is_available() and dist.is_initialized()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": _cores(),
        "threads": torch.get_num_threads(),
        "kernels": torch.backends.cpu.get_cpu_capability(),
        **({"processes": dist.get_world_size()} if is_parallel else {}),
    }


def peak_memory_mib() -> int | None:
    """Return this process's peak memory in MiB; None on Windows, without module ``resource``."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 2**20 if sys.platform == "darwin" else peak // 2**10  # bytes there, KiB here


def _cores() -> int | None:
    """Count the cores available to this process, where the system reports them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _processor() -> str:
    """Read the processor's name from Linux's cpuinfo; platform.processor() is empty there."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
