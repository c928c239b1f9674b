"""The parts of the record: contenders and sizes of each comparison."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks import settings
from benchmarks.contenders import (
    MODULES,
    PackedRun,
    RaggedRun,
    bidirectional,
    inference,
    packed,
    training,
)
from benchmarks.measure import (
    KEEP,
    allocator_row,
    in_process,
    memory_row,
    quartiles,
    row,
    seconds,
)
from benchmarks.peers import OTHERS, Step
from lstm_tutorial.sentiment.data.batches import Batch
from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier
from lstm_tutorial.sentiment.runs.pipeline import prepare
from lstm_tutorial.sentiment.runs.settings import Settings

SIZES = ((10, 32, 128, 256), (100, 32, 128, 128), (256, 64, 100, 128), (256, 64, 128, 256))
SIZES += ((50, 8, 32, 32),)  # L, N, H_in, H
REVIEWS = SIZES[2:4]  # also packed, lengths uniform in 30 to 256
PACKS = [who for who in ("FastLSTM", "CompiledLSTM", "LSTM") if who in MODULES]
LONG = (512, 64, 100, 128)
LENGTHS = (10, 50, 200, 1000, 4000)
GROWTH = (500, 4000)
BASE = {"L": 64, "N": 32, "H": 64, "layers": 1}
SCALES = {"L": (16, 64, 256, 1024), "N": (8, 32, 128, 512), "H": (8, 32, 128, 512),
          "layers": (1, 2, 4)}  # fmt: skip


def padded_rows(repeats: int) -> list[dict]:
    """All contenders on padded input."""
    rows = []
    for size in SIZES:
        length, n, features, hidden = size
        x = torch.randn(length, n, features)
        made = {who: make(features, hidden) for who, make in MODULES.items()}
        others = {who: make(size) for who, make in OTHERS.items()}
        steps = {who: training(module, x) for who, module in made.items()}
        steps |= {who: train for who, (train, _) in others.items()}
        rows.append(row("training, padded", size, steps, repeats))
        steps = {who: inference(module, x.detach()) for who, module in made.items()}
        steps |= {who: infer for who, (_, infer) in others.items()}
        rows.append(row("inference, padded", size, steps, repeats))
    return rows


def module_rows(repeats: int, sizes: Sequence[tuple[int, int, int, int]]) -> list[dict]:
    """Training steps on padded input of the contenders that are modules."""
    rows = []
    for size in sizes:
        length, n, features, hidden = size
        x = torch.randn(length, n, features)
        steps = {who: training(make(features, hidden), x) for who, make in MODULES.items()}
        rows.append(row("training, padded", size, steps, repeats))
    return rows


def packed_rows(repeats: int) -> list[dict]:
    """Bidirectional, with lengths that vary as much as those of reviews."""
    rows = []
    for size in REVIEWS:
        length, n, features, hidden = size
        x, lengths = torch.randn(length, n, features), random_lengths(30, length, n)
        theirs = bidirectional("nn.LSTM", features, hidden)
        sequence = packed(x, lengths)
        calls = {"nn.LSTM, packed": (theirs, sequence)}
        for who in PACKS:
            calls[f"{who}, packed"] = (bidirectional(who, features, hidden), sequence)
        calls |= {"ragged.run": (RaggedRun(theirs, lengths), x), "nn.LSTM, padded": (theirs, x)}
        for name, make in (("training", training), ("inference", inference)):
            steps = {who: make(module, data) for who, (module, data) in calls.items()}
            rows.append(row(f"{name}, packed", size, steps, repeats))
    return rows


def ragged_rows(repeats: int, longest: Sequence[int] = LENGTHS) -> list[dict]:
    """``ragged.run`` beside the padded call, which is fast but wrong there; passes separately."""
    rows = []
    for length in longest:
        x, lengths = torch.randn(length, 32, 64), random_lengths(length // 2, length, 32)
        lstm = nn.LSTM(64, 64, bidirectional=True)
        modules = {"nn.LSTM, padded": lstm, "ragged.run": RaggedRun(lstm, lengths)}
        size = (length, 32, 64, 64)
        rows.append(row("ragged, forward", size, _forwards(modules, x), repeats))
        rows.append(row("ragged, backward", size, _backwards(modules, x), repeats))
    return rows


def kept_rows(repeats: int) -> list[dict]:
    """Some rows with glibc keeping its memory: no time then depends on who freed what."""
    arguments = {"repeats": repeats, "threads": torch.get_num_threads()}
    arguments |= {"sizes": SIZES, "lengths": LENGTHS, "growth": GROWTH}
    rows = in_process("kept_rows", KEEP, **arguments)
    return [entry | {"what": f"memory kept, {entry['what']}", "variables": KEEP} for entry in rows]


def _forwards(modules: dict[str, nn.Module], x: Tensor) -> dict[str, Step]:
    leaf = x.clone().requires_grad_()
    return {who: lambda m=module: m(leaf) for who, module in modules.items()}


def _backwards(modules: dict[str, nn.Module], x: Tensor) -> dict[str, Step]:
    def prepare(module: nn.Module) -> Step:
        leaf = x.clone().requires_grad_()
        wanted = [leaf, *module.parameters()]
        loss = module(leaf)[0].sum()
        return lambda: torch.autograd.grad(loss, wanted, retain_graph=True)

    return {who: prepare(module) for who, module in modules.items()}


def random_lengths(low: int, high: int, n: int) -> Tensor:
    """Lengths uniform in low to high; the first one is high."""
    lengths = torch.randint(min(low, high), high + 1, (n,))
    lengths[0] = high
    return lengths


def growth_rows(repeats: int, longest: Sequence[int] = GROWTH) -> list[dict]:
    """How a training step grows with the length: packed, and padded with ``nn.LSTM``."""
    rows = []
    for who in (*PACKS, "ragged.run", "nn.LSTM"):
        steps = {}
        for length in longest:
            x, lengths = torch.randn(length, 8, 16), torch.linspace(length / 2, length, 8).long()
            module = bidirectional(who, 16, 32, lengths=lengths)
            data = packed(x, lengths) if who in PACKS else x
            steps[str(length)] = training(module, data)
        rows.append(row(f"growth, {who}", (longest[0], 8, 16, 32), steps, repeats))
    return rows


def scaling_rows(repeats: int) -> list[dict]:
    """How the cost of a bidirectional LSTM grows with each size, one at a time."""
    rows = []
    for name, values in SCALES.items():
        for who in ("nn.LSTM", "LSTM", "FastLSTM", "ragged.run"):
            steps = {}
            for value in values:
                length, n, units, layers = (BASE | {name: value}).values()
                lengths = random_lengths(length // 2, length, n)
                module = bidirectional(who, units, units, layers, lengths)
                steps[str(value)] = training(module, torch.randn(length, n, units))
            rows.append(row(f"scaling {name}, {who}", tuple(BASE.values()), steps, repeats))
    return rows


def memory_rows(repeats: int) -> list[dict]:
    """Peak memory of a training step; it varies little, so few repeats suffice."""
    return [memory_row(size, min(repeats, 3)) for size in REVIEWS]


def setting_rows(repeats: int) -> list[dict]:
    """Threads, batch sizes, number formats, batches by length, products, denormals, compilation."""
    rows = [
        row("threads", (100, n, 128, 128), settings.thread_steps(n), repeats) for n in (1, 8, 64)
    ]
    batches = settings.batch_steps((1, 8, 32, 128))
    rows.append(row("batch size", (100, 128, 128, 128), batches, repeats))
    for name, make in (("training", training), ("inference", inference)):
        size = (100, 32, 128, 128)
        rows.append(row(f"number formats, {name}", size, settings.dtype_steps(make), repeats))
    epoch = settings.batching_steps()
    rows.append(row("an epoch of reviews", (400, 32, 100, 64), epoch, repeats))
    for name, operator in {"halving": lambda x: x * 0.5, "sigmoid": torch.sigmoid,
                           "tanh": torch.tanh}.items():  # fmt: skip
        steps = settings.denormal_steps(operator)
        rows.append(row(f"denormals, {name}", (4096,), steps, repeats))
    for who in ("nn.LSTM", "LSTM"):
        steps = settings.fading_steps(MODULES[who])
        rows.append(row(f"fading gradients, {who}", (1000, 32, 64, 64), steps, repeats))
    for units in (64, 128, 256, 512):
        rows.append(row("products", (64, units, 4 * units), settings.product_steps(units), repeats))
    rows.append(row("compiled, inference", (10, 32, 128, 256), settings.compile_steps(), repeats))
    return rows


def review_rows(archive: Path) -> list[dict]:
    """A fifth of an IMDB epoch with the book's classifier, each batch run both ways in turn."""
    record = json.loads(Path("book/records/imdb-max.json").read_text())
    chosen = Settings.from_record({**record, "seed": 0})
    vocab, loader, *_ = prepare(chosen, archive)
    sizes = len(vocab), chosen.embedding_dim, chosen.hidden_size
    loader.batch_sampler.set_epoch(1)
    batches = list(loader)[::5]
    models = {}
    for who, make in (("packed", PackedRun), ("ragged.run", nn.LSTM)):
        torch.manual_seed(0)
        models[who] = BiLSTMClassifier(*sizes, pooling="max", lstm=make)

    def step(model: nn.Module, batch: Batch) -> None:
        model(batch.ids, batch.lengths).sum().backward()

    turns = []
    for batch in batches[:1] + batches:  # the first one twice, to warm up
        turns += [{who: seconds(partial(step, model, batch)) for who, model in models.items()}]
    del turns[0]
    spent = {who: sum(t[who] for t in turns) for who in models}
    result = {
        "what": "IMDB epoch, ragged.run against packed",
        "batches": len(batches),
        "seconds": {who: round(total, 1) for who, total in spent.items()},
        "ratio": round(spent["ragged.run"] / spent["packed"], 3),
        "quartiles": quartiles([t["ragged.run"] / t["packed"] for t in turns]),
    }
    print(result, flush=True)
    return [result]


PARTS: dict[str, Callable[[int], list[dict]]] = {
    "memory": memory_rows,
    "allocator": lambda repeats: [allocator_row(LONG, repeats)],
    "padded": padded_rows,
    "packed": packed_rows,
    "ragged": ragged_rows,
    "kept": kept_rows,
    "growth": growth_rows,
    "scaling": scaling_rows,
    "settings": setting_rows,
    "profile": lambda _: settings.profile_rows(),
}
