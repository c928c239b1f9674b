"""The two passes of ``FastLSTM`` over one layer in one direction.

A CPU computes tanh several times slower than the sigmoid, and ``tanh(a) = 1 - 2*sigmoid(-2*a)``:
with the candidate's preactivations multiplied by -2, one sigmoid serves all four gates, and
``g = 1 - 2*s``. What can be done for many steps at once is done for as many as stay in the
processor's cache, and no more steps than that are cut into tensors of their own at a time: Python's
garbage collector looks through all that are alive.

What can only be done step by step, the walk through these steps, comes in two versions: ``EAGER``
here, made of torch's operations, and a compiled one in ``compiled``.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK = 2**20  # gate values that are computed at once: 4 MiB in float32
STEPS = 128  # most steps that are computed at once
WIDE = 1024  # longer side of a matrix from which oneDNN multiplies with it faster than MKL does


class Chunk(NamedTuple):
    """Say which steps are computed at once.

    Args:
        sizes: how many sequences take part in each of them.
        rows: of the data, that these steps read.
        states: rows of h and c, with N initial states in front: those before the first of
            these steps, and those that the steps make.
    """

    sizes: Sequence[int]
    rows: slice
    states: slice


def ended(sizes: Sequence[int]) -> Tensor:
    """Row of the output at which each sequence ends.

    Args:
        sizes: how many sequences take part in each step, never increasing.

    Returns:
        int64 (N,).
    """
    if sizes[0] == sizes[-1]:  # all end with the last step
        return torch.arange(sum(sizes[:-1]), sum(sizes))
    steps = torch.tensor(sizes)
    last = (steps[:, None] > torch.arange(sizes[0])).sum(0) - 1  # (N,), the last step of each
    return (steps.cumsum(0) - steps)[last] + torch.arange(sizes[0])


def chunks(sizes: Sequence[int], width: int) -> Iterator[Chunk]:
    """Cut the steps into runs of at most about CHUNK gate values, and at most STEPS steps.

    Args:
        sizes: how many sequences take part in each step, never increasing.
        width: gate values of one row, 4*H_cell.

    Yields:
        One run of steps after the other.
    """
    count = min(STEPS, max(1, CHUNK // max(1, width * sizes[0])))
    n, row = sizes[0], 0
    for first in range(0, len(sizes), count):
        own = sizes[first : first + count]
        end, before = row + sum(own), sizes[max(0, first - 1)]
        yield Chunk(own, slice(row, end), slice(n + row - before, n + end))
        row = end


class Walks(NamedTuple):
    """Take both states through some steps, and the two gradients back.

    Args:
        recurrent: makes of weight_hh, the candidate's times -2, float (4*H_cell, H_out), what
            ``forward`` multiplies h with.
        forward: called as ``walk`` is.
        backward: called as ``walk_back`` is.
    """

    recurrent: Callable[[Tensor], Tensor]
    forward: Callable[..., None]
    backward: Callable[..., Tensor]


def scan_forward(
    data: Tensor,
    sizes: Sequence[int],
    hx: tuple[Tensor, Tensor],
    weights: dict[str, Tensor],
    walks: Walks,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor | None, list[Tensor]]:
    r"""Run one layer in one direction, and keep what its backward pass needs.

    Args:
        data: float (sum(sizes), H_in), time step after time step.
        sizes: how many sequences take part in each step, never increasing; the first is N.
        hx: h_0 float (N, H_out) and c_0 float (N, H_cell).
        weights: weight_ih, weight_hh; bias_ih and bias_hh, weight_hr where they exist.
        walks: what takes the states through the steps.
        keep: whether the gates are kept, for a backward pass.

    Returns:
        h float (N + sum(sizes), H_out) and c float (N + sum(sizes), H_cell), h_0 and c_0 in front;
        what was projected, :math:`o \odot \tanh(c)`, float (sum(sizes), H_cell), or None; and the
        gates of each chunk, float (rows, 4*H_cell), with :math:`s = (1-g)/2` in the place of g.
    """
    (n, h_out), h_cell = hx[0].shape, hx[1].size(1)
    recurrent = walks.recurrent(_for_one_sigmoid(weights["weight_hh"]))
    weight_ih, bias = _for_one_sigmoid(weights["weight_ih"]), None
    if "bias_ih" in weights:
        bias = _for_one_sigmoid(weights["bias_ih"] + weights["bias_hh"])
    kept = []
    h, c = data.new_empty(n + len(data), h_out), data.new_empty(n + len(data), h_cell)
    h[:n], c[:n] = hx
    m = data.new_empty(len(data), h_cell) if "weight_hr" in weights else None
    for own, rows, states in chunks(sizes, 4 * h_cell):
        gates = linear(data[rows], weight_ih, bias)
        made = (h[states], c[states], None if m is None else m[rows])
        walks.forward(gates, own, *made, recurrent, weights.get("weight_hr"))
        if keep:
            kept.append(gates)
    return h, c, m, kept


def _for_one_sigmoid(weight: Tensor) -> Tensor:
    """A copy of weights, float (4*H_cell, ...), the candidate's times -2."""
    copy = weight.clone(memory_format=torch.contiguous_format)
    copy.chunk(4)[2].mul_(-2)
    return copy


