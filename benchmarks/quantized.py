"""Measure the shipped classifier in 32 and 8 bits, in torch and in onnxruntime.

``python -m benchmarks.quantized benchmarks/results/quantized.json --root "$IMDB_ARCHIVE"`` answers
the test part of IMDB one review at a time, on two threads, with all four in turn, so that whatever
else the machine does slows them alike. It writes its record after each part, and continues one that
was stopped. Last it times single layers of several sizes, in the same way.
"""

import argparse
import io
import json
import logging
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from torch import nn

from lstm_tutorial._files import write_whole
from lstm_tutorial._machine import machine, versions
from lstm_tutorial.export import to_onnx
from lstm_tutorial.sentiment.data import imdb
from lstm_tutorial.sentiment.runs import exported, load
from lstm_tutorial.sentiment.runs.pretrained import SHIPPED

PART, THREADS, STARTS, SEED = 100, 2, 5, 0
UNITS, STEPS, REPEATS, CALLS = (64, 128, 256, 512, 1024), 230, 7, 5
REST = 0.1  # seconds until threads that wait for work sleep
TORCH, TORCH8, ONNX, ONNX8 = "torch", "torch int8", "onnxruntime", "onnxruntime int8"
WITH_8_BITS = {TORCH8: TORCH, ONNX8: ONNX}
GOALS = {"size": 0.3, "speed": 2.0, "points": 0.2}
REVIEW = "A warm and wonderful film."
PREDICT = """
import atexit, re, sys
status = lambda: open("/proc/self/status").read()  # VmHWM, the most that was resident at once
atexit.register(lambda: print(re.search(r"VmHWM:\\s+(\\d+)", status())[1], file=sys.stderr))
from lstm_tutorial.cli.commands import app
app(sys.argv[1:])
"""

Answer = Callable[[list[int]], float]


def in_eight_bits(model: nn.Module) -> nn.Module:
    """Quantize LSTM, linear layer and embedding, weights only; activations as they come."""
    from torch.ao import quantization

    of_rows = quantization.float_qparams_weight_only_qconfig
    kinds = {nn.Embedding: of_rows}
    kinds |= dict.fromkeys((nn.LSTM, nn.Linear), quantization.default_dynamic_qconfig)
    return quantization.quantize_dynamic(model, kinds)


def answer_of(model: nn.Module) -> Answer:
    def answer(ids: list[int]) -> float:
        with torch.no_grad():
            return float(model(torch.tensor([ids]), torch.tensor([len(ids)])))

    return answer


def contenders(folder: Path) -> tuple[dict[str, Answer], dict[str, int], exported.Classifier]:
    """Make all four: what answers, and the bytes of weights and vocabulary."""
    run, files = load(SHIPPED), {ONNX: folder / "model.onnx", ONNX8: folder / "small.onnx"}
    words = len(json.dumps(run.vocab.itos).encode())
    answers, sizes = {}, {}
    for name, model in ((TORCH, run.model), (TORCH8, in_eight_bits(run.model))):
        file = io.BytesIO()
        torch.save(model.state_dict(), file)
        answers[name], sizes[name] = answer_of(model), file.tell() + words
    for name, path in files.items():
        exported.export(SHIPPED, path, quantize=name == ONNX8)
        classifier = exported.load(path, THREADS)
        answers[name], sizes[name] = classifier.logit, path.stat().st_size
    return answers, sizes, classifier


