"""Time a step of one's own under ``torch.compile``: ``python -m benchmarks.variants RECORD``.

The layer-normalised LSTM of the chapter on variants, a training step, relative to ``nn.LSTM``:
as it is, with its step compiled, and with the whole loop compiled, which unrolls every step. The
record keeps the seconds of the first call, which compiles. It needs a C++ compiler.
"""

import copy
import json
import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.contenders import training
from benchmarks.measure import row
from lstm_tutorial._files import write_whole
from lstm_tutorial._machine import machine, versions
from lstm_tutorial.variants import layer_norm_step, over_time


class LayerNormLSTM(nn.Module):
    """One layer in one direction, called as ``nn.LSTM`` is."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.ih = nn.Linear(input_size, 4 * hidden_size)
        self.hh = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.norm_ih, self.norm_hh = nn.LayerNorm(4 * hidden_size), nn.LayerNorm(4 * hidden_size)
        self.norm_c = nn.LayerNorm(hidden_size)

    def step(self, projected: Tensor, hx: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Advance by one step."""
        return layer_norm_step(projected, hx, self.hh.weight, self.norm_hh, self.norm_c)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Run over float (L, N, H_in)."""
        zeros = x.new_zeros(x.size(1), self.hh.in_features)
        output, _ = over_time(self.step, self.norm_ih(self.ih(x)), (zeros, zeros))
        return output, None


def measured(size: tuple[int, int, int, int], repeats: int) -> dict:
    """Compile both ways, and let all take turns."""
    length, n, features, hidden = size
    x = torch.randn(length, n, features)
    plain = LayerNormLSTM(features, hidden)
    stepwise, whole = copy.deepcopy(plain), copy.deepcopy(plain)
    stepwise.step = torch.compile(stepwise.step)  # type: ignore[method-assign]
    made = {"nn.LSTM": nn.LSTM(features, hidden), "as it is": plain, "step compiled": stepwise}
    steps = {who: training(module, x) for who, module in made.items()}
    steps["loop compiled"] = training(torch.compile(whole), x)
    first = {}
    for who in ("step compiled", "loop compiled"):
        start = time.perf_counter()
        steps[who]()
        first[who] = round(time.perf_counter() - start, 1)
    return row("layer norm", size, steps, repeats) | {"seconds of the first call": first}


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    record = {
        "command": "python -m benchmarks.variants benchmarks/results/variants.json",
        "seed": 0,
    }
    record |= {"versions": versions(), "machine": machine()}
    record["rows"] = [measured((20, 32, 64, 64), repeats=15)]
    write_whole(Path(sys.argv[1]), (json.dumps(record, indent=1) + "\n").encode())
