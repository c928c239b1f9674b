"""Run a reader's object and torch's over the same cases, and find the mistake that fits.

A mistake is recognised by its numbers: wrong implementations with the contract of the reader's
object run over the same cases, and the first one that gives the reader's values names it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypedDict

import torch
from torch import Tensor, nn

from lstm_tutorial.check.messages import (
    Result,
    close,
    differences,
    line_of,
    pattern_of_failures,
    tell_exception,
)
from lstm_tutorial.check.wording import LOOK_AT, MISTAKES

P = ParamSpec("P")
Values = dict[str, Tensor]


class Given(TypedDict, total=False):
    """The values given to a run; each check uses its own."""

    x: Tensor
    lengths: Tensor
    hx: tuple[Tensor, Tensor] | None
    weight: Tensor
    weights: Mapping[str, Tensor]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One configuration: the settings shown to the reader, and the values given to the run."""

    settings: Mapping[str, Any]
    given: Given


@dataclass(frozen=True)
class Wrong:
    """A wrong implementation, and the mistake that it makes."""

    mistake: str
    made: object
    detail: str = ""

    @property
    def diagnosis(self) -> str:
        return f"{MISTAKES[self.mistake]} {self.detail}".strip()


class Unfit(Exception):  # noqa: N818 - a finding, not an error
    """The returned value can't be compared; carries the mistake and its detail."""

    def __init__(self, mistake: str, detail: str = "") -> None:
        super().__init__(detail)
        self.mistake = mistake
        self.diagnosis = f"{MISTAKES[mistake]} {detail}".strip()


Run = Callable[[Any, Case], Values]  # calls a subject, each run in its own way
Outcome = Values | Exception


@dataclass
class Examination:
    """A reader's object, what to run, and the wrong implementations to compare it with."""

    subject: object
    right: object
    cases: Sequence[Case]
    run: Run
    call: str  # how the check calls the reader's code, in words
    wrongs: Iterable[Wrong] = ()
    rarely: Callable[[], Iterable[Wrong]] = tuple  # made and tried only if none of wrongs fits
    compared: str = "forward and gradient"
    not_tried: tuple[str, ...] = ()
    otherwise: str = "the first configuration above: work it by hand, one line at a time."
    expected: list[Values] = field(default_factory=list)

    def result(self) -> Result:
        """Run everything; the global generator and the gradient mode stay as they were."""
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(0)
            self.expected = [self.run(self.right, case) for case in self.cases]
            got = [self._outcome(self.subject, case) for case in self.cases]
            failing = [k for k, out in enumerate(got) if not agree(out, self.expected[k])]
            return self._failed(got, failing) if failing else self._passed(got)

    def _outcome(self, subject: object, case: Case) -> Outcome:
        try:
            return self.run(subject, case)
        except Exception as error:
            return error

    def _passed(self, got: list[Outcome]) -> Result:
        largest = max(
            float((a[name] - b[name]).abs().max())
            for a, b in zip(got, self.expected, strict=True)
            if not isinstance(a, Exception)
            for name in b
            if b[name].numel()
        )
        return Result(
            passed=True,
            configurations=len(got),
            compared=self.compared,
            not_tried=self.not_tried,
            largest_difference=largest,
        )

    def _failed(self, got: list[Outcome], failing: list[int]) -> Result:
        first = failing[0]
        mistake, diagnosis, look_at = self._name(got, failing)
        return Result(
            passed=False,
            configurations=len(got),
            failures=len(failing),
            mistake=mistake,
            diagnosis=diagnosis,
            look_at=look_at,
            evidence=tuple(self._evidence(got, failing, mistake)),
            compared=self.compared,
            not_tried=self.not_tried,
            exception=_raised(got[first]),
        )

    def _name(self, got: list[Outcome], failing: list[int]) -> tuple[str, str, str]:
        """Mistake, diagnosis and hint: a known mistake if one fits, otherwise a description."""
        out, expected = got[failing[0]], self.expected[failing[0]]
        wrong = (
            self._recognise(self.wrongs, got, failing)
            or _without_gradient(out, expected)
            or _not_finite(out, expected)
            or self._changed_in_place(out)
            or self._recognise(self.rarely(), got, failing)
            or _gradient_wrong(out, expected)
        )
        if wrong is not None:
            return wrong.mistake, wrong.diagnosis, LOOK_AT[wrong.mistake]
        if isinstance(out, Unfit):
            return out.mistake, out.diagnosis, LOOK_AT[out.mistake]
        if isinstance(out, Exception):
            return "raised", *tell_exception(out, self.call)
        told = "The numbers are not the wanted ones, and fit no mistake that this check knows."
        return "unrecognised", told, self.otherwise

    def _changed_in_place(self, out: Outcome) -> Wrong | None:
        """The mistake if an in-place change raised; a check of parameters asks for such changes."""
        if self.compared == "parameters" or not re.search(r"\bin-?place operation", str(out)):
            return None
        error = _raised(out)
        return Wrong("changed_in_place", None, line_of(error)) if error else None

    def _recognise(
        self, wrongs: Iterable[Wrong], got: list[Outcome], failing: list[int]
    ) -> Wrong | None:
        """The first wrong implementation that gives the reader's values in every case."""
        decisive = [k for k in failing if not isinstance(got[k], Exception)]
        if not decisive:
            return None
        order = [decisive[0], *(k for k in range(len(got)) if k != decisive[0])]
        for wrong in wrongs:
            if all(agree(self._outcome(wrong.made, self.cases[k]), got[k]) for k in order):
                return wrong
        return None

    def _evidence(self, got: list[Outcome], failing: list[int], mistake: str) -> Iterator[str]:
        first, out = failing[0], got[failing[0]]
        told = ", ".join(f"{k}={v}" for k, v in self.cases[first].settings.items())
        yield f"First seen with: {told}."
        if not isinstance(out, Exception):
            yield from differences(out, self.expected[first])
        elif mistake != "raised" and _raised(out) is not None:
            yield f"There your code raised {type(out).__name__}: {out}"
        yield pattern_of_failures([case.settings for case in self.cases], failing)


