"""State between the calls of an LSTM: columns of a text, rows that end, resets, sessions.

Every function here is time-major, float (L, N, features), and takes an ``nn.LSTM`` with one
direction: a reverse direction reads the end first, so it has no state to carry into the next call.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from threading import Lock

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

States = tuple[Tensor, Tensor]


def columns(ids: Tensor, batch_size: int) -> Tensor:
    """Cut one sequence into columns of equal length that are read side by side.

    Args:
        ids: any dtype (length,); the last ``length % batch_size`` are left out.
        batch_size: N, the number of columns.

    Returns:
        The same dtype (length // N, N); column n continues where column n-1 ends.

    Raises:
        ValueError: if there are fewer ids than columns.
    """
    steps = len(ids) // batch_size
    if steps == 0:
        raise ValueError(
            f"expected at least {batch_size} ids, one per column, got {len(ids)}: "
            "use a smaller batch_size"
        )
    return ids[: steps * batch_size].view(batch_size, steps).T.contiguous()


def windows(stream: Tensor, length: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Read columns from top to bottom, with the next id as the target.

    Args:
        stream: int64 (L, N), as ``columns`` returns it.
        length: steps per window; the last one may be shorter.

    Yields:
        Inputs and targets, each int64 (at most ``length``, N). Row t of the targets is row t+1 of
        the inputs, and each window begins where the one before it ends.
    """
    yield from zip(stream[:-1].split(length), stream[1:].split(length), strict=True)


def run_with_resets(
    lstm: Callable[..., tuple[Tensor, States]],
    x: Tensor,
    starts: Tensor,
    hx: States | None = None,
) -> tuple[Tensor, States]:
    """Run rows that each hold several episodes, from a zero state wherever one begins.

    The steps are cut wherever any row begins an episode, so the module is called once per piece
    instead of once per step. No gradient passes from an episode into the one before it.

    Args:
        lstm: called as ``lstm(x, hx)``; returns the outputs and the next states.
        x: float (L, N, H_in).
        starts: bool (L, N), true where an episode begins: the ``done`` of the step before.
        hx: states before the first step, each (layers, N, features); zeros if None.

    Returns:
        The outputs (L, N, H_out), and the states after the last step.

    Raises:
        ValueError: if ``starts`` is not bool (L, N).
    """
    if starts.dtype != torch.bool or starts.shape != x.shape[:2]:
        raise ValueError(
            f"expected bool starts of shape {tuple(x.shape[:2])}, got {starts.dtype} "
            f"{tuple(starts.shape)}: starts[t] is done[t - 1] != 0"
        )
    cuts = sorted({0, *starts.any(dim=1).nonzero().flatten().tolist()})
    sizes = [b - a for a, b in zip(cuts, [*cuts[1:], len(x)], strict=True)]
    outputs = []
    for piece, begins in zip(x.split(sizes), starts[cuts], strict=True):
        if hx is not None:
            h, c = (state.masked_fill(begins[:, None], 0.0) for state in hx)
            hx = h, c
        output, hx = lstm(piece, hx)
        outputs.append(output)
    return torch.cat(outputs), hx  # type: ignore[return-value]  # at least one piece was run


def advance(
    lstm: nn.LSTM, x: Tensor, lengths: Tensor, hx: States | None = None
) -> tuple[Tensor, States]:
    """Read the next steps of each row; a row without any keeps its state.

    Args:
        lstm: time-major, with one direction.
        x: float (L, N, H_in), padded.
        lengths: int64 (N,), on the CPU: the valid steps of each row, from 0 to L.
        hx: states before the first step; zeros if None.

    Returns:
        The outputs (L, N, H_out), zero where padded, and each row's states after its last valid
        step.
    """
    read = lengths > 0
    rows = lstm.proj_size or lstm.hidden_size, lstm.hidden_size
    h, c = hx or tuple(x.new_zeros(lstm.num_layers, len(lengths), size) for size in rows)
    output = x.new_zeros(*x.shape[:2], rows[0])
    if read.any():
        packed = pack_padded_sequence(x[:, read], lengths[read], enforce_sorted=False)
        packed_output, (h_n, c_n) = lstm(packed, (h[:, read], c[:, read]))
        valid, _ = pad_packed_sequence(packed_output, total_length=len(x))
        at = read.nonzero().flatten().to(x.device)
        output = output.index_copy(1, at, valid)
        h, c = h.index_copy(1, at, h_n), c.index_copy(1, at, c_n)
    return output, (h, c)


@dataclass
class _Session:
    states: States | None = None
    lock: Lock = field(default_factory=Lock)


class Sessions:
    """One model shared by many streams, with a state for each of them.

    May be called from several threads at once. The model is only read; calls of one session wait
    for each other, calls of different sessions do not.

    Args:
        model: in evaluation mode; called as ``model(x, hx)``, returns the outputs and the states.

    Raises:
        ValueError: if the model is in training mode.
    """

    def __init__(self, model: nn.Module) -> None:
        if model.training:
            raise ValueError(
                "expected a model in evaluation mode, got one that trains: call eval() first"
            )
        self._model = model
        self._open: dict[Hashable, _Session] = {}

    @torch.no_grad()
    def step(self, session: Hashable, x: Tensor) -> Tensor:
        """Read the next steps of a session, which begins with its first call.

        Args:
            session: its name.
            x: float, as the model takes it.

        Returns:
            The outputs of these steps.
        """
        own = self._open.setdefault(session, _Session())
        with own.lock:
            output, own.states = self._model(x, own.states)
        return output

    def close(self, session: Hashable) -> None:
        """Forget a session; its name may begin another one."""
        self._open.pop(session, None)

    def __len__(self) -> int:
        """Return the number of open sessions."""
        return len(self._open)
