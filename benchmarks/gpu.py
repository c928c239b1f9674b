"""Time ``torch.nn.LSTM`` on a GPU and write the record that the book reads.

    python -m benchmarks.gpu benchmarks/results/gpu.json

It takes a few minutes and needs one NVIDIA GPU. Each step ends when the GPU has finished it. With
--device cpu the same code runs without what only a GPU has, as in the tests.
"""

import json
from collections.abc import Callable
from pathlib import Path

import torch
import typer
from torch import Tensor, nn

from benchmarks.contenders import RaggedRun, inference, packed, training
from benchmarks.measure import row
from benchmarks.peers import Size, Step
from lstm_tutorial._files import write_whole
from lstm_tutorial._machine import machine, versions
from lstm_tutorial.bptt import FastLSTM

SIZES: tuple[Size, ...] = ((100, 64, 128, 256), (500, 64, 128, 512))  # L, N, H_in, H_cell
LONGEST = (65_535, 65_536)
Make = Callable[..., Step]


def finished(step: Step, device: str) -> Step:
    """The step, and the wait until the device has done its work."""
    if device != "cuda":
        return step

    def run() -> None:
        step()
        torch.cuda.synchronize()

    return run


def without_cudnn(step: Step) -> Step:
    """The step by PyTorch's own kernels."""

    def run() -> None:
        with torch.backends.cudnn.flags(enabled=False):
            step()

    return run


def under_autocast(step: Step, device: str, dtype: torch.dtype) -> Step:
    """The step in another format, the weights in float32."""

    def run() -> None:
        with torch.autocast(device, dtype):
            step()

    return run


def padded_steps(make: Make, size: Size, device: str) -> dict[str, Step]:
    """cuDNN, PyTorch's own kernels, other formats, and the book's layer."""
    length, n, features, hidden = size
    x, lstm = torch.randn(length, n, features, device=device), nn.LSTM(features, hidden).to(device)
    steps = {"nn.LSTM": make(lstm, x), "nn.LSTM, cuDNN off": without_cudnn(make(lstm, x))}
    if device == "cuda":  # whether a CPU has these formats is another matter
        for dtype in (torch.float16, torch.bfloat16):
            name = f"nn.LSTM, autocast {str(dtype).removeprefix('torch.')}"
            steps[name] = under_autocast(make(lstm, x), device, dtype)
    return steps | {"FastLSTM": make(FastLSTM(features, hidden).to(device), x.detach().clone())}


def ragged_steps(make: Make, size: Size, device: str) -> dict[str, Step]:
    """Three ways to run rows of unequal length, in two directions; padding is computed in one."""
    length, n, features, hidden = size
    x = torch.randn(length, n, features, device=device)
    lengths = torch.randint(max(1, length // 4), length + 1, (n,))
    lengths[0] = length
    lstm = nn.LSTM(features, hidden, bidirectional=True).to(device)
    steps = {
        "packed": make(lstm, packed(x, lengths)),
        "padded": make(lstm, x),
        "ragged.run": make(RaggedRun(lstm, lengths), x.detach().clone()),
    }
    return steps


def graphed(lstm: nn.LSTM, n: int) -> Callable[[Tensor], Tensor]:
    """Record one step as a CUDA graph, and return the function that replays it on an input.

    Input, states and output of a graph keep their memory: the input is copied into its place, the
    new states into that of the old ones.
    """
    weight = lstm.weight_ih_l0
    x = weight.new_zeros(1, n, lstm.input_size)
    h, c = weight.new_zeros(2, lstm.num_layers, n, lstm.hidden_size)

    def step() -> Tensor:
        output, (new_h, new_c) = lstm(x, (h, c))
        h.copy_(new_h)
        c.copy_(new_c)
        return output

    warm = torch.cuda.Stream()
    warm.wait_stream(torch.cuda.current_stream())
    with torch.no_grad(), torch.cuda.stream(warm):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(warm)
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph):
        output = step()
    h.zero_()
    c.zero_()

    def replay(given: Tensor) -> Tensor:
        x.copy_(given)
        graph.replay()
        return output

    return replay


def streaming_steps(size: Size, device: str) -> dict[str, Step]:
    """One call for all steps, a call per step, and on a GPU a graph per step."""
    length, n, features, hidden = size
    x, lstm = torch.randn(length, n, features, device=device), nn.LSTM(features, hidden).to(device)

    def step_by_step() -> None:
        hx = None
        with torch.inference_mode():
            for x_t in x.split(1):
                _, hx = lstm(x_t, hx)

    steps = {"one call": inference(lstm, x), "a call per step": step_by_step}
    if device == "cuda":
        replay = graphed(lstm, n)
        steps["a CUDA graph per step"] = lambda: [replay(x_t) for x_t in x.split(1)]
    return steps


def longest_row(device: str, lengths: tuple[int, ...] = LONGEST) -> dict:
    """Which of two lengths runs in one call, or the first line of the message."""
    lstm, said = nn.LSTM(4, 8).to(device), {}
    for length in lengths:
        try:
            lstm(torch.zeros(length, 1, 4, device=device))
            said[str(length)] = "runs"
        except RuntimeError as error:
            said[str(length)] = str(error).splitlines()[0]
    return {"what": "longest sequence in one call", "said": said}


def rows(device: str, repeats: int) -> list[dict]:
    """All rows of the record."""
    found = []
    for size in SIZES:
        groups: dict[str, dict[str, Step]] = {}
        for name, make in {"training": training, "inference": inference}.items():
            groups[f"{name}, padded"] = padded_steps(make, size, device)
            groups[f"{name}, unequal lengths"] = ragged_steps(make, size, device)
        groups["step by step"] = streaming_steps(size, device)
        for name, steps in groups.items():
            synced = {who: finished(step, device) for who, step in steps.items()}
            found.append(row(name, size, synced, repeats))
    return [*found, longest_row(device)]


def main(path: Path, repeats: int = 15, device: str = "cuda") -> None:
    """Time every row and write the record atomically."""
    if device == "cuda" and not torch.cuda.is_available():
        raise typer.BadParameter("no NVIDIA GPU that torch can use: try --device cpu")
    torch.manual_seed(0)
    options = "" if (repeats, device) == (15, "cuda") else f" --repeats {repeats} --device {device}"
    record = {"command": f"python -m benchmarks.gpu {path}{options}", "seed": 0}
    record |= {"versions": versions(), "machine": machine(), "device": device}
    if device == "cuda":
        record["device"] = torch.cuda.get_device_name()
        record["versions"] |= {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    record["rows"] = rows(device, repeats)
    write_whole(path, (json.dumps(record, indent=1) + "\n").encode())


if __name__ == "__main__":
    typer.run(main)
