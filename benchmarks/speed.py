"""Time LSTMs beside ``torch.nn.LSTM`` and write the record that the book reads.

    python -m benchmarks.speed benchmarks/results/speed.json

With --part padded --part growth only those parts are measured again, and the other rows of the
record stay as they were; the record then names the command of each.

In each row all contenders run in turn, one step each, over and over, so that whatever else the
machine does slows all of them. A contender's number is the median of its ratios to the first of the
row within the same turn, beside the quartiles; below 1 is faster. Milliseconds stand beside for
the first only.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import torch
import typer
from torch import nn

from benchmarks import settings
from benchmarks.contenders import (
    MODULES,
    OTHERS,
    PackedRun,
    RaggedRun,
    Step,
    inference,
    packed,
    training,
)
from lstm_tutorial import LSTM
from lstm_tutorial.bptt import FastLSTM
from lstm_tutorial.sentiment.model import BiLSTMClassifier
from lstm_tutorial.sentiment.pipeline import prepare

SIZES = ((10, 32, 128, 256), (100, 32, 128, 128), (256, 64, 100, 128), (256, 64, 128, 256))
SIZES += ((50, 8, 32, 32),)
REVIEWS = ((256, 64, 100, 128), (256, 64, 128, 256))  # packed, lengths uniform in 30 to 256
LENGTHS = (10, 50, 200, 1000, 4000)
PEERS = ("labml-nn", "keras", "equinox", "jax")


def seconds(step: Step) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def row(name: str, size: tuple[int, ...], steps: dict[str, Step], repeats: int) -> dict:
    """Interleave the steps; the first is what the others are compared with."""
    for step in steps.values():
        step(), step()
    turns = [{who: seconds(step) for who, step in steps.items()} for _ in range(repeats)]
    first = next(iter(steps))
    ratios = {who: sorted(turn[who] / turn[first] for turn in turns) for who in steps}
    result = {
        "what": name,
        "size": size,
        "repeats": repeats,
        "first": first,
        "milliseconds": round(1e3 * statistics.median(turn[first] for turn in turns), 3),
        "ratios": {
            who: [round(q, 3) for q in statistics.quantiles(values, n=4)]
            for who, values in ratios.items()
            if who != first
        },
    }
    print(f"{name:28} {size!s:22}", *(f"{w} {r[1]:.2f}" for w, r in result["ratios"].items()),
          sep="  ", flush=True)  # fmt: skip
    return result


def padded_rows(repeats: int) -> list[dict]:
    """All contenders on padded input."""
    rows = []
    for size in SIZES:
        length, n, features, hidden = size
        x = torch.randn(length, n, features)
        made = {who: make(features, hidden) for who, make in MODULES.items()}
        steps = {who: training(module, x) for who, module in made.items()}
        steps |= {who: make(size) for who, make in OTHERS.items()}
        rows.append(row("training, padded", size, steps, repeats))
        steps = {who: inference(module, x.detach()) for who, module in made.items()}
        rows.append(row("inference, padded", size, steps, repeats))
    return rows


def packed_rows(repeats: int) -> list[dict]:
    """Bidirectional, lengths as different as those of reviews."""
    rows = []
    for size in REVIEWS:
        length, n, features, hidden = size
        x, lengths = torch.randn(length, n, features), torch.randint(30, length + 1, (n,))
        lengths[0] = length
        theirs = nn.LSTM(features, hidden, bidirectional=True)
        steps = {"nn.LSTM, packed": training(theirs, packed(x, lengths))}
        for cls in (FastLSTM, LSTM):
            module = cls(features, hidden, bidirectional=True)
            steps[f"{cls.__name__}, packed"] = training(module, packed(x, lengths))
        steps["ragged.run"] = training(RaggedRun(theirs, lengths), x.clone())
        steps["nn.LSTM, padded"] = training(theirs, x.clone())
        rows.append(row("training, packed", size, steps, repeats))
    return rows


def ragged_rows(repeats: int) -> list[dict]:
    """``ragged.run`` beside the padded call, which is wrong there, but fast; passes apart."""
    rows = []
    for length in LENGTHS:
        x, lengths = torch.randn(length, 32, 64), torch.randint(length // 2, length + 1, (32,))
        lengths[0] = length
        lstm = nn.LSTM(64, 64, bidirectional=True)
        modules = {"nn.LSTM, padded": lstm, "ragged.run": RaggedRun(lstm, lengths)}
        size = (length, 32, 64, 64)
        count = max(5, repeats if length < 4000 else repeats // 2)
        rows.append(row("ragged, forward", size, _forwards(modules, x), count))
        rows.append(row("ragged, backward", size, _backwards(modules, x), count))
    return rows


def _forwards(modules: dict[str, nn.Module], x: torch.Tensor) -> dict[str, Step]:
    leaf = x.clone().requires_grad_()
    return {who: lambda m=module: m(leaf) for who, module in modules.items()}


def _backwards(modules: dict[str, nn.Module], x: torch.Tensor) -> dict[str, Step]:
    def prepare(module: nn.Module) -> Step:
        leaf = x.clone().requires_grad_()
        wanted = [leaf, *module.parameters()]
        loss = module(leaf)[0].sum()
        return lambda: torch.autograd.grad(loss, wanted, retain_graph=True)

    return {who: prepare(module) for who, module in modules.items()}


def growth_rows(repeats: int) -> list[dict]:
    """How a packed training step grows from 500 to 4,000 steps, relative to the length."""
    rows = []
    for cls in (LSTM, FastLSTM, RaggedRun):
        steps = {}
        for length in (500, 4000):
            x, lengths = torch.randn(length, 8, 16), torch.linspace(length / 2, length, 8).long()
            if cls is RaggedRun:
                module = RaggedRun(nn.LSTM(16, 32, bidirectional=True), lengths)
                steps[str(length)] = training(module, x)
            else:
                steps[str(length)] = training(cls(16, 32, bidirectional=True), packed(x, lengths))
        rows.append(row(f"growth, {cls.__name__}", (500, 8, 16, 32), steps, repeats))
    return rows


def scaling_rows(repeats: int) -> list[dict]:
    """How nn.LSTM's and FastLSTM's cost grows with each size, one at a time."""
    rows, base = [], {"L": 64, "N": 32, "H": 64, "layers": 1}
    for name, values in {"L": (32, 128, 512), "N": (8, 32, 128), "H": (32, 128, 512),
                         "layers": (1, 2, 4)}.items():  # fmt: skip
        for cls in (nn.LSTM, FastLSTM):
            steps = {}
            for value in values:
                at = base | {name: value}
                module = cls(at["H"], at["H"], at["layers"])
                steps[str(value)] = training(module, torch.randn(at["L"], at["N"], at["H"]))
            rows.append(
                row(f"scaling {name}, {cls.__name__}", tuple(base.values()), steps, repeats)
            )
    return rows


def setting_rows(repeats: int) -> list[dict]:
    """Threads, batch sizes, number formats, batches by length, denormals, compilation."""
    rows = [
        row("threads", (100, n, 128, 128), settings.thread_steps(n), repeats) for n in (1, 8, 64)
    ]
    batches = settings.batch_steps((1, 8, 32, 128))
    rows.append(row("batch size", (100, 128, 128, 128), batches, repeats))
    for name, make in (("training", training), ("inference", inference)):
        size = (100, 32, 128, 128)
        rows.append(row(f"number formats, {name}", size, settings.dtype_steps(make), repeats))
    few = max(5, repeats // 3)
    rows.append(row("an epoch of reviews", (400, 32, 100, 64), settings.batching_steps(), few))
    for name in ("mul", "sigmoid", "exp"):
        operator = getattr(torch, name)
        steps = settings.denormal_steps(operator if name != "mul" else lambda x: x * x)
        rows.append(row(f"denormals, {name}", (4096,), steps, repeats))
    for cls in (nn.LSTM, LSTM):
        steps = settings.fading_steps(cls)
        rows.append(row(f"fading gradients, {cls.__name__}", (1000, 32, 64, 64), steps, repeats))
    rows.append(row("compiled, inference", (10, 32, 128, 256), settings.compile_steps(), repeats))
    return rows


def review_rows(archive: Path) -> list[dict]:
    """A fifth of an IMDB epoch with the book's classifier, each batch run both ways in turn."""
    record = json.loads(Path("book/records/imdb-max.json").read_text())
    chosen = {**record["configuration"], "seed": 0}
    vocab, loader, *_ = prepare(chosen, archive)
    sizes = len(vocab), chosen["embedding_dim"], chosen["hidden_size"]
    loader.batch_sampler.set_epoch(1)
    batches = list(loader)[::5]
    models = {}
    for who, make in (("packed", PackedRun), ("ragged.run", nn.LSTM)):
        torch.manual_seed(0)
        models[who] = BiLSTMClassifier(*sizes, pooling="max", lstm=make)
    spent = dict.fromkeys(models, 0.0)
    for batch in batches:
        for who, model in models.items():
            spent[who] += seconds(lambda m=model, b=batch: m(b.ids, b.lengths).sum().backward())
    result = {"what": "IMDB epoch, ragged.run against packed", "batches": len(batches),
              "ratio": round(spent["ragged.run"] / spent["packed"], 3)}  # fmt: skip
    print(result, flush=True)
    return [result]


