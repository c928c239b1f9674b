"""Time a training step of ``lstm_tutorial.LSTM`` beside ``torch.nn.LSTM``'s.

    python benchmarks/scan.py            # ratios at several sizes, padded and packed
    python benchmarks/scan.py --lengths  # how a packed step grows with the length

Both classes run in turn, a pair at a time, so that a busy machine slows both. A row gives the
median of the pairs' ratios (ours to torch's, lower is faster) and the median times.
"""

import argparse
import statistics
import time

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from lstm_tutorial import LSTM

SIZES = ((256, 64, 100, 128), (256, 64, 100, 256), (50, 32, 100, 64), (1000, 16, 100, 128))
LENGTHS = (500, 1000, 2000, 4000)


def batch(length: int, n: int, features: int, packed: bool) -> Tensor | PackedSequence:
    """Random sequences; the packed ones are between half the length and all of it long."""
    x = torch.randn(length, n, features)
    if not packed:
        return x
    lengths = torch.linspace(length, length // 2, n).long()
    return pack_padded_sequence(x, lengths)


def seconds(lstm: nn.Module, x: Tensor | PackedSequence) -> float:
    """Time one forward and backward pass."""
    start = time.perf_counter()
    output, _ = lstm(x)
    (output.data if isinstance(output, PackedSequence) else output).sum().backward()
    return time.perf_counter() - start


def measure(size: tuple[int, int, int, int], pairs: int, packed: bool) -> str:
    """One row of the table: the size, the ratio, and both times in milliseconds."""
    length, n, features, hidden = size
    ours, theirs = LSTM(features, hidden), nn.LSTM(features, hidden)
    x = batch(length, n, features, packed)
    seconds(ours, x), seconds(theirs, x)
    times = [(seconds(ours, x), seconds(theirs, x)) for _ in range(pairs)]
    ratio = statistics.median(mine / other for mine, other in times)
    mine, other = (1e3 * statistics.median(column) for column in zip(*times, strict=True))
    form = "packed" if packed else "padded"
    return f"{size!s:>22}  {form}  {ratio:6.2f}  {mine:9.1f}  {other:9.1f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=9, help="runs of each class (default: 9)")
    parser.add_argument("--threads", type=int, default=2, help="torch threads (default: 2)")
    parser.add_argument(
        "--lengths", action="store_true", help="packed, (L, 8, 16, 32), L up to 4000"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    print(
        f"{'(L, N, H_in, H_cell)':>22}  {'form':6}  {'ratio':>6}  {'ours ms':>9}  {'torch ms':>9}"
    )
    if arguments.lengths:
        rows = [((length, 8, 16, 32), True) for length in LENGTHS]
    else:
        rows = [(size, packed) for size in SIZES for packed in (False, True)]
    for size, packed in rows:
        print(measure(size, arguments.pairs, packed), flush=True)


if __name__ == "__main__":
    main()
