"""Columns, rows that end, resets and sessions: each equal to every sequence run by itself."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
import torch
from torch import nn

from lstm_tutorial.tasks.streams import Sessions, advance, columns, run_with_resets, windows

EXACT = {"rtol": 0, "atol": 1e-12}


def make(layers=2, proj_size=0):
    torch.manual_seed(layers)
    return nn.LSTM(3, 5, layers, proj_size=proj_size, dtype=torch.float64)


def test_columns_continue_each_other_and_leave_out_the_rest():
    cut = columns(torch.arange(14), 4)
    assert cut.T.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    with pytest.raises(ValueError, match="at least 4 ids, one per column, got 3: use a smaller"):
        columns(torch.arange(3), 4)


@pytest.mark.parametrize("length", [1, 3, 5, 40])
def test_windows_score_every_id_of_a_column_but_its_first(length):
    stream = columns(torch.arange(44), 4)
    read = list(windows(stream, length))
    assert torch.equal(torch.cat([x for x, _ in read]), stream[:-1])
    assert torch.equal(torch.cat([y for _, y in read]), stream[1:])
    assert all(len(x) <= length for x, _ in read)
    for (_, targets), (inputs, _) in pairwise(read):
        assert torch.equal(targets[-1], inputs[0])


def by_episode(lstm, x, starts):
    """Run each episode of each row by itself."""
    rows = []
    for n in range(x.size(1)):
        cuts = sorted({0, *starts[:, n].nonzero().flatten().tolist(), len(x)})
        pieces = [lstm(x[a:b, n])[0] for a, b in pairwise(cuts)]
        rows.append(torch.cat(pieces))
    return torch.stack(rows, dim=1)


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("proj_size", [0, 2])
def test_resets_equal_each_episode_alone_with_gradients(share, proj_size):
    lstm, starts = make(proj_size=proj_size), torch.rand(12, 4) < share
    x = torch.randn(12, 4, 3, dtype=torch.float64, requires_grad=True)
    ours, alone = run_with_resets(lstm, x, starts)[0], by_episode(lstm, x, starts)
    torch.testing.assert_close(ours, alone, **EXACT)
    wanted = [x, *lstm.parameters()]
    slopes = [torch.autograd.grad(o.square().sum(), wanted) for o in (ours, alone)]
    for a, b in zip(*slopes, strict=True):
        torch.testing.assert_close(a, b, **EXACT)


def test_states_go_on_where_no_episode_begins():
    lstm, x = make(), torch.randn(9, 3, 3, dtype=torch.float64)
    starts = torch.rand(9, 3) < 0.3
    starts[4] = False
    whole, last = run_with_resets(lstm, x, starts)
    first, hx = run_with_resets(lstm, x[:4], starts[:4])
    second, hx = run_with_resets(lstm, x[4:], starts[4:], hx)
    torch.testing.assert_close(torch.cat([first, second]), whole, **EXACT)
    for a, b in zip(hx, last, strict=True):
        torch.testing.assert_close(a, b, **EXACT)


def test_a_start_at_the_first_step_forgets_the_given_state_even_if_it_is_nan():
    lstm, x = make(), torch.randn(3, 2, 3, dtype=torch.float64)
    starts = torch.tensor([[True, True], [False, False], [False, False]])
    ruined = (torch.full((2, 2, 5), torch.nan, dtype=torch.float64),) * 2
    assert torch.equal(run_with_resets(lstm, x, starts, ruined)[0], lstm(x)[0])


@pytest.mark.parametrize("starts", [torch.zeros(3, 2), torch.zeros(2, 3, dtype=torch.bool)])
def test_wrong_starts_are_told(starts):
    with pytest.raises(ValueError, match=r"expected bool starts of shape \(3, 2\), got torch"):
        run_with_resets(make(), torch.randn(3, 2, 3, dtype=torch.float64), starts)


@pytest.mark.parametrize("proj_size", [0, 2])
def test_rows_of_any_length_advance_as_if_alone(proj_size):
    lstm, hx, read = make(proj_size=proj_size), None, [[] for _ in range(4)]
    for lengths in ([3, 0, 5, 1], [0, 0, 2, 5], [0, 0, 0, 0], [4, 1, 0, 3]):
        x = torch.randn(5, 4, 3, dtype=torch.float64)
        output, hx = advance(lstm, x, torch.tensor(lengths), hx)
        for n, length in enumerate(lengths):
            read[n].append((x[:length, n], output[:length, n]))
            assert not output[length:, n].any()
    for n, pieces in enumerate(read):
        x, output = (torch.cat(parts) for parts in zip(*pieces, strict=True))
        alone, last = lstm(x)
        torch.testing.assert_close(output, alone, **EXACT)
        for state, wanted in zip(hx, last, strict=True):
            torch.testing.assert_close(state[:, n], wanted, **EXACT)


def test_sessions_in_many_threads_equal_each_stream_alone():
    lstm = make().eval()
    streams = {name: torch.randn(12, 3, dtype=torch.float64) for name in range(8)}
    sessions = Sessions(lstm)

    def read(name):
        return torch.cat([sessions.step(name, x[None]) for x in streams[name]])

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, streams))
    assert len(sessions) == 8
    for name, output in enumerate(found):
        assert not output.requires_grad
        torch.testing.assert_close(output, lstm(streams[name])[0].detach(), **EXACT)


class Slow(nn.Module):
    """Gives other threads time between reading a state and returning the next."""

    def __init__(self, lstm):
        super().__init__()
        self.lstm = lstm

    def forward(self, x, hx):
        time.sleep(0.002)
        return self.lstm(x, hx)


def test_calls_of_one_session_at_once_lose_no_step():
    lstm, x = make().eval(), torch.randn(1, 3, dtype=torch.float64)
    sessions = Sessions(Slow(lstm).eval())
    with ThreadPoolExecutor(8) as pool:
        found = torch.cat(list(pool.map(lambda _: sessions.step("one", x), range(20))))
    wanted = lstm(x.expand(20, 3))[0].detach()
    in_order = [values[values[:, 0].argsort()] for values in (found, wanted)]
    torch.testing.assert_close(*in_order, **EXACT)


def test_a_closed_session_begins_again():
    sessions, x = Sessions(make().eval()), torch.randn(1, 3, dtype=torch.float64)
    first, second = sessions.step("a", x), sessions.step("a", x)
    sessions.close("a")
    sessions.close("a")
    assert len(sessions) == 0
    assert torch.equal(sessions.step("a", x), first)
    assert not torch.equal(first, second)


def test_a_model_in_training_mode_is_refused():
    with pytest.raises(ValueError, match="evaluation mode, got one that trains: call eval"):
        Sessions(make())
