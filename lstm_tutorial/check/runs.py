"""Check code around an LSTM's run: padded batches, chunks, and final states."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstm_tutorial.check.engine import Case, Examination, Values, Wrong, check_of
from lstm_tutorial.check.reading import (
    as_pair,
    as_tensor,
    draw,
    drawn,
    leaf,
    positional_arguments,
    with_gradients,
)
from lstm_tutorial.check.sequences import valid

Pool = Callable[[Tensor, Tensor, Tensor], Tensor]

_LENGTHS = [(3, 5), (5, 3, 1), (1, 4, 2), (4, 4), (1,)]


def _ragged_cases(directions: tuple[bool, ...] = (True,)) -> Iterator[Case]:
    """Batches of unequal lengths, all below L, for one to three layers."""
    for layers, both, own in product((1, 2, 3), directions, _LENGTHS):
        lengths = torch.tensor(own)
        x = draw(7, len(own), max(own) + 1, 3, scale=2)
        told = {"num_layers": layers, "bidirectional": both, "lengths": list(own)}
        yield Case(told, {"x": x, "lengths": lengths})


def _run_packed(lstm: nn.LSTM, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Run a batch-first LSTM over x (N, L, H_in), packed; return output (N, L, D*H) and h_n."""
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    output, (h_n, _) = lstm(packed)
    return pad_packed_sequence(output, batch_first=True, total_length=x.size(1))[0], h_n


@check_of("a function")
def packed_run(
    reader_fn: Callable[[nn.LSTM, Tensor, Tensor], tuple[Tensor, Tensor]],
) -> Examination:
    """Check a function that runs an LSTM over a padded batch so that padding has no effect.

    Args:
        reader_fn: ``fn(lstm, padded, lengths) -> (output, h_n)`` for a batch-first ``nn.LSTM``,
            padded float (N, L, H_in) and lengths int64 (N,) in any order; output float
            (N, L, D*H_out), zero on padding, h_n float (D*num_layers, N, H_out).

    Returns:
        A result that is true if values and gradients agree; otherwise it names the mistake.

    Raises:
        TypeError: if it can't be called.
    """
    cases, call = list(_ragged_cases((False, True))), "fn(lstm, padded, lengths)"
    return Examination(reader_fn, _run_packed, cases, _run_padded, call, _wrong_runs())


def _run_padded(subject: Callable, case: Case) -> Values:
    x, told = leaf(case.given["x"]), case.settings
    options = {"num_layers": told["num_layers"], "bidirectional": told["bidirectional"]}
    lstm = drawn(nn.LSTM, 3, 4, batch_first=True, **options)
    pair = as_pair(subject(lstm, x, case.given["lengths"].clone()), "a pair (output, h_n)")
    named = zip(("output", "h_n"), pair, strict=True)
    outputs = {name: as_tensor(value, name) for name, value in named}
    return with_gradients(outputs, {"padded": x, **dict(lstm.named_parameters())})