def peak_mib(who: str, size: tuple[int, int, int, int]) -> float:
    """Peak memory that ten training steps add to a fresh process that has run a tiny one.

    Read from Linux as VmHWM, the most that was resident at once.
    """
    code = (
        "import re, torch; from benchmarks.contenders import MODULES, training; "
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]); "
        f"make = MODULES[{who!r}]; length, n, features, hidden = {size!r}; "
        "training(make(4, 4), torch.randn(4, 4, 4))(); before = peak(); "
        "step = training(make(features, hidden), torch.randn(length, n, features)); "
        "[step() for _ in range(10)]; print((peak() - before) / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def memory_rows(repeats: int = 1) -> list[dict]:
    """Peak memory of a training step, each contender in a process of its own."""
    rows = []
    for size in SIZES[2:4]:
        mib = {who: round(peak_mib(who, size), 1) for who in ("nn.LSTM", "FastLSTM", "LSTM")}
        rows.append({"what": "peak memory, MiB", "size": size, "mib": mib})
        print(rows[-1], flush=True)
    return rows


PARTS: dict[str, Callable[[int], list[dict]]] = {
    "memory": memory_rows,
    "padded": padded_rows,
    "packed": packed_rows,
    "ragged": ragged_rows,
    "growth": growth_rows,
    "scaling": scaling_rows,
    "settings": setting_rows,
    "profile": lambda repeats: settings.profile_rows(),
}


