"""The corridors, the sums of rewards, and what a policy with and without memory learns."""

import pytest
import torch
from torch import nn

from lstm_tutorial.tasks.agents import (
    Corridors,
    Memoryless,
    Policy,
    policy_loss,
    returns,
    rollout,
    train_policy,
)


def make_policy(recurrent=True, seed=0):
    torch.manual_seed(seed)
    return Policy(nn.LSTM(2, 16) if recurrent else Memoryless(2, 16), 16)


def seen_by(policy, steps=20, n=6):
    return rollout(policy, Corridors(n), torch.ones(n, dtype=torch.bool), None, steps)


def test_the_side_of_the_sign_is_rewarded_at_the_junction_and_nothing_elsewhere():
    corridors, remembered = Corridors(50), torch.zeros(50)
    for _ in range(40):
        sign, junction = corridors.observe().T
        remembered = torch.where(sign == 0, remembered, sign)
        actions = (remembered > 0).long()
        wrong = torch.arange(50) % 2
        rewards, done = corridors.step(actions ^ wrong)
        assert torch.equal(done, junction == 1)
        assert torch.equal(rewards, torch.where(done, 1.0 - 2 * wrong, 0.0))


def test_corridors_have_all_lengths_and_show_the_sign_once():
    corridors, lengths, at = Corridors(200, 3, 5), set(), torch.zeros(200, dtype=torch.int64)
    for _ in range(20):
        sign, _ = corridors.observe().T
        assert torch.equal(sign != 0, at == 0)
        _, done = corridors.step(torch.zeros(200, dtype=torch.int64))
        lengths |= set((at[done] + 1).tolist())
        at = torch.where(done, 0, at + 1)
        assert at.max() < 5
    assert lengths == {3, 4, 5}


def test_returns_equal_a_sum_over_the_rest_of_each_episode():
    rewards, done = torch.randn(15, 4).double(), torch.rand(15, 4) < 0.3
    value = torch.randn(4).double()
    found = returns(rewards, done, value, 0.9)
    for n in range(4):
        for t in range(15):
            ends = [s for s in range(t, 15) if done[s, n]]
            end = ends[0] + 1 if ends else 15
            total = sum(0.9 ** (s - t) * rewards[s, n] for s in range(t, end))
            total += 0.0 if ends else 0.9 ** (15 - t) * value[n]
            torch.testing.assert_close(found[t, n], total, rtol=0, atol=1e-12)


def test_a_second_run_from_the_first_state_repeats_the_logits_of_acting():
    policy = make_policy()
    _, starts, hx = seen_by(policy)
    seen, _, last = rollout(policy, Corridors(6, seed=1), starts, hx, 20)
    acted, state = [], hx
    for x, begins in zip(seen.x, seen.starts, strict=True):
        logits, _, state = policy(x[None], begins[None], state)
        acted.append(logits)
    torch.testing.assert_close(torch.cat(acted), policy(seen.x, seen.starts, hx)[0])
    torch.testing.assert_close(state[1], last[1])


def test_starts_are_the_done_of_the_step_before():
    seen, starts, _ = seen_by(make_policy())
    assert seen.starts[0].all()
    assert torch.equal(seen.starts[1:], seen.done[:-1])
    assert torch.equal(starts, seen.done[-1])


def test_the_loss_moves_every_parameter_and_its_value_is_that_of_a_loop():
    policy = make_policy()
    seen, *_ = seen_by(policy)
    logits, values, _ = policy(seen.x, seen.starts, seen.hx)
    targets, total = returns(seen.rewards, seen.done, seen.value), 0.0
    for t in range(20):
        for n in range(6):
            turns = torch.distributions.Categorical(logits=logits[t, n])
            gain = (targets[t, n] - values[t, n]).item()
            total += (values[t, n] - targets[t, n]) ** 2 - 0.01 * turns.entropy()
            total -= gain * turns.log_prob(seen.actions[t, n])
    loss = policy_loss(policy, seen)
    torch.testing.assert_close(loss, total / 120)
    loss.backward()
    assert all(p.grad.any() for p in policy.parameters())


@pytest.mark.parametrize("recurrent", [True, False])
def test_only_the_policy_with_memory_finds_the_side(recurrent):
    last = sum(train_policy(make_policy(recurrent))[-20:]) / 20
    assert last > 0.9 if recurrent else 0.4 < last < 0.6
