"""Check a sentence vector made of final states."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from lstm_tutorial.check.engine import Case, Examination, Values, Wrong, check_of
from lstm_tutorial.check.reading import as_tensor, drawn, leaf, positional_arguments, with_gradients
from lstm_tutorial.check.runs import ragged_cases, run_packed

Pool = Callable[[Tensor, Tensor, Tensor], Tensor]


@check_of("a function")
def last_state(reader_fn: Callable[..., Tensor], *, batch_first: bool = True) -> Examination:
    """Check a sentence vector made of the two directions' final states.

    Args:
        reader_fn: ``fn(output, h_n, lengths)`` or ``fn(output, h_n)``, returning float
            (N, 2*H_out): the last layer's final forward state, then its final reverse state. It
            gets what a bidirectional LSTM of one to three layers returns for packed input: output
            float (N, L, 2*H_out), zero on padding, and h_n float (2*num_layers, N, H_out).
        batch_first: with False the output is (L, N, 2*H_out).

    Returns:
        A result that is true where values and gradients agree, and names the mistake if not.

    Raises:
        TypeError: if it can't be called.
    """
    count = max(2, positional_arguments(reader_fn, 3))

    def run(subject: Callable, case: Case) -> Values:
        x, lengths = leaf(case.given["x"]), case.given["lengths"]
        options = {"num_layers": case.settings["num_layers"], "bidirectional": True}
        output, h_n = run_packed(drawn(nn.LSTM, 3, 4, batch_first=True, **options), x, lengths)
        given = (output if batch_first else output.transpose(0, 1), h_n, lengths.clone())
        ours = (output, h_n, lengths)
        result = subject(*given[:count]) if subject is reader_fn else subject(*ours)
        return with_gradients({"result": as_tensor(result, "the result")}, {"the LSTM's input": x})

    call = "fn(output, h_n, lengths)" if count == 3 else "fn(output, h_n)"
    wrongs = _wrong_last_states()
    return Examination(reader_fn, _final_states, list(ragged_cases()), run, call, wrongs)


def _final_states(output: Tensor, h_n: Tensor, lengths: Tensor) -> Tensor:
    return torch.cat([h_n[-2], h_n[-1]], dim=-1)


def _half(output: Tensor) -> int:
    return output.size(-1) // 2


def _ends(output: Tensor, lengths: Tensor) -> Tensor:
    return output[torch.arange(len(lengths)), lengths - 1]


_TABLE: list[tuple[str, Pool, str]] = [
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


def _wrong_last_states() -> Iterator[Wrong]:
    for mistake, pool, detail in _TABLE:
        yield Wrong(mistake, pool, detail)