def version_of(package: str) -> str | None:
    """Installed version, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def main(
    path: Path,
    repeats: int = 15,
    threads: int = 2,
    imdb: Path | None = None,
    part: list[str] | None = None,
) -> None:
    """Run every part and write the record, whole or not at all.

    With --imdb, the archive of the reviews, also time the book's classifier on them. With --part,
    as often as wanted, run only these parts, and keep the other rows of the record at ``path``.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    command = f"python -m benchmarks.speed {path} --repeats {repeats} --threads {threads}"
    command += ' --imdb "$IMDB_ARCHIVE"' if imdb else ""
    old = json.loads(path.read_text()) if part else {"rows": [], "command": command}
    setting = _setting(threads)
    if part and any(old[name] != value for name, value in setting.items()):
        raise typer.BadParameter("the record is of another machine or version: run all parts")
    parts = PARTS | ({"imdb": lambda _: review_rows(imdb)} if imdb else {})
    chosen = part or list(parts)
    rows = {name: [entry for entry in old["rows"] if entry["part"] == name] for name in parts}
    kept = [entry for entry in old["rows"] if entry["part"] not in parts]
    for name in chosen:
        torch.manual_seed(0)
        rows[name] = [{"part": name} | entry for entry in parts[name](repeats)]
    again = old.get("again", {}) | {name: f"{command} --part {name}" for name in part or ()}
    record = {"command": old["command"], "again": again, **setting}
    record["rows"] = kept + [entry for name in parts for entry in rows[name]]
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=1) + "\n")
    partial.replace(path)


def _setting(threads: int) -> dict:
    """Seed, versions and machine of a run."""
    peers = {peer: found for peer in PEERS if (found := version_of(peer))}
    return {
        "seed": 0,
        "versions": {"python": platform.python_version(), "torch": torch.__version__} | peers,
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)),
            "threads": threads,
        },
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


if __name__ == "__main__":
    typer.run(main)
