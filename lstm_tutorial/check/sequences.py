"""Check code that works within each row's own length: pooling, reversing and packing."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from lstm_tutorial.check.engine import Case, Examination, Unfit, Values, Wrong, check_of
from lstm_tutorial.check.reading import as_tensor, draw, leaf, with_gradients

_LENGTHS = [(3, 5), (5, 3, 1), (1, 4, 2), (4, 4), (1,), (2, 5, 3, 5)]
_FEATURES = (3, 1)


def valid(x: Tensor, lengths: Tensor, shift: int = 0) -> Tensor:
    """Mark each row's own steps: bool (N, L, 1)."""
    return (torch.arange(x.size(1)) < lengths[:, None] + shift)[:, :, None]


def _padded_cases(lengths: Sequence[tuple[int, ...]], fills: Sequence[float]) -> Iterator[Case]:
    """Padded batches (N, L, features) with these lengths and these values as padding."""
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
            returning float (N, features). The padding may hold any values.

    Returns:
        A result that is true if values and gradients agree; otherwise it names the mistake.

    Raises:
        TypeError: if it can't be called.
    """
    cases = list(_padded_cases(_LENGTHS, (0.0, 9.0)))
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
    return Examination(reader_fn, _max, cases, _run, "fn(output, lengths)", wrongs)


def _max(x: Tensor, lengths: Tensor, shift: int = 0) -> Tensor:
    return x.masked_fill(~valid(x, lengths, shift), -torch.inf).amax(1)


def _mean(x: Tensor, lengths: Tensor) -> Tensor:
    return (x * valid(x, lengths)).sum(1) / lengths[:, None]


@check_of("a function")
def unpad_reverse(reader_fn: Callable[[Tensor, Tensor], Tensor]) -> Examination:
    """Check a function that reverses each row within its own length.

    Args:
        reader_fn: ``fn(padded, lengths)`` for padded float (N, L, features), zeros after each
            row's own length, and lengths int64 (N,); the padding stays where it is.

    Returns:
        A result that is true if values and gradients agree; otherwise it names the mistake.

    Raises:
        TypeError: if it can't be called.
    """
    cases = list(_padded_cases(_LENGTHS, (0.0,)))
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
    return Examination(reader_fn, _reverse, cases, _run, "fn(padded, lengths)", wrongs)


def _reverse(x: Tensor, lengths: Tensor, shift: int = 0, masked: bool = False) -> Tensor:
    """Reverse rows; with a shift, step t comes from lengths - 1 + shift - t instead."""
    step = torch.arange(x.size(1))
    source = lengths[:, None] - 1 + shift - step  # (N, L)
    inside = step < lengths[:, None] if masked else source >= 0
    source = source.where(inside, step).remainder(x.size(1))
    return x.gather(1, source[:, :, None].expand_as(x))


@check_of("a function")
def pack_by_hand(
    reader_fn: Callable[[Tensor, Tensor], tuple], *, enforce_sorted: bool = True
) -> Examination:
    """Check a function that packs a padded batch.

    Args:
        reader_fn: ``fn(padded, lengths) -> (data, batch_sizes)`` for padded float (N, L, features)
            and lengths int64 (N,), longest first; data float (sum(lengths), features), batch_sizes
            int64 (max(lengths),) or a list. It may return a ``PackedSequence`` instead.
        enforce_sorted: if False, the lengths are distinct and in any order, and the function
            returns ``(data, batch_sizes, sorted_indices)``.

    Returns:
        A result that is true if data, sizes and gradients agree; otherwise it names the mistake.

    Raises:
        TypeError: if it can't be called.
    """
    ordered = [(5, 3), (5, 3, 1), (4, 4, 2), (3, 3), (1,)]
    lengths = ordered if enforce_sorted else [(3, 5), (1, 4, 2), (2, 1, 4, 3), (5, 3, 1), (1,)]
    cases = list(_padded_cases(lengths, (0.0,)))
    run = _run_packing if enforce_sorted else _run_sorting
    wrongs = _wrong_packings()
    return Examination(reader_fn, _pack, cases, run, "fn(padded, lengths)", wrongs)


def _pack(x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    order = lengths.argsort(descending=True, stable=True)
    packed = pack_padded_sequence(x[order], lengths[order], batch_first=True)
    return packed.data, packed.batch_sizes, order


def _run_packing(subject: Callable, case: Case, parts: int = 2) -> Values:
    x = leaf(case.given["x"])
    returned = subject(x, case.given["lengths"].clone())
    names = ("data", "batch_sizes", "sorted_indices")[:parts]
    if returned is None:
        raise Unfit("nothing_returned")
    if not isinstance(returned, tuple | list) or len(returned) < parts:
        raise Unfit("return_form", f"Wanted ({', '.join(names)}).")
    values = with_gradients({"data": as_tensor(returned[0], "data")}, {"padded": x})
    indices = {n: torch.as_tensor(returned[k]) for k, n in enumerate(names) if k > 0}
    return values | {name: index.double() for name, index in indices.items()}


def _run_sorting(subject: Callable, case: Case) -> Values:
    return _run_packing(subject, case, parts=3)


def _stepwise(x: Tensor, lengths: Tensor, order: Tensor) -> tuple:
    mask = valid(x, lengths)[:, :, 0][order]  # (N, L)
    return x[order].transpose(0, 1)[mask.T], mask.sum(0)[: int(lengths.max())], order


def _as_they_came(x: Tensor, lengths: Tensor) -> tuple:
    return _stepwise(x, lengths, torch.arange(len(lengths)))


def _padded_steps(x: Tensor, lengths: Tensor, length: int) -> tuple:
    order = lengths.argsort(descending=True, stable=True)
    data = x[order, :length].transpose(0, 1).flatten(0, 1)
    return data, torch.full((length,), len(lengths)), order


def _rowwise(x: Tensor, lengths: Tensor) -> tuple:
    _, sizes, order = _pack(x, lengths)
    return x[order][valid(x, lengths)[:, :, 0][order]], sizes, order


def _inverted(x: Tensor, lengths: Tensor) -> tuple:
    data, sizes, order = _pack(x, lengths)
    return data, sizes, order.argsort()


def _swapped_sizes(x: Tensor, lengths: Tensor) -> tuple:
    data, _, order = _pack(x, lengths)
    return data, lengths[order], order


def _wrong_packings() -> Iterator[Wrong]:
    yield Wrong("rows_one_after_another", _rowwise)
    yield Wrong(
        "rows_one_after_another", lambda x, n: (_rowwise(x, n)[0], *_swapped_sizes(x, n)[1:])
    )
    yield Wrong("padding_not_ignored", lambda x, n: _padded_steps(x, n, x.size(1)))
    yield Wrong("padding_not_ignored", lambda x, n: _padded_steps(x, n, int(n.max())))
    yield Wrong("lengths_as_batch_sizes", _swapped_sizes)
    yield Wrong("rows_not_sorted", _as_they_came)
    yield Wrong("sorted_ascending", lambda x, n: _stepwise(x, n, n.argsort(stable=True)))
    yield Wrong("indices_inverted", _inverted)
