"""A task that takes memory, and an actor-critic with a recurrent policy that learns it.

A corridor shows a sign at its first step only. At its last step, the junction, the agent turns;
the reward is 1 for the side of the sign and -1 for the other. Turns before it change nothing.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lstm_tutorial.tasks.streams import States, run_with_resets


class Corridors:
    """N corridors side by side; each begins again, with another length, after its junction.

    Args:
        n: number of corridors.
        shortest: steps of the shortest corridor, at least 2.
        longest: steps of the longest one.
        seed: of the signs and lengths.
    """

    def __init__(self, n: int, shortest: int = 4, longest: int = 8, seed: int = 0) -> None:
        self._random = torch.Generator().manual_seed(seed)
        self._range = shortest, longest
        self._at = torch.zeros(n, dtype=torch.int64)
        self._last, self._sign = self._draw()

    def _draw(self) -> tuple[Tensor, Tensor]:
        shortest, longest = self._range
        n, draw = len(self._at), self._random
        last = torch.randint(shortest - 1, longest, (n,), generator=draw)
        return last, torch.randint(0, 2, (n,), generator=draw)

    def observe(self) -> Tensor:
        """Return float (N, 2): the sign (-1 or 1, and 0 after the first step); 1 at junctions."""
        sign = torch.where(self._at == 0, 2.0 * self._sign - 1, 0.0)
        return torch.stack([sign, (self._at == self._last).float()], dim=1)

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step in each corridor.

        Args:
            actions: int64 (N,), 0 or 1.

        Returns:
            Rewards, float (N,), and done, bool (N,): this step was the last of its corridor.
        """
        done = self._at == self._last
        right = torch.where(actions == self._sign, 1.0, -1.0)
        last, sign = self._draw()
        self._at = torch.where(done, 0, self._at + 1)
        self._last = torch.where(done, last, self._last)
        self._sign = torch.where(done, sign, self._sign)
        return torch.where(done, right, 0.0), done


class Memoryless(nn.Module):
    """A feed-forward layer that is called like an LSTM and has no state to return."""

    def __init__(self, features: int, units: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, units)

    def forward(self, x: Tensor, hx: States | None = None) -> tuple[Tensor, None]:
        """Return float (L, N, units) from float (L, N, features), and None for the states."""
        return self.linear(x).tanh(), None


class Policy(nn.Module):
    """Two actions and a value, from a body that is called like an LSTM.

    Args:
        body: maps float (L, N, features) and states to float (L, N, units) and states.
        units: features of the body's output.
    """

    def __init__(self, body: nn.Module, units: int) -> None:
        super().__init__()
        self.body, self.actor, self.critic = body, nn.Linear(units, 2), nn.Linear(units, 1)

    def forward(
        self, x: Tensor, starts: Tensor, hx: States | None = None
    ) -> tuple[Tensor, Tensor, States]:
        """Return logits (L, N, 2), values (L, N) and the states; see ``run_with_resets``."""
        output, hx = run_with_resets(self.body, x, starts, hx)
        return self.actor(output), self.critic(output).squeeze(-1), hx


@dataclass(frozen=True)
class Rollout:
    """L steps of N corridors, and the states from which the first of them was taken."""

    x: Tensor  # float (L, N, 2)
    starts: Tensor  # bool (L, N): an episode begins at this step
    actions: Tensor  # int64 (L, N)
    rewards: Tensor  # float (L, N)
    done: Tensor  # bool (L, N): an episode ends with this step
    hx: States | None  # before the first step
    value: Tensor  # float (N,): of what comes after the last step


@torch.no_grad()
def rollout(
    policy: Policy, corridors: Corridors, starts: Tensor, hx: States | None, steps: int
) -> tuple[Rollout, Tensor, States | None]:
    """Act for a number of steps, one call per step.

    Args:
        policy: draws the actions.
        corridors: go on from where they are.
        starts: bool (N,), true where the first step begins an episode.
        hx: states before the first step; None for zeros.
        steps: L.

    Returns:
        The rollout, and ``starts`` and ``hx`` for the next one.
    """
    first, seen = hx, []
    for _ in range(steps):
        x = corridors.observe()
        logits, _, hx = policy(x[None], starts[None], hx)
        actions = torch.multinomial(logits[0].softmax(-1), 1).squeeze(1)
        rewards, done = corridors.step(actions)
        seen.append((x, starts, actions, rewards, done))
        starts = done
    value = policy(corridors.observe()[None], starts[None], hx)[1][0]
    x, begun, actions, rewards, done = (torch.stack(part) for part in zip(*seen, strict=True))
    return Rollout(x, begun, actions, rewards, done, first, value), starts, hx


def returns(rewards: Tensor, done: Tensor, value: Tensor, discount: float = 0.95) -> Tensor:
    """Sum the discounted rewards from each step to the end of its episode.

    Args:
        rewards: float (L, N).
        done: bool (L, N), true where an episode ends with this step.
        value: float (N,), the estimate for what comes after the last step.
        discount: factor for each step of delay.

    Returns:
        float (L, N): ``R_t = r_t + discount * (1 - done_t) * R_{t+1}``.
    """
    found = torch.empty_like(rewards)
    for t in reversed(range(len(rewards))):
        value = rewards[t] + discount * value.masked_fill(done[t], 0.0)
        found[t] = value
    return found


def policy_loss(policy: Policy, seen: Rollout) -> Tensor:
    """Run the policy over a rollout again, and compute the actor-critic loss of its steps."""
    logits, values, _ = policy(seen.x, seen.starts, seen.hx)
    targets = returns(seen.rewards, seen.done, seen.value)
    log_probs = logits.log_softmax(-1)
    chosen = log_probs.gather(-1, seen.actions[..., None]).squeeze(-1)  # (L, N)
    gain = ((targets - values).detach() * chosen).mean()
    entropy = -(log_probs.exp() * log_probs).sum(-1).mean()
    return F.mse_loss(values, targets) - gain - 0.01 * entropy


def train_policy(
    policy: Policy, updates: int = 150, n: int = 32, steps: int = 16, lr: float = 0.01
) -> list[float]:
    """Train in corridors that go on from rollout to rollout.

    Draws actions from the global generator.

    Args:
        policy: is changed in place.
        updates: number of rollouts, with one optimizer step each.
        n: corridors side by side.
        steps: of a rollout; episodes may go on from one to the next.
        lr: learning rate of Adam.

    Returns:
        For each rollout, the share of its junctions at which the agent turned to the right side.
    """
    corridors, starts, hx = Corridors(n), torch.ones(n, dtype=torch.bool), None
    optimizer, shares = torch.optim.Adam(policy.parameters(), lr), []
    for _ in range(updates):
        seen, starts, hx = rollout(policy, corridors, starts, hx, steps)
        loss = policy_loss(policy, seen)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
        optimizer.step()
        shares.append((seen.rewards[seen.done] > 0).float().mean().item())
    return shares
