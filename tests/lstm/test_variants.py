"""Each variant of the step equals what it must: torch's GRU, ``lstm_step`` with forced gates."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lstm_tutorial import lstm_step
from lstm_tutorial.minimal import min_gates, min_lstm, min_lstm_loop, parallel_scan
from lstm_tutorial.variants import (
    coupled_step,
    gru_step,
    layer_norm_step,
    masked_step,
    over_time,
    peephole_step,
    zoneout,
)

L, N, H = 5, 2, 4
EXACT = {"rtol": 0, "atol": 1e-12}


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def states() -> tuple[torch.Tensor, torch.Tensor]:
    return draw(N, H), draw(N, H)


def test_over_time_keeps_all_h_and_all_c_of_torchs_lstm():
    lstm = nn.LSTM(3, H, dtype=torch.float64)
    x, hx = draw(L, N, 3), states()
    output, (h_n, c_n) = lstm(x, (hx[0][None], hx[1][None]))
    projected = F.linear(x, lstm.weight_ih_l0, lstm.bias_ih_l0)
    step = lambda a, hx: lstm_step(a, hx, lstm.weight_hh_l0, lstm.bias_hh_l0)  # noqa: E731
    h, c = over_time(step, projected, hx)
    torch.testing.assert_close(h, output, **EXACT)
    torch.testing.assert_close((h[-1], c[-1]), (h_n[0], c_n[0]), **EXACT)
    for t in range(1, L):
        _, (_, until) = lstm(x[:t], (hx[0][None], hx[1][None]))
        torch.testing.assert_close(c[t - 1], until[0], **EXACT)


def test_gru_equals_torchs_in_values_and_gradients():
    gru = nn.GRU(3, H, dtype=torch.float64)
    x, h = draw(L, N, 3).requires_grad_(), draw(N, H).requires_grad_()
    expected = gru(x, h[None])[0]
    projected = F.linear(x, gru.weight_ih_l0, gru.bias_ih_l0)
    step = lambda a, hx: gru_step(a, hx, gru.weight_hh_l0, gru.bias_hh_l0)  # noqa: E731
    (found,) = over_time(step, projected, (h,))
    torch.testing.assert_close(found, expected, **EXACT)
    leaves = [x, h, *gru.parameters()]
    gradients = [torch.autograd.grad(out.sin().sum(), leaves) for out in (found, expected)]
    torch.testing.assert_close(*gradients, **EXACT)


def test_peepholes_of_zero_are_the_plain_step():
    a, hx, w, b = draw(N, 4 * H), states(), draw(4 * H, H), draw(4 * H)
    found = peephole_step(a, hx, w, b, torch.zeros(3, H, dtype=torch.float64))
    torch.testing.assert_close(found, lstm_step(a, hx, w, b), **EXACT)


def test_input_and_forget_gate_see_the_old_c_and_the_output_gate_the_new_one():
    a, hx, w, p = draw(N, 4 * H), states(), draw(4 * H, H), draw(3, H)
    _, c = peephole_step(a, hx, w, None, p)
    seen = torch.cat([p[0] * hx[1], p[1] * hx[1], torch.zeros(N, H), p[2] * c], dim=1)
    found = peephole_step(a, hx, w, None, p)
    torch.testing.assert_close(found, lstm_step(a + seen, hx, w), **EXACT)


def test_coupled_gates_are_the_plain_step_with_the_forget_block_negated_as_input_block():
    a, hx, w, b = draw(N, 3 * H), states(), draw(3 * H, H), draw(3 * H)
    a4, w4, b4 = (torch.cat([-t.narrow(dim, 0, H), t], dim) for t, dim in ((a, 1), (w, 0), (b, 0)))
    torch.testing.assert_close(coupled_step(a, hx, w, b), lstm_step(a4, hx, w4, b4), **EXACT)


def test_layer_norm_is_on_both_shares_and_on_what_h_sees_of_c():
    a, hx, w = draw(N, 4 * H), states(), draw(4 * H, H)
    gain, shift = draw(4 * H), draw(H)
    norm_hh, norm_c = nn.LayerNorm(4 * H).double(), nn.LayerNorm(H).double()
    with torch.no_grad():
        norm_hh.weight.copy_(gain)
        norm_c.bias.copy_(shift)
    h, c = layer_norm_step(a, hx, w, norm_hh, norm_c)
    share = hx[0] @ w.T
    share = (share - share.mean(1, keepdim=True)) / (
        share.var(1, False, keepdim=True) + 1e-5
    ).sqrt()
    i, f, g, o = (a + gain * share).chunk(4, dim=1)
    new = f.sigmoid() * hx[1] + i.sigmoid() * g.tanh()
    torch.testing.assert_close(c, new, **EXACT)
    seen = (new - new.mean(1, keepdim=True)) / (new.var(1, False, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(h, o.sigmoid() * (seen + shift).tanh(), **EXACT)


def test_masks_of_one_are_the_plain_step():
    a, hx, w, b = draw(N, 4 * H), states(), draw(4 * H, H), draw(4 * H)
    ones = torch.ones(N, H, dtype=torch.float64)
    torch.testing.assert_close(
        masked_step(a, hx, w, b, ones, ones), lstm_step(a, hx, w, b), **EXACT
    )


def test_a_mask_on_g_leaves_the_memory_and_a_mask_on_h_the_returned_h():
    a, hx, w = draw(N, 4 * H), states(), draw(4 * H, H)
    nothing = torch.zeros(N, H, dtype=torch.float64)
    _, c = masked_step(a, hx, w, mask_g=nothing)
    f = (a + hx[0] @ w.T).chunk(4, dim=1)[1].sigmoid()
    torch.testing.assert_close(c, f * hx[1], **EXACT)
    found = masked_step(a, hx, w, mask_h=nothing)
    torch.testing.assert_close(found, lstm_step(a, (nothing, hx[1]), w), **EXACT)


def test_zoneout_keeps_or_takes_and_mixes_in_evaluation():
    old, new = draw(200, 50), draw(200, 50)
    drawn = zoneout(old, new, 0.3, training=True)
    kept = drawn == old
    assert torch.equal(drawn[~kept], new[~kept])
    assert kept.double().mean().item() == pytest.approx(0.3, abs=0.03)
    mixed = zoneout(old, new, 0.3, training=False)
    torch.testing.assert_close(mixed, 0.3 * old + 0.7 * new, **EXACT)
    torch.testing.assert_close(zoneout(old, new, 0.0, training=True), new, **EXACT)


def test_zoneout_in_evaluation_is_the_mean_over_draws():
    old, new = draw(2, 3), draw(2, 3)
    drawn = torch.stack([zoneout(old, new, 0.3, training=True) for _ in range(4000)]).mean(0)
    torch.testing.assert_close(drawn, zoneout(old, new, 0.3, training=False), rtol=0, atol=0.15)


STEPS = {
    "layer norm": lambda a, hx, w: layer_norm_step(
        a, hx, w, nn.LayerNorm(16).double(), nn.LayerNorm(H).double()
    ),
    "peephole": lambda a, hx, w: peephole_step(a, hx, w, None, w[:3]),
    "coupled": lambda a, hx, w: coupled_step(a[:, : 3 * H], hx, w[: 3 * H]),
    "masked": lambda a, hx, w: masked_step(a, hx, w, mask_h=2.0, mask_g=0.5),
    "GRU": lambda a, hx, w: gru_step(a[:, : 3 * H], hx[:1], w[: 3 * H]),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_gradients_of_a_step(step):
    leaves = [t.requires_grad_() for t in (draw(N, 4 * H), *states(), draw(4 * H, H))]
    assert torch.autograd.gradcheck(lambda a, h, c, w: step(a, (h, c), w), leaves)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 33])
def test_minimal_lstm_in_parallel_equals_the_loop_in_values_and_gradients(length):
    leaves = [draw(length, N, 3 * H).requires_grad_(), draw(N, H).requires_grad_()]
    results = [run(*leaves) for run in (min_lstm, min_lstm_loop)]
    torch.testing.assert_close(*results, **EXACT)
    gradients = [torch.autograd.grad(h.sin().sum(), leaves) for h in results]
    torch.testing.assert_close(*gradients, **EXACT)


def test_gates_of_the_minimal_lstm_are_those_of_the_paper():
    a = 3 * draw(N, 3 * H)
    a_f, a_i, candidate = a.chunk(3, dim=1)
    f, i = a_f.sigmoid(), a_i.sigmoid()
    expected = f / (f + i), i / (f + i) * candidate
    torch.testing.assert_close(min_gates(a), expected, **EXACT)


def test_gradcheck_of_the_minimal_lstm():
    leaves = [draw(5, 1, 6).requires_grad_(), draw(1, 2).requires_grad_()]
    assert torch.autograd.gradcheck(min_lstm, leaves)


def test_extreme_gates_of_the_minimal_lstm_stay_finite():
    a = torch.tensor([-1e4, 1e4]).repeat(50).view(100, 1, 1).expand(100, 1, 6)
    a = a.clone().requires_grad_()
    h = min_lstm(a, torch.ones(1, 2))
    h.sum().backward()
    assert h.isfinite().all()
    assert a.grad.isfinite().all()


def test_a_long_parallel_scan_does_not_underflow():
    kept, written = torch.full((5000, 1), 0.5), torch.ones(5000, 1)
    torch.testing.assert_close(parallel_scan(kept, written)[-1].item(), 2.0)