def _takes_onednn(weight: Tensor) -> bool:
    """Whether to multiply with a weight by oneDNN, where torch would take MKL."""
    return (
        max(weight.shape) >= WIDE
        and weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and torch.backends.mkldnn.is_available()
        and bool(torch.backends.mkldnn.enabled)
    )


def linear(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """What ``torch.nn.functional.linear`` returns, by the product that is faster at this size.

    Args:
        rows: float (n, features).
        weight: float (results, features).
        bias: float (results,), or None.

    Returns:
        Float (n, results).
    """
    if _takes_onednn(weight):  # an operator that torch.compile takes for some frozen layers
        return torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return F.linear(rows, weight, bias)


def transposed(weight: Tensor) -> Tensor:
    """Transpose; large weights stay as they lie: to move them takes longer than it saves."""
    return weight.t() if _takes_onednn(weight) else weight.t().contiguous()


def adder(matrix: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Make a function that adds the products of rows with a matrix, in place.

    Args:
        matrix: float (features, results).

    Returns:
        A function of the sums, float (n, results), and the rows, float (n, features): the sums.
    """
    if not _takes_onednn(matrix):
        return lambda sums, rows: sums.addmm_(rows, matrix)
    weight, product = matrix.t(), torch.ops.mkldnn._linear_pointwise.default
    return lambda sums, rows: sums.add_(product(rows, weight, None, "none", [], ""))


def walk(
    gates: Tensor,
    sizes: Sequence[int],
    h: Tensor,
    c: Tensor,
    m: Tensor | None,
    recurrent: Tensor,
    weight_hr: Tensor | None,
) -> None:
    """Take both states through some steps, all in place.

    Args:
        gates: float (rows, 4*H_cell), the input's share of the preactivations; they become the
            gates, as ``scan_forward`` returns them.
        sizes: how many sequences take part in each of these steps.
        h: float (before + rows, H_out), the states that the first of these steps finds, and where
            each step writes its own.
        c: float (before + rows, H_cell), the same.
        m: float (rows, H_cell), where each step writes what is projected; None where nothing is.
        recurrent: float (H_out, 4*H_cell), weight_hh transposed, the candidate's times -2.
        weight_hr: float (H_out, H_cell), or None.
    """
    cuts = [len(h) - len(gates), *sizes]
    h_steps, c_steps = h.split_with_sizes(cuts), c.split_with_sizes(cuts)
    m_steps = h_steps[1:] if m is None else m.split_with_sizes(sizes)
    steps = (h_steps[:-1], c_steps[:-1], m_steps, h_steps[1:], c_steps[1:])
    cut = [t.split_with_sizes(sizes) for t in (gates, *gates.chunk(4, dim=1))]
    n, minus_two, add_product = -1, gates.new_tensor(-2), adder(recurrent)
    for running, a, i, f, s, o, h_t, c_t, m_next, h_next, c_next in zip(
        sizes, *cut, *steps, strict=True
    ):
        if running != n:  # the first of these steps, or the shortest sequences have ended
            n, h_t, c_t = running, h_t[:running], c_t[:running]
            q = torch.empty_like(c_t)
        add_product(a, h_t).sigmoid_()
        torch.addcmul(i, f, c_t, out=c_next).addcmul_(i, s, value=-2)
        torch.mul(c_next, minus_two, out=q).sigmoid_()  # tanh(c) = 1 - 2q
        torch.addcmul(o, o, q, value=-2, out=m_next)
        if weight_hr is not None:
            torch.mm(m_next, weight_hr.t(), out=h_next)


def local_derivatives(gates: Tensor, c_before: Tensor, c_after: Tensor) -> tuple[Tensor, Tensor]:
    r"""Say how each step reacts to a change, for all rows at once.

    Args:
        gates: float (rows, 4*H_cell), i, f, s and o as ``scan_forward`` keeps them.
        c_before: float (rows, H_cell), the cell state that each step was given.
        c_after: float (rows, H_cell), the cell state that it made.

    Returns:
        Derivatives float (rows, 4, H_cell): of :math:`c_t` with respect to :math:`a_i, a_f, a_g`
        and of :math:`m_t = o \odot \tanh(c_t)` with respect to :math:`a_o`; and float
        (rows, H_cell), of :math:`m_t` with respect to :math:`c_t`.
    """
    gates = gates.unflatten(1, (4, -1))  # (rows, 4, H_cell)
    i, _, s, o = gates.unbind(1)
    q = torch.mul(c_after, -2).sigmoid_()  # tanh(c) = 1 - 2q
    derivatives = torch.addcmul(gates, gates, gates, value=-1)  # sigmoid' = y - y*y
    of_i, of_f, of_g, of_o = derivatives.unbind(1)
    of_i.addcmul_(of_i, s, value=-2)  # times g
    of_f.mul_(c_before)
    of_g.mul_(i).mul_(4)  # tanh' = 1 - g*g = 4*(s - s*s)
    of_o.addcmul_(of_o, q, value=-2)  # times tanh(c)
    of_c = q.addcmul_(q, q, value=-1).mul_(o).mul_(4)
    return derivatives, of_c


def scan_backward(
    data: Tensor,
    sizes: Sequence[int],
    weights: dict[str, Tensor],
    kept: tuple[Tensor, Tensor, Tensor | None, Sequence[Tensor]],
    grads: Sequence[Tensor],
    walks: Walks,
    needs_data: bool = True,
) -> tuple[Tensor | None, Tensor, Tensor, dict[str, Tensor]]:
    """Compute the gradients that ``scan_forward``'s arguments get.

    Args:
        data: as it was given to ``scan_forward``, as are sizes and weights.
        kept: h, c, m and the gates, as ``scan_forward`` returned them.
        grads: of the output float (sum(sizes), H_out), of h_n and of c_n.
        walks: what takes the gradients back through the steps.
        needs_data: whether the gradient of the data is wanted.

    Returns:
        The gradients of data, h_0 and c_0, and those of the weights by name.
    """
    h, c, m, kept_gates = kept
    n, h_cell = sizes[0], c.size(1)
    d_h = torch.cat([torch.zeros_like(grads[1]), grads[0]])  # (N + sum(sizes), H_out)
    d_h.index_add_(0, n + ended(sizes).to(d_h.device), grads[1])
    d_c = grads[2].clone(memory_format=torch.contiguous_format)  # flows into c from later steps
    d_data = torch.empty_like(data) if needs_data else None
    d_weights = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    runs = list(zip(chunks(sizes, 4 * h_cell), kept_gates, strict=True))
    for (own, rows, states), gates in reversed(runs):
        recurrent = weights["weight_hh"], weights.get("weight_hr")
        d_a = walks.backward(gates, own, c[states], d_h[states], d_c, *recurrent)
        d_weights["weight_ih"].addmm_(d_a.t(), data[rows])
        d_weights["weight_hh"].addmm_(d_a.t(), _all_before(h[states], own))
        if "bias_ih" in weights:
            d_weights["bias_ih"] += d_a.sum(0)
        if m is not None:
            d_weights["weight_hr"].addmm_(d_h[n:][rows].t(), m[rows])
        if d_data is not None:
            d_data[rows] = linear(d_a, weights["weight_ih"].t())
    if "bias_ih" in weights:
        d_weights["bias_hh"] = d_weights["bias_ih"].clone()
    return d_data, d_h[:n], d_c, d_weights


def _all_before(states: Tensor, sizes: Sequence[int]) -> Tensor:
    """For every row of some steps, the state that it finds: float (sum(sizes), ...)."""
    rows = sum(sizes)
    if len(states) == rows + sizes[-1]:  # every step has as many rows as the one before
        return states[:rows]
    return torch.cat(_before(states, sizes))


def _before(states: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """The state before each step, of the sequences that take part in it, float (size, ...) each."""
    steps = zip(states.split_with_sizes([len(states) - sum(sizes), *sizes]), sizes, strict=False)
    return [t if len(t) == size else t[:size] for t, size in steps]


def walk_back(
    gates: Tensor,
    sizes: Sequence[int],
    c: Tensor,
    d_h: Tensor,
    d_c: Tensor,
    weight_hh: Tensor,
    weight_hr: Tensor | None,
) -> Tensor:
    """Take the two gradients that travel through time back over some steps.

    Args:
        gates: float (rows, 4*H_cell), as ``walk`` leaves them.
        sizes: how many sequences take part in each of these steps.
        c: float (before + rows, H_cell), the cell states that the first of these steps finds, and
            those that the steps make.
        d_h: float (before + rows, H_out), the gradient of h from the output, at the same rows; each
            step adds to the rows before it, in place.
        d_c: float (N, H_cell), what flows into c from later steps; then from these, in place.
        weight_hh: float (4*H_cell, H_out).
        weight_hr: float (H_out, H_cell), or None.

    Returns:
        The gradients of the preactivations, float (rows, 4*H_cell).
    """
    before = len(c) - len(gates)
    derivatives, of_c = local_derivatives(gates, _all_before(c, sizes), c[before:])
    d_a, forget = derivatives.flatten(1), gates.chunk(4, dim=1)[1]
    cut = [d_a, derivatives[:, :3], derivatives[:, 3], of_c, forget, d_h[before:]]
    cuts = [t.split_with_sizes(sizes) for t in cut]
    n, add_product = -1, adder(weight_hh)
    for running, d_a_t, of_ifg, of_o, of_c_t, f, d_m, d_before in reversed(
        list(zip(sizes, *cuts, _before(d_h, sizes), strict=True))
    ):
        if running > n:  # some sequences end with this step
            d, n = d_c[:running], running
            wide = d.unsqueeze(1)
        if weight_hr is not None:
            d_m = d_m @ weight_hr
        d.addcmul_(d_m, of_c_t)
        of_ifg.mul_(wide)
        of_o.mul_(d_m)
        add_product(d_before, d_a_t)
        d.mul_(f)
    return d_a


EAGER = Walks(transposed, walk, walk_back)
