"""Check code that works within each row's own length: pooling and reversing."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from lstm_tutorial.check.engine import Case, Examination, Unfit, Values, Wrong, check_of
from lstm_tutorial.check.reading import as_tensor, draw, leaf, with_gradients

_LENGTHS = [(3, 5), (5, 3, 1), (1, 4, 2), (4, 4), (1,), (2, 5, 3, 5)]
_FEATURES = (3, 1)


def valid(x: Tensor, lengths: Tensor, shift: int = 0) -> Tensor:
    """Where a row's own steps are: bool (N, L, 1)."""
    return (torch.arange(x.size(1)) < lengths[:, None] + shift)[:, :, None]


def padded_cases(lengths: Sequence[tuple[int, ...]], fills: Sequence[float]) -> Iterator[Case]:
    """Padded batches (N, L, features) with these lengths, and with these values as padding."""
    for fill in fills:
        for low in (False, True):
            for k, (own, features) in enumerate((o, f) for o in lengths for f in _FEATURES):
                length = max(own) + 1
                x = draw(k, len(own), length, features)
                x = x - 2 if low else x  # every value negative
                told = {"lengths": list(own), "L": length, "features": features}
                told |= {"padding": fill, "all_negative": low}
                steps = torch.tensor(own)
                yield Case(told, {"x": x.masked_fill(~valid(x, steps), fill), "lengths": steps})


def _run(subject: Callable, case: Case) -> Values:
    x = leaf(case.given["x"])
    result = subject(x, case.given["lengths"].clone())
    if isinstance(result, torch.return_types.max):
        raise Unfit("max_not_unpacked")
    return with_gradients({"result": as_tensor(result, "the result")}, {"input": x})


@check_of("a function")
def masked_max(reader_fn: Callable[[Tensor, Tensor], Tensor]) -> Examination:
    """Check a maximum over the valid steps of each row.

    Args:
        reader_fn: ``fn(output, lengths)`` for output float (N, L, features) and lengths int64 (N,),
            returning float (N, features). The padding may hold anything.

    Returns:
        A result that is true where values and gradients agree, and names the mistake if not.

    Raises:
        TypeError: if it can't be called.
    """
    cases = list(padded_cases(_LENGTHS, (0.0, 9.0)))
    wrongs = [
        Wrong("padding_not_ignored", lambda x, lengths: x.amax(1)),
        Wrong("padding_as_zero", lambda x, lengths: (x * valid(x, lengths)).amax(1)),
        Wrong("off_by_one", lambda x, lengths: _max(x, lengths, 1), "Yours take in one too many."),
        Wrong("off_by_one", lambda x, lengths: _max(x, lengths, -1), "Yours leave out the last."),
        Wrong("mean_taken", _mean),
        Wrong("padding_not_ignored", lambda x, lengths: x.mean(1), "And it is the mean you take."),
        Wrong("pooled_wrong_axis", lambda x, lengths: x.amax(2)),
        Wrong("pooled_wrong_axis", lambda x, lengths: x.amax(0)),
    ]
    call = "fn(output, lengths)"
    return Examination(reader_fn, _max, cases, _run, call, wrongs)


def _max(x: Tensor, lengths: Tensor, shift: int = 0) -> Tensor:
    return x.masked_fill(~valid(x, lengths, shift), -torch.inf).amax(1)


def _mean(x: Tensor, lengths: Tensor) -> Tensor:
    return (x * valid(x, lengths)).sum(1) / lengths[:, None]


@check_of("a function")
def unpad_reverse(reader_fn: Callable[[Tensor, Tensor], Tensor]) -> Examination:
    """Check a function that reverses each row within its own length.

    Args:
        reader_fn: ``fn(padded, lengths)`` for padded float (N, L, features), zeros behind each
            row's own length, and lengths int64 (N,); the padding stays where it is.

    Returns:
        A result that is true where values and gradients agree, and names the mistake if not.

    Raises:
        TypeError: if it can't be called.
    """
    cases = list(padded_cases(_LENGTHS, (0.0,)))
    wrongs = [
        Wrong("not_reversed", lambda x, lengths: x),
        Wrong("padding_reversed", lambda x, lengths: x.flip(1)),
        Wrong("padding_reversed", lambda x, lengths: x.flip(1) * valid(x, lengths)),
        Wrong("reversed_wrong_axis", lambda x, lengths: x.flip(0), "Yours is the batch."),
        Wrong("reversed_wrong_axis", lambda x, lengths: x.flip(2), "Yours are the features."),
        Wrong("off_by_one", lambda x, lengths: _reverse(x, lengths, 1)),
        Wrong("off_by_one", lambda x, lengths: _reverse(x, lengths, -1)),
        Wrong("off_by_one", lambda x, lengths: _reverse(x, lengths, 1, masked=True)),
        Wrong("off_by_one", lambda x, lengths: _reverse(x, lengths, -1, masked=True)),
    ]
    call = "fn(padded, lengths)"
    return Examination(reader_fn, _reverse, cases, _run, call, wrongs)


def _reverse(x: Tensor, lengths: Tensor, shift: int = 0, masked: bool = False) -> Tensor:
    """Reverse rows; with a shift, step t comes from lengths - 1 + shift - t instead."""
    step = torch.arange(x.size(1))
    source = lengths[:, None] - 1 + shift - step  # (N, L)
    inside = step < lengths[:, None] if masked else source >= 0
    source = source.where(inside, step).remainder(x.size(1))
    return x.gather(1, source[:, :, None].expand_as(x))
