"""What a wrong bridge from encoder to decoder costs after training, with and without attention.

``python -m lstm_tutorial.tasks.bridges`` prints the record that the chapter on sequence to sequence
reads.
"""

import json
import sys
from typing import Any

import torch
from torch import Tensor

from lstm_tutorial.tasks.dates import SOURCE_WORDS, TARGET_WORDS, make_pairs
from lstm_tutorial.tasks.search import State
from lstm_tutorial.tasks.translation import Translator, exact_match, fit, join_directions

BRIDGES = ("joined", "layers mixed", "reshape", "zeros")
EPOCHS = {True: 4, False: 6}  # with and without attention
SEEDS = (0, 1)
COMMAND = "python -m lstm_tutorial.tasks.bridges"


def bridge(states: Tensor, kind: str) -> Tensor:
    """Make a decoder's initial state from ``h_n`` or ``c_n`` in one of four ways.

    Args:
        states: float (2*num_layers, N, H).
        kind: ``joined``, which is right; ``layers mixed``, the first half of the rows beside the
            second; ``reshape``, which mixes the sentences of the batch; ``zeros``, no bridge.

    Returns:
        float (num_layers, N, 2*H).
    """
    joined, layers = join_directions(states), len(states) // 2
    if kind == "layers mixed":
        return torch.cat([states[:layers], states[layers:]], dim=-1)
    if kind == "reshape":
        return states.reshape(joined.shape)
    return torch.zeros_like(joined) if kind == "zeros" else joined


class Bridged(Translator):
    """A translator with one of the bridges, and attention or none.

    Args:
        kind: as in :func:`bridge`.
        attention: False gives the decoder zeros in place of the encoder's outputs.
        sizes: as the translator takes them.
    """

    def __init__(self, kind: str, attention: bool, *sizes: int) -> None:
        super().__init__(*sizes or (len(SOURCE_WORDS), len(TARGET_WORDS)))
        self._kind, self._attention = kind, attention

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, State]:
        """Read the sources, as the translator does, up to the bridge."""
        memory, mask, (h, c) = super().encode(source, lengths)
        h, c = (bridge(self._rows(joined), self._kind) for joined in (h, c))
        return memory if self._attention else torch.zeros_like(memory), mask, (h, c)

    @staticmethod
    def _rows(joined: Tensor) -> Tensor:
        """Undo ``join_directions``: (num_layers, N, 2*H) to (2*num_layers, N, H)."""
        return torch.stack(joined.chunk(2, dim=-1), dim=1).flatten(0, 1)


def measure() -> dict[str, Any]:
    """Train each bridge with each seed; return a record of exact matches on unseen dates."""
    from lstm_tutorial._machine import machine, versions

    pairs, results = make_pairs(4500), []
    training, unseen = pairs[:4000], pairs[4000:]
    for attention, epochs in EPOCHS.items():
        for kind in BRIDGES if attention else BRIDGES[:-1]:
            found: dict[str, list[float]] = {"in_a_batch": [], "alone": []}
            for seed in SEEDS:
                torch.manual_seed(seed)
                model = Bridged(kind, attention)
                fit(model, training, epochs, seed=seed)
                found["in_a_batch"].append(exact_match(model, unseen))
                one_by_one = [exact_match(model, [pair]) for pair in unseen[:100]]
                found["alone"].append(sum(one_by_one) / len(one_by_one))
            results.append({"bridge": kind, "attention": attention, "epochs": epochs, **found})
            print(results[-1], file=sys.stderr)
    return {
        "command": COMMAND,
        "seeds": list(SEEDS),
        "versions": versions(),
        "machine": machine(),
        "results": results,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(measure(), indent=2))