def _plain(lstm: nn.LSTM, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    output, (h_n, _) = lstm(x)
    return output, h_n


def _masked(lstm: nn.LSTM, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    output, h_n = _plain(lstm, x, lengths)
    return output * valid(output, lengths), h_n


def _left_sorted(lstm: nn.LSTM, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    order = lengths.argsort(descending=True, stable=True)
    return _run_packed(lstm, x[order], lengths[order])


def _output_back(lstm: nn.LSTM, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    order = lengths.argsort(descending=True, stable=True)
    output, h_n = _left_sorted(lstm, x, lengths)
    return output[order.argsort()], h_n


def _cut_off(lstm: nn.LSTM, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    output, h_n = _run_packed(lstm, x, lengths)
    return output[:, : int(lengths.max())], h_n


def _turned(lstm: nn.LSTM, x: Tensor, lengths: Tensor, which: int) -> tuple[Tensor, ...]:
    pair = _run_packed(lstm, x, lengths)
    return tuple(t.transpose(0, 1) if k == which else t for k, t in enumerate(pair))


def _wrong_runs() -> Iterator[Wrong]:
    yield Wrong("padding_not_ignored", _plain)
    yield Wrong("padding_not_ignored", _masked, "Zeros behind the output come too late.")
    yield Wrong("rows_left_sorted", _left_sorted)
    yield Wrong("rows_left_sorted", _output_back, "It is h_n.")
    yield Wrong("output_cut_off", _cut_off)
    yield Wrong("output_not_batch_first", partial(_turned, which=0))
    yield Wrong("h_n_batch_first", partial(_turned, which=1))


@check_of("a function")
def detach_chunks(reader_fn: Callable[[nn.LSTM, list[Tensor]], Tensor]) -> Examination:
    """Check a function that runs a long sequence in chunks, for truncated backpropagation.

    Args:
        reader_fn: ``fn(lstm, chunks)`` for an ``nn.LSTM`` and a list of float (L_k, N, H_in),
            returning the outputs joined, float (L, N, H_out). Each chunk starts from the final
            state of the one before it, and no gradient flows from chunk to chunk.

    Returns:
        A result that is true if values and gradients agree; otherwise it names the mistake.

    Raises:
        TypeError: if it can't be called.
    """
    cases = [
        Case({"num_layers": layers, "chunks": list(sizes)}, {"x": draw(5, sum(sizes), 2, 3)})
        for layers, sizes in product((1, 2), [(2, 2), (3, 1, 2), (1, 1, 1, 1), (4,)])
    ]
    call, right = "fn(lstm, chunks)", _in_chunks
    return Examination(reader_fn, right, cases, _run_chunks, call, _wrong_chunks())


def _run_chunks(subject: Callable, case: Case) -> Values:
    x = leaf(case.given["x"])
    lstm = drawn(nn.LSTM, 3, 4, num_layers=case.settings["num_layers"])
    output = as_tensor(subject(lstm, list(x.split(case.settings["chunks"]))), "the output")
    return with_gradients({"output": output}, {"chunks": x, **dict(lstm.named_parameters())})


def _in_chunks(
    lstm: nn.LSTM,
    chunks: list[Tensor],
    carry: Callable[[Tensor, Tensor], tuple | None] = lambda h, c: (h.detach(), c.detach()),
    kept: slice = slice(None),
) -> Tensor:
    outputs, state = [], None
    for chunk in chunks:
        output, state = lstm(chunk, state)
        state = carry(*state)
        outputs.append(output)
    return torch.cat(outputs[kept])


def _wrong_chunks() -> Iterator[Wrong]:
    def carrying(carry: Callable[[Tensor, Tensor], tuple | None]) -> Callable:
        return lambda lstm, chunks: _in_chunks(lstm, chunks, carry)

    def last(lstm: nn.LSTM, chunks: list[Tensor]) -> Tensor:
        return _in_chunks(lstm, chunks, kept=slice(-1, None))

    zero = torch.zeros_like
    yield Wrong("not_detached", carrying(lambda h, c: (h, c)))
    yield Wrong("one_state_detached", carrying(lambda h, c: (h.detach(), c)), "It is h.")
    yield Wrong("one_state_detached", carrying(lambda h, c: (h, c.detach())), "It is c.")
    yield Wrong("state_not_carried", carrying(lambda h, c: None))
    yield Wrong("state_not_carried", carrying(lambda h, c: (h.detach(), zero(c))), "It is c.")
    yield Wrong("state_not_carried", carrying(lambda h, c: (zero(h), c.detach())), "It is h.")
    yield Wrong("last_chunk_only", last)


@check_of("a function")
def last_state(reader_fn: Callable[..., Tensor], *, batch_first: bool = True) -> Examination:
    """Check a sentence vector made of the two directions' final states.

    Args:
        reader_fn: ``fn(output, h_n, lengths)`` or ``fn(output, h_n)``, returning float
            (N, 2*H_out): the last layer's final forward state, then its final reverse state. Its
            arguments are those of a bidirectional LSTM of one to three layers, run on packed input:
            output float (N, L, 2*H_out), zero on padding, and h_n float (2*num_layers, N, H_out).
        batch_first: if False, the output is (L, N, 2*H_out).

    Returns:
        A result that is true if values and gradients agree; otherwise it names the mistake.

    Raises:
        TypeError: if it can't be called.
    """
    count = max(2, positional_arguments(reader_fn, 3))

    def run(subject: Callable, case: Case) -> Values:
        x, lengths = leaf(case.given["x"]), case.given["lengths"]
        options = {"num_layers": case.settings["num_layers"], "bidirectional": True}
        output, h_n = _run_packed(drawn(nn.LSTM, 3, 4, batch_first=True, **options), x, lengths)
        given = (output if batch_first else output.transpose(0, 1), h_n, lengths.clone())
        ours = (output, h_n, lengths)
        result = subject(*given[:count]) if subject is reader_fn else subject(*ours)
        return with_gradients({"result": as_tensor(result, "the result")}, {"the LSTM's input": x})

    call = "fn(output, h_n, lengths)" if count == 3 else "fn(output, h_n)"
    wrongs = [Wrong(*row) for row in _POOLS]
    return Examination(reader_fn, _final_states, list(_ragged_cases()), run, call, wrongs)


def _final_states(output: Tensor, h_n: Tensor, lengths: Tensor) -> Tensor:
    return torch.cat([h_n[-2], h_n[-1]], dim=-1)


def _half(output: Tensor) -> int:
    return output.size(-1) // 2


def _ends(output: Tensor, lengths: Tensor) -> Tensor:
    return output[torch.arange(len(lengths)), lengths - 1]


_POOLS: list[tuple[str, Pool, str]] = [
    ("last_padded_step", lambda y, s, n: y[:, -1], ""),
    ("reverse_at_last_step", lambda y, s, n: _ends(y, n), ""),
    ("taken_at_first_step", lambda y, s, n: y[:, 0], ""),
    (
        "forward_at_padded_end",
        lambda y, s, n: torch.cat([y[:, -1, : _half(y)], y[:, 0, _half(y) :]], -1),
        "",
    ),
    ("directions_swapped", lambda y, s, n: torch.cat([s[-1], s[-2]], -1), ""),
    ("h_n_wrong_layer", lambda y, s, n: torch.cat([s[0], s[1]], -1), "Yours: the first."),
    ("layers_mixed", lambda y, s, n: torch.cat([s[0], s[-1]], -1), ""),
    ("layers_mixed", lambda y, s, n: torch.cat([s[-1], s[0]], -1), ""),
    ("one_direction_only", lambda y, s, n: s[-1], "It is the reverse one."),
    ("one_direction_only", lambda y, s, n: s[-2], "It is the forward one."),
    ("one_direction_only", lambda y, s, n: torch.cat([s[-1], s[-1]], -1), "It stands twice."),
    ("rows_mixed", lambda y, s, n: s[-2:].reshape(s.size(1), -1), ""),
    ("rows_mixed", lambda y, s, n: s.reshape(s.size(1), -1), "And all layers are in it."),
    ("h_n_wrong_layer", lambda y, s, n: s.transpose(0, 1).flatten(1), "Yours: all of them."),
]