def check_of(called: str) -> Callable[[Callable[P, Examination]], Callable[P, Result]]:
    """Turn a function that plans an examination into a check, which runs it.

    The check takes the same arguments, returns a ``Result``, and raises TypeError unless the
    reader's code can be called; called is its kind in the message.
    """

    def decorate(plan: Callable[P, Examination]) -> Callable[P, Result]:
        @wraps(plan)
        def check(*args: P.args, **kwargs: P.kwargs) -> Result:
            examination = plan(*args, **kwargs)
            _require_callable(examination.subject, called)
            return examination.result()

        # What help() and the reference show is what the check returns.
        check.__annotations__ = {**plan.__annotations__, "return": Result}
        shown = signature(plan).replace(return_annotation=Result)
        check.__signature__ = shown  # type: ignore[attr-defined]  # what inspect looks for
        return check

    return decorate


def _require_callable(fn: object, called: str) -> None:
    if not callable(fn) or isinstance(fn, nn.Module):
        raise TypeError(
            f"expected {called}, got {fn!r}: pass the function or class itself, not what it returns"
        )


def agree(out: Outcome, expected: Outcome) -> bool:
    """Whether two outcomes are the same: both raised, or all values equal in shape and number."""
    if isinstance(out, Exception) or isinstance(expected, Exception):
        return isinstance(out, Exception) and isinstance(expected, Exception)
    return out.keys() == expected.keys() and all(close(out[k], expected[k]) for k in expected)


def _raised(out: Outcome) -> Exception | None:
    return out if isinstance(out, Exception) and not isinstance(out, Unfit) else None


def _without_gradient(out: Outcome, expected: Values) -> Wrong | None:
    if isinstance(out, Exception):
        return None
    wrong = [name for name in expected if not close(out[name], expected[name])]
    cut = [name for name in wrong if name.startswith("gradient of") and not out[name].any()]
    names = ", ".join(name.removeprefix("gradient of ") for name in cut)
    told = f"None reaches {names}."
    return Wrong("gradient_missing", None, told) if cut and cut == wrong else None


def _gradient_wrong(out: Outcome, expected: Values) -> Wrong | None:
    if isinstance(out, Exception):
        return None
    wrong = [name for name in expected if not close(out[name], expected[name])]
    names = [name.removeprefix("gradient of ") for name in wrong if name.startswith("gradient of")]
    told = f"Those of {', '.join(names)} differ."
    return Wrong("gradient_wrong", None, told) if len(names) == len(wrong) else None


def _not_finite(out: Outcome, expected: Values) -> Wrong | None:
    if isinstance(out, Exception):
        return None
    names = [k for k in out if not out[k].isfinite().all() and expected[k].isfinite().all()]
    return Wrong("not_finite", None, f"Seen in {', '.join(names)}.") if names else None
