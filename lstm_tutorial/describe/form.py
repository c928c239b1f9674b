"""``Form``: one way of calling one LSTM, and the sizes from which its shapes are computed."""

import math
from dataclasses import dataclass

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from lstm_tutorial.contract.lstm import AnyLSTM


@dataclass(frozen=True)
class Form:
    """One way of calling one module.

    Attributes:
        module: the LSTM.
        kind: "padded", "unbatched" or "packed".
        sizes: the letters that occur in formulas, and their values.
        is_sorted: whether a packed input is sorted by length, without indices.
    """

    module: AnyLSTM
    kind: str
    sizes: dict[str, int]
    is_sorted: bool = False

    @classmethod
    def of(
        cls, module: AnyLSTM, input: Tensor | PackedSequence, length: int | None = None
    ) -> "Form":
        """Read the sizes from a checked input; length is L of the padded batch before packing."""
        sizes = {} if length is None else {"L": length}
        if isinstance(input, PackedSequence):
            steps = input.batch_sizes.tolist()
            sizes |= {"N": steps[0], "sum(lengths)": sum(steps), "max(lengths)": len(steps)}
            return cls(module, "packed", sizes | _sizes_of(module), input.sorted_indices is None)
        if input.dim() == 2:
            return cls(module, "unbatched", {"L": input.size(0)} | _sizes_of(module))
        letters = ("N", "L") if module.batch_first else ("L", "N")
        sizes = dict(zip(letters, input.shape[:2], strict=True))
        return cls(module, "padded", sizes | _sizes_of(module))

    @property
    def steps(self) -> int:
        """Steps that a layer computes in one direction, summed over the batch."""
        if self.kind == "packed":
            return self.sizes["sum(lengths)"]
        return self.sizes["L"] * self.sizes.get("N", 1)

    @property
    def leading(self) -> tuple[str, ...]:
        """Formulas of the axes before the features."""
        if self.kind == "packed":
            return ("sum(lengths)",)
        if self.kind == "unbatched":
            return ("L",)
        return ("N", "L") if self.module.batch_first else ("L", "N")

    def shape(self, formula: tuple[str, ...]) -> tuple[int, ...]:
        """Compute a shape from products of letters and numbers, such as ``"4*H_cell"``."""
        return tuple(
            math.prod(int(f) if f.isdigit() else self.sizes[f] for f in axis.split("*"))
            for axis in formula
        )


def _sizes_of(module: AnyLSTM) -> dict[str, int]:
    return {
        "D": 2 if module.bidirectional else 1,
        "num_layers": module.num_layers,
        "H_in": module.input_size,
        "H_cell": module.hidden_size,
        "H_out": module.proj_size or module.hidden_size,
    }
