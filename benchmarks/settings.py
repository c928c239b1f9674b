"""Other influences on the time of a training step: threads, batches, number formats, denormals."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from benchmarks.contenders import MODULES, RaggedRun, inference, packed, training
from benchmarks.peers import Step


def thread_steps(n: int) -> dict[str, Step]:
    """The same training step on one thread and on two; ``n`` sequences of 100 steps."""
    step = training(nn.LSTM(128, 128), torch.randn(100, n, 128))
    threads = torch.get_num_threads()

    def on(count: int) -> Step:
        def run() -> None:
            torch.set_num_threads(count)
            step()
            torch.set_num_threads(threads)

        return run

    return {"1 thread": on(1), "2 threads": on(2)}


def batch_steps(sizes: tuple[int, ...], count: int = 128) -> dict[str, Step]:
    """``count`` sequences in batches of each size: one pass over all of them."""
    steps = {}
    for n in sizes:
        step = training(nn.LSTM(128, 128), torch.randn(100, n, 128))
        steps[str(n)] = lambda step=step, n=n: [step() for _ in range(count // n)]
    return steps


def dtype_steps(make, size: tuple[int, int, int, int] = (100, 32, 128, 128)) -> dict[str, Step]:
    """float32, float64, bfloat16 and autocast; ``make`` is ``training`` or ``inference``."""
    length, n, features, hidden = size
    x = torch.randn(length, n, features)
    steps = {"float32": make(nn.LSTM(features, hidden), x)}
    for dtype in (torch.float64, torch.bfloat16):
        module = nn.LSTM(features, hidden, dtype=dtype)
        steps[str(dtype).removeprefix("torch.")] = make(module, x.detach().to(dtype))
    plain = make(nn.LSTM(features, hidden), x.detach().clone())

    def mixed() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            plain()

    return steps | {"autocast": mixed}


def product_steps(units: int, n: int = 64, calls: int = 50) -> dict[str, Step]:
    """One step's product of n states with weight_hh, by MKL and by oneDNN, several times."""
    h, weight_hh = torch.randn(n, units), torch.randn(4 * units, units)
    onednn = torch.ops.mkldnn._linear_pointwise.default
    once = {
        "MKL": lambda: F.linear(h, weight_hh),
        "oneDNN": lambda: onednn(h, weight_hh, None, "none", [], ""),
    }
    return {who: lambda step=step: [step() for _ in range(calls)] for who, step in once.items()}


def batching_steps(count: int = 256, n: int = 32) -> dict[str, Step]:
    """One epoch over sequences as long as reviews, in random order and by length."""
    lengths = torch.randn(count).mul(0.6).exp().mul(100).clamp(20, 400).long()
    orders = {"random": torch.randperm(count), "by length": lengths.argsort()}
    rnn = nn.LSTM(100, 64, bidirectional=True)
    steps = {}
    for order, rows in orders.items():
        batches = [_batch(lengths[chunk]) for chunk in rows.split(n)]
        for way, make in {
            "padded": lambda x, _: training(rnn, x),
            "packed": lambda x, length: training(rnn, packed(x, length)),
            "ragged.run": lambda x, length: training(RaggedRun(rnn, length), x.clone()),
        }.items():
            epoch = [make(x, length) for x, length in batches]
            steps[f"{way}, {order}"] = lambda epoch=epoch: [step() for step in epoch]
    return steps


def _batch(lengths: Tensor) -> tuple[Tensor, Tensor]:
    return torch.randn(int(lengths.max()), len(lengths), 100), lengths


def denormal_steps(operator, size: int = 4096, calls: int = 300) -> dict[str, Step]:
    """An elementwise operator on ordinary numbers, on denormal ones, and on those flushed."""
    bits = torch.full((size,), 2**20, dtype=torch.int32)  # as a number, it would be flushed here
    ordinary, denormal = torch.ones(size), bits.view(torch.float32)

    def over(x: Tensor, flush: bool) -> Step:
        def run() -> None:
            torch.set_flush_denormal(flush)
            for _ in range(calls):
                operator(x)
            torch.set_flush_denormal(True)

        return run

    return {
        "ordinary": over(ordinary, False),
        "denormal, kept": over(denormal, False),
        "denormal, flushed": over(denormal, True),
    }


def fading_steps(make, length: int = 1000) -> dict[str, Step]:
    """A backward pass over vanishing gradients: only the last step has a loss.

    On one thread, because the flag belongs to the thread that sets it.
    """
    lstm, x, threads = make(64, 64), torch.randn(length, 32, 64), torch.get_num_threads()

    def last_step(flush: bool) -> Step:
        def run() -> None:
            torch.set_num_threads(1)
            torch.set_flush_denormal(flush)
            lstm.zero_grad(set_to_none=True)
            lstm(x)[0][-1].sum().backward()
            torch.set_flush_denormal(True)
            torch.set_num_threads(threads)

        return run

    return {"flushed": last_step(True), "kept": last_step(False)}


def compile_steps(size: tuple[int, int, int, int] = (10, 32, 128, 256)) -> dict[str, Step]:
    """Inference uncompiled and compiled. Needs a C++ compiler, and minutes for long sequences."""
    length, n, features, hidden = size
    x = torch.randn(length, n, features)
    steps = {}
    for who in ("nn.LSTM", "LSTM", "cell loop"):
        module = MODULES[who](features, hidden)
        steps[who] = inference(module, x)
        steps[f"{who}, compiled"] = inference(torch.compile(module), x)
    return steps


def profile_rows(size: tuple[int, int, int, int] = (100, 32, 128, 128)) -> list[dict]:
    """Shares of a training step's time by kind of operation, and how many operators it calls."""
    length, n, features, hidden = size
    rows = []
    for who in ("naive loop", "cell loop", "LSTM", "FastLSTM", "nn.LSTM"):
        step = training(MODULES[who](features, hidden), torch.randn(length, n, features))
        step(), step()
        with profile(activities=[ProfilerActivity.CPU]) as found:
            step()
        shares = dict.fromkeys(KINDS, 0.0)
        for event in found.key_averages():
            shares[_kind(event.key)] += event.self_cpu_time_total
        total = sum(shares.values())
        called = sum(
            e.count for e in found.key_averages() if e.key.startswith(("aten::", "mkldnn"))
        )
        rows.append({
            "what": "profile of a training step",
            "size": size,
            "who": who,
            "operators": called,
            "shares": {kind: round(value / total, 3) for kind, value in shares.items()},
        })  # fmt: skip
        print(rows[-1], flush=True)
    return rows


KINDS = {
    "matrix products": ("mm", "addmm", "bmm", "baddbmm", "linear", "mkldnn_rnn_layer",
                        "mkldnn::_linear_pointwise"),
    "gates": ("sigmoid", "tanh", "mul", "add", "sub", "addcmul", "neg", "rsub", "sum"),
    "copies and cutting": ("copy", "cat", "stack", "slice", "chunk", "split", "clone", "fill",
                           "zero", "unbind", "select", "narrow", "empty", "as_strided", "view"),
    "the rest": (),
}  # fmt: skip


def _kind(key: str) -> str:
    """Sort an operator into one of ``KINDS`` by the words of its name."""
    name = key.lower().removeprefix("aten::").removesuffix("_backward").strip("_")
    for kind, words in KINDS.items():
        if any(name == word or name.startswith((f"{word}_", f"{word}back")) for word in words):
            return kind
    return "the rest"
