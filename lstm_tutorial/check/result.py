"""``Result``: what a check found, as a value and as a text for the reader."""

from dataclasses import dataclass

TOLERANCE = 1e-10  # the checks compute in float64, where a right answer differs by 1e-14 or so


@dataclass(frozen=True, repr=False)
class Result:
    """The outcome of a check; true where the reader's code is right.

    Attributes:
        passed: whether every configuration agreed with torch.
        configurations: how many were tried.
        failures: how many of them disagreed.
        mistake: a stable identifier, a key of ``MISTAKES``; ``"raised"`` where the code raised;
            ``"unrecognised"`` where the numbers fit no known mistake; None where all is right.
        diagnosis: what is the matter, in one or two sentences; empty where all is right.
        look_at: where to look for it.
        evidence: lines that say where it was first seen and with which numbers.
        compared: what was compared, such as ``"forward and gradient"``.
        not_tried: arguments that the code does not take, and that were left out for this reason.
        largest_difference: over all values and configurations that agreed in shape.
        exception: what the code raised, where it did.
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
