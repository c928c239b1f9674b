"""What a check tells the reader: ``Result``, and sentences about differences and exceptions."""

import math
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

TOLERANCE = 1e-10  # the checks compute in float64, where a right answer differs by 1e-14 or so
FLOAT32 = 1e-6  # relative difference after a few roundings to float32
_HERE = str(Path(__file__).parent)
_TORCH = str(Path(torch.__file__).parent)

_HINTS = {
    "NotImplementedError": "the function's body: it is still to be written.",
    "mat1 and mat2 shapes": "the product: weights are (4*hidden_size, features), so x @ weight.T.",
    "same dtype": "tensors that you create yourself: the check computes in float64.",
    "scalar type": "tensors that you create yourself: the check computes in float64.",
    "must match the size": "the shapes on both sides of that line: print them.",
    "Sizes of tensors must match": "the dimension along which you join: torch.cat(..., dim=...).",
    "in-place operation": "writing into a tensor that needs a gradient: with torch.no_grad().",
    "positional argument": "the arguments of your function.",
    "unexpected keyword": "the arguments of your function.",
    "values to unpack": "the line that takes a tuple apart: how many parts there are.",
    "invalid for input of size": "the numbers in view or reshape: print the shape before it.",
    "not subscriptable": "what stands before the bracket: print its type.",
    "has no attribute": "the spelling, and whether the constructor sets it.",
    "index": "the index and the shape: print both.",
}


@dataclass(frozen=True, repr=False)
class Result:
    """The outcome of a check; true if the reader's code is right.

    Attributes:
        passed: whether every configuration agreed with torch.
        configurations: how many were tried.
        failures: how many of them failed.
        mistake: a stable identifier, a key of ``MISTAKES``; ``"raised"`` if the code raised;
            ``"unrecognised"`` if the numbers fit no known mistake; None if the code is right.
        diagnosis: the mistake in one or two sentences; empty if the code is right.
        look_at: where to look for the mistake.
        evidence: lines with the first configuration that failed, and its numbers.
        compared: what was compared, such as ``"forward and gradient"``.
        not_tried: arguments left out because the code does not take them.
        largest_difference: over all values and configurations of code that is right; otherwise 0.
        exception: the exception that the code raised, if any.
    """

    passed: bool
    configurations: int
    failures: int = 0
    mistake: str | None = None
    diagnosis: str = ""
    look_at: str = ""
    evidence: tuple[str, ...] = ()
    compared: str = "forward and gradient"
    not_tried: tuple[str, ...] = ()
    largest_difference: float = 0.0
    exception: Exception | None = None

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        lines = [self._verdict()]
        lines += [f"  {line}" for line in self.evidence]
        if self.look_at:
            lines.append(f"  Look at: {self.look_at}")
        if self.not_tried:
            lines.append(
                f"  Not tried, as your code does not take it: {', '.join(self.not_tried)}."
            )
        return "\n".join(lines)

    __repr__ = __str__

    def _verdict(self) -> str:
        if not self.passed:
            return f"Not yet: {self.diagnosis}"
        count = (
            "1 configuration"
            if self.configurations == 1
            else f"{self.configurations} configurations"
        )
        return f"Right: {count}, {self.compared}, no difference above {TOLERANCE:.0e}."


def differences(out: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> Iterator[str]:
    """Say which values are right, and where the first wrong one differs."""
    right = [name for name in expected if close(out[name], expected[name])]
    wrong = [name for name in expected if name not in right]
    forward = [name for name in wrong if not name.startswith("gradient of")] or wrong
    if any(not name.startswith("gradient of") for name in right):
        told = ", ".join(name for name in right if not name.startswith("gradient of"))
        yield f"There {told} {'is' if ',' not in told else 'are'} right."
    name = forward[0]
    ours, theirs = out[name], expected[name]
    if ours.shape != theirs.shape:
        yield f"There {name} has shape {tuple(ours.shape)}; it should be {tuple(theirs.shape)}."
        return
    place = (~isclose(ours, theirs)).nonzero()[0].tolist()
    told = f"{name}{place}" if place else name
    one, other = (values[tuple(place)].item() for values in (ours, theirs))
    digits = next((d for d in range(4, 17) if f"{one:.{d}g}" != f"{other:.{d}g}"), 17)
    yield f"There {told} is {one:.{digits}g}; it should be {other:.{digits}g}."
    if 0 < abs(one - other) <= FLOAT32 * max(abs(one), abs(other)) < math.inf:
        yield "That is the size of float32's rounding; the check computes in float64."


def isclose(a: Tensor, b: Tensor) -> Tensor:
    """Mark where two tensors of one shape agree within the tolerance; nan equals nan."""
    return torch.isclose(a, b, rtol=0, atol=TOLERANCE, equal_nan=True)


def close(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors have one shape and no difference above the tolerance."""
    return a.shape == b.shape and bool(isclose(a, b).all())


def pattern_of_failures(settings: Sequence[Mapping[str, object]], failing: list[int]) -> str:
    """Say how many configurations fail, and which setting only they share, if any."""
    if len(failing) == len(settings):
        return f"Seen in all {len(settings)} configurations."
    count = f"{len(failing)} of {len(settings)} configurations"
    for key, value in settings[failing[0]].items():
        having = [k for k, these in enumerate(settings) if these.get(key) == value]
        if having == failing:
            return f"Seen in {count}: those with {key}={value}, and no others."
    return f"Seen in {count}."


def tell_exception(error: Exception, call: str) -> tuple[str, str]:
    """Diagnose code that raised in this call, and say where to look."""
    words = f"{type(error).__name__}: {error}".removesuffix(".")
    hint = next((hint for key, hint in _HINTS.items() if key in words), "that line.")
    return f"Your code raised {words}. {line_of(error)}".strip(), f"{hint} The check calls {call}."


def line_of(error: Exception) -> str:
    """Quote the line of the reader's code that raised, if there is one."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _foreign(frame)]
    return f"At line {frames[-1].lineno}: {frames[-1].line}".strip() if frames else ""


def _foreign(frame: traceback.FrameSummary) -> bool:
    return not frame.filename.startswith((_HERE, _TORCH))