def start_up(path: Path) -> dict[str, dict[str, float]]:
    """Answer one review in a process of its own: median seconds, and peak memory in MiB."""
    found: dict[str, list[tuple[float, float]]] = {TORCH: [], ONNX: []}
    words = [sys.executable, "-c", PREDICT, "predict", REVIEW]
    for _ in range(STARTS):
        for name, more in ((TORCH, []), (ONNX, ["--onnx", str(path)])):
            start = time.perf_counter()
            done = subprocess.run(words + more, capture_output=True, text=True, check=True)
            kib = int(done.stderr.split()[-1])
            found[name].append((time.perf_counter() - start, kib / 1024))
    return {
        name: {
            "seconds": sorted(s for s, _ in pairs)[STARTS // 2],
            "peak_mib": max(m for _, m in pairs),
        }
        for name, pairs in found.items()
    }


def measure_part(
    answers: dict[str, Answer], examples: list[tuple[list[int], int]], results: dict[str, Any]
) -> None:
    """Add the seconds and the right answers of each, one review after the other.

    One finishes before the next begins: threads that wait for work would slow the other down.
    """
    for name, answer in answers.items():
        answer(examples[0][0])
        start = time.perf_counter()
        logits = [answer(ids) for ids, _ in examples]
        results[name]["seconds"] += time.perf_counter() - start
        right = [(logit > 0) == bool(k) for logit, (_, k) in zip(logits, examples, strict=True)]
        results[name]["right"] += sum(right)


def layers() -> list[dict[str, Any]]:
    """Time one bidirectional layer of each size on one sequence: median seconds of each of four."""
    found = []
    for units in UNITS:
        model = nn.Sequential(nn.LSTM(units, units, batch_first=True, bidirectional=True)).eval()
        x = torch.randn(1, STEPS, units)
        with tempfile.TemporaryDirectory() as folder:
            runs = layer_runs(model, x, Path(folder))
            seconds: dict[str, list[float]] = {name: [] for name in runs}
            for _ in range(REPEATS):
                for name, run in runs.items():
                    time.sleep(REST)
                    run()
                    start = time.perf_counter()
                    for _ in range(CALLS):
                        run()
                    seconds[name].append((time.perf_counter() - start) / CALLS)
        medians = {name: statistics.median(some) for name, some in seconds.items()}
        found.append({"units": units, "steps": STEPS, "seconds": medians})
    return found


def layer_runs(model: nn.Module, x: torch.Tensor, folder: Path) -> dict[str, Callable[[], Any]]:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    small, whole = in_eight_bits(model), folder / "whole.onnx"
    to_onnx(model, whole, (x.repeat(2, 1, 1),), input_names=["x"])
    quantize_dynamic(whole, folder / "small.onnx", weight_type=QuantType.QInt8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    sessions = {
        name: onnxruntime.InferenceSession(folder / file, options)
        for name, file in {ONNX: "whole.onnx", ONNX8: "small.onnx"}.items()
    }
    runs = {name: partial(one.run, None, {"x": x.numpy()}) for name, one in sessions.items()}
    return {
        TORCH: partial(torch.no_grad()(model.forward), x),
        TORCH8: partial(torch.no_grad()(small.forward), x),
        **runs,
    }


def misses(record: dict[str, Any]) -> list[str]:
    """Compare with the goals; return one line for each that is missed."""
    found, results = [], record["results"]
    for name, whole in WITH_8_BITS.items():
        small, large = results[name], results[whole]
        size, speed = small["bytes"] / large["bytes"], large["seconds"] / small["seconds"]
        points = 100 * (large["right"] - small["right"]) / record["reviews"]
        shown = f"{size:.3f} of the size, {speed:.2f} times as fast, {points:+.2f} points lost"
        print(f"{name}: {shown}")
        if size > GOALS["size"]:
            found.append(f"{name}: {size:.3f} of the size, goal at most {GOALS['size']}")
        if speed < GOALS["speed"]:
            found.append(f"{name}: {speed:.2f} times as fast, goal at least {GOALS['speed']}")
        if points > GOALS["points"]:
            found.append(f"{name}: {points:.2f} points lost, goal at most {GOALS['points']}")
    return found


def new_record(args: argparse.Namespace, sizes: dict[str, int], path: Path) -> dict[str, Any]:
    words = [
        "python -m benchmarks.quantized",
        shlex.quote(args.path.name),
        '--root "$IMDB_ARCHIVE"',
    ]
    words += [f"--reviews {args.reviews}"] if args.reviews else []
    packages = ("onnx", "onnxscript", "onnxruntime")
    return {
        "command": " ".join(words),
        "seed": SEED,
        "versions": versions() | {name: version(name) for name in packages},
        "machine": machine(),
        "start": start_up(path),
        "reviews": 0,
        "results": {name: {"bytes": n, "seconds": 0.0, "right": 0} for name, n in sizes.items()},
    }


def write(path: Path, record: dict[str, Any]) -> None:
    write_whole(path, (json.dumps(record, indent=2) + "\n").encode())


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("path", type=Path, help="JSON file for the record")
    parser.add_argument("--root", type=Path, help="IMDB; default: the download")
    parser.add_argument("--reviews", type=int, help="only so many of the test part")
    args = parser.parse_args(words)
    torch.set_num_threads(THREADS)
    reviews = imdb.load("test", args.root)
    random.Random(SEED).shuffle(reviews)
    reviews = reviews[: args.reviews]
    with tempfile.TemporaryDirectory() as folder:
        answers, sizes, classifier = contenders(Path(folder))
        record = json.loads(args.path.read_bytes()) if args.path.exists() else None
        record = record or new_record(args, sizes, Path(folder) / "model.onnx")
        while (done := record["reviews"]) < len(reviews):
            part = reviews[done : done + PART]
            examples = [
                (classifier.encode(review.text, review.id), review.label) for review in part
            ]
            measure_part(answers, examples, record["results"])
            record["reviews"] = done + len(part)
            write(args.path, record)
            print(f"{record['reviews']} of {len(reviews)} reviews", file=sys.stderr)
    if "layers" not in record:
        record["layers"] = layers()
        write(args.path, record)
    for line in misses(record):
        print(f"missed: {line}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # torch.ao is deprecated
    logging.disable(logging.WARNING)
    main()
