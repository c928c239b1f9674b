"""The two passes of ``FastLSTM`` over one layer in one direction.

A CPU computes tanh several times slower than the sigmoid, and ``tanh(a) = 1 - 2*sigmoid(-2*a)``:
with the candidate's preactivations multiplied by -2, one sigmoid serves all four gates, and
``g = 1 - 2*s``. What can be done for many steps at once is done for as many as stay in the
processor's cache.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

CHUNK = 2**19  # gate values that are computed at once: 2 MiB in float32


def ended(sizes: Sequence[int]) -> Tensor:
    """Row of the output at which each sequence ends.

    Args:
        sizes: how many sequences take part in each step, never increasing.

    Returns:
        int64 (N,).
    """
    steps = torch.tensor(sizes)
    last = (steps[:, None] > torch.arange(sizes[0])).sum(0) - 1  # (N,), the last step of each
    return (steps.cumsum(0) - steps)[last] + torch.arange(sizes[0])


def chunks(sizes: Sequence[int], width: int) -> Iterator[tuple[slice, slice]]:
    """Cut the steps into runs of at most about CHUNK gate values.

    Args:
        sizes: how many sequences take part in each step, never increasing.
        width: gate values of one row, 4*H_cell.

    Yields:
        The steps of a run, and the rows of the data that hold them.
    """
    count = max(1, CHUNK // max(1, width * sizes[0]))
    row = 0
    for first in range(0, len(sizes), count):
        steps = slice(first, min(first + count, len(sizes)))
        rows = slice(row, row + sum(sizes[steps]))
        row = rows.stop
        yield steps, rows


def scan_forward(
    data: Tensor,
    sizes: Sequence[int],
    hx: tuple[Tensor, Tensor],
    weights: dict[str, Tensor],
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    r"""Run one layer in one direction, and keep what its backward pass needs.

    Args:
        data: float (sum(sizes), H_in), time step after time step.
        sizes: how many sequences take part in each step, never increasing; the first is N.
        hx: h_0 float (N, H_out) and c_0 float (N, H_cell).
        weights: weight_ih, weight_hh; bias_ih and bias_hh, weight_hr where they exist.

    Returns:
        gates float (sum(sizes), 4*H_cell), with :math:`s = (1-g)/2` in the place of g; h float
        (N + sum(sizes), H_out) and c float (N + sum(sizes), H_cell), h_0 and c_0 in front; and
        what was projected, :math:`o \odot \tanh(c)`, float (sum(sizes), H_cell), or None.
    """
    (n, h_out), h_cell = hx[0].shape, hx[1].size(1)
    weight_hr = weights.get("weight_hr")
    scale = data.new_tensor([1, 1, -2, 1]).repeat_interleave(h_cell)  # (4*H_cell,)
    recurrent = torch.mul(weights["weight_hh"].t(), scale).contiguous()  # (H_out, 4*H_cell)
    gates = data.new_empty(len(data), 4 * h_cell)
    h, c = data.new_empty(n + len(data), h_out), data.new_empty(n + len(data), h_cell)
    h[:n], c[:n] = hx
    m = None if weight_hr is None else data.new_empty(len(data), h_cell)
    h_steps, c_steps = h.split([n, *sizes]), c.split([n, *sizes])
    m_steps = h_steps[1:] if m is None else m.split(sizes)
    q, minus_two = torch.empty_like(hx[1]), data.new_tensor(-2)
    for steps, rows in chunks(sizes, 4 * h_cell):
        _project(data[rows], weights, gates[rows])
        cut = [t.split(sizes[steps]) for t in (gates[rows], *gates[rows].chunk(4, dim=1))]
        before = zip(h_steps[steps], c_steps[steps], strict=True)
        after = zip(h_steps[1:][steps], c_steps[1:][steps], m_steps[steps], strict=True)
        for a, i, f, s, o, (h_t, c_t), (h_next, c_next, m_next) in zip(
            *cut, before, after, strict=True
        ):
            if len(a) < len(h_t):  # the shortest sequences have ended
                h_t, c_t, q = h_t[: len(a)], c_t[: len(a)], q[: len(a)]
            a.addmm_(h_t, recurrent).sigmoid_()
            torch.addcmul(i, f, c_t, out=c_next).addcmul_(i, s, value=-2)
            torch.mul(c_next, minus_two, out=q).sigmoid_()  # tanh(c) = 1 - 2q
            torch.addcmul(o, o, q, value=-2, out=m_next)
            if weight_hr is not None:
                torch.mm(m_next, weight_hr.t(), out=h_next)
    return gates, h, c, m


def _project(data: Tensor, weights: dict[str, Tensor], gates: Tensor) -> None:
    """Write the input's share of the preactivations into ``gates``, the candidate's times -2."""
    weight_ih = weights["weight_ih"].t()
    if "bias_ih" in weights:
        torch.addmm(weights["bias_ih"] + weights["bias_hh"], data, weight_ih, out=gates)
    else:
        torch.mm(data, weight_ih, out=gates)
    gates.chunk(4, dim=1)[2].mul_(-2)


def local_derivatives(gates: Tensor, c_before: Tensor, c_after: Tensor) -> tuple[Tensor, Tensor]:
    r"""Say how each step reacts to a change, for all rows at once.

    Args:
        gates: float (rows, 4*H_cell), i, f, s and o as ``scan_forward`` keeps them.
        c_before: float (rows, H_cell), the cell state that each step was given.
        c_after: float (rows, H_cell), the cell state that it made.

    Returns:
        Derivatives float (rows, 5, H_cell): the first four of :math:`c_t`, with respect to
        :math:`c_{t-1}, a_i, a_f, a_g`, the last of :math:`m_t = o \odot \tanh(c_t)` with respect
        to :math:`a_o`; and float (rows, H_cell), of :math:`m_t` with respect to :math:`c_t`.
    """
    gates = gates.unflatten(1, (4, -1))  # (rows, 4, H_cell)
    i, f, s, o = gates.unbind(1)
    tanh_c = torch.tanh(c_after)
    derivatives = gates.new_empty(len(gates), 5, gates.size(2))
    of_carry, of_i, of_f, of_g, of_o = derivatives.unbind(1)
    torch.addcmul(gates, gates, gates, value=-1, out=derivatives[:, 1:])  # sigmoid' = y(1 - y)
    of_carry.copy_(f)
    of_i.mul_(torch.sub(1, s, alpha=2))  # g
    of_f.mul_(c_before)
    of_g.mul_(i).mul_(4)  # tanh' = 1 - g*g = 4*s*(1 - s)
    of_o.mul_(tanh_c)
    of_c = torch.addcmul(o, tanh_c.square_(), o, value=-1)
    return derivatives, of_c


def scan_backward(
    data: Tensor,
    sizes: Sequence[int],
    weights: dict[str, Tensor],
    kept: Sequence[Tensor],
    grads: Sequence[Tensor],
    needs_data: bool = True,
) -> tuple[Tensor | None, Tensor, Tensor, dict[str, Tensor]]:
    """Compute the gradients that ``scan_forward``'s arguments get.

    Args:
        data: as it was given to ``scan_forward``, as are sizes and weights.
        kept: what ``scan_forward`` returned.
        grads: of the output float (sum(sizes), H_out), of h_n and of c_n.
        needs_data: whether the gradient of the data is wanted.

    Returns:
        The gradients of data, h_0 and c_0, and those of the weights by name.
    """
    gates, h, c, m = kept
    n, h_cell = sizes[0], c.size(1)
    d_h = torch.cat([torch.zeros_like(grads[1]), grads[0]])  # (N + sum(sizes), H_out)
    d_h.index_add_(0, n + ended(sizes).to(d_h.device), grads[1])
    d_c = grads[2].clone()  # (N, H_cell): what flows into c from later steps
    d_data = torch.empty_like(data) if needs_data else None
    d_weights = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for steps, rows in reversed(list(chunks(sizes, 4 * h_cell))):
        h_before, c_before = (_before(t, sizes, steps, rows) for t in (h, c))
        local = local_derivatives(gates[rows], c_before, c[n:][rows])
        d_h_steps = d_h.split([n, *sizes])[steps.start : steps.stop + 1]
        _walk_back(*local, sizes[steps], d_h_steps, d_c, weights)
        d_a = local[0].flatten(1)[:, h_cell:]  # (rows, 4*H_cell)
        d_weights["weight_ih"].addmm_(d_a.t(), data[rows])
        d_weights["weight_hh"].addmm_(d_a.t(), h_before)
        if "bias_ih" in weights:
            d_weights["bias_ih"] += d_a.sum(0)
        if m is not None:
            d_weights["weight_hr"].addmm_(d_h[n:][rows].t(), m[rows])
        if needs_data:
            torch.mm(d_a, weights["weight_ih"], out=d_data[rows])
    if "bias_ih" in weights:
        d_weights["bias_hh"] = d_weights["bias_ih"].clone()
    return d_data, d_h[:n], d_c, d_weights


def _before(states: Tensor, sizes: Sequence[int], steps: slice, rows: slice) -> Tensor:
    """The state that each of the rows' steps was given; ``states`` begins with the initial one."""
    if sizes[steps][-1] == sizes[0]:  # every step so far has N rows
        return states[rows]
    given = states.split([sizes[0], *sizes])[steps]
    return torch.cat([t[:running] for t, running in zip(given, sizes[steps], strict=True)])


def _walk_back(
    derivatives: Tensor,
    of_c: Tensor,
    sizes: Sequence[int],
    d_h: Sequence[Tensor],
    d_c: Tensor,
    weights: dict[str, Tensor],
) -> None:
    """Take the two gradients that travel through time back over some steps, all in place.

    Args:
        derivatives: float (rows, 5, H_cell), as ``local_derivatives`` returns them; its last four
            blocks become the gradients of the preactivations.
        of_c: float (rows, H_cell), the derivative of m_t with respect to c_t.
        sizes: how many sequences take part in each of these steps.
        d_h: gradient of h before these steps and after each of them, float (size, H_out).
        d_c: float (N, H_cell), what flows into c from later steps, then from these.
        weights: weight_hh, and weight_hr where it exists.
    """
    by_c, of_o = derivatives[:, :4].split(sizes), derivatives[:, 4].split(sizes)
    carried, d_a = derivatives[:, 0].split(sizes), derivatives.flatten(1)[:, d_c.size(1) :]
    cut = zip(d_a.split(sizes), by_c, of_o, carried, of_c.split(sizes), d_h, d_h[1:], strict=False)
    later = d_c[: sizes[-1]]
    total = torch.empty_like(later)
    for d_a_t, by_c_t, of_o_t, carried_t, of_c_t, d_before, d_m in reversed(list(cut)):
        running = len(d_m)
        if len(later) < running:  # some sequences end with this step
            d_c[: len(later)] = later
            later, total = d_c[:running], d_c.new_empty(running, d_c.size(1))
        if "weight_hr" in weights:
            d_m = d_m @ weights["weight_hr"]
        torch.addcmul(later, d_m, of_c_t, out=total)
        by_c_t.mul_(total.unsqueeze(1))
        of_o_t.mul_(d_m)
        d_before = d_before if len(d_before) == running else d_before[:running]
        d_before.addmm_(d_a_t, weights["weight_hh"])
        later = carried_t
    d_c[: len(later)] = later
